// Builds DNS messages octet by octet for tests; nothing of the code under test builds them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace stswatch::testing {

using Bytes = std::string;

inline Bytes u16(unsigned v) { return {static_cast<char>(v >> 8 & 255), static_cast<char>(v & 255)}; }
inline Bytes u32(unsigned v) { return u16(v >> 16) + u16(v & 0xFFFF); }

/// Labels by plain dots, no escapes; "" is the root.
inline Bytes wire(std::string_view name) {
  Bytes out;
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out + '\0';
}

inline Bytes rd_txt(std::initializer_list<std::string_view> strings) {
  Bytes out;
  for (const auto s : strings)
    (out += static_cast<char>(s.size())) += s;
  return out;
}
inline Bytes rd_mx(unsigned preference, std::string_view host) { return u16(preference) + wire(host); }
inline Bytes rd_soa(unsigned minimum) {
  return wire("ns.example") + wire("root.example") + u32(1) + u32(2) + u32(3) + u32(4) + u32(minimum);
}

constexpr unsigned kA = 1, kNs = 2, kCname = 5, kSoa = 6, kMx = 15, kTxt = 16, kAaaa = 28, kOpt = 41;

struct Packet {
  unsigned id = 0x1234;
  unsigned flags = 0x8180;  // QR RD RA
  Bytes question;
  unsigned questions = 1;
  Bytes answer, authority, additional;
  unsigned answers = 0, authorities = 0, additionals = 0;

  Packet(std::string_view name, unsigned type) : question(wire(name) + u16(type) + u16(1)) {}

  static Bytes rr(std::string_view owner, unsigned type, unsigned ttl, const Bytes& data,
                  unsigned klass = 1) {
    return wire(owner) + u16(type) + u16(klass) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
  }
  Packet& raw(const Bytes& octets) { return ++answers, answer += octets, *this; }
  Packet& with(std::string_view owner, unsigned type, unsigned ttl, const Bytes& data, unsigned klass = 1) {
    return raw(rr(owner, type, ttl, data, klass));
  }
  Packet& soa(std::string_view zone, unsigned ttl, unsigned minimum) {
    return ++authorities, authority += rr(zone, kSoa, ttl, rd_soa(minimum)), *this;
  }
  Packet& ede(unsigned code, std::string_view text = "") {
    const Bytes option = u16(15) + u16(static_cast<unsigned>(text.size() + 2)) + u16(code) + Bytes(text);
    return ++additionals, additional += rr("", kOpt, 0, option, 1232), *this;
  }
  Packet& rcode(unsigned code) { return flags |= code, *this; }
  Packet& ad() { return flags |= 0x20, *this; }
  Packet& tc() { return flags |= 0x0200, *this; }

  Bytes octets() const {
    return u16(id) + u16(flags) + u16(questions) + u16(answers) + u16(authorities) + u16(additionals) +
           question + answer + authority + additional;
  }
};

}  // namespace stswatch::testing
