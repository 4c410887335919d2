// The pair style on the CPU: loading models, neighbour lists, tallying. The mathematics is in
// core/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "deviation.h"
#include "nep_threads.h"
#include "potential_pair.h"

namespace LAMMPS_NS {

struct CommitteeMember : MappedModel {
  std::unique_ptr<nepforge::NepThreads> evaluator;
  std::vector<double> forces;  // [n_local + n_ghost][3] eV/Å, on steps with deviation
  bigint list_version = -1;    // of the neighbour list of the last evaluation
};

/// The models and the file that reports how far they disagree.
struct Committee {
  std::vector<CommitteeMember> members;
  int deviation_every = 0;       // steps, 0 for a single model
  bigint last_deviation = -1;    // step of the last line
  DeviationFile deviation_file;  // open on rank 0
};

/// pair_style nepforge [MODEL...] [precision double|mixed] [out_freq N out_file FILE]
/// pair_coeff * * [MODEL...] SPECIES...   a chemical symbol, atomic number or NULL for each type
///
/// Models are named by pair_style, or else by pair_coeff. The first model drives. With several,
/// every N steps the others are evaluated too, and a line of FILE reports how far they disagree.
class PairNepforge : public PotentialPair<Committee> {
 public:
  explicit PairNepforge(LAMMPS* lmp);

  int pack_reverse_comm(int n, int first, double* buffer) override;
  void unpack_reverse_comm(int n, int* list, double* buffer) override;
  double memory_usage() override;

 private:
  Committee load(const NepforgeSettings& settings) override;
  void forget_atoms() override;
  void request_list() override;
  void add_contributions(double* atomic_virial) override;

  CommitteeMember load_member(const std::string& path, nepforge::Precision precision);
  void update_list();
  nepforge::NeighborView neighbors(bool changed) const;
  void evaluate(CommitteeMember& member, nepforge::Totals& totals);
  void write_deviation(nepforge::Totals& totals);

  bigint list_version_ = 0;  // counts neighbour lists
  bool copied_ = false;      // whether counted_ replaces the list
  int communicated_ = 0;     // index of the member whose forces are summed over ranks
};

/// pair_style pwmlff N MODEL..., as the PWMLFF manual writes it; N is the number of models.
class PairPwmlff : public PairNepforge {
 public:
  using PairNepforge::PairNepforge;
  void settings(int narg, char** arg) override;
};

/// pair_style nep, as NEP_CPU has it. Its older form is `pair_style nep MODEL` with `pair_coeff *
/// *`: the atom types are the species of the model in their order.
class PairNep : public PairNepforge {
 public:
  using PairNepforge::PairNepforge;
  void coeff(int narg, char** arg) override;
};

}  // namespace LAMMPS_NS
