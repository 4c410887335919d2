// The neighbours and buffers of one atom at a time, in the layout of the kernels.
#pragma once

#include <vector>

#include "nep_kernel.h"
#include "nep_model.h"

namespace nepforge {

/// Grows with the longest neighbour list. `layout` must outlive it.
template <class Real>
class NeighborSlots {
 public:
  NeighborSlots(const NepModel& model, const KernelModel<Real>& layout, int lanes);

  /// Makes room for neighbour lists of at most `n_neighbors` atoms.
  void reserve(int n_neighbors);

  /// Fills the slots with the neighbours of `center` inside the cutoffs.
  /// `n_of_species` [n_species] counts the neighbours, which are sorted by species.
  void gather(const double* positions, int center, int species, const int* neighbors,
              const int* n_of_species);

  KernelWorkspace<Real>& workspace() { return work_; }

  /// Atom of a slot; a padding slot holds the center, on which its zero force falls.
  const std::vector<int>& atom_of_slot() const { return atom_of_slot_; }

 private:
  /// Arrays for one list of neighbours.
  struct Destination {
    Real *x, *y, *z;
    double* square;
    int* atom;
  };

  void gather_by_species(const double* positions, int center, int species, const int* neighbors,
                         const int* n_of_species);
  void gather_mixed(const double* positions, int center, int species, const int* neighbors,
                    const int* n_of_species);
  void add_run(int species, int other, int first, int count);
  void pad(int center, double cutoff, int first, int end);
  Destination slots_from(int first);

  const int n_species_;
  const int lanes_;
  const KernelModel<Real>& layout_;
  std::vector<double> radial_square_;   // squares of the cutoffs, [t_i][t_j]
  std::vector<double> angular_square_;  // same
  int n_reserved_ = -1;
  std::vector<NeighborGroup> groups_;
  std::vector<NeighborRun> runs_;
  std::vector<int> atom_of_slot_;
  std::vector<int> atom_beyond_;
  std::vector<int> n_beyond_;  // [species]
  Buffer<Real> x_beyond_, y_beyond_, z_beyond_;
  Buffer<double> square_beyond_;
  KernelWorkspace<Real> work_;
};

extern template class NeighborSlots<double>;
extern template class NeighborSlots<float>;

}  // namespace nepforge
