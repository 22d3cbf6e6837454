// What a second probe proved becomes the findings of group G, and what an older store or a CRL says those of
// groups C and H.
#include <doctest/doctest.h>

#include <functional>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

SecondProbe second(Trial SecondProbe::*trial, Trial found) {
  SecondProbe out{.address = address(kMail1), .at = found.at};
  out.*trial = std::move(found);
  return out;
}

/// A look whose first MX host is altered.
Look with_mx1(const std::function<void(MxHostObservation&)>& alter) {
  auto look = base();
  auto host = *look.mx.at(std::string(kMx1));
  alter(host);
  look.set_mx(std::move(host));
  return look;
}

}  // namespace

TEST_CASE("a trial that failed is a finding, one that did not or is old is none") {
  const struct {
    Trial SecondProbe::*trial;
    std::string_view code;
    Severity severity;
  } rows[] = {
      {&SecondProbe::large_hello, "starttls-large-hello", Severity::warning},
      {&SecondProbe::without_sni, "sni-required", Severity::warning},
      {&SecondProbe::default_certificate, "sni-certificate-differs", Severity::info},
      {&SecondProbe::legacy, "tls-legacy-offered", Severity::info},
      {&SecondProbe::starttls, "starttls-selective", Severity::critical},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.code));
    const auto judged = [&](std::optional<bool> good, TimePoint at) {
      return judge(with_mx1([&](MxHostObservation& mx) {
                     mx.second = {second(row.trial, {good, "as seen", at})};
                   }).prepared());
    };
    const auto bad = judged(false, kNow - days(1));
    const auto* finding = find(bad, row.code);
    REQUIRE(finding);
    CHECK(finding->severity == row.severity);
    CHECK(finding->subject == kMx1);
    CHECK(finding->detail == "as seen (seen 2026-11-30T00:00:00Z)");
    CHECK(bad.mx[0].usable == true);
    CHECK_FALSE(find(judged(true, kNow), row.code));
    CHECK_FALSE(find(judged(std::nullopt, kNow), row.code));
    CHECK_FALSE(find(judged(false, kNow - days(9)), row.code));
  }
}

TEST_CASE("what comes in clear behind the 220 is told, whether or not the handshake succeeds") {
  for (const bool good : {true, false}) {
    const auto look = with_mx1([&](MxHostObservation& mx) {
      if (!good)
        mx.probes[0] = failed_probe(kMail1, Stage::handshake, Cause::tls_protocol, "wrong version number");
      mx.probes[0].injected = 14;
    });
    const auto verdict = judge(look.prepared());
    REQUIRE(find(verdict, "starttls-injected"));
    CHECK(find(verdict, "starttls-injected")->severity == Severity::info);
    CHECK(find(verdict, "starttls-injected")->detail.find("14 octets in clear") != std::string::npos);
  }
}

TEST_CASE("a certificate that a server asks for: info; that it insists on: the reason of the failure") {
  const auto asked = with_mx1([](MxHostObservation& mx) { mx.probes[0].tls.asks_certificate = true; });
  const auto calm = judge(asked.prepared());
  REQUIRE(find(calm, "tls-client-certificate-requested"));
  CHECK(find(calm, "tls-client-certificate-requested")->severity == Severity::info);
  auto failed = failed_probe(kMail1, Stage::handshake, Cause::tls_alert, "certificate required");
  failed.tls.asks_certificate = true;
  const auto insisted = with_mx1([&](MxHostObservation& mx) { mx.probes[0] = failed; });
  const auto verdict = judge(insisted.prepared());
  CHECK_FALSE(find(verdict, "tls-client-certificate-requested"));
  REQUIRE(find(verdict, "starttls-handshake-failure"));
  CHECK(find(verdict, "starttls-handshake-failure")->detail.find("asked for a client certificate") !=
        std::string::npos);
}

TEST_CASE("revoked, or of a root that is too new: told, and the host stays usable") {
  const auto judged = [](std::optional<bool> revoked, std::string elder) {
    auto look = with_mx1([&](MxHostObservation& mx) {
      auto& peer = mx.probes[0].tls.peer.change();
      peer.revoked = revoked;
      peer.revocation = "revoked 2026-11-20T00:00:00Z (key compromise): http://crl.example/1.crl";
    });
    auto& web = look.domain.fetches[0].tls.peer.change();
    web.revoked = revoked;
    web.elder_refuses = std::move(elder);
    return judge(look.prepared());
  };
  const auto verdict = judged(true, "/etc/elder.pem: unable to get local issuer certificate");
  const auto* revoked = find(verdict, "certificate-revoked");
  REQUIRE(revoked);
  CHECK(revoked->severity == Severity::critical);
  CHECK(revoked->subject == kMx1);
  CHECK(revoked->detail.find("key compromise") != std::string::npos);
  REQUIRE(find(verdict, "sts-webpki-revoked"));
  CHECK(find(verdict, "sts-webpki-revoked")->subject == "mta-sts.example.com");
  const auto* elder = find(verdict, "certificate-root-new");
  REQUIRE(elder);
  CHECK(elder->subject == "mta-sts.example.com");
  CHECK(elder->detail.find("/etc/elder.pem") != std::string::npos);
  CHECK(verdict.mx[0].usable == true);
  CHECK(verdict.policy.outcome == Outcome::ok);
  for (const auto not_revoked : {std::optional(false), std::optional<bool>()}) {
    const auto good = judged(not_revoked, "");
    for (const auto code : {"certificate-revoked", "sts-webpki-revoked", "certificate-root-new"})
      CHECK_FALSE(find(good, code));
  }
}

}  // namespace stswatch::facts
