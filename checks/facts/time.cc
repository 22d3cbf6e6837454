#include "checks/facts/text.h"

#include <algorithm>
#include <array>

namespace stswatch {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::year_month_day;

namespace {

// Four digits of year: what a certificate can say (RFC 5280 §4.1.2.5.2) and what the text form can hold.
constexpr TimePoint kFirst = sys_days(std::chrono::year(0) / 1 / 1);
constexpr TimePoint kLast = sys_days(std::chrono::year(9999) / 12 / 31) + hours(24) - Seconds(1);

std::optional<unsigned> number(std::string_view digits) {
  unsigned value = 0;
  for (const char c : digits) {
    if (!text::is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

}  // namespace

std::string to_utc(TimePoint t) {
  const TimePoint held = std::clamp(t, kFirst, kLast);
  const auto day = std::chrono::floor<days>(held);
  const year_month_day date(day);
  const std::chrono::hh_mm_ss clock(held - day);
  std::string out = "0000-00-00T00:00:00Z";
  const auto put = [&](std::size_t end, unsigned value) {  // printf takes thirty times as long
    for (; value > 0; value /= 10)
      out[--end] = static_cast<char>('0' + value % 10);
  };
  put(4, static_cast<unsigned>(static_cast<int>(date.year())));
  put(7, static_cast<unsigned>(date.month()));
  put(10, static_cast<unsigned>(date.day()));
  put(13, static_cast<unsigned>(clock.hours().count()));
  put(16, static_cast<unsigned>(clock.minutes().count()));
  put(19, static_cast<unsigned>(clock.seconds().count()));
  return out;
}

std::string to_date(TimePoint t) { return to_utc(t).substr(0, 10); }

std::optional<TimePoint> parse_utc(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00Z";
  if (text.size() != kShape.size()) return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    if (kShape[i] == '0' ? !text::is_digit(text[i]) : text[i] != kShape[i]) return std::nullopt;
  }
  const auto field = [&](std::size_t at, std::size_t n) { return *number(text.substr(at, n)); };
  const year_month_day date(std::chrono::year(static_cast<int>(field(0, 4))), std::chrono::month(field(5, 2)),
                            std::chrono::day(field(8, 2)));
  const unsigned hour = field(11, 2);
  const unsigned minute = field(14, 2);
  const unsigned second = field(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + Seconds(second);
}

std::string to_words(Seconds span) {
  // The most negative count has no positive twin.
  const Seconds length = span < Seconds::zero() ? (span == Seconds::min() ? Seconds::max() : -span) : span;
  struct Unit {
    long long seconds;
    const char* name;
  };
  constexpr std::array<Unit, 4> kUnits{{{86400, " d"}, {3600, " h"}, {60, " min"}, {1, " s"}}};
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const long long whole = length.count() / kUnits[i].seconds;
    if (whole == 0 && i + 1 < kUnits.size()) continue;
    std::string out = std::to_string(whole) + kUnits[i].name;
    if (i + 1 < kUnits.size()) {
      const long long rest = length.count() % kUnits[i].seconds / kUnits[i + 1].seconds;
      if (rest != 0) out += " " + std::to_string(rest) + kUnits[i + 1].name;
    }
    return out;
  }
  return "0 s";
}

}  // namespace stswatch
