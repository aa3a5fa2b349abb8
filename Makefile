# `make` prints the targets; `make figure2` and `make test` need nothing but Python 3.11 or newer, make and git.

PYTHON  ?= python3
VENV    ?= .venv
BIN      = $(VENV)/bin

# What `make figure2` runs on; for example:
#   make figure2 CORPUS=my/table.csv SCALE="1 7" ENCODER=hubert-base STORE=pooled
#   make figure2 CORPUS=recordings READING="--pattern '{speaker}_{emotion}_{id}.wav' --split speaker:5" FOLDS=all
# READING is what is typed of how a corpus is read (--pattern, --split, --column, --audio-root, --label-map …).
# Beside ENCODER go RANDOMS encoders of its architecture with random weights, up to 20, unless CONTROL=no; of them only
# ridge probes are fitted, on states that are normed and pooled as FEATURES says (--normalize, --pooling).
CORPUS  ?= demo
SCALE   ?=
READING ?=
FOLDS   ?=
ENCODER ?= demo-hubert
STORE   ?= pooled
DIM     ?= all
SEEDS   ?= 5
DEVICE  ?=
FEATURES ?=
FITTING ?=
RANDOMS ?= 5
CONTROL ?= yes
JOBS    ?= 2

_read    = "$(CORPUS)" $(if $(SCALE),--scale $(SCALE)) $(READING)
_folds   = $(if $(FOLDS),--folds $(FOLDS))
_device  = $(if $(DEVICE),--device $(DEVICE))
_dims    = $(foreach dim,$(DIM),--dim $(dim))
_seeds   = @random $(foreach seed,1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19,@random:$(seed))
_randoms = $(if $(filter no,$(CONTROL))$(findstring @random,$(ENCODER)),,$(wordlist 1,$(RANDOMS),$(_seeds)))

# Of several processes at once, each computes on one thread and sleeps while it waits.
ALONE = OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

, = ,
define _probed
$(BIN)/probe extract $(_read) --encoder "$(1)" --store $(STORE) $(_device)
$(BIN)/probe fit $(_read) $(_folds) --encoder "$(1)" --store $(STORE) $(_device) $(_dims) $(FEATURES) $(2)

endef

.DEFAULT_GOAL := help
.PHONY: help install test lint figure2 compare systems words damaged atlas layers inside padding calibrate readme bench faults clean

help: ## print the targets
	@echo "targets:"
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo "settings of figure2: CORPUS SCALE READING FOLDS ENCODER STORE DIM SEEDS DEVICE RANDOMS CONTROL, and options of probe fit:"
	@echo "  FITTING (of the encoder), FEATURES (--normalize, --pooling: of random encoders too)"

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install: $(VENV)/ready ## make .venv with the tested versions of constraints.txt

