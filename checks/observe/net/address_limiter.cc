#include "checks/observe/net/address_limiter.h"

#include <algorithm>
#include <utility>

namespace stswatch {

// A condition variable cannot be woken by a file descriptor, so a wish to stop is looked for this often.
static constexpr Millis kGlance{50};

AddressLimiter::DomainUpdate::DomainUpdate(DomainUpdate&& other) noexcept
    : address_limiter_(std::exchange(other.address_limiter_, nullptr)), address_(other.address_) {}

AddressLimiter::DomainUpdate::~DomainUpdate() {
  if (address_limiter_ != nullptr) address_limiter_->leave(address_);
}

Address AddressLimiter::block_of(const Address& address) {
  auto octets = address.octets();
  constexpr std::ptrdiff_t kV4 = 3, kV6 = 6;  // octets that name the block
  std::fill(octets.begin() + (address.is_v6() ? kV6 : kV4), octets.end(), std::uint8_t{0});
  return address.is_v6() ? Address::v6(octets) : Address::v4({octets[0], octets[1], octets[2], octets[3]});
}

bool AddressLimiter::begin(const Address& address) {
  if (busy_.contains(address)) return false;
  if (address.not_public_reason().empty()) {
    const auto [block, fresh] = blocks_.try_emplace(block_of(address), 0);
    if (block->second >= kOfBlock) return false;
    ++block->second;
  }
  busy_.insert(address);
  return true;
}

void AddressLimiter::leave(const Address& address) {
  Tell tell;
  {
    const std::lock_guard lock(mutex_);
    busy_.erase(address);
    const auto block = blocks_.find(block_of(address));
    if (block != blocks_.end() && --block->second == 0) blocks_.erase(block);
    tell = tell_;
  }
  freed_.notify_all();
  if (tell) tell(address, room(address));
}

std::size_t AddressLimiter::room(const Address& address) {
  const std::lock_guard lock(mutex_);
  const auto it = waiting_.find(address);
  const auto there = (it == waiting_.end() ? 0 : it->second) + (busy_.contains(address) ? 1 : 0);
  return kQueue + 1 - std::min(there, kQueue + 1);
}

void AddressLimiter::tell_of_room(Tell tell) {
  const std::lock_guard lock(mutex_);
  tell_ = std::move(tell);
}

std::optional<AddressLimiter::DomainUpdate> AddressLimiter::take(const Address& address,
                                                                 const Deadline& deadline, bool* crowded) {
  std::unique_lock lock(mutex_);
  if (begin(address)) return DomainUpdate(this, address);
  if (crowded != nullptr && waiting_[address] >= kQueue) {
    *crowded = true;
    return std::nullopt;
  }
  ++waiting_[address];
  bool ours = false;
  while (!ours) {
    const Millis left = deadline.left();
    if (left.count() == 0 || deadline.cancelled()) break;
    freed_.wait_for(lock, deadline.cancel() == nullptr ? left : std::min(left, kGlance));
    ours = begin(address);
  }
  if (--waiting_[address] == 0) waiting_.erase(address);
  return ours ? std::optional(DomainUpdate(this, address)) : std::nullopt;
}

}  // namespace stswatch
