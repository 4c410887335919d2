// What the pair styles of this library have in common: how they read a model, map species to atom
// types, refuse what they cannot do and hand per-atom virials to LAMMPS.
#pragma once

#include <string>
#include <vector>

#include "nep_model.h"
#include "pair.h"

namespace LAMMPS_NS {

/// The model in a file. Rank 0 reads it and all ranks parse the same text, so that they succeed or
/// fail together. Ends LAMMPS with an error when it cannot be read.
nepforge::NepModel load_model(LAMMPS* lmp, const std::string& path);

/// Ends LAMMPS with the problem of the first rank that has one; an empty text is none. All ranks
/// call it.
void stop_together(LAMMPS* lmp, std::string problem);

/// Names the paper in the log.
void cite_nep(LAMMPS* lmp);

/// Species index of each atom type, [type], -1 for NULL, from the arguments of pair_coeff.
std::vector<int> map_species(LAMMPS* lmp, const nepforge::NepModel& model, int narg, char** arg);

/// Which pairs of types a map covers: setflag[first][second]. Ends LAMMPS when there is none.
void set_flags(LAMMPS* lmp, const std::vector<int>& species_of_type, int** setflag);

/// Ends LAMMPS when units, newton or run_style do not fit.
void check_run(LAMMPS* lmp);

/// Adds per-atom virials [n_atoms][9], eV, row-major, to the arrays of a pair style that are not
/// null: vatom has xx, yy, zz, xy, xz, yz and cvatom yx, zx, zy besides.
void add_atomic_virials(const double* virials, int n_atoms, double** vatom, double** cvatom);

}  // namespace LAMMPS_NS
