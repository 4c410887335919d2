// The private memory of a team: measured first, then allocated.
#pragma once

#include <cstddef>

#include "../core/nep_math.h"

namespace nepforge {
namespace device {

constexpr std::size_t array_alignment = 16;  // bytes, of the widest load

template <class Item>
NEP_HD std::size_t array_bytes(std::size_t count) {
  return (count * sizeof(Item) + array_alignment - 1) / array_alignment * array_alignment;
}

/// Measures the memory.
class CountedMemory {
 public:
  template <class Item>
  NEP_HD_MEMBER Item* take(std::size_t count) {
    bytes_ += array_bytes<Item>(count);
    return nullptr;
  }

  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

/// Allocates one array after another.
class PlacedMemory {
 public:
  NEP_HD_MEMBER explicit PlacedMemory(char* begin) : next_(begin) {}

  template <class Item>
  NEP_HD_MEMBER Item* take(std::size_t count) {
    Item* array = reinterpret_cast<Item*>(next_);
    next_ += array_bytes<Item>(count);
    return array;
  }

 private:
  char* next_;
};

}  // namespace device
}  // namespace nepforge
