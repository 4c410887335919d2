// LAMMPS manners of the NEP potential: settings, type mapping, neighbour list, tallying.
// The mathematics is in core/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "deviation.h"
#include "nep_model.h"
#include "nep_threads.h"
#include "pair.h"

namespace LAMMPS_NS {

/// pair_style nepforge MODEL... [precision double|mixed] [out_freq N out_file FILE]
/// pair_coeff * * SPECIES...     one chemical symbol, atomic number or NULL for each LAMMPS type
///
/// The first model drives. With several, every N steps the others are evaluated too, and a line of
/// FILE says how far they disagree.
class PairNepforge : public Pair {
 public:
  explicit PairNepforge(LAMMPS* lmp);
  ~PairNepforge() override;

  void settings(int narg, char** arg) override;
  void coeff(int narg, char** arg) override;
  void init_style() override;
  double init_one(int first_type, int second_type) override;
  void compute(int eflag, int vflag) override;
  int pack_reverse_comm(int n, int first, double* buffer) override;
  void unpack_reverse_comm(int n, int* list, double* buffer) override;
  double memory_usage() override;

 private:
  /// One model of the committee.
  struct Member {
    nepforge::NepModel model;
    std::unique_ptr<nepforge::NepThreads> evaluator;
    std::vector<int> species_of_type;  // [type], -1 for NULL
    std::vector<double> forces;        // [n_local + n_ghost][3] eV/Å, on steps with deviation
    bigint list_version = -1;          // of the neighbour list of the last evaluation
  };

  Member load_member(const std::string& path, nepforge::Precision precision);
  void allocate();
  void evaluate(Member& member, nepforge::Totals& totals);
  void write_deviation(nepforge::Totals& totals);

  std::vector<Member> members_;
  std::vector<double> atomic_virial_;  // [n_local + n_ghost][9] eV, row-major
  int deviation_every_ = 0;            // steps, 0 for a single model
  bigint last_deviation_ = -1;         // step of the last line
  bigint list_version_ = 0;            // rises with each new neighbour list
  DeviationFile deviation_file_;       // open on rank 0
};

/// pair_style pwmlff N MODEL..., as the PWMLFF manual writes it; N is the number of models.
class PairPwmlff : public PairNepforge {
 public:
  using PairNepforge::PairNepforge;
  void settings(int narg, char** arg) override;
};

}  // namespace LAMMPS_NS
