// Group C: TLS and the certificate of the policy host.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

void show(Look& l, PeerCertificates shown) {
  l.set_fetches({shown.good() ? fetch() : distrusted_fetch(shown)});
  l.domain.fetches[0].tls = tls(std::move(shown));
}

PeerCertificates host_with_fault(ChainFault::Kind kind, const char* text) {
  auto p = peer(kPolicyHost);
  p.faults = {{kind, 0, text}};
  return p;
}

PeerCertificates with_intermediate(Seconds left, Seconds life = days(1095)) {
  auto p = peer(kPolicyHost);
  p.chain = {intermediate(left, life)};
  if (left <= 0s) p.faults = {{ChainFault::Kind::expired, 1, "certificate has expired"}};
  return p;
}

PeerCertificates cn_only() {
  auto p = misnamed(kPolicyHost);
  p.leaf.dns_names.clear();
  return p;
}

const Row kDates[] = {
    {"60 d of 90 left (scenario 1)", [](Look&) {}, {}},
    {"expired an hour ago (§3.3; scenario 11)",
     [](Look& l) { show(l, expired(kPolicyHost)); },
     {"sts-webpki-cert-expired mta-sts.example.com critical"}},
    {"a needed intermediate has expired",
     [](Look& l) { show(l, with_intermediate(-1h)); },
     {"sts-webpki-cert-expired mta-sts.example.com critical"}},
    {"by a clock that is in doubt nobody is judged by dates",
     [](Look& l) {
       show(l, expired(kPolicyHost));
       l.vantage.clock_doubted = "it is fast by at least 400 d";
       withdraw_dated(l.domain);
     },
     {}},
    {"5 d of 90 left",
     [](Look& l) { show(l, peer(kPolicyHost, days(5))); },
     {"sts-webpki-cert-expiring mta-sts.example.com critical"}},
    {"20 d of 90 left",
     [](Look& l) { show(l, peer(kPolicyHost, days(20))); },
     {"sts-webpki-renewal-overdue mta-sts.example.com warning"}},
    {"16 d of 45 left are healthy", [](Look& l) { show(l, peer(kPolicyHost, days(16), days(45))); }, {}},
    {"45 h of 160 h left",
     [](Look& l) { show(l, peer(kPolicyHost, 45h, 160h)); },
     {"sts-webpki-renewal-overdue mta-sts.example.com warning"}},
    {"warn_days above the relative threshold",
     [](Look& l) { l.limits.warn_before = days(61); },
     {"sts-webpki-renewal-overdue mta-sts.example.com warning"}},
    {"crit_days above the relative threshold",
     [](Look& l) { l.limits.crit_before = days(61); },
     {"sts-webpki-cert-expiring mta-sts.example.com critical"}},
    {"a needed intermediate ends in 5 d",
     [](Look& l) { show(l, with_intermediate(days(5))); },
     {"sts-webpki-cert-expiring mta-sts.example.com critical"}},
    {"a certificate sent that the path does not need",
     [](Look& l) {
       auto p = peer(kPolicyHost);
       p.chain.push_back(intermediate(-days(100)));
       show(l, p);
     },
     {}},
    {"not valid yet",
     [](Look& l) {
       auto p = peer(kPolicyHost, days(91), days(90));
       p.faults = {{ChainFault::Kind::not_yet_valid, 0, "certificate is not yet valid"}};
       show(l, p);
     },
     {"sts-webpki-not-yet-valid mta-sts.example.com critical"}},
    {"not valid for 5 more minutes: tolerated (RULES 3.2 C)",
     [](Look& l) { show(l, peer(kPolicyHost, days(90) + 5min, days(90))); },
     {}},
    {"live mode testing: overdue is info",
     [](Look& l) {
       show(l, peer(kPolicyHost, days(20)));
       l.set_policy(policy({kMx1, kMx2}, "testing"));
     },
     {"sts-webpki-renewal-overdue mta-sts.example.com info"}},
};

const Row kNames[] = {
    {"a certificate of the provider's name only (§8.2; scenario 13)",
     [](Look& l) { show(l, misnamed("mta-sts.provider.net")); },
     {"sts-webpki-host-mismatch mta-sts.example.com critical"}},
    {"no SAN, the CN has the name (§3.3 DNS-ID only)",
     [](Look& l) { show(l, cn_only()); },
     {"sts-webpki-cn-only mta-sts.example.com critical"}},
    {"no SAN, the CN has another name",
     [](Look& l) {
       auto p = cn_only();
       p.leaf.common_name = "www.example.com";
       show(l, p);
     },
     {"sts-webpki-host-mismatch mta-sts.example.com critical"}},
    {"SAN of another host, the CN has the name: CN does not count",
     [](Look& l) {
       auto p = misnamed("www.example.com");
       p.leaf.common_name = kPolicyHost;
       show(l, p);
     },
     {"sts-webpki-host-mismatch mta-sts.example.com critical"}},
};

