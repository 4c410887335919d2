// How the pair styles of this library find and read a model file.
#pragma once

#include <string>

#include "nep_model.h"

namespace LAMMPS_NS {

class LAMMPS;

struct LoadedModel {
  std::string path;  // where it was found
  nepforge::NepModel model;
};

/// The model in a file. A path that leads to no file is looked for by its file name in the folders
/// of LAMMPS_POTENTIALS, as LAMMPS looks for its own potentials. Rank 0 reads it and all ranks
/// parse the same text, so that they succeed or fail together. Ends LAMMPS with an error when it
/// cannot be read.
LoadedModel load_model(LAMMPS* lmp, const std::string& path);

/// Gives every rank the text of one.
void broadcast(LAMMPS* lmp, std::string& text, int from);

}  // namespace LAMMPS_NS
