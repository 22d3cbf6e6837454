// The case prepared: announced, policies, live mode, MX hosts.
#include <doctest/doctest.h>

#include "checks/facts/bounds.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

struct LiveRow {
  const char* why;
  void (*alter)(Look&);
  Mode live;
  bool assumed;
};

void testing(Look& l) { l.set_policy(policy({kMx1, kMx2}, "testing")); }

const LiveRow kLive[] = {
    {"the policy in effect", [](Look&) {}, Mode::enforce, false},
    {"the policy in effect, testing", testing, Mode::testing, false},
    {"the strongest of those in effect",
     [](Look& l) {
       l.set_fetches({fetch(kWeb, policy({kMx1}, "none")), fetch(kWeb2, policy({kMx1}, "testing"))});
     },
     Mode::testing, false},
    {"read leniently: some senders apply it",
     [](Look& l) { l.set_policy(policy({kMx1}, "testing") + "\r\n\r\n"); }, Mode::testing, false},
    {"an invalid record: the policy that was read",
     [](Look& l) {
       testing(l);
       l.set_record({"v=STSv1 id=1"});
     },
     Mode::testing, false},
    {"no record: the policy that was read",
     [](Look& l) {
       testing(l);
       l.no_record();
     },
     Mode::testing, false},
    {"the record unknown: the policy that was read",
     [](Look& l) { l.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com"); }, Mode::enforce, false},
    {"a record, and a policy that nobody can read: the worst case",
     [](Look& l) { l.set_fetches({fetch(kWeb, "", 404)}); }, Mode::enforce, true},
    {"an unknown policy: the worst case",
     [](Look& l) { l.set_fetches({failed_fetch(Stage::connect, Cause::no_route)}); }, Mode::enforce, true},
    {"a record in another spelling counts",
     [](Look& l) {
       l.set_record({"v=stsv1; id=1"});
       l.no_policy_host();
     },
     Mode::enforce, true},
    {"a CNAME at the name counts",
     [](Look& l) {
       l.no_record();
       point_cname(l.domain.sts, {"gone.provider.net"});
       l.no_policy_host();
     },
     Mode::enforce, true},
    {"strangers at the name do not count",
     [](Look& l) {
       l.set_record({"v=spf1 -all"});
       l.no_policy_host();
     },
     Mode::none, false},
    {"nothing",
     [](Look& l) {
       l.no_record();
       l.no_policy_host();
     },
     Mode::none, false},
    {"silence is nothing",
     [](Look& l) {
       l.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
       l.no_policy_host();
     },
     Mode::none, false},
};

std::string modes(const std::vector<Policy>& policies) {
  std::string out;
  for (const auto& p : policies)
    out += std::string(to_string(p.mode)) + ' ';
  return out;
}

}  // namespace

TEST_CASE("the live mode without memory (CONTRACT 2)") {
  for (const LiveRow& row : kLive) {
    CAPTURE(row.why);
    auto look = base();
    row.alter(look);
    const Case c = look.prepared();
    CHECK(c.live == row.live);
    CHECK(c.live_assumed == row.assumed);
  }
}

TEST_CASE("policies: distinct, most served first; ties strict before lenient, then the stronger mode") {
  const auto served = [](std::vector<PolicyFetch> fetches) {
    auto look = base();
    look.set_fetches(std::move(fetches));
    return modes(look.prepared().policies);
  };
  const std::string enforce = policy(), testing = policy({kMx1, kMx2}, "testing"), none = policy({}, "none");
  const std::string blank = "\r\n\r\n";
  CHECK(served({fetch(kWeb, enforce), fetch(kWeb2, enforce)}) == "enforce ");
  CHECK(served({fetch(kWeb, none), fetch(kWeb2, testing), fetch(kWeb6, testing)}) == "testing none ");
  CHECK(served({fetch(kWeb, enforce + blank), fetch(kWeb2, testing)}) == "testing enforce ");
  CHECK(served({fetch(kWeb, testing), fetch(kWeb2, enforce)}) == "enforce testing ");
  CHECK(served({fetch(kWeb, "nonsense")}).empty());
  // §3.2: fields that a sender ignores, and the order of patterns, make no other policy.
  CHECK(served({fetch(kWeb, policy({kMx1, kMx2})), fetch(kWeb2, policy({kMx2, kMx1}) + "x_note: 1\r\n")}) ==
        "enforce ");
  CHECK(served({fetch(kWeb, policy({kMx1})), fetch(kWeb2, policy({kMx2}))}) == "enforce enforce ");
}

TEST_CASE("policies are in effect when the record is usable (RFC 8461 §3.1)") {
  auto look = base();
  CHECK(look.prepared().in_effect.size() == 1);
  look.set_record({"v=STSv1; id=a-b"});
  CHECK(look.prepared().in_effect.empty());
  CHECK(look.prepared().shown() != nullptr);
}

TEST_CASE("MX hosts: by preference, each once, bounded") {
  auto look = base();
  look.domain.mx =
      facts::mx({{20, "b.example.com"}, {10, "c.example.com"}, {10, "a.example.com"}, {30, "a.example.com"}});
  std::string order;
  for (const auto& mx : look.prepared().mx)
    order += mx.host + ' ' + std::to_string(mx.preference) + ' ';
  CHECK(order == "a.example.com 10 c.example.com 10 b.example.com 20 ");
  look.domain.mx.records.clear();
  for (std::uint16_t i = 0; i < 60; ++i)
    look.domain.mx.records.push_back({i, "h" + std::to_string(i) + ".example.com"});
  CHECK(look.prepared().mx.size() == bounds::kMxHosts);
}

TEST_CASE("null MX, implicit MX, address in place of a name") {
  auto look = base();
  look.null_mx();
  CHECK(look.prepared().null_mx);  // RFC 7505
  CHECK(look.prepared().mx.empty());

  look.domain.mx = facts::mx({{0, ""}, {10, std::string(kMx1)}});
  CHECK_FALSE(look.prepared().null_mx);  // RFC 7505 §3: only alone
  CHECK(look.prepared().mx[0].usable == false);

  look = base();
  look.domain.mx = absent<MxAnswer>("example.com", false);
  look.domain.apex = addresses("example.com", {kMail1});
  look.set_mx(mx_host("example.com", {probe(kMail1, "example.com")}));
  CHECK(look.prepared().implicit_mx);  // RFC 5321 §5.1
  REQUIRE(look.prepared().mx.size() == 1);
  CHECK(look.prepared().mx[0].host == "example.com");
  CHECK(look.prepared().mx[0].usable == true);

  look.domain.apex = addresses("example.com", {});
  CHECK_FALSE(look.prepared().implicit_mx);
  CHECK(look.prepared().mx.empty());

  look = base();
  look.domain.mx = facts::mx({{10, "192.0.2.1"}});
  CHECK(look.prepared().mx[0].literal);
  CHECK(look.prepared().mx[0].usable == false);

  look.domain.mx = unknown<MxAnswer>("example.com");
  CHECK(look.prepared().mx.empty());
}

TEST_CASE("usable: proven or unknown (CONTRACT 2)") {
  const std::string host(kMx1);
  const auto usable = [&](MxHostObservation mx) {
    auto look = base();
    look.set_mx(std::move(mx));
    return look.prepared().mx[0].usable;
  };
  const auto good = [&](std::string_view at) { return probe(at, host); };
  const auto bad = [&](std::string_view at) { return probe_showing(at, host, expired(host)); };
  const auto refused = [](std::string_view at) { return failed_probe(at, Stage::connect, Cause::refused); };

  CHECK(usable(mx_host(host, {good(kMail1)})) == true);
  CHECK_MESSAGE(usable(mx_host(host, {bad(kMail1), good(kMail6)})) == true, "some address ok (scenario 28)");
  CHECK_MESSAGE(usable(mx_host(host, {bad(kMail1)})) == false, "every address proven bad");
  CHECK_MESSAGE(usable(mx_host(host, {bad(kMail1), refused(kMail6)})) == std::nullopt,
                "one look: not proven");
  CHECK_MESSAGE(usable(mx_host(host, {refused(kMail1)})) == std::nullopt, "one look: not proven");
  CHECK_MESSAGE(usable(mx_host(host, {})) == false, "authoritatively without address");

  auto half = mx_host(host, {bad(kMail1)});
  half.addresses.aaaa = unknown<AddressAnswer>(host);
  CHECK_MESSAGE(usable(half) == std::nullopt, "the other family is unknown");
  half.probes = {good(kMail1)};
  CHECK(usable(half) == true);

  auto silent = mx_host(host, {});
  silent.addresses = unknown_addresses(host);
  CHECK(usable(silent) == std::nullopt);

  auto unprobed = mx_host(host, {bad(kMail1)});
  unprobed.addresses.a.records.push_back(address(kMail2));
  CHECK_MESSAGE(usable(unprobed) == std::nullopt, "an address that nobody looked at");

  auto look = base();
  look.mx.clear();
  CHECK_MESSAGE(look.prepared().mx[0].usable == std::nullopt, "not looked at yet");
}

TEST_CASE("another host reached on port 25 in the same look makes silence mean something (RULES 5.7)") {
  auto look = base();
  look.vantage.reached_25 = false;
  const std::string host(kMx2);
  look.set_mx(mx_host(host, {failed_probe(kMail2, Stage::connect, Cause::timeout)}));
  CHECK(look.prepared().mx[1].addresses[0].outcome == HostOutcome::unreachable);

  look.set_mx(mx_host(std::string(kMx1), {failed_probe(kMail1, Stage::connect, Cause::timeout)}));
  CHECK(look.prepared().mx[1].addresses[0].outcome == HostOutcome::unknown);

  // An address of the same host is not another host.
  look.set_mx(mx_host(host, {failed_probe(kMail2, Stage::connect, Cause::timeout), probe(kMail6, host)}));
  CHECK(look.prepared().mx[1].addresses[0].outcome == HostOutcome::unknown);
}

}  // namespace stswatch::facts
