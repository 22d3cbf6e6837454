#include "agent/watch/clock_witness.h"

#include <algorithm>
#include <set>

#include "agent/watch/calendar.h"
#include "checks/facts/domain.h"
#include "checks/facts/join.h"

namespace stswatch {
namespace {

constexpr Seconds kTolerated{120};  // RULES 3.2 Q
constexpr Seconds kDatesCount{6 * 3600};
constexpr std::size_t kAgree = 3;
constexpr Seconds kWait{60};  // as long as a policy host may take (RFC 8461 §3.3)

/// A certificate that is bad by our clock alone is good at the time that its host tells.
bool certifies(const PolicyFetch& fetch, TimePoint said) {
  const auto& peer = fetch.tls.peer;
  return peer && peer->bad_by_dates_alone() && peer->leaf.not_before <= said &&
         said < peer->chain_not_after();
}

}  // namespace

void ClockWitness::saw(const std::string& policy_host, const std::vector<PolicyFetch>& fetches,
                       TimePoint began, TimePoint ended) {
  for (const auto& fetch : fetches) {
    // What a cache has kept says nothing of now.
    const auto time = fetch.date && !fetch.age ? parse_http_date(*fetch.date) : std::nullopt;
    if (!time) continue;
    Seconds by{0};
    if (*time < began - kTolerated) by = *time - began;
    if (*time > ended + kTolerated) by = *time - ended;
    const auto key = fetch.address.str();
    if (!said_.contains(key) && said_.size() >= kMost)
      said_.erase(std::ranges::min_element(said_, {}, [](const auto& s) { return s.second.at; }));
    said_[key] = {ended, by, policy_host, certifies(fetch, *time)};
  }
}

std::string ClockWitness::skewed(TimePoint now) const {
  std::set<std::string> ahead, behind, agree;  // owners
  std::string names;
  Seconds least_ahead{0}, least_behind{0};
  bool certified = false;
  for (const auto& [_, said] : said_) {
    // A look is judged by its beginning, and hears the date at its end.
    if (std::chrono::abs(now - said.at) > kDatesCount) continue;
    const auto owner = registrable_domain(said.host).value_or(said.host);
    certified |= said.certified && said.by != Seconds{0};
    (said.by > Seconds{0} ? ahead : said.by < Seconds{0} ? behind : agree).insert(owner);
    if (said.by > Seconds{0} && (least_ahead == Seconds{0} || said.by < least_ahead)) least_ahead = said.by;
    if (said.by < Seconds{0} && (least_behind == Seconds{0} || said.by > least_behind))
      least_behind = said.by;
  }
  const std::size_t needed = certified ? 1 : kAgree;
  const bool slow = ahead.size() >= needed && behind.empty();
  const bool fast = behind.size() >= needed && ahead.empty();
  if (!agree.empty() || (!slow && !fast)) return {};
  const auto& who = slow ? ahead : behind;
  std::size_t shown = 0;
  for (const auto& owner : who)
    if (++shown <= kAgree) text::add(names, ", ", owner);
  return "it is " + std::string(slow ? "slow" : "fast") + " by at least " +
         to_words(slow ? least_ahead : -least_behind) + ", say the policy hosts of " + names +
         (shown > kAgree ? ", ..." : "") +
         (certified ? "; certificates are bad by its date and good by theirs" : "");
}

bool ClockWitness::awaited(TimePoint now, SteadyPoint steady) {
  const auto lately = [&](const auto& said) { return std::chrono::abs(now - said.second.at) <= kDatesCount; };
  if (std::ranges::any_of(said_, lately)) {
    awaited_since_.reset();
    return false;
  }
  if (!awaited_since_) awaited_since_ = steady;
  return steady - *awaited_since_ < kWait;
}

}  // namespace stswatch
