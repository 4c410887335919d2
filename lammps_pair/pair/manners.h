// What the pair styles of this library have in common: how they map species to atom types, refuse
// what they cannot do and hand per-atom virials to LAMMPS.
#pragma once

#include <string>
#include <vector>

#include "nep_model.h"
#include "pair.h"

namespace LAMMPS_NS {

class Compute;

using SpeciesOfType = std::vector<int>;  // [type] index of the species in a model, -1 for NULL

/// Ends LAMMPS with the problem of the first rank that has one; an empty text is none. All ranks
/// call it.
void stop_together(LAMMPS* lmp, std::string problem);

/// Names the paper in the log.
void cite_nep(LAMMPS* lmp);

/// What each atom type is in a model. species: [type - 1] chemical symbol, atomic number or NULL.
/// Ends LAMMPS when the model lacks one, or when all are NULL.
SpeciesOfType map_species(LAMMPS* lmp, const nepforge::NepModel& model,
                          const std::vector<std::string>& species);

/// Takes back what pair_coeff said: LAMMPS then asks for it, "All pair coeffs are not set".
void forget_coefficients(LAMMPS* lmp, Pair& pair);

/// Makes the arrays that pair_coeff fills.
void allow_coefficients(LAMMPS* lmp, Pair& pair);

/// Which pairs of types a map covers: setflag[first][second].
void set_flags(const SpeciesOfType& species_of_type, int** setflag);

/// Ends LAMMPS when a map does not cover a pair of types.
void check_pair(LAMMPS* lmp, const Pair& pair, int first_type, int second_type);

/// Ends LAMMPS when it evaluates a style that it has not set up since pair_style and pair_coeff.
void check_prepared(LAMMPS* lmp, bool prepared);

/// Ends LAMMPS because of a compute that adds up what pairs contribute: it would be zero.
void refuse_tally(LAMMPS* lmp, const Compute* compute);

/// Names an atom in a message, by its ID or its place.
std::string atom_name(LAMMPS* lmp, int idx);

/// Ends LAMMPS when units, newton or run_style do not fit.
void check_run(LAMMPS* lmp);

/// Adds per-atom virials [n_atoms][9], eV, row-major, to the arrays of a pair style that are not
/// null: vatom has xx, yy, zz, xy, xz, yz and cvatom yx, zx, zy besides.
void add_atomic_virials(const double* virials, int n_atoms, double** vatom, double** cvatom);

}  // namespace LAMMPS_NS
