#include "nep_cpu.h"

#include <algorithm>
#include <cmath>

#include "instruction_sets.h"
#include "kernel_model.h"
#include "neighbor_slots.h"
#include "nep_kernel.h"
#include "sorted_neighbors.h"
#include "zbl.h"

namespace nepforge {
namespace {

/// Kernels that this build has and this machine can run, the fastest first.
template <class Real>
std::vector<const InstructionSet<Real>*> usable_sets();

#ifdef NEPFORGE_X86
#define NEPFORGE_X86_SETS(precision)                                      \
  if (has_avx512()) sets.push_back(&avx512_##precision::instruction_set); \
  if (has_avx2()) sets.push_back(&avx2_##precision::instruction_set);
#else
#define NEPFORGE_X86_SETS(precision)
#endif

template <>
std::vector<const InstructionSet<double>*> usable_sets() {
  std::vector<const InstructionSet<double>*> sets;
  NEPFORGE_X86_SETS(double)
  sets.push_back(&baseline_double::instruction_set);
  return sets;
}

template <>
std::vector<const InstructionSet<float>*> usable_sets() {
  std::vector<const InstructionSet<float>*> sets;
  NEPFORGE_X86_SETS(float)
  sets.push_back(&baseline_float::instruction_set);
  return sets;
}

template <class Real>
const InstructionSet<Real>* find_set(const std::string& name) {
  for (const InstructionSet<Real>* set : usable_sets<Real>()) {
    if (name.empty() || name == set->name) return set;
  }
  throw std::invalid_argument("this machine cannot run instruction set '" + name + "'");
}

bool is_finite(const double* position) {
  return std::isfinite(position[0]) && std::isfinite(position[1]) && std::isfinite(position[2]);
}

/// Adds the repulsion of the center with one run to its pair forces; returns its energy, half of
/// each pair.
template <class Real>
double add_zbl(const ZblPair& pair, KernelWorkspace<Real>& work, const NeighborRun& run) {
  double energy = 0.0;
  for (int slot = run.first; slot < run.first + run.count; ++slot) {
    if (work.distance[slot] >= pair.outer) continue;
    double slope = 0.0;
    energy += zbl_energy<double>(pair, work.distance[slot], slope) / 2;
    const Real half_slope = static_cast<Real>(slope / 2);
    work.force_x[slot] += work.unit_x[slot] * half_slope;
    work.force_y[slot] += work.unit_y[slot] * half_slope;
    work.force_z[slot] += work.unit_z[slot] * half_slope;
  }
  return energy;
}

/// Calls body(slot) for every neighbour.
template <class Real, class Body>
void for_each_slot(const KernelWorkspace<Real>& work, const Body& body) {
  for (std::size_t idx = 0; idx < work.runs.size(); ++idx) {
    const NeighborRun& run = work.runs[idx];
    for (int slot = run.first; slot < run.first + run.count; ++slot) body(slot);
  }
}

/// Adds p_ij to the center and takes it from the neighbours.
template <class Real>
void scatter_forces(const KernelWorkspace<Real>& work, const int* atom_of_slot, int center,
                    double* forces) {
  double total[3] = {0.0};
  for_each_slot(work, [&](int slot) {
    const double pair_force[3] = {work.force_x[slot], work.force_y[slot], work.force_z[slot]};
    double* force = forces + 3 * static_cast<std::size_t>(atom_of_slot[slot]);
    for (int axis = 0; axis < 3; ++axis) {
      force[axis] -= pair_force[axis];
      total[axis] += pair_force[axis];
    }
  });
  for (int axis = 0; axis < 3; ++axis) {
    forces[3 * static_cast<std::size_t>(center) + axis] += total[axis];
  }
}

/// Adds W_ab = -r_a p_b of every pair to the total and to the neighbour.
template <class Real>
void add_virials(const KernelWorkspace<Real>& work, const int* atom_of_slot, Totals& totals) {
  for_each_slot(work, [&](int slot) {
    const double vector[3] = {work.x[slot], work.y[slot], work.z[slot]};
    const double force[3] = {work.force_x[slot], work.force_y[slot], work.force_z[slot]};
    const std::size_t row = 9 * static_cast<std::size_t>(atom_of_slot[slot]);
    for (int entry = 0; entry < 9; ++entry) {
      const double virial = -vector[entry / 3] * force[entry % 3];
      totals.virial[entry] += virial;
      if (totals.atomic_virial) totals.atomic_virial[row + entry] += virial;
    }
  });
}

}  // namespace

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const InstructionSet<double>* set : usable_sets<double>()) names.emplace_back(set->name);
  return names;
}

/// The evaluation with either type of numbers.
class NepCpu::Evaluator {
 public:
  virtual ~Evaluator() = default;
  virtual std::unique_ptr<Evaluator> for_another_thread() const = 0;
  virtual const char* instruction_set() const = 0;
  virtual double memory_usage() const = 0;
  virtual void evaluate(const AtomsView& atoms, const NeighborView& neighbors, Totals& totals) = 0;
};

template <class Real>
class NepCpu::EvaluatorOf : public NepCpu::Evaluator {
 public:
  EvaluatorOf(std::shared_ptr<const NepModel> model, const InstructionSet<Real>* instructions,
              std::shared_ptr<const KernelModel<Real>> layout)
      : model_(std::move(model)),
        instructions_(instructions),
        layout_(std::move(layout)),
        sorted_(model_->n_species()),
        slots_(*model_, *layout_, instructions->lanes) {}

