"""[export], [[md]] and [md_benchmark]: what becomes of the trained model."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from nepforge.recipe.tables.key import key
from nepforge.recipe.tables.values import Count, FileName, Index, Name, Positive, Precision


@frozen(kw_only=True)
class Export:
    """[export]: the text layouts in which the model is written."""

    layouts: tuple[Literal["nep4", "nep5", "lammps"], ...] = field(
        metadata=key(
            "text files of the model, each once",
            more="`nep4.txt` (GPUMD, NEP_CPU, calorine; one common bias, exact for the composition "
            "of the training data), `nep5.txt` (GPUMD, NEP_CPU; one bias per species), "
            "`nep_to_lmps.txt` (`pair_style nepforge`, MatPL; one bias per species). Every file is "
            "checked against the trained model",
            example=["nep4", "nep5", "lammps"],
        )
    )


@frozen(kw_only=True)
class StructureFromData:
    """A training frame as the cell of an MD run."""

    from_: Literal["data"] = field(metadata=key("the cell is a training frame"))
    index: Index = field(metadata=key("which one, counted from 0 after the split"))
    replicate: tuple[Count, Count, Count] = field(metadata=key("copies along the cell vectors"))


@frozen(kw_only=True)
class StructureFromFile:
    """A structure file as the cell of an MD run."""

    file: FileName = field(
        metadata=key("`.cif`, `.vasp`, `.xyz` or `.extxyz`, read by ASE", file="structure")
    )
    replicate: tuple[Count, Count, Count] = field(metadata=key("copies along the cell vectors"))


Structure = StructureFromData | StructureFromFile


@frozen(kw_only=True)
class Md:
    """[[md]]: one LAMMPS run with the exported model."""

    name: Name = field(metadata=key("names the stage `md:<name>`; each once", example="nvt-300K"))
    structure: Structure = field(
        metadata=key(
            "the cell: a training frame, or a file",
            more="See below",
            example={"from": "data", "index": 0, "replicate": [2, 2, 2]},
        )
    )
    ensemble: Literal["nve", "nvt", "npt"] = field(
        metadata=key("nve, nvt, or npt, which needs a pressure", example="nvt")
    )
    temperature: Positive = field(
        metadata=key("target of nvt and npt, start of nve", unit="K", example=300.0)
    )
    pressure: float | None = field(
        default=None,
        metadata=key("target of npt, which needs it; refused with nve and nvt", unit="bar"),
    )
    timestep: Positive = field(metadata=key("time step", unit="fs", example=2.0))
    steps: Count = field(metadata=key("number of time steps", example=5000))
    ranks: Count = field(metadata=key("MPI processes", example=2))
    threads: Count | None = field(
        default=None, metadata=key("OpenMP threads per rank; default one")
    )
    precision: Precision = field(
        default="double",
        metadata=key(
            "of the pair style: double or mixed",
            more="Mixed: formulas in single precision, sums in double, forces within 1e-5 eV/Å",
        ),
    )
    timeout_minutes: Positive = field(
        default=60.0, metadata=key("the run is stopped and fails after this time", unit="min")
    )


@frozen(kw_only=True)
class MdBenchmark:
    """[md_benchmark]: speed of npt runs with the exported model over sizes and settings."""

    structure: Structure = field(
        metadata=key("the cell, replicated further to each size", more="See below")
    )
    atoms: tuple[Count, ...] = field(
        metadata=key("sizes; the nearest that a replication gives is taken")
    )
    atom_steps: Count = field(
        metadata=key(
            "atoms times steps of one measurement, which has at least 10 steps",
            more="A hundredth of it for a Deep Potential",
        )
    )
    temperature: Positive = field(metadata=key("target temperature", unit="K"))
    pressure: float = field(metadata=key("target pressure", unit="bar"))
    timestep: Positive = field(metadata=key("time step", unit="fs"))
    ranks: tuple[Count, ...] = field(metadata=key("numbers of MPI processes"))
    threads: tuple[Count, ...] = field(metadata=key("numbers of OpenMP threads per rank"))
    precision: tuple[Precision, ...] = field(metadata=key("of the pair style"))
    cores: Count | None = field(
        default=None,
        metadata=key(
            "combinations of ranks and threads that need more cores are left out; default: the "
            "cores of the machine"
        ),
    )
    deepmd_model: FileName | None = field(
        default=None,
        metadata=key(
            "a DeePMD-kit model with the species of `data.species`, measured as well",
            more="It runs in the LAMMPS of the environment whose `dp` is found on PATH "
            "(DeePMD-kit pins a LAMMPS of its own)",
            file="model",
        ),
    )
    timeout_minutes: Positive = field(
        default=60.0, metadata=key("a measurement is stopped and fails after this time", unit="min")
    )
