"""A corpus checked for a command: everything that the command reads is there, and it is known which corpus it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from probing.corpus.audit import about_voice, demand_targets, leave_out_damaged, require, require_split
from probing.corpus.identity import Identity, identify
from probing.corpus.leaks import Leaks, find_leaks, refuse_leaks
from probing.corpus.learnable import unlearnable_folds
from probing.corpus.misnamed import misnamed
from probing.corpus.model import EMOTION_NAMES, EMOTIONS, Corpus
from probing.corpus.opening import every_fold, open_corpus
from probing.corpus.reading import Reading
from probing.corpus.scan import AudioScan, remembered, say_forgotten, scan_audio, to_decode
from probing.corpus.spec import DEMO, CorpusSpec
from probing.corpus.transcripts import Words, reworded
from probing.errors import AudioError, CorpusError, OptionError
from probing.files import claim, slug

ALL = "all"  # as a dimension: those of arousal, valence and dominance that the corpus rates


@dataclass(frozen=True)
class Needs:
    """What a command reads of a corpus.

    Args:
        audio: Whether it decodes the recordings.
        text: Whether it reads the words.
        dims: Dimensions of which it needs ratings, and categories of which it needs classes; `all` as in settle_dims.
        partitions: The only partitions that it reads; none named: all of them.
        frames: How many frames an encoder makes of so many samples: what gives none cannot be used. None: whatever
            decodes can be.
        learns: Whether it learns from train and development, or tests what was learned there: what a test partition
            shares with them then stops it. Such a corpus must be split.
        classes: Whether it compares with the classes of a category although it demands none: they are part of the
            identity, as they are where a category is among the dimensions.
    """

    audio: bool = False
    text: bool = False
    dims: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    frames: Callable[[int], int] | None = None
    learns: bool = False
    classes: bool = False


@dataclass(frozen=True)
class Checked:
    """A corpus that has everything that a command reads.

    Args:
        spec: What names it, with the fold that was used.
        corpus: The utterances that can be used, with the words to read.
        identity: Digests of what was read.
        scan: Lengths and checksums of the audio; empty where the command does not decode it.
        left_out: Utterances left out as --allow-missing permits.
        words: Where the words come from.
        leaks: What its test partitions share with train and development; nothing where the command does not learn.
    """

    spec: CorpusSpec
    corpus: Corpus
    identity: Identity
    scan: AudioScan = field(default_factory=AudioScan)
    left_out: tuple[str, ...] = ()
    words: Words = field(default_factory=Words)
    leaks: Leaks = field(default_factory=Leaks)

    @property
    def name(self) -> str:
        """The corpus in the name of a run, a cache or a figure: with its digest, unless it is the built-in one."""
        return corpus_name(self.corpus.title, self.spec, self.identity)


def corpus_name(title: str, spec: CorpusSpec, identity: Identity | None) -> str:
    """A corpus in file names: its title and, unless it is the built-in one as it is, eight digits of its identity.

    The built-in one is another corpus where anything at all is said of how it is read.

    Args:
        title: Its name, with its fold where it has folds.
        spec: What names it.
        identity: None of a run of version 0.1.0, which has no digests.
    """
    if identity is None or (spec.prefix == DEMO and spec.reading == Reading()):
        return slug(title)
    return f"{slug(title)}-{identity.short}"


def check_corpus(
    spec: CorpusSpec,
    needs: Needs,
    allow_missing: int = 0,
    cache: Path = Path("cache"),
    remember: bool = True,
    wait: bool = True,
    allow_leaks: bool = False,
) -> Checked:
    """Open a corpus, make sure that everything that a command reads is there, and decode its audio once.

    Args:
        spec: The corpus.
        needs: What the command reads.
        allow_missing: Number of utterances that may be left out, for all reasons together.
        cache: Folder of all caches, where lengths and checksums of sound files are remembered.
        remember: Whether that memory is written, and not only read; without, nothing at all is written there. Where it
            cannot be written, that is said on stderr.
        wait: Whether processes that start at the same time wait for each other, so that one of them decodes and the
            others read what it remembers; only where the memory is written, and lacks a file.
        allow_leaks: Whether to go on where test partitions share with train and development what they must not.

    Raises:
        CorpusError: The corpus cannot be opened, lacks something that is read (see `probing.corpus.audit`), or is not
            split (code `unsplit`) or leaks (`leaks`, see `probing.corpus.leaks`) although something is to be learned.
        OptionError: Other words are given to a command that reads none (code `no-effect`).
    """
    if not isinstance(spec, CorpusSpec):
        found = type(spec).__name__
        raise TypeError(f"not a {found}: name the corpus, for example with CorpusSpec.resolve('my/table.csv', (1, 7))")
    if not needs.text and (spec.transcripts is not None or spec.corrupt_words is not None):
        flag = "--transcripts" if spec.transcripts is not None else "--corrupt-words"
        raise OptionError(f"{flag} has no effect", "no text is read here", f"leave {flag} out", code="no-effect")
    opened = open_corpus(spec)
    opened = opened.select(needs.partitions) if needs.partitions else opened
    if needs.learns:
        require_split(opened)
        opened = replace(opened, notes=(*opened.notes, *misnamed(list(opened.partitions))))
    dims = settle_dims(opened, needs.dims)
    corpus, left_out = require(opened, dims=dims, audio=needs.audio, text=needs.text, allow_missing=allow_missing)
    own = corpus
    if spec.transcripts is not None:
        own = open_corpus(spec.without_other_words())
    corpus, words = reworded(corpus, own, spec)
    memory, heard = audio_memory(spec, cache), AudioScan()
    if needs.learns:  # as far as it is known without decoding the audio
        heard = remembered(corpus.utterances, memory)
    if needs.learns and needs.audio:  # before that work
        refuse_leaks(corpus, find_leaks(corpus, heard), allow_leaks)
    scan = AudioScan()
    if needs.audio:
        with ExitStack() as claims:
            if remember and wait and to_decode(corpus.utterances, memory):
                remember = _claimed(memory, claims)  # one process decodes, the others wait
            scan = scan_audio(corpus.utterances, memory=memory, remember=remember)
        scan = _without_the_short(corpus, scan, needs)
        corpus, left_out = leave_out_damaged(corpus, scan, allow_missing, left_out)
        corpus = replace(corpus, notes=(*corpus.notes, *scan.remarks()))
    settled = replace(spec, fold=corpus.fold)
    kept = {utterance.id for utterance in corpus.utterances}
    original = replace(own, utterances=tuple(u for u in own.utterances if u.id in kept))
    named = needs.classes or bool({*dims} & {*corpus.categories})
    identity = identify(original, scan.checksums if needs.audio else None, needs.text, named)
    checked = Checked(settled, corpus, identity, scan, left_out, words)
    return with_leaks(checked, scan if needs.audio else heard, allow_leaks) if needs.learns else checked


def folds_to_learn(spec: CorpusSpec, dims: Sequence[str]) -> list[CorpusSpec]:
    """The same corpus with each of its folds tested in turn, where all of them can be learned.

    It is asked before anything is decoded or extracted: a fold that would be refused costs no work on the others.

    Args:
        spec: A corpus that is split into folds.
        dims: Dimensions and categories to learn.

    Raises:
        CorpusError: It is not split into folds (as `every_fold`), has no such dimension or category (code
            `dimension-unknown`), or some folds cannot be learned (`folds`).
    """
    specs = every_fold(spec)
    corpus = open_corpus(specs[0])
    targets = settle_dims(corpus, dims)
    demand_targets(corpus, targets)
    reasons = [line for line, _ in unlearnable_folds(replace(corpus, fold=None), targets)]
    if reasons:
        what, why = f"corpus {corpus.name}: --folds all", "; ".join(reasons)
        remedy = "ask for fewer folds, for example --split speaker:5, or choose the fold to test with --fold"
        raise CorpusError(what, why, remedy, code="folds")
    return specs


def with_leaks(checked: Checked, scan: AudioScan, allowed: bool, learned: Corpus | None = None) -> Checked:
    """The same corpus with what its test partitions share with train and development, which its notes say too.

    Args:
        checked: What check_corpus returned.
        scan: What is known of its audio, which need not be what was decoded: a cache knows lengths and checksums too.
        allowed: Whether to go on where they share what they must not.
        learned: The same corpus as it was split when it was learned from; None: as it is split now.

    Raises:
        CorpusError: They do (code `leaks`).
    """
    corpus, leaks = checked.corpus, find_leaks(checked.corpus, scan, learned)
    refuse_leaks(corpus, leaks, allowed)
    notes = [note for note in corpus.notes if note not in checked.leaks.notes]
    return replace(checked, leaks=leaks, corpus=replace(corpus, notes=(*notes, *leaks.notes)))


def _claimed(memory: Path, claims: ExitStack) -> bool:
    """Claim a memory of audio; False where it cannot be written, for example in a folder that is read only."""
    try:
        return claims.enter_context(claim(memory, wait=True))
    except OSError as error:
        say_forgotten(memory, error)
        return False


def _without_the_short(corpus: Corpus, scan: AudioScan, needs: Needs) -> AudioScan:
    """The same, with those that are too short for the encoder among those that cannot be used."""
    if needs.frames is None:
        return scan
    short = {u.id: u.path for u in corpus.utterances if u.id in scan.samples and needs.frames(scan.samples[u.id]) < 1}
    found = {
        id_: AudioError(f"{path}", f"the encoder makes no frame of its {scan.samples[id_]} samples", "", "audio-short")
        for id_, path in short.items()
    }
    return replace(scan, damaged=scan.damaged | found)


def settle_dims(corpus: Corpus, dims: Sequence[str]) -> tuple[str, ...]:
    """The dimensions and categories asked for, each once.

    `all` stands for the emotions that are rated, or else for all dimensions, or else for the categories, of which one
    that is called emotion, or nearly so, stands alone; what says whose voice it is must be asked for by its name.
    """
    return tuple(dict.fromkeys(name for d in dims for name in (_all_of(corpus) if d == ALL else (d,))))


def _all_of(corpus: Corpus) -> tuple[str, ...]:
    """What `all` stands for."""
    rated = tuple(d for d in EMOTIONS if d in corpus.dimensions) or corpus.dimensions
    if rated:
        return rated
    lowered = {name.lower(): name for name in corpus.categories}
    emotions = (lowered[name] for name in EMOTION_NAMES if name in lowered)
    return next(((name,) for name in emotions), tuple(n for n in corpus.categories if not about_voice(n)))


def audio_memory(corpus: CorpusSpec | Corpus, cache: Path) -> Path:
    """The file where lengths and checksums of the sound files of corpora of that name are remembered."""
    return cache / slug(corpus.name) / "audio.json"
