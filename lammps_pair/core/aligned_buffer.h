// Zero-filled doubles at an address that every vector instruction accepts.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace nepforge {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;

  explicit AlignedBuffer(std::size_t count) {
    const std::size_t bytes = (count * sizeof(double) + alignment - 1) / alignment * alignment;
    data_.reset(static_cast<double*>(std::aligned_alloc(alignment, bytes + alignment)));
    if (!data_) throw std::bad_alloc();
    for (std::size_t idx = 0; idx < count; ++idx) data_.get()[idx] = 0.0;
  }

  double* data() const { return data_.get(); }

 private:
  static constexpr std::size_t alignment = 64;

  struct Free {
    void operator()(double* data) const { std::free(data); }
  };
  std::unique_ptr<double, Free> data_;
};

}  // namespace nepforge
