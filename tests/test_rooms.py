"""The rooms of the house: their order, what each may import, and what each loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import probing

PACKAGE = Path(probing.__file__).parent
ROOMS = re.findall(r"^    (\w+)/?( ★)? ", probing.__doc__ or "", flags=re.MULTILINE)
ORDER = [name for name, _ in ROOMS]


def modules_of(room: str) -> list[Path]:
    """The files of a room."""
    file = PACKAGE / f"{room}.py"
    return [file] if file.exists() else sorted((PACKAGE / room).rglob("*.py"))


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a module imports, at its top or inside functions; imports for type checkers alone count too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
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
        tree = ast.walk(ast.parse(path.read_text("utf-8")))
        froms = [node for node in tree if isinstance(node, ast.ImportFrom) and node.module]
        inside[module] = {node.module for node in froms} | {f"{n.module}.{a.name}" for n in froms for a in n.names}
    graph = {module: imported & inside.keys() - {module} for module, imported in inside.items()}
    while free := {module for module, imported in graph.items() if not imported}:
        graph = {module: imported - free for module, imported in graph.items() if module not in free}
    assert not graph, f"these import one another: {sorted(graph)}"


def test_light_rooms_load_without_torch() -> None:
    """Every module of the rooms marked ★ loads without torch and transformers."""
    light = [path for name, star in ROOMS if star for path in modules_of(name)]
    names = [".".join(["probing", *p.relative_to(PACKAGE).with_suffix("").parts]) for p in light]
    code = f"import sys, {', '.join(names)}; assert not {{'torch', 'transformers'}} & set(sys.modules), 'heavy'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_loads_no_heavy_module() -> None:
    """`probe --help` answers without NumPy, pandas, torch or matplotlib."""
    code = (
        "import sys; from click.testing import CliRunner; from probing.cli.main import main\n"
        "for words in ([], *([name] for name in main.commands)):\n"
        "    assert CliRunner().invoke(main, [*words, '--help']).exit_code == 0\n"
        "assert not {'torch', 'transformers', 'numpy', 'pandas', 'matplotlib', 'h5py'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
