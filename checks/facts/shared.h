// A value that is large, seldom changes and is held in many places: by facts, by those of a later look that
// saw the same, by verdicts of every domain that a host serves. In memory once. Copies may be read from any
// thread.
#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace stswatch {

/// As a std::optional whose value cannot be changed but by change(), which makes it this copy's own.
template <class T>
class Shared {
 public:
  Shared() = default;
  Shared(T value) : value_(std::make_shared<const T>(std::move(value))) {}
  Shared(std::optional<T> value) {
    if (value) *this = Shared(std::move(*value));
  }

  explicit operator bool() const { return value_ != nullptr; }
  bool has_value() const { return value_ != nullptr; }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }
  void reset() { value_.reset(); }

  /// There has to be one.
  T& change() {
    auto own = std::make_shared<T>(*value_);
    value_ = own;
    return *own;
  }

  bool operator==(const Shared& other) const {
    if (value_ == other.value_) return true;
    return value_ && other.value_ && *value_ == *other.value_;
  }

 private:
  std::shared_ptr<const T> value_;
};

}  // namespace stswatch
