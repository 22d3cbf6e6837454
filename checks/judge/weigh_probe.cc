// What one SMTP probe of one address proves (RULES 5.7, CONTRACT 2 `mx[].addresses[].outcome`).
#include "checks/facts/bounds.h"
#include "checks/judge/case.h"
#include "checks/judge/certificates.h"

namespace stswatch {
namespace {

constexpr const char* kUnknown = "observation-unknown";

struct Proof {
  HostOutcome outcome = HostOutcome::unknown;
  std::string_view code = kUnknown;
  std::string_view result_type{};
};

Proof unknown(std::string_view code = kUnknown) { return {HostOutcome::unknown, code}; }

Proof failed(std::string_view code, std::string_view result_type) {
  return {HostOutcome::failed, code, result_type};
}

/// RULES 5.7: "A refused port 25 counts as unreachable only" where this vantage reached another host on that
/// port. In one look it remains an observation that proves nothing of the host (CONTRACT 2).
Proof no_connection(const SmtpProbe& probe, const std::string& host, const Vantage& vantage) {
  if (probe.repeated) return {HostOutcome::unreachable, "mx-unreachable"};
  const bool reached_another = vantage.reached_25 && vantage.reached_25_only != host;
  const bool means_something = reached_another && !vantage.port25_blocked;
  return {means_something ? HostOutcome::unreachable : HostOutcome::unknown, kUnknown};
}

Proof broken_handshake(const SmtpProbe& probe) {
  // RFC 8461 §7.2: TLS 1.2 or higher; what is below it does not count.
  if (!probe.tls.legacy_version.empty()) return failed("tls-version-unsupported", "validation-failure");
  return failed("starttls-handshake-failure", "validation-failure");
}

Proof proof_of(const SmtpProbe& probe, const Failure& failure, const std::string& host,
               const Vantage& vantage) {
  const bool before_tls = failure.stage < Stage::handshake;
  switch (failure.cause) {
    case Cause::not_public:
      return unknown("address-not-public");
    case Cause::no_route:
    case Cause::local:
    case Cause::cancelled:
      return unknown();
    case Cause::deferred:
      // RFC 5321 §4.5.4.1: 4xx asks to come again. A 454 to STARTTLS is temporary too (RFC 3207 §4), unless
      // it stays so.
      if (probe.repeated) return failed("starttls-refused", "validation-failure");
      return unknown(failure.stage < Stage::starttls ? "mx-probe-deferred" : kUnknown);
    case Cause::rejected:
      // A 5xx greeting or EHLO speaks of this vantage (reputation); one to STARTTLS speaks of the server.
      return failure.stage < Stage::starttls ? unknown("mx-probe-rejected")
                                             : failed("starttls-refused", "validation-failure");
    case Cause::not_offered:
      // RFC 8461 §4: "supports STARTTLS"; RFC 8460 §4.3.1 has a type for it.
      return failed("starttls-not-supported", "starttls-not-supported");
    case Cause::malformed:
    case Cause::over_budget:
      return before_tls ? unknown("smtp-invalid") : broken_handshake(probe);
    case Cause::refused:
      return no_connection(probe, host, vantage);
    case Cause::timeout:
      // RULES 5.7: a tarpit proves nothing, nor does one stall inside the handshake.
      if (failure.stage == Stage::handshake && probe.repeated) return broken_handshake(probe);
      return failure.stage <= Stage::connect ? no_connection(probe, host, vantage) : unknown();
    case Cause::reset:
      if (!before_tls) return broken_handshake(probe);
      return failure.stage <= Stage::greeting ? no_connection(probe, host, vantage) : unknown();
    case Cause::closed:
      if (!before_tls) return broken_handshake(probe);
      return failure.stage <= Stage::connect ? no_connection(probe, host, vantage) : unknown();
    case Cause::tls_alert:
    case Cause::tls_protocol:
      return broken_handshake(probe);
    case Cause::certificate:
      return failed("certificate-not-trusted", "certificate-not-trusted");
  }
  return unknown();
}

std::string in_words(const Failure& failure) {
  const std::string said = failure.detail.empty() ? std::string(to_string(failure.cause)) : failure.detail;
  return printable(std::string(to_string(failure.stage)) + ": " + said, bounds::kDetail);
}

void set(MxAddressCase& out, const Proof& proof, std::string detail) {
  out.outcome = proof.outcome;
  out.code = proof.code;
  out.result_type = proof.result_type;
  out.detail = std::move(detail);
}

}  // namespace

MxAddressCase weigh(const SmtpProbe& probe, const std::string& host, const Vantage& vantage, TimePoint now) {
  MxAddressCase out;
  out.address = probe.address;
  out.probe = &probe;
  if (probe.failure) {
    const Proof proof = proof_of(probe, *probe.failure, host, vantage);
    set(out, proof, in_words(*probe.failure));
    if (proof.code == "tls-version-unsupported") {
      out.detail = "no handshake with TLS 1.2 or 1.3, one with " + probe.tls.legacy_version;
    }
    if (proof.outcome != HostOutcome::unknown) return out;
  }
  const auto& peer = probe.tls.peer;
  if (!peer) {
    // RFC 8461 §4.2: the server must authenticate itself; an anonymous cipher does not.
    if (!probe.failure)
      set(out, failed("certificate-not-trusted", "certificate-not-trusted"), "no certificate was shown");
    return out;
  }
  // A certificate that was shown and is bad is proof, whatever came of the rest.
  const auto faults = certificate_faults(*peer, host, now);
  if (!faults.empty()) {
    const std::string_view code = faults.front().code;
    set(out, failed(code, certificate_result_type(code)), printable(faults.front().detail, bounds::kDetail));
  } else if (!probe.failure) {
    set(out, {HostOutcome::ok, {}, {}}, {});
  }
  return out;
}

}  // namespace stswatch
