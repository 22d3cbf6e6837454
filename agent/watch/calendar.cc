#include "agent/watch/calendar.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>

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

}  // namespace stswatch
