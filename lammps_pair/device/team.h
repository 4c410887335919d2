// How the lanes of a GPU warp work on one atom together, and the same on the CPU by one loop.
//
// A kernel is a function of a team: each member function runs a body for every index and returns
// when all are done, so that what one call writes the next one may read. The CPU runs the same
// source, index after index, and so does a test under AddressSanitizer.
#pragma once

#include <cstdint>

#include "../core/nep_math.h"

namespace nepforge {
namespace device {

constexpr int warp_lanes = 32;

/// Adds to a counter or sum that other teams add to as well; returns the value before.
NEP_HD int add_shared(int* to, int value) {
#ifdef __CUDA_ARCH__
  return atomicAdd(to, value);
#else
  const int before = *to;
  *to += value;
  return before;
#endif
}

NEP_HD void add_shared(std::int64_t* to, std::int64_t value) {
#ifdef __CUDA_ARCH__
  atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
#else
  *to += value;
#endif
}

/// How many of some indices are of the first class and of the second.
struct Parts {
  int n_first;
  int n_second;
};

/// Indices one after another on the CPU, upwards or downwards: a body that reads what another index
/// of the same call writes gives different numbers in the two.
class HostTeam {
 public:
  explicit HostTeam(bool downwards) : downwards_(downwards) {}

  template <class Body>
  void each(int n, const Body& body) const {
    for (int count = 0; count < n; ++count) body(downwards_ ? n - 1 - count : count);
  }

  template <class Body>
  void once(const Body& body) const {
    body();
  }

  /// body(idx, totals) adds to its totals; every lane gets the sums over all indices.
  template <int n_totals, class Number, class Body>
  void sum(int n, Number (&totals)[n_totals], const Body& body) const {
    each(n, [&](int idx) { body(idx, totals); });
  }

  /// Calls put(idx, place) with places 0, 1, ... for every idx of the first class, and with
  /// n_places - 1, n_places - 2, ... for those of the second.
  template <class Classify, class Put>
  Parts divide(int n, int n_places, const Classify& classify, const Put& put) const {
    Parts parts = {0, 0};
    for (int idx = 0; idx < n; ++idx) {
      const int part = classify(idx);
      if (part == 1) put(idx, parts.n_first++);
      if (part == 2) put(idx, n_places - 1 - parts.n_second++);
    }
    return parts;
  }

 private:
  bool downwards_;
};

#ifdef __CUDACC__

constexpr unsigned all_lanes = 0xffffffffu;

/// The lanes of one warp.
class WarpTeam {
 public:
  __device__ WarpTeam() : lane_(threadIdx.x % warp_lanes) {}

  template <class Body>
  __device__ void each(int n, const Body& body) const {
    for (int idx = lane_; idx < n; idx += warp_lanes) body(idx);
    __syncwarp();
  }

  template <class Body>
  __device__ void once(const Body& body) const {
    if (lane_ == 0) body();
    __syncwarp();
  }

  template <int n_totals, class Number, class Body>
  __device__ void sum(int n, Number (&totals)[n_totals], const Body& body) const {
    each(n, [&](int idx) { body(idx, totals); });
    for (int step = warp_lanes / 2; step > 0; step /= 2) {
      for (int idx = 0; idx < n_totals; ++idx) {
        totals[idx] += __shfl_xor_sync(all_lanes, totals[idx], step);
      }
    }
  }

  template <class Classify, class Put>
  __device__ Parts divide(int n, int n_places, const Classify& classify, const Put& put) const {
    Parts parts = {0, 0};
    const unsigned lanes_before = (1u << lane_) - 1u;
    for (int start = 0; start < n; start += warp_lanes) {
      const int idx = start + lane_;
      const int part = idx < n ? classify(idx) : 0;
      const unsigned first = __ballot_sync(all_lanes, part == 1);
      const unsigned second = __ballot_sync(all_lanes, part == 2);
      if (part == 1) put(idx, parts.n_first + __popc(first & lanes_before));
      if (part == 2) put(idx, n_places - 1 - parts.n_second - __popc(second & lanes_before));
      parts.n_first += __popc(first);
      parts.n_second += __popc(second);
    }
    __syncwarp();
    return parts;
  }

 private:
  int lane_;
};

#endif

}  // namespace device
}  // namespace nepforge
