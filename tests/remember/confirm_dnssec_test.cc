// What DNSSEC proves of an MX host, over several looks.
#include <doctest/doctest.h>

#include "agent/remember/confirm.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {

TEST_CASE("that DNSSEC ends above TLSA records, or their denial is broken, is believed after the looks") {
  const auto look = [](bool lost, std::string denial) {
    auto out = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
    out.addresses.a.secure = !lost;
    out.tlsa = lost ? TlsaAnswer{} : found<TlsaAnswer>(tlsa_name(kMx1, 25));
    out.tlsa.secure = !lost;
    if (lost) out.trust_end = {"example.com", "com", "3 1 1 aaaa"};
    out.tlsa_denial = std::move(denial);
    return out;
  };
  Debounces debounces;
  std::optional<MxHostObservation> known;
  const auto see = [&](const MxHostObservation& seen) {
    known = confirm(known ? &*known : nullptr, seen, debounces, Vantage{}, {});
  };
  see(look(false, ""));
  for (int i = 0; i < 2; ++i) {
    see(look(true, ""));
    CHECK_FALSE(known->trust_end.proved());
    CHECK(known->tlsa.lookup == Lookup::found);
  }
  see(look(true, ""));
  CHECK(known->trust_end.proved());
  CHECK(known->tlsa.lookup == Lookup::unknown);  // nobody goes by them any more
  see(look(false, ""));
  CHECK_FALSE(known->trust_end.proved());

  for (int i = 0; i < 2; ++i) {
    see(look(false, "_tcp.mx1.example.com: NXDOMAIN"));
    CHECK(known->tlsa_denial.empty());
  }
  see(look(false, "_tcp.mx1.example.com: NXDOMAIN"));
  CHECK_FALSE(known->tlsa_denial.empty());
  auto blind = look(false, "");
  blind.tlsa = unknown<TlsaAnswer>(blind.tlsa.name);
  see(blind);
  CHECK_FALSE(known->tlsa_denial.empty());  // what could not be asked heals nothing
  see(look(false, ""));
  CHECK(known->tlsa_denial.empty());
}

}  // namespace stswatch::facts
