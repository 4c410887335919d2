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

/// Stops LAMMPS with the problem of the first rank that has one; an empty text means none. Called
/// by all ranks.
void stop_together(LAMMPS* lmp, std::string problem);

/// Adds the paper to the citations in the log.
void cite_nep(LAMMPS* lmp);

/// What each atom type is in a model. species: [type - 1] chemical symbol, atomic number or NULL.
/// Ends LAMMPS when the model lacks one, or when all are NULL.
SpeciesOfType map_species(LAMMPS* lmp, const nepforge::NepModel& model,
                          const std::vector<std::string>& species);

/// Undoes pair_coeff: LAMMPS then asks for it, "All pair coeffs are not set".
void forget_coefficients(LAMMPS* lmp, Pair& pair);

/// Allocates the arrays that pair_coeff fills.
void allow_coefficients(LAMMPS* lmp, Pair& pair);

/// Marks the pairs of types that a map covers: setflag[first][second].
void set_flags(const SpeciesOfType& species_of_type, int** setflag);

/// Ends LAMMPS when a map does not cover a pair of types.
void check_pair(LAMMPS* lmp, const Pair& pair, int first_type, int second_type);

/// Stops LAMMPS if it evaluates a style without setup since pair_style and pair_coeff.
void check_prepared(LAMMPS* lmp, bool prepared);

/// Refuses a compute that sums contributions of pairs: the sum would be zero.
void refuse_tally(LAMMPS* lmp, const Compute* compute);

/// Names an atom in a message, by its ID or its position.
std::string atom_name(LAMMPS* lmp, int idx);

/// Stops LAMMPS if units, newton or run_style are unsuitable.
void check_run(LAMMPS* lmp);

/// Adds per-atom virials [n_atoms][9], eV, row-major, to the arrays of a pair style that are not
/// null: vatom has xx, yy, zz, xy, xz, yz; cvatom also has yx, zx, zy.
void add_atomic_virials(const double* virials, int n_atoms, double** vatom, double** cvatom);

}  // namespace LAMMPS_NS
