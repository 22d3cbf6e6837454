#include "agent/watch/calendar.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "checks/facts/domain.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr Millis kNobodyObjects = std::chrono::hours{1};
constexpr std::size_t kWitnesses = 64;

bool far(Millis span) { return std::chrono::abs(span) > kClockStep; }

}  // namespace

Hands machine_hands() {
  return {[] { return std::chrono::floor<Millis>(std::chrono::system_clock::now()); },
          [] {
            timespec t{};
            ::clock_gettime(CLOCK_BOOTTIME, &t);
            return Millis{t.tv_sec * 1000 + t.tv_nsec / 1'000'000};
          }};
}

Calendar::Calendar(Hands hands) : hands_(std::move(hands)) {
  offset_ = hands_.wall().time_since_epoch() - hands_.boot();
}

TimePoint Calendar::now() const {
  const std::lock_guard lock(mutex_);
  return turn();
}

TimePoint Calendar::turn() const {
  const Millis boot = hands_.boot();
  const Millis wall = hands_.wall().time_since_epoch();
  const Millis by = wall - boot - offset_;
  if (!far(by)) {
    doubted_.reset();
    offset_ += by;
  } else if (!doubted_ || far(by - doubted_->by)) {
    doubted_ = Doubted{boot, by};  // also where it jumps again, to somewhere else
  } else {
    const auto& witnesses = doubted_->witnesses;
    const auto all = std::ssize(witnesses);
    const auto for_wall = std::ranges::count_if(witnesses, [](const auto& w) { return w.second; });
    if (2 * for_wall > all || (all == 0 && boot - doubted_->since >= kNobodyObjects)) believe(offset_ + by);
  }
  return std::chrono::floor<Seconds>(std::chrono::sys_time<Millis>(boot + offset_));
}

void Calendar::believe(Millis offset) const {
  offset_ = offset;
  doubted_.reset();
  ++jumps_;
}

std::optional<Calendar::Doubt> Calendar::doubt() const {
  const std::lock_guard lock(mutex_);
  turn();
  if (!doubted_) return std::nullopt;
  return Doubt{std::chrono::floor<Seconds>(std::chrono::sys_time<Millis>(doubted_->since + offset_)),
               std::chrono::round<Seconds>(doubted_->by)};
}

void Calendar::heard(const std::string& who, TimePoint said) {
  const std::lock_guard lock(mutex_);
  const auto now = turn();
  if (!doubted_) return;
  auto& witnesses = doubted_->witnesses;
  if (witnesses.size() >= kWitnesses && !witnesses.contains(who)) return;
  const bool for_calendar = !far(said - now);
  const bool for_wall = !far(said - now - doubted_->by);
  if (for_calendar != for_wall) witnesses[who] = for_wall;
}

int Calendar::jumps() const {
  const std::lock_guard lock(mutex_);
  return jumps_;
}

std::string Calendar::Doubt::in_words() const {
  return "the wall clock jumped by " + to_words(by) + (by < Seconds{0} ? " back" : " ahead") + " at " +
         to_utc(since) + "; times shown go on from before the jump";
}

std::optional<TimePoint> parse_http_date(std::string_view text) {
  std::tm parts{};
  const std::string terminated(text.substr(0, 40));
  const char* end = ::strptime(terminated.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return TimePoint{Seconds{::timegm(&parts)}};
}

// What the clocks showed last.

namespace {

constexpr const char* kClockTable = "clock";
constexpr const char* kRow = "last";

}  // namespace

void log_clocks(KeyValueStore& store, const Hands& hands, const std::string& boot_id) {
  const auto offset = hands.wall().time_since_epoch() - hands.boot();
  store.put(kClockTable, kRow, nlohmann::json{{"boot", boot_id}, {"offset_ms", offset.count()}}.dump());
}

std::optional<Seconds> jumped_since_logged(const KeyValueStore& store, const Hands& hands,
                                           const std::string& boot_id) {
  const auto rows = store.all(kClockTable);
  const auto row = rows.find(kRow);
  if (row == rows.end() || boot_id.empty()) return std::nullopt;
  const auto was = nlohmann::json::parse(row->second, nullptr, false);
  if (!was.is_object() || !was.contains("boot") || !was.contains("offset_ms")) return std::nullopt;
  const auto& offset = was["offset_ms"];
  if (was["boot"] != boot_id || !offset.is_number_integer()) return std::nullopt;
  const Millis by = hands.wall().time_since_epoch() - hands.boot() - Millis{offset.get<std::int64_t>()};
  if (std::chrono::abs(by) <= kClockStep) return std::nullopt;
  return std::chrono::round<Seconds>(by);
}

std::string this_boot() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

// What others say the time is.

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
  // A look is judged by its beginning, and hears the date at its end.
  const auto counts = [&](const Said& said) { return std::chrono::abs(now - said.at) <= kDatesCount; };
  // Asked at every judgement, where hardly ever all disagree: whose hosts they are is worked out only then.
  if (std::ranges::any_of(said_,
                          [&](const auto& s) { return s.second.by == Seconds{0} && counts(s.second); }))
    return {};
  std::set<std::string> ahead, behind;  // owners
  std::string names;
  Seconds least_ahead{0}, least_behind{0};
  bool certified = false;
  for (const auto& [_, said] : said_) {
    if (!counts(said)) continue;
    const auto owner = registrable_domain(said.host).value_or(said.host);
    certified |= said.certified;
    (said.by > Seconds{0} ? ahead : behind).insert(owner);
    if (said.by > Seconds{0} && (least_ahead == Seconds{0} || said.by < least_ahead)) least_ahead = said.by;
    if (said.by < Seconds{0} && (least_behind == Seconds{0} || said.by > least_behind))
      least_behind = said.by;
  }
  const std::size_t needed = certified ? 1 : kAgree;
  const bool slow = ahead.size() >= needed && behind.empty();
  const bool fast = behind.size() >= needed && ahead.empty();
  if (!slow && !fast) return {};
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
