// Evaluation of a NEP model on the CPU in double precision: energies, forces and virials of any set
// of atoms with full neighbour lists. Knows nothing of cells: a caller gives periodic images as
// further atoms.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nep_kernel.h"
#include "nep_model.h"

namespace nepforge {

/// Atoms, including images (LAMMPS: local and ghost atoms).
struct AtomsView {
  const double* positions;     // [n_atoms][3] Å
  const int* types;            // [n_atoms] the caller's own types
  const int* species_of_type;  // [type] index of the species, -1 for an atom that takes no part
};

/// Full neighbour lists of the atoms whose energies are wanted; they may reach beyond the cutoff.
struct NeighborView {
  int n_centers;
  const int* centers;           // [n_centers] atom indices
  const int* n_neighbors;       // [atom]
  const int* const* neighbors;  // [atom][n_neighbors]
  int index_mask;               // bits of a neighbour entry that are the atom index
};

/// What evaluate() adds to. Optional arrays are null when not wanted.
struct Totals {
  double energy = 0.0;              // eV
  double virial[9] = {0.0};         // W_ab = -sum r_a p_b in eV, row-major
  double* forces = nullptr;         // [n_atoms][3] eV/Å
  double* atomic_energy = nullptr;  // optional, [n_atoms] eV
  double* atomic_virial = nullptr;  // optional, [n_atoms][9] eV, booked on the neighbour
  bool with_virial = false;         // whether `virial` is wanted
};

/// The energy of an atom came out as infinity or NaN: another atom is at the same place, or a
/// position is not finite.
class NonFiniteEnergy : public std::runtime_error {
 public:
  explicit NonFiniteEnergy(int center);
  int center;  // atom index
};

/// Names of the instruction sets that this machine can run, the fastest first.
std::vector<std::string> instruction_sets();

class NepCpu {
 public:
  /// `instruction_set` is one of instruction_sets(), or "" for the fastest.
  /// Throws std::invalid_argument for another name.
  explicit NepCpu(const NepModel& model, const std::string& instruction_set = "");
  ~NepCpu();
  NepCpu(const NepCpu&) = delete;
  NepCpu& operator=(const NepCpu&) = delete;

  /// The same model with buffers of its own, for use at the same time in another thread.
  std::unique_ptr<NepCpu> for_another_thread() const;

  const char* instruction_set() const { return instructions_->name; }

  /// Adds energy, forces and virials of all centers to `totals`. Throws NonFiniteEnergy.
  void evaluate(const AtomsView& atoms, const NeighborView& neighbors, Totals& totals);

 private:
  struct Parameters;
  struct Workspace;

  NepCpu(const InstructionSet* instructions, std::shared_ptr<const Parameters> parameters);

  const InstructionSet* instructions_;
  std::shared_ptr<const Parameters> parameters_;
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace nepforge
