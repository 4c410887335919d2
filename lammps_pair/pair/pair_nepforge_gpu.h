// LAMMPS manners of the NEP potential on GPUs. The kernels are in device/.
#pragma once

#include <memory>
#include <vector>

#include "nep_device.h"
#include "nep_model.h"
#include "pair.h"

namespace LAMMPS_NS {

/// pair_style nepforge/gpu MODEL [precision double|mixed]
/// pair_coeff * * SPECIES...     as for nepforge
///
/// The ranks of a node share its CUDA devices. LAMMPS builds no neighbour list: the device builds
/// its own when LAMMPS reneighbours.
class PairNepforgeGpu : public Pair {
 public:
  explicit PairNepforgeGpu(LAMMPS* lmp);
  ~PairNepforgeGpu() override;

  void settings(int narg, char** arg) override;
  void coeff(int narg, char** arg) override;
  void init_style() override;
  double init_one(int first_type, int second_type) override;
  void compute(int eflag, int vflag) override;
  double memory_usage() override;

 protected:
  virtual std::unique_ptr<nepforge::NepDevice> make_device(const nepforge::NepModel& model,
                                                           nepforge::Precision precision);

 private:
  void update_atoms();
  void evaluate(const nepforge::DeviceResults& results);
  void add_forces();
  void add_energies();
  void add_virial();

  nepforge::NepModel model_;
  std::unique_ptr<nepforge::NepDevice> device_;
  std::vector<int> species_of_type_;   // [type], -1 for NULL
  std::vector<int> species_;           // [n_local + n_ghost] that the device knows
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
