"""VASP's output, written by hand: two atoms in a cell of 120 Å³, as in tests/data/files."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

CELL = np.diag([4.0, 5.0, 6.0])
POSITIONS = np.array([[0.0, 0.0, 0.0], [1.0, 2.5, 4.5]])
FORCES = np.array([[-0.1, 0.2, -0.3], [0.1, -0.2, 0.3]])
KBAR = np.array([[10.0, 0.0, 0.0], [0.0, 20.0, 5.0], [0.0, 5.0, 30.0]])  # compressed
KBAR_IN_EV_PER_A3 = 0.1 / 160.2176634
VERSION = " vasp.6.3.0 20Jan22 (build Mar 26 2022 08:42:56) complex\n"
END = " General timing and accounting informations for this job:\n"
REACHED = "------------------------ aborting loop because EDIFF is reached -------------------\n"
GAVE_UP = "------------------------ aborting loop EDIFF was not reached (unconverged)  -------\n"
TITLES = ("PAW_PBE Si_sv 05Jan2001", "PAW_PBE H.5 07Sep2000")
VALENCES = ("Si: s2p2", "H: ultrasoft test")


def header(
    titles: Sequence[str] = TITLES,
    valences: Sequence[str] = VALENCES,
    counts: str = "               1   1",
    nelm: int = 60,
    icharg: int = 2,
) -> str:
    """What stands above the first step."""
    kinds = "".join(
        f"   VRHFIN ={valence}\n   LEXCH  = PE\n   TITEL  = {title}\n"
        for title, valence in zip(titles, valences, strict=True)
    )
    return (
        f"{VERSION} INCAR:\n POTCAR:    {titles[0]}\n POTCAR:    {titles[0]}\n{kinds}"
        "   number of dos      NEDOS =    301   number of ions     NIONS =      2\n"
        f"   ions per type = {counts}\n"
        f"   ICHARG = {icharg:6d}    charge: 1-file 2-atom 10-const\n"
        f"   NELM   = {nelm:6d};   NELMIN=  2; NELMDL= -5     # of ELM steps\n{cell_block(CELL)}"
        " position of ions in cartesian coordinates  (Angst):\n"
        + "".join(f"{x:13.8f}{y:12.8f}{z:12.8f}\n" for x, y, z in POSITIONS)
        + "\n"
    )


def cell_block(cell: np.ndarray) -> str:
    """The volume, and vectors beside reciprocal ones, in columns that may touch."""
    rows = [[*row, *inverse] for row, inverse in zip(cell, np.linalg.inv(cell).T, strict=True)]
    return (
        f"  energy-cutoff  :      520.00\n  volume of cell :   {abs(np.linalg.det(cell)):9.2f}\n"
        "      direct lattice vectors                 reciprocal lattice vectors\n"
        + "".join(
            "   "
            + "".join(f"{x:13.9f}" for x in row[:3])
            + "".join(f"{x:13.9f}" for x in row[3:])
            + "\n"
            for row in rows
        )
        + "\n  length of vectors\n"
    )


def stress_block(kbar: np.ndarray = KBAR, cell: np.ndarray = CELL) -> str:
    """Rows Total in eV and in kB, and what else stands near them."""
    kb = [kbar[0, 0], kbar[1, 1], kbar[2, 2], kbar[0, 1], kbar[1, 2], kbar[2, 0]]
    total = np.array(kb) * KBAR_IN_EV_PER_A3 * abs(np.linalg.det(cell))
    return (
        "  FORCE on cell =-STRESS in cart. coord.  units (eV):\n"
        "  Direction    XX          YY          ZZ          XY          YZ          ZX\n"
        "  Ewald    -233.14294  -271.31462  -385.47942     0.35316    -7.61923    -7.81472\n"
        f"  Total  {''.join(f'{x:12.5f}' for x in total)}\n"
        f"  in kB  {''.join(f'{x:12.5f}' for x in kb)}\n"
        "  external pressure =       19.00 kB  Pullay stress =        1.00 kB\n\n"
        "  kinetic pressure (ideal gas correction) =      2.50 kB\n"
        "  Total+kin.    12.500      22.500      32.500       0.000       5.000       0.000\n\n"
    )


def force_block(
    forces: np.ndarray = FORCES, positions: np.ndarray = POSITIONS, title: str = "", more: str = ""
) -> str:
    """Rows of positions and forces; `more` stands at the end of each row."""
    return (
        f" POSITION {' ' * 37} TOTAL-FORCE (eV/Angst){title}\n {'-' * 83}\n"
        + "".join(
            "".join(f"{x:13.5f}" for x in place)
            + "   "
            + "".join(f"{x:14.6f}" for x in force)
            + more
            + "\n"
            for place, force in zip(positions, forces, strict=True)
        )
        + f" {'-' * 83}\n    total drift:   0.001200      0.017895     -0.013715\n\n"
    )


def energy_block(energy: float) -> str:
    """The free energy, and the others that are not taken."""
    return (
        "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n"
        "  ---------------------------------------------------\n"
        f"  free  energy   TOTEN  = {energy:18.8f} eV\n\n"
        f"  energy  without entropy= {energy + 0.2:.8f}  energy(sigma->0) = {energy + 0.1:.8f}\n"
        f"  enthalpy is  TOTEN    = {energy + 7.0:18.8f} eV   P V=        7.00000000\n\n"
    )


def iterations(number: int, n_iterations: int, end: str = REACHED) -> str:
    """The electronic iterations of an ionic step."""
    return (
        "".join(
            f"{'-' * 39} Iteration {number:6d}({idx + 1:4d})  {'-' * 39}\n\n"
            "  free energy    TOTEN  =        69.99764688 eV\n\n"
            for idx in range(n_iterations)
        )
        + end
    )


def step(
    number: int = 1,
    energy: float = -10.6,
    n_iterations: int = 3,
    end: str = REACHED,
    forces: np.ndarray = FORCES,
    cell: np.ndarray = CELL,
    *,
    is_old: bool = False,
) -> str:
    """One ionic step; VASP 4 prints its energy first."""
    first, last = ("", energy_block(energy))[:: -1 if is_old else 1]
    return (
        iterations(number, n_iterations, end)
        + first
        + stress_block(cell=cell)
        + " VOLUME and BASIS-vectors are now :\n"
        + cell_block(cell)
        + force_block(forces)
        + last
    )


def learned_step(energy: float = 5.0) -> str:
    """What the machine-learned force field says of a step."""
    return (
        stress_block(99.0 * KBAR).replace("  FORCE on cell", "  ML FORCE on cell")
        + cell_block(1.1 * CELL)
        + force_block(99.0 * FORCES, title=" (ML)").replace(" POSITION", "  POSITION")
        + f"  free  energy ML TOTEN  = {energy:18.8f} eV\n\n"
    )


def xml_rows(name: str, rows: np.ndarray) -> str:
    lines = "".join(f"<v> {x:16.8f} {y:16.8f} {z:16.8f} </v>\n" for x, y, z in rows)
    return f'<varray name="{name}" >\n{lines}</varray>\n'


def xml_structure(cell: np.ndarray = CELL, name: str = "") -> str:
    fractions = np.linalg.solve(cell.T, POSITIONS.T).T
    return (
        f"<structure{name}><crystal>\n{xml_rows('basis', cell)}"
        f'<i name="volume"> {abs(np.linalg.det(cell)):16.8f} </i></crystal>\n'
        f"{xml_rows('positions', fractions)}</structure>\n"
    )


def xml_energy(energy: float) -> str:
    return (
        f'<energy>\n<i name="e_fr_energy"> {energy:16.8f} </i>\n'
        f'<i name="e_wo_entrp"> {energy + 0.2:16.8f} </i>\n'
        f'<i name="e_0_energy"> {energy + 0.1:16.8f} </i>\n</energy>\n'
    )


def calculation(energy: float = -10.6, n_iterations: int = 3, *, last: float | None = None) -> str:
    """One <calculation>; `last` is the energy of its electronic steps."""
    scf = f"<scstep>\n{xml_energy(energy if last is None else last)}</scstep>\n"
    return (
        f"<calculation>\n{n_iterations * scf}{xml_structure()}{xml_rows('forces', FORCES)}"
        f"{xml_rows('stress', KBAR)}{xml_energy(energy)}</calculation>\n"
    )


def vasprun(
    body: str, *, nelm: int = 60, settings: str = "", symbols: Sequence[str] = ("Si", "H ")
) -> str:
    """A whole vasprun.xml; the NELM of response functions stands below that of SCF."""
    atoms = "".join(f"<rc><c>{s}</c><c>   {i + 1}</c></rc>" for i, s in enumerate(symbols))
    kinds = "".join(
        f"<rc><c>   1</c><c>{s}</c><c> 1.0</c><c> 1.0</c><c> {title} </c></rc>"
        for s, title in zip(symbols, TITLES, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n'
        f'<incar>\n{settings}</incar>\n<parameters>\n<separator name="electronic" >\n'
        f'<separator name="electronic convergence" >\n<i type="int" name="NELM"> {nelm}</i>\n'
        '</separator>\n</separator>\n<separator name="response functions" >\n'
        f'<i type="int" name="NELM"> 1</i>\n</separator>\n{settings}</parameters>\n'
        f'<atominfo><atoms> 2 </atoms><array name="atoms"><set>{atoms}</set></array>\n'
        f'<array name="atomtypes"><set>{kinds}</set></array></atominfo>\n'
        f"{xml_structure(name=' name=' + chr(34) + 'initialpos' + chr(34))}{body}"
        f"{xml_structure(name=' name=' + chr(34) + 'finalpos' + chr(34))}</modeling>\n"
    )


def without(text: str, pattern: str) -> str:
    """Less the first line that matches."""
    found = re.search(rf"^.*{pattern}.*\n", text, re.MULTILINE)
    assert found is not None
    return text[: found.start()] + text[found.end() :]
