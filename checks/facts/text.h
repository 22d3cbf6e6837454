// Octet classes of RFC 5234 and a few helpers that the readers of texts share. No locale anywhere.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Base64 of RFC 4648 §4, for octets that have to travel in JSON.

namespace stswatch {

std::string to_base64(std::string_view octets);  // padded

/// nullopt for anything to_base64 would not write: other characters, wrong padding, stray bits at the end.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace stswatch

namespace stswatch::text {

inline constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
inline constexpr bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
inline constexpr bool is_wsp(char c) { return c == ' ' || c == '\t'; }
inline constexpr bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
/// Neither printable ASCII nor WSP.
inline constexpr bool is_foreign(char c) { return (c < ' ' && c != '\t') || c == '\x7f' || !is_ascii(c); }
inline constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string lower(std::string_view s);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view s, std::string_view prefix);

/// Without WSP (space, tab) at the start, the end, both.
std::string_view ltrim(std::string_view s);
std::string_view rtrim(std::string_view s);
std::string_view trim(std::string_view s);

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view s);

/// What others wrote, for one line of a terminal or a log: UTF-8 stays, control characters, line ends, what
/// turns the direction of the text and what is no UTF-8 become \xNN.
std::string one_line(std::string_view s);
/// It is so already.
bool is_one_line(std::string_view s);

/// "text" in quotes, printable, cut.
std::string quoted(std::string_view s, std::size_t max = 60);
/// The same of what the operator wrote: in UTF-8 where it is one line of it.
std::string quoted_as_typed(std::string_view s, std::size_t max = 60);
/// One octet for people: '"x"', "a space", "octet 0xC2".
std::string octet(char c);

}  // namespace stswatch::text

namespace stswatch {

// Points in time as facts: whole seconds of UTC. Safe to share; no clock is read here.

using TimePoint = std::chrono::sys_seconds;
using Seconds = std::chrono::seconds;
using Millis = std::chrono::milliseconds;

inline constexpr Seconds kDay{86400};

/// "2026-12-01T00:00:00Z": no fraction, no offset.
std::string to_utc(TimePoint t);

/// "2026-12-01".
std::string to_date(TimePoint t);

/// Reads what to_utc writes, nothing else; nullopt for anything that is no such instant.
std::optional<TimePoint> parse_utc(std::string_view text);

/// "19 d 6 h", "3 h 5 min", "45 s": two units at most, for people. Negative spans print without a sign.
std::string to_words(Seconds span);

}  // namespace stswatch

namespace stswatch::text {

// Many words in one text, with something between them: written once.

/// Adds the word to the list, behind `between` unless it is the first.
inline void add(std::string& list, std::string_view between, std::string_view word) {
  if (!list.empty()) list += between;
  list += word;
}

/// "a, b, c"
template <class Words>
std::string joined(const Words& words, std::string_view between = ", ") {
  std::string out;
  for (const auto& word : words)
    add(out, between, word);
  return out;
}

/// "a, b and c"
inline std::string enumerated(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i)
    add(out, i + 1 == words.size() ? " and " : ", ", words[i]);
  return out;
}

}  // namespace stswatch::text
