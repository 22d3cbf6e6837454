// Groups Q and R: what could not be seen from here, and what is wrong before any MTA-STS begins.
#include <doctest/doctest.h>

#include <algorithm>

#include "checks/facts/bounds.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

constexpr std::string_view kPrivate = "10.0.0.1", kLinkLocal = "fe80::1";

void probed(Look& look, std::vector<SmtpProbe> probes) { look.set_mx(mx_host(kHost, std::move(probes))); }

void blind(Look& look) {
  look.vantage = {.reached_443 = true, .reached_25 = false, .port25_blocked = true};
  probed(look, {failed_probe(kMail1, Stage::connect, Cause::timeout)});
}

void without_ipv6(Look& look) {
  look.vantage.ipv6 = false;
  probed(look, {probe(kMail1, kHost), failed_probe(kMail6, Stage::connect, Cause::no_route)});
}

void many_hosts(Look& look, int count) {
  look.domain.mx.records.clear();
  for (int i = 0; i < count; ++i)
    look.domain.mx.records.push_back({10, "mx" + std::to_string(i) + ".example.com"});
  look.set_policy(policy({"*.example.com"}));
  for (const auto& record : look.domain.mx.records)
    look.set_mx(mx_host(record.host, {probe(kMail1, record.host)}));
}

void many_addresses(Look& look, int count) {
  std::vector<SmtpProbe> probes;
  for (int i = 0; i < count; ++i)
    probes.push_back(probe("203.0.114." + std::to_string(i + 1), kHost));
  probed(look, std::move(probes));
}

constexpr const char* kHostUnknown = "observation-unknown mx1.example.com info";

