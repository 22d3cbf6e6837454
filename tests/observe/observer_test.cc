#include "checks/observe/observer.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "checks/facts/bounds.h"
#include "checks/facts/records.h"
#include "tests/observe/example.h"
#include "tests/observe/observer_peer.h"
#include "tests/observe/table_resolver.h"

using namespace stswatch;
using dialogue::kDomain;
using dialogue::kNow;
using dialogue::Peer;
using dialogue::ScriptedServer;
using dialogue::soon;

namespace {

std::shared_ptr<const TrustStore> trust() {
  static const auto store = *TrustStore::load("");
  return store;
}

DomainObservation look(TableResolver& resolver) {
  return Observer(resolver, trust(), {}).look_at_names(kDomain, kNow, soon());
}

}  // namespace

TEST_CASE("a healthy domain costs one batch") {
  TableResolver resolver;
  resolver.txt("_mta-sts.example.com", {"v=STSv1; id=1;"});
  resolver.txt("_smtp._tls.example.com", {"v=TLSRPTv1; rua=mailto:a@example.com"});
  resolver.mx("example.com", "mx.example.com");
  resolver.addresses("mta-sts.example.com", RecordType::a, {"192.0.2.1"});
  resolver.addresses("mta-sts.example.com", RecordType::aaaa, {"2001:db8::1"});
  const auto seen = look(resolver);
  CHECK(resolver.batches.size() == 1);
  CHECK(seen.at == kNow);
  CHECK(seen.sts.records.size() == 1);
  CHECK(seen.tlsrpt.records.size() == 1);
  CHECK(seen.mx.records.at(0).host == "mx.example.com");
  CHECK(seen.policy_host.all().size() == 2);
  CHECK(seen.misplaced.empty());
  CHECK(seen.apex.a.name.empty());
  CHECK(seen.fetches.empty());
}

