#include "settings.h"

#include <cstring>

#include "atom.h"
#include "error.h"
#include "lammps.h"
#include "utils.h"

namespace LAMMPS_NS {
namespace {

bool is_keyword(const std::string& word) {
  return word == "precision" || word == "out_freq" || word == "out_file";
}

}  // namespace

NepforgeSettings::NepforgeSettings(LAMMPS* lmp, int narg, char** arg) {
  Error* error = lmp->error;
  int next = 0;
  while (next < narg && !is_keyword(arg[next])) models.emplace_back(arg[next++]);
  for (; next < narg; next += 2) {
    const std::string keyword = arg[next];
    if (!is_keyword(keyword)) {
      error->all(FLERR, "Pair style nepforge: found '{}' after the keywords, expected a keyword",
                 keyword);
    }
    if (next + 1 == narg) {
      error->all(FLERR, "Pair style nepforge: nothing follows the keyword {}", keyword);
    }
    const std::string value = arg[next + 1];
    if (keyword == "precision") {
      if (value != "double" && value != "mixed") {
        error->all(FLERR, "Pair style nepforge: found precision {}, expected double or mixed",
                   value);
      }
      precision = value == "mixed" ? nepforge::Precision::mixed : nepforge::Precision::full;
    } else if (keyword == "out_freq") {
      deviation_every = utils::inumeric(FLERR, value, false, lmp);
      if (deviation_every < 1) {
        error->all(FLERR, "Pair style nepforge: found out_freq {}, expected a positive number",
                   value);
      }
    } else {
      deviation_file = value;
    }
  }
}

void NepforgeSettings::check_models(LAMMPS* lmp) const {
  if (models.size() == 1 && (deviation_every > 0 || !deviation_file.empty())) {
    lmp->error->all(FLERR,
                    "Pair style nepforge: out_freq and out_file compare several models, found one");
  }
  if (models.size() > 1 && (deviation_every == 0 || deviation_file.empty())) {
    lmp->error->all(
        FLERR,
        "Pair style nepforge: found {} models ({}), expected 'out_freq N out_file FILE' in "
        "pair_style: the first drives and the others are compared with it",
        models.size(), utils::join_words(models, " "));
  }
}

Coefficients::Coefficients(LAMMPS* lmp, const NepforgeSettings& settings, int narg, char** arg) {
  const int n_types = lmp->atom->ntypes;
  const bool named = !settings.models.empty();
  const int n_models = narg - 2 - n_types;
  const bool starts = narg >= 2 && strcmp(arg[0], "*") == 0 && strcmp(arg[1], "*") == 0;
  if (named && (!starts || n_models != 0)) {
    lmp->error->all(FLERR,
                    "Pair style nepforge: expected 'pair_coeff * *' and a species or NULL for each "
                    "of the {} atom types",
                    n_types);
  }
  if (!named && (!starts || n_models < 1)) {
    lmp->error->all(FLERR,
                    "Pair style nepforge: found no model file, expected one or more in pair_style, "
                    "or in 'pair_coeff * * MODEL...' before a species or NULL for each of the {} "
                    "atom types",
                    n_types);
  }
  models.assign(arg + 2, arg + 2 + n_models);
  species.assign(arg + 2 + n_models, arg + narg);
}

}  // namespace LAMMPS_NS
