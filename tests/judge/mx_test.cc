// Group F: the MX set, its names and its addresses.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

std::vector<SmtpProbe> good(std::initializer_list<std::string_view> at, const std::string& host) {
  std::vector<SmtpProbe> out;
  for (const auto a : at)
    out.push_back(probe(a, host));
  return out;
}

void alone(Look& look, std::initializer_list<std::string_view> at) {
  look.domain.mx = mx({{10, kHost}});
  look.mx.clear();
  look.set_mx(mx_host(kHost, good(at, kHost)));
}

void own_certificates(Look& look) {
  alone(look, {kMail1, kMail6});
  auto second = probe(kMail6, kHost);
  second.tls.peer.change().leaf.sha256 = std::string(64, 'c');
  look.set_mx(mx_host(kHost, {probe(kMail1, kHost), second}));
}

void no_starttls(Look& look, const std::string& host, std::string_view at) {
  look.set_mx(mx_host(host, {failed_probe(at, Stage::starttls, Cause::not_offered)}));
}

void implicit(Look& look) {
  look.domain.mx = absent<MxAnswer>("example.com", false);
  look.domain.apex = addresses("example.com", {kMail1});
  look.mx.clear();
  look.set_mx(mx_host("example.com", {probe(kMail1, "example.com")}));
  look.set_policy(policy({"example.com"}));
}

void no_address(Look& look, bool nxdomain) {
  auto seen = mx_host(kOther, {});
  seen.addresses.a.nxdomain = seen.addresses.aaaa.nxdomain = nxdomain;
  look.set_mx(seen);
}

void second_policy(Look& look, std::initializer_list<std::string_view> mx) {
  look.set_fetches({fetch(kWeb), fetch(kWeb2, policy(mx))});
}

SmtpProbe dead(std::string_view at) { return failed_probe(at, Stage::connect, Cause::refused); }

constexpr const char* kBackup = "mx-backup-invalid mx2.example.com critical";

const Row kSet[] = {
    {"the base set-up: two hosts, both listed and good", [](Look&) {}, {}},
    {"null MX (RFC 7505)", [](Look& l) { l.null_mx(); }, {"mx-null example.com info"}},
    {"implicit MX (RFC 5321 §5.1), listed by its name", implicit, {"mx-missing example.com warning"}},
    {"implicit MX that the policy does not list",
     [](Look& l) {
       implicit(l);
       l.set_policy(policy({kMx1}));
     },
     {"mx-missing example.com warning", "mx-none-in-policy example.com critical"}},
    {"MX answer unknown: nobody is accused",
     [](Look& l) { l.domain.mx = unknown<MxAnswer>("example.com", "SERVFAIL"); },
     {}},
    {"neither MX nor address", [](Look& l) { l.domain.mx = absent<MxAnswer>("example.com"); }, {}},
    {"TTL of a day and a second", [](Look& l) { l.domain.mx.ttl = 86401; }, {"mx-ttl-long example.com info"}},
    {"TTL of a day", [](Look& l) { l.domain.mx.ttl = 86400; }, {}},
    {"one host, one address", [](Look& l) { alone(l, {kMail1}); }, {"mx-single mx1.example.com info"}},
    {"one host, one certificate on all addresses",
     [](Look& l) {
       alone(l, {kMail1, kMail6});
     },
     {"mx-single mx1.example.com info"}},
    {"one host, a certificate of its own on each address", own_certificates, {}},
    {"one host that is not known to be usable",
     [](Look& l) {
       alone(l, {kMail1});
       l.set_mx(mx_host(kHost, {failed_probe(kMail1, Stage::greeting, Cause::timeout)}));
     },
     {}},
};

const Row kMatch[] = {
    {"no MX host in the policy (RFC 8461 §4.1)",
     [](Look& l) { l.set_policy(policy({"mail.example.com"})); },
     {"mx-none-in-policy example.com critical"}},
    {"in testing it is a warning",
     [](Look& l) { l.set_policy(policy({"mail.example.com"}, "testing")); },
     {"mx-none-in-policy example.com warning"}},
    {"mode none asks for nothing (RFC 8461 §5)",
     [](Look& l) { l.set_policy(policy({"mail.example.com"}, "none")); },
     {}},
    {"a wildcard is one label", [](Look& l) { l.set_policy(policy({"*.example.com"})); }, {}},
    {"the primary is missing: no backup is worse off",
     [](Look& l) { l.set_policy(policy({kMx2})); },
     {"mx-not-in-policy mx1.example.com critical"}},
    {"the backup is missing",
     [](Look& l) { l.set_policy(policy({kMx1})); },
     {"mx-not-in-policy mx2.example.com critical", kBackup}},
    {"one of two addresses serves another: sts-policy-address-inconsistent says so, and the other lists all",
     [](Look& l) { second_policy(l, {kMx1}); },
     {}},
    {"two policies, one lists none, the other but one: that is the right one, and still leaves out a host",
     [](Look& l) {
       l.set_fetches({fetch(kWeb, policy({"mail.example.com"})), fetch(kWeb2, policy({kMx1}))});
     },
     {"mx-not-in-policy mx2.example.com critical", kBackup}},
    {"without a record that most senders take nobody is bound",
     [](Look& l) {
       l.set_policy(policy({"mail.example.com"}));
       l.set_record({"v=STSv1; ID=20261101;"});
     },
     {}},
    {"a record that all but one sender take binds them (RULES 0.4)",
     [](Look& l) {
       l.set_policy(policy({"mail.example.com"}));
       l.set_record({"v=STSv1; id=2026-11-01;"});
     },
     {"mx-none-in-policy example.com critical"}},
};

