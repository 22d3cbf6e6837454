// Groups M and N: TLSA records against the chains shown (RFC 7672, RFC 7671), and failed validation.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "checks/judge/rules/readings.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

TlsaRecord record(int usage, int selector, int matching, char digit = 'a') {
  return {static_cast<std::uint8_t>(usage), static_cast<std::uint8_t>(selector),
          static_cast<std::uint8_t>(matching), std::string(matching == 2 ? 128 : 64, digit)};
}

TlsaMatch matching(const TlsaRecord& r) { return {.record = r, .sent = r.usage == 2, .matches = true}; }
TlsaMatch missing(const TlsaRecord& r) { return {.record = r}; }

/// The host's zone is signed and holds these records; each probe was held against them.
MxHostObservation signed_host(std::string_view name, std::vector<TlsaMatch> matches,
                              std::initializer_list<std::string_view> at) {
  std::vector<SmtpProbe> probes;
  for (const auto address : at) {
    probes.push_back(probe(address, std::string(name)));
    probes.back().tls.tlsa = matches;
  }
  auto look = mx_host(std::string(name), std::move(probes));
  look.addresses.a.secure = look.addresses.aaaa.secure = true;
  look.tlsa = matches.empty() ? absent<TlsaAnswer>(tlsa_name(name, 25), false)
                              : found<TlsaAnswer>(tlsa_name(name, 25));
  look.tlsa.secure = true;
  for (const TlsaMatch& m : matches)
    look.tlsa.records.push_back(m.record);
  return look;
}

/// Both hosts alike, the MX records signed.
void use(Look& look, std::vector<TlsaMatch> matches) {
  look.domain.mx.secure = true;
  look.set_mx(signed_host(kMx1, matches, {kMail1}));
  look.set_mx(signed_host(kMx2, matches, {kMail2}));
}

template <class Alter>
void alter_host(Look& look, std::string_view name, Alter alter) {
  auto host = *look.mx.at(std::string(name));
  alter(host);
  look.set_mx(std::move(host));
}

/// Two servers of the domain's zone give the same MX records, signed until then or not at all.
void sign_at_servers(Look& look, const std::vector<std::optional<TimePoint>>& until) {
  look.domain.mx.secure = true;
  look.domain.source.mx.all = true;
  for (const auto& end : until) {
    SourceReply reply;
    reply.name = "example.com";
    reply.server = "ns" + std::to_string(look.domain.source.mx.replies.size() + 1) + ".example.net";
    reply.address = address(kMail1);
    reply.said = SourceSaid::answered;
    reply.records = {"10 mx1.example.com"};
    reply.signed_until = end;
    look.domain.source.mx.replies.push_back(reply);
  }
}

const TlsaRecord kKey = record(3, 1, 1), kNext = record(3, 1, 1, 'b'), kIssuer = record(2, 1, 1, 'c');

}  // namespace

