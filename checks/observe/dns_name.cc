#include "checks/observe/dns_name.h"

namespace stswatch::dns {
namespace {

constexpr std::size_t kLabel = 63;      // RFC 1035 §2.3.4
constexpr std::size_t kWireName = 255;  // RFC 1035 §2.3.4
constexpr std::size_t kPointers =
    127;  // a legal name has no more labels, so no more pointers are ever needed
constexpr std::uint8_t kPointer = 0xC0;  // RFC 1035 §4.1.4

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The octet an escape stands for: "\DDD" or "\X" (RFC 1035 §5.1). `at` is on the backslash and moves to the
/// end.
std::optional<char> unescape(std::string_view text, std::size_t& at) {
  if (at + 1 >= text.size()) return std::nullopt;
  if (!is_digit(text[at + 1])) return text[++at];
  if (at + 3 >= text.size() || !is_digit(text[at + 2]) || !is_digit(text[at + 3])) return std::nullopt;
  const int value = (text[at + 1] - '0') * 100 + (text[at + 2] - '0') * 10 + (text[at + 3] - '0');
  if (value > 255) return std::nullopt;
  at += 3;
  return static_cast<char>(value);
}

void append_escaped(std::string& text, std::uint8_t octet) {
  constexpr std::string_view kSpecial = "\".;\\@$()";
  if (octet >= 'A' && octet <= 'Z') octet = static_cast<std::uint8_t>(octet + ('a' - 'A'));
  const char c = static_cast<char>(octet);
  if (octet > 0x20 && octet < 0x7F) {
    if (kSpecial.find(c) != std::string_view::npos) text += '\\';
    text += c;
    return;
  }
  text += '\\';
  for (const int power : {100, 10, 1})
    text += static_cast<char>('0' + octet / power % 10);
}

bool append_label(std::string& wire, std::string& label) {
  if (label.empty() || label.size() > kLabel) return false;
  wire += static_cast<char>(label.size());
  wire += label;
  label.clear();
  return true;
}

}  // namespace

std::optional<std::string> to_wire(std::string_view text) {
  std::string wire;
  std::string label;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '.') {
      if (!append_label(wire, label)) return std::nullopt;
    } else if (text[at] == '\\') {
      const auto octet = unescape(text, at);
      if (!octet) return std::nullopt;
      label += *octet;
    } else {
      label += text[at];
    }
  }
  if (!label.empty() && !append_label(wire, label)) return std::nullopt;
  wire += '\0';
  if (wire.size() > kWireName) return std::nullopt;
  return wire;
}

std::optional<std::string> read_name(Octets message, std::size_t& at) {
  std::string text;
  std::size_t length = 1;  // of the wire form, final root label included
  std::size_t pointers = 0;
  std::size_t here = at;
  std::size_t lowest = at;  // each pointer must lead before everything read so far: no loop is possible
  std::size_t end = 0;      // behind the first pointer, or behind the root label
  for (;;) {
    if (here >= message.size()) return std::nullopt;
    const std::uint8_t head = message[here];
    if ((head & kPointer) == kPointer) {
      if (here + 1 >= message.size() || ++pointers > kPointers) return std::nullopt;
      if (end == 0) end = here + 2;
      here = static_cast<std::size_t>(head & 0x3F) << 8 | message[here + 1];
      if (here >= lowest) return std::nullopt;
      lowest = here;
      continue;
    }
    if (head > kLabel) return std::nullopt;  // RFC 6891 §5: other label types are gone
    if (head == 0) break;
    length += head + 1U;
    if (length > kWireName || here + head >= message.size()) return std::nullopt;
    if (!text.empty()) text += '.';
    for (const std::uint8_t octet : message.subspan(here + 1, head))
      append_escaped(text, octet);
    here += head + 1U;
  }
  at = end == 0 ? here + 1 : end;
  return text;
}

std::optional<std::string> canonical(std::string_view text) {
  const auto wire = to_wire(text);
  if (!wire) return std::nullopt;
  std::size_t at = 0;
  return read_name(Octets{reinterpret_cast<const std::uint8_t*>(wire->data()), wire->size()}, at);
}

bool is_within(std::string_view name, std::string_view zone) {
  if (zone.empty() || name == zone) return true;
  if (!name.ends_with(zone) || name.size() <= zone.size()) return false;
  const std::size_t dot = name.size() - zone.size() - 1;
  // An escaped dot belongs to a label; an even run of backslashes before it escapes itself.
  std::size_t slashes = 0;
  while (slashes < dot && name[dot - 1 - slashes] == '\\')
    ++slashes;
  return name[dot] == '.' && slashes % 2 == 0;
}

}  // namespace stswatch::dns
