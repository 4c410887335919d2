// The kernels of the GPU on the CPU. Every array is a heap block of its exact size, so that
// AddressSanitizer sees each index out of bounds, and full of NaN or -1 until it is written.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "nep_device_of.h"

namespace nepforge {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using HeapBlock = std::unique_ptr<void, Free>;

HeapBlock allocate_block(std::size_t bytes) {
  HeapBlock memory(std::malloc(bytes));
  if (!memory) throw std::bad_alloc();
  std::memset(memory.get(), 0xff, bytes);
  return memory;
}

/// The private memory of a team, for as long as it works on one atom.
class HeapMemory {
 public:
  template <class Item>
  Item* take(std::size_t count) {
    blocks_.push_back(allocate_block(count * sizeof(Item) + (count == 0)));
    return static_cast<Item*>(blocks_.back().get());
  }

 private:
  std::vector<HeapBlock> blocks_;
};

class HostBackend {
 public:
  explicit HostBackend(LaneOrder order) : team_(order == LaneOrder::downwards) {}

  std::string name() const { return "the CPU, one index after another"; }

  void* allocate(std::size_t bytes) { return allocate_block(bytes).release(); }
  void release(void* memory) { std::free(memory); }
  void upload(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  void download(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
  void clear(void* memory, std::size_t bytes) { std::memset(memory, 0, bytes); }

  template <class Body>
  void run(std::size_t n, const Body& body) {
    for (std::size_t idx = 0; idx < n; ++idx) body(idx);
  }

  template <class Body>
  void run_teams(int n, const Body& body) {
    team_.each(n, [&](int idx) {
      HeapMemory memory;
      body(team_, idx, body.scratch(memory), body.kept_neighbors(memory));
    });
  }

 private:
  device::HostTeam team_;
};

}  // namespace

std::unique_ptr<NepDevice> make_host_device(const NepModel& model, Precision precision,
                                            LaneOrder order) {
  return device::make_device(model, precision, std::make_unique<HostBackend>(order));
}

}  // namespace nepforge
