"""[data]: the labelled structures, which of them are used, and how their labels are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen

from nepforge.recipe.tables.key import key
from nepforge.recipe.tables.values import (
    Count,
    EnergyUnit,
    FileName,
    ForceUnit,
    FormulaText,
    InfoValues,
    KeyName,
    RangeText,
    SliceText,
    StressSign,
    StressUnit,
    Symbol,
    Validation,
)


@frozen(kw_only=True)
class Labels:
    """[data.labels]: where extended XYZ has the labels, and how they are to be read."""

    energy: KeyName | None = field(
        default=None,
        metadata=key(
            "name of the energy",
            more="Else `free_energy`, from which the forces derive, before `energy`",
            source="ASE",
        ),
    )
    forces: KeyName | None = field(
        default=None,
        metadata=key(
            "name of the force column, three numbers wide",
            more="Else `forces` or `force`",
            source="ASE, GPUMD",
        ),
    )
    virial: KeyName | None = field(
        default=None,
        metadata=key(
            "name of the virial, nine numbers",
            more="Else `virial` or `virials`. With it, `stress` is read only if it is named too",
            source="GPUMD",
        ),
    )
    stress: KeyName | None = field(
        default=None,
        metadata=key(
            "name of the stress, nine numbers, or six in Voigt order",
            more="Else `stress`. With it, `virial` is read only if it is named too",
            source="ASE",
        ),
    )
    atomic_energy: KeyName | None = field(
        default=None,
        metadata=key(
            "name of the column of atomic energies",
            more="Else `energies`, `atomic_energies` or `atomic_energy`",
            source="ASE",
        ),
    )
    energy_unit: EnergyUnit | None = field(
        default=None, metadata=key("unit of energies, including atomic ones; default eV")
    )
    force_unit: ForceUnit | None = field(
        default=None,
        metadata=key(
            "one of these energies per `angstrom`, `bohr` or `nm`; default eV/angstrom",
        ),
    )
    virial_unit: EnergyUnit | None = field(default=None, metadata=key("default eV"))
    stress_unit: StressUnit | None = field(
        default=None,
        metadata=key(
            "a pressure, or one of these energies per `angstrom^3`, `bohr^3` or `nm^3`; "
            "default eV/angstrom^3"
        ),
    )
    force_sign: Literal["force", "gradient"] | None = field(
        default=None, metadata=key('`"gradient"`: the column holds dU/dr, minus the force')
    )
    virial_sign: StressSign | None = field(
        default=None, metadata=key('default `"compression-positive"`', source="GPUMD")
    )
    stress_sign: StressSign | None = field(
        default=None,
        metadata=key(
            'default `"tension-positive"` (ASE)',
            more="VASP's kbar are positive under compression",
        ),
    )


@frozen(kw_only=True)
class Select:
    """[data.select]: which frames are used; all conditions must hold."""

    slice: SliceText | None = field(
        default=None,
        metadata=key("start:stop:step over the frames of each training file, as in Python"),
    )
    every: Count | None = field(default=None, metadata=key("every nth frame of each training file"))
    energy: RangeText | None = field(
        default=None, metadata=key("total energy per atom", unit="eV/atom")
    )
    force: RangeText | None = field(
        default=None, metadata=key("magnitude of the largest force on an atom", unit="eV/Å")
    )
    distance: RangeText | None = field(
        default=None,
        metadata=key("shortest distance between two atoms, periodic images included", unit="Å"),
    )
    elements: tuple[Symbol, ...] | None = field(
        default=None, metadata=key("the frame contains all of them")
    )
    without: tuple[Symbol, ...] | None = field(
        default=None, metadata=key("the frame contains none of them")
    )
    formula: tuple[FormulaText, ...] | None = field(
        default=None, metadata=key("the composition of the frame is a multiple of one of these")
    )
    info: Mapping[str, InfoValues] | None = field(
        default=None,
        metadata=key(
            '`{ config_type = ["bulk", "surface"], temperature = "200:400" }`: info keys of '
            "extended XYZ or ASE, each with a text, number or range, or an array of them of which "
            "one must match"
        ),
    )
    farthest: Count | None = field(
        default=None,
        metadata=key(
            "number of the remaining training frames to take by farthest-point sampling",
            unit="frames",
            more="Sampling starts with the frame nearest to the mean and goes on with the one "
            "farthest from all that are taken. Frames are compared by the mean NEP descriptor of "
            "each element (cutoffs 6 and 4 Å, 7 and 5 basis functions, l_max 4, every function by "
            "itself), each component divided by its range",
        ),
    )
    random: Count | None = field(
        default=None,
        metadata=key("number of the remaining training frames to draw by the seed", unit="frames"),
    )


@frozen(kw_only=True)
class Data:
    """[data]: the labelled structures. A folder with train/ and valid/ gives one part to each."""

    species: tuple[Symbol, ...] = field(
        metadata=key(
            "order of the model's types, kept as written; LAMMPS types are matched by name",
            example=["Hf", "O"],
        )
    )
    train: tuple[FileName, ...] = field(
        metadata=key(
            "labelled structures, relative to this file",
            more='See "Data files"',
            example=["data.xyz"],
            file="training data",
        )
    )
    validation: Validation = field(
        metadata=key(
            "fraction of the training frames, drawn by the seed; or a list of files",
            more="Copies of a frame stay in the same set",
            example=0.2,
            file="validation data",
        )
    )
    group_by: str | None = field(
        default=None,
        metadata=key(
            "report errors for each value of this info key (extended XYZ) too", example="phase"
        ),
    )
    energy_baseline: Mapping[Symbol, float] | None = field(
        default=None,
        metadata=key(
            "energy of one atom of each species, `{ Hf = -10.1, O = -5.2 }`",
            unit="eV",
            more="These are the initial output biases, which training goes on to change. Without "
            "them they are fitted: by least squares to the energies of the training frames, or, if "
            "`weights.atomic_energy` is above 0, as the mean atomic energies of the species. Not "
            "with `model.start_from`",
        ),
    )
    select: Select | None = field(
        default=None, metadata=key("which of the frames are used", more="See below")
    )
    labels: Labels | None = field(
        default=None,
        metadata=key(
            "names, units and signs of labels that are not the usual ones", more="See below"
        ),
    )
    unconverged: Literal["leave-out", "keep"] | None = field(
        default=None,
        metadata=key(
            'what happens to frames whose electronic steps did not converge; default `"leave-out"`',
            more='See "Data files"',
        ),
    )
