"""Fine-tuning: what is learned, what a kill does not change, what is refused, and what frozen parts save."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from builders import save_text_encoder
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from probing.cli.main import main
from probing.corpus.opening import open_corpus
from probing.errors import FitError
from probing.runs.records import read_record
from probing.statistics.concordance import ccc
from probing.systems.model import EmotionSystem
from probing.systems.processor import Processor
from probing.training.progress import Progress
from probing.training.train import FinetuneOptions, last_checkpoint, permuted

QUICK = "--batch 4 --max-steps 7 --evaluate-every 2 --lr 1e-3 --dropout 0.2"  # 3 steps an epoch: saved within epochs


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_text_encoder(tmp_path_factory.mktemp("text") / "bert", words=("some", "words"))


@pytest.fixture(scope="module")
def places(checkpoints: dict[str, Path], bert: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which short names stand for a table and small encoders."""
    folder = tmp_path_factory.mktemp("work")
    for name, target in {
        "hubert": checkpoints["hubert"],
        "w2v2": checkpoints["wav2vec2-layer"],
        "bert": bert,
        "table.csv": table,
        **{wav.name: wav for wav in table.parent.glob("*.wav")},
    }.items():
        (folder / name).symlink_to(target)
    return folder


@pytest.fixture
def typed(places: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    monkeypatch.chdir(places)

    def run(words: str) -> Result:
        return CliRunner().invoke(main, words.split())

    return run


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(first: Path, second: Path) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# --- what a run leaves


def test_a_run_leaves_a_system_that_gives_its_predictions(typed: Callable[[str], Result], places: Path) -> None:
    """Three lines of Python give what predictions.csv says, and its CCC is that of scores.csv and of the record."""
    from probing import load

    printed = done(typed(f"finetune table.csv --system hubert+bert {QUICK} --seeds 2 --name whole"))
    folder = places / "runs/whole"
    system, processor = EmotionSystem.from_pretrained(folder / "seed1"), Processor.from_pretrained(folder / "seed1")
    found = pd.read_csv(folder / "predictions.csv").query("dimension == 'valence'").reset_index(drop=True)
    with torch.no_grad():
        estimates = system(**processor([load(places / "30.wav")], ["some words"])).logits[0]
    row = found[found.id == "u30"].iloc[0]
    assert row.seed1 == pytest.approx(float(estimates[1]), abs=1e-5) and row.seed0 != row.seed1
    scores = pd.read_csv(folder / "scores.csv").query("dimension == 'valence' and partition == 'test1' and seed == 1")
    own = found[found.partition == "test1"]
    assert scores.ccc.item() == pytest.approx(float(ccc(own.truth, own.seed1)), abs=1e-6)
    record = read_record(folder)
    assert record["system"]["modality"] == "audio+text" and record["seeds"] == [0, 1] and len(record["trainings"]) == 2
    assert "hubert+bert" in printed and str(folder.relative_to(places)) in printed
    assert not list(folder.glob(".seed*"))


def test_a_finished_run_is_not_made_again_and_takes_more_seeds(typed: Callable[[str], Result], places: Path) -> None:
    """The same command prints the same scores; with more --seeds only the new ones are trained."""
    words = f"finetune table.csv --system bert {QUICK} --name again"
    first = done(typed(words))
    before = (places / "runs/again/seed0/model.safetensors").stat().st_mtime_ns
    assert done(typed(words)).split("\n")[:4] == first.split("\n")[:4]
    done(typed(f"{words} --seeds 2"))
    assert (places / "runs/again/seed0/model.safetensors").stat().st_mtime_ns == before
    assert not same(places / "runs/again/seed0", places / "runs/again/seed1")


def test_another_configuration_is_refused_and_named(typed: Callable[[str], Result], places: Path) -> None:
    """What differs is named as it is typed, and the run stays as it was."""
    words = f"finetune table.csv --system bert {QUICK} --name mine"
    done(typed(words))
    refused = typed(f"{words} --patience 9 --dropout 0.3")
    assert refused.exit_code == 1 and "--patience was 5, is now 9" in refused.stderr
    assert "--dropout was 0.2, is now 0.3" in refused.stderr and "--name" in refused.stderr
    other = typed(words.replace("--system bert", "--system hubert"))
    assert other.exit_code == 1 and "system was bert, is now hubert" in other.stderr
    done(typed(words))


# --- kills


@pytest.mark.parametrize("steps", [3, 5])
def test_an_interrupted_training_ends_as_one_that_was_not(
    typed: Callable[[str], Result], places: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Interrupted in the first epoch and in the second, bit-equal weights and the same history come out in the end."""
    words = f"finetune table.csv --system hubert+bert {QUICK} --name"
    if not (places / "runs/undisturbed").is_dir():
        done(typed(f"{words} undisturbed"))
    moved = Progress.on_step_end

    def interrupted(self: Progress, args: Any, state: Any, control: Any, **rest: Any) -> None:
        moved(self, args, state, control, **rest)
        if state.global_step == steps:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "on_step_end", interrupted)
        assert typed(f"{words} stopped-{steps}").exit_code == 1
    folder = places / f"runs/stopped-{steps}"
    assert last_checkpoint(folder / ".seed0") and not (folder / "seed0").exists()
    done(typed(f"{words} stopped-{steps}"))
    assert same(folder / "seed0", places / "runs/undisturbed/seed0")
    histories = [pd.read_csv(place / "seed0/history.csv") for place in (folder, places / "runs/undisturbed")]
    pd.testing.assert_frame_equal(*(history[["step", "loss", "eval_ccc"]] for history in histories))


def test_a_killed_process_loses_nothing(typed: Callable[[str], Result], places: Path) -> None:
    """SIGKILL at some instant behind the first checkpoint; the same command then ends as if nothing had happened."""
    options = "--batch 4 --max-steps 40 --evaluate-every 2 --patience 99 --lr 1e-3"
    words = f"finetune table.csv --system hubert {options} --name"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "probing", *f"{words} killed".split()]
    process = subprocess.Popen(
        command, cwd=places, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    folder = places / "runs/killed"
    while process.poll() is None and not list(folder.glob(".seed0/checkpoint-*/trainer_state.json")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL and not (folder / "record.json").exists()
    done(typed(f"{words} killed"))
    done(typed(f"{words} spared"))
    assert same(folder / "seed0", places / "runs/spared/seed0")


def test_half_a_checkpoint_is_passed_over(tmp_path: Path) -> None:
    """The newest one whose last file is whole counts; what a kill left of a newer one goes."""
    for step, state in ((4, "{}"), (10, "{}"), (12, '{"half'), (14, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-4"]
    assert last_checkpoint(tmp_path / "nothing") is None


@pytest.mark.slow
def test_several_processes_train_one_system(typed: Callable[[str], Result], places: Path) -> None:
    """Under torchrun one of them writes and prints, and the record says over how many utterances a CCC is."""
    words = "-m probing finetune table.csv --system hubert --batch 4 --max-steps 4 --evaluate-every 2 --name shared"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *words.split()]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=places, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("runs/shared/record.json") == 1
    (note,) = [note for note in read_record(places / "runs/shared")["notes"] if "processes" in note]
    assert "2 processes: each step's CCC is over 4 utterances on each of them" in note


# --- what is frozen is computed once


@pytest.mark.parametrize(("dtype", "lr"), [("float32", "2e-4"), ("float16", "1e-5")])
def test_latents_give_the_losses_of_waveforms(
    typed: Callable[[str], Result], places: Path, dtype: str, lr: str
) -> None:
    """Over 50 steps without dropout the losses agree to 1e-4, rounded to float16 at the paper's rate."""
    words = f"finetune table.csv --system w2v2 --lr {lr} --batch 4 --max-steps 50 --evaluate-every 1 --patience 99"
    words += f" --dropout 0 --cache {dtype}-cache --name {dtype}"
    plain = typed(f"{words}-plain")
    assert f"probe extract table.csv --encoder w2v2 --out {dtype}-cache --store latents" in plain.stderr
    done(plain)
    done(typed(f"extract table.csv --encoder w2v2 --store latents --dtype {dtype} --out {dtype}-cache"))
    cached = typed(f"{words}-cached")
    assert "s less a step" in cached.stderr
    done(cached)
    losses = [
        pd.read_csv(places / f"runs/{dtype}-{name}/seed0/history.csv").loss.dropna() for name in ("plain", "cached")
    ]
    assert len(losses[0]) == 50
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-4)
    refused = typed(f"{words}-plain")  # what a run reads is part of its configuration
    assert refused.exit_code == 1 and "latents was None" in refused.stderr


def test_a_frozen_system_trains_its_head_alone_on_vectors_computed_once(
    typed: Callable[[str], Result], places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FT⇒FRZ: the audio encoder is that of the same seed of the fine-tuned run, the text encoder as it came."""
    done(typed(f"finetune table.csv --system hubert {QUICK} --seeds 2 --name tuned"))
    calls = []
    pool = EmotionSystem.pool
    monkeypatch.setattr(EmotionSystem, "pool", lambda self, *a, **k: calls.append(1) or pool(self, *a, **k))
    done(
        typed(
            f"finetune table.csv --system hubert+bert {QUICK} --freeze audio,text --init audio=runs/tuned --seeds 2 "
            "--name frozen"
        )
    )
    assert len(calls) == 8 * 2 * 2  # 32 utterances in 8 batches, once to train and once to predict, for two seeds
    for seed in ("seed0", "seed1"):
        tuned, frozen = weights(places / "runs/tuned" / seed), weights(places / "runs/frozen" / seed)
        assert all(torch.equal(frozen[key], value) for key, value in tuned.items() if key.startswith("audio."))
        text = load_file(places / "bert/model.safetensors")
        assert all(torch.equal(value, text[key[5:]]) for key, value in frozen.items() if key.startswith("text."))
    record = read_record(places / "runs/frozen")
    assert record["system"]["regime"] == "FT⇒FRZ"
    assert record["system"]["trainable"] == 32 * 64 + 32 + 3 * 32 + 3


# --- what is learned


def test_a_small_system_overfits_32_utterances(typed: Callable[[str], Result], places: Path) -> None:
    """Given its time, text and audio together learn what they are shown by heart: CCC above .95 on train."""
    lines = (places / "table.csv").read_text().splitlines()
    words = [line.rsplit(",", 1)[0] + "," + "some words " * (number % 7) for number, line in enumerate(lines[1:])]
    rows = [line.replace(",test1,", ",train,").replace(",test2,", ",train,") for line in words]
    copies = [line.replace("u", "d", 1).replace(",train,", ",development,") for line in rows]
    copies = [",".join([*line.split(",")[:3], "d9", *line.split(",")[4:]]) for line in copies[:4]]
    rows = [row for row in rows if ",train," in row] + [row for row in rows if ",development," in row]
    (places / "all.csv").write_text(
        "\n".join([lines[0], *(r.replace(",development,", ",train,") for r in rows), *copies])
    )
    done(
        typed(
            "finetune all.csv --system hubert --lr 3e-3 --batch 16 --dropout 0 --max-steps 240 --evaluate-every 60 "
            "--patience 99 --name all"
        )
    )
    scores = pd.read_csv(places / "runs/all/scores.csv").query("partition == 'train'")
    assert scores.n.iloc[0] == 32 and scores.ccc.min() > 0.95, scores


@pytest.mark.parametrize("system", ["hubert+bert", "w2v2"])
def test_activations_computed_twice_change_no_weight(typed: Callable[[str], Result], places: Path, system: str) -> None:
    """With dropout, --gradient-checkpointing trains the same system, to rounding errors; and a dry run takes it."""
    words = f"finetune table.csv --system {system} {QUICK}"
    done(typed(f"{words} --name once-{system}"))
    done(typed(f"{words} --gradient-checkpointing --name twice-{system}"))
    once, twice = (weights(places / f"runs/{name}-{system}/seed0") for name in ("once", "twice"))
    for name, tensor in once.items():
        torch.testing.assert_close(tensor, twice[name], atol=1e-4, rtol=1e-3)
    assert "of memory" in done(typed(f"{words} --gradient-checkpointing --dry-run"))


def test_words_in_place_of_a_corpus_s_own_are_learned_and_remembered(
    typed: Callable[[str], Result], places: Path
) -> None:
    """A run on damaged words is another run, is tested on them again, and on the corpus's own if told so."""
    done(typed(f"finetune table.csv --system bert {QUICK} --corrupt-words 1"))
    (run,) = (places / "runs").glob("finetune-table-bert-corrupted-1")
    record = read_record(run)
    assert record["transcripts"]["rate"] == 1 and 0.5 < record["transcripts"]["wer"]["test1"]["wer"] <= 1
    again, own = done(typed(f"evaluate {run}")), done(typed(f"evaluate {run} --transcripts own"))
    assert "transcripts: corrupted at 100 %" in again and "corrupted" not in own.split("note:")[-1].split("\n")[0]
    first, second = (pd.read_csv(run / f"evaluations/{name}/predictions.csv") for name in ("table", "table-own"))
    np.testing.assert_allclose(first.seed0, pd.read_csv(run / "predictions.csv").seed0, atol=1e-5)
    assert not np.allclose(first.seed0, second.seed0)
    refused = typed("finetune table.csv --system hubert --corrupt-words 0.5")
    assert refused.exit_code == 1 and "this system reads no text" in refused.output


def test_a_run_whose_transcripts_have_changed_asks_for_them(
    typed: Callable[[str], Result], places: Path, table: Path
) -> None:
    ids = pd.read_csv(table).id
    file = places / "heard.csv"
    pd.DataFrame({"id": ids, "text": "words some"}).to_csv(file, index=False)
    done(typed(f"finetune table.csv --system bert {QUICK} --transcripts heard.csv"))
    assert read_record(places / "runs/finetune-table-bert-heard")["transcripts"]["asr"] == "heard"
    pd.DataFrame({"id": ids, "text": "some"}).to_csv(file, index=False)
    refused = typed("evaluate runs/finetune-table-bert-heard")
    assert refused.exit_code == 1 and "they have changed since" in refused.output
    done(typed("evaluate runs/finetune-table-bert-heard --transcripts heard.csv"))


def test_noise_changes_estimates_of_what_is_heard(typed: Callable[[str], Result], places: Path) -> None:
    done(typed(f"finetune table.csv --system hubert {QUICK} --name noisy"))
    said = done(typed("evaluate runs/noisy --snr 5"))
    assert "audio in a room and pink noise, 5 dB" in said
    clean, noisy = (
        places / "runs/noisy" / name for name in ("predictions.csv", "evaluations/table-snr5/predictions.csv")
    )
    assert not np.allclose(pd.read_csv(clean).seed0, pd.read_csv(noisy).seed0)
    done(typed(f"finetune table.csv --system bert {QUICK} --name reads"))
    assert "hears no audio" in typed("evaluate runs/reads --snr 5").output


def test_permuted_labels_stay_within_their_partition() -> None:
    """The control's labels are the same rows in another order, in train and in development apart."""
    labels = np.arange(20.0).reshape(10, 2)
    found = permuted(labels, [[0, 1, 2, 3, 4, 5], [6, 7, 8]], seed=0)
    assert sorted(found[:6, 0]) == sorted(labels[:6, 0]) and sorted(found[6:9, 0]) == sorted(labels[6:9, 0])
    assert (found[9] == labels[9]).all() and (found[:, 1] - found[:, 0] == 1).all() and (found != labels).any()


def test_a_shuffled_control_says_so(typed: Callable[[str], Result], places: Path) -> None:
    """Its record and its printed notes do, and its truth stays the truth."""
    printed = done(typed(f"finetune table.csv --system bert {QUICK} --shuffled"))
    assert "control: the labels of train and development were permuted" in printed
    folder = places / "runs/finetune-table-bert-shuffled"
    assert read_record(folder)["shuffled"]
    truth = pd.read_csv(folder / "predictions.csv").query("dimension == 'arousal'").set_index("id").truth
    assert truth["u00"] == pytest.approx(open_corpus("table.csv").utterances[0].labels["arousal"])


# --- errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--system hubert+bert+bert", "not one encoder, nor two"),
        ("--system hubert+hubert", "both audio encoders"),
        ("--system hubert --freeze text", "no text encoder to freeze"),
        ("--system hubert --freeze video", "is no encoder of a system"),
        ("--system bert --init audio", "it is not PART=RUN"),
        ("--system bert --init text=nowhere", "holds no fine-tuned system"),
        ("--system hubert --batch 1", "the CCC of one utterance teaches nothing"),
        ("--system hubert --lr 0", "it must be above 0"),
        ("--system hubert --fusion max", "use sum or concat"),
        ("--system hubert --precision bf16", "it has no bfloat16 arithmetic"),
        ("--system hubert --epochs 0", "it must be 1 or more"),
        ("--system hubert --dim joy", "has no dimension joy"),
    ],
)
def test_a_mistake_is_said_with_its_remedy(typed: Callable[[str], Result], words: str, said: str) -> None:
    """One message without a traceback, exit status 1."""
    result = typed(f"finetune table.csv {words}")
    assert result.exit_code == 1 and said in result.stderr and "Traceback" not in result.output, result.output