const Row kBackups[] = {
    {"a backup without STARTTLS (RFC 8461 §8.4)", [](Look& l) { no_starttls(l, kOther, kMail2); }, {kBackup}},
    {"a backup with an expired certificate",
     [](Look& l) { l.set_mx(mx_host(kOther, {probe_showing(kMail2, kOther, expired(kOther))})); },
     {kBackup}},
    {"a backup that is unknown",
     [](Look& l) { l.set_mx(mx_host(kOther, {failed_probe(kMail2, Stage::greeting, Cause::deferred)})); },
     {}},
    {"the primary fails: the fault does not hide", [](Look& l) { no_starttls(l, kHost, kMail1); }, {}},
    {"equal preference: no backup",
     [](Look& l) {
       l.domain.mx = mx({{10, kHost}, {10, kOther}});
       no_starttls(l, kOther, kMail2);
     },
     {}},
};

const Row kTargets[] = {
    {"NXDOMAIN", [](Look& l) { no_address(l, true); }, {"mx-target-no-address mx2.example.com critical"}},
    {"NODATA for both",
     [](Look& l) { no_address(l, false); },
     {"mx-target-no-address mx2.example.com critical"}},
    {"one family unknown: it may have addresses",
     [](Look& l) {
       auto seen = mx_host(kOther, {});
       seen.addresses.aaaa = unknown<AddressAnswer>(kOther);
       l.set_mx(seen);
     },
     {}},
    {"an alias (RFC 2181 §10.3)",
     [](Look& l) {
       auto seen = mx_host(kOther, {probe(kMail2, kOther)});
       point_cname(seen.addresses.a, {"mail.example.net"});
       l.set_mx(seen);
     },
     {"mx-target-cname mx2.example.com warning"}},
    {"an address written as a name: its own code only, nothing can match it",
     [](Look& l) {
       l.domain.mx = mx({{10, kHost}, {20, "192.0.2.1"}});
       l.set_mx(mx_host("192.0.2.1", {}));
     },
     {"mx-target-is-address 192.0.2.1 critical"}},
    {"a null MX beside a host (RFC 7505 §3)",
     [](Look& l) {
       l.domain.mx = mx({{10, kHost}, {20, ""}});
       l.set_policy(policy({kMx1, kMx2}));
     },
     {"mx-beside-null example.com warning"}},
};

const Row kAddresses[] = {
    {"a certificate that is bad on one address",
     [](Look& l) {
       l.set_mx(mx_host(kHost, {probe(kMail1, kHost), probe_showing(kMail6, kHost, expired(kHost))}));
     },
     {"mx-address-inconsistent mx1.example.com warning"}},
    {"STARTTLS on one address only",
     [](Look& l) {
       l.set_mx(
           mx_host(kHost, {probe(kMail1, kHost), failed_probe(kMail6, Stage::starttls, Cause::not_offered)}));
     },
     {"mx-address-inconsistent mx1.example.com warning"}},
    {"one unknown beside a good one: no proof of a difference",
     [](Look& l) {
       l.set_mx(mx_host(kHost, {probe(kMail1, kHost), failed_probe(kMail6, Stage::ehlo, Cause::timeout)}));
     },
     {}},
    {"all bad: the result does not depend on the address",
     [](Look& l) {
       l.set_mx(mx_host(kHost, {probe_showing(kMail1, kHost, expired(kHost)),
                                failed_probe(kMail6, Stage::starttls, Cause::not_offered)}));
     },
     {}},
    {"IPv6 refused while IPv4 works",
     [](Look& l) {
       l.set_mx(mx_host(kHost, {probe(kMail1, kHost), dead(kMail6)}));
     },
     {"mx-ipv6-broken mx1.example.com warning"}},
    {"the same, seen from where there is no IPv6",
     [](Look& l) {
       l.vantage.ipv6 = false;
       l.set_mx(
           mx_host(kHost, {probe(kMail1, kHost), failed_probe(kMail6, Stage::connect, Cause::no_route)}));
     },
     {}},
    {"both families refused: the host, not its IPv6",
     [](Look& l) {
       l.set_mx(mx_host(kHost, {dead(kMail1), dead(kMail6)}));
     },
     {}},
};

}  // namespace

TEST_CASE("group F: the set") { CHECK_ROWS(judge_mx, kSet); }
TEST_CASE("group F: against every policy in effect (CONTRACT 2)") { CHECK_ROWS(judge_mx, kMatch); }
TEST_CASE("group F: backups") { CHECK_ROWS(judge_mx, kBackups); }
TEST_CASE("group F: targets") { CHECK_ROWS(judge_mx, kTargets); }
TEST_CASE("group F: addresses of one host") { CHECK_ROWS(judge_mx, kAddresses); }

TEST_CASE("details name hosts, patterns and addresses") {
  auto look = base();
  look.set_policy(policy({"mail.example.com"}));
  const auto found = judged(look, judge_mx);
  REQUIRE(found.size() == 1);
  CHECK(found[0].detail == "the policy lists mail.example.com; MX: mx1.example.com, mx2.example.com");
  CHECK(found[0].route == Route::page);
}

}  // namespace stswatch::facts
