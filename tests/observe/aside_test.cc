#include "checks/observe/second_probe.h"

#include <doctest/doctest.h>

#include "checks/observe/observer.h"
#include "tests/observe/example.h"
#include "tests/observe/table_resolver.h"

using namespace stswatch;
using namespace std::chrono_literals;
using dialogue::kMailHost;
using dialogue::kNow;
using dialogue::soon;

namespace {

PeerCertificates shown(std::string sha256, std::string issuer = "CN=R11,O=Let's Encrypt,C=US") {
  PeerCertificates out;
  out.leaf.sha256 = std::move(sha256);
  out.leaf.issuer = std::move(issuer);
  return out;
}

void allow(TableResolver& resolver, const std::string& name, const std::string& ca) {
  CaaAnswer answer;
  answer.lookup = Lookup::found;
  answer.name = name;
  answer.records = {{0, "issue", ca}};
  resolver.table[{name, RecordType::caa}] = answer;
}

}  // namespace

TEST_CASE("CAA sets are asked for once a day, and when there is a new certificate") {
  TableResolver resolver;
  allow(resolver, "example.com", "letsencrypt.org");
  const auto first = shown("aa"), second = shown("bb");
  auto look = look_at_caa(resolver, kMailHost, {&first}, nullptr, kNow, soon());
  REQUIRE(resolver.batches.size() == 1);
  CHECK(resolver.batches[0] == std::vector<std::string>{kMailHost, "example.com", "com"});
  CHECK(look.at == kNow);
  REQUIRE(look.sets.size() == 2);  // what lies above the first set does not count
  CHECK(look.sets[1].records.size() == 1);

  look = look_at_caa(resolver, kMailHost, {&first}, &look, kNow + 23h, soon());
  CHECK(resolver.batches.size() == 1);
  CHECK(look.at == kNow);
  look = look_at_caa(resolver, kMailHost, {&first, &second}, &look, kNow + 23h, soon());
  CHECK(resolver.batches.size() == 2);
  look = look_at_caa(resolver, kMailHost, {&first}, &look, kNow + 48h, soon());
  CHECK(resolver.batches.size() == 3);
}

TEST_CASE("CAA sets are not asked for where the CA is not known") {
  TableResolver resolver;
  const auto own = shown("aa", "CN=Corp,O=Example Corp");
  CHECK(look_at_caa(resolver, kMailHost, {&own}, nullptr, kNow, soon()).sets.empty());
  CHECK(look_at_caa(resolver, kMailHost, {}, nullptr, kNow, soon()).sets.empty());
  CHECK(resolver.batches.empty());
}

TEST_CASE("what was not answered leaves the sets of before, and is asked again within the hour") {
  TableResolver resolver;
  allow(resolver, "example.com", "letsencrypt.org");
  const auto leaf = shown("aa");
  auto look = look_at_caa(resolver, kMailHost, {&leaf}, nullptr, kNow, soon());
  resolver.unknown<CaaAnswer>("com", RecordType::caa);
  resolver.unknown<CaaAnswer>(kMailHost, RecordType::caa);
  const auto failed = look_at_caa(resolver, kMailHost, {&leaf}, &look, kNow + 25h, soon());
  CHECK(failed.sets == look.sets);
  CHECK(failed.at == kNow);
  CHECK(failed.tried == kNow + 25h);
  (void)look_at_caa(resolver, kMailHost, {&leaf}, &failed, kNow + 25h + 59min, soon());
  CHECK(resolver.batches.size() == 2);
  (void)look_at_caa(resolver, kMailHost, {&leaf}, &failed, kNow + 26h, soon());
  CHECK(resolver.batches.size() == 3);
}

TEST_CASE("a mailbox for reports is missing only where that is proved") {
  TableResolver resolver;
  resolver.mx("good.example", "mx.good.example");
  resolver.mx("null.example", "");
  MxAnswer none;
  none.lookup = Lookup::absent;
  none.name = "bare.example";
  resolver.table[{"bare.example", RecordType::mx}] = none;
  none.name = "host.example";
  resolver.table[{"host.example", RecordType::mx}] = none;
  resolver.addresses("host.example", RecordType::a, {"192.0.2.1"});
  none.name = "maybe.example";
  resolver.table[{"maybe.example", RecordType::mx}] = none;
  resolver.unknown<AddressAnswer>("maybe.example", RecordType::a);
  resolver.unknown<MxAnswer>("fails.example", RecordType::mx);
  const auto at = [&](const char* to) { return look_for_mailbox(resolver, to, soon()); };
  CHECK(at("a@good.example").lookup == Lookup::found);
  CHECK(at("a@host.example").lookup == Lookup::found);  // RFC 5321 §5.1: the implicit MX
  CHECK(at("a@null.example").lookup == Lookup::absent);
  CHECK(at("a@null.example").detail == "null.example has a null MX");
  CHECK(at("a@bare.example").detail == "bare.example has neither MX nor address");
  CHECK(at("a@gone.example").detail == "gone.example has no DNS entry (NXDOMAIN)");
  CHECK(at("a@maybe.example").lookup == Lookup::unknown);
  CHECK(at("a@fails.example").lookup == Lookup::unknown);
  CHECK(at("a@gone.example,b@good.example").lookup == Lookup::found);
  CHECK(at("a@gone.example,b@fails.example").lookup == Lookup::unknown);
  CHECK(at("nobody").lookup == Lookup::unknown);
  CHECK(at("a@[192.0.2.1]").lookup == Lookup::unknown);
}

