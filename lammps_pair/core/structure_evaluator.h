// Whole structures, one after another: periodic images, a neighbour list that is kept while atoms
// move little, and several threads.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "neighbors.h"
#include "nep_cpu.h"
#include "nep_model.h"

namespace nepforge {

struct Structure {
  int n_atoms;
  const int* species;       // [n_atoms] index into the species of the model
  const double* positions;  // [n_atoms][3] Å, may lie outside the cell
  Cell cell;
};

struct EvaluationOptions {
  int n_threads = 1;  // 0 for as many as OpenMP would take
  /// Neighbours are searched this far beyond the cutoff, Å, and the list is used again until an
  /// atom has moved by half of it. 0 makes a new list each time.
  double skin = 0.0;
};

/// What is written.
struct StructureResults {
  double* energies;        // [n_atoms] eV
  double* forces;          // [n_atoms][3] eV/Å
  double* virial;          // [3][3] W = -dU/dstrain, eV
  double* atomic_virials;  // optional, [n_atoms][3][3] eV, assigned to the neighbour
};

class StructureEvaluator {
 public:
  /// `instruction_set` as for NepCpu.
  StructureEvaluator(const NepModel& model, const std::string& instruction_set);
  ~StructureEvaluator();

  /// Throws StructureError and NonFiniteEnergy.
  void evaluate(const Structure& structure, const EvaluationOptions& options,
                const StructureResults& results);

 private:
  struct Share;

  bool list_is_valid(const Structure& structure, double skin) const;
  void build_list(const Structure& structure, double skin);
  void move_atoms(const double* positions);
  void evaluate_shares(int n_shares, bool with_atomic_virials);
  void collect(int n_atoms, const StructureResults& results) const;

  double cutoff_;
  std::vector<int> same_;                            // species of type: they are the same here
  std::vector<std::unique_ptr<NepCpu>> evaluators_;  // one per thread

  // The list and the structure that it was made for.
  NeighborList list_;
  std::vector<double> shifts_;  // [n_total][3] from an atom to its image, Å
  std::vector<int> types_;      // [n_total]
  std::vector<int> centers_;    // 0 .. n_atoms-1
  std::vector<const int*> neighbors_;
  std::vector<int> species_;
  std::vector<double> built_at_;  // [n_atoms][3] Å
  Cell cell_ = {};
  double skin_ = -1.0;  // none yet

  std::vector<Share> shares_;
};

}  // namespace nepforge