TEST_CASE("group M: what TLSA records and chains say") {
  const Row rows[] = {
      {"no TLSA anywhere, nothing looked up", [](Look&) {}, {}},
      {"signed, and no TLSA anywhere: nothing to say", [](Look& l) { use(l, {}); }, {}},
      {"the key in use", [](Look& l) { use(l, {matching(kKey)}); }, {}},
      {"roll-over done right: the key in use and the next one",
       [](Look& l) {
         use(l, {matching(kKey), missing(kNext)});
       },
       {}},
      {"roll-over done wrong: only the former key (43)",
       [](Look& l) { use(l, {missing(kKey)}); },
       {"tlsa-invalid mx1.example.com critical", "tlsa-invalid mx2.example.com critical",
        "dane-sts-conflict mx1.example.com critical", "dane-sts-conflict mx2.example.com critical"}},
      {"TLSA only on one MX (44)",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx2, {}, {kMail2}));
       },
       {"tlsa-partial example.com warning", "tlsa-missing mx2.example.com info"}},
      {"the other MX is in an unsigned zone",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(mx_host(std::string(kMx2), {probe(kMail2, std::string(kMx2))}));
       },
       {"tlsa-partial example.com warning"}},
      {"the other MX could not be looked up: unknown accuses nobody",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.mx.erase(std::string(kMx2));
       },
       {}},
      {"usage 0 or 1 alone",
       [](Look& l) { use(l, {missing(record(1, 1, 1))}); },
       {"tlsa-unusable mx1.example.com warning", "tlsa-unusable mx2.example.com warning"}},
      {"usage 1 beside the key in use",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx1, {matching(kKey), missing(record(1, 1, 1))}, {kMail1}));
       },
       {"tlsa-usage-pkix mx1.example.com warning"}},
      {"the issuer is named, and not sent",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx1, {missing(kIssuer)}, {kMail1}));
       },
       {"tlsa-ta-not-in-chain mx1.example.com critical", "dane-sts-conflict mx1.example.com critical"}},
      {"the issuer vouches, but the certificate names another host",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx1, {matching(kIssuer)}, {kMail1}));
         alter_host(l, kMx1,
                    [](MxHostObservation& h) { h.probes[0].tls.peer = misnamed("other.example.net"); });
       },
       {"tlsa-ta-name-mismatch mx1.example.com critical"}},
      {"the next-hop domain is a reference name where the MX records are signed (RFC 7672 §3.2.2)",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx1, {matching(kIssuer)}, {kMail1}));
         alter_host(l, kMx1, [](MxHostObservation& h) { h.probes[0].tls.peer = misnamed("example.com"); });
       },
       {}},
      {"one kind of record matches nothing (RFC 7671 §8)",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx1, {matching(kKey), missing(record(3, 0, 1))}, {kMail1}));
       },
       {"tlsa-parameter-unmatched mx1.example.com warning",
        "tlsa-certificate-selector mx1.example.com warning"}},
      {"one address of two has another key: at most a warning",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx1, {matching(kKey)}, {kMail1, kMail6}));
         alter_host(l, kMx1, [](MxHostObservation& h) { h.probes[1].tls.tlsa = {missing(kKey)}; });
       },
       {"tlsa-address-inconsistent mx1.example.com 2001:67c::25 warning"}},
      {"an address that was not held against the records is unknown",
       [](Look& l) {
         use(l, {matching(kKey)});
         alter_host(l, kMx1, [](MxHostObservation& h) { h.probes[0].tls.tlsa.clear(); });
       },
       {}},
      {"the certificate is named where only its key should be",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx1, {matching(record(3, 0, 1))}, {kMail1}));
       },
       {"tlsa-certificate-selector mx1.example.com warning"}},
      {"thirteen records",
       [](Look& l) {
         use(l, {matching(kKey)});
         std::vector<TlsaMatch> many{matching(kKey)};
         for (char c = '0'; many.size() < 13; c = c == '9' ? 'c' : static_cast<char>(c + 1))
           many.push_back(missing(record(3, 1, 1, c)));
         l.set_mx(signed_host(kMx1, many, {kMail1}));
       },
       {"tlsa-record-count mx1.example.com warning"}},
      {"a whole key",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.set_mx(signed_host(kMx1, {matching({3, 1, 0, "3003010203"})}, {kMail1}));
       },
       {"tlsa-full-matching mx1.example.com warning"}},
      {"a TTL of two days",
       [](Look& l) {
         use(l, {matching(kKey)});
         alter_host(l, kMx1, [](MxHostObservation& h) { h.tlsa.ttl = 172800; });
         alter_host(l, kMx2, [](MxHostObservation& h) { h.tlsa.ttl = 7200; });
       },
       {"tlsa-ttl-long mx1.example.com warning", "tlsa-ttl-long mx2.example.com info"}},
      {"TLSA that DNSSEC does not protect is ignored, whatever it says",
       [](Look& l) {
         use(l, {missing(kKey)});
         for (const auto host : {kMx1, kMx2})
           alter_host(l, host, [](MxHostObservation& h) { h.tlsa.secure = false; });
       },
       {"tlsa-insecure mx1.example.com warning", "tlsa-insecure mx2.example.com warning"}},
      {"bogus TLSA: senders must not deliver there",
       [](Look& l) {
         use(l, {matching(kKey)});
         alter_host(l, kMx1, [](MxHostObservation& h) {
           h.tlsa = unknown<TlsaAnswer>(h.tlsa.name, "SERVFAIL (EDE 6 DNSSEC Bogus)");
           h.tlsa.bogus = true;
         });
       },
       {"tlsa-lookup-error mx1.example.com critical"}},
      {"a lookup that was not answered accuses nobody",
       [](Look& l) {
         use(l, {matching(kKey)});
         alter_host(l, kMx1, [](MxHostObservation& h) { h.tlsa = unknown<TlsaAnswer>(h.tlsa.name); });
       },
       {}},
      {"what a resolver that is at fault calls bogus proves nothing",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.vantage.resolver_blind = "names of several zones fail";
         alter_host(l, kMx1, [](MxHostObservation& h) {
           h.tlsa = unknown<TlsaAnswer>(h.tlsa.name);
           h.tlsa.bogus = true;
         });
       },
       {}},
      {"the name above the records is denied (RFC 8020)",
       [](Look& l) {
         use(l, {matching(kKey)});
         alter_host(l, kMx1, [](MxHostObservation& h) { h.tlsa_denial = "_tcp.mx1.example.com: NXDOMAIN"; });
       },
       {"tlsa-denial-broken mx1.example.com critical"}},
      {"the same, seen by a resolver that is at fault",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.vantage.resolver_blind = "names of several zones fail";
         alter_host(l, kMx1, [](MxHostObservation& h) { h.tlsa_denial = "_tcp.mx1.example.com: SERVFAIL"; });
       },
       {}},
      {"signed hosts of an unsigned domain",
       [](Look& l) {
         use(l, {matching(kKey)});
         l.domain.mx.secure = false;
       },
       {"dane-mx-insecure example.com info"}},
  };
  CHECK_ROWS(judge_dane, rows);
}

