#include "settings.h"

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
  if (models.empty()) {
    error->all(FLERR, "Pair style nepforge: found no model file, expected one or more");
  }
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
  if (models.size() == 1 && (deviation_every > 0 || !deviation_file.empty())) {
    error->all(FLERR,
               "Pair style nepforge: out_freq and out_file compare several models, found one");
  }
  if (models.size() > 1 && (deviation_every == 0 || deviation_file.empty())) {
    error->all(FLERR,
               "Pair style nepforge: found {} models, expected 'out_freq N out_file FILE' after "
               "them: the first drives and the others are compared with it",
               models.size());
  }
}

}  // namespace LAMMPS_NS