const Row kVantageNames[] = {
    {"all was seen", [](Look&) {}, {}},
    {"the record: SERVFAIL is not absence",
     [](Look& l) { l.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com"); },
     {"observation-unknown _mta-sts.example.com info"}},
    {"the MX answer",
     [](Look& l) { l.domain.mx = unknown<MxAnswer>("example.com"); },
     {"observation-unknown example.com info"}},
    {"the TLSRPT record",
     [](Look& l) { l.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com"); },
     {"observation-unknown _smtp._tls.example.com info"}},
    {"the policy host's name",
     [](Look& l) {
       l.no_policy_host();
       l.domain.policy_host = unknown_addresses("mta-sts.example.com");
     },
     {"observation-unknown mta-sts.example.com info"}},
    {"the policy host's name, and nothing is announced: nobody asks for it",
     [](Look& l) {
       l.no_record();
       l.no_policy_host();
       l.domain.policy_host = unknown_addresses("mta-sts.example.com");
     },
     {}},
    {"no MX, and the address of the domain is unknown",
     [](Look& l) {
       l.domain.mx = absent<MxAnswer>("example.com", false);
       l.domain.apex = unknown_addresses("example.com");
     },
     {"observation-unknown example.com info"}},
    {"no such domain",
     [](Look& l) {
       l.domain.mx = absent<MxAnswer>("example.com");
       l.domain.apex = addresses("example.com", {});
     },
     {"domain-not-found example.com critical"}},
    {"neither MX nor address (RFC 5321 §5.1)",
     [](Look& l) {
       l.domain.mx = absent<MxAnswer>("example.com", false);
       l.domain.apex = addresses("example.com", {});
     },
     {"domain-not-found example.com critical"}},
    {"no MX, but an address",
     [](Look& l) {
       l.domain.mx = absent<MxAnswer>("example.com", false);
       l.domain.apex = addresses("example.com", {kMail1});
       l.set_mx(mx_host("example.com", {probe(kMail1, "example.com")}));
     },
     {}},
};

const Row kHosts[] = {
    {"not looked at yet", [](Look& l) { l.mx.erase(kHost); }, {kHostUnknown}},
    {"no answer from the name servers",
     [](Look& l) {
       auto look = mx_host(kHost, {});
       look.addresses = unknown_addresses(kHost);
       l.set_mx(look);
     },
     {kHostUnknown}},
    {"one family unknown beside a good address",
     [](Look& l) {
       auto look = mx_host(kHost, {probe(kMail1, kHost)});
       look.addresses.aaaa = unknown<AddressAnswer>(kHost);
       l.set_mx(look);
     },
     {kHostUnknown}},
    {"refused: not mx-unreachable in one look (CONTRACT 2)",
     [](Look& l) { probed(l, {failed_probe(kMail1, Stage::connect, Cause::refused)}); },
     {kHostUnknown}},
    {"a tarpit",
     [](Look& l) { probed(l, {failed_probe(kMail1, Stage::greeting, Cause::timeout)}); },
     {kHostUnknown}},
    {"454 to STARTTLS",
     [](Look& l) { probed(l, {failed_probe(kMail1, Stage::starttls, Cause::deferred, "454", 454)}); },
     {kHostUnknown}},
    {"451 in the greeting has its own code",
     [](Look& l) { probed(l, {failed_probe(kMail1, Stage::greeting, Cause::deferred, "451", 451)}); },
     {}},
    {"a proven fault is not unknown",
     [](Look& l) { probed(l, {failed_probe(kMail1, Stage::starttls, Cause::not_offered)}); },
     {}},
    {"IPv6 dead beside a good IPv4: mx-ipv6-broken says so",
     [](Look& l) {
       probed(l, {probe(kMail1, kHost), failed_probe(kMail6, Stage::connect, Cause::refused)});
     },
     {}},
    {"no SMTP",
     [](Look& l) { probed(l, {failed_probe(kMail1, Stage::greeting, Cause::malformed)}); },
     {"smtp-invalid mx1.example.com info"}},
    {"no SMTP on one address of two",
     [](Look& l) {
       probed(l, {probe(kMail1, kHost), failed_probe(kMail6, Stage::ehlo, Cause::over_budget)});
     },
     {"smtp-invalid mx1.example.com 2001:67c::25 info"}},
};

const Row kVantageAddresses[] = {
    {"an MX host with a private address",
     [](Look& l) { probed(l, {failed_probe(kPrivate, Stage::connect, Cause::not_public)}); },
     {"address-not-public mx1.example.com warning"}},
    {"one of two",
     [](Look& l) {
       probed(l, {probe(kMail1, kHost), failed_probe(kLinkLocal, Stage::connect, Cause::not_public)});
     },
     {"address-not-public mx1.example.com fe80::1 warning"}},
    {"watched from inside on purpose",
     [](Look& l) {
       l.vantage.allow_private = true;
       probed(l, {probe(kPrivate, kHost)});
     },
     {}},
    {"the policy host",
     [](Look& l) { l.set_fetches({failed_fetch(Stage::connect, Cause::not_public, 0s, kPrivate)}); },
     {"address-not-public mta-sts.example.com warning"}},
    {"one address of the policy host",
     [](Look& l) {
       l.set_fetches({fetch(kWeb), failed_fetch(Stage::connect, Cause::not_public, 0s, kPrivate)});
     },
     {"address-not-public mta-sts.example.com 10.0.0.1 warning"}},
    {"the policy host, and nothing is announced",
     [](Look& l) {
       l.set_fetches({failed_fetch(Stage::connect, Cause::not_public, 0s, kPrivate)});
       l.no_record();
     },
     {}},
    {"the policy host stalled before it had its time",
     [](Look& l) { l.set_fetches({failed_fetch(Stage::headers, Cause::timeout, 5s)}); },
     {"observation-unknown mta-sts.example.com info"}},
    {"50 MX hosts", [](Look& l) { many_hosts(l, 50); }, {}},
    {"51 MX hosts", [](Look& l) { many_hosts(l, 51); }, {"mx-too-many example.com warning"}},
    {"16 addresses", [](Look& l) { many_addresses(l, 16); }, {}},
    {"17 addresses", [](Look& l) { many_addresses(l, 17); }, {"mx-too-many mx1.example.com warning"}},
};

const Row kView[] = {
    {"port 25 is closed here: said once, no host is accused",
     blind,
     {"vantage-port25-blocked example.com info"}},
    {"port 25 is closed here, and the domain takes no mail",
     [](Look& l) {
       blind(l);
       l.null_mx();
     },
     {}},
    {"no name server can be asked from here: the agent's own trouble",
     [](Look& l) { l.vantage.port53_blocked = true; },
     {"vantage-port53-blocked example.com info"}},
    {"an address was skipped for want of IPv6", without_ipv6, {"vantage-no-ipv6 example.com info"}},
    {"no IPv6 here, and nobody needs it", [](Look& l) { l.vantage.ipv6 = false; }, {}},
    {"an address of the policy host was skipped",
     [](Look& l) {
       l.vantage.ipv6 = false;
       l.set_fetches({fetch(kWeb), failed_fetch(Stage::connect, Cause::no_route, 0s, kWeb6)});
     },
     {"vantage-no-ipv6 example.com info"}},
    {"no descriptor left for an MX host",
     [](Look& l) { probed(l, {failed_probe(kMail1, Stage::connect, Cause::exhausted)}); },
     {"vantage-resources example.com info", kHostUnknown}},
    {"no descriptor left for the policy host",
     [](Look& l) { l.set_fetches({failed_fetch(Stage::connect, Cause::exhausted)}); },
     {"vantage-resources example.com info", "observation-unknown mta-sts.example.com info"}},
    {"no descriptor left for a question",
     [](Look& l) {
       l.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com", "Too many open files");
       l.domain.tlsrpt.exhausted = true;
     },
     {"vantage-resources example.com info", "observation-unknown _smtp._tls.example.com info"}},
};

}  // namespace

TEST_CASE("groups Q, R: names") { CHECK_ROWS(judge_vantage, kVantageNames); }
TEST_CASE("groups Q, R: MX hosts that could not be judged") { CHECK_ROWS(judge_vantage, kHosts); }
TEST_CASE("groups Q, R: addresses") { CHECK_ROWS(judge_vantage, kVantageAddresses); }
TEST_CASE("groups Q, R: the vantage") { CHECK_ROWS(judge_vantage, kView); }

}  // namespace stswatch::facts

namespace stswatch::facts {

TEST_CASE(
    "a domain that took mail before and is gone is a page in every mode; one that never did, a ticket") {
  auto look = base();
  look.domain.mx = absent<MxAnswer>("example.com");
  look.domain.mx.nxdomain = true;
  Past past;
  const auto route = [&](const History& history) {
    const auto v = judged(look, history);
    const auto found = std::find_if(v.findings.begin(), v.findings.end(),
                                    [](const Finding& f) { return f.code == "domain-not-found"; });
    REQUIRE(found != v.findings.end());
    CHECK(found->severity == Severity::critical);
    return found->route;
  };
  CHECK(route(kNoHistory) == Route::ticket);
  CHECK(route({&past, {}}) == Route::ticket);
  past.mx.push_back({"mx1.example.com", {kNow, {}}});
  CHECK(route({&past, {}}) == Route::page);
}

}  // namespace stswatch::facts
