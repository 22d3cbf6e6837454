// What one SMTP probe proves (RULES 5.7, CONTRACT 2), and the findings of group G that follow.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {
using Told = std::vector<std::string>;

Vantage reached() { return {.reached_443 = true, .reached_25 = true}; }
Vantage alone() { return {.reached_443 = true, .reached_25 = false}; }
Vantage blocked() { return {.reached_443 = true, .reached_25 = true, .port25_blocked = true}; }

SmtpProbe old_tls_probe() {
  auto p = failed_probe(kMail1, Stage::handshake, Cause::tls_alert, "protocol version");
  p.tls.legacy_version = "TLSv1.1";
  return p;
}

SmtpProbe stalled_showing(PeerCertificates shown) {
  auto p = failed_probe(kMail1, Stage::handshake, Cause::timeout);
  p.tls.peer = std::move(shown);
  return p;
}

SmtpProbe anonymous() {
  auto p = probe(kMail1, kHost);
  p.tls.peer.reset();
  return p;
}

struct ProbeRow {
  const char* name;
  SmtpProbe probe;
  Vantage vantage;
  HostOutcome outcome;
  std::string_view code, result_type;
};

const HostOutcome kOk = HostOutcome::ok, kFailed = HostOutcome::failed, kUnknown = HostOutcome::unknown,
                  kUnreachable = HostOutcome::unreachable;
constexpr std::string_view kSilent = "observation-unknown";