TEST_CASE("the usual wrong names are asked only where the right one is known to hold no record") {
  const std::vector<std::string> elsewhere = {"mta-sts.example.com", "_mta_sts.example.com", "example.com",
                                              "_mta-sts.example.com.example.com"};
  const struct {
    std::string why;
    Lookup lookup;
    std::vector<std::string> texts;
    bool asked;
  } rows[] = {
      {"no record at all", Lookup::absent, {}, true},
      {"only foreign records", Lookup::found, {"v=spf1 -all"}, true},
      {"a record", Lookup::found, {"v=STSv1; id=1"}, false},
      {"a record among foreign ones", Lookup::found, {"v=spf1 -all", "v=STSv1; id=1"}, false},
      {"a record in the wrong case is at its place", Lookup::found, {"V=stsV1; id=1"}, false},
      {"a record without delimiter too", Lookup::found, {"v=STSv1"}, false},
      {"a shorter text is no record", Lookup::found, {"v=STSv"}, true},
      {"silence is not absence", Lookup::unknown, {}, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    TableResolver resolver;
    resolver.mx("example.com", "mx.example.com");
    if (row.lookup == Lookup::found) resolver.txt("_mta-sts.example.com", row.texts);
    if (row.lookup == Lookup::unknown) resolver.unknown<TxtAnswer>("_mta-sts.example.com", RecordType::txt);
    resolver.txt("_mta_sts.example.com", {"v=STSv1; id=2"});
    const auto seen = look(resolver);
    CHECK(seen.sts.lookup == row.lookup);
    // A text that nobody can use may be a wildcard's: a sibling is asked for, in a batch of its own.
    const bool unusable = row.lookup == Lookup::found && !read_sts_records(seen.sts.records).usable();
    REQUIRE(resolver.batches.size() == 1U + row.asked + unusable);
    CHECK(seen.sts_sibling.name.empty() == !unusable);
    if (!row.asked) continue;
    CHECK(resolver.batches[1] == elsewhere);
    REQUIRE(seen.misplaced.size() == 4);
    CHECK(seen.misplaced[1].records.size() == 1);
    CHECK(seen.misplaced[3].nxdomain);
  }
}

TEST_CASE(
    "a name that nobody would make is asked for beside an alias or a text that nobody can use (RFC 4592)") {
  TableResolver resolver;
  resolver.mx("example.com", "mx.example.com");
  TxtAnswer alias;
  alias.lookup = Lookup::absent;
  alias.nxdomain = true;
  alias.name = "_mta-sts.example.com";
  alias.cname = {{"gone.parking.example", 300}};
  SUBCASE("an alias that leads nowhere: the sibling of the record") {
    resolver.table[{"_mta-sts.example.com", RecordType::txt}] = alias;
    const auto seen = look(resolver);
    REQUIRE(resolver.batches.size() == 3);
    CHECK(resolver.batches[2] == std::vector{seen.sts_sibling.name});
    CHECK(seen.sts_sibling.name.ends_with(".example.com"));
    CHECK(seen.sts_sibling.name.size() == std::string("_0123456789abcdef.example.com").size());
    CHECK(seen.sts_sibling.nxdomain);
    CHECK(seen.tlsrpt_sibling.name.empty());
    // The same name at the next look: nothing has changed.
    CHECK(look(resolver).sts_sibling.name == seen.sts_sibling.name);
  }
  SUBCASE("both names") {
    resolver.table[{"_mta-sts.example.com", RecordType::txt}] = alias;
    resolver.txt("_smtp._tls.example.com", {"v=spf1 -all"});
    const auto seen = look(resolver);
    REQUIRE(resolver.batches.size() == 3);
    CHECK(resolver.batches[2] == std::vector{seen.sts_sibling.name, seen.tlsrpt_sibling.name});
    CHECK(seen.tlsrpt_sibling.name.ends_with("._tls.example.com"));
  }
  SUBCASE("a good record behind an alias is somebody's") {
    alias.lookup = Lookup::found;
    alias.records = {{{"v=STSv1; id=1;"}}};
    resolver.table[{"_mta-sts.example.com", RecordType::txt}] = alias;
    look(resolver);
    CHECK(resolver.batches.size() == 1);
  }
}

TEST_CASE("the domain's own addresses are asked only where there is no MX (RFC 5321 5.1)") {
  TableResolver resolver;
  resolver.txt("_mta-sts.example.com", {"v=STSv1; id=1"});
  resolver.addresses("example.com", RecordType::a, {"192.0.2.9"});
  SUBCASE("no MX") {
    const auto seen = look(resolver);
    CHECK(resolver.batches.size() == 2);
    CHECK(seen.apex.a.records.size() == 1);
    CHECK(seen.apex.aaaa.nxdomain);
  }
  SUBCASE("null MX (RFC 7505) is an MX") {
    resolver.mx("example.com", "");
    CHECK(look(resolver).apex.a.records.empty());
    CHECK(resolver.batches.size() == 1);
  }
  SUBCASE("unknown MX") {
    resolver.unknown<MxAnswer>("example.com", RecordType::mx);
    CHECK(look(resolver).mx.lookup == Lookup::unknown);
    CHECK(resolver.batches.size() == 1);
  }
}

TEST_CASE("NXDOMAIN of everything is absence of everything") {
  TableResolver resolver;
  const auto seen = look(resolver);
  CHECK(seen.sts.nxdomain);
  CHECK(seen.mx.lookup == Lookup::absent);
  CHECK(seen.policy_host.lookup() == Lookup::absent);
  CHECK(seen.apex.lookup() == Lookup::absent);
  CHECK(seen.misplaced.size() == 4);
}

TEST_CASE("a resolver that gives too few answers proves nothing") {
  TableResolver resolver;
  resolver.answers_nothing = true;
  const auto seen = look(resolver);
  CHECK(seen.sts.lookup == Lookup::unknown);
  CHECK(seen.mx.lookup == Lookup::unknown);
  CHECK(seen.policy_host.lookup() == Lookup::unknown);
  CHECK(seen.sts.name == "_mta-sts.example.com");
  CHECK(resolver.batches.size() == 1);
}

TEST_CASE("names that would be too long are not asked") {
  const std::string label(60, 'a');
  const auto domain = *Domain::parse(label + "." + label + "." + label + ".example.com");
  TableResolver resolver;
  const auto seen = Observer(resolver, trust(), {}).look_at_names(domain, kNow, soon());
  CHECK(seen.misplaced.size() == 3);
}

TEST_CASE("addresses that are not dialled are told as values") {
  TableResolver resolver;
  resolver.addresses("mx.example.com", RecordType::a, {"127.0.0.1", "10.0.0.1", "169.254.169.254"});
  resolver.addresses("mx.example.com", RecordType::aaaa, {"::1", "2606:4700::1111"});
  ObserveOptions options;
  options.ipv6 = false;
  const auto seen = Observer(resolver, trust(), options).look_at_mx("mx.example.com", kNow, soon());
  REQUIRE(seen.probes.size() == 5);
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(seen.probes[i].address == seen.addresses.all()[i]);
    REQUIRE(seen.probes[i].failure);
    CHECK(seen.probes[i].failure->stage == Stage::connect);
    CHECK(seen.probes[i].failure->cause == Cause::not_public);
    CHECK(!seen.probes[i].failure->detail.empty());
  }
  CHECK(seen.probes[4].failure->cause == Cause::no_route);
}