TEST_CASE("group N: names that fail validation, signatures about to end") {
  const Row rows[] = {
      {"nothing", [](Look&) {}, {}},
      {"the MX records (45)",
       [](Look& l) {
         l.domain.mx = unknown<MxAnswer>("example.com", "SERVFAIL (EDE 7 Signature Expired)");
         l.domain.mx.bogus = true;
       },
       {"dnssec-invalid example.com critical"}},
      {"an answer that is still held, by looks in a row",
       [](Look& l) {
         l.domain.mx.bogus = true;
         l.domain.mx.zone_error = "SERVFAIL (EDE 7 Signature Expired)";
       },
       {"dnssec-invalid example.com critical"}},
      {"the addresses of an MX host",
       [](Look& l) {
         alter_host(l, kMx1, [](MxHostObservation& h) {
           h.addresses = unknown_addresses(h.host);
           h.addresses.a.bogus = h.addresses.aaaa.bogus = true;
           h.probes.clear();
         });
       },
       {"dnssec-invalid mx1.example.com critical"}},
      {"a time-out is no failed validation",
       [](Look& l) { l.domain.mx = unknown<MxAnswer>("example.com"); },
       {}},
      {"signatures that end tomorrow",
       [](Look& l) {
         l.domain.mx.secure = true;
         l.domain.mx.signed_until = kNow + days(1);
       },
       {"dnssec-rrsig-expiring example.com warning"}},
      {"signatures made anew for each answer, that live two days: due when half a day is left",
       [](Look& l) {
         l.domain.mx.secure = true;
         l.domain.mx.signed_from = kNow - days(1);
         l.domain.mx.signed_until = kNow + days(1);
       },
       {}},
      {"and nobody has made any for long",
       [](Look& l) {
         l.domain.mx.secure = true;
         l.domain.mx.signed_from = kNow - std::chrono::hours{40};
         l.domain.mx.signed_until = kNow + std::chrono::hours{8};
       },
       {"dnssec-rrsig-expiring example.com warning"}},
      {"RSASHA1 alone (RFC 9905): told once for all that is in the domain",
       [](Look& l) {
         l.domain.mx.rsasha1 = l.domain.sts.rsasha1 = true;
         alter_host(l, kMx1, [](MxHostObservation& h) { h.addresses.a.rsasha1 = true; });
       },
       {"dnssec-weak-algorithm example.com info"}},
      {"NSEC3 with iterations (RFC 9276)",
       [](Look& l) {
         l.domain.policy_host.aaaa.secure = true;
         l.domain.policy_host.aaaa.nsec3_iterations = 5;
       },
       {"dnssec-weak-algorithm example.com info"}},
      {"so many that resolvers do not count",
       [](Look& l) { l.domain.policy_host.aaaa.nsec3_iterations = 500; },
       {"dnssec-weak-algorithm example.com info"}},
      {"few of them, and nothing that was validated: unknown",
       [](Look& l) { l.domain.policy_host.aaaa.nsec3_iterations = 5; },
       {}},
      {"a server that serves no signatures",
       [](Look& l) {
         sign_at_servers(l, {kNow + days(14), std::nullopt});
       },
       {"dnssec-ns-inconsistent example.com warning"}},
      {"a server that serves none yet: a transfer is under way",
       [](Look& l) {
         sign_at_servers(l, {kNow + days(14), std::nullopt});
         l.domain.source.mx.differs_since = kNow - std::chrono::minutes{50};
       },
       {}},
      {"and still none an hour later",
       [](Look& l) {
         sign_at_servers(l, {kNow + days(14), std::nullopt});
         l.domain.source.mx.differs_since = kNow - std::chrono::minutes{70};
       },
       {"dnssec-ns-inconsistent example.com warning"}},
      {"a server whose signatures are about to end",
       [](Look& l) {
         sign_at_servers(l, {kNow + days(1), kNow + days(14)});
       },
       {"dnssec-ns-inconsistent example.com warning"}},
      {"an older version that will do for a week is what transfers are for",
       [](Look& l) {
         sign_at_servers(l, {kNow + days(7), kNow + days(14)});
       },
       {}},
      {"signed nowhere",
       [](Look& l) {
         sign_at_servers(l, {std::nullopt, std::nullopt});
       },
       {}},
      {"no signatures at one, and nobody validates: unknown",
       [](Look& l) {
         sign_at_servers(l, {kNow + days(14), std::nullopt});
         l.domain.mx.secure = false;
       },
       {}},
      {"TLSA records in a zone that is not signed, and never was as far as is known",
       [](Look& l) {
         alter_host(l, kMx1, [](MxHostObservation& h) {
           h.trust_end = {"example.com", "com", "3 1 1 aaaa"};
         });
       },
       {"dnssec-insecure mx1.example.com info"}},
      {"and in three days",
       [](Look& l) {
         l.domain.mx.secure = true;
         l.domain.mx.signed_until = kNow + days(3);
       },
       {}},
  };
  CHECK_ROWS(judge_dnssec, rows);
}

