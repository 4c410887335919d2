// Stands in for cuda_device.cu in a build without CUDA.
#include "nep_device.h"

namespace nepforge {

int count_cuda_devices() {
  throw DeviceError(
      "this build has no CUDA: nvcc 11.7 or newer was not found when nepforge was installed; put "
      "it "
      "on PATH and install nepforge again, or use pair_style nepforge on the CPU");
}

std::unique_ptr<NepDevice> make_cuda_device(const NepModel&, Precision, int) {
  count_cuda_devices();
  return nullptr;
}

}  // namespace nepforge
