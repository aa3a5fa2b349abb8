"""One run of `probe evaluate`: a trained system × a corpus → RUN/evaluations/<corpus>/."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import transformers

from probing.corpus.model import Corpus
from probing.corpus.scan import AudioScan
from probing.corpus.transcripts import HUMAN, OWN, checksum, name_of, notes_on
from probing.errors import FitError, ProbingError
from probing.files import slug
from probing.probes.fit import title_of
from probing.probes.results import interval_notes
from probing.runs.records import Record, write_record
from probing.systems.inference import estimates, predictions_table, printed, scores_table, summary
from probing.systems.inputs import feed
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor
from probing.training.finetune import corpus_entry


def needs(record: Record) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a run's system reads, of `audio` and `text`, and the dimensions that it estimates.

    Raises:
        ProbingError: It is no `finetune` run.
    """
    if record["command"] != "finetune":
        raise ProbingError(
            f"{record.folder}", f"it is a run of `probe {record['command']}`", "name a finetune run (see `probe runs`)"
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


def own_words(record: Record, table: Path | None, rate: float | None) -> tuple[Path | None, float | None]:
    """The transcripts to read on a run's own corpus: those asked for, or else those it was trained on.

    Args:
        record: A `finetune` run of a system that reads.
        table: What --transcripts named; `own` for the corpus's own words.
        rate: What --corrupt-words named.

    Raises:
        FitError: The table that it was trained on is not there any more, or holds something else.
    """
    trained = record.content.get("transcripts") or {"method": HUMAN}
    if str(table) == OWN:
        return None, rate
    if table is not None or trained["method"] == HUMAN:
        return table, rate
    if trained["file"] is None:
        return None, trained["rate"] if rate is None else rate
    file = Path(trained["file"])
    if not file.is_file() or checksum(file) != trained["sha256"]:
        raise FitError(
            f"{record.folder} was trained on the transcripts {file}",
            "they have changed since" if file.is_file() else "there is no such file any more",
            f"name the transcripts: --transcripts FILE, or --transcripts {OWN} for the corpus's own",
        )
    return file, trained["rate"] if rate is None else rate


def run(
    record: Record,
    corpus: Corpus,
    scan: AudioScan,
    wanted: Sequence[str],
    device: str,
    batch: int,
    left_out: Sequence[str] = (),
    words: Mapping[str, Any] | None = None,
    snr: float | None = None,
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
        words: What `transcripts.reworded` says of the words.
        snr: Audio is put into a room and noise at this ratio, in dB.

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
        source = feed(corpus, wanted, processor, scan, snr=snr)
        workers = 4 * device.startswith("cuda")  # a GPU would wait for a single reader
        found[place.name] = estimates(
            system, source.items, source.lengths, source.collate, device, batch, workers=workers
        ).numpy()
    predictions = predictions_table(corpus, wanted, found)
    predictions = predictions[predictions.dimension.isin(rated)]
    scores = scores_table(corpus, predictions)
    words = words or {"method": HUMAN}
    folder = record.folder / "evaluations" / slug("-".join([title_of(corpus), *_otherwise(record, words, snr)]))
    folder.mkdir(parents=True, exist_ok=True)
    predictions.to_csv(folder / "predictions.csv", index=False, float_format="%.7g")
    scores.to_csv(folder / "scores.csv", index=False, float_format="%.8g")
    notes = [*corpus.notes, *interval_notes(corpus), *notes_on(words)]
    if snr is not None:
        notes.append(f"audio in a room and pink noise, {snr:g} dB")
    if corpus.scale != tuple(record["corpus"]["scale"]):
        notes.append(f"estimates were mapped from scale {record['corpus']['scale']} through [0, 1] to {corpus.scale}")
    results = {
        "corpus": corpus_entry(corpus, left_out),
        "encoder": record["encoder"],
        "run": str(record.folder),
        "seeds": record["seeds"],
        "transcripts": words,
        "snr": snr,
        "device": device,
        "scores": json.loads(summary(scores).round(6).to_json(orient="records")),
        "notes": notes,
    }
    settled = {"run": record["signature"], "corpus": corpus.spec, "transcripts": words, "snr": snr}
    write_record(folder, "evaluate", settled, results, began)
    heading = f"CCC [95 % interval by speaker] · {record['encoder']['name']} ({record.folder}) on {title_of(corpus)}"
    files = [f"{folder}/{name}" for name in ("record.json", "scores.csv", "predictions.csv")]
    return "\n".join([heading, printed(scores), *(f"note: {note}" for note in notes), *files])


def _otherwise(record: Record, words: Mapping[str, Any], snr: float | None) -> list[str]:
    """What of an evaluation is not as in training, for its folder's name."""
    trained = record.content.get("transcripts") or {"method": HUMAN}
    return [name_of(words)] * (name_of(words) != name_of(trained)) + ([] if snr is None else [f"snr{snr:g}"])


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
