#include "agent/tell/html.h"

#include <algorithm>

#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";

/// Octets of a character at the front that would turn the direction of what follows, so that one name shows
/// as another; 0 when there is none. U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
std::size_t turning(std::string_view s) {
  if (s.size() < 3 || s[0] != '\xE2') return 0;
  const auto last = static_cast<unsigned char>(s[2]);
  const bool turns = (s[1] == '\x80' && (last == 0x8E || last == 0x8F || (last >= 0xAA && last <= 0xAE))) ||
                     (s[1] == '\x81' && last >= 0xA6 && last <= 0xA9);
  return turns ? 3 : 0;
}

std::string_view escaped(char c) {
  switch (c) {
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '&':
      return "&amp;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

Html& Html::text(std::string_view words) {
  if (!text::is_utf8(words)) return text(printable(words, words.size() * 4));
  while (!words.empty()) {
    if (words.starts_with("\r\n")) words.remove_prefix(1);
    const char c = words.front();
    const auto octets = turning(words);
    const bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    if (octets > 0 || control)
      out_ += kReplacement;
    else if (const auto entity = escaped(c); !entity.empty())
      out_ += entity;
    else
      out_ += c;
    words.remove_prefix(std::max<std::size_t>(octets, 1));
  }
  return *this;
}

Html& Html::element(std::string_view name, std::string_view words, std::string_view kind) {
  raw("<").raw(name);
  if (!kind.empty()) raw(" class=\"").raw(kind).raw("\"");
  return raw(">").text(words).raw("</").raw(name).raw(">");
}

std::string url_segment(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    const auto octet = static_cast<unsigned char>(c);
    if (plain)
      out += c;
    else
      (out += '%').append({kHex[octet / 16], kHex[octet % 16]});
  }
  return out;
}

void open_page(Html& page, std::string_view title, std::string_view up) {
  page.raw(
          "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
          "<meta name=\"color-scheme\" content=\"light dark\"><title>")
      .text(title)
      .raw(" · stswatch</title><link rel=\"stylesheet\" href=\"")
      .raw(up)
      .raw("style.css\"><link rel=\"icon\" type=\"image/svg+xml\" href=\"")
      .raw(up)
      .raw("icon.svg\"><script src=\"")
      .raw(up)
      .raw(
          "page.js\" defer></script></head><body><a class=\"skip\" href=\"#main\">Skip to content</a>"
          "<header><a class=\"home\" href=\"")
      .raw(up.empty() ? "./" : up)
      .raw("\">stswatch</a><nav aria-label=\"Pages\"><a href=\"")
      .raw(up)
      .raw("api/v1/findings\">Findings as JSON</a> <a href=\"")
      .raw(up)
      .raw("metrics\">Metrics</a></nav></header><main id=\"main\">");
}

void close_page(Html& page) { page.raw("</main></body></html>\n"); }

}  // namespace stswatch
