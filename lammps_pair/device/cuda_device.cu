// The kernels on a CUDA device: one warp per atom.
#include <cuda_runtime.h>

#include <algorithm>

#include "nep_device_of.h"

namespace nepforge {
namespace {

constexpr int block_size = 128;  // threads, of kernels with one thread per index
/// The warps of a block never wait for each other: small blocks leave the least shared memory
/// unused, and two warps do not meet the limit of 16 blocks on a multiprocessor.
constexpr int warps_per_block = 2;
constexpr int blocks_at_least = 6;  // on a multiprocessor: at most 168 registers per thread

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw DeviceError(std::string("CUDA cannot ") + what + ": " + cudaGetErrorString(status));
}

template <class Body>
__global__ void run_threads(Body body, std::size_t n) {
  const std::size_t idx = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (idx < n) body(idx);
}

/// Private memory of each warp that runs at the same time, bytes.
struct WarpBytes {
  std::size_t scratch;
  std::size_t kept;
};

template <class Body>
__global__ void __launch_bounds__(warps_per_block* device::warp_lanes, blocks_at_least)
    run_warps(const __grid_constant__ Body body, int n, WarpBytes bytes, char* kept_memory) {
  extern __shared__ double2 shared[];
  const unsigned warp_in_block = threadIdx.x / device::warp_lanes;
  const unsigned warps_in_block = blockDim.x / device::warp_lanes;
  const unsigned warp = blockIdx.x * warps_in_block + warp_in_block;
  device::PlacedMemory fast(reinterpret_cast<char*>(shared) + warp_in_block * bytes.scratch);
  device::PlacedMemory large(kept_memory + warp * bytes.kept);
  const auto scratch = body.scratch(fast);
  const auto kept = body.kept_neighbors(large);
  for (long long idx = warp; idx < n; idx += gridDim.x * warps_in_block) {
    body(device::WarpTeam(), static_cast<int>(idx), scratch, kept);
  }
}

class CudaBackend {
 public:
  explicit CudaBackend(int device_idx) : device_idx_(device_idx) {
    use();
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, device_idx), "describe the device");
    name_ = properties.name;
    shared_bytes_ = properties.sharedMemPerBlockOptin;
    n_multiprocessors_ = properties.multiProcessorCount;
  }
  ~CudaBackend() { release(kept_memory_); }
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  std::string name() const { return name_ + ", device " + std::to_string(device_idx_); }

  void* allocate(std::size_t bytes) {
    use();
    void* memory = nullptr;
    check(cudaMalloc(&memory, bytes), "allocate memory");
    return memory;
  }
  void release(void* memory) {
    if (memory) cudaFree(memory);
  }
  void upload(void* to, const void* from, std::size_t bytes) {
    use();
    check(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "copy to the device");
  }
  void download(void* to, const void* from, std::size_t bytes) {
    use();
    check(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), "copy from the device");
  }
  void clear(void* memory, std::size_t bytes) {
    use();
    check(cudaMemset(memory, 0, bytes), "clear memory");
  }

  template <class Body>
  void run(std::size_t n, const Body& body) {
    if (n == 0) return;
    use();
    const unsigned n_blocks = static_cast<unsigned>((n + block_size - 1) / block_size);
    run_threads<<<n_blocks, block_size>>>(body, n);
    check(cudaGetLastError(), "start a kernel");
  }

  /// As many warps as the device holds at the same time; each takes one atom after another.
  template <class Body>
  void run_teams(int n, const Body& body) {
    use();
    device::CountedMemory scratch, kept;
    body.scratch(scratch);
    body.kept_neighbors(kept);
    const WarpBytes bytes = {scratch.bytes(), kept.bytes()};
    const int warps = warps_that_fit(bytes.scratch);
    const std::size_t shared = warps * bytes.scratch;
    check(cudaFuncSetAttribute(run_warps<Body>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared)),
          "reserve shared memory");
    int blocks_at_once = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks_at_once, run_warps<Body>,
                                                        warps * device::warp_lanes, shared),
          "run the kernel on this device");
    const int n_blocks = std::min((n + warps - 1) / warps, blocks_at_once * n_multiprocessors_);
    reserve_kept(n_blocks * warps * bytes.kept);
    run_warps<<<n_blocks, warps * device::warp_lanes, shared>>>(body, n, bytes, kept_memory_);
    check(cudaGetLastError(), "start a kernel");
  }

 private:
  void use() { check(cudaSetDevice(device_idx_), "use the device"); }

  int warps_that_fit(std::size_t scratch_bytes) const {
    const std::size_t room = shared_bytes_ / scratch_bytes;
    if (room == 0) {
      throw DeviceError("an atom needs " + std::to_string(scratch_bytes) +
                        " bytes of shared memory, a block of the device has " +
                        std::to_string(shared_bytes_) +
                        "; use pair_style nepforge, or precision mixed");
    }
    return static_cast<int>(std::min<std::size_t>(room, warps_per_block));
  }

  void reserve_kept(std::size_t bytes) {
    if (bytes <= kept_bytes_) return;
    release(kept_memory_);
    kept_memory_ = nullptr;
    kept_bytes_ = 0;
    kept_memory_ = static_cast<char*>(allocate(bytes));
    kept_bytes_ = bytes;
  }

  int device_idx_;
  std::string name_;
  std::size_t shared_bytes_ = 0;
  int n_multiprocessors_ = 0;
  char* kept_memory_ = nullptr;
  std::size_t kept_bytes_ = 0;
};

}  // namespace

int count_cuda_devices() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    throw DeviceError(std::string("found no CUDA device: ") + cudaGetErrorString(status) +
                      "; pair_style nepforge runs on the CPU");
  }
  return count;
}

std::unique_ptr<NepDevice> make_cuda_device(const NepModel& model, Precision precision,
                                            int device_idx) {
  return device::make_device(model, precision, std::make_unique<CudaBackend>(device_idx));
}

}  // namespace nepforge
