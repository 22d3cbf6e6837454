#include "checks/facts/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <initializer_list>
#include <span>

namespace stswatch {

namespace {

using Octets = std::array<std::uint8_t, 16>;

struct Block {
  Octets prefix;
  unsigned bits;
  std::string_view reason;  // empty: public in spite of a wider block
};

bool covers(const Block& block, const Octets& octets) {
  const unsigned whole = block.bits / 8;
  const unsigned rest = block.bits % 8;
  if (!std::equal(octets.begin(), octets.begin() + whole, block.prefix.begin())) return false;
  if (rest == 0) return true;
  const unsigned mask = 0xFFU << (8U - rest);
  return ((octets[whole] ^ block.prefix[whole]) & mask & 0xFFU) == 0;
}

// The first block that covers decides: exceptions and single hosts stand before the wider blocks.
std::string_view judge(std::span<const Block> blocks, const Octets& octets, std::string_view otherwise) {
  const auto it =
      std::find_if(blocks.begin(), blocks.end(), [&](const Block& b) { return covers(b, octets); });
  return it == blocks.end() ? otherwise : it->reason;
}

// RFC 6890 and the IANA special-purpose registry; metadata services as the large clouds document them.
constexpr std::array<Block, 26> kV4{{
    {{169, 254, 169, 254}, 32, "cloud metadata"},
    {{169, 254, 170, 2}, 32, "cloud metadata"},
    {{169, 254, 170, 23}, 32, "cloud metadata"},
    {{100, 100, 100, 200}, 32, "cloud metadata"},
    {{192, 0, 0, 192}, 32, "cloud metadata"},
    {{168, 63, 129, 16}, 32, "cloud metadata"},
    {{0, 0, 0, 0}, 32, "unspecified"},
    {{0}, 8, "this network"},
    {{10}, 8, "private"},
    {{100, 64}, 10, "carrier-grade NAT"},
    {{127}, 8, "loopback"},
    {{169, 254}, 16, "link-local"},
    {{172, 16}, 12, "private"},
    {{192, 0, 0, 9}, 32, ""},
    {{192, 0, 0, 10}, 32, ""},
    {{192, 0, 0}, 24, "reserved for protocols"},
    {{192, 0, 2}, 24, "documentation"},
    {{192, 88, 99}, 24, "reserved (6to4 relay)"},
    {{192, 168}, 16, "private"},
    {{198, 18}, 15, "benchmarking"},
    {{198, 51, 100}, 24, "documentation"},
    {{203, 0, 113}, 24, "documentation"},
    {{233, 252, 0}, 24, "documentation"},
    {{224}, 4, "multicast"},
    {{255, 255, 255, 255}, 32, "broadcast"},
    {{240}, 4, "reserved"},
}};

constexpr std::array<Block, 26> kV6{{
    {{}, 128, "unspecified"},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, "loopback"},
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, "cloud metadata"},
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x23}, 128, "cloud metadata"},
    {{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, "cloud metadata"},
    {{0xfd, 0x00, 0x00, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x42}, 128, "cloud metadata"},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, "private (local NAT64)"},
    {{0x01, 0x00, 0, 0, 0, 0, 0, 0}, 64, "discard only"},
    {{0xfc}, 7, "private"},
    {{0xfe, 0x80}, 10, "link-local"},
    {{0xfe, 0xc0}, 10, "private (site-local)"},
    {{0xff}, 8, "multicast"},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
    {{0x3f, 0xff}, 20, "documentation"},
    {{0x20, 0x01, 0, 0}, 32, "reserved (Teredo)"},
    {{0x20, 0x01, 0, 2, 0, 0}, 48, "benchmarking"},
    {{0x20, 0x01, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, ""},
    {{0x20, 0x01, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 127, ""},
    {{0x20, 0x01, 0, 3}, 32, ""},
    {{0x20, 0x01, 0, 4, 1, 0x12}, 48, ""},
    {{0x20, 0x01, 0, 0x20}, 28, ""},
    {{0x20, 0x01, 0, 0x30}, 28, ""},
    {{0x20, 0x01}, 23, "reserved for protocols"},
    {{0x5f, 0x00}, 16, "reserved (SRv6)"},
    {{0x20, 0x02}, 16, ""},  // 6to4: the inner address was judged before
    {{0x20}, 3, ""},         // 2000::/3, all that IANA has given out as global unicast
}};

struct Embedding {
  Block block;
  unsigned at;  // where the IPv4 address starts
};

constexpr std::array<Embedding, 3> kEmbeddings{{
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, ""}, 12},  // RFC 4291 §2.5.5.2, IPv4-mapped
    {{{0x00, 0x64, 0xff, 0x9b}, 96, ""}, 12},                    // RFC 6052 §2.1, NAT64
    {{{0x20, 0x02}, 16, ""}, 2},                                 // RFC 3056 §2, 6to4
}};

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string z(text);
  Octets octets{};
  if (inet_pton(AF_INET6, z.c_str(), octets.data()) == 1) return v6(octets);
  std::array<std::uint8_t, 4> four{};
  if (inet_pton(AF_INET, z.c_str(), four.data()) == 1) return v4(four);
  return std::nullopt;
}

Address Address::v4(const std::array<std::uint8_t, 4>& octets) {
  Address a;
  std::copy(octets.begin(), octets.end(), a.octets_.begin());
  return a;
}

Address Address::v6(const std::array<std::uint8_t, 16>& octets) {
  Address a;
  a.v6_ = true;
  a.octets_ = octets;
  return a;
}

std::string Address::str() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  inet_ntop(v6_ ? AF_INET6 : AF_INET, octets_.data(), out.data(), static_cast<socklen_t>(out.size()));
  return out.data();
}

std::string_view Address::not_public_reason() const {
  if (!v6_) return judge(kV4, octets_, "");
  for (const Embedding& e : kEmbeddings) {
    if (!covers(e.block, octets_)) continue;
    return v4({octets_[e.at], octets_[e.at + 1], octets_[e.at + 2], octets_[e.at + 3]}).not_public_reason();
  }
  return judge(kV6, octets_, "reserved");
}

}  // namespace stswatch
