"""Every step from a release to a finished fit, in one process: processor seconds of each, and peak memory.

python -m benchmarks.steps RELEASE WARMING FOLDER    prints them as JSON; WARMING is a small release, for all imports
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from probing.bench.memory import peak
from probing.cache.reader import open_cache
from probing.corpus.checked import Checked, Needs, check_corpus
from probing.corpus.opening import open_corpus
from probing.corpus.overview import check
from probing.corpus.spec import CorpusSpec
from probing.encoders.opening import open_encoder
from probing.extraction.extract import Extraction, prepared
from probing.extraction.options import ExtractOptions
from probing.probes.fit import fit

ENCODER = "demo-distilhubert"
STEPS = (
    "check",
    "open",
    "scan and remember",
    "plan",
    "extract pooled",
    "extract with nothing to do",
    "open the cache",
    "fit ridge probes",
)


def steps(release: Path, folder: Path) -> Iterator[float]:
    """Take every step, in the order of `STEPS`; processor seconds of each."""
    spec = CorpusSpec.resolve(f"msp-podcast:{release}")
    encoder, cache = open_encoder(ENCODER), folder / "cache"

    def heard() -> Checked:
        return check_corpus(spec, Needs(audio=True, frames=encoder.frames), cache=cache)

    def plan() -> Extraction:
        return prepared(checked, encoder, ExtractOptions("pooled"), cache)

    def since(began: float) -> float:
        return time.process_time() - began

    began = time.process_time()
    check(spec)
    yield since(began)
    began = time.process_time()
    open_corpus(spec)
    yield since(began)
    began = time.process_time()
    checked = heard()
    yield since(began)
    began = time.process_time()
    extraction = plan()
    yield since(began)
    began = time.process_time()
    extraction.run()
    yield since(began)
    began = time.process_time()
    checked = heard()
    plan().run()
    yield since(began)
    began = time.process_time()
    open_cache(extraction.path)
    yield since(began)
    began = time.process_time()
    fit(spec, ENCODER, head="ridge", cache=cache, runs=folder / "runs")
    yield since(began)


def main() -> None:
    """Warm up, measure, print."""
    release, warming, folder = map(Path, sys.argv[1:])
    torch.set_num_threads(1)  # threads that wait for each other count as work
    list(steps(warming, folder / "warming"))
    found = dict(zip(STEPS, steps(release, folder / "measured"), strict=True))
    print(json.dumps({"seconds": found, "peak": (peak("cpu") or 0) / 1e6}))


if __name__ == "__main__":
    main()
