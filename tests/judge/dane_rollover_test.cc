// Groups M and N over time: roll-over of keys, records that serve nobody, DNSSEC that is lost. Judged on what
// a memory of looks would hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

TlsaRecord record_of(char digit, int usage = 3) {
  return {static_cast<std::uint8_t>(usage), 1, 1, std::string(64, digit)};
}

const TlsaRecord kOld = record_of('a'), kNew = record_of('b');

/// mx1 in a signed zone: these records, the key of `key` shown.
struct Host {
  Look look = base();
  TlsaPast past;

  explicit Host(const std::vector<TlsaRecord>& records, const TlsaRecord& key) {
    auto host = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
    host.addresses.a.secure = host.addresses.aaaa.secure = true;
    host.tlsa = found<TlsaAnswer>(tlsa_name(kMx1, 25));
    host.tlsa.secure = true;
    host.tlsa.records = records;
    auto& tls = host.probes[0].tls;
    tls.peer.change().leaf.spki_sha256 = key.data;
    for (const TlsaRecord& r : records)
      tls.tlsa.push_back({.record = r, .matches = r == key});
    look.set_mx(host);
  }

  std::vector<std::string> told(std::string_view prefix) {
    HostPast memory;
    memory.tlsa = past;
    History history;
    history.hosts[std::string(kMx1)] = std::make_shared<const HostPast>(memory);
    const auto verdict = judged(look, history);
    auto all = facts::told(verdict.findings);
    std::erase_if(all, [&](const std::string& line) { return !line.starts_with(prefix); });
    return all;
  }
};

constexpr auto kHour = std::chrono::hours{1};
using Lines = std::vector<std::string>;
const Lines kUnsafe{"tlsa-rollover-unsafe mx1.example.com critical"}, kQuiet{};

SeenTlsa seen_from(const TlsaRecord& record, TimePoint first) {
  SeenTlsa out;
  out.record = record;
  out.ttl = 3600;
  out.seen.first = first;
  return out;
}

}  // namespace

TEST_CASE("a key in use before every sender can know its record (RFC 7671 §8.1)") {
  Host host({kOld, kNew}, kNew);
  auto old = seen_from(kOld, kNow - days(100));
  auto fresh = seen_from(kNew, kNow - kHour / 2);
  fresh.absent = kNow - kHour;
  fresh.matched = kNow - kHour / 2;
  const auto told = [&] {
    host.past.records = {old, fresh};
    return host.told("tlsa-rollover");
  };
  CHECK(told() == kUnsafe);  // key and record within the hour, where two TTLs are two hours

  SUBCASE("two TTLs later the caches have let go") {
    fresh.seen.first = kNow - 2 * kHour;
    fresh.absent = kNow - 3 * kHour;
    fresh.matched = kNow - 2 * kHour;
    CHECK(told() == kQuiet);
  }
  SUBCASE("done right: the key came two TTLs after its record") {
    fresh.absent = kNow - 4 * kHour;
    fresh.seen.first = kNow - 3 * kHour;
    fresh.matched = kNow;
    CHECK(told() == kQuiet);
  }
  SUBCASE("looks too far apart to tell: nobody is accused") {
    fresh.absent = kNow - 2 * kHour;
    fresh.seen.first = fresh.matched.emplace(kNow);
    CHECK(told() == kQuiet);
  }
  SUBCASE("there at the first look: since when is not known") {
    fresh.absent.reset();
    CHECK(told() == kQuiet);
  }
  SUBCASE("the first records at all: no cache holds others") {
    old.seen.first = fresh.seen.first;
    CHECK(told() == kQuiet);
  }
  SUBCASE("the former records were gone before: none that a cache holds") {
    old.seen.gone = *fresh.absent - kHour;
    CHECK(told() == kQuiet);
  }
  SUBCASE("the former record has gone with the new one: caches hold it all the same") {
    host = Host({kNew}, kNew);
    old.seen.gone = fresh.seen.first;
    CHECK(told() == kUnsafe);
  }
  SUBCASE("the former record would vouch for this chain too") {
    old.record = {3, 0, 1, host.look.mx.at(std::string(kMx1))->probes[0].tls.peer->leaf.sha256};
    CHECK(told() == kQuiet);
  }
  SUBCASE("not validated now: unknown") {
    auto look = *host.look.mx.at(std::string(kMx1));
    look.tlsa.secure = false;
    host.look.set_mx(look);
    CHECK(told() == kQuiet);
  }
}

