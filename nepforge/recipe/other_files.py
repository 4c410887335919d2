"""What a file is that was given as a recipe but is not one, and what to do with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from nepforge.data.formats.table import OF_FILES

Kind = tuple[str, str]  # what it is, what to do

NEW_RECIPE = "`nepforge init NAME` writes a recipe"
_NEP_IN = re.compile(
    r"^\s*(type|type_weight|version|zbl|cutoff|n_max|basis_size|l_max|neuron|lambda_\w+|batch|"
    r"population|generation|use_typewise_cutoff\w*|force_delta|save_potential)\s+[\w.+-]",
    re.MULTILINE,
)
_MODEL = re.compile(r"\A\s*nep[345]?(_\w+)?\s+\d+\s+[A-Z]")
_LAMMPS = re.compile(
    r"^\s*(units|atom_style|pair_style|pair_coeff|read_data|boundary|newton|timestep|thermo)\s+[^=\s]",
    re.MULTILINE,
)
_YAML = re.compile(r"^[ -]*[\w\"' -]+:(\s|$)", re.MULTILINE)
_PYTHON = re.compile(r"^(import \w|from \w+ import |def \w+\()", re.MULTILINE)
_MATPL = frozenset(
    (
        *("model_type", "atom_type", "train_data", "valid_data", "raw_files", "datasets_path"),
        *("train_movement_file", "recover_train", "max_neigh_num", "test_data"),
    )
)
_JSON_KINDS = (  # some of its keys, what it is, what to do
    (_MATPL, "JSON, settings for PWMLFF (MatPL)", "nepforge init NAME --from {path}"),
    (frozenset(("run_hash",)), "JSON, the summary of a run", "its recipe is {recipe}"),
    (
        frozenset(("training", "learning_rate")),
        "JSON, settings for DeePMD-kit",
        f'write them with model.kind = "dp"; {NEW_RECIPE}',
    ),
)
_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1f\x8b", ("compressed with gzip", "unpack it; data may stay packed, a recipe may not")),
    (b"\xfd7zXZ", ("compressed with xz", "unpack it; data may stay packed, a recipe may not")),
    (b"BZh", ("compressed with bzip2", "unpack it; data may stay packed, a recipe may not")),
    (b"\x28\xb5\x2f\xfd", ("compressed with zstd", "unpack it")),
    (b"\x93NUMPY", ("a NumPy array", "name its folder in data.train of a recipe")),
    (b"\x89HDF", ("an HDF5 file", NEW_RECIPE)),
    (b"SQLite format 3", ("a database", "`nepforge ui` shows that of MLflow")),
    (b"\x89PNG", ("an image", NEW_RECIPE)),
    (b"%PDF", ("a PDF", NEW_RECIPE)),
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def binary_kind(raw: bytes, path: Path) -> Kind | None:
    """What bytes are that are not UTF-8 text; None for text in another encoding."""
    if raw.startswith(_UTF_16):
        return "UTF-16 text", "save it as UTF-8"
    if raw.startswith(b"PK"):
        return _zip(raw, path)
    return next((kind for magic, kind in _MAGIC if raw.startswith(magic)), None)


def _zip(raw: bytes, path: Path) -> Kind:
    if b"ro-crate-metadata" in raw:
        return "a bundle of a run", f"nepforge reproduce {path}"
    if b"data.pkl" in raw:
        return "a model checkpoint", f"nepforge inspect {path}"
    if b".npy" in raw:
        return "NumPy arrays", NEW_RECIPE
    return "a zip archive", NEW_RECIPE


def text_kind(text: str, path: Path) -> Kind | None:
    """What a text is that is not TOML; None when it may be meant as a recipe."""
    looks: tuple[Callable[[str, Path], Kind | None], ...] = (
        _json,
        _model,
        _data,
        _lammps,
        _nep_in,
        _markup,
    )
    return next((kind for look in looks if (kind := look(text, path)) is not None), None)


def _json(text: str, path: Path) -> Kind | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        content = json.loads(text)
    except ValueError:
        return _lines_of_json(text, path)
    keys = set(content) if isinstance(content, Mapping) else set()
    for some, kind, advice in _JSON_KINDS:
        if keys & some:
            return kind, advice.format(path=path, recipe=path.with_name("recipe.toml"))
    return "JSON", f"expected TOML; {NEW_RECIPE}"


def _lines_of_json(text: str, path: Path) -> Kind:
    if '"prev":"' in text.lstrip().split("\n", 1)[0]:
        return "a ledger", f"nepforge ledger log --workspace {path.resolve().parent.parent}"
    return "damaged JSON", f"expected TOML; {NEW_RECIPE}"


def _model(text: str, path: Path) -> Kind | None:
    if not _MODEL.match(text):
        return None
    advice = f'model.start_from = "{path.name}" trains it further; nepforge inspect {path}'
    return "a NEP model", advice


def _data(text: str, path: Path) -> Kind | None:
    name = path.name.lower()
    for known in OF_FILES:
        named = path.suffix != ".toml" and any(
            path.match(p) or Path(name).match(p) for p in known.names
        )
        if named or (known.mark and re.search(known.mark, text, re.MULTILINE)):
            advice = (
                f'train = ["{path.name}"] in [data] of a recipe names it; nepforge data show {path}'
            )
            return f"structures ({known.name})", advice
    return None


def _lammps(text: str, path: Path) -> Kind | None:
    if len(set(_LAMMPS.findall(text))) < 2:
        return None
    return "a LAMMPS input script", f"lmp -in {path}; [[md]] of a recipe writes its own"


def _nep_in(text: str, path: Path) -> Kind | None:
    words = {found.group(1) for found in _NEP_IN.finditer(text)}
    has_type = re.search(r"^\s*type\s+\d+\s+[A-Z]", text, re.MULTILINE) is not None
    if not has_type and (path.name != "nep.in" or not words):
        return None
    return "settings for GPUMD (nep.in)", f"nepforge init NAME --from {path}"


def _markup(text: str, path: Path) -> Kind | None:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if text.lstrip().startswith("<"):
        return "XML or HTML", f"expected TOML; {NEW_RECIPE}"
    if path.suffix == ".py" or len(_PYTHON.findall(text)) > 1:
        return "a Python script", f"expected TOML; {NEW_RECIPE}"
    if len(_YAML.findall(text)) > 0.6 * len(lines):
        return "YAML", f"TOML writes key = value, and tables as [data]; {NEW_RECIPE}"
    return None
