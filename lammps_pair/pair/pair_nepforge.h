// LAMMPS manners of the NEP potential: settings, type mapping, neighbour list, tallying.
// The mathematics is in core/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "counted_pairs.h"
#include "deviation.h"
#include "manners.h"
#include "nep_model.h"
#include "nep_threads.h"
#include "pair.h"
#include "settings.h"

namespace LAMMPS_NS {

/// pair_style nepforge [MODEL...] [precision double|mixed] [out_freq N out_file FILE]
/// pair_coeff * * [MODEL...] SPECIES...   a chemical symbol, atomic number or NULL for each type
///
/// Models are named by pair_style, or else by pair_coeff. The first model drives. With several,
/// every N steps the others are evaluated too, and a line of FILE says how far they disagree. A
/// command that fails leaves everything as it was.
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
  void add_tally_callback(Compute* compute) override { refuse_tally(lmp, compute); }
  double memory_usage() override;

 protected:
  /// Symbols of the species in the order of the driving model, none before models are named.
  std::vector<std::string> species() const;

 private:
  using SpeciesOfType = std::vector<int>;  // [type], -1 for NULL

  struct Member {
    nepforge::NepModel model;
    std::unique_ptr<nepforge::NepThreads> evaluator;
    SpeciesOfType species_of_type;
    std::vector<double> forces;  // [n_local + n_ghost][3] eV/Å, on steps with deviation
    bigint list_version = -1;    // of the neighbour list of the last evaluation
  };

  /// The models and the file that says how far they disagree.
  struct Committee {
    std::vector<Member> members;
    int deviation_every = 0;       // steps, 0 for a single model
    bigint last_deviation = -1;    // step of the last line
    DeviationFile deviation_file;  // open on rank 0
  };

  Committee load(const NepforgeSettings& settings);
  Member load_member(const std::string& path, nepforge::Precision precision);
  std::vector<SpeciesOfType> map_members(const Committee& committee,
                                         const std::vector<std::string>& species);
  void set_species(std::vector<SpeciesOfType> maps);
  void update_list();
  nepforge::NeighborView neighbors(bool changed) const;
  void evaluate(Member& member, nepforge::Totals& totals);
  void write_deviation(nepforge::Totals& totals);

  std::optional<NepforgeSettings> settings_;  // none before pair_style succeeded
  Committee committee_;
  bool prepared_ = false;              // whether LAMMPS was set up since pair_style and pair_coeff
  std::vector<double> atomic_virial_;  // [n_local + n_ghost][9] eV, row-major
  bigint list_version_ = 0;            // rises with each new neighbour list
  CountedPairs counted_;               // instead of the list of LAMMPS where that holds others too
  bool copied_ = false;                // whether it does
  int communicated_ = 0;               // index of the member whose forces are summed over ranks
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