TEST_CASE("usable TLSA records and no STARTTLS: as severe as under enforce (RFC 7672 §2.2)") {
  auto look = base();
  look.set_policy(policy({kMx1, kMx2}, "testing"));
  use(look, {matching(kKey)});
  alter_host(look, kMx1, [](MxHostObservation& h) {
    h.probes[0] = failed_probe(kMail1, Stage::starttls, Cause::not_offered);
  });
  const auto verdict = judged(look);
  CHECK(verdict.mx[0].addresses[0].dane == Dane::mismatched);
  CHECK(verdict.mx[1].addresses[0].dane == Dane::matched);
  const auto all = told(verdict.findings);
  CHECK(std::ranges::count(all, "starttls-not-supported mx1.example.com critical") == 1);
}

TEST_CASE("one renewal after the other with a new key, and no record of the next (RFC 7672 §4)") {
  auto look = base();
  use(look, {matching(kKey)});
  HostPast past;
  for (const char* key : {"k1", "k2", "k3"}) {
    SeenCertificate seen;
    seen.sha256 = seen.spki_sha256 = key;
    past.certificates.push_back(seen);
  }
  History history;
  history.hosts[std::string(kMx1)] = std::make_shared<const HostPast>(past);
  const auto raised = [&] {
    const auto verdict = judged(look, history);
    return told(verdict.findings);
  };
  auto all = raised();
  CHECK(std::ranges::count(all, "tlsa-no-standby mx1.example.com info") == 1);
  look.set_mx(signed_host(kMx1, {matching(kKey), matching(kIssuer)}, {kMail1}));
  all = raised();
  CHECK(std::ranges::count(all, "tlsa-no-standby mx1.example.com info") == 0);
}