const Row kTrust[] = {
    {"self-signed",
     [](Look& l) { show(l, self_signed(kPolicyHost)); },
     {"sts-webpki-not-trusted mta-sts.example.com critical"}},
    {"leaf alone, with an issuer URL (scenario 12)",
     [](Look& l) { show(l, leaf_only(kPolicyHost)); },
     {"sts-webpki-chain-incomplete mta-sts.example.com critical"}},
    {"leaf alone, without the evidence",
     [](Look& l) {
       auto p = leaf_only(kPolicyHost);
       p.leaf.names_issuer_url = false;
       show(l, p);
     },
     {"sts-webpki-not-trusted mta-sts.example.com critical"}},
    {"a private CA that is sent: its issuer is itself",
     [](Look& l) {
       auto p = peer(kPolicyHost);
       auto& ca = p.chain.change()[0];
       ca.self_issued = true;
       ca.issuer = ca.subject;
       p.last_issuer_trusted = false;
       p.faults = {{ChainFault::Kind::self_signed, 1, "self-signed certificate in certificate chain"}};
       show(l, p);
     },
     {"sts-webpki-not-trusted mta-sts.example.com critical"}},
    {"a client certificate",
     [](Look& l) { show(l, host_with_fault(ChainFault::Kind::wrong_purpose, "wrong purpose")); },
     {"sts-webpki-not-trusted mta-sts.example.com critical"}},
    {"each fault is a finding of its own (CONTRACT 2)",
     [](Look& l) {
       auto p = self_signed("www.example.com");
       p.name_matches = false;
       p.leaf.not_after = kNow - 1h;
       p.faults.push_back({ChainFault::Kind::expired, 0, "certificate has expired"});
       show(l, p);
     },
     {"sts-webpki-cert-expired mta-sts.example.com critical",
      "sts-webpki-host-mismatch mta-sts.example.com critical",
      "sts-webpki-not-trusted mta-sts.example.com critical"}},
    {"no certificate at all",
     [](Look& l) {
       l.set_fetches({failed_fetch(Stage::certificate, Cause::certificate)});
       l.domain.fetches[0].tls.peer.reset();
     },
     {"sts-webpki-not-trusted mta-sts.example.com critical"}},
};

const Row kHandshake[] = {
    {"an alert",
     [](Look& l) { l.set_fetches({failed_fetch(Stage::handshake, Cause::tls_alert)}); },
     {"sts-webpki-handshake-failure mta-sts.example.com critical"}},
    {"closed during the handshake",
     [](Look& l) { l.set_fetches({failed_fetch(Stage::handshake, Cause::closed)}); },
     {"sts-webpki-handshake-failure mta-sts.example.com critical"}},
    {"reset is group B's (\"TCP 443 refused or reset\")",
     [](Look& l) { l.set_fetches({failed_fetch(Stage::handshake, Cause::reset)}); },
     {}},
    {"a stall is group B's",
     [](Look& l) { l.set_fetches({failed_fetch(Stage::handshake, Cause::timeout)}); },
     {}},
    {"only TLS 1.1 (§7.2): the one cause",
     [](Look& l) {
       l.set_fetches({failed_fetch(Stage::handshake, Cause::tls_alert)});
       l.domain.fetches[0].tls.legacy_version = "TLSv1.1";
     },
     {"sts-webpki-tls-version mta-sts.example.com critical"}},
    {"Diffie-Hellman of 1024 bits: read, and told",
     [](Look& l) { l.domain.fetches[0].tls.dh_bits = 1024; },
     {"sts-webpki-dh-small mta-sts.example.com warning"}},
    {"Diffie-Hellman of 2048 bits", [](Look& l) { l.domain.fetches[0].tls.dh_bits = 2048; }, {}},
    {"only TLS 1.1, and expired: two faults",
     [](Look& l) {
       l.set_fetches({failed_fetch(Stage::handshake, Cause::tls_alert)});
       l.domain.fetches[0].tls.legacy_version = "TLSv1.1";
       l.domain.fetches[0].tls.peer = expired(kPolicyHost);
     },
     {"sts-webpki-cert-expired mta-sts.example.com critical",
      "sts-webpki-tls-version mta-sts.example.com critical"}},
    {"one address of two",
     [](Look& l) {
       l.set_fetches({fetch(), distrusted_fetch(expired(kPolicyHost), kWeb2)});
     },
     {"sts-webpki-cert-expired mta-sts.example.com 198.51.101.2 warning"}},
    {"both addresses",
     [](Look& l) {
       l.set_fetches(
           {distrusted_fetch(expired(kPolicyHost)), distrusted_fetch(expired(kPolicyHost, 2h), kWeb2)});
     },
     {"sts-webpki-cert-expired mta-sts.example.com critical"}},
    {"no record in any spelling: not judged (RULES 3.2 A)",
     [](Look& l) {
       show(l, expired(kPolicyHost));
       l.no_record();
     },
     {}},
};

}  // namespace

TEST_CASE("dates of the policy host's chain (RULES 3.2 C, 5.2)") { CHECK_ROWS(judge_policy_tls, kDates); }
TEST_CASE("names of the policy host's certificate (RFC 8461 §3.3)") { CHECK_ROWS(judge_policy_tls, kNames); }
TEST_CASE("trust in the policy host's chain (RULES 3.2 C)") { CHECK_ROWS(judge_policy_tls, kTrust); }
TEST_CASE("the policy host's handshake (RULES 3.2 C)") { CHECK_ROWS(judge_policy_tls, kHandshake); }

TEST_CASE("a certificate's detail carries dates and names") {
  auto look = base();
  show(look, expired(kPolicyHost));
  CHECK(judged(look, judge_policy_tls)[0].detail.find("2026-11-30T23:00:00Z") != std::string::npos);
  show(look, with_intermediate(-1h));
  CHECK(judged(look, judge_policy_tls)[0].detail.find("R12") != std::string::npos);
  show(look, misnamed("mta-sts.provider.net"));
  CHECK(judged(look, judge_policy_tls)[0].detail.find("mta-sts.provider.net") != std::string::npos);
}

}  // namespace stswatch::facts