TEST_CASE("the policy host's addresses likewise, at most as many as are bounded") {
  TableResolver resolver;
  HostAddresses addresses;
  addresses.a.lookup = Lookup::found;
  for (int i = 0; i < 40; ++i)
    addresses.a.records.push_back(Address::v4({10, 0, 0, static_cast<std::uint8_t>(i)}));
  const auto fetches = Observer(resolver, trust(), {}).fetch_policies(kDomain, addresses, kNow, soon());
  CHECK(fetches.size() == bounds::kHostAddresses);
  for (const auto& fetch : fetches)
    CHECK(fetch.failure->cause == Cause::not_public);
}

TEST_CASE("without time left an address is not accused of silence") {
  TableResolver resolver;
  HostAddresses addresses;
  addresses.a.records.push_back(Address::v4({127, 0, 0, 1}));
  ObserveOptions options;
  options.allow_private = true;
  Observer observer(resolver, trust(), options);
  const auto late = observer.fetch_policies(kDomain, addresses, kNow, Deadline::in(Millis{0}));
  CHECK(late.at(0).failure->cause == Cause::local);
  Cancel cancel;
  cancel.cancel();
  const auto stopped = observer.fetch_policies(kDomain, addresses, kNow, Deadline::in(Millis{5000}, &cancel));
  CHECK(stopped.at(0).failure->cause == Cause::cancelled);
}

TEST_CASE("an address written as an MX host is not looked up") {
  for (const std::string host : {"192.0.2.1", "2001:db8::1", ""}) {
    CAPTURE(host);
    TableResolver resolver;
    const auto seen = Observer(resolver, trust(), {}).look_at_mx(host, kNow, soon());
    CHECK(resolver.batches.empty());
    CHECK(seen.host == host);
    CHECK(seen.addresses.lookup() == Lookup::unknown);
    CHECK(seen.probes.empty());
  }
}

TEST_CASE("an MX host without address") {
  TableResolver resolver;
  const auto seen = Observer(resolver, trust(), {}).look_at_mx("mx.example.com", kNow, soon());
  CHECK(seen.addresses.lookup() == Lookup::absent);
  CHECK(seen.addresses.a.nxdomain);
  CHECK(seen.probes.empty());
}