TEST_CASE("an https address for reports whose host has none is known by DNS alone") {
  TableResolver resolver;
  const auto look = [&](const std::string& host, const DomainObservation* known = nullptr, Seconds after = 0s,
                        bool leave = false) {
    ObserveOptions options;
    options.post_to_rua = leave;
    DomainObservation seen(*Domain::parse("example.com"));
    seen.at = kNow + after;
    seen.tlsrpt.lookup = Lookup::found;
    seen.tlsrpt.records = {{{"v=TLSRPTv1; rua=https://" + host + "/v1/tlsrpt"}}};
    Observer(resolver, *TrustStore::load(""), options).look_aside(seen, known, soon());
    return seen;
  };
  const auto target = [](const DomainObservation& seen) { return seen.aside.report_targets.at(0); };

  const auto gone = look("reports.example.net");
  CHECK(target(gone).lookup == Lookup::absent);
  CHECK(target(gone).answered);
  CHECK(target(gone).detail == "reports.example.net has no address");
  CHECK(target(look("reports.example.net:8443")).lookup == Lookup::absent);
  CHECK(target(look("192.0.2.1")).lookup == Lookup::unknown);  // nobody looks that up

  // One family that nobody knows of: it may have an address there.
  resolver.unknown<AddressAnswer>("reports.example.net", RecordType::aaaa);
  CHECK(target(look("reports.example.net")).lookup == Lookup::unknown);
  CHECK(target(look("reports.example.net", &gone, 60s)).lookup == Lookup::absent);  // as it was known

  resolver.addresses("reports.example.net", RecordType::a, {"192.168.1.1"});  // nobody is sent there
  const auto there = look("reports.example.net", &gone, 60s);
  CHECK(target(there).lookup == Lookup::found);
  CHECK(target(there).detail.empty());

  // With leave it is asked at once, if it is an address that may be; what it said is not kept without.
  const auto asked = look("reports.example.net", &there, 120s, true);
  CHECK(target(asked).lookup == Lookup::unknown);
  auto said = there;
  said.aside.report_targets[0] = {.uri = "https://reports.example.net/v1/tlsrpt",
                                  .when = {.at = kNow, .tried = kNow, .times = 3},
                                  .lookup = Lookup::absent,
                                  .detail = "203.0.113.1 answers a POST with 404",
                                  .answered = true};
  CHECK(target(look("reports.example.net", &said, 60s)).lookup == Lookup::found);
}

TEST_CASE("the names of patterns: bad ones are asked again at once, good ones after a day") {
  TableResolver resolver;
  resolver.addresses("mx.example.com", RecordType::a, {"192.0.2.1"});
  resolver.addresses("example.com", RecordType::a, {"192.0.2.1"});
  PolicyFetch fetch;
  fetch.status = 200;
  fetch.body =
      "version: STSv1\nmode: enforce\nmx: mx.example.com\nmx: *.gone.example\nmx: old.example.com\n"
      "max_age: 604800\n";
  auto names = look_for_patterns(resolver, {fetch}, {}, kNow, soon());
  REQUIRE(names.size() == 3);
  CHECK(names[0].pattern == "*.gone.example");
  CHECK(names[0].host == Lookup::found);
  CHECK(names[0].owner == Lookup::absent);
  CHECK(names[1].host == Lookup::found);
  CHECK(names[2].pattern == "old.example.com");
  CHECK(names[2].host == Lookup::absent);
  CHECK(names[2].owner == Lookup::found);
  names = look_for_patterns(resolver, {fetch}, names, kNow + 5min, soon());
  CHECK(resolver.batches.back().size() == 4);  // the two bad ones
  CHECK(names[2].when.times == 2);
  names = look_for_patterns(resolver, {fetch}, names, kNow + 10min, soon());
  CHECK(names[2].when.times == 3);
  const auto asked = resolver.batches.size();
  names = look_for_patterns(resolver, {fetch}, names, kNow + 15min, soon());
  CHECK(resolver.batches.size() == asked);

  resolver.unknown<AddressAnswer>("old.example.com", RecordType::a);
  names = look_for_patterns(resolver, {fetch}, names, kNow + 2h, soon());
  CHECK(names[2].host == Lookup::absent);  // nothing was learnt
  CHECK(names[2].when.times == 3);
  fetch.status = 404;
  CHECK(look_for_patterns(resolver, {fetch}, names, kNow + 2h, soon()) == names);  // no policy was read
  CHECK(look_for_patterns(resolver, {}, names, kNow + 2h, soon()) == names);       // nor asked for
  const auto before = resolver.batches.size();
  names = look_for_patterns(resolver, {}, names, kNow + 3h + 1min, soon());
  CHECK(resolver.batches.size() == before + 1);  // what it listed is looked for all the same
}
