// Group H: each fault of an MX certificate is a finding of its own (RFC 8461 §4.2, RULES 5.2).
#include "checks/judge/rules/readings.h"

#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {
using Told = std::vector<std::string>;
using Kind = ChainFault::Kind;

Look showing(PeerCertificates shown) {
  auto look = base();
  look.set_mx(mx_host(kHost, {probe_showing(kMail1, kHost, std::move(shown))}));
  return look;
}

Told certificate_findings(const Look& look) { return told(judged(look, judge_certificates)); }

PeerCertificates with_fault(Kind kind, const char* text) {
  auto p = peer(kHost);
  p.faults = {{kind, 0, text}};
  return p;
}

/// The code alone; the subject is mx1 and the severity the catalogue's.
std::string told_of(std::string_view code, std::string_view severity) {
  return std::string(code) + " mx1.example.com " + std::string(severity);
}

PeerCertificates common_name_only() {
  auto p = peer(kHost);
  p.leaf.dns_names.clear();
  p.name_matches = false;
  return p;
}

PeerCertificates common_name_beside_others() {
  auto p = misnamed("other.example.com");
  p.leaf.common_name = kHost;
  return p;
}

PeerCertificates private_ca() {
  auto p = leaf_only(kHost);
  p.leaf.names_issuer_url = false;
  return p;
}

PeerCertificates root_known_but_link_missing() {
  auto p = peer(kHost);
  p.last_issuer_trusted = true;
  p.faults = {{Kind::unknown_issuer, 0, "unable to get local issuer certificate"}};
  return p;
}

PeerCertificates without_server_auth() {
  auto p = peer(kHost);
  p.leaf.server_auth = false;
  p.faults = {{Kind::wrong_purpose, 0, "unsuitable certificate purpose"}};
  return p;
}

PeerCertificates weak_key() {
  auto p = peer(kHost);
  p.leaf.weak = true;
  p.leaf.key = "RSA 1024";
  return p;
}

PeerCertificates young(Seconds in) {
  auto p = peer(kHost, days(60), days(60) - in);
  return p;
}

PeerCertificates intermediate_left(Seconds left) {
  auto p = peer(kHost);
  p.chain = {intermediate(left)};
  return p;
}

PeerCertificates expired_intermediate() {
  auto p = intermediate_left(-1h);
  p.faults = {{Kind::expired, 1, "certificate has expired"}};
  return p;
}

PeerCertificates unused_expired_intermediate() {
  auto p = intermediate_left(-1h);
  p.used.clear();
  return p;
}

struct ShownRow {
  const char* name;
  PeerCertificates shown;
  Told findings;
};

std::vector<ShownRow> rows() {
  auto everything = expired("other.example.com");
  everything.name_matches = false;
  everything.faults.push_back({Kind::self_signed, 0, "self-signed certificate"});
  return {
      {"good", peer(kHost), {}},
      {"expired", expired(kHost), {told_of("certificate-expired", "critical")}},
      {"a needed intermediate has expired",
       expired_intermediate(),
       {told_of("certificate-expired", "critical")}},
      {"one that the path does not use has expired", unused_expired_intermediate(), {}},
      {"another name", misnamed("other.example.com"), {told_of("certificate-host-mismatch", "critical")}},
      {"name in the CN, no SAN", common_name_only(), {told_of("certificate-cn-only", "critical")}},
      {"name in the CN, others in the SAN: the SAN is what it names",
       common_name_beside_others(),
       {told_of("certificate-host-mismatch", "critical")}},
      {"self-signed", self_signed(kHost), {told_of("certificate-not-trusted", "critical")}},
      {"leaf alone, and it says where its issuer is",
       leaf_only(kHost),
       {told_of("certificate-chain-incomplete", "critical")}},
      {"leaf alone without that evidence", private_ca(), {told_of("certificate-not-trusted", "critical")}},
      {"the issuer of the last is trusted: nothing is missing at the end",
       root_known_but_link_missing(),
       {told_of("certificate-not-trusted", "critical")}},
      {"revoked",
       with_fault(Kind::revoked, "certificate revoked"),
       {told_of("certificate-not-trusted", "critical")}},
      {"starts in an hour", young(1h), {told_of("certificate-not-yet-valid", "critical")}},
      {"started in five minutes at most: clocks differ", young(5min), {}},
      {"no serverAuth (RFC 5280 §4.2.1.12)",
       without_server_auth(),
       {told_of("certificate-eku-invalid", "critical")}},
      {"weak key", weak_key(), {told_of("certificate-weak", "warning")}},
      {"too weak to verify",
       with_fault(Kind::weak, "EE certificate key too weak"),
       {told_of("certificate-weak", "warning")}},
      {"an intermediate ends before the leaf",
       intermediate_left(days(50)),
       {told_of("certificate-intermediate-expiring", "warning")}},
      {"each fault by itself",
       everything,
       {told_of("certificate-expired", "critical"), told_of("certificate-host-mismatch", "critical"),
        told_of("certificate-not-trusted", "critical")}},
  };
}

