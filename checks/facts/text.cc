#include "checks/facts/text.h"

#include <algorithm>
#include <cstddef>

#include "checks/facts/result.h"

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

std::string quoted(std::string_view s, std::size_t max) { return '"' + printable(s, max) + '"'; }

std::string octet(char c) {
  if (c == ' ') return "a space";
  if (c == '\t') return "a tab";
  if (!is_foreign(c)) return std::string("'") + c + "'";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(c);
  return std::string("octet 0x") + kHex[value >> 4U] + kHex[value & 15U];
}

}  // namespace stswatch::text
