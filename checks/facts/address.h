// An IP address as a value. Ordered: IPv4 before IPv6, then by octets.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stswatch {

class Address {
 public:
  static std::optional<Address> parse(std::string_view text);  // no zone, no brackets, no port
  static Address v4(const std::array<std::uint8_t, 4>& octets);
  static Address v6(const std::array<std::uint8_t, 16>& octets);

  bool is_v6() const { return v6_; }
  const std::array<std::uint8_t, 16>& octets() const { return octets_; }  // IPv4 uses the first four
  std::string str() const;                                                // RFC 5952 for IPv6

  /// Why no sender could reach it from the Internet ("loopback", "private", "link-local", "cloud metadata",
  /// "multicast", "unspecified", "documentation"...), or empty for a public one. IPv4-mapped, NAT64 and 6to4
  /// forms are judged by the IPv4 address inside.
  std::string_view not_public_reason() const;

  auto operator<=>(const Address&) const = default;

 private:
  bool v6_ = false;
  std::array<std::uint8_t, 16> octets_{};
};

}  // namespace stswatch