struct LifeRow {
  const char* name;
  Seconds left, life;
  std::string code;  // empty: healthy
};

}  // namespace

TEST_CASE("group H: every code, and what does not raise it") {
  for (const ShownRow& row : rows()) {
    CAPTURE(row.name);
    CHECK(certificate_findings(showing(row.shown)) == row.findings);
  }
}

TEST_CASE(
    "how much life is left, relative to the lifetime (RULES 5.2); expired, expiring, overdue exclude each "
    "other") {
  const std::string overdue = told_of("certificate-renewal-overdue", "warning");
  const std::string expiring = told_of("certificate-expiring", "critical");
  const std::string gone = told_of("certificate-expired", "critical");
  const LifeRow rows[] = {
      {"90 d, 21 d left", days(21), days(90), ""},
      {"90 d, under 21 d", days(21) - 1s, days(90), overdue},
      {"90 d, 7 d left", days(7), days(90), overdue},
      {"90 d, under 7 d", days(7) - 1s, days(90), expiring},
      {"90 d, a second left", 1s, days(90), expiring},
      {"90 d, ends this second", 0s, days(90), gone},
      {"45 d, 16 d left (scenario 23)", days(16), days(45), ""},
      {"45 d, 11 d left", days(11), days(45), overdue},
      {"160 h, 60 h left", 60h, 160h, ""},
      {"160 h, 45 h left (scenario 24)", 45h, 160h, overdue},
      {"160 h, 39 h left", 39h, 160h, expiring},
  };
  for (const LifeRow& row : rows) {
    CAPTURE(row.name);
    CHECK(certificate_findings(showing(peer(kHost, row.left, row.life))) ==
          (row.code.empty() ? Told{} : Told{row.code}));
  }
}

TEST_CASE("the operator's floors: the larger threshold counts (RULES 5.2)") {
  auto look = showing(peer(kHost, days(25)));
  CHECK(certificate_findings(look).empty());
  look.limits.warn_before = days(30);
  CHECK(certificate_findings(look) == Told{told_of("certificate-renewal-overdue", "warning")});
  look.limits.crit_before = days(30);
  // mx2 has 60 days.
  CHECK(certificate_findings(look) == Told{told_of("certificate-expiring", "critical")});
}

TEST_CASE("the end of the chain counts, not the leaf's alone") {
  const auto got = certificate_findings(showing(intermediate_left(days(5))));
  CHECK(got == Told{told_of("certificate-expiring", "critical"),
                    told_of("certificate-intermediate-expiring", "warning")});
}

TEST_CASE("subjects: the host when all addresses agree, else the address") {
  auto look = base();
  look.set_mx(mx_host(kHost, {probe(kMail1, kHost), probe_showing(kMail6, kHost, expired(kHost))}));
  CHECK(certificate_findings(look) == Told{"certificate-expired mx1.example.com 2001:67c::25 warning"});
  look.set_mx(mx_host(kHost, {probe_showing(kMail1, kHost, expired(kHost, 2h)),
                              probe_showing(kMail6, kHost, expired(kHost, 1h))}));
  const auto both = judged(look, judge_certificates);
  REQUIRE(told(both) == Told{"certificate-expired mx1.example.com critical"});
  // The details differ: each address is named beside its own.
  CHECK(both[0].detail.find("203.0.114.1: ") != std::string::npos);
  CHECK(both[0].detail.find("2001:67c::25: ") != std::string::npos);
}

TEST_CASE("by a clock that is in doubt nobody is judged by dates (RULES 3.2 Q), and by all else as ever") {
  const auto doubted = [](const Look& look) {
    Look out = look;
    out.vantage.clock_doubted = "it is fast by at least 400 d";
    withdraw_dated(out.domain);
    auto mx = *out.mx.at(kHost);
    withdraw_dated(mx);
    out.set_mx(std::move(mx));
    return out;
  };
  const auto outcome = [](const Look& look) { return look.prepared().mx.at(0).addresses.at(0).outcome; };
  CHECK(outcome(showing(expired(kHost))) == HostOutcome::failed);
  for (const auto& shown : {expired(kHost), with_fault(Kind::not_yet_valid, "certificate is not yet valid"),
                            expired_intermediate()}) {
    CHECK(certificate_findings(doubted(showing(shown))).empty());
    CHECK(outcome(doubted(showing(shown))) == HostOutcome::unknown);
  }
  CHECK(certificate_findings(doubted(showing(peer(kHost, days(2))))).empty());
  CHECK(outcome(doubted(showing(peer(kHost, days(2))))) == HostOutcome::ok);
  auto other = misnamed("other.example.com");
  other.faults = {{Kind::expired, 0, "certificate has expired"}};
  CHECK(outcome(doubted(showing(other))) == HostOutcome::failed);
  CHECK_FALSE(certificate_findings(doubted(showing(other))).empty());
}

