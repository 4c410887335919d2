// Runs the CUDA branch of the kernels on the CPU: a thread for each lane of two warps, the
// intrinsics of CUDA by barriers. ThreadSanitizer sees two lanes that meet at one place without
// __syncwarp or atomicAdd between them; shuffles and ballots order no memory on a GPU, and it does
// not see them here. Ends with status 1 when the results differ from those of the host device.
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#define BLIND __attribute__((no_sanitize("thread"), noinline))

constexpr int n_lanes = 32, n_warps = 2;

struct EmulatedWarp {
  std::barrier<> sync{n_lanes};
  std::uint64_t exchange[n_lanes] = {};
  int arrived = 0, round = 0;
};

thread_local struct {
  unsigned x;
} threadIdx;
thread_local EmulatedWarp* warp;

static void __syncwarp() {
  warp->sync.arrive_and_wait();
}

BLIND static void wait_blindly() {
  const int round = __atomic_load_n(&warp->round, __ATOMIC_SEQ_CST);
  if (__atomic_add_fetch(&warp->arrived, 1, __ATOMIC_SEQ_CST) == n_lanes) {
    __atomic_store_n(&warp->arrived, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&warp->round, round + 1, __ATOMIC_SEQ_CST);
  }
  while (__atomic_load_n(&warp->round, __ATOMIC_SEQ_CST) == round) sched_yield();
}

BLIND static std::uint64_t exchange(std::uint64_t bits, unsigned other) {
  warp->exchange[threadIdx.x % n_lanes] = bits;
  wait_blindly();
  const std::uint64_t found = warp->exchange[other];
  wait_blindly();
  return found;
}

template <class Number>
Number __shfl_xor_sync(unsigned, Number value, int step) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(bits, (threadIdx.x % n_lanes) ^ static_cast<unsigned>(step));
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

BLIND static unsigned __ballot_sync(unsigned, bool vote) {
  warp->exchange[threadIdx.x % n_lanes] = vote;
  wait_blindly();
  unsigned votes = 0;
  for (int lane = 0; lane < n_lanes; ++lane) votes |= (warp->exchange[lane] ? 1u : 0u) << lane;
  wait_blindly();
  return votes;
}

static int __popc(unsigned bits) {
  return __builtin_popcount(bits);
}

template <class Number>
Number atomicAdd(Number* to, Number value) {
  return __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}

#define __CUDACC__
#define __CUDA_ARCH__ 750
#define __host__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#include "nep_device_of.h"

namespace {

using namespace nepforge;

/// Private memory of a warp, full of NaN.
class WarpMemory {
 public:
  template <class Item>
  Item* take(std::size_t count) {
    blocks_.emplace_back(count * sizeof(Item), '\xff');
    return reinterpret_cast<Item*>(blocks_.back().data());
  }

 private:
  std::list<std::vector<char>> blocks_;
};

class EmulatedBackend {
 public:
  std::string name() const { return "emulated warps"; }
  void* allocate(std::size_t bytes) { return std::malloc(bytes); }
  void release(void* memory) { std::free(memory); }
  void upload(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  void download(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  void clear(void* memory, std::size_t bytes) { std::memset(memory, 0, bytes); }

  template <class Body>
  void run(std::size_t n, const Body& body) {
    constexpr std::size_t n_threads = 4;
    std::vector<std::thread> threads;
    for (std::size_t first = 0; first < n_threads; ++first) {
      threads.emplace_back([=] {
        for (std::size_t idx = first; idx < n; idx += n_threads) body(idx);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  template <class Body>
  void run_teams(int n, const Body& body) {
    std::vector<std::thread> threads;
    WarpMemory memory[n_warps];
    EmulatedWarp warps[n_warps];
    for (int warp_idx = 0; warp_idx < n_warps; ++warp_idx) {
      const auto scratch = body.scratch(memory[warp_idx]);
      const auto kept = body.kept_neighbors(memory[warp_idx]);
      for (int lane = 0; lane < n_lanes; ++lane) {
        threads.emplace_back([=, &body, &warps] {
          threadIdx.x = warp_idx * n_lanes + lane;
          warp = &warps[warp_idx];
          for (int idx = warp_idx; idx < n; idx += n_warps) {
            body(device::WarpTeam(), idx, scratch, kept);
          }
        });
      }
    }
    for (std::thread& thread : threads) thread.join();
  }
};

/// Forces and virials of a jittered grid without images.
std::vector<double> evaluate(NepDevice& device, int n_species) {
  constexpr int n_atoms = 48, n_centers = 12;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> shift(-0.3, 0.3);  // Å
  std::vector<double> positions, results(12 * n_atoms);
  std::vector<int> species;
  for (int idx = 0; idx < n_atoms; ++idx) {
    for (const int place : {idx % 4, idx / 4 % 4, idx / 16}) {
      positions.push_back(1.9 * place + shift(random));
    }
    species.push_back(idx % (n_species + 1) - 1);
  }
  device.set_atoms({n_atoms, n_centers, positions.data(), species.data()}, 1.0);
  DeviceResults to;
  to.forces = results.data();
  to.atomic_virials = results.data() + 3 * n_atoms;
  device.evaluate(positions.data(), to);
  return results;
}

}  // namespace

int main(int, char** arguments) {
  const NepModel model = parse_nep_model(load_text(arguments[1]), arguments[1]);
  for (const Precision precision : {Precision::full, Precision::mixed}) {
    const auto emulated =
        device::make_device(model, precision, std::make_unique<EmulatedBackend>());
    const std::vector<double> found = evaluate(*emulated, model.n_species());
    const std::vector<double> expected =
        evaluate(*make_host_device(model, precision), model.n_species());
    double largest = 1.0, difference = 0.0;
    for (std::size_t idx = 0; idx < found.size(); ++idx) {
      largest = std::max(largest, std::abs(expected[idx]));
      difference = std::max(difference, std::abs(found[idx] - expected[idx]));
    }
    const double tolerance = precision == Precision::full ? 1e-11 : 1e-5;
    if (!(difference <= tolerance * largest)) {
      std::printf("warps change a result by %.1e\n", difference);
      return 1;
    }
  }
  std::printf("same results\n");
  return 0;
}
