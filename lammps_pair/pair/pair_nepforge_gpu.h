// LAMMPS manners of the NEP potential on GPUs. The kernels are in device/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "counted_pairs.h"
#include "manners.h"
#include "nep_device.h"
#include "nep_model.h"
#include "pair.h"
#include "settings.h"

namespace LAMMPS_NS {

/// pair_style nepforge/gpu [MODEL] [precision double|mixed]
/// pair_coeff * * [MODEL] SPECIES...     as for nepforge
///
/// The ranks of a node share its CUDA devices. The device builds its own neighbour lists when
/// LAMMPS reneighbours, unless LAMMPS restricts which pairs count (pair_style hybrid, neigh_modify
/// exclude or include, special_bonds): then LAMMPS builds them and the device takes a copy. A
/// command that fails leaves everything as it was.
class PairNepforgeGpu : public Pair {
 public:
  explicit PairNepforgeGpu(LAMMPS* lmp);
  ~PairNepforgeGpu() override;

  void settings(int narg, char** arg) override;
  void coeff(int narg, char** arg) override;
  void init_style() override;
  double init_one(int first_type, int second_type) override;
  void compute(int eflag, int vflag) override;
  void add_tally_callback(Compute* compute) override { refuse_tally(lmp, compute); }
  double memory_usage() override;

 protected:
  virtual std::unique_ptr<nepforge::NepDevice> make_device(const nepforge::NepModel& model,
                                                           nepforge::Precision precision);

 private:
  struct Potential {
    nepforge::NepModel model;
    std::unique_ptr<nepforge::NepDevice> device;
  };

  Potential load(const NepforgeSettings& settings);
  void set_species(std::vector<int> species_of_type);
  void update_atoms();
  void evaluate(const nepforge::DeviceResults& results);
  void add_forces();
  void add_energies();
  void add_virial();

  std::optional<NepforgeSettings> settings_;  // none before pair_style succeeded
  Potential potential_;                       // without a device before a model is named
  bool prepared_ = false;              // whether LAMMPS was set up since pair_style and pair_coeff
  bool takes_list_ = false;            // whether LAMMPS builds the lists
  CountedPairs counted_;               // then
  std::vector<int> species_of_type_;   // [type], -1 for NULL
  std::vector<int> types_;             // [n_local + n_ghost] that the device knows
  std::vector<int> species_;           // [n_local + n_ghost]
  std::vector<double> forces_;         // [n_local + n_ghost][3] eV/Å
  std::vector<double> energies_;       // [n_local] eV
  std::vector<double> atomic_virial_;  // [n_local + n_ghost][9] eV, row-major
};

/// pair_style nepforge/gpu/host: the same kernels on the CPU, slow, for tests.
class PairNepforgeGpuHost : public PairNepforgeGpu {
 public:
  using PairNepforgeGpu::PairNepforgeGpu;

 protected:
  std::unique_ptr<nepforge::NepDevice> make_device(const nepforge::NepModel& model,
                                                   nepforge::Precision precision) override;
};

}  // namespace LAMMPS_NS
