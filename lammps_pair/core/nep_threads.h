// A NEP model on several threads of one process.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "nep_cpu.h"
#include "nep_model.h"

namespace nepforge {

class NepThreads {
 public:
  /// `n_threads` is at least one; without OpenMP in this build there is one.
  NepThreads(const NepModel& model, Precision precision, int n_threads);

  const char* instruction_set() const { return evaluators_.front()->instruction_set(); }
  int n_threads() const { return static_cast<int>(evaluators_.size()); }

  /// Adds energy, forces and virials of all centers to `totals`, whose arrays are of `n_atoms`
  /// atoms. The centers are dealt out in equal runs, so that the result depends on the number of
  /// threads only by rounding. Throws NonFiniteEnergy.
  void evaluate(const AtomsView& atoms, int n_atoms, const NeighborView& neighbors, Totals& totals);

  /// Bytes of the buffers, without those of single atoms.
  double memory_usage() const;

 private:
  /// What one thread adds up, apart from the first, which writes to the caller's arrays.
  struct Share {
    std::vector<double> forces;         // [n_atoms][3]
    std::vector<double> atomic_virial;  // [n_atoms][9], empty when not wanted
    Totals totals;
    std::exception_ptr error;
  };

  void evaluate_share(int idx, const AtomsView& atoms, int n_atoms, const NeighborView& neighbors,
                      const Totals& totals);
  void collect(int n_atoms, Totals& totals);

  std::vector<std::unique_ptr<NepCpu>> evaluators_;
  std::vector<Share> shares_;
};

}  // namespace nepforge
