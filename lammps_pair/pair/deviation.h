// How far the models of a committee disagree, over all ranks.
#pragma once

#include <mpi.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace LAMMPS_NS {

/// Spread of the models about their mean. Of one atom: sqrt(mean over the models of |F - <F>|^2).
struct Deviation {
  double max_force, min_force, mean_force;  // over the atoms, eV/Å
  double energy;  // standard deviation of the energy over the models, eV/atom
};

/// The deviation over all ranks.
///
/// forces: of each model, [n_local][3] eV/Å; takes_part: [n_local] atoms that count; energies: of
/// each model on this rank, eV.
Deviation find_deviation(const std::vector<const double*>& forces,
                         const std::vector<char>& takes_part, std::vector<double> energies,
                         MPI_Comm world);

/// The text file, written by one rank.
class DeviationFile {
 public:
  /// False when the file cannot be written.
  bool open(const std::string& path);
  void write(long long step, const Deviation& deviation);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace LAMMPS_NS
