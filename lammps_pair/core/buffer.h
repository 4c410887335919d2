// Arrays that own their memory, and views of them. Safe in files that are compiled for several
// instruction sets: whatever touches an element is inlined.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>

#include "inlined.h"

namespace nepforge {

/// Ends the program on an index beyond the end of an array, in builds with NEPFORGE_CHECKED.
NEP_HD void check_place([[maybe_unused]] std::size_t place, [[maybe_unused]] std::size_t end) {
#ifdef NEPFORGE_CHECKED
  if (place > end) __builtin_trap();
#endif
}

/// A run of items that a Buffer or another object owns.
template <class Item>
class Span {
 public:
  Span() = default;
  NEP_HD_MEMBER Span(Item* data, std::size_t size) : data_(data), size_(size) {}
  template <class Other, class = std::enable_if_t<std::is_same_v<const Other, Item>>>
  NEP_HD_MEMBER Span(Span<Other> other) : Span(other.data(), other.size()) {}

  NEP_HD_MEMBER Item* data() const { return data_; }
  NEP_HD_MEMBER std::size_t size() const { return size_; }

  NEP_HD_MEMBER Item& operator[](std::size_t idx) const {
    check_place(idx + 1, size_);
    return data_[idx];
  }

  /// The items from `first` on.
  NEP_HD_MEMBER Span from(std::size_t first) const {
    check_place(first, size_);
    return {data_ + first, size_ - first};
  }

  /// The first `count` items.
  NEP_HD_MEMBER Span first(std::size_t count) const {
    check_place(count, size_);
    return {data_, count};
  }

  /// Where `count` items from `first` on lie.
  NEP_HD_MEMBER Item* place(std::size_t first, std::size_t count) const {
    check_place(first + count, size_);
    return data_ + first;
  }

 private:
  Item* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Zero-filled items at an address that every vector instruction accepts.
template <class Item>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) : items_(allocated(size), size) {
    for (std::size_t idx = 0; idx < size; ++idx) items_.data()[idx] = Item{};
  }
  ~Buffer() { std::free(items_.data()); }
  Buffer(Buffer&& other) noexcept : items_(std::exchange(other.items_, Span<Item>())) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(items_, other.items_);
    return *this;
  }

  NEP_HD_MEMBER std::size_t size() const { return items_.size(); }
  NEP_HD_MEMBER Item& operator[](std::size_t idx) { return items_[idx]; }
  NEP_HD_MEMBER const Item& operator[](std::size_t idx) const { return items_[idx]; }
  NEP_HD_MEMBER Span<Item> from(std::size_t first) { return items_.from(first); }
  NEP_HD_MEMBER Span<const Item> from(std::size_t first) const { return items_.from(first); }
  NEP_HD_MEMBER Item* place(std::size_t first, std::size_t count) {
    return items_.place(first, count);
  }
  NEP_HD_MEMBER const Item* place(std::size_t first, std::size_t count) const {
    return items_.place(first, count);
  }
  NEP_HD_MEMBER operator Span<Item>() { return items_; }
  NEP_HD_MEMBER operator Span<const Item>() const { return items_; }
  NEP_HD_MEMBER Item* data() { return items_.data(); }
  NEP_HD_MEMBER const Item* data() const { return items_.data(); }

 private:
  static Item* allocated(std::size_t size) {
    static_assert(std::is_trivially_copyable_v<Item>);
    const std::size_t bytes = (size * sizeof(Item) + alignment - 1) / alignment * alignment;
    void* data = std::aligned_alloc(alignment, bytes + alignment);
    if (!data) throw std::bad_alloc();
    return static_cast<Item*>(data);
  }

  static constexpr std::size_t alignment = 64;
  Span<Item> items_;
};

}  // namespace nepforge