std::vector<ProbeRow> probe_rows() {
  const auto at = [](Stage stage, Cause cause, std::string detail = "", int code = 0) {
    return failed_probe(kMail1, stage, cause, std::move(detail), code);
  };
  const auto showing = [](PeerCertificates p) { return probe_showing(kMail1, kHost, std::move(p)); };
  auto expired_and_misnamed = expired("other.example.com");
  expired_and_misnamed.name_matches = false;
  auto self_signed_and_misnamed = self_signed("other.example.com");
  self_signed_and_misnamed.name_matches = false;
  constexpr auto connect = Stage::connect, greeting = Stage::greeting, ehlo = Stage::ehlo,
                 starttls = Stage::starttls, handshake = Stage::handshake;
  using enum Cause;
  return {
      {"a good handshake with a good certificate", probe(kMail1, kHost), reached(), kOk, "", ""},

      // Unknown: 4xx, 5xx before STARTTLS, silence before TLS (RULES 5.7).
      {"421 in the greeting", at(greeting, deferred, "421 busy", 421), reached(), kUnknown,
       "mx-probe-deferred", ""},
      {"451 to EHLO", at(ehlo, deferred, "451", 451), reached(), kUnknown, "mx-probe-deferred", ""},
      {"554 greeting: our reputation", at(greeting, rejected, "554", 554), reached(), kUnknown,
       "mx-probe-rejected", ""},
      {"EHLO and HELO refused", at(ehlo, rejected, "502", 502), reached(), kUnknown, "mx-probe-rejected", ""},
      {"a tarpit before the greeting", at(greeting, timeout), reached(), kUnknown, kSilent, ""},
      {"a stall after EHLO", at(ehlo, timeout), reached(), kUnknown, kSilent, ""},
      {"a stall after STARTTLS", at(starttls, timeout), reached(), kUnknown, kSilent, ""},
      {"a stall inside the handshake: unknown in one look", at(handshake, timeout), reached(), kUnknown,
       kSilent, ""},
      {"closed before the greeting", at(greeting, closed), reached(), kUnknown, kSilent, ""},
      {"454 to STARTTLS is temporary (RFC 3207 §4)", at(starttls, deferred, "454 TLS not available", 454),
       reached(), kUnknown, kSilent, ""},
      {"our own fault", at(connect, local), reached(), kUnknown, kSilent, ""},
      {"no route from here", at(connect, no_route), reached(), kUnknown, kSilent, ""},
      {"told to stop", at(ehlo, cancelled), reached(), kUnknown, kSilent, ""},
      {"a private address: nothing was connected to", at(connect, not_public), reached(), kUnknown,
       "address-not-public", ""},
      {"no SMTP at all", at(greeting, malformed), reached(), kUnknown, "smtp-invalid", ""},
      {"an endless greeting", at(greeting, over_budget), reached(), kUnknown, "smtp-invalid", ""},

      // No connection: means something only where another host was reached (RULES 5.7).
      {"refused, others reached", at(connect, refused), reached(), kUnreachable, kSilent, ""},
      {"refused, nobody reached", at(connect, refused), alone(), kUnknown, kSilent, ""},
      {"refused, port 25 closed here", at(connect, refused), blocked(), kUnknown, kSilent, ""},
      {"reset, others reached", at(connect, reset), reached(), kUnreachable, kSilent, ""},
      {"reset before the greeting", at(greeting, reset), reached(), kUnreachable, kSilent, ""},
      {"no answer, others reached", at(connect, timeout), reached(), kUnreachable, kSilent, ""},
      {"no answer, nobody reached", at(connect, timeout), alone(), kUnknown, kSilent, ""},

      // Proof (RFC 8461 §4, RFC 8460 §4.3).
      {"no STARTTLS among the keywords", at(starttls, not_offered), reached(), kFailed,
       "starttls-not-supported", "starttls-not-supported"},
      {"5xx to STARTTLS", at(starttls, rejected, "554", 554), reached(), kFailed, "starttls-refused",
       "validation-failure"},
      {"a TLS alert", at(handshake, tls_alert, "handshake failure"), reached(), kFailed,
       "starttls-handshake-failure", "validation-failure"},
      {"closed in the handshake", at(handshake, closed), reached(), kFailed, "starttls-handshake-failure",
       "validation-failure"},
      {"reset in the handshake", at(handshake, reset), reached(), kFailed, "starttls-handshake-failure",
       "validation-failure"},
      {"garbage in the handshake", at(handshake, tls_protocol), reached(), kFailed,
       "starttls-handshake-failure", "validation-failure"},
      {"more octets than TLS needs", at(handshake, over_budget), reached(), kFailed,
       "starttls-handshake-failure", "validation-failure"},
      {"only below TLS 1.2 (RFC 8461 §7.2)", old_tls_probe(), reached(), kFailed, "tls-version-unsupported",
       "validation-failure"},
      {"a handshake without a certificate", anonymous(), reached(), kFailed, "certificate-not-trusted",
       "certificate-not-trusted"},

      // The certificate: the first of expired, host-mismatch, not-trusted (CONTRACT 2).
      {"expired", showing(expired(kHost)), reached(), kFailed, "certificate-expired", "certificate-expired"},
      {"another name", showing(misnamed("other.example.com")), reached(), kFailed,
       "certificate-host-mismatch", "certificate-host-mismatch"},
      {"self-signed", showing(self_signed(kHost)), reached(), kFailed, "certificate-not-trusted",
       "certificate-not-trusted"},
      {"leaf only", showing(leaf_only(kHost)), reached(), kFailed, "certificate-chain-incomplete",
       "certificate-not-trusted"},
      {"expired before another name", showing(expired_and_misnamed), reached(), kFailed,
       "certificate-expired", "certificate-expired"},
      {"another name before no trust", showing(self_signed_and_misnamed), reached(), kFailed,
       "certificate-host-mismatch", "certificate-host-mismatch"},
      {"ended since the look was taken", showing(peer(kHost, -1s)), reached(), kFailed, "certificate-expired",
       "certificate-expired"},
      {"stalled, but a bad certificate was shown: that is proof", stalled_showing(expired(kHost)), reached(),
       kFailed, "certificate-expired", "certificate-expired"},
      {"stalled, and a good one was shown", stalled_showing(peer(kHost)), reached(), kUnknown, kSilent, ""},
  };
}

Look with_mx1(std::vector<SmtpProbe> probes) {
  auto look = base();
  look.set_mx(mx_host(kHost, std::move(probes)));
  return look;
}

}  // namespace

