// A value that is large, seldom changes and is held in many places: by facts, by those of a later look that
// saw the same, by verdicts of every domain that a host serves. In memory once. Copies may be read from any
// thread.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

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

/// The same of a list: reads as a const std::vector.
template <class T>
class SharedList {
 public:
  using value_type = T;
  using const_iterator = const T*;

  SharedList() = default;
  SharedList(std::vector<T> values) {
    if (!values.empty()) values_ = std::make_shared<const std::vector<T>>(std::move(values));
  }
  SharedList(std::initializer_list<T> values) : SharedList(std::vector<T>(values)) {}
  explicit SharedList(std::shared_ptr<const std::vector<T>> values) : values_(std::move(values)) {}

  const T* begin() const { return values_ ? values_->data() : nullptr; }
  const T* end() const { return values_ ? values_->data() + values_->size() : nullptr; }
  const T* data() const { return begin(); }
  std::size_t size() const { return values_ ? values_->size() : 0; }
  bool empty() const { return size() == 0; }
  const T& operator[](std::size_t i) const { return (*values_)[i]; }
  const T& front() const { return values_->front(); }
  const T& back() const { return values_->back(); }
  void clear() { values_.reset(); }
  void push_back(T value) { change().push_back(std::move(value)); }

  std::vector<T>& change() {
    auto own = values_ ? std::make_shared<std::vector<T>>(*values_) : std::make_shared<std::vector<T>>();
    values_ = own;
    return *own;
  }
  const std::shared_ptr<const std::vector<T>>& held() const { return values_; }

  bool operator==(const SharedList& other) const {
    if (values_ == other.values_) return true;
    if (size() != other.size()) return false;
    for (std::size_t i = 0; i < size(); ++i)
      if (!((*this)[i] == other[i])) return false;
    return true;
  }

 private:
  std::shared_ptr<const std::vector<T>> values_;
};

}  // namespace stswatch