test: $(VENV)/ready ## run the tests (under five minutes on two cores, offline)
	$(ALONE) $(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/ready ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

figure2: $(VENV)/ready ## draw Figure 2: extract, fit, draw; on the built-in corpus unless told otherwise
	$(foreach seed,$(_randoms),$(call _probed,$(ENCODER)$(seed),--head ridge --permutations 0))
	$(call _probed,$(ENCODER),--layers weighted --seeds $(SEEDS) $(FITTING))
	$(BIN)/probe figure 2 $(_folds) $(if $(filter no,$(CONTROL)),--no-control)

# --- make compare: the full systems of the built-in world
# Encoders of 64 units need a higher learning rate than the paper's: TRAINING has one that was chosen on development. Heads
# on frozen encoders (FT⇒FRZ) learn at the default rate; after so many epochs none of them improves any more.
TRAINING ?= --lr 4e-4 --epochs 15 --seeds 3
HEADS    ?= --epochs 300 --patience 30 --seeds 3
COMPARED  = runs/compare
_h = finetune-demo-demo-hubert
_d = finetune-demo-demo-distilhubert
_t = +demo-tinybert
_tuned  = $(_h)$(_t) $(_h) $(_d)$(_t) $(_d)
_frozen = $(_h)$(_t)-frozen-audio-text $(_d)$(_t)-frozen-audio-text
_records = $(addprefix $(COMPARED)/,$(addsuffix /record.json,$(_tuned) $(_frozen)))

compare: $(VENV)/ready ## fine-tune the built-in world's full systems; Table 1, Figure 3 and the comparison figure
	$(BIN)/probe extract demo --encoder demo-hubert --store latents
	$(BIN)/probe extract demo --encoder demo-distilhubert --store latents
	$(BIN)/probe extract demo --encoder demo-hubert --store pooled
	$(ALONE) $(MAKE) --no-print-directory -j $(JOBS) systems
	$(BIN)/probe fit demo --encoder demo-hubert --store pooled --layers both --seeds $(SEEDS) --runs $(COMPARED)
	$(BIN)/probe compare $(addprefix $(COMPARED)/,$(_tuned) $(_frozen)) --runs $(COMPARED) --name demo

systems: $(_records)

$(_records): $(COMPARED)/finetune-demo-%/record.json: | $(VENV)/ready
	$(BIN)/probe finetune demo --system $(subst -frozen-audio-text,,$*) --runs $(COMPARED) --name $(notdir $(@D)) \
	    $(if $(findstring frozen,$*),$(HEADS) --freeze audio$(,)text --init audio=$(COMPARED)/finetune-demo-$(firstword $(subst +, ,$*)),$(TRAINING))

$(COMPARED)/$(_h)$(_t)-frozen-audio-text/record.json: $(COMPARED)/$(_h)/record.json
$(COMPARED)/$(_d)$(_t)-frozen-audio-text/record.json: $(COMPARED)/$(_d)/record.json

# --- make words: Table 2 and the curves behind it, in the built-in world, whose language no recogniser knows
# Words are corrupted at the paper's two word error rates and at others, audio at these signal-to-noise ratios (dB).
WRONG   ?= 0.222 0.241 0.5
ERRORS  ?= 0.1 0.222 0.241 0.4 0.6 0.8
NOISE   ?= 20 10 5 0 -5
_on_wrong = $(foreach rate,$(WRONG),$(COMPARED)/$(_d)$(_t)-corrupted-$(rate)/record.json)
_errors = $(foreach rate,$(ERRORS),$(COMPARED)/$(_d)$(_t)/evaluations/demo-corrupted-$(rate)/record.json)
_noise  = $(foreach ratio,$(NOISE),$(COMPARED)/$(1)/evaluations/demo-snr$(ratio)/record.json)

words: $(VENV)/ready ## corrupt words and audio; write Table 2, and draw CCC over word errors and over noise
	$(BIN)/probe extract demo --encoder demo-hubert --store latents
	$(BIN)/probe extract demo --encoder demo-distilhubert --store latents
	$(ALONE) $(MAKE) --no-print-directory -j $(JOBS) systems
	$(ALONE) $(MAKE) --no-print-directory -j $(JOBS) damaged
	$(BIN)/probe compare $(foreach record,$(_records) $(_on_wrong),$(dir $(record))) --runs $(COMPARED) --name demo
	$(BIN)/probe figure wer $(COMPARED)/$(_d)$(_t) $(COMPARED)/$(_d) $(dir $(_on_wrong)) --name demo
	$(BIN)/probe figure snr $(COMPARED)/$(_d)$(_t) $(COMPARED)/$(_d) --name demo
	$(BIN)/probe figure snr $(COMPARED)/$(_d)$(_t) $(COMPARED)/$(_d) --dim arousal --name demo

_damaged = $(_on_wrong) $(_errors) $(call _noise,$(_d)) $(call _noise,$(_d)$(_t))

damaged: $(_damaged)

# A record may be that of other settings, or of a run whose files are gone: `probe` knows, and leaves what is finished.
.PHONY: $(_records) $(_damaged)

$(_on_wrong): $(COMPARED)/$(_d)$(_t)-corrupted-%/record.json: | $(VENV)/ready
	$(BIN)/probe finetune demo --system demo-distilhubert$(_t) --corrupt-words $* --runs $(COMPARED) --name $(notdir $(@D)) \
	    $(TRAINING)

$(_errors): $(COMPARED)/$(_d)$(_t)/evaluations/demo-corrupted-%/record.json: $(COMPARED)/$(_d)$(_t)/record.json
	$(BIN)/probe evaluate $(COMPARED)/$(_d)$(_t) --corrupt-words $*

$(call _noise,$(_d)): $(COMPARED)/$(_d)/evaluations/demo-snr%/record.json: $(COMPARED)/$(_d)/record.json
	$(BIN)/probe evaluate $(COMPARED)/$(_d) --snr $*

$(call _noise,$(_d)$(_t)): $(COMPARED)/$(_d)$(_t)/evaluations/demo-snr%/record.json: $(COMPARED)/$(_d)$(_t)/record.json
	$(BIN)/probe evaluate $(COMPARED)/$(_d)$(_t) --snr $*

# --- make atlas: which layer of which encoder, in the built-in world, before and after fine-tuning
CHARTED ?= demo-hubert demo-distilhubert demo-tinybert $(COMPARED)/$(_h) $(COMPARED)/$(_d)
TWINS   ?= 3
_twins   = $(wordlist 1,$(TWINS),$(_seeds))
_look    = --store pooled --head ridge --runs runs/atlas

define _charted
$(BIN)/probe extract demo --encoder "$(1)" --store pooled
$(BIN)/probe fit demo --encoder "$(1)" $(_look) $(2)

endef

atlas: $(VENV)/ready $(COMPARED)/$(_h)/record.json $(COMPARED)/$(_d)/record.json ## draw the atlas: which layer of which encoder, beside their random twins
	$(foreach encoder,$(CHARTED),$(foreach twin,$(_twins),$(call _charted,$(encoder)$(twin),--permutations 0)))
	$(foreach encoder,$(CHARTED),$(call _charted,$(encoder)))
	$(BIN)/probe figure atlas runs/atlas/fit-demo-* --runs runs/atlas --name demo

# --- make layers: what each layer contains, words or sound, in the built-in world; make inside: of a fine-tuned system
CONTENTS_OF ?= demo-hubert
BESIDE      ?= demo-distilhubert
WORDS_BY    ?= demo-tinybert
_contents = --runs runs/layers --text $(WORDS_BY)

layers: $(VENV)/ready ## what each layer contains, words or sound: shares, erasure, similarity, description length
	$(foreach encoder,$(CONTENTS_OF) $(BESIDE) $(WORDS_BY),$(BIN)/probe extract demo --encoder $(encoder) --store pooled && ) true
	$(BIN)/probe layers demo --encoder $(CONTENTS_OF) $(_contents) $(foreach encoder,$(BESIDE),--beside $(encoder))
	$(BIN)/probe figure contents --runs runs/layers --name demo

inside: $(VENV)/ready $(COMPARED)/$(_h)/record.json ## the same of a fine-tuned system, where words and sound are erased while it runs
	$(foreach encoder,$(COMPARED)/$(_h) $(CONTENTS_OF) $(WORDS_BY),$(BIN)/probe extract demo --encoder $(encoder) --store pooled && ) true
	$(BIN)/probe layers demo --encoder $(COMPARED)/$(_h) --system $(COMPARED)/$(_h) --beside $(CONTENTS_OF) $(_contents)
	$(BIN)/probe figure contents --runs runs/layers --name demo-finetuned

# --- make padding: how far padded batches are off; every family as a small random checkpoint, and these encoders
PADDED  ?= demo-hubert demo-distilhubert demo-tinybert hubert-base@random

padding: $(VENV)/ready ## measure how far padded batches of every family of encoders are off, ordinary ones and ours
	$(BIN)/python -m probing.exactness $(PADDED)

calibrate: $(VENV)/ready ## measure how far to trust the numbers; more than an hour, goes on where it was stopped
	$(ALONE) $(BIN)/python -m probing.calibration

readme: $(VENV)/ready ## write the numbers of the README anew, from the files in figures/
	$(BIN)/python -m probing.pretrain.readme

# `make bench KINDS="bank reading"` measures only these. All of it takes under an hour on a machine that does nothing else.
KINDS ?=
MEASURED ?= distilhubert hubert-base wav2vec2-large-robust-12
_efficiency = --out figures/benchmarks --name

bench: $(VENV)/ready ## measure speed and memory beside what people use: ratios of processor seconds, each with its bar
	$(if $(KINDS),,$(BIN)/probe bench $(MEASURED) $(_efficiency) encoders)
	$(if $(KINDS),,$(BIN)/probe bench --seconds 5.7 $(_efficiency) systems)
	OMP_WAIT_POLICY=PASSIVE PYTHONPATH=tests $(BIN)/python -m benchmarks $(KINDS)

faults: $(VENV)/ready ## kill, fill, damage: what becomes of each trial, as a table (under half an hour on two cores)
	$(ALONE) PYTHONPATH=tests $(BIN)/python -m faults -j $(JOBS) --csv figures/faults.csv

clean: ## remove what can be made again: .venv, cache, build leftovers (runs/ and figures/ stay)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find cache -mindepth 1 ! -name README.md -delete
