#include "agent/remember/fleet.h"

#include <time.h>

namespace stswatch {
namespace {

constexpr Seconds kLeaseMargin{2};  // for what a send takes, and for clocks that run a little apart

}  // namespace

Shard shard_of(std::string_view domain) {
  std::uint64_t h = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : domain) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3;
  }
  h ^= h >> 32U;  // its low bits alone are poorly mixed for names that differ in their middle
  return static_cast<Shard>(h % kShards) + 1;
}

std::chrono::nanoseconds Leases::boot_time() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

std::optional<std::int64_t> Leases::epoch(Shard shard) const {
  const std::lock_guard lock(mutex_);
  const auto it = epochs_.find(shard);
  return it == epochs_.end() ? std::nullopt : std::optional(it->second);
}

bool Leases::certain(Shard shard) const {
  const std::lock_guard lock(mutex_);
  return epochs_.contains(shard) && boot_time() < until_;
}

std::int64_t Leases::life() const {
  const std::lock_guard lock(mutex_);
  return life_;
}

void Leases::hold(Shard shard, std::int64_t epoch) {
  const std::lock_guard lock(mutex_);
  epochs_[shard] = epoch;
}

void Leases::let_go(const std::set<Shard>& shards) {
  const std::lock_guard lock(mutex_);
  for (const auto shard : shards)
    epochs_.erase(shard);
}

void Leases::renewed(std::chrono::nanoseconds asked_at) {
  const std::lock_guard lock(mutex_);
  until_ = asked_at + kLease - kLeaseMargin;
  born_.notify_all();
}

bool Leases::await_first(std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  return born_.wait_for(lock, patience, [&] { return until_ != std::chrono::nanoseconds{0}; });
}

void Leases::reborn() {
  const std::lock_guard lock(mutex_);
  ++life_;
}

}  // namespace stswatch