TEST_CASE("a record that has matched nothing for a month (RFC 7671 §8.4)") {
  Host host({kOld, kNew}, kNew);
  auto old = seen_from(kOld, kNow - days(100));
  old.idle_since = kNow - days(31);
  const auto told = [&] {
    host.past.records = {old, seen_from(kNew, kNow - days(100))};
    return host.told("tlsa-stale");
  };
  CHECK(told() == Lines{"tlsa-stale-record mx1.example.com info"});

  SUBCASE("for 29 days") {
    old.idle_since = kNow - days(29);
    CHECK(told() == kQuiet);
  }
  SUBCASE("it is the next key's, and the configuration says so") {
    host.look.limits.standby_tlsa = {kOld};
    CHECK(told() == kQuiet);
  }
  SUBCASE("it is gone") {
    old.seen.gone = kNow - days(1);
    CHECK(told() == kQuiet);
  }
  SUBCASE("nothing matches: that is another fault, and this may be its cure") {
    host = Host({kOld, kNew}, record_of('c'));
    CHECK(told() == kQuiet);
  }
}

TEST_CASE("one issuer is named of a CA that takes one of several by chance (RFC 7672 §3.1.2)") {
  const TlsaRecord issuer = record_of('c', 2);
  Host host({issuer}, issuer);
  auto look = *host.look.mx.at(std::string(kMx1));
  auto& peer = look.probes[0].tls.peer.change();
  peer.leaf.issuer = "C=US, O=Let's Encrypt, CN=E7";
  peer.chain = {certificate({})};
  peer.chain.change()[0].spki_sha256 = issuer.data;
  const auto told = [&] {
    host.look.set_mx(look);
    return host.told("tlsa-issuer");
  };
  CHECK(told() == Lines{"tlsa-issuer-set-incomplete mx1.example.com warning"});

  SUBCASE("a CA that is not known to do so") {
    peer.leaf.issuer = "C=US, O=Example Trust, CN=CA 1";
    CHECK(told() == kQuiet);
  }
  SUBCASE("another issuer beside it: which ones are wanted nobody here knows") {
    look.tlsa.records.push_back(record_of('d', 2));
    look.probes[0].tls.tlsa.push_back({.record = record_of('d', 2)});
    CHECK(told() == kQuiet);
  }
  SUBCASE("the key's own record beside it: the next renewal is another matter") {
    look.tlsa.records.push_back(kOld);
    look.probes[0].tls.tlsa.push_back({.record = kOld, .matches = true});
    CHECK(told() == kQuiet);
  }
  SUBCASE("what is named is the root above all of them") {
    peer.chain.push_back(peer.chain[0]);
    peer.chain.change()[0].spki_sha256 = std::string(64, 'e');
    CHECK(told() == kQuiet);
  }
}

TEST_CASE("DNSSEC was there and is not, the TLSA records still are (RFC 7672 §2.2)") {
  Host host({}, kOld);
  auto look = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
  look.trust_end = {"example.com", "com", "3 1 1 aaaa"};
  host.look.set_mx(look);
  CHECK(host.told("dnssec-") == Lines{"dnssec-insecure mx1.example.com info"});
  host.past.secure = kNow - days(2);
  CHECK(host.told("dnssec-") == Lines{"dnssec-lost mx1.example.com warning"});
  look.trust_end = {};  // nothing proves that this resolver validates, or the records are gone too
  host.look.set_mx(look);
  CHECK(host.told("dnssec-") == kQuiet);
}

}  // namespace stswatch::facts
