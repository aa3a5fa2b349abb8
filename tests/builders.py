"""What the tests are made of: small configurations, sounds, text encoders, and runs with planted scores."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from probing.corpus.identity import Identity
from probing.corpus.spec import CorpusSpec
from probing.corpus.transcripts import CORRUPTED, Words
from probing.encoders.spec import EncoderSpec
from probing.exactness.checkpoints import SMALL as SMALL
from probing.exactness.checkpoints import WAVEFORMS as CHECKPOINTS
from probing.exactness.checkpoints import WORDS as WORDS
from probing.exactness.checkpoints import save_tokenizer, text_config
from probing.exactness.checkpoints import small_model as small_model
from probing.files import digest, write_json
from probing.runs.entries import CacheEntry, CorpusEntry, EncoderEntry, Score, SystemEntry
from probing.runs.records import EvaluationRecord, FinetuneRecord, FitRecord, Record
from probing.runs.store import RECORD, read_kind, signature, write_record
from probing.statistics.concordance import ccc

RATE = 16_000

LENGTHS = st.lists(st.integers(400, 12_000), min_size=1, max_size=5)  # samples of the utterances in a batch
FRONT_ENDS = [  # kernels and strides
    ((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)),
    ((8, 4, 3, 2), (5, 4, 4, 4)),
    ((9, 4, 1, 3), (3, 2, 1, 2)),
]


@st.composite
def configurations(draw: st.DrawFn, narrow: bool = False) -> tuple[str, dict[str, Any]]:
    """A model type and a small configuration; every switch that changes what crosses time is drawn.

    A layer norm over a few numbers (`narrow`) multiplies rounding errors by hundreds; then only float64 shows whether
    padding leaks.
    """
    model_type = draw(st.sampled_from(sorted({model_type for model_type, _, _ in CHECKPOINTS.values()})))
    (kernels, strides), heads = draw(st.sampled_from(FRONT_ENDS)), draw(st.sampled_from([1, 2, 4]))
    config: dict[str, Any] = {
        "hidden_size": heads * draw(st.sampled_from([4, 6, 10])) if narrow else draw(st.sampled_from([24, 32, 40])),
        "num_hidden_layers": draw(st.integers(1, 3)),
        "num_attention_heads": heads,
        "intermediate_size": draw(st.integers(4, 64)),
        "conv_dim": tuple(draw(st.integers(2, 12) if narrow else st.integers(16, 24)) for _ in kernels),
        "conv_kernel": kernels,
        "conv_stride": strides,
        "conv_bias": draw(st.booleans()),
        "num_conv_pos_embedding_groups": draw(st.sampled_from([1, 2, heads])),
    }
    if model_type == "data2vec-audio":
        config |= {
            "num_conv_pos_embeddings": draw(st.integers(1, 6)),
            "conv_pos_kernel_size": draw(st.integers(1, 20)),
        }
        return model_type, config
    config["num_conv_pos_embeddings"] = draw(st.integers(1, 24))
    config["feat_extract_norm"] = draw(st.sampled_from(["group", "layer"]))
    if model_type == "wav2vec2-conformer":
        config |= {
            "position_embeddings_type": draw(st.sampled_from(["relative", "rotary", None])),
            "conv_depthwise_kernel_size": draw(st.sampled_from([1, 3, 7, 31])),
            "max_source_positions": draw(st.sampled_from([2, 5000])),
        }
        return model_type, config
    config["do_stable_layer_norm"] = draw(st.booleans())
    if model_type == "wav2vec2":  # MMS has an adapter in each layer
        config["adapter_attn_dim"] = draw(st.sampled_from([None, 4]))
    if model_type == "hubert":
        config |= {"feat_proj_layer_norm": draw(st.booleans()), "conv_pos_batch_norm": draw(st.booleans())}
    if model_type == "wavlm":
        config |= {"num_buckets": draw(st.sampled_from([4, 32, 320])), "max_bucket_distance": 800}
    return model_type, config


def waveform(seconds: float, seed: int, pitch: float = 150.0) -> np.ndarray:
    """A noisy harmonic tone, [S] float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6))
    return (0.1 * tone + 0.02 * rng.standard_normal(len(time))).astype(np.float32)


KINDS = tuple(
    """bert roberta distilbert electra xlm-roberta camembert mpnet longformer deberta deberta-v2 modernbert
    albert""".split()
)


def save_text_encoder(folder: Path, kind: str = "bert", seed: int = 0, words: tuple[str, ...] = WORDS) -> Path:
    """A small random text model with a whole-word vocabulary, as fresh as transformers makes it."""
    import torch
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(seed)
    AutoModel.from_config(AutoConfig.for_model(kind, **text_config(kind, words))).save_pretrained(folder)
    return save_tokenizer(folder, kind, words)


