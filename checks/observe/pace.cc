#include "checks/observe/pace.h"

#include <algorithm>
#include <utility>

namespace stswatch {

// A condition variable cannot be woken by a file descriptor, so a wish to stop is looked for this often.
static constexpr Millis kGlance{50};

Pace::Turn::Turn(Turn&& other) noexcept
    : pace_(std::exchange(other.pace_, nullptr)), address_(other.address_) {}

Pace::Turn::~Turn() {
  if (pace_ == nullptr) return;
  {
    std::lock_guard lock(pace_->mutex_);
    pace_->busy_.erase(address_);
  }
  pace_->freed_.notify_all();
}

std::optional<Pace::Turn> Pace::take(const Address& address, const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  while (busy_.contains(address)) {
    const Millis left = deadline.left();
    if (left.count() == 0 || deadline.cancelled()) return std::nullopt;
    freed_.wait_for(lock, deadline.cancel() == nullptr ? left : std::min(left, kGlance));
  }
  busy_.insert(address);
  return Turn(this, address);
}

}  // namespace stswatch
