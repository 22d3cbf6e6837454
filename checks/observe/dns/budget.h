// How many questions the name servers of others are asked directly: so many a second each, however many
// domains they serve and whenever these come due. What is beyond goes unasked, which proves nothing of the
// server; the resolver is asked all the same, at its own pace (window.h). Bounded. Not thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>

#include "checks/facts/address.h"

namespace stswatch::dns {

class Budget {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr double kASecond = 20;         // of one server
  static constexpr double kAtOnce = 40;          // what has gathered while it was asked nothing
  static constexpr std::size_t kServers = 4096;  // remembered; who has all of his again is forgotten first

  /// Whether it may be asked one more question now. One at a private address may: it is the operator's own.
  bool may_ask(const Address& server, Clock::time_point now) {
    if (!server.not_public_reason().empty()) return true;
    if (left_.size() >= kServers && !left_.contains(server)) make_room(now);
    auto& left = left_.try_emplace(server, Left{kAtOnce, now}).first->second;
    left.questions = gathered(left, now);
    left.at = now;
    if (left.questions < 1) return false;
    left.questions -= 1;
    return true;
  }
  std::size_t servers() const { return left_.size(); }

 private:
  struct Left {
    double questions;
    Clock::time_point at;
  };
  static double gathered(const Left& left, Clock::time_point now) {
    const std::chrono::duration<double> span = now - left.at;
    return std::min(kAtOnce, left.questions + std::max(0.0, span.count()) * kASecond);
  }
  void make_room(Clock::time_point now) {
    std::erase_if(left_, [&](const auto& one) { return gathered(one.second, now) >= kAtOnce; });
    if (left_.size() >= kServers) left_.erase(left_.begin());
  }

  std::map<Address, Left> left_;
};

}  // namespace stswatch::dns
