// Zero-filled numbers at an address that every vector instruction accepts.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace nepforge {

template <class Number>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;

  explicit AlignedBuffer(std::size_t count) {
    const std::size_t bytes = (count * sizeof(Number) + alignment - 1) / alignment * alignment;
    data_.reset(static_cast<Number*>(std::aligned_alloc(alignment, bytes + alignment)));
    if (!data_) throw std::bad_alloc();
    for (std::size_t idx = 0; idx < count; ++idx) data_.get()[idx] = Number{};
  }

  Number* data() const { return data_.get(); }

 private:
  static constexpr std::size_t alignment = 64;

  struct Free {
    void operator()(Number* data) const { std::free(data); }
  };
  std::unique_ptr<Number, Free> data_;
};

}  // namespace nepforge
