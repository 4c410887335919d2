// The arguments of pair_style nepforge.
#pragma once

#include <string>
#include <vector>

#include "nep_cpu.h"

namespace LAMMPS_NS {

class LAMMPS;

struct NepforgeSettings {
  std::vector<std::string> models;  // files; the first one drives
  nepforge::Precision precision = nepforge::Precision::full;
  int deviation_every = 0;     // steps between two lines of the deviation file; 0 for no file
  std::string deviation_file;  // with more than one model

  /// MODEL... [precision double|mixed] [out_freq N out_file FILE]
  /// Ends LAMMPS with an error on anything else.
  NepforgeSettings(LAMMPS* lmp, int narg, char** arg);
};

}  // namespace LAMMPS_NS
