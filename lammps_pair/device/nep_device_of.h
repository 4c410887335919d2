// NepDevice for one kind of memory and kernel launch, included by the source file of each.
//
// A backend has: allocate(bytes), release(pointer), upload(to, from, bytes),
// download(to, from, bytes), clear(pointer, bytes), run(n, body) for one thread per index, and
// run_teams(n, body) for one team per index.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "device_array.h"
#include "device_model.h"
#include "device_neighbors.h"
#include "evaluate_atom.h"
#include "nep_device.h"

namespace nepforge {
namespace device {

template <class Backend, class Real>
class NepDeviceOf : public NepDevice {
 public:
  NepDeviceOf(const NepModel& model, std::unique_ptr<Backend> backend)
      : model_(model),
        backend_(std::move(backend)),
        device_model_(*backend_, model),
        neighbors_(*backend_),
        positions_(*backend_),
        species_(*backend_),
        energies_(*backend_),
        force_sums_(*backend_),
        virial_sums_(*backend_),
        numbers_(*backend_),
        failed_(*backend_) {}

  std::string name() const override { return backend_->name(); }

  void set_atoms(const DeviceAtoms& atoms, double skin) override {
    take(atoms);
    if (n_centers_ == 0) return;
    neighbors_.build(model_, skin, n_atoms_, n_centers_, atoms.positions, positions_.data(),
                     species_.data());
  }

  void set_atoms(const DeviceAtoms& atoms, const std::vector<std::size_t>& first,
                 const std::vector<int>& neighbors) override {
    take(atoms);
    if (n_centers_ > 0) neighbors_.set(first, neighbors);
  }

  void evaluate(const double* positions, const DeviceResults& results) override {
    const std::size_t n_atoms = n_atoms_;
    if (n_centers_ == 0) {
      std::fill_n(results.forces, 3 * n_atoms, 0.0);
      if (results.atomic_virials) std::fill_n(results.atomic_virials, 9 * n_atoms, 0.0);
      return;
    }
    positions_.set(positions, 3 * n_atoms);
    energies_.resize(n_centers_);
    energies_.clear();
    force_sums_.resize(3 * n_atoms);
    force_sums_.clear();
    virial_sums_.resize(results.atomic_virials ? 9 * n_atoms : 0);
    virial_sums_.clear();
    failed_.set({-1});
    backend_->run_teams(
        n_centers_,
        EvaluateAtom<Real>(
            device_model_.arrays(),
            {positions_.data(), species_.data(), neighbors_.first(), neighbors_.neighbors()},
            {energies_.data(), force_sums_.data(),
             results.atomic_virials ? virial_sums_.data() : nullptr, failed_.data()},
            neighbors_.longest()));
    int failed = -1;
    failed_.get(&failed);
    if (failed >= 0) throw NonFiniteEnergy(failed);
    if (results.atomic_energies) energies_.get(results.atomic_energies);
    convert(force_sums_, results.forces);
    if (results.atomic_virials) convert(virial_sums_, results.atomic_virials);
  }

  double memory_usage() const override {
    return neighbors_.bytes() + positions_.bytes() + species_.bytes() + energies_.bytes() +
           force_sums_.bytes() + virial_sums_.bytes() + numbers_.bytes();
  }

 private:
  void take(const DeviceAtoms& atoms) {
    n_atoms_ = atoms.n_atoms;
    n_centers_ = atoms.n_centers;
    if (n_centers_ == 0) return;
    positions_.set(atoms.positions, 3 * static_cast<std::size_t>(atoms.n_atoms));
    species_.set(atoms.species, atoms.n_atoms);
  }

  void convert(const Array<Backend, std::int64_t>& sums, double* to) {
    numbers_.resize(sums.count());
    backend_->run(sums.count(), Convert{sums.data(), numbers_.data()});
    numbers_.get(to);
  }

  const NepModel model_;
  std::unique_ptr<Backend> backend_;
  DeviceModel<Backend, Real> device_model_;
  DeviceNeighbors<Backend> neighbors_;
  int n_atoms_ = 0;
  int n_centers_ = 0;
  Array<Backend, double> positions_;
  Array<Backend, int> species_;
  Array<Backend, double> energies_;
  Array<Backend, std::int64_t> force_sums_, virial_sums_;
  Array<Backend, double> numbers_;
  Array<Backend, int> failed_;
};

template <class Backend>
std::unique_ptr<NepDevice> make_device(const NepModel& model, Precision precision,
                                       std::unique_ptr<Backend> backend) {
  if (precision == Precision::mixed) {
    return std::make_unique<NepDeviceOf<Backend, float>>(model, std::move(backend));
  }
  return std::make_unique<NepDeviceOf<Backend, double>>(model, std::move(backend));
}

}  // namespace device
}  // namespace nepforge
