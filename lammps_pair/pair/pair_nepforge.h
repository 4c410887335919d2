// LAMMPS manners of the NEP potential: settings, type mapping, neighbour list, tallying.
// The mathematics is in core/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nep_cpu.h"
#include "nep_model.h"
#include "pair.h"

namespace LAMMPS_NS {

/// pair_style nepforge MODEL
/// pair_coeff * * SPECIES...     one chemical symbol, atomic number or NULL for each LAMMPS type
class PairNepforge : public Pair {
 public:
  explicit PairNepforge(LAMMPS* lmp);
  ~PairNepforge() override;

  void settings(int narg, char** arg) override;
  void coeff(int narg, char** arg) override;
  void init_style() override;
  double init_one(int first_type, int second_type) override;
  void compute(int eflag, int vflag) override;
  double memory_usage() override;

 private:
  void load_model(const std::string& path);
  int species_index(const std::string& word) const;
  void tally_atomic_virial();

  nepforge::NepModel model_;
  std::unique_ptr<nepforge::NepCpu> evaluator_;
  std::vector<int> species_of_type_;   // [type], -1 for NULL
  std::vector<double> atomic_virial_;  // [n_local + n_ghost][9] eV, row-major
};

/// pair_style pwmlff 1 MODEL, as the PWMLFF manual writes it.
class PairPwmlff : public PairNepforge {
 public:
  using PairNepforge::PairNepforge;
  void settings(int narg, char** arg) override;
};

}  // namespace LAMMPS_NS
