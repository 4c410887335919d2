"""A trained model as the start of another: cut down to fewer species, sizes compared."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import attrs
import torch

from nepforge.errors import ModelFileError
from nepforge.formats.potential_file import NEPModel
from nepforge.models.nep.network import NEP
from nepforge.models.nep.sizes import CutoffPair
from nepforge.models.nep.zbl import ZBL

SIZES = ("n_max", "basis_size", "l_max", "invariants", "neurons")  # fields that must agree


def cut_down(trained: NEPModel, species: Sequence[str], name: str) -> NEPModel:
    """The same potential for fewer species, in the order of `species`.

    Energies and forces of structures of these species stay what they were.

    Args:
        trained: The model, of at least these species.
        species: Chemical symbols.
        name: Of the model file, for the message.

    Raises:
        ModelFileError: It does not know one of the species.
    """
    model = trained.model
    missing = [symbol for symbol in species if symbol not in model.species]
    if missing:
        raise ModelFileError(
            f"{name}: knows {', '.join(model.species)}, but not {', '.join(missing)}",
            hint="take a model that knows every species of data.species",
        )
    kept = torch.tensor([model.species.index(symbol) for symbol in species])
    weights = model.views(trained.parameters)
    networks = [weights.w0.flatten(1), weights.b0, weights.w1, weights.bias[:, None]]
    coefficients = [
        c.unflatten(2, (model.n_types, -1))[kept][:, :, kept].flatten()
        for c in (weights.c_radial, weights.c_angular)
    ]
    smaller = attrs.evolve(
        model,
        species=tuple(species),
        cutoff=_cutoff_of(model, kept.tolist()),
        zbl=None if model.zbl is None else _zbl_of(model.zbl, kept.tolist(), model.n_types),
    )
    parameters = torch.cat([torch.cat(networks, dim=1)[kept].flatten(), *coefficients])
    return NEPModel(smaller, parameters, trained.q_scaler, trained.neighbors)


def _cutoff_of(model: NEP, kept: Sequence[int]) -> CutoffPair | tuple[CutoffPair, ...]:
    if not isinstance(model.cutoff[0], tuple):
        return model.cutoff
    return tuple(model.cutoffs[t] for t in kept)


def _zbl_of(zbl: ZBL, kept: Sequence[int], n_types: int) -> ZBL:
    """The rows of the pairs that are left."""
    if not zbl.rows:
        return zbl
    pairs = list(itertools.combinations_with_replacement(range(n_types), 2))
    rows = dict(zip(pairs, zbl.rows, strict=True))
    left = itertools.combinations_with_replacement(kept, 2)
    return attrs.evolve(zbl, rows=tuple(rows[min(pair), max(pair)] for pair in left))


def start_from(trained: NEPModel, model: NEP, name: str) -> NEPModel:
    """A trained model cut down to the species of `model`, with parameters of its own.

    Raises:
        ModelFileError: A species is missing or a size differs; all differences at once.
    """
    found = cut_down(trained, model.species, name)
    differences = list(_differences(found.model, model))
    if differences:
        raise ModelFileError(
            f"{name}: does not fit [model]: {'; '.join(differences)}",
            hint="write the values of the file into [model] of the recipe; "
            "`nepforge inspect MODEL` shows them",
        )
    numbers = found.parameters.clone(), found.q_scaler.clone()
    return NEPModel(model, *numbers, found.neighbors)


def _differences(found: NEP, wanted: NEP) -> Iterator[str]:
    if found.cutoffs != wanted.cutoffs:
        yield f"cutoff is {_shown(found.cutoff)}, the recipe has {_shown(wanted.cutoff)}"
    for name in SIZES:
        if getattr(found, name) != getattr(wanted, name):
            values = _shown(getattr(found, name)), _shown(getattr(wanted, name))
            yield f"{name} is {values[0]}, the recipe has {values[1]}"
    if not _same_zbl(found, wanted):
        yield f"zbl is {zbl_words(found.zbl)}, the recipe has {zbl_words(wanted.zbl)}"


def _same_zbl(found: NEP, wanted: NEP) -> bool:
    """Whether both repel in the same way: the unused numbers of a type-wise ZBL do not count."""
    if found.zbl is None or wanted.zbl is None:
        return found.zbl == wanted.zbl
    tables = (model.zbl.pair_table(model.species) for model in (found, wanted) if model.zbl)
    first, second = (attrs.astuple(table, recurse=False) for table in tables)
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def zbl_words(zbl: ZBL | None) -> str:
    """The value of model.zbl in a recipe: "2.0", "{ outer = 2.0, factor = 0.65 }"."""
    if zbl is None:
        return "none"
    if zbl.rows:
        return f"{_shown(zbl.rows)}"
    if zbl.factor is not None:
        return f"{{ outer = {zbl.outer!r}, factor = {zbl.factor!r} }}"
    if zbl.inner == zbl.outer / 2:
        return f"{zbl.outer!r}"
    return f"{{ outer = {zbl.outer!r}, inner = {zbl.inner!r} }}"


def _shown(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return f'"{value}"' if isinstance(value, str) else repr(value)
