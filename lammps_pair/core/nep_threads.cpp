#include "nep_threads.h"

#include <algorithm>
#include <cstdint>

namespace nepforge {

NepThreads::NepThreads(const NepModel& model, Precision precision, int n_threads) {
  evaluators_.push_back(std::make_unique<NepCpu>(model, "", precision));
#ifdef _OPENMP
  for (int idx = 1; idx < n_threads; ++idx) {
    evaluators_.push_back(evaluators_.front()->for_another_thread());
  }
#else
  (void)n_threads;
#endif
  shares_.resize(evaluators_.size());
}

void NepThreads::evaluate(const AtomsView& atoms, int n_atoms, const NeighborView& neighbors,
                          Totals& totals) {
  if (n_threads() == 1) {
    evaluators_.front()->evaluate(atoms, neighbors, totals);
    return;
  }
#pragma omp parallel for num_threads(n_threads()) schedule(static, 1)
  for (int idx = 0; idx < n_threads(); ++idx) {
    try {
      evaluate_share(idx, atoms, n_atoms, neighbors, totals);
      shares_[idx].error = nullptr;
    } catch (...) {  // no exception may leave a parallel region
      shares_[idx].error = std::current_exception();
    }
  }
  for (const Share& share : shares_) {
    if (share.error) std::rethrow_exception(share.error);
  }
  collect(n_atoms, totals);
}

void NepThreads::evaluate_share(int idx, const AtomsView& atoms, int n_atoms,
                                const NeighborView& neighbors, const Totals& totals) {
  Share& share = shares_[idx];
  share.totals = Totals{};
  share.totals.with_virial = totals.with_virial;
  share.totals.atomic_energy = totals.atomic_energy;  // of its own centers alone
  if (idx == 0) {
    share.totals.forces = totals.forces;
    share.totals.atomic_virial = totals.atomic_virial;
  } else {
    share.forces.assign(3 * static_cast<std::size_t>(n_atoms), 0.0);
    share.totals.forces = share.forces.data();
    if (totals.atomic_virial) {
      share.atomic_virial.assign(9 * static_cast<std::size_t>(n_atoms), 0.0);
      share.totals.atomic_virial = share.atomic_virial.data();
    }
  }
  const auto bound = [&](int thread) {
    return static_cast<int>(std::int64_t{neighbors.n_centers} * thread / n_threads());
  };
  NeighborView own = neighbors;
  own.centers = neighbors.centers + bound(idx);
  own.n_centers = bound(idx + 1) - bound(idx);
  evaluators_[idx]->evaluate(atoms, own, share.totals);
}

void NepThreads::collect(int n_atoms, Totals& totals) {
  for (const Share& share : shares_) {
    totals.energy += share.totals.energy;
    for (int entry = 0; entry < 9; ++entry) totals.virial[entry] += share.totals.virial[entry];
  }
#pragma omp parallel for num_threads(n_threads()) schedule(static)
  for (int atom = 0; atom < n_atoms; ++atom) {
    for (int idx = 1; idx < n_threads(); ++idx) {
      const std::size_t row = atom;
      for (std::size_t entry = 3 * row; entry < 3 * row + 3; ++entry) {
        totals.forces[entry] += shares_[idx].forces[entry];
      }
      if (!totals.atomic_virial) continue;
      for (std::size_t entry = 9 * row; entry < 9 * row + 9; ++entry) {
        totals.atomic_virial[entry] += shares_[idx].atomic_virial[entry];
      }
    }
  }
}

double NepThreads::memory_usage() const {
  double bytes = 0.0;
  for (std::size_t idx = 0; idx < shares_.size(); ++idx) {
    const Share& share = shares_[idx];
    bytes += evaluators_[idx]->memory_usage();
    bytes += static_cast<double>(share.forces.capacity() + share.atomic_virial.capacity()) *
             sizeof(double);
  }
  return bytes;
}

}  // namespace nepforge
