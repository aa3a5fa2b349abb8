"""An options dataclass becomes click options: documented once, refused early, passed as one instance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from commands import USAGE, Typed, typed
from hypothesis import given as given_any
from hypothesis.strategies import floats as numbers

from probing.cli.command import command
from probing.cli.derive import given, options_of, typed_options
from probing.errors import OptionError
from probing.options import option, validate


@dataclass(frozen=True)
class Baking:
    """One option of every kind."""

    oven: str = option("gas", "What heats it.", choices=("gas", "wood"))
    loaves: int = option(1, "How many.", at_least=1)
    heat: float | None = option(None, "How hot.", above=0, below=500, shown_default="as it comes")
    flours: tuple[str, ...] = option(("rye",), "What of; may be repeated.", flag="--flour")
    span: tuple[float, float] | None = option(None, "From when to when.", metavar="LOW HIGH")
    origins: tuple[tuple[str, str], ...] = option((), "Where from.", flag="--origin", metavar="FLOUR=MILL")
    crust: bool = option(True, "Whether it has one.")
    salted: bool = option(False, "Whether there is salt in it.")
    shelf: Path = option(Path("shelf"), "Where it goes.", envvar="TEST_SHELF", metavar="DIR")
    yeast: str | None = option(None, "Which.", old=("--barm",))
    secret: int = 7

    def __post_init__(self) -> None:
        validate(self)
        if self.oven == "wood" and not self.crust:
            raise OptionError("--oven wood and --no-crust", "wood makes a crust", code="crust")


@dataclass(frozen=True)
class Place:
    """Shares an option with Baking."""

    shelf: Path = option(Path("other"), "Not shown: the first one is.")
    window: bool = option(False, "Whether it is shown.")


HEAVY = []


@command()
@options_of(Baking, "baking", old={"loaves": "--breads"})
@options_of(Place, "place")
def bake(baking: Baking, place: Place) -> None:
    """Bake.

    \b
    Example: bake --loaves 2
    """
    HEAVY.append("began")
    click.echo(f"{baking}\n{place}")
    click.echo(f"typed: {' '.join(given('oven', 'loaves', 'shelf'))}")


def bake_with(*words: str, **environment: str) -> Typed:
    """Type the command."""
    return typed(bake, *words, environment=environment)


def test_without_options_the_defaults_of_the_dataclass_hold() -> None:
    """What the dataclass says is what the command does."""
    assert bake_with().stdout.splitlines()[:2] == [str(Baking()), str(Place(shelf=Path("shelf")))]


def test_every_kind_of_option_reaches_the_dataclass() -> None:
    """Choices, numbers, pairs, repeated options, switches on and off, paths."""
    words = "--oven wood --loaves 3 --heat 2.5 --flour oat --flour spelt --span 1 7 --origin oat=north --salted"
    expected = Baking("wood", 3, 2.5, ("oat", "spelt"), (1.0, 7.0), (("oat", "north"),), salted=True)
    assert bake_with(*words.split()).stdout.splitlines()[0] == str(expected)
    assert bake_with("--no-crust").stdout.splitlines()[0] == str(Baking(crust=False))


def test_an_option_of_two_dataclasses_is_one_option_that_both_read() -> None:
    """It is documented once, by the first."""
    result = bake_with("--shelf", "top", "--window")
    assert result.stdout.splitlines()[:2] == [str(Baking(shelf=Path("top"))), str(Place(Path("top"), window=True))]
    assert "Not shown" not in bake_with("--help").stdout


def test_the_environment_sets_what_is_not_typed() -> None:
    """A place may come from a variable; what is typed goes before it."""
    assert "shelf=PosixPath('cold')" in bake_with(TEST_SHELF="cold").stdout
    assert "shelf=PosixPath('top')" in bake_with("--shelf", "top", TEST_SHELF="cold").stdout


def test_the_help_shows_choices_bounds_defaults_and_variables_once() -> None:
    """Everything that the dataclass says of an option, and nothing that it does not offer."""
    text = " ".join(bake_with("--help").stdout.split())
    for shown in (
        "--oven [gas|wood]",
        "What heats it. [default: gas]",
        "--loaves N",
        "[default: 1; at least 1]",
        "[default: as it comes; above 0 and below 500]",
        "--span LOW HIGH",
        "--origin FLOUR=MILL",
        "--crust / --no-crust",
        "[env var: TEST_SHELF; default: shelf]",
        "[default: rye]",
    ):
        assert text.count(shown) == 1, (shown, text)
    assert not {"--secret", "--barm", "--breads"} & set(text.split())


def test_a_command_may_show_a_default_of_its_own() -> None:
    """Where the same option means something else when it is left out."""

    @command()
    @options_of(Place, "place", shown={"shelf": {"metavar": "PATH", "shown_default": "none"}})
    def show(place: Place) -> None:
        """Show."""

    text = " ".join(typed(show, "--help").stdout.split())
    assert "--shelf PATH" in text and "[default: none]" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--oven coal", USAGE),
        ("--loaves many", USAGE),
        ("--origin oat", USAGE),
        ("--span 1", USAGE),
        ("--knead", USAGE),
        ("--loaves 0", "option-bounds"),
        ("--heat 0", "option-bounds"),
        ("--heat 500", "option-bounds"),
        ("--heat inf", "option-bounds"),
        ("--heat nan", "option-bounds"),
        ("--oven wood --no-crust", "crust"),
    ],
)
def test_a_wrong_option_is_a_usage_error_before_any_work(words: str, code: str) -> None:
    """A choice, a kind or a bound: exit status 2, and the command has not begun."""
    HEAVY.clear()
    result = bake_with(*words.split())
    assert (result.status, result.code, HEAVY) == (2, code, [])


@pytest.mark.parametrize("words", ["--breads 2 --barm sour", "--breads=2 --barm=sour"])
def test_an_old_spelling_works_and_says_so(words: str) -> None:
    """On stderr, with today's spelling."""
    result = bake_with(*words.split())
    assert result.stdout.splitlines()[0] == str(Baking(loaves=2, yeast="sour"))
    said = result.stderr.splitlines()
    assert len(said) == 2 and "--loaves" in said[0] and "--yeast" in said[1]


def test_behind_two_dashes_no_word_is_an_option() -> None:
    """An old spelling may be somebody's file."""
    assert bake_with("--", "--breads").code == USAGE


def test_what_was_typed_can_be_asked_for() -> None:
    """A default is not taken for something typed."""
    assert bake_with("--oven", "gas").stdout.splitlines()[-1] == "typed: --oven"


def test_an_instance_can_be_typed_again() -> None:
    """The words for an instance lead to that instance."""
    baking = Baking("wood", 2, 1e-05, ("oat", "rye"), None, (("oat", "north"),), True, True, Path("x y"), "sour")
    words = typed_options(baking)
    assert bake_with(*words).stdout.splitlines()[0] == str(baking)
    assert typed_options(Baking()) == [] and typed_options(Baking(crust=False)) == ["--no-crust"]
    assert "--yeast" not in typed_options(baking, without=["yeast"])


@given_any(numbers(min_value=0, max_value=500, exclude_min=True, exclude_max=True))
def test_a_number_is_typed_with_all_its_digits(heat: float) -> None:
    """What is typed is read back as the same number."""
    flag, word = typed_options(Baking(heat=heat))
    assert flag == "--heat" and float(word) == heat


def test_a_whole_number_is_typed_without_a_point() -> None:
    """As a user would type it."""
    assert typed_options(Baking(heat=3.0)) == ["--heat", "3"]
