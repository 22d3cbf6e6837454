#include "agent/remember/recent_transitions.h"

#include <algorithm>

namespace stswatch {
namespace {

constexpr std::size_t kRecent = 4096;       // kept once they are on the disk
constexpr std::size_t kUnwritten = 50'000;  // kept while the disk fails

}  // namespace

std::vector<StoredTransition> RecentTransitions::number(const std::vector<Transition>& transitions,
                                                        const std::string& domain, TimePoint at) {
  std::vector<StoredTransition> out;
  for (const auto& transition : transitions) {
    out.push_back({++last_, at, domain, transition});
    recent_.push_back(out.back());
  }
  const auto too_many = [&] {
    return recent_.size() > kUnwritten || (recent_.size() > kRecent && recent_.front().id <= safe_);
  };
  while (too_many()) {
    before_ = recent_.front().id + 1;
    recent_.pop_front();
  }
  return out;
}

void RecentTransitions::now_safe(std::int64_t upto) { safe_ = std::max(safe_, upto); }

std::vector<StoredTransition> RecentTransitions::after(std::int64_t id, std::size_t limit,
                                                       std::int64_t upto) const {
  std::vector<StoredTransition> out;
  auto it = std::ranges::upper_bound(recent_, id, {}, &StoredTransition::id);
  for (; it != recent_.end() && it->id <= upto && out.size() < limit; ++it)
    out.push_back(*it);
  return out;
}

}  // namespace stswatch
