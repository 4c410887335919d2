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

/// Reads a model file. If the path does not exist, the file name is searched in the folders of
/// LAMMPS_POTENTIALS, as LAMMPS does for its own potentials. Rank 0 reads it and all ranks
/// parse the same text, so that they succeed or fail together. Ends LAMMPS with an error when it
/// cannot be read.
LoadedModel load_model(LAMMPS* lmp, const std::string& path);

/// Sends the text of one rank to all.
void broadcast(LAMMPS* lmp, std::string& text, int from);

}  // namespace LAMMPS_NS
