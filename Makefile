# `make` prints the targets; `make figure2` and `make test` need nothing but Python 3.11 or newer, make and git.

PYTHON  ?= python3
VENV    ?= .venv
BIN      = $(VENV)/bin

# What `make figure2` runs on; for example:
#   make figure2 CORPUS=my/table.csv SCALE="1 7" ENCODER=hubert-base STORE=pooled
# Beside ENCODER goes the same encoder with random weights, unless CONTROL=no.
CORPUS  ?= demo
SCALE   ?=
ENCODER ?= demo-hubert
STORE   ?= pooled
DIM     ?= all
SEEDS   ?= 5
DEVICE  ?=
FITTING ?=
CONTROL ?= yes
JOBS    ?= 2

_scale   = $(if $(SCALE),--scale $(SCALE))
_device  = $(if $(DEVICE),--device $(DEVICE))
_dims    = $(foreach dim,$(DIM),--dim $(dim))
_control = $(if $(filter no,$(CONTROL))$(findstring @random,$(ENCODER)),,$(ENCODER)@random)

, = ,
define _probed
$(BIN)/probe extract "$(CORPUS)" $(_scale) --encoder "$(1)" --store $(STORE) $(_device)
$(BIN)/probe fit "$(CORPUS)" $(_scale) --encoder "$(1)" --store $(STORE) $(_device) \
    $(_dims) --layers both --seeds $(SEEDS) $(FITTING)
endef

.DEFAULT_GOAL := help
.PHONY: help install test lint figure2 compare systems bench clean

help: ## print the targets
	@echo "targets:"
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo "settings of figure2: CORPUS SCALE ENCODER STORE DIM SEEDS DEVICE FITTING (options of probe fit) CONTROL"

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/ready ## make .venv with the tested versions of constraints.txt

test: $(VENV)/ready ## run the tests (under five minutes on two cores, offline)
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/ready ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

figure2: $(VENV)/ready ## draw Figure 2: extract, fit, draw; on the built-in corpus unless told otherwise
	$(if $(_control),$(call _probed,$(_control)))
	$(call _probed,$(ENCODER))
	$(BIN)/probe figure 2 $(if $(filter no,$(CONTROL)),--no-control)

# --- make compare: the full systems of the built-in world
# 64 units wide, the demo encoders take a higher rate than the paper's; chosen on development.
TRAINING ?= --lr 4e-4 --epochs 15 --seeds 3
HEADS    ?= --epochs 100 --patience 15 --seeds 3
COMPARED  = runs/compare
_h = finetune-demo-demo-hubert
_d = finetune-demo-demo-distilhubert
_t = +demo-tinybert
_tuned  = $(_h)$(_t) $(_h) $(_d)$(_t) $(_d)
_frozen = $(_h)$(_t)-frozen-audio-text $(_d)$(_t)-frozen-audio-text
_records = $(addprefix $(COMPARED)/,$(addsuffix /record.json,$(_tuned) $(_frozen)))

compare: $(VENV)/ready ## fine-tune the built-in world's full systems and draw Table 1, Figure 3 and the comparison figure
	$(BIN)/probe extract demo --encoder demo-hubert --store latents
	$(BIN)/probe extract demo --encoder demo-distilhubert --store latents
	$(BIN)/probe extract demo --encoder demo-hubert --store pooled
	OMP_NUM_THREADS=1 $(MAKE) --no-print-directory -j $(JOBS) systems
	$(BIN)/probe fit demo --encoder demo-hubert --store pooled --layers both --seeds $(SEEDS) --runs $(COMPARED)
	$(BIN)/probe compare $(addprefix $(COMPARED)/,$(_tuned) $(_frozen)) --runs $(COMPARED)

systems: $(_records)

$(_records): $(COMPARED)/finetune-demo-%/record.json: | $(VENV)/ready
	$(BIN)/probe finetune demo --system $(subst -frozen-audio-text,,$*) --runs $(COMPARED) \
	    $(if $(findstring frozen,$*),$(HEADS) --freeze audio$(,)text --init audio=$(COMPARED)/finetune-demo-$(firstword $(subst +, ,$*)),$(TRAINING))

$(COMPARED)/$(_h)$(_t)-frozen-audio-text/record.json: $(COMPARED)/$(_h)/record.json
$(COMPARED)/$(_d)$(_t)-frozen-audio-text/record.json: $(COMPARED)/$(_d)/record.json

bench: $(VENV)/ready ## speed and memory, as ratios measured in one run
	$(BIN)/python -m pytest tests/benchmarks -m slow -s

clean: ## remove what can be made again: .venv, cache, build leftovers (runs/ and figures/ stay)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find cache -mindepth 1 ! -name README.md -delete
