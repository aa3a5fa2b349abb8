"""One run of `probe evaluate`: a trained system × a corpus → RUN/evaluations/<corpus>/."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import transformers

from probing.cache import slug
from probing.corpus.check import AudioScan
from probing.corpus.model import Corpus
from probing.errors import FitError, ProbingError
from probing.evaluate import estimates, predictions_table, printed, scores_table, summary
from probing.feeding import feed
from probing.processor import Processor
from probing.records import Record, write_record
from probing.results import interval_notes
from probing.run_finetune import corpus_entry
from probing.run_fit import title_of
from probing.systems import EmotionSystem


def needs(record: Record) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a run's system reads, of `audio` and `text`, and the dimensions that it estimates.

    Raises:
        ProbingError: It is no `finetune` run.
    """
    if record["command"] != "finetune":
        raise ProbingError(
            f"{record.folder}", f"it is a {record['command']} run", "name a finetune run (see `probe runs`)"
        )
    return tuple(record["system"]["modality"].split("+")), tuple(record["system"]["dimensions"])


def own_corpus(record: Record) -> tuple[str, int | None]:
    """The spec and the fold of the corpus that a run was trained on."""
    spec, _, fold = record["corpus"]["spec"].partition(" --fold ")
    return spec, int(fold) if fold else None


def own_scale(record: Record) -> tuple[float, float] | None:
    """Its scale, where the user has to give it: of a table."""
    spec, _ = own_corpus(record)
    low, high = record["corpus"]["scale"]
    return (low, high) if spec.endswith(".csv") else None


def run(
    record: Record,
    corpus: Corpus,
    scan: AudioScan,
    wanted: Sequence[str],
    device: str,
    batch: int,
    left_out: Sequence[str] = (),
) -> str:
    """Estimate, score, write, and return what to print.

    Args:
        record: A `finetune` run.
        corpus: Utterances with what its system reads.
        scan: Lengths of the audio.
        wanted: Dimensions that the system estimates.
        device: PyTorch's name of a device.
        batch: Utterances in a batch.
        left_out: Utterances left out as --allow-missing permits.

    Raises:
        FitError: The run's folder is incomplete, or the corpus rates none of these dimensions.
    """
    began = time.time()
    rated = [name for name in wanted if name in corpus.dimensions]
    if not rated:
        raise FitError(
            f"corpus {corpus.name} rates none of {', '.join(wanted)}",
            f"its dimensions are {', '.join(corpus.dimensions) or 'none'}",
            "name a corpus with one of those",
        )
    found = {}
    for seed in record["seeds"]:
        place = record.folder / f"seed{seed}"
        system, processor = opened(place)
        processor.truncate = bool(record["configuration"]["options"].get("truncate_text"))
        source = feed(corpus, wanted, processor, scan)
        workers = 4 * device.startswith("cuda")  # a GPU would wait for a single reader
        found[place.name] = estimates(
            system, source.items, source.lengths, source.collate, device, batch, workers=workers
        ).numpy()
    predictions = predictions_table(corpus, wanted, found)
    predictions = predictions[predictions.dimension.isin(rated)]
    scores = scores_table(corpus, predictions)
    folder = record.folder / "evaluations" / slug(title_of(corpus))
    folder.mkdir(parents=True, exist_ok=True)
    predictions.to_csv(folder / "predictions.csv", index=False, float_format="%.7g")
    scores.to_csv(folder / "scores.csv", index=False, float_format="%.8g")
    notes = [*corpus.notes, *interval_notes(corpus)]
    if corpus.scale != tuple(record["corpus"]["scale"]):
        notes.append(f"estimates were mapped from scale {record['corpus']['scale']} through [0, 1] to {corpus.scale}")
    results = {
        "corpus": corpus_entry(corpus, left_out),
        "encoder": record["encoder"],
        "run": str(record.folder),
        "device": device,
        "scores": json.loads(summary(scores).round(6).to_json(orient="records")),
        "notes": notes,
    }
    write_record(folder, "evaluate", {"run": record["signature"], "corpus": corpus.spec}, results, began)
    heading = f"CCC [95 % interval by speaker] · {record['encoder']['name']} ({record.folder}) on {title_of(corpus)}"
    files = [f"{folder}/{name}" for name in ("record.json", "scores.csv", "predictions.csv")]
    return "\n".join([heading, printed(scores), *(f"note: {note}" for note in notes), *files])


def opened(place: Path) -> tuple[EmotionSystem, Processor]:
    """A trained system and what feeds it.

    Raises:
        FitError: The folder is incomplete.
    """
    transformers.utils.logging.disable_progress_bar()  # of each file that is read
    try:
        return EmotionSystem.from_pretrained(place), Processor.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise FitError(
            f"{place} cannot be opened as a trained system",
            " ".join(str(error).split())[:200],
            "the run is incomplete: type its `probe finetune` command again (see record.json)",
        ) from error
