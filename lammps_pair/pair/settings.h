// The arguments of pair_style nepforge and of its pair_coeff.
#pragma once

#include <string>
#include <vector>

#include "nep_cpu.h"

namespace LAMMPS_NS {

class LAMMPS;

struct NepforgeSettings {
  std::vector<std::string> models;  // files; the first one drives. None: pair_coeff names them
  nepforge::Precision precision = nepforge::Precision::full;
  int deviation_every = 0;     // steps between two lines of the deviation file; 0 for no file
  std::string deviation_file;  // with more than one model

  /// [MODEL...] [precision double|mixed] [out_freq N out_file FILE]
  /// Stops LAMMPS on anything else.
  NepforgeSettings(LAMMPS* lmp, int narg, char** arg);

  /// Stops LAMMPS unless a deviation file is given for several models and none for one.
  void check_models(LAMMPS* lmp) const;
};

/// The arguments of pair_coeff.
struct Coefficients {
  std::vector<std::string> models;   // files, where pair_style named none
  std::vector<std::string> species;  // [type - 1] chemical symbol, atomic number or NULL

  /// * * [MODEL...] SPECIES..., with models if `settings` have none.
  /// Stops LAMMPS on anything else.
  Coefficients(LAMMPS* lmp, const NepforgeSettings& settings, int narg, char** arg);
};

}  // namespace LAMMPS_NS
