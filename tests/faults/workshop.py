"""Where a worker tries: a process that has imported all of `probe`, its world, and what commands make undisturbed."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from faults import world
from faults.child import Ended, Watched, answer, start, typed
from faults.gate import Decide, Gate, Instant
from faults.results import Results, difference, results

_PRELOADED = ("builders", "probing.extraction.extract", "probing.probes.fit", "probing.predict.predictor")
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MPLBACKEND": "agg",
    "PYTHONWARNINGS": "ignore",
}


class Workshop:
    """One worker's place.

    Args:
        base: Its folder; `base/here` is where commands are typed.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.here, self.store = base / "here", base / "store"
        self._said = 0
        self._references: dict[tuple[str, ...], tuple[Results, Ended]] = {}
        self._instants: dict[str, list[Instant]] = {}

    @classmethod
    def built(cls, base: Path, names: Collection[str] = world.COMMANDS) -> Workshop:
        """Make the world, with everything that some commands make of it, and import what that needed.

        A world that is there already is used again.
        """
        os.environ.update(ENVIRONMENT)
        shop = cls(base)
        modules = base / "modules"
        if modules.exists():
            importlib.import_module("probing.cli.main")
            for name in modules.read_text().split():
                _import(name)
            return shop
        for name in _PRELOADED:  # before the first fork, which would have to import them anew
            importlib.import_module(name)
        shutil.rmtree(base, ignore_errors=True)  # half a world
        shop.here.mkdir(parents=True)
        answer(shop.base, shop._new_said(), lambda: world.material(shop.here, names))
        importlib.import_module("probing.cli.main")

        def make(words: Sequence[str]) -> None:
            for name in answer(shop.here, shop._new_said(), lambda: _made(words)):
                _import(name)

        world.build(shop.here, make, names)
        shop.here.rename(shop.store)
        modules.write_text("\n".join(sorted(sys.modules)))
        return shop

    def reset(self, *patterns: str, store: str = "") -> Path:
        """The world anew, without what matches some patterns.

        Args:
            *patterns: What is taken away.
            store: A command that was interrupted; the world is as it left it.
        """
        world.lay_out(self._interrupted(store) if store else self.store, self.here)
        world.take_away(self.here, patterns)
        return self.here

    def _interrupted(self, name: str) -> Path:
        """The world as a command leaves it that is killed when most of its work is done."""
        store = self.base / f"store-{name}"
        if not store.exists():
            number, total = 0, len(self.instants(name))
            for share in (0.7, 0.6, 0.5, 0.8, 0.4, 0.9):
                number = int(share * total)
                self.reset(*world.MAKES[name])
                self.gated(world.COMMANDS[name], _killed_at(number))
                if list(self.here.glob(world.UNFINISHED[name])):
                    break
            self.here.rename(store)
        return store

    def begin(self, words: Sequence[str], environment: Mapping[str, str] | None = None, **options: Any) -> Watched:
        """Start a `probe` command in the world."""
        return start(self.here, self._new_said(), typed(words), environment, **options)

    def probe(self, words: Sequence[str], environment: Mapping[str, str] | None = None, **options: Any) -> Ended:
        """Type a `probe` command in the world, and wait for its end."""
        return self.begin(words, environment, **options).wait()

    def gated(self, words: Sequence[str], decide: Decide) -> tuple[Ended, list[Instant]]:
        """Type a command of whose every write somebody decides; its end, and the writes."""
        gate = Gate(self.here, decide)
        return gate.supervise(self.begin(words, first=gate.install)), gate.passed

    def instants(self, name: str) -> list[Instant]:
        """Every call of a command that changes the world, undisturbed."""
        if name not in self._instants:
            self.reset(*world.MAKES[name])
            _, self._instants[name] = self.gated(world.COMMANDS[name], lambda instant, child: None)
        return self._instants[name]

    def results(self, patterns: Iterable[str]) -> Results:
        """What the world holds, looked at by a child, since a damaged file may hang a library.

        Raises:
            RuntimeError: It cannot be looked at.
        """
        listed = tuple(patterns)
        found: Results = answer(self.here, self._new_said(), lambda: results(self.here, listed), longest=60)
        return found

    def undisturbed(self, name: str) -> Results:
        """What a command makes in a world where nothing disturbs it."""
        return self.reference(world.COMMANDS[name], world.MAKES[name])[0]

    def reference(
        self, words: Sequence[str], makes: Sequence[str], store: str = "", kept: Sequence[str] = ()
    ) -> tuple[Results, Ended]:
        """What any command makes undisturbed, and how it ends; it must succeed.

        Args:
            words: The command.
            makes: What is taken away before and compared.
            store: As for `reset`.
            kept: What else is compared.
        """
        key = (*words, "→", *makes, store, *kept)
        if key not in self._references:
            self.reset(*makes, store=store)
            ended = self.probe(words)
            if ended.status:
                raise RuntimeError(f"undisturbed, `probe {' '.join(words)}` fails: {ended.err[-2000:]}")
            self._references[key] = self.results([*makes, *kept]), ended
        return self._references[key]

    def different(self, name: str) -> str:
        """How what is there now differs from what a command makes undisturbed."""
        try:
            return difference(self.undisturbed_before(name), self.results(world.MAKES[name]))
        except RuntimeError as error:
            return f"unreadable: {error}"[:300]

    def undisturbed_before(self, name: str) -> Results:
        """The same as `undisturbed`, which must have been asked before, since asking lays the world out anew."""
        return self._references[(*world.COMMANDS[name], "→", *world.MAKES[name], "")][0]

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.base, ignore_errors=True)

    @cached_property
    def intact(self) -> Results:
        """What the store held when it was made."""
        return results(self.store, ["*"])

    def _new_said(self) -> Path:
        """A folder for a child's output; old ones are removed."""
        self._said += 1
        shutil.rmtree(self.base / f"said{self._said - 8}", ignore_errors=True)
        return self.base / f"said{self._said}"


def _killed_at(number: int) -> Decide:
    def decide(now: Instant, child: Watched) -> None:
        if now.number == number:
            child.signal(signal.SIGKILL, group=True)

    return decide


def _made(words: Sequence[str]) -> list[str]:
    """Type a command that must succeed; names of the modules that are imported then."""
    try:
        typed(words)()
    except SystemExit as end:
        if end.code:
            raise
    return sorted(sys.modules)


def _import(name: str) -> None:
    """Import a module that a command imported, so that forked commands find it."""
    if name in sys.modules or name.startswith(("__main__", "__mp_main__", "six.moves", "torch._inductor", "torch.ops")):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module(name)
        except Exception:
            return