TEST_CASE("what one probe of one address proves (RULES 5.7)") {
  for (const ProbeRow& row : probe_rows()) {
    const auto got = classify(row.probe, kHost, row.vantage, kNow);
    CAPTURE(row.name);
    CHECK(to_string(got.outcome) == to_string(row.outcome));
    CHECK(got.code == row.code);
    CHECK(got.result_type == row.result_type);
    CHECK(got.detail.empty() == (row.outcome == kOk));
    CHECK(got.probe == &row.probe);
  }
}

TEST_CASE("the detail quotes what was seen") {
  const auto refused = failed_probe(kMail1, Stage::starttls, Cause::rejected, "554 no key", 554);
  CHECK(classify(refused, kHost, reached(), kNow).detail == "starttls: 554 no key");
  CHECK(classify(old_tls_probe(), kHost, reached(), kNow).detail ==
        "no handshake with TLS 1.2 or 1.3, one with TLSv1.1");
}

TEST_CASE("group G: one finding a host when all its addresses agree, else one an address (CONTRACT 2)") {
  const auto no_tls = [](std::string_view at) {
    return failed_probe(at, Stage::starttls, Cause::not_offered);
  };
  SUBCASE("one address") {
    CHECK(told(judged(with_mx1({no_tls(kMail1)}), judge_smtp)) ==
          Told{"starttls-not-supported mx1.example.com critical"});
  }
  SUBCASE("both addresses agree") {
    CHECK(told(judged(with_mx1({no_tls(kMail1), no_tls(kMail6)}), judge_smtp)) ==
          Told{"starttls-not-supported mx1.example.com critical"});
  }
  SUBCASE("one of two") {
    CHECK(told(judged(with_mx1({probe(kMail1, kHost), no_tls(kMail6)}), judge_smtp)) ==
          Told{"starttls-not-supported mx1.example.com 2001:67c::25 warning"});
  }
  SUBCASE("each its own fault") {
    const auto found = judged(
        with_mx1({no_tls(kMail1), failed_probe(kMail6, Stage::handshake, Cause::tls_alert)}), judge_smtp);
    CHECK(told(found) == Told{"starttls-handshake-failure mx1.example.com 2001:67c::25 critical",
                              "starttls-not-supported mx1.example.com 203.0.114.1 critical"});
  }
  SUBCASE("each code of the table becomes its finding, and a good host none") {
    CHECK(judged(base(), judge_smtp).empty());
    CHECK(told(judged(with_mx1({failed_probe(kMail1, Stage::starttls, Cause::rejected)}), judge_smtp)) ==
          Told{"starttls-refused mx1.example.com critical"});
    CHECK(told(judged(with_mx1({old_tls_probe()}), judge_smtp)) ==
          Told{"tls-version-unsupported mx1.example.com critical"});
    CHECK(told(judged(with_mx1({failed_probe(kMail1, Stage::greeting, Cause::rejected)}), judge_smtp)) ==
          Told{"mx-probe-rejected mx1.example.com info"});
    CHECK(told(judged(with_mx1({failed_probe(kMail1, Stage::greeting, Cause::deferred)}), judge_smtp)) ==
          Told{"mx-probe-deferred mx1.example.com info"});
  }
  SUBCASE("Diffie-Hellman of 1024 bits: the host is usable, and a warning says who refuses it") {
    auto small = probe(kMail1, kHost);
    small.tls.dh_bits = 1024;
    CHECK(classify(small, kHost, reached(), kNow).outcome == kOk);
    CHECK(told(judged(with_mx1({small}), judge_smtp)) == Told{"starttls-dh-small mx1.example.com warning"});
    small.tls.dh_bits = 2048;
    CHECK(told(judged(with_mx1({small}), judge_smtp)).empty());
  }
  SUBCASE("without MTA-STS missing TLS is a warning") {
    auto look = with_mx1({no_tls(kMail1)});
    look.no_record();
    look.no_policy_host();
    CHECK(told(judged(look, judge_smtp)) == Told{"starttls-not-supported mx1.example.com warning"});
  }
}

}  // namespace stswatch::facts
