"""What a training will take, before it is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_systems import QUICK, built, contents

from probing.corpus.checked import Needs, check_corpus
from probing.corpus.spec import CorpusSpec
from probing.extraction.extract import extract
from probing.files import duration
from probing.systems.inputs import feed, find_latents
from probing.training.cost import Forecast, measured, seconds_saved
from probing.training.finetune import forecast
from probing.training.options import FinetuneOptions, FinetunePlace


def test_a_forecast_only_measures(places: Path) -> None:
    """It gives seconds, memory and disk, and writes nothing, not even what the sound files hold."""
    before = contents(places)
    found = forecast("table.csv", "hubert+bert", QUICK, FinetunePlace(runs=Path("dry")))
    assert contents(places) == before
    assert (found.system, found.members) == ("hubert+bert", {"train": 14, "development": 6})
    assert found.epoch > 3 * found.step > 0 and found.memory > 1e7 and found.free > 0
    assert found.n_bytes == 4 * found.parameters
    assert found.checkpoints == 3 * (4 * found.parameters + 8 * found.trainable)
    assert "14 utterances for training" in str(found) and "of memory" in str(found)


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({"epochs": 3}, 30.0), ({"epochs": 3, "max_steps": 5}, 10.0), ({"epochs": 3, "max_steps": 500}, 30.0)],
)
def test_a_seed_takes_its_epochs_or_its_steps(options: dict[str, int], seconds: float) -> None:
    """Whichever ends first."""
    members = {"train": 9, "development": 9}
    settled = FinetuneOptions(**options)  # type: ignore[arg-type]
    found = Forecast(
        "a", 9, 9, members, settled, "cpu", step=2.0, epoch=10.0, memory=1, checkpoints=1, n_bytes=1, free=1
    )
    assert found.seed == seconds
    all_folds = replace(found, options=replace(settled, seeds=2)).all_of(5)
    assert duration(10 * seconds) in all_folds and "10 trainings" in all_folds


def test_activations_computed_twice_are_measured_too(tmp_path: Path, places: Path) -> None:
    """The system is then trained as it will be."""
    checked = check_corpus(CorpusSpec.resolve("table.csv"), Needs(audio=True), cache=tmp_path)
    system, processor = built(places / "hubert")
    source = feed(checked, system.config.dimensions, processor)
    members = {"train": range(14), "development": range(14, 20)}
    options = FinetuneOptions(batch=4, gradient_checkpointing=True)
    assert measured(system, source, members, options, "cpu", tmp_path / "not/there").step > 0


def test_what_latents_save_is_measured(tmp_path: Path, places: Path) -> None:
    """Reading them takes less than decoding and the front end."""
    checked = check_corpus(CorpusSpec.resolve("table.csv"), Needs(audio=True), cache=tmp_path)
    system, processor = built(places / "hubert")
    extract(checked.spec, str(places / "hubert"), store="latents", cache=tmp_path)
    latents = find_latents(checked, str(places / "hubert"), tmp_path)
    sources = [feed(checked, system.config.dimensions, processor, cache) for cache in (None, latents)]
    assert seconds_saved(system, *sources, device="cpu") > 0
