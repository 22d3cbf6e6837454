#include "checks/facts/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "checks/facts/result.h"

namespace stswatch {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == kAlphabet.npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xFFU);
    bits &= (1U << held) - 1;
  }
  return bits == 0 ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

std::string to_base64(std::string_view octets) {
  std::string out;
  out.reserve((octets.size() + 2) / 3 * 4);
  for (; !octets.empty(); octets.remove_prefix(std::min<std::size_t>(3, octets.size()))) {
    const auto octet = [&](std::size_t i) -> std::uint32_t {
      return i < octets.size() ? static_cast<unsigned char>(octets[i]) : 0U;
    };
    const std::uint32_t bits = octet(0) << 16U | octet(1) << 8U | octet(2);
    for (std::size_t i = 0; i < 4; ++i)
      out += i <= octets.size() ? kAlphabet[bits >> (18 - 6 * i) & 63U] : '=';
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i)
    text.remove_suffix(1);
  return decoded(text);
}

}  // namespace stswatch

namespace stswatch::text {

std::string lower(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
  return out;
}

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool istarts_with(std::string_view s, std::string_view prefix) {
  return iequals(s.substr(0, prefix.size()), prefix);
}

std::string_view ltrim(std::string_view s) {
  std::size_t n = 0;
  while (n < s.size() && is_wsp(s[n])) {
    ++n;
  }
  return s.substr(n);
}

std::string_view rtrim(std::string_view s) {
  std::size_t n = s.size();
  while (n > 0 && is_wsp(s[n - 1])) {
    --n;
  }
  return s.substr(0, n);
}

std::string_view trim(std::string_view s) { return ltrim(rtrim(s)); }

namespace {

// RFC 3629 §4: the length of the sequence at the start of `s`, 0 if it is none.
std::size_t utf8_sequence(std::string_view s) {
  const auto at = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return at(i) >= 0x80 && at(i) <= 0xBF; };
  const unsigned first = at(0);
  const unsigned second = at(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return second >= low && second <= high && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return second >= low && second <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view s) {
  while (!s.empty()) {
    const std::size_t n = utf8_sequence(s);
    if (n == 0) return false;
    s.remove_prefix(n);
  }
  return true;
}

namespace {

/// A character that moves the cursor, ends the line or turns its direction: C0, DEL, C1, U+200E, U+200F,
/// U+2028 to U+202E, U+2066 to U+2069.
bool is_steering(std::string_view character) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return at(0) < 0x20 || at(0) == 0x7F;
  if (character.size() == 2) return at(0) == 0xC2 && at(1) < 0xA0;
  if (character.size() != 3 || at(0) != 0xE2) return false;
  const auto last = at(2);
  if (at(1) == 0x81) return last >= 0xA6 && last <= 0xA9;
  return at(1) == 0x80 && (last == 0x8E || last == 0x8F || (last >= 0xA8 && last <= 0xAE));
}

}  // namespace

std::string one_line(std::string_view s) {
  std::string out;
  while (!s.empty()) {
    const auto octets = utf8_sequence(s);
    const auto character = s.substr(0, std::max<std::size_t>(octets, 1));
    if (octets == 0 || is_steering(character))
      out += printable(character);
    else
      out += character;
    s.remove_prefix(character.size());
  }
  return out;
}

bool is_one_line(std::string_view s) {
  while (!s.empty()) {
    const auto octets = utf8_sequence(s);
    if (octets == 0 || is_steering(s.substr(0, octets))) return false;
    s.remove_prefix(octets);
  }
  return true;
}

std::string quoted(std::string_view s, std::size_t max) { return '"' + printable(s, max) + '"'; }

std::string quoted_as_typed(std::string_view s, std::size_t max) {
  if (!is_one_line(s)) return quoted(s, max);
  if (s.size() <= max) return '"' + std::string(s) + '"';
  auto end = max;
  while (end > 0 && (static_cast<unsigned char>(s[end]) & 0xC0U) == 0x80U)
    --end;
  return '"' + std::string(s.substr(0, end)) + "...\"";
}

std::string octet(char c) {
  if (c == ' ') return "a space";
  if (c == '\t') return "a tab";
  if (!is_foreign(c)) return std::string("'") + c + "'";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(c);
  return std::string("octet 0x") + kHex[value >> 4U] + kHex[value & 15U];
}

}  // namespace stswatch::text

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
