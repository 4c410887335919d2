"""Who may import whom: the rooms of the house, and which library belongs in which room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "nepforge"

LEAVES = {"errors", "units", "events"}
EVERYWHERE = {"quantities"}  # may be imported by every room
COMPUTE = {"data", "models", "optim", "train", "formats", "lammps"}

# room, or module of one -> rooms of ours, or modules, that it may import; its own is always allowed
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "units": set(),
    "quantities": set(),
    "events": set(),
    "interrupt": set(),
    "files": {"errors"},
    "recipe": {"data", "files", "errors", "units"},
    "plan": {"recipe", "data", "errors"},
    "data": {"files", "errors", "units"},
    "models": {"data", "errors", "units"},
    "optim": {"errors"},
    "train": {"data", "models", "optim", "recipe.tables", "events", "errors"},
    "formats": {"data", "models", "errors", "units"},
    "lammps": {"data", "models", "errors", "units"},
    "plots": {"errors", "units"},
    "evaluate": {"data", "formats", "models", "plots", "errors", "units"},
    "stages": {"recipe", "plan", "evaluate", "plots", *COMPUTE, *LEAVES},
    "shared_disk": {"errors"},
    "ledger": {"plan", "shared_disk", "errors"},
    "store": {"plan", "ledger", "shared_disk", "events", "errors"},
    "mlflow_mirror": {"store", "events", "errors"},
    "engine": {
        *("recipe", "plan", "stages", "store", "ledger", "shared_disk", "interrupt"),
        *("events", "errors"),
    },
    "diff": {"ledger", "store", "formats", "models", "errors"},
    "reproduce": {
        *("recipe", "plan", "engine", "ledger", "store", "shared_disk", "diff", "interrupt"),
        *("events", "errors"),
    },
    "bundle": {"recipe", "data", "ledger", "store", "reproduce", "errors"},
    "comparison": {"plots", "events", "errors"},
    "ui": {
        *("recipe", "plan", "engine", "store", "ledger", "shared_disk", "mlflow_mirror"),
        *("diff", "reproduce", "comparison", *LEAVES),
    },
    "commands": {"errors"},
    "commands.data.group": {"data", "errors"},  # the table of formats
    "commands.data.options": {"data", "errors"},
    "commands.data.split": {"data", "errors"},
    "commands.installation": {"lammps", "models", "shared_disk", "store", "errors"},  # of doctor
    "cli": {"commands"},
    "__main__": {"cli"},
}
# what a function of a room may import besides, when it runs
LATER: dict[str, set[str]] = {
    "": {"engine", "evaluate", "formats", "recipe", "store"},
    "commands": {
        *("recipe", "plan", "engine", "store", "ledger", "shared_disk", "mlflow_mirror"),
        *("diff", "reproduce", "bundle", "comparison", "ui", "events", "interrupt"),
        *("data", "evaluate", "files", "formats", "lammps", "models"),
    },
}

# library -> rooms, or modules, that may import it
LIBRARIES: dict[str, set[str]] = {
    "torch": {
        *("data.batch", "data.neighbors", "models", "optim", "train", "formats", "stages"),
        *("evaluate.descriptors", "evaluate.radial_functions"),
    },
    "vesin": {"data.neighbors", "data.pairs"},
    "ase": {"data", "lammps", "stages", "evaluate", "formats.deepmd_kit"},
    "matplotlib": {"plots", "evaluate.calibration_plot"},
    "rich": {"ui"},
    "psutil": {"ui"},
    "rich_click": {"cli", "commands"},
    "click": {"cli", "commands"},
    "mlflow": {"mlflow_mirror.writer"},
    "lammps": set(),
    "calorine": {"stages.verify"},
    "filelock": {"shared_disk.locks"},
    "cryptography": {"ledger.signing"},
    "fsspec": {"store.remote"},
    "pyarrow": {"files.content"},
    "scipy": {"evaluate.calibration", "data.copies", "diff.metrics"},
    "cattrs": {"recipe"},
    "tomllib": {"recipe"},
    "rfc8785": {"recipe", "plan", "data.sources"},
    "ctypes": {"models.nep.native", "models.nep.native_moments", "lammps.mpi_library"},
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def _module(path: Path) -> str:
    """ "recipe.load" of nepforge/recipe/load.py, "recipe" of its __init__.py, "" of the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Full name of every import and whether it happens inside a function or for types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    later = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef) or _is_for_types(outer)
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in later) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides its room"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in later


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _within(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("path", MODULES, ids=_module)
def test_a_room_imports_only_the_rooms_it_may(path: Path) -> None:
    """Direction: recipe -> plan -> stages -> ledger -> ui; physics never reads a recipe."""
    module = _module(path)
    room = module.split(".")[0]
    allowed = {room, *EVERYWHERE, *ROOMS.get(module, ROOMS.get(room, set()))}
    for name, is_later in _imports(path):
        if not name.startswith("nepforge."):
            continue
        target = name.split(".")[1]
        if not (PACKAGE / target).exists() and not (PACKAGE / f"{target}.py").exists():
            continue  # a name of the package itself: __version__
        permitted = allowed | (LATER.get(room, set()) if is_later else set())
        imported = name.removeprefix("nepforge.")
        assert _within(imported, permitted), f"nepforge.{room} must not import nepforge.{imported}"


@pytest.mark.parametrize("path", MODULES, ids=_module)
def test_a_library_stays_in_its_room(path: Path) -> None:
    """So that check, plan and --help start without torch, and a library can be replaced."""
    module = _module(path)
    for name, _ in _imports(path):
        library = name.split(".")[0]
        if library in LIBRARIES:
            assert _within(module, LIBRARIES[library]), f"{module} must not import {library}"


def test_every_room_has_its_rules() -> None:
    """A new room is entered into the table before it is used."""
    rooms = {_module(path).split(".")[0] for path in MODULES} - {""}
    assert rooms <= ROOMS.keys()


@pytest.mark.parametrize("room", ["core", "device"])
def test_only_the_pair_styles_know_lammps_and_mpi(room: str) -> None:
    """lammps_pair/core is shared by the pair styles and by Python, device by tests."""
    folder = PACKAGE.parent / "lammps_pair" / room
    for path in sorted(
        path for ending in ("h", "cpp", "cu") for path in folder.glob(f"*.{ending}")
    ):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.lstrip().startswith("#include"):
                words = line.lower()
                foreign = [name for name in ("lammps", "mpi.h", "torch", "pair_") if name in words]
                assert not foreign, f"{path.name}: {line}"