DIMENSIONS = ("arousal", "valence", "dominance")
SIZES = {"large": 90e6, "small": 20e6}
PARTITIONS = ("development", "test1", "test2")


def identity_of(title: str) -> Identity:
    """A made-up corpus's digests; two titles are two corpora."""
    return Identity(*(digest([title, what])[:16] for what in ("labels", "audio", "text")))


def entry_of(title: str, n: int, partitions: Sequence[str] = PARTITIONS, identity: Identity | None = None) -> Any:
    """What a record says of a made-up corpus."""
    built_in = title == "demo" and identity is None
    spec = CorpusSpec("demo") if built_in else CorpusSpec(f"/data/{title}.csv", (1.0, 7.0))
    counts = dict.fromkeys(partitions, n)
    return CorpusEntry(title, title, spec, (1.0, 7.0), counts, identity or identity_of(title))


def write_run(
    root: Path,
    audio: str | None,
    text: str | None = None,
    regime: str = "FT",
    noise: Mapping[str, float] | float = 0.3,
    seeds: int = 3,
    speakers: int = 24,
    corpus: str = "made-up",
    partitions: Sequence[str] = PARTITIONS,
    n: int = 240,
    shuffled: bool = False,
    shift: float = 0.0,
    options: Mapping[str, Any] | None = None,
    folder: str | None = None,
    version: int = 2,
    entry: CorpusEntry | None = None,
    **changes: Any,
) -> FinetuneRecord:
    """A finetune run's folder whose estimates are the truth and noise: the more noise, the lower the CCC.

    It is written by the real writer, or as version 0.1.0 wrote it, and read by the real reader. `options` are those of
    the training, `entry` says what its corpus is, `changes` are other fields of the record of version 2.
    """
    name = "+".join(part for part in (audio, text) if part)
    place = root / (folder or f"finetune-{corpus}-{name}-{regime.replace('⇒', '-')}{'-shuffled' * shuffled}")
    place.mkdir(parents=True)
    estimates, scores = made_up_estimates(f"{audio}{text}{regime}", noise, seeds, speakers, partitions, n, shift)
    estimates.to_csv(place / "predictions.csv", index=False)
    scores.to_csv(place / "scores.csv", index=False)
    (place / "configuration.json").write_text("{}")
    for seed in range(seeds):
        (place / f"seed{seed}").mkdir()
        for file in ("config.json", "model.safetensors"):
            (place / f"seed{seed}" / file).write_text(f"stands for {file}")
    parameters = int(SIZES.get(audio or "", 0) + 14e6 * bool(text))
    system = SystemEntry(
        name,
        audio,
        text,
        "+".join(kind for kind, part in (("audio", audio), ("text", text)) if part),
        parameters,
        parameters - 4_000_000,
        () if regime == "FT" else ("audio", "text"),
        regime,
        DIMENSIONS,
        "@random" in (audio or ""),
    )
    settings = {"system": name, "labels": digest([corpus, n]), "options": {"lr": None, **(options or {})}}
    content: dict[str, Any] = {"corpus": entry or entry_of(corpus, n, partitions), "words": Words()} | changes
    record = FinetuneRecord(
        command="finetune",
        configuration=settings,
        signature=signature(settings),
        scores=tuple(Score(**row) for row in scores.to_dict("records")),
        date="2026-01-01T00:00:00",
        system=system,
        seeds=tuple(range(seeds)),
        shuffled=shuffled,
        **content,
    )
    if version == 1:
        write_json(place / RECORD, _as_version_1(record))
    else:
        files = [str(path.relative_to(place)) for path in sorted(place.rglob("*")) if path.is_file()]
        write_record(record, place, files)
    return read_kind(place, FinetuneRecord)


