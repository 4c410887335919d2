"""GPUMD's nep.in as the beginning of a recipe: each keyword is used, ignored or refused.

Defaults are those of GPUMD (doc/nep/input_parameters, 2026-08). What only GPUMD's
evolution strategy needs is left out, with a comment that says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import define

from nepforge.errors import DataError, UsageError
from nepforge.recipe.limits import did_you_mean
from nepforge.recipe.other_files import text_kind
from nepforge.recipe.starter import Settings, filled
from nepforge.recipe.tables import SYMBOLS

NEWER_INVARIANTS = ("222", "1111", "112", "123", "233", "134")  # flags after l_max
TYPE_WISE_FACTOR = 0.65  # of use_typewise_cutoff_zbl without a number
LARGEST_FLAG = 2  # after l_max
ZBL_FILE = "zbl.in"  # beside nep.in: ten numbers for each pair of species
N_ZBL_ROW = 10
IGNORED = {  # keyword -> why it has no counterpart
    "generation": "optimizer.epochs says how long to train",
    "population": "only for the evolution strategy",
    "batch": "optimizer.batch_size is the number of frames in one update",
    "use_full_batch": "only for the evolution strategy",
    "lambda_1": "the covariance of the Kalman filter regularises",
    "lambda_2": "the covariance of the Kalman filter regularises",
    "lambda_shear": "all nine components of the virial have the same weight",
    "import_q_scaler": "start_from takes it from the model",
    "seed": "the recipe has a seed of its own",
    "checkpoint": "the best epoch is kept",
    "force_delta": "small forces have the same weight as large ones",
    "type_weight": "write its numbers as optimizer.force_weights",
    "sigma0": "only for the evolution strategy",
    "initial_para": "only for the evolution strategy; start_from names an initial model",
    "output_interval": "every epoch is reported",
    "save_potential": "the best epoch is kept",
    "output_descriptor": "no such file is written",
    "atomic_v": "only for tensor models",
}
SNES_WEIGHTS = {"lambda_e": "energy", "lambda_f": "force", "lambda_v": "virial"}


@define
class _Line:
    """One line: `words` after the keyword."""

    path: Path
    number: int
    keyword: str
    words: list[str]

    def refused(self, text: str, hint: str = "") -> DataError:
        return DataError(f"{self.path}:{self.number}: {self.keyword}: {text}", hint=hint)

    def integers(self, least: int, most: int) -> list[int]:
        if not least <= len(self.words) <= most or not all(
            re.fullmatch(r"[+-]?\d{1,9}", word) for word in self.words
        ):
            count = str(least) if least == most else f"{least} to {most}"
            raise self.refused(f"got {' '.join(self.words)!r}, expected {count} integers")
        return [int(word) for word in self.words]

    def numbers(self, least: int, most: int) -> list[float]:
        if not least <= len(self.words) <= most or not all(
            re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", word) for word in self.words
        ):
            raise self.refused(f"got {' '.join(self.words)!r}, expected {least} or more numbers")
        return [float(word) for word in self.words]


def recipe_from_nep_in(
    path: Path, name: str, train: Sequence[str], validation: Sequence[str]
) -> str:
    """The text of a recipe with the settings of a nep.in.

    Args:
        path: nep.in. A zbl.in beside it is read where nep.in has a line `zbl`, as GPUMD does.
        name: Of the recipe.
        train: Files of training data, as the recipe shall name them.
        validation: Files of validation data; a share of the training data when empty.

    Raises:
        UsageError: The file cannot be read.
        DataError: A keyword is unknown or asks for what we do not train, or zbl.in is damaged;
            names the line.
    """
    settings = Settings({"name": json.dumps(name), "train": json.dumps(list(train))})
    if validation:
        settings.values["validation"] = json.dumps(list(validation))
    for key, value in GPUMD_DEFAULTS.items():
        settings.values[key] = value
    lines = _lines(path)
    for line in lines:
        _take(line, settings)
    if "type" not in {line.keyword for line in lines}:
        raise DataError(f"{path}: has no line 'type', which names the species")
    table = path.parent / ZBL_FILE
    if "zbl" in settings.values and table.exists():
        settings.values["zbl"] = json.dumps(_zbl_table(table, settings))
        settings.comments.append(f"{ZBL_FILE}: used, as GPUMD does, instead of the line zbl")
    if "OUTER" in settings.values.get("zbl", ""):
        raise DataError(f"{path}: use_typewise_cutoff_zbl without a line zbl")
    return filled(settings, f"{path.name} of GPUMD")


def data_beside(path: Path, train: Path | None = None) -> tuple[list[str], list[str]]:
    """Files of training and of validation data: train.xyz and test.xyz beside nep.in, as GPUMD has
    them, or `train` and a share of it."""
    if train is not None:
        return [train.as_posix()], []
    test = path.parent / "test.xyz"
    return [(path.parent / "train.xyz").as_posix()], [test.as_posix()] if test.exists() else []


GPUMD_DEFAULTS = {
    "cutoff": "[8.0, 4.0]",
    "n_max": "[4, 4]",
    "basis_size": "[8, 8]",
    "l_max": "4",
    "invariants": '["222"]',
    "neurons": "30",
}


def _lines(path: Path) -> list[_Line]:
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    found = []
    for number, raw in enumerate(text.splitlines(), start=1):
        words = raw.partition("#")[0].split()
        if words:
            found.append(_Line(path, number, words[0], words[1:]))
    return found


def _take(line: _Line, settings: Settings) -> None:
    shown = " ".join([line.keyword, *line.words])
    if line.keyword in USED:
        USED[line.keyword](line, settings)
        settings.comments.append(f"{shown}: used")
    elif line.keyword in IGNORED:
        settings.comments.append(f"{shown}: ignored, {IGNORED[line.keyword]}")
    else:
        known = [*USED, *IGNORED]
        hint = did_you_mean(line.keyword, known) or _advice(line.path)
        raise DataError(f"{line.path}:{line.number}: unknown keyword {line.keyword!r}", hint=hint)


def _advice(path: Path) -> str:
    """What to do about an unknown line: the file may be of another kind."""
    kind = text_kind(path.read_bytes().decode("utf-8-sig", errors="replace"), path)
    if kind is not None and "nep.in" not in kind[0]:
        return f"this file is {kind[0]}; {kind[1]}"
    return "remove the line if GPUMD does not need it"


def _type(line: _Line, settings: Settings) -> None:
    symbols = line.words[1:]
    if not line.words or line.words[0] != str(len(symbols)) or not symbols:
        raise line.refused(f"got {' '.join(line.words)!r}, expected a count and as many species")
    for symbol in symbols:
        if symbol not in SYMBOLS:
            raise line.refused(f"{symbol} is not a chemical symbol")
    settings.values["species"] = json.dumps(symbols)


def _version(line: _Line, _settings: Settings) -> None:
    if line.integers(1, 1)[0] not in (3, 4, 5):
        raise line.refused("expected 3, 4 or 5", "one network and output bias for each species")


def _zero(what: str) -> Callable[[_Line, Settings], None]:
    """A keyword that may only be 0."""

    def take(line: _Line, _settings: Settings) -> None:
        if any(line.numbers(1, 4)):
            raise line.refused(f"asks for {what}, which are not trained here", "GPUMD trains them")

    return take


def _prediction(line: _Line, _settings: Settings) -> None:
    if line.integers(1, 1) != [0]:
        raise line.refused("asks for predictions", "nepforge test nep.txt train.xyz makes them")


def _cutoff(line: _Line, settings: Settings) -> None:
    numbers = line.numbers(2, 2 * len(SYMBOLS))
    pairs = [list(pair) for pair in zip(numbers[::2], numbers[1::2], strict=False)]
    if len(numbers) % 2:
        raise line.refused("expected pairs of a radial and an angular cutoff")
    settings.values["cutoff"] = json.dumps(pairs[0] if len(pairs) == 1 else pairs)


def _pair(key: str) -> Callable[[_Line, Settings], None]:
    def take(line: _Line, settings: Settings) -> None:
        settings.values[key] = json.dumps(line.integers(2, 2))

    return take


def _l_max(line: _Line, settings: Settings) -> None:
    l_max, *flags = line.integers(1, 1 + len(NEWER_INVARIANTS))
    if not all(0 <= flag <= LARGEST_FLAG for flag in flags):
        raise line.refused(f"got {' '.join(line.words)!r}, expected flags from 0 to {LARGEST_FLAG}")
    names = [name for name, flag in zip(NEWER_INVARIANTS, flags, strict=False) if flag]
    settings.values["l_max"] = str(l_max)
    settings.values["invariants"] = json.dumps(names)


def _neuron(line: _Line, settings: Settings) -> None:
    first, *second = line.integers(1, 2)
    if any(second):
        raise line.refused("two hidden layers are not trained here", "neuron with one number")
    settings.values["neurons"] = str(first)


def _zbl(line: _Line, settings: Settings) -> None:
    if line.words in (["0"], ["0", "0"]):
        if not (line.path.parent / ZBL_FILE).exists():
            raise line.refused(f"a flexible ZBL is in {ZBL_FILE}, which is not beside this file")
        line.words = line.words[:1]
    outer = line.numbers(1, 1)[0]
    typewise = settings.values.get("zbl", "")
    settings.values["zbl"] = typewise.replace("OUTER", repr(outer)) or repr(outer)


def _zbl_table(path: Path, settings: Settings) -> list[list[float]]:
    """The rows of zbl.in, one for each pair of species."""
    n_species = len(json.loads(settings.values["species"]))
    rows = [_Line(path, line.number, "row", [line.keyword, *line.words]) for line in _lines(path)]
    n_pairs = n_species * (n_species + 1) // 2
    if len(rows) != n_pairs:
        raise DataError(
            f"{path}: found {len(rows)} lines, expected {n_pairs} for {n_species} species",
            hint="one for each pair 1-1, 1-2, ..., 2-2, ...: inner, outer, a1, b1, ..., a4, b4",
        )
    return [row.numbers(N_ZBL_ROW, N_ZBL_ROW) for row in rows]


def _typewise_zbl(line: _Line, settings: Settings) -> None:
    factor = (line.numbers(0, 1) or [TYPE_WISE_FACTOR])[0]
    outer = settings.values.get("zbl", "OUTER")
    settings.values["zbl"] = f"{{ outer = {outer}, factor = {factor!r} }}"


def _weight(line: _Line, settings: Settings) -> None:
    """Weights of the evolution strategy have other units; only a zero means the same."""
    if line.numbers(1, 1) == [0.0]:
        settings.weights[SNES_WEIGHTS[line.keyword]] = 0.0


def _fine_tune(line: _Line, settings: Settings) -> None:
    if not line.words:
        raise line.refused("expected a model file")
    settings.values["start_from"] = json.dumps(line.words[0])


def _typewise_cutoff(line: _Line, _settings: Settings) -> None:
    raise line.refused(
        "cutoffs made of covalent radii (GPUMD 3.9.5 to 4.6) are not trained here",
        "write the two cutoffs of each species behind `cutoff`, as GPUMD 4.7 and newer have it",
    )


USED: Mapping[str, Callable[[_Line, Settings], None]] = {
    "type": _type,
    "version": _version,
    "model_type": _zero("dipoles, polarizabilities or temperatures"),
    "mode": _zero("dipoles, polarizabilities or temperatures"),
    "train_mode": _zero("dipoles or polarizabilities"),
    "charge_mode": _zero("charges"),
    "loss_mode": _zero("errors divided by standard deviations"),
    "lambda_d": _zero("energy differences"),
    "prediction": _prediction,
    "cutoff": _cutoff,
    "n_max": _pair("n_max"),
    "basis_size": _pair("basis_size"),
    "l_max": _l_max,
    "neuron": _neuron,
    "zbl": _zbl,
    "use_typewise_cutoff": _typewise_cutoff,
    "use_typewise_cutoff_zbl": _typewise_zbl,
    "lambda_e": _weight,
    "lambda_f": _weight,
    "lambda_v": _weight,
    "fine_tune": _fine_tune,
}