def test_a_system_that_reads_needs_transcripts(typed: Callable[[str], Result], places: Path) -> None:
    """A table without texts stops it before any work; transcripts that are too long are counted, also when cut off."""
    frame = pd.read_csv(places / "table.csv")
    frame.drop(columns="text").to_csv(places / "mute.csv", index=False)
    result = typed("finetune mute.csv --system hubert+bert")
    assert result.exit_code == 1 and "32 have no transcript" in result.stderr
    frame.assign(text=[("some words " * 40 if row % 8 == 0 else "words") for row in range(32)]).to_csv(
        places / "long.csv", index=False
    )
    result = typed(f"finetune long.csv --system bert {QUICK}")
    assert result.exit_code == 1 and "4 transcripts are too long (u00, u08, u16, u24)" in result.stderr
    printed = done(typed(f"finetune long.csv --system bert {QUICK} --truncate-text"))
    assert "4 transcripts were cut off" in printed
    assert read_record(places / "runs/finetune-long-bert")["truncated_transcripts"] == 4


def test_a_loss_that_is_not_finite_names_its_batch(
    typed: Callable[[str], Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The utterances of the batch are named, and the training stops."""
    forward = EmotionSystem.forward

    def broken(self: EmotionSystem, *args: Any, **inputs: Any) -> Any:
        output = forward(self, *args, **inputs)
        output.loss = None if output.loss is None else output.loss * float("nan")
        return output

    monkeypatch.setattr(EmotionSystem, "forward", broken)
    result = typed(f"finetune table.csv --system bert {QUICK} --name broken")
    assert result.exit_code == 1 and "the loss of a batch is nan at step 0" in result.stderr
    assert "u0" in result.stderr or "u1" in result.stderr


def test_an_encoder_of_another_kind_cannot_be_taken(typed: Callable[[str], Result]) -> None:
    """--init of another architecture is refused with its name."""
    done(typed(f"finetune table.csv --system w2v2 {QUICK} --name other"))
    result = typed("finetune table.csv --system hubert --init audio=runs/other --name taken")
    assert result.exit_code == 1 and "its audio encoder is another one than that of hubert" in result.stderr


def test_the_six_systems_are_listed_with_the_papers_counts() -> None:
    """Totals are those of Table 1 to the million; the distilled with text learns 34.4 of the largest's 175.7 M."""
    lines = done(CliRunner().invoke(main, ["finetune", "--list"])).splitlines()[1:]
    counts = [float(line.split()[1]) for line in lines]
    assert counts == pytest.approx([165, 95, 24, 180, 109, 39], abs=0.51)
    assert lines[-1].split()[3:] == ["34.4", "M", "19.6%"] and lines[3].split()[3:] == ["175.7", "M", "100.0%"]


def test_a_dry_run_only_measures(typed: Callable[[str], Result], places: Path) -> None:
    """It prints seconds, memory and disk, and leaves no run."""
    printed = done(typed("finetune table.csv --system hubert --dry-run --runs dry"))
    assert "s a step of 16 utterances" in printed and "of memory" in printed and "of disk" in printed
    assert not (places / "dry").exists()


def test_options_are_checked_in_python_too() -> None:
    with pytest.raises(FitError, match="--patience 0"):
        FinetuneOptions(patience=0)