def made_up_estimates(
    name: str,
    noise: Mapping[str, float] | float,
    seeds: int,
    speakers: int,
    partitions: Sequence[str],
    n: int,
    shift: float = 0.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates that are the truth and noise, and their scores; the truth is the same whatever the name."""
    rng = np.random.default_rng(sum(map(ord, name)))
    truths = np.random.default_rng(0)
    blocks, scores = [], []
    for partition in partitions:
        for dimension in DIMENSIONS:
            own = noise if isinstance(noise, float) else noise[dimension]
            truth = truths.uniform(1, 7, n)
            frame: dict[str, Any] = {"id": [f"{partition}-{i}" for i in range(n)], "partition": partition}
            frame["speaker"] = [f"{partition}-{i % speakers}" for i in range(n)]
            frame |= {"dimension": dimension, "truth": truth}
            found = {f"seed{s}": truth + shift + 6 * own * rng.standard_normal(n) for s in range(seeds)}
            blocks.append(pd.DataFrame(frame | found))
            values = [float(ccc(truth, estimate)) for estimate in found.values()]
            sd = float(np.std(values, ddof=1)) if seeds > 1 else None
            row = {"dimension": dimension, "partition": partition, "ccc": float(np.mean(values)), "sd": sd, "n": n}
            scores.append(row)
    return pd.concat(blocks), pd.DataFrame(scores).astype({"sd": object})


def _as_version_1(record: FinetuneRecord) -> dict[str, Any]:
    """A record as version 0.1.0 wrote it."""
    corpus, system = record.corpus, record.system
    entry = {"name": corpus.name, "title": corpus.title, "spec": corpus.spec.source, "scale": list(corpus.scale)}
    return {
        "command": "finetune",
        "date": record.date,
        "corpus": entry | {"utterances": dict(corpus.utterances), "left_out": []},
        "encoder": {"name": system.name, "title": system.name},
        "system": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(system).items()
            if name != "spec"
        },
        "configuration": dict(record.configuration),
        "signature": record.signature,
        "seeds": list(record.seeds),
        "shuffled": record.shuffled,
        "transcripts": record.words.to_json() if system.reads else None,
        "scores": [{key: value for key, value in vars(score).items() if key != "probe"} for score in record.scores],
        "notes": [],
    }


def rows(record: Record, dimension: str, partition: str) -> pd.DataFrame:
    """A run's estimates of one dimension on one partition, read anew."""
    table = pd.read_csv(record.folder / "predictions.csv", dtype={"id": str, "speaker": str})
    return table[(table.dimension == dimension) & (table.partition == partition)].reset_index(drop=True)


def planted(
    root: Path,
    small: float,
    small_text: float,
    large_text: float = 0.2,
    frozen: float = 0.4,
    **changes: Any,
) -> list[FinetuneRecord]:
    """A world with given noise on valence: the full system's is .25 without text."""

    def run(audio: str, text: str | None, valence: float, regime: str = "FT") -> FinetuneRecord:
        noise = {"arousal": 0.2, "valence": valence, "dominance": 0.3}
        return write_run(root, audio, text, regime, noise=noise, n=480, **changes)

    return [
        run("large", None, 0.25),
        run("small", None, small),
        run("large", "words", large_text),
        run("small", "words", small_text),
        run("large", "words", frozen, "FT⇒FRZ"),
        run("small", "words", frozen, "FT⇒FRZ"),
    ]


FIT_OPTIONS: dict[str, Any] = {
    "dims": list(DIMENSIONS),
    "layers": "both",
    "seeds": 5,
    "normalize": "none",
    "pooling": "mean",
    "hidden": None,
    "lr": None,
    "layer_lr": 0.01,
    "batch": 32,
    "epochs": 100,
    "patience": 15,
    "shuffled": True,
    "data_seed": 0,
    "workers": 0,
}
SCORE_COLUMNS = "dimension kind layer seed partition n ccc low high mean_low mean_high".split()


def write_fit(
    root: Path,
    encoder: str = "owner/model",
    dims: Sequence[str] = DIMENSIONS,
    corpus: str = "made-up",
    states: int = 5,
    first_layer: int = 0,
    layers: str = "both",
    seeds: int = 3,
    interval: bool = True,
    options: Mapping[str, Any] | None = None,
    folder: str | None = None,
    version: int = 2,
    share: float | None = None,
    entry: CorpusEntry | None = None,
    encoder_entry: EncoderEntry | None = None,
    **changes: Any,
) -> FitRecord:
    """A fit's folder with weights that peak at layer 1 + the dimension's place, and scores that are easily computed.

    The CCC of layer l is 0.1 l + 0.01 (seed − 1), that of the weighted sum 0.5 and of shuffled labels 0.02, and on
    random weights (`@random` in the encoder's name) half of it, or a `share` of it; every interval goes from 0.03 below
    to 0.04 above. `options` are those of the fit, `entry` and `encoder_entry` say what corpus and encoder are, and
    `changes` are other fields of the record of version 2.
    """
    place = root / (folder or f"fit-{corpus}-{encoder.replace('/', '--')}")
    place.mkdir(parents=True)
    random = "@random" in encoder
    share = (0.5 if random else 1.0) if share is None else share
    weights, scores = [], []
    for number, dimension in enumerate(dims):
        for seed in range(seeds):
            raw = np.exp(-share * ((np.arange(states) - 1 - number) ** 2)) + 0.01 * seed
            if layers != "each":
                weights += [(dimension, seed, first_layer + i, value) for i, value in enumerate(raw / raw.sum())]
            kinds: list[tuple[str, int | None, float]] = [("shuffled", None, 0.02)]
            kinds += [("weighted", None, 0.5)] * (layers != "each")
            kinds += [("single", first_layer + i, 0.1 * i) for i in range(states)] * (layers != "weighted")
            for kind, layer, score in kinds:
                ends = (share * score - 0.03, share * score + 0.04) if interval else (None, None)
                for partition in ("train", *PARTITIONS):
                    value = share * score + 0.01 * (seed - 1)
                    scores.append((dimension, kind, layer, seed, partition, 9, value, 0, 1, *ends))
    pd.DataFrame(weights, columns=["dimension", "seed", "layer", "weight"]).to_csv(place / "weights.csv", index=False)
    pd.DataFrame(scores, columns=SCORE_COLUMNS).to_csv(place / "scores.csv", index=False)
    (place / "predictions.csv").write_text("id,partition,speaker,dimension,truth\n")
    (place / "probes.safetensors").write_text("stands for probes")
    settled = FIT_OPTIONS | {"dims": list(dims), "layers": layers, "seeds": seeds} | dict(options or {})
    identity = {"architecture": {"num_hidden_layers": states - 1}, "weights": digest(encoder)}
    spec = EncoderSpec(encoder, convolution=first_layer < 0)
    configuration = {"labels": digest([corpus, 9]), "store": "pooled", "options": settled}
    content: dict[str, Any] = {
        "date": "2026-01-01T00:00:00",
        "corpus": entry or entry_of(corpus, 9),
        "encoder": encoder_entry or EncoderEntry(encoder, encoder, random, identity, spec),
        "configuration": configuration,
        "signature": signature(configuration),
        "cache": CacheEntry("cache/x.h5", "pooled", "0" * 64),
        "typed": f"probe fit {corpus}.csv --encoder {encoder}",
    } | changes
    record = FitRecord(command="fit", **content)
    if version == 1:
        write_json(place / RECORD, _fit_as_version_1(record))
    else:
        files = ["weights.csv", "scores.csv", "predictions.csv", "probes.safetensors"]
        write_record(record, place, files)
    return read_kind(place, FitRecord)


def _fit_as_version_1(record: FitRecord) -> dict[str, Any]:
    """A fit's record as version 0.1.0 wrote it."""
    corpus, encoder = record.corpus, record.encoder
    entry = {"name": corpus.name, "title": corpus.title, "spec": corpus.spec.source, "scale": list(corpus.scale)}
    opened = {"name": encoder.spec.name if encoder.spec else encoder.name, "revision": None}
    return {
        "command": "fit",
        "typed": record.typed,
        "date": record.date,
        "corpus": entry | {"utterances": dict(corpus.utterances), "left_out": []},
        "encoder": {"name": encoder.name, "title": encoder.title, "identity": dict(encoder.identity), "opened": opened},
        "configuration": dict(record.configuration),
        "signature": record.signature,
        "cache": vars(record.cache),
        "scores": [],
        "notes": list(record.notes),
    }


def damaged_words(wrong: float, **other: Any) -> Words:
    """Words damaged at a rate, of which somewhat fewer are counted; `other` are further fields, or other values."""
    wer = {partition: {"wer": 0.95 * wrong} for partition in PARTITIONS}
    return Words(**{"method": CORRUPTED, "rate": wrong, "counted": "jiwer", "wer": wer} | other)


def write_evaluation(
    run: FinetuneRecord,
    name: str,
    noise: float = 0.0,
    words: Words | None = None,
    snr: float | None = None,
    version: int = 2,
    **changes: Any,
) -> EvaluationRecord:
    """An evaluation of a run below its folder, whose estimates are worse by a noise; `changes` as in `write_run`."""
    place = run.folder / "evaluations" / name
    place.mkdir(parents=True)
    table = pd.read_csv(run.folder / "predictions.csv")
    for seed in run.seeds:
        table[f"seed{seed}"] += noise * np.random.default_rng(1).standard_normal(len(table))
    table.to_csv(place / "predictions.csv", index=False)
    shutil.copy(run.folder / "scores.csv", place)
    configuration = {"run": run.signature, "snr": snr}
    content: dict[str, Any] = {
        "date": "2026-01-02T00:00:00",
        "corpus": run.corpus,
        "run_signature": run.signature,
        "system": run.system,
        "seeds": run.seeds,
        "typed": f"probe evaluate {run.folder}",
    } | changes
    record = EvaluationRecord(
        command="evaluate",
        configuration=configuration,
        signature=signature(configuration),
        scores=run.scores,
        words=words or Words(),
        run="../..",
        snr=snr,
        **content,
    )
    if version == 1:
        plain = _as_version_1(run) | {"transcripts": record.words.to_json(), "snr": snr, "seeds": list(record.seeds)}
        plain |= {"command": "evaluate", "configuration": {"run": record.run_signature}, "typed": record.typed}
        plain["corpus"] |= {"name": record.corpus.name, "title": record.corpus.title}
        write_json(place / RECORD, plain)
    else:
        write_record(record, place, ["predictions.csv", "scores.csv"])
    return read_kind(place, EvaluationRecord)
