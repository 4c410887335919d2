// Evaluation of a NEP model on a device that keeps its own copy of the atoms and its own neighbour
// lists. Takes positions and returns forces, and energies and virials on request.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "../core/nep_cpu.h"
#include "../core/nep_model.h"

namespace nepforge {

/// The device cannot be used; the text says why.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Where evaluate() writes; null for what is not wanted.
struct DeviceResults {
  double* forces = nullptr;           // [n_atoms][3] eV/Å
  double* atomic_energies = nullptr;  // optional, [n_centers] eV
  double* atomic_virials = nullptr;   // optional, [n_atoms][9] eV, W_ab = -r_a p_b assigned to the
                                      // neighbour
};

/// Atoms with images. The first n_centers are those whose energies are wanted.
struct DeviceAtoms {
  int n_atoms;
  int n_centers;
  const double* positions;  // [n_atoms][3] Å
  const int* species;       // [n_atoms] -1 for an atom to be ignored
};

class NepDevice {
 public:
  virtual ~NepDevice() = default;

  /// Name of the device, for messages.
  virtual std::string name() const = 0;

  /// New atoms: makes the neighbour lists of the centers, which reach `skin` beyond the cutoff.
  /// Throws DeviceError.
  virtual void set_atoms(const DeviceAtoms& atoms, double skin) = 0;

  /// New atoms with given full neighbour lists: `neighbors` of a center begin at
  /// first[center], [n_centers + 1]; each of them takes part. Throws DeviceError.
  virtual void set_atoms(const DeviceAtoms& atoms, const std::vector<std::size_t>& first,
                         const std::vector<int>& neighbors) = 0;

  /// Forces, energies and virials of the same atoms, none of which has moved by more than half of
  /// the skin. Throws DeviceError, or NonFiniteEnergy of a center whose energy is not finite or
  /// whose pair forces are above 1e5 eV/Å.
  virtual void evaluate(const double* positions, const DeviceResults& results) = 0;

  /// Memory on the device in bytes.
  virtual double memory_usage() const = 0;
};

/// Order in which the CPU takes the lanes of a team; results differ by rounding at most.
enum class LaneOrder { upwards, downwards };

/// The kernels on the CPU, one index after another: slow, for tests.
std::unique_ptr<NepDevice> make_host_device(const NepModel& model, Precision precision,
                                            LaneOrder order = LaneOrder::upwards);

/// CUDA devices that this process sees. Throws DeviceError when this build has no CUDA, when there
/// is no driver, or no device.
int count_cuda_devices();

/// One CUDA device. Throws DeviceError.
std::unique_ptr<NepDevice> make_cuda_device(const NepModel& model, Precision precision,
                                            int device_idx);

}  // namespace nepforge
