// Looks in which every field holds something, drawn from a seed: what a codec must carry. Nothing here is
// under test.
#pragma once

#include <memory>
#include <random>

#include "agent/remember/saved_look.h"

namespace stswatch {

class RandomLook {
 public:
  explicit RandomLook(unsigned seed) : engine_(seed) {}

  SavedLook look() {
    SavedLook out(domain());
    for (std::size_t i = number(0, 3); i-- > 0;) {
      auto mx = std::make_shared<MxHostObservation>(host());
      out.mx[mx->host] = mx;
    }
    out.vantage = {flip(), flip(), word(), time(), time(), time(), time(),
                   flip(), word(), word(), flip(), flip(), flip(), flip()};
    return out;
  }

  DomainObservation domain() {
    DomainObservation d(*Domain::parse("d" + std::to_string(number(0, 999)) + ".example"));
    d.at = time();
    d.sts = txt();
    d.misplaced = list<TxtAnswer>([&] { return txt(); });
    d.tlsrpt = txt();
    d.sts_sibling = txt();
    d.tlsrpt_sibling = txt();
    d.mx = answer<MxRecord>([&] { return MxRecord{static_cast<std::uint16_t>(number(0, 65535)), word()}; });
    d.apex = addresses();
    d.policy_host = addresses();
    d.fetches = list<PolicyFetch>([&] { return fetch(); });
    d.source = {source(), source(), source(), source(), flip()};
    return d;
  }

  MxHostObservation host() {
    return {"mx" + std::to_string(number(0, 999)) + ".example",
            time(),
            addresses(),
            list<SmtpProbe>([&] { return probe(); }),
            answer<TlsaRecord>([&] { return tlsa_record(); }),
            {word(), word(), word()},
            word(),
            list<SecondProbe>([&] {
              return SecondProbe{address(flip()), time(), trial(), trial(), trial(), trial(), trial()};
            })};
  }

 protected:
  Trial trial() { return flip() ? Trial{} : Trial{flip(), word(), time()}; }
  std::size_t number(std::size_t least, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(least, most)(engine_);
  }
  bool flip() { return number(0, 1) == 1; }
  std::string word() {
    std::string out;
    for (std::size_t i = number(0, 12); i-- > 0;)
      out += static_cast<char>(number(' ', '~'));
    return out;
  }
  /// Half of them no UTF-8, with NULs and line ends among them.
  std::string octets() {
    std::string out;
    const std::size_t most = flip() ? 255 : 127;
    for (std::size_t i = number(0, 40); i-- > 0;)
      out += static_cast<char>(number(0, most));
    return out;
  }
  TimePoint time() { return TimePoint(Seconds(number(0, 253402300799))); }  // 1970 to 9999
  Millis millis() { return Millis(number(0, 86'400'000)); }
  template <class T, class Make>
  std::vector<T> list(Make make) {
    std::vector<T> out;
    for (std::size_t i = number(0, 3); i-- > 0;)
      out.push_back(make());
    return out;
  }
  std::optional<std::string> perhaps() { return flip() ? std::optional(word()) : std::nullopt; }
  std::vector<std::string> words() {
    return list<std::string>([&] { return word(); });
  }
  Address address(bool v6) {
    std::array<std::uint8_t, 16> octets{};
    for (auto& octet : octets)
      octet = static_cast<std::uint8_t>(number(0, 255));
    if (v6) return Address::v6(octets);
    return Address::v4({octets[0], octets[1], octets[2], octets[3]});
  }

  std::uint8_t small() { return static_cast<std::uint8_t>(number(0, 255)); }
  TlsaRecord tlsa_record() { return {small(), small(), small(), word()}; }

 private:
  SourceAnswer source() {
    return {list<SourceReply>([&] {
              return SourceReply{
                  word(),
                  word(),
                  address(flip()),
                  static_cast<SourceSaid>(number(0, 3)),
                  word(),
                  list<std::string>([&] { return octets(); }),
                  flip(),
                  static_cast<std::uint32_t>(number(0, UINT32_MAX)),
                  flip() ? std::optional(static_cast<std::uint32_t>(number(0, UINT32_MAX))) : std::nullopt,
                  flip() ? std::optional(time()) : std::nullopt};
            }),
            static_cast<std::uint32_t>(number(0, UINT32_MAX)), word(), flip(), time()};
  }
  template <class Record, class Make>
  Answer<Record> answer(Make make) {
    Answer<Record> a;
    a.lookup = static_cast<Lookup>(number(0, 2));
    a.name = word();
    a.nxdomain = flip();
    a.secure = flip();
    a.bogus = flip();
    a.ttl = static_cast<std::uint32_t>(number(0, UINT32_MAX));
    if (flip()) a.signed_until = time();
    if (flip()) a.signed_from = time();
    a.rsasha1 = flip();
    a.nsec3_iterations = small();
    a.cname = list<CnameLink>([&] {
      return CnameLink{word(), static_cast<std::uint32_t>(number(0, UINT32_MAX))};
    });
    a.cname_loop = flip();
    a.zone_error = word();
    a.detail = word();
    a.records = list<Record>(make);
    return a;
  }
  TxtAnswer txt() {
    return answer<TxtRecord>([&] { return TxtRecord{list<std::string>([&] { return octets(); })}; });
  }
  HostAddresses addresses() {
    return {answer<Address>([&] { return address(false); }), answer<Address>([&] { return address(true); })};
  }

  Certificate certificate() {
    return {word(),
            word(),
            word(),
            word(),
            word(),
            word(),
            words(),
            time(),
            time(),
            word(),
            static_cast<int>(number(0, 16384)),
            word(),
            flip(),
            flip(),
            flip(),
            flip() ? std::optional(flip()) : std::nullopt};
  }
  PeerCertificates peer() {
    PeerCertificates p{.leaf = certificate(),
                       .chain = list<Certificate>([&] { return certificate(); }),
                       .faults = list<ChainFault>([&] {
                         return ChainFault{static_cast<ChainFault::Kind>(number(0, 7)),
                                           static_cast<int>(number(0, 10)), word()};
                       }),
                       .used = {},
                       .last_issuer_trusted = flip(),
                       .name_matches = flip(),
                       .elder_refuses = word(),
                       .revoked = flip() ? std::optional(flip()) : std::nullopt,
                       .revocation = word()};
    for (std::size_t i = 0; i < p.chain.size(); ++i)
      if (flip()) p.used.push_back(i);
    return p;
  }
  TlsFacts tls() {
    return {word(),
            word(),
            word(),
            word(),
            static_cast<int>(number(0, 4096)),
            flip() ? std::optional(peer()) : std::nullopt,
            list<TlsaMatch>([&] {
              return TlsaMatch{tlsa_record(), flip(), flip(), flip()};
            }),
            word(),
            flip()};
  }
  std::optional<Failure> failure() {
    if (flip()) return std::nullopt;
    return Failure{static_cast<Stage>(number(0, 9)), static_cast<Cause>(number(0, 15)), word()};
  }
  PolicyFetch fetch() {
    return {address(flip()), failure(), millis(),  millis(),  tls(),     static_cast<int>(number(0, 999)),
            perhaps(),       perhaps(), perhaps(), perhaps(), perhaps(), perhaps(),
            word(),          octets(),  flip(),    flip()};
  }
  SmtpProbe probe() {
    return {address(flip()),
            failure(),
            millis(),
            word(),
            static_cast<int>(number(0, 599)),
            flip(),
            flip(),
            static_cast<int>(number(0, 3) * number(0, 99)),
            flip(),
            tls()};
  }

  std::mt19937 engine_;
};

}  // namespace stswatch