TEST_CASE("a canary greets when it says anything that is SMTP, at any of its addresses") {
  const struct {
    std::string why, says;
    bool greets;
  } rows[] = {
      {"an ordinary greeting", "220 mx.example.com ESMTP\r\n", true},
      {"come again later", "421 4.7.0 too busy\r\n", true},
      {"not you", "554 5.7.1 no\r\n", true},
      {"what a hotel's proxy says", "HTTP/1.1 200 OK\r\n", false},
      {"nothing at all", "", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ScriptedServer server([&](Peer& peer) {
      peer.say(row.says);
      if (!row.says.empty()) peer.hear();
      peer.say("221 bye\r\n");
    });
    TableResolver resolver;
    resolver.addresses("canary.example", RecordType::a, {"127.0.0.2", "127.0.0.1"});  // one is refused
    ObserveOptions options;  // allow_private is not needed: the operator named it
    options.smtp.port = server.port();
    Observer observer(resolver, trust(), options);
    CHECK(observer.greets("canary.example", soon()) == row.greets);
    CHECK(observer.greets("127.0.0.1", soon()) == row.greets);
    CHECK(observer.greets("127.0.0.2", soon()) == false);
    CHECK(observer.greets("no-such.example", soon()) == false);
    resolver.unknown<AddressAnswer>("not-now.example", RecordType::a);
    CHECK(observer.greets("not-now.example", soon()) == std::nullopt);
  }
}

TEST_CASE("an address that others of ours queue for is put off, and the other one is looked at") {
  const auto address_limiter = std::make_shared<AddressLimiter>();
  TableResolver resolver;
  resolver.addresses("mx.example.com", RecordType::a, {"127.0.0.1", "127.0.0.2"});
  ObserveOptions options;
  options.allow_private = true;
  options.smtp.port = 1;  // refused
  Observer observer(resolver, trust(), options, address_limiter);
  const auto busy = *Address::parse("127.0.0.1");
  const auto turn = address_limiter->take(busy, soon());
  std::vector<std::thread> queue;
  Cancel cancel;
  for (std::size_t i = 0; i < AddressLimiter::kQueue; ++i)
    queue.emplace_back([&] { (void)address_limiter->take(busy, Deadline::in(Millis{30'000}, &cancel)); });
  while (address_limiter->room(busy) > 0)
    std::this_thread::yield();

  std::vector<Address> crowded;
  const auto seen = observer.look_at_mx("mx.example.com", kNow, soon(), &crowded);
  CHECK(crowded == std::vector<Address>{busy});
  REQUIRE(seen.probes.size() == 1);
  CHECK(seen.probes[0].address == *Address::parse("127.0.0.2"));

  cancel.cancel();
  for (auto& thread : queue)
    thread.join();
}

TEST_CASE("a route that is lost or found counts from the next look on") {
  TableResolver resolver;
  resolver.addresses("mx.example.com", RecordType::aaaa, {"::1"});
  ObserveOptions options;
  options.allow_private = true;
  options.smtp.port = 1;
  Observer observer(resolver, trust(), options);
  observer.use_ipv6(false);
  const auto skipped = observer.look_at_mx("mx.example.com", kNow, soon());
  CHECK(skipped.probes.at(0).failure->detail == "no IPv6 route from here");
  observer.use_ipv6(true);
  const auto tried = observer.look_at_mx("mx.example.com", kNow, soon());
  CHECK(tried.probes.at(0).failure->detail != "no IPv6 route from here");
}

TEST_CASE("TLSA records are asked for only where the addresses are secure (RFC 7672 §2.2.2)") {
  TableResolver resolver;
  resolver.addresses("mx.example.com", RecordType::a, {"10.0.0.1"});
  TlsaAnswer tlsa;
  tlsa.name = "_25._tcp.mx.example.com";
  tlsa.lookup = Lookup::found;
  tlsa.secure = true;
  tlsa.records = {*parse_tlsa("3 1 1 " + std::string(64, 'a'))};
  resolver.table[{tlsa.name, RecordType::tlsa}] = tlsa;
  auto seen = Observer(resolver, trust(), {}).look_at_mx("mx.example.com", kNow, soon());
  CHECK(seen.tlsa.name.empty());  // no sender goes by it
  CHECK_FALSE(seen.trust_end.proved());

  auto& a = std::get<AddressAnswer>(resolver.table.at({"mx.example.com", RecordType::a}));
  a.secure = true;
  seen = Observer(resolver, trust(), {}).look_at_mx("mx.example.com", kNow, soon());
  CHECK(seen.tlsa == tlsa);

  SUBCASE("at the name that the aliases lead to first, then at the host's own (§2.2.3)") {
    a.cname = {{"real.example.net", 300}};
    resolver.batches.clear();
    seen = Observer(resolver, trust(), {}).look_at_mx("mx.example.com", kNow, soon());
    CHECK(resolver.batches.at(1).front() == "_25._tcp.real.example.net");
    CHECK(seen.tlsa == tlsa);
  }
}

TEST_CASE(
    "where the chain of trust ends above TLSA records is proved by a secure parent alone (RFC 4035 §4.3)") {
  TableResolver resolver;
  resolver.addresses("mx.sub.example.com", RecordType::a, {"10.0.0.1"});
  const auto look = [&] {
    return Observer(resolver, trust(), {}).look_at_mx("mx.sub.example.com", kNow, soon());
  };
  look();
  CHECK(resolver.batches.size() == 2);  // there are none: nothing more is asked

  TlsaAnswer tlsa;
  tlsa.name = "_25._tcp.mx.sub.example.com";
  tlsa.lookup = Lookup::found;
  tlsa.records = {*parse_tlsa("3 1 1 " + std::string(64, 'a'))};
  resolver.table[{tlsa.name, RecordType::tlsa}] = tlsa;
  resolver.ns("example.com", {"ns.example.com"});
  resolver.ns("com", {"ns.com"});
  CHECK_FALSE(look().trust_end.proved());  // nothing is secure: the resolver may not validate

  std::get<NsAnswer>(resolver.table.at({"com", RecordType::ns})).secure = true;
  const TrustEnd end = look().trust_end;
  CHECK(end.zone == "example.com");
  CHECK(end.parent == "com");
  CHECK(end.tlsa.starts_with("3 1 1 aaaa"));

  std::get<NsAnswer>(resolver.table.at({"example.com", RecordType::ns})).secure = true;
  CHECK_FALSE(look().trust_end.proved());  // the zone is secure: the addresses alone are not, who knows why
  resolver.unknown<NsAnswer>("example.com", RecordType::ns);
  CHECK_FALSE(look().trust_end.proved());
}

TEST_CASE("the name above TLSA records has to exist (RFC 8020)") {
  TableResolver resolver;
  resolver.addresses("mx.example.com", RecordType::a, {"10.0.0.1"});
  std::get<AddressAnswer>(resolver.table.at({"mx.example.com", RecordType::a})).secure = true;
  TlsaAnswer tlsa;
  tlsa.name = "_25._tcp.mx.example.com";
  tlsa.lookup = Lookup::found;
  tlsa.secure = true;
  tlsa.records = {*parse_tlsa("3 1 1 " + std::string(64, 'a'))};
  resolver.table[{tlsa.name, RecordType::tlsa}] = tlsa;
  const auto denial = [&] {
    return Observer(resolver, trust(), {}).look_at_mx("mx.example.com", kNow, soon()).tlsa_denial;
  };
  CHECK(denial() == "_tcp.mx.example.com: NXDOMAIN");

  TlsaAnswer above;
  above.name = "_tcp.mx.example.com";
  auto& answer = std::get<TlsaAnswer>(resolver.table[{above.name, RecordType::tlsa}] = above);
  answer.lookup = Lookup::absent;
  CHECK(denial().empty());
  answer.lookup = Lookup::unknown;
  answer.detail = "time-out";
  CHECK(denial().empty());  // silence proves nothing
  answer.bogus = true;
  answer.detail = "SERVFAIL (EDE 12 NSEC missing)";
  CHECK(denial() == "_tcp.mx.example.com: SERVFAIL (EDE 12 NSEC missing)");
}
