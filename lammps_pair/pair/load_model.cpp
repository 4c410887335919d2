#include "load_model.h"

#include <mpi.h>

#include <cstdlib>
#include <exception>

#include "comm.h"
#include "error.h"
#include "lammps.h"
#include "platform.h"
#include "utils.h"

namespace LAMMPS_NS {
namespace {

constexpr char search_path[] = "LAMMPS_POTENTIALS";

/// Where the file is. Throws ModelFileError that names what was searched.
std::string find_model(const std::string& path) {
  const std::string found = utils::get_potential_file_path(path);
  if (!found.empty()) return found;
  const char* folders = std::getenv(search_path);
  const std::string searched =
      folders ? ", nor " + platform::path_basename(path) + " in " + search_path + "=" + folders
              : std::string("; ") + search_path + ", whose folders are searched too, is not set";
  throw nepforge::ModelFileError(path + ": found no file that can be read" + searched);
}

}  // namespace

void broadcast(LAMMPS* lmp, std::string& text, int from) {
  auto size = static_cast<bigint>(text.size());
  MPI_Bcast(&size, 1, MPI_LMP_BIGINT, from, lmp->world);
  text.resize(size);
  MPI_Bcast(text.data(), static_cast<int>(size), MPI_CHAR, from, lmp->world);
}

LoadedModel load_model(LAMMPS* lmp, const std::string& path) {
  LoadedModel loaded{path, {}};
  std::string text, problem;
  if (lmp->comm->me == 0) {
    try {
      loaded.path = find_model(path);
      text = nepforge::load_text(loaded.path);
    } catch (const nepforge::ModelFileError& failure) {
      problem = failure.what();
    }
  }
  broadcast(lmp, problem, 0);
  if (!problem.empty()) lmp->error->all(FLERR, "Pair style nepforge: {}", problem);
  broadcast(lmp, loaded.path, 0);
  broadcast(lmp, text, 0);
  try {
    loaded.model = nepforge::parse_nep_model(text, loaded.path);
  } catch (const std::exception& failure) {
    lmp->error->all(FLERR, "Pair style nepforge: {}", failure.what());
  }
  return loaded;
}

}  // namespace LAMMPS_NS
