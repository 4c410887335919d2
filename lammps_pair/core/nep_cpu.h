// Evaluation of a NEP model on the CPU: energies, forces and virials of any set of atoms with full
// neighbour lists. Knows nothing of cells: callers pass periodic images as additional atoms.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nep_model.h"

namespace nepforge {

/// Atoms, including images (LAMMPS: local and ghost atoms).
struct AtomsView {
  const double* positions;     // [n_atoms][3] Å
  const int* types;            // [n_atoms] the caller's own types
  const int* species_of_type;  // [type] index of the species, -1 for an atom to be ignored
};

/// Full neighbour lists of the atoms whose energies are wanted; they may reach beyond the cutoff.
struct NeighborView {
  int n_centers;
  const int* centers;           // [n_centers] atom indices
  const int* n_neighbors;       // [atom]
  const int* const* neighbors;  // [atom][n_neighbors]
  int index_mask;               // bits of a neighbour entry that are the atom index
  bool changed = true;          // whether anything above differs from the last call
};

/// What evaluate() adds to. Optional arrays are null when not wanted.
struct Totals {
  double energy = 0.0;              // eV
  double virial[9] = {0.0};         // W_ab = -sum r_a p_b in eV, row-major
  double* forces = nullptr;         // [n_atoms][3] eV/Å
  double* atomic_energy = nullptr;  // optional, [n_atoms] eV
  double* atomic_virial = nullptr;  // optional, [n_atoms][9] eV, assigned to the neighbour
  bool with_virial = false;         // whether `virial` is wanted
};

/// The energy of an atom is infinite or NaN: two atoms share a position, or a position is not
/// finite.
class NonFiniteEnergy : public std::runtime_error {
 public:
  explicit NonFiniteEnergy(int center_idx)
      : std::runtime_error("the energy of an atom is not finite"), center(center_idx) {}
  int center;  // atom index
};

/// Names of the instruction sets that this machine can run, the fastest first.
std::vector<std::string> instruction_sets();

/// Precision of the formulas. Positions are given, and energies, forces and virials summed, in
/// double precision in either case.
enum class Precision { full, mixed };

class NepCpu {
 public:
  /// `instruction_set` is one of instruction_sets(), or "" for the fastest.
  /// Throws std::invalid_argument for another name.
  explicit NepCpu(const NepModel& model, const std::string& instruction_set = "",
                  Precision precision = Precision::full);
  ~NepCpu();
  NepCpu(const NepCpu&) = delete;
  NepCpu& operator=(const NepCpu&) = delete;

  /// The same model with buffers of its own, for concurrent use in another thread.
  std::unique_ptr<NepCpu> for_another_thread() const;

  const char* instruction_set() const;

  /// Size of the stored neighbour lists in bytes.
  double memory_usage() const;

  /// Adds energy, forces and virials of all centers to `totals`. Throws NonFiniteEnergy.
  void evaluate(const AtomsView& atoms, const NeighborView& neighbors, Totals& totals);

 private:
  class Evaluator;
  template <class Real>
  class EvaluatorOf;

  explicit NepCpu(std::unique_ptr<Evaluator> evaluator);

  std::unique_ptr<Evaluator> evaluator_;
};

}  // namespace nepforge