  std::unique_ptr<Evaluator> for_another_thread() const override {
    return std::make_unique<EvaluatorOf>(model_, instructions_, layout_);
  }

  const char* instruction_set() const override { return instructions_->name; }

  double memory_usage() const override { return sorted_.memory_usage(); }

  void evaluate(const AtomsView& atoms, const NeighborView& neighbors, Totals& totals) override {
    sorted_.update(atoms, neighbors);
    slots_.reserve(sorted_.longest());
    for (int idx = 0; idx < neighbors.n_centers; ++idx) {
      const int center = neighbors.centers[idx];
      const int species = atoms.species_of_type[atoms.types[center]];
      if (species < 0) continue;
      // No distance to it is below a cutoff: the atom would pass for a lone one.
      if (!is_finite(atoms.positions + 3 * static_cast<std::size_t>(center))) {
        throw NonFiniteEnergy(center);
      }
      slots_.gather(atoms.positions, center, species, sorted_.neighbors(idx),
                    sorted_.n_of_species(idx));
      evaluate_center(center, species, totals);
    }
  }

 private:
  void evaluate_center(int center, int species, Totals& totals) {
    KernelWorkspace<Real>& work = slots_.workspace();
    const int* atom_of_slot = slots_.atom_of_slot().data();
    double energy = instructions_->kernel(*layout_, species, work);
    if (!model_->zbl.empty()) {
      for (std::size_t idx = 0; idx < work.runs.size(); ++idx) {
        const int pair = species * model_->n_species() + work.runs[idx].species_idx;
        energy += add_zbl(model_->zbl[pair], work, work.runs[idx]);
      }
    }
    if (!std::isfinite(energy)) throw NonFiniteEnergy(center);
    totals.energy += energy;
    if (totals.atomic_energy) totals.atomic_energy[center] += energy;
    scatter_forces(work, atom_of_slot, center, totals.forces);
    if (totals.with_virial || totals.atomic_virial) add_virials(work, atom_of_slot, totals);
  }

  const std::shared_ptr<const NepModel> model_;
  const InstructionSet<Real>* const instructions_;
  const std::shared_ptr<const KernelModel<Real>> layout_;
  SortedNeighbors sorted_;
  NeighborSlots<Real> slots_;
};

NepCpu::NepCpu(const NepModel& model, const std::string& instruction_set, Precision precision) {
  const auto shared = std::make_shared<const NepModel>(model);
  const auto make = [&](auto zero) {
    using Real = decltype(zero);
    const InstructionSet<Real>* set = find_set<Real>(instruction_set);
    evaluator_ = std::make_unique<EvaluatorOf<Real>>(
        shared, set, std::make_shared<const KernelModel<Real>>(model, set->lanes));
  };
  if (precision == Precision::full) {
    make(0.0);
  } else {
    make(0.0F);
  }
}

NepCpu::NepCpu(std::unique_ptr<Evaluator> evaluator) : evaluator_(std::move(evaluator)) {}

NepCpu::~NepCpu() = default;

std::unique_ptr<NepCpu> NepCpu::for_another_thread() const {
  return std::unique_ptr<NepCpu>(new NepCpu(evaluator_->for_another_thread()));
}

const char* NepCpu::instruction_set() const {
  return evaluator_->instruction_set();
}

double NepCpu::memory_usage() const {
  return evaluator_->memory_usage();
}

void NepCpu::evaluate(const AtomsView& atoms, const NeighborView& neighbors, Totals& totals) {
  evaluator_->evaluate(atoms, neighbors, totals);
}

}  // namespace nepforge
