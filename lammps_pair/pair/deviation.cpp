#include "deviation.h"

#include <cmath>
#include <limits>

namespace LAMMPS_NS {
namespace {

double force_deviation(const std::vector<const double*>& forces, std::size_t atom) {
  const double n_models = static_cast<double>(forces.size());
  double variance = 0.0;
  for (std::size_t entry = 3 * atom; entry < 3 * atom + 3; ++entry) {
    double mean = 0.0;
    for (const double* force : forces) mean += force[entry] / n_models;
    for (const double* force : forces) variance += std::pow(force[entry] - mean, 2) / n_models;
  }
  return std::sqrt(variance);
}

}  // namespace

Deviation find_deviation(const std::vector<const double*>& forces,
                         const std::vector<char>& takes_part, std::vector<double> energies,
                         MPI_Comm world) {
  double largest = 0.0, smallest = std::numeric_limits<double>::max();
  double sum_and_count[2] = {0.0, 0.0};
  for (std::size_t atom = 0; atom < takes_part.size(); ++atom) {
    if (!takes_part[atom]) continue;
    const double deviation = force_deviation(forces, atom);
    largest = std::max(largest, deviation);
    smallest = std::min(smallest, deviation);
    sum_and_count[0] += deviation;
    sum_and_count[1] += 1.0;
  }
  MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, world);
  MPI_Allreduce(MPI_IN_PLACE, &smallest, 1, MPI_DOUBLE, MPI_MIN, world);
  MPI_Allreduce(MPI_IN_PLACE, sum_and_count, 2, MPI_DOUBLE, MPI_SUM, world);
  const int n_models = static_cast<int>(energies.size());
  MPI_Allreduce(MPI_IN_PLACE, energies.data(), n_models, MPI_DOUBLE, MPI_SUM, world);
  const double n_atoms = std::max(sum_and_count[1], 1.0);
  double mean = 0.0, variance = 0.0;
  for (const double energy : energies) mean += energy / n_models;
  for (const double energy : energies) variance += std::pow(energy - mean, 2) / n_models;
  return {largest, std::min(smallest, largest), sum_and_count[0] / n_atoms,
          std::sqrt(variance) / n_atoms};
}

bool DeviationFile::open(const std::string& path) {
  file_.reset(std::fopen(path.c_str(), "w"));
  if (!file_) return false;
  std::fprintf(file_.get(), "# step max_force min_force avg_force (eV/A) energy (eV/atom)\n");
  return true;
}

void DeviationFile::write(long long step, const Deviation& deviation) {
  std::fprintf(file_.get(), "%lld %.9e %.9e %.9e %.9e\n", step, deviation.max_force,
               deviation.min_force, deviation.mean_force, deviation.energy);
  std::fflush(file_.get());
}

}  // namespace LAMMPS_NS
