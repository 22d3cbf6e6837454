// The second witness of a look: what the zone's own servers add to what the resolver said (RULES 5.8).
#include "checks/observe/dns/source.h"

#include <doctest/doctest.h>

#include "tests/observe/dns_tree.h"

namespace stswatch {
namespace {

using testing::error;
using testing::Received;
using testing::Tree;
using testing::txt;

DomainObservation resolved(const std::string& text) {
  DomainObservation seen(*Domain::parse("example.test"));
  seen.sts.name = "_mta-sts.example.test";
  seen.sts.lookup = seen.mx.lookup = seen.policy_host.a.lookup = Lookup::found;
  seen.sts.records.push_back({{text}});
  seen.policy_host.a.records.push_back(*Address::parse("192.0.2.1"));
  return seen;
}

DomainObservation failed() {
  DomainObservation seen(*Domain::parse("example.test"));
  seen.sts.name = "_mta-sts.example.test";
  seen.sts.detail = seen.mx.detail = "SERVFAIL from 192.0.2.53";
  return seen;
}

void hear(Tree& tree, DomainObservation& seen, const dns::Beforehand& before = {}) {
  dns::hear_source(tree.source, seen, before, Deadline::in(Millis{60'000}));
}

}  // namespace

TEST_CASE("a look in which nothing happens asks one server one question") {
  Tree tree(txt("v=STSv1; id=1;"), txt("v=STSv1; id=1;"));
  auto seen = resolved("v=STSv1; id=1;");
  hear(tree, seen);
  CHECK(tree.first.asked() == 1);
  CHECK(tree.second.asked() == 0);
  CHECK(seen.source.sts.answered());
  CHECK_FALSE(seen.source.sts.all);
}

TEST_CASE("an id is known when it is published, not when a cache lets go") {
  Tree tree(txt("v=STSv1; id=2;"), txt("v=STSv1; id=2;"));
  auto seen = resolved("v=STSv1; id=1;");
  hear(tree, seen);
  CHECK(seen.sts.records.at(0).joined() == "v=STSv1; id=2;");
  CHECK(seen.sts.ttl == 60);
  CHECK(seen.source.sts.all);  // a change: each server was asked
  CHECK(tree.second.asked() > 0);
}

TEST_CASE(
    "of servers that differ the newer version of the zone counts, of equal ones what the resolver says") {
  SUBCASE("newer") {
    Tree tree(txt("v=STSv1; id=1;", 7), txt("v=STSv1; id=2;", 8));
    const DomainObservation known = resolved("v=STSv1; id=0;");
    auto seen = resolved("v=STSv1; id=1;");
    hear(tree, seen, {.known = &known});
    CHECK(seen.sts.records.at(0).joined() == "v=STSv1; id=2;");
  }
  SUBCASE("equal") {
    Tree tree(txt("v=STSv1; id=2;", 7), txt("v=STSv1; id=3;", 7));
    auto seen = resolved("v=STSv1; id=1;");
    hear(tree, seen);
    CHECK(seen.sts.records.at(0).joined() == "v=STSv1; id=1;");
    CHECK(seen.source.sts.differs_at_one_serial());
  }
}

TEST_CASE("each server's signatures are dated, and asked for again while one lags (RFC 7671 §11)") {
  using namespace testing;
  const auto signed_until = [](unsigned end) -> DnsServer::Behaviour {
    return [=](const Received& query) -> std::vector<Bytes> {
      if (query.type() != kMx) return txt("v=STSv1; id=1;")(query);
      auto packet = authoritative(query);
      packet.with(query.name(), kMx, 60, u16(10) + wire("mx.example.test"));
      const Bytes head = u16(kMx) + Bytes(1, 13) + Bytes(1, 2) + u32(60) + u32(end) + u32(1'700'000'000) +
                         u16(1) + wire("example.test") + "sig";
      if (end != 0 && query.dnssec_ok()) packet.with(query.name(), 46, 60, head);
      return {packet.octets()};
    };
  };
  Tree tree(signed_until(1'900'000'000), signed_until(0));
  auto seen = resolved("v=STSv1; id=1;");
  hear(tree, seen, {.known = nullptr, .thorough = true});
  REQUIRE(seen.source.mx.replies.size() == 2);
  CHECK(seen.source.mx.replies[0].signed_until == TimePoint{Seconds{1'900'000'000}});
  CHECK_FALSE(seen.source.mx.replies[1].signed_until);
  CHECK(seen.source.mx.signed_apart());
  CHECK_FALSE(seen.source.mx.differs());

  auto next = resolved("v=STSv1; id=1;");
  hear(tree, next, {.known = &seen, .thorough = false});
  CHECK(next.source.mx.all);

  // Signed anew since: whoever lags behind shows now.
  seen.source.mx.replies[1].signed_until = seen.source.mx.replies[0].signed_until;
  next = resolved("v=STSv1; id=1;");
  next.mx.secure = true;
  next.mx.signed_until = TimePoint{Seconds{1'900'000'000 + 3600}};
  hear(tree, next, {.known = &seen, .thorough = false});
  CHECK_FALSE(next.source.mx.all);
  next.mx.signed_until = TimePoint{Seconds{1'900'000'000 + 7 * 86400}};
  hear(tree, next, {.known = &seen, .thorough = false});
  CHECK(next.source.mx.all);

  Tree alike(signed_until(1'900'000'000), signed_until(1'900'000'000));
  seen = resolved("v=STSv1; id=1;");
  hear(alike, seen, {.known = nullptr, .thorough = true});
  CHECK_FALSE(seen.source.mx.signed_apart());
}

TEST_CASE("where the resolver fails, the servers say whose fault it is") {
  SUBCASE("they refuse: the zone's") {
    Tree tree(error(5), error(5));
    auto seen = failed();
    hear(tree, seen);
    CHECK(seen.sts.zone_error == "ns1.example.test 127.0.0.2: REFUSED; ns2.example.test 127.0.0.3: REFUSED");
    CHECK_FALSE(seen.mx.zone_error.empty());
    CHECK(seen.mx.lookup == Lookup::unknown);
  }
  SUBCASE("they answer: the resolver's") {
    Tree tree(txt("v=STSv1; id=1;"), txt("v=STSv1; id=1;"));
    auto seen = failed();
    hear(tree, seen);
    CHECK(seen.sts.zone_error.empty());
    CHECK(seen.mx.zone_error.empty());
    CHECK(seen.source.sts.answered());
    CHECK(seen.sts.lookup == Lookup::unknown);  // the witness proves, the resolver reports
  }
  SUBCASE("they are silent: nobody knows") {
    Tree tree(testing::silence, testing::silence);
    auto seen = failed();
    hear(tree, seen);
    CHECK(seen.sts.zone_error.empty());
    CHECK(seen.mx.zone_error.empty());
  }
  SUBCASE("it fails validation: the zone's, and the servers' answer does not mend that") {
    Tree tree(txt("v=STSv1; id=1;"), txt("v=STSv1; id=1;"));
    auto seen = failed();
    seen.mx.bogus = true;
    hear(tree, seen);
    CHECK(seen.mx.zone_error == "SERVFAIL from 192.0.2.53");
  }
}

TEST_CASE("an AAAA that fails beside an A that works is not asked after") {
  Tree tree(txt("v=STSv1; id=1;"), txt("v=STSv1; id=1;"));
  auto seen = resolved("v=STSv1; id=1;");
  seen.policy_host.aaaa.detail = "SERVFAIL";
  hear(tree, seen);
  CHECK(tree.first.asked() == 1);
  CHECK(seen.source.policy_aaaa.replies.empty());
}

}  // namespace stswatch