TEST_CASE("the forecast of senders that do DANE (RULES 4.5)") {
  auto look = base();
  CHECK_FALSE(judged(look).dane);
  use(look, {matching(kKey)});
  auto verdict = judged(look);
  REQUIRE(verdict.dane);
  CHECK_FALSE(verdict.dane->breakage);  // usage 3: no date
  CHECK_FALSE(verdict.dane_and_sts->breakage);
  CHECK(verdict.forecast.breakage);  // those that do MTA-STS alone go by the certificates

  use(look, {missing(kKey)});
  verdict = judged(look);
  REQUIRE(verdict.dane->breakage);
  CHECK(verdict.dane->breakage->at == kNow);
  CHECK(verdict.dane_and_sts->breakage->at == kNow);
  CHECK(verdict.forecast.breakage->at > kNow);

  look.set_mx(mx_host(std::string(kMx2), {probe(kMail2, std::string(kMx2))}));  // no TLSA
  verdict = judged(look);
  CHECK_FALSE(verdict.dane->breakage);  // unauthenticated
  CHECK(verdict.dane_and_sts->breakage->at == kNow + days(60));

  use(look, {matching(kIssuer)});
  verdict = judged(look);
  CHECK(verdict.dane->breakage->at == kNow + days(60));
}

TEST_CASE("a zone that nobody signs anew: mail of senders that do DANE stops when the signatures end") {
  auto look = base();
  use(look, {matching(kKey)});
  const auto outlook = [&] { return judged(look); };
  look.domain.mx.signed_from = kNow - days(29);
  look.domain.mx.signed_until = kNow + days(10);
  CHECK_FALSE(outlook().dane->breakage);  // it will be renewed, as it always is
  look.domain.mx.signed_until = kNow + std::chrono::hours{30};
  auto verdict = outlook();
  REQUIRE(verdict.dane->breakage);
  CHECK(verdict.dane->breakage->at == kNow + std::chrono::hours{30});
  CHECK(to_string(verdict.dane->breakage->reason) == "dnssec-rrsig-expired");
  CHECK(verdict.dane_and_sts->breakage->at == kNow + std::chrono::hours{30});
  CHECK(verdict.forecast.breakage->at == kNow + days(60));  // who does not validate sees no signatures

  look.domain.mx.signed_until = kNow + days(10);
  alter_host(look, kMx2, [](MxHostObservation& h) { h.tlsa.signed_until = kNow + days(1); });
  verdict = outlook();
  CHECK_FALSE(verdict.dane->breakage);
  REQUIRE(verdict.dane->degradation);
  CHECK(verdict.dane->degradation->at == kNow + days(1));
}

TEST_CASE("a bogus zone stops renewals too: dated by the certificate in use") {
  auto look = base();
  alter_host(look, kMx1, [](MxHostObservation& h) {
    h.addresses.a.bogus = true;
    h.addresses.a.zone_error = "SERVFAIL (EDE 6 DNSSEC Bogus)";
  });
  const auto all = judged(look, judge_dnssec);
  REQUIRE(all.size() == 1);
  CHECK(all[0].code == "dnssec-invalid");
  CHECK(all[0].detail.find("will not renew the certificate, which ends " + to_utc(kNow + days(60))) !=
        std::string::npos);
}

TEST_CASE("names for usage 2 (RFC 7672 §3.2.3)") {
  auto leaf = certificate({"*.example.com"});
  CHECK(dane_names(leaf, "mx1.example.com"));
  CHECK(dane_names(leaf, "MX1.example.com"));
  CHECK_FALSE(dane_names(leaf, "a.mx1.example.com"));
  CHECK_FALSE(dane_names(leaf, "example.com"));
  leaf.dns_names = {"mx*.example.com"};
  CHECK_FALSE(dane_names(leaf, "mx1.example.com"));
  leaf.common_name = "mx1.example.com";
  CHECK_FALSE(dane_names(leaf, "mx1.example.com"));  // a CN counts only where there is no DNS-ID
  leaf.dns_names.clear();
  CHECK(dane_names(leaf, "mx1.example.com"));
}

}  // namespace stswatch::facts
