// An array in the memory of a backend.
#pragma once

#include <cstddef>
#include <vector>

namespace nepforge {
namespace device {

template <class Backend, class Item>
class Array {
 public:
  explicit Array(Backend& backend) : backend_(&backend) {}
  ~Array() { backend_->release(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  /// Makes room for `count` items; what was there is lost.
  void resize(std::size_t count) {
    count_ = count;
    if (count <= capacity_) return;
    backend_->release(data_);
    data_ = nullptr;
    capacity_ = 0;
    data_ = static_cast<Item*>(backend_->allocate(count * sizeof(Item)));
    capacity_ = count;
  }

  void set(const Item* content, std::size_t count) {
    resize(count);
    if (count > 0) backend_->upload(data_, content, count * sizeof(Item));
  }
  void set(const std::vector<Item>& content) { set(content.data(), content.size()); }

  void clear() {
    if (count_ > 0) backend_->clear(data_, count_ * sizeof(Item));
  }

  void get(Item* to) const {
    if (count_ > 0) backend_->download(to, data_, count_ * sizeof(Item));
  }

  Item* data() const { return data_; }
  std::size_t count() const { return count_; }
  double bytes() const { return static_cast<double>(capacity_ * sizeof(Item)); }

 private:
  Backend* backend_;
  Item* data_ = nullptr;
  std::size_t count_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace device
}  // namespace nepforge
