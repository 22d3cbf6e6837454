// What is done to a value on its way into a template, and how it is kept within its place.
#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "alerts/template/template.h"
#include "checks/facts/text.h"

namespace stswatch {

using Json = nlohmann::json;

const std::vector<std::string> kFilterNames = {"json", "url", "html", "markdown", "map", "join", "cut"};

namespace {

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string url_escaped(std::string_view s) {
  constexpr std::string_view kHex = "0123456789ABCDEF", kPlain = "-._~:";
  std::string out;
  for (const char c : s) {
    const auto octet = static_cast<unsigned char>(c);
    if (text::is_alnum(c) || kPlain.find(c) != kPlain.npos)
      out += c;
    else
      out += {'%', kHex[octet >> 4U], kHex[octet & 15U]};
  }
  return out;
}

std::string html_escaped(std::string_view s) {
  std::string out;
  for (const char c : s)
    out += c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : std::string(1, c);
  return out;
}

/// CommonMark §2.4: a backslash takes the meaning from any ASCII punctuation. Chat programs look for mentions
/// and bare addresses before that, so these are taken apart by a space of no width.
std::string markdown_escaped(std::string_view s) {
  constexpr std::string_view kMarks = "\\`*_{}[]()#+-!|~<>&=$", kNoWidth = "\u200b";
  std::string out;
  for (const char c : s) {
    if (kMarks.find(c) != kMarks.npos) out += '\\';
    out += c;
    if (c == '@' || c == ':') out += kNoWidth;
  }
  return out;
}

std::string header_escaped(std::string_view s) {
  std::string out;
  for (const char c : s)
    out += c == '\n' || c == '\t' ? ' ' : text::is_foreign(c) ? '?' : c;
  return out;
}

std::string cut_to(std::string text, const std::string& octets) {
  constexpr std::string_view kDots = "…";
  std::size_t most = 0;
  (void)std::from_chars(octets.data(), octets.data() + octets.size(), most);
  if (text.size() <= most) return text;
  std::size_t end = most - std::min(most, kDots.size());
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return text.substr(0, end) + std::string(kDots);
}

std::string joined(const Json& list, const std::string& between) {
  std::string out;
  for (const auto& element : list)
    out += (&element == &list.front() ? "" : between) + written(element);
  return out;
}

}  // namespace

std::string written(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : dump(value);
}

Json apply(const Template::Filter& filter, Json value) {
  if (filter.name == "json") return dump(value);
  if (filter.name == "url") return url_escaped(written(value));
  if (filter.name == "html") return html_escaped(written(value));
  if (filter.name == "markdown") return markdown_escaped(written(value));
  if (filter.name == "join") return joined(value, filter.words.at(0));
  if (filter.name == "cut") return cut_to(written(value), filter.words.at(0));
  const auto word = written(value);
  std::optional<std::string> otherwise;
  for (const auto& [from, to] : filter.map) {
    if (from == word) return to;
    if (from == "else") otherwise = to;
  }
  return otherwise.value_or(word);
}

std::string escaped(std::string_view text, Escape escape) {
  switch (escape) {
    case Escape::json: {
      const auto quoted = dump(Json(text));
      return quoted.substr(1, quoted.size() - 2);
    }
    case Escape::url:
      return url_escaped(text);
    case Escape::html:
      return html_escaped(text);
    case Escape::header:
      return header_escaped(text);
    default:
      return std::string(text);
  }
}

}  // namespace stswatch
