"""Errors about LAMMPS types without a known element."""

from __future__ import annotations

from nepforge.errors import DataError


def unknown_elements(source: str) -> DataError:
    return DataError(
        f"{source}: does not say which elements the LAMMPS types are",
        hint="name the elements of types 1, 2, ... in order: --species Hf,O (a recipe takes its "
        "data.species)",
    )


def unnamed_type(source: str, kind: int | str, n_species: int) -> DataError:
    return DataError(
        f"{source}: has type {kind}, species name {n_species} types",
        hint="name the elements of all types in order: --species Hf,O (a recipe: data.species)",
    )
