from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import probing

PACKAGE = Path(probing.__file__).parent
ROOMS = re.findall(r"^    (\w+)( ★)? ", probing.__doc__ or "", flags=re.MULTILINE)
ORDER = [name for name, _ in ROOMS]


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a module imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "probing":
            names = [alias.name for alias in node.names] if node.module == "probing" else [node.module.split(".")[1]]
            found |= {name for name in names if name in ORDER or (PACKAGE / f"{name}.py").exists()}
    return found


def test_every_module_is_a_room_in_the_docstring() -> None:
    """The package's docstring lists every room, and no other."""
    modules = {p.stem for p in PACKAGE.glob("*.py")} | {
        p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()
    }
    assert modules - {"__init__", "__main__"} == set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_rooms_above_it(room: str) -> None:
    """Imports point one way, so there is no circle."""
    files = [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").exists() else list((PACKAGE / room).glob("*.py"))
    above = set(ORDER[: ORDER.index(room) + 1])
    assert set().union(*map(imported_rooms, files)) <= above


def test_light_rooms_load_without_torch() -> None:
    """The rooms marked ★, and `probe --help`, import neither torch nor transformers."""
    light = ", ".join(f"probing.{name}" for name, star in ROOMS if star)
    code = f"import sys, {light}; assert not {{'torch', 'transformers'}} & set(sys.modules), 'heavy'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_loads_no_heavy_module() -> None:
    """`probe --help` answers without NumPy, pandas, torch or matplotlib."""
    code = (
        "import sys; from click.testing import CliRunner; from probing.cli import main\n"
        "for words in ([], ['fit'], ['extract'], ['check'], ['figure'], ['runs']):\n"
        "    assert CliRunner().invoke(main, [*words, '--help']).exit_code == 0\n"
        "assert not {'torch', 'transformers', 'numpy', 'pandas', 'matplotlib', 'h5py'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
