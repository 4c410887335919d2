// The pair style on GPUs. The kernels are in device/.
#pragma once

#include <memory>
#include <vector>

#include "nep_device.h"
#include "potential_pair.h"

namespace LAMMPS_NS {

struct DeviceMember : MappedModel {
  std::unique_ptr<nepforge::NepDevice> device;
};

struct DevicePotential {
  std::vector<DeviceMember> members;  // one, or none before a model is named
};

/// pair_style nepforge/gpu [MODEL] [precision double|mixed]
/// pair_coeff * * [MODEL] SPECIES...     as for nepforge
///
/// The ranks of a node share its CUDA devices. The device builds its own neighbour lists when
/// LAMMPS reneighbours, unless LAMMPS restricts which pairs count (pair_style hybrid, neigh_modify
/// exclude or include, special_bonds): then LAMMPS builds them and the device takes a copy.
class PairNepforgeGpu : public PotentialPair<DevicePotential> {
 public:
  explicit PairNepforgeGpu(LAMMPS* lmp) : PotentialPair(lmp, "Pair style nepforge/gpu") {}

  double memory_usage() override;

 protected:
  virtual std::unique_ptr<nepforge::NepDevice> make_device(const nepforge::NepModel& model,
                                                           nepforge::Precision precision);

 private:
  DevicePotential load(const NepforgeSettings& settings) override;
  void forget_atoms() override { types_.clear(); }
  void request_list() override;
  void add_contributions(double* atomic_virial) override;

  void update_atoms();
  void evaluate(const nepforge::DeviceResults& results);
  void add_forces();
  void add_energies();
  void add_virial();

  bool takes_list_ = false;       // whether LAMMPS builds the lists
  std::vector<int> types_;        // [n_local + n_ghost] that the device knows
  std::vector<int> species_;      // [n_local + n_ghost]
  std::vector<double> forces_;    // [n_local + n_ghost][3] eV/Å
  std::vector<double> energies_;  // [n_local] eV
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
