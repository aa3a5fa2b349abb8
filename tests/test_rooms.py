"""The rooms of the house: their order, what each may import, and what each loads."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

import probing

PACKAGE = Path(probing.__file__).parent
ROOMS = re.findall(r"^    (\w+)(/? ★|/) ", probing.__doc__ or "", flags=re.MULTILINE)
ORDER = [name for name, _ in ROOMS]
LIGHT = [name for name, mark in ROOMS if "★" in mark]
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES, MOST_ARGUMENTS = 300, 7
PRESCRIBED = {"EmotionSystem.forward", "SystemConfig.__init__"}  # transformers says what they take


@cache
def tree_of(path: Path) -> ast.Module:
    """What a module says, parsed once for all tests."""
    return ast.parse(path.read_text("utf-8"))


def modules_of(room: str) -> list[Path]:
    """The files of a room."""
    file = PACKAGE / f"{room}.py"
    return [file] if file.exists() else sorted((PACKAGE / room).rglob("*.py"))


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a module imports, at its top or inside functions; imports for type checkers alone count too."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "probing":
            names = [alias.name for alias in node.names] if node.module == "probing" else [node.module.split(".")[1]]
            found |= {name for name in names if name in ORDER}
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("probing.")}
    return found


def test_every_room_is_in_the_docstring() -> None:
    """The package's docstring lists every room, and no other."""
    rooms = {p.stem for p in PACKAGE.glob("*.py")} | {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__"} == set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_rooms_above_it(room: str) -> None:
    """Imports point one way, so there is no circle."""
    above = set(ORDER[: ORDER.index(room) + 1])
    assert set().union(*map(imported_rooms, modules_of(room))) <= above


@pytest.mark.parametrize("room", ORDER)
def test_the_modules_of_a_room_form_no_circle(room: str) -> None:
    """Within a room too, imports point one way."""
    inside = {}
    for path in modules_of(room):
        module = ".".join(["probing", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        tree = ast.walk(tree_of(path))
        froms = [node for node in tree if isinstance(node, ast.ImportFrom) and node.module]
        inside[module] = {node.module for node in froms} | {f"{n.module}.{a.name}" for n in froms for a in n.names}
    graph = {module: imported & inside.keys() - {module} for module, imported in inside.items()}
    while free := {module for module, imported in graph.items() if not imported}:
        graph = {module: imported - free for module, imported in graph.items() if module not in free}
    assert not graph, f"these import one another: {sorted(graph)}"


def names_of(paths: list[Path]) -> list[str]:
    """Modules as they are imported."""
    dotted = [".".join(["probing", *path.relative_to(PACKAGE).with_suffix("").parts]) for path in paths]
    return [name.removesuffix(".__init__") for name in dotted]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_short(path: Path) -> None:
    """No module is longer than a reader can hold."""
    assert len(path.read_text("utf-8").splitlines()) <= MOST_LINES


def functions_of(tree: ast.AST, inside: str = "") -> list[tuple[str, ast.FunctionDef]]:
    """All functions and methods below a node, with the class that they are in."""
    found = []
    for node in ast.iter_child_nodes(tree):
        name = f"{inside}{node.name}" if isinstance(node, ast.FunctionDef | ast.ClassDef) else ""
        if isinstance(node, ast.FunctionDef):
            found.append((name, node))
        found += functions_of(node, f"{name}." if isinstance(node, ast.ClassDef) else inside)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_function_takes_few_arguments(path: Path) -> None:
    """At most seven, where click or transformers do not say how many."""
    for name, function in functions_of(tree_of(path)):
        asked = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        taken = [argument.arg for argument in asked if argument.arg not in ("self", "cls")]
        prescribed = name in PRESCRIBED or any("command" in ast.unparse(one) for one in function.decorator_list)
        assert len(taken) <= MOST_ARGUMENTS or prescribed, f"{name} takes {len(taken)}"


def test_no_exported_function_has_the_name_of_a_folder() -> None:
    """Else importing the folder would put it in the function's place."""
    assert not {*probing.__all__} & {*ORDER, *(path.parent.name for path in FILES)}


def test_each_command_has_its_own_file() -> None:
    """`probe NAME` is found in cli/NAME.py."""
    from probing.cli.main import main

    for name, command in main.commands.items():
        assert command.callback is not None and (PACKAGE / "cli" / f"{name}.py").is_file()
        assert f"probing.cli.{name}" in sys.modules
        assert getattr(sys.modules[f"probing.cli.{name}"], name) is command


def test_no_checkpoint_brings_code_along() -> None:
    """Every `from_pretrained` refuses code from a checkpoint, unless the class is this package's own."""
    own = ("EmotionSystem", "Processor", "SystemConfig", "super()", "cls")
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            called = node.func.attr in ("from_pretrained", "from_config")
            if called and ast.unparse(node.func.value) not in own:
                words = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert words.get("trust_remote_code") == "False", f"{path.name}:{node.lineno}"
