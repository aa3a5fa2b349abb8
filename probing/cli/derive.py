"""Click options made of options dataclasses, whose fields `probing.options.option` documents: all is written once."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import click

from probing.corpus.spec import exact
from probing.options import flag_of, validate

_Callback = Callable[..., Any]
_TYPES: dict[Any, click.ParamType[Any]] = {
    str: click.STRING,
    int: click.INT,
    float: click.FLOAT,
    Path: click.Path(path_type=Path),
}
_METAVARS = {int: "N", float: "NUMBER", Path: "PATH"}
_RULES = {"at_least": "at least", "above": "above", "below": "below"}


class DerivedOption(click.Option):
    """An option of a dataclass's field.

    Args:
        old: Spellings of earlier versions; they work, say so, and are not in the help.
        bounds: What the help says of the smallest and the largest value; the dataclass checks them.
    """

    def __init__(self, *args: Any, old: Sequence[str] = (), bounds: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.old = tuple(old)
        self._bounds = bounds

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Default and bounds in words; click puts a text that stands for a default into brackets."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        if self._bounds:
            extra["range"] = self._bounds
        return extra


class Pair(click.ParamType[tuple[str, str]]):
    """Two texts joined by an equals sign, `audio=runs/x`."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Take them apart.

        Raises:
            click.BadParameter: One of them is missing.
        """
        if isinstance(value, tuple):
            return value
        first, equals, second = str(value).partition("=")
        if not (first and equals and second):
            shape = param.metavar if param is not None and param.metavar else "NAME=VALUE"
            self.fail(f"{value!r} is not {shape}.", param, ctx)
        return first, second


def options_of(
    kind: type[Any],
    name: str,
    *,
    old: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
    shown: Mapping[str, Mapping[str, str]] | None = None,
) -> Callable[[_Callback], _Callback]:
    """A decorator that adds an option for every documented field of a dataclass, and passes one instance of it.

    An option of several dataclasses of a command is one option, documented by the first of them, which all read.

    Args:
        kind: The dataclass; fields without a help text are not offered.
        name: The callback's parameter that takes the instance.
        old: Field → its spelling in an earlier version, where this command alone had it.
        without: Fields that this command does not offer.
        shown: Field → what this command alone shows otherwise: `metavar`, `shown_default`.
    """
    fields = [one for one in dataclasses.fields(kind) if "help" in one.metadata and one.name not in without]
    hints = get_type_hints(kind)
    made = [_option(one, hints[one.name], (old or {}).get(one.name), (shown or {}).get(one.name, {})) for one in fields]

    def decorate(function: _Callback) -> _Callback:
        @wraps(function)
        def called(*args: Any, **values: Any) -> Any:
            given = click.get_current_context().params
            own = {one.name: given[one.name] for one in fields}
            rest = {key: value for key, value in values.items() if key not in own}
            instance = kind(**own)
            validate(instance)  # also where a dataclass does not do so itself
            return function(*args, **rest, **{name: instance})

        _add(called, made)
        return called

    return decorate


def _add(function: _Callback, options: Sequence[click.Parameter]) -> None:
    """Put options where click's own decorators do, last first, in place of those of their name that are there."""
    names = {one.name for one in options}
    before = [one for one in getattr(function, "__click_params__", []) if one.name not in names]
    vars(function)["__click_params__"] = [*before, *reversed(options)]


def _option(one: dataclasses.Field[Any], hint: Any, old: str | None, otherwise: Mapping[str, str]) -> DerivedOption:
    """The option of a field, with what a command shows otherwise."""
    shown = one.metadata["shown"] | dict(otherwise)
    flag = flag_of(one.name, one.metadata)
    settings: dict[str, Any] = {
        "help": one.metadata["help"],
        "default": one.default,
        "show_default": shown.get("shown_default", one.default is not None and one.default is not False),
        "metavar": shown.get("metavar", _METAVARS.get(_without_none(hint))),
        "envvar": shown.get("envvar"),
        "show_envvar": "envvar" in shown,
        "hidden": shown.get("hidden", False),
        "required": shown.get("required", False),
        "bounds": " and ".join(
            f"{_RULES[rule]} {end:g}" for rule, end in one.metadata["bounds"].items() if end is not None
        ),
        "old": (*shown.get("old", ()), *([old] if old else [])),
    }
    if settings["required"]:
        del settings["default"]  # click takes None for a value that was given
    kind = _without_none(hint)
    if kind is bool:
        both = f"{flag}/--no-{flag.removeprefix('--')}" if one.default is not False else flag
        return DerivedOption([both, one.name], is_flag=True, **settings)
    if get_origin(kind) is tuple:
        inside = get_args(kind)
        if Ellipsis in inside:
            return DerivedOption([flag, one.name], type=_type(inside[0], one.metadata), multiple=True, **settings)
        return DerivedOption([flag, one.name], type=_type(inside[0], one.metadata), nargs=len(inside), **settings)
    return DerivedOption([flag, one.name], type=_type(kind, one.metadata), **settings)


def _without_none(hint: Any) -> Any:
    """A type, or what it is when it is not None."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    (kind,) = [part for part in get_args(hint) if part is not type(None)]
    return kind


def _type(kind: Any, metadata: Mapping[str, Any]) -> click.ParamType[Any]:
    """Click's type of a field's type, with its choices."""
    if metadata["choices"]:
        return click.Choice(list(metadata["choices"]))
    if get_origin(kind) is tuple:
        return Pair()
    return _TYPES[kind]


def typed_options(options: Any, without: Sequence[str] = ()) -> list[str]:
    """The words that a user types for an options dataclass: those of its fields that are not at their default.

    Args:
        options: An instance.
        without: Fields to leave out.
    """
    words: list[str] = []
    for one in dataclasses.fields(options):
        value = getattr(options, one.name)
        if "help" not in one.metadata or one.name in without or value == one.default or value is None:
            continue
        flag = flag_of(one.name, one.metadata)
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag.removeprefix('--')}")
        elif isinstance(value, tuple):
            words += [word for item in value for word in (flag, _typed(item))]
        else:
            words += [flag, _typed(value)]
    return words


def _typed(value: Any) -> str:
    if isinstance(value, tuple):
        return "=".join(map(str, value))
    return exact(value) if isinstance(value, float) else str(value)


def respelled(options: Sequence[click.Parameter], words: Sequence[str]) -> list[str]:
    """What a user typed, with the spellings of earlier versions replaced by today's; each is named on stderr once."""
    today = {old: one.opts[0] for one in options if isinstance(one, DerivedOption) for old in one.old}
    found: list[str] = []
    for place, word in enumerate(words):
        if word == "--":
            return [*found, *words[place:]]
        flag, equals, value = word.partition("=")
        if flag in today:
            click.echo(f"{flag} is now spelled {today[flag]}; the old spelling still works", err=True)
            word = f"{today[flag]}{equals}{value}"
        found.append(word)
    return found


def given(*names: str) -> list[str]:
    """Those of some parameters of the present command that were typed, as flags."""
    from click.core import ParameterSource

    context = click.get_current_context()
    flags = {one.name: one.opts[0] for one in context.command.params}
    return [flags[name] for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