TEST_CASE("live modes: n / t / e of RULES 3.2 H") {
  auto look = showing(expired(kHost));
  look.set_policy(policy({kMx1, kMx2}, "testing"));
  CHECK(certificate_findings(look) == Told{told_of("certificate-expired", "warning")});
  look.set_policy(policy({kMx1, kMx2}, "none"));
  CHECK(certificate_findings(look) == Told{told_of("certificate-expired", "warning")});
  look = showing(misnamed("other.example.com"));
  look.set_policy(policy({kMx1, kMx2}, "none"));
  CHECK(certificate_findings(look) == Told{told_of("certificate-host-mismatch", "info")});
}

TEST_CASE("trusted, but for its end and its names (CONTRACT 4)") {
  CHECK(trusted_until_its_end(peer(kHost), kNow));
  CHECK(trusted_until_its_end(expired(kHost), kNow));
  CHECK(trusted_until_its_end(misnamed("other.example.com"), kNow));
  CHECK_FALSE(trusted_until_its_end(self_signed(kHost), kNow));
  CHECK_FALSE(trusted_until_its_end(young(1h), kNow));
  CHECK_FALSE(trusted_until_its_end(without_server_auth(), kNow));
}

}  // namespace stswatch::facts

// RULES 5.2: how much life left is too little.

using namespace stswatch;
using namespace std::chrono_literals;
using facts::days;

namespace {

struct Row {
  const char* why;
  Seconds life;
  Seconds left;
  Life expected;
  ExpiryLimits limits{};
};

const Row kExpiryRows[] = {
    {"398 d: overdue below 21 d", days(398), days(21) - 1s, Life::overdue},
    {"398 d: 21 d are not below 21 d", days(398), days(21), Life::healthy},
    {"398 d: critical below 7 d", days(398), days(7) - 1s, Life::critical},
    {"398 d: 7 d are not below 7 d", days(398), days(7), Life::overdue},
    {"200 d: overdue below 21 d", days(200), days(20), Life::overdue},
    {"100 d: overdue below 21 d", days(100), days(20), Life::overdue},
    {"90 d: healthy before its renewal", days(90), days(31), Life::healthy},
    {"90 d: overdue below 21 d", days(90), days(20), Life::overdue},
    {"90 d: critical below 7 d", days(90), days(6), Life::critical},
    {"64 d: overdue below 16 d", days(64), days(16) - 1s, Life::overdue},
    {"64 d: healthy at 16 d", days(64), days(16), Life::healthy},
    {"64 d: critical below 6.4 d", days(64), 153h, Life::critical},
    {"64 d: not critical at 6.4 d", days(64), Seconds(552960), Life::overdue},
    {"47 d: overdue below 11.75 d", days(47), 282h - 1s, Life::overdue},
    {"47 d: healthy at 11.75 d", days(47), 282h, Life::healthy},
    {"47 d: critical below 4.7 d", days(47), 112h, Life::critical},
    {"45 d: 16 d left are healthy (scenario 23)", days(45), days(16), Life::healthy},
    {"45 d: overdue below 11.25 d", days(45), 270h - 1s, Life::overdue},
    {"45 d: critical below 4.5 d", days(45), 108h - 1s, Life::critical},
    {"160 h: healthy at 60 h", 160h, 60h, Life::healthy},
    {"160 h: 45 h left are overdue (scenario 24)", 160h, 45h, Life::overdue},
    {"160 h: overdue below 60 h", 160h, 60h - 1s, Life::overdue},
    {"160 h: critical below 40 h", 160h, 40h - 1s, Life::critical},
    {"160 h: not critical at 40 h", 160h, 40h, Life::overdue},
    {"just 10 d: the rule of long ones, critical at least 24 h", days(10), 24h - 1s, Life::critical},
    {"3 d: critical at least 24 h", days(3), 24h - 1s, Life::critical},
    {"a second left is not expired", days(90), 1s, Life::critical},
    {"nothing left is expired", days(90), 0s, Life::expired},
    {"past is expired", days(90), -1s, Life::expired},
    {"absolute floor above the relative one counts", days(90), days(29), Life::overdue, {days(30), 0s}},
    {"absolute floor below the relative one does not", days(90), days(20), Life::overdue, {days(3), 0s}},
    {"absolute critical floor", days(90), days(9), Life::critical, {0s, days(10)}},
    {"absolute floors do not reach further", days(90), days(31), Life::healthy, {days(30), days(10)}},
};

}  // namespace

TEST_CASE("judge_life follows the certificate's own lifetime (RULES 5.2)") {
  for (const Row& row : kExpiryRows) {
    CAPTURE(row.why);
    const TimePoint end = facts::kNow + row.left;
    CHECK(judge_life(end - row.life, end, facts::kNow, row.limits) == row.expected);
  }
}
