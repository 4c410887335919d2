"""The JSON inputs of PWMLFF and MatPL: each key is used, ignored with its reason, or refused.

Keys and defaults are those of the manuals of PWMLFF 2024.5 (`datasets_path`, `raw_files`) and
MatPL 2025.3 (`train_data`, `valid_data`). A key that means
something else here (weights of observations, p0_weight) is ignored, with a comment that says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from nepforge.data.formats.table import BY_PWMLFF_NAME
from nepforge.data.sources import has_parts
from nepforge.errors import DataError
from nepforge.recipe.from_nep_in import LARGEST_FLAG, NEWER_INVARIANTS
from nepforge.recipe.json_input import JSONEntry, JsonInput, read_json
from nepforge.recipe.limits import did_you_mean
from nepforge.recipe.pwmlff_names import IGNORED, OTHERS
from nepforge.recipe.rules import beyond_gpumd
from nepforge.recipe.starter import Settings, filled, toml
from nepforge.recipe.tables import SYMBOLS, NEPModelTable

TRAIN_KEYS = ("train_data", "datasets_path", "raw_files", "train_movement_file")
TEST_KEYS = ("test_data", "datasets_path", "raw_files", "test_movement_file")
PWMLFF_KEYS = ("datasets_path", "raw_files", "train_movement_file")  # of the older of the two
NEURONS = {True: 100, False: 40}  # of PWMLFF 2024.5, of MatPL 2025.3
TRAIN_SHARE = 0.8  # train_valid_ratio
TYPE_EMBEDDING = 8  # length of the vector of a species, DeePMD-kit
TRAINED = {  # key -> quantity, and whether it is trained when nothing is said
    "train_energy": ("energy", True),
    "train_force": ("force", True),
    "train_virial": ("virial", False),
    "train_ei": ("atomic_energy", False),
}
PREFACTORS = {  # quantity -> word in start_pre_fac_..., and first and last value
    "energy": ("etot", 0.02, 1.0),
    "force": ("force", 1000.0, 1.0),
    "virial": ("virial", 50.0, 1.0),
    "atomic_energy": ("ei", 0.1, 2.0),
}


@frozen
class Translated:
    """A recipe, and what the user must know about it."""

    text: str
    warnings: tuple[str, ...]


@frozen
class ComparisonInput:
    """What `test nep_test.json` asks for; `file_format` is "" where the files tell it."""

    model: Path
    files: tuple[Path, ...]
    file_format: str


def recipe_from_json(path: Path, name: str, train: Path | None = None) -> Translated:
    """The text of a recipe with the settings of a training input.

    Args:
        path: nep.json, train.json: whatever its name, its keys tell.
        name: Of the recipe.
        train: A file of training data in place of those that the input names.

    Raises:
        UsageError: The file cannot be read.
        DataError: It is not JSON, or a value is of the wrong kind or asks for what is not trained
            here; names the line.
    """
    given = read_json(path)
    settings = Settings({"name": json.dumps(name)}, without=["md"])
    settings.comments.append("the input has no [[md]]; `nepforge init` shows how to write one")
    _data(given, settings, train)
    if _kind(given) == "DP":
        _deep_potential(given, settings)
    else:
        _nep(given, settings)
    _optimizer(given, settings)
    warnings = _account_for_rest(given, settings)
    return Translated(filled(settings, path.name), tuple(warnings))


def comparison_input(path: Path) -> ComparisonInput:
    """Model and data of a test input.

    Raises:
        UsageError: The file cannot be read.
        DataError: It is not JSON, or names no model or no data.
    """
    given = read_json(path)
    model = given.get("model_load_file")
    files = given.files(TEST_KEYS)
    if model is None or not files:
        missing = "model_load_file" if model is None else " or ".join(TEST_KEYS)
        raise DataError(
            f"{path}: has no {missing}", hint="nepforge test MODEL DATA... needs no JSON file"
        )
    models = model.files()
    if len(models) != 1:
        raise model.refused("the file of one model")
    named = given.get("format") if given.get("test_data") or given.get("raw_files") else None
    mixed = named is not None and given.get("datasets_path") is not None
    chosen = "" if named is None or mixed else BY_PWMLFF_NAME[_format(named)]
    return ComparisonInput(Path(models[0]), tuple(map(Path, files)), chosen)


def _kind(given: JsonInput) -> str:
    tensor = given.get("model.model_type")  # of GPUMD, whose keywords may stand there
    if tensor is not None and tensor.value != 0:
        raise tensor.refused("0: dipoles and polarizabilities are not trained here")
    entry = given.get("model_type")
    if entry is None:
        raise DataError(f"{given.path}: has no model_type", hint='"model_type": "NEP"')
    kind = str(entry.value).upper()
    if kind not in ("NEP", "DP"):
        raise entry.refused('"NEP" or "DP", which are trained here')
    return kind


def _format(entry: JSONEntry) -> str:
    if not isinstance(entry.value, str) or entry.value not in BY_PWMLFF_NAME:
        raise entry.refused(
            f"one of {', '.join(BY_PWMLFF_NAME)}",
            "convert the files to extended XYZ and name those",
        )
    return entry.value


def _data(given: JsonInput, settings: Settings, train: Path | None) -> None:
    settings.values["species"] = json.dumps(_species(given), ensure_ascii=False)
    named = given.get("format")
    if named is not None:
        _format(named)  # readers tell a format by themselves; one that there is none for ends here
        settings.comments.append(f"format {named.value}: told by name and content of each file")
    files = given.files(TRAIN_KEYS) if train is None else [train.as_posix()]
    if not files:
        raise DataError(f"{given.path}: names no data", hint=f'"{TRAIN_KEYS[0]}": ["train.xyz"]')
    settings.values["train"] = json.dumps(files, ensure_ascii=False)
    settings.values["validation"] = _validation(given, files)
    seed = given.get("seed")
    if seed is not None:
        settings.values["seed"] = str(seed.count())


def _validation(given: JsonInput, train: list[str]) -> str:
    """The files that are named, the valid/ folders beside the train/ folders, or a share."""
    share = given.get("train_valid_ratio")
    files = given.files(("valid_data",))
    if not files:
        files = [name for name in train if Path(name).is_dir() and has_parts(Path(name))]
    if files:
        return json.dumps(files, ensure_ascii=False)
    ratio = TRAIN_SHARE if share is None else share.number()
    if share is not None and not 0.0 < ratio < 1.0:
        raise share.refused("a number above 0 and below 1")
    return f"{1.0 - ratio:.6g}"


def _species(given: JsonInput) -> list[str]:
    entry = given.get("atom_type")
    if entry is None:
        raise DataError(f"{given.path}: has no atom_type", hint='"atom_type": [8, 72]')
    return [_symbol(word) for word in entry.each()]


def _symbol(entry: JSONEntry) -> str:
    value = entry.value
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= len(SYMBOLS):
        value = SYMBOLS[value - 1]
    if value not in SYMBOLS:
        raise entry.refused("chemical symbols or atomic numbers from H to Pu")
    return str(value)


def _nep(given: JsonInput, settings: Settings) -> None:
    values = settings.values
    values |= {"cutoff": "[6.0, 6.0]", "n_max": "[4, 4]", "basis_size": "[12, 12]"}
    cutoff = given.get("model.descriptor.cutoff", "model.cutoff")
    if cutoff is not None:
        values["cutoff"] = json.dumps([entry.number() for entry in cutoff.pair()])
    for key in ("n_max", "basis_size"):
        entry = given.get(f"model.descriptor.{key}", f"model.{key}")
        if entry is not None:
            values[key] = json.dumps([element.count() for element in entry.pair()])
    l_max, invariants = _l_max(given)
    values["l_max"], values["invariants"] = str(l_max), json.dumps(invariants)
    values["neurons"] = str(_neurons(given))
    zbl = given.get("model.descriptor.zbl", "model.zbl")
    if zbl is not None and zbl.value is not None:
        values["zbl"] = repr(zbl.number())
    if _beyond_gpumd(values):
        values["layouts"] = '["lammps"]'
        settings.comments.append("layouts: GPUMD and NEP_CPU cannot read a model of this size")


def _l_max(given: JsonInput) -> tuple[int, list[str]]:
    """The angular resolution, and the invariants whose flags after it are not 0, as in nep.in."""
    entry = given.get("model.descriptor.l_max", "model.l_max")
    if entry is None:
        return 4, ["222", "1111"]
    l_max, *flags = [order.count() for order in entry.each()] or [0]
    if len(flags) > len(NEWER_INVARIANTS) or any(flag > LARGEST_FLAG for flag in flags):
        raise entry.refused(f"L and flags of invariants from 0 to {LARGEST_FLAG}, like [4, 2, 1]")
    return l_max, [name for name, flag in zip(NEWER_INVARIANTS, flags, strict=False) if flag]


def _beyond_gpumd(values: Mapping[str, str]) -> bool:
    """Whether GPUMD cannot read the model; its sizes alone matter."""
    sizes = {
        key: json.loads(values[key])
        for key in ("n_max", "basis_size", "l_max", "invariants", "neurons")
    }
    model = NEPModelTable(kind="nep", cutoff=(1.0, 1.0), **sizes)
    return any(True for _ in beyond_gpumd(model))


def _neurons(given: JsonInput) -> int:
    entry = given.get("model.fitting_net.network_size", "model.neuron", "model.fitting_net.neuron")
    if entry is None:
        return NEURONS[any(key in given.entries for key in PWMLFF_KEYS)]
    widths = [width.count(1) for width in entry.each()]
    if len(widths) > 1 and widths[-1] == 1:
        widths.pop()  # the output
    if len(widths) != 1:
        raise entry.refused("one hidden layer, like [40, 1]", "NEP has one")
    return widths[0]


def _deep_potential(given: JsonInput, settings: Settings) -> None:
    lines = ['kind = "dp"']
    for key, name in (("Rmax", "cutoff"), ("Rmin", "smooth_cutoff")):
        entry = given.get(f"model.descriptor.{key}")
        if entry is not None:
            lines.append(f"{name} = {entry.number()!r}")
    for key, name, widths in (
        ("descriptor", "embedding", [25, 25, 25]),
        ("fitting_net", "fitting", [50, 50, 50, 1]),
    ):
        entry = given.get(f"model.{key}.network_size")
        found = widths if entry is None else [width.count(1) for width in entry.each()]
        hidden = found[:-1] if name == "fitting" and found[-1:] == [1] else found
        lines.append(f"{name} = {hidden}")
    axis = given.get("model.descriptor.M2")
    lines.append(f"axis = {16 if axis is None else axis.count(1)}")
    typed = given.get("type_embedding", "model.type_embedding")
    listed = any(key.startswith("model.type_embedding.") for key in given.entries)
    if listed or (typed is not None and typed.value is not False):
        lines.append(f"type_embedding = {TYPE_EMBEDDING}")
    settings.sections["model"] = lines
    settings.without.append("export")
    settings.comments.append("a Deep Potential is trained for comparison and not exported")


def _optimizer(given: JsonInput, settings: Settings) -> None:
    """LKF fills the lines of the starter, Adam gets a table of its own."""
    kind = given.get("optimizer.optimizer", "optimizer")
    name = "LKF" if kind is None else str(kind.value).upper()
    if kind is not None and name not in ("LKF", "GKF", "ADAM", "ADAMW"):
        raise kind.refused('"LKF", "GKF", "ADAM" or "ADAMW"')
    trained = _trained(given, settings.weights)
    if name.startswith("ADAM"):
        settings.sections["optimizer"] = _adam(given, name.lower(), trained)
        return
    settings.weights = trained
    for key, of_recipe in (("epochs", "epochs"), ("batch_size", "batch_size")):
        entry = given.get(f"optimizer.{key}")
        if entry is not None:
            settings.values[of_recipe] = str(entry.count(1))
    for key in ("kalman_lambda", "kalman_nue"):
        entry = given.get(f"optimizer.{key}")
        if entry is not None:
            settings.values[key] = repr(entry.number())
    block = given.get("optimizer.block_size")
    if block is not None:
        settings.values["block_size"] = str(block.count(1))
    atoms, size = given.get("optimizer.nselect"), given.get("optimizer.groupsize")
    if atoms is not None and size is not None:
        settings.values["force_groups"] = str(max(1, round(atoms.count(1) / size.count(1))))
    if name == "GKF":
        note = "GKF: LKF with a block_size of all parameters is the same"
        settings.comments.append(note)


def _trained(given: JsonInput, weights: Mapping[str, float]) -> dict[str, float]:
    """Weights of the quantities; 0 for one that is not trained."""
    found = {}
    for key, (quantity, default) in TRAINED.items():
        entry = given.get(f"optimizer.{key}")
        is_trained = default if entry is None else entry.flag()
        if is_trained or quantity in weights:
            found[quantity] = weights.get(quantity, 1.0) if is_trained else 0.0
    return found


def _adam(given: JsonInput, kind: str, weights: dict[str, float]) -> list[str]:
    def number(key: str, default: float) -> float:
        entry = given.get(f"optimizer.{key}")
        return default if entry is None else entry.number()

    def count(key: str, default: int) -> int:
        entry = given.get(f"optimizer.{key}")
        return default if entry is None else entry.count(1)

    prefactors = []
    for quantity, weight in weights.items():
        word, *defaults = PREFACTORS[quantity]
        values = [
            number(f"{end}_pre_fac_{word}", default)
            for end, default in zip(("start", "end"), defaults, strict=True)
        ]
        prefactors.append(f"{quantity} = {values if weight else [0.0, 0.0]}")
    return [
        f'kind = "{kind}"',
        f"epochs = {count('epochs', 30)}",
        f"batch_size = {count('batch_size', 1)}",
        f"learning_rate = [{number('learning_rate', 1e-3)!r}, {number('stop_lr', 3.51e-8)!r}]",
        f"schedule_steps = {count('stop_step', 1_000_000)}",
        f"decay_steps = {count('decay_step', 5000)}",
        f"prefactors = {{ {', '.join(prefactors)} }}",
        f"weights = {toml(weights)}  # of the validation loss",
    ]


def _account_for_rest(given: JsonInput, settings: Settings) -> list[str]:
    """A comment on every key, and warnings about unknown ones."""
    warnings = []
    known = {*IGNORED, *OTHERS, *(key.rpartition(".")[2] for key in given.asked)}
    for key, entry in given.entries.items():
        shown = json.dumps(entry.value, ensure_ascii=False)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        last = key.rpartition(".")[2]
        if key in given.asked:
            settings.comments.append(f"{key} {shown}: used")
        elif key in TRAIN_KEYS:
            settings.comments.append(f"{key} {shown}: ignored, init was given a data file")
        elif last in IGNORED:
            settings.comments.append(f"{key} {shown}: ignored, {IGNORED[last]}")
        elif last in known:
            settings.comments.append(f"{key} {shown}: ignored, for another model or optimizer")
        elif last == "type_weight":
            settings.comments.append(f"{key} {shown}: ignored, write optimizer.force_weights")
        else:
            hint = did_you_mean(last, known)
            settings.comments.append(f"{key} {shown}: unknown, ignored")
            warnings.append(
                f"{entry.path}:{entry.line}: {key}: unknown, ignored{f'; {hint}' if hint else ''}"
            )
    return warnings
