#include "checks/judge/classify.h"

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"
#include "checks/judge/rules/readings.h"

namespace stswatch {

// What one SMTP probe of one address proves (RULES 5.7, CONTRACT 2 `mx[].addresses[].outcome`).

namespace {

constexpr const char* kUnknown = "observation-unknown";
constexpr const char* kOldTls = "tls-version-unsupported";

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

/// RFC 5321 §4.5.3.2: a sender waits for minutes and goes to the next host. One look may have met a tarpit;
/// when looks in a row end so while other hosts speak, nobody delivers here (RULES 5.7).
Proof no_dialogue(const SmtpProbe& probe) {
  if (probe.repeated) return {HostOutcome::unreachable, "smtp-silent"};
  return unknown();
}

Proof broken_handshake(const SmtpProbe& probe) {
  // RFC 8461 §7.2: TLS 1.2 or higher; what is below it does not count.
  if (!probe.tls.legacy_version.empty()) return failed(kOldTls, "validation-failure");
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
    case Cause::exhausted:
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
      // What takes STARTTLS from every host at once stands near us, not at the host.
      if (vantage.starttls_stripped) return unknown();
      return failed("starttls-not-supported", "starttls-not-supported");
    case Cause::malformed:
    case Cause::over_budget:
      return before_tls ? unknown("smtp-invalid") : broken_handshake(probe);
    case Cause::refused:
      return no_connection(probe, host, vantage);
    case Cause::timeout:
      // RULES 5.7: a tarpit proves nothing, nor does one stall inside the handshake.
      if (failure.stage == Stage::handshake && probe.repeated) return broken_handshake(probe);
      if (!before_tls) return unknown();
      return failure.stage <= Stage::connect ? no_connection(probe, host, vantage) : no_dialogue(probe);
    case Cause::reset:
      if (!before_tls) return broken_handshake(probe);
      if (failure.stage == Stage::greeting && !probe.repeated) return no_connection(probe, host, vantage);
      return failure.stage <= Stage::connect ? no_connection(probe, host, vantage) : no_dialogue(probe);
    case Cause::closed:
      if (!before_tls) return broken_handshake(probe);
      return failure.stage <= Stage::connect ? no_connection(probe, host, vantage) : no_dialogue(probe);
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

/// No STARTTLS, with what the server did say: a server may refuse an EHLO for the name that this agent gave.
std::string what_was_said(const SmtpProbe& probe) {
  std::string out = probe.helo_only
                        ? "EHLO was refused (" + probe.failure->detail +
                              ") and HELO taken, so no STARTTLS was to be had; if the server minds the "
                              "name it was given, set network.helo"
                        : in_words(*probe.failure);
  if (!probe.banner.empty()) out += "; greeting " + text::quoted(probe.banner, 100);
  return printable(out, bounds::kDetail);
}

void set(MxAddressCase& out, const Proof& proof, std::string detail) {
  out.outcome = proof.outcome;
  out.code = proof.code;
  out.result_type = proof.result_type;
  out.detail = std::move(detail);
}

}  // namespace

bool no_smtp(const SmtpProbe& probe) {
  if (!probe.failure) return false;
  const auto& [stage, cause, detail] = *probe.failure;
  return stage > Stage::connect && stage < Stage::handshake &&
         (cause == Cause::timeout || cause == Cause::closed || cause == Cause::reset);
}

MxAddressCase classify(const SmtpProbe& probe, const std::string& host, const Vantage& vantage,
                       TimePoint now) {
  MxAddressCase out;
  out.address = probe.address;
  out.probe = &probe;
  if (probe.failure) {
    const Proof proof = proof_of(probe, *probe.failure, host, vantage);
    set(out, proof, in_words(*probe.failure));
    if (probe.failure->cause == Cause::not_offered) out.detail = what_was_said(probe);
    if (proof.code == kOldTls) {
      out.detail = "no handshake with TLS 1.2 or 1.3, one with " + probe.tls.legacy_version;
    } else if (probe.tls.asks_certificate && probe.failure->cause != Cause::timeout) {
      out.detail += "; it had asked for a client certificate, and we have none to show";
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

namespace {

using namespace std::chrono_literals;

constexpr Millis kFairTime = 10s;  // RULES 5.7: a stall proves a fault "if it had at least 10 s"

FetchEnd end_before_body(const Failure& failure, const PolicyFetch& fetch, const Vantage& vantage) {
  if (failure.cause == Cause::timeout) {
    // RULES 5.7: no answer at all is unknown until this vantage has reached another host on that port.
    if (failure.stage <= Stage::connect)
      return fetch.repeated || vantage.reached_443 ? FetchEnd::no_connect : FetchEnd::unknown;
    return fetch.waited >= kFairTime ? FetchEnd::stalled : FetchEnd::unknown;
  }
  if (failure.stage <= Stage::connect) return FetchEnd::no_connect;
  if (failure.stage == Stage::certificate || failure.cause == Cause::certificate)
    return FetchEnd::certificate;
  // TLS 1.3 alerts may come with the first octets of the answer.
  const bool tls = failure.cause == Cause::tls_alert || failure.cause == Cause::tls_protocol;
  if (failure.stage <= Stage::handshake || tls) {
    if (!fetch.tls.legacy_version.empty()) return FetchEnd::old_tls;
    // RULES 3.2 B: "TCP 443 refused or reset"; C: "TLS alert or connection closed during the handshake"
    return failure.cause == Cause::reset ? FetchEnd::no_connect : FetchEnd::handshake;
  }
  return FetchEnd::no_http;
}

FetchEnd end_of_status(const PolicyFetch& fetch) {
  // RFC 8461 §3.3: "HTTP 3xx redirects MUST NOT be followed"
  const bool redirects = fetch.status == 301 || fetch.status == 302 || fetch.status == 303 ||
                         fetch.status == 307 || fetch.status == 308;
  if (redirects || (fetch.status / 100 == 3 && fetch.location)) return FetchEnd::redirect;
  return FetchEnd::status;
}

std::string in_words(Millis span) {
  const auto tenths = span.count() / 100;
  if (tenths >= 100) return std::to_string(tenths / 10) + " s";
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " s";
}

std::string what_failed(const PolicyFetch& fetch) {
  const Failure& failure = *fetch.failure;
  std::string said = std::string(to_string(failure.stage)) + ": ";
  if (failure.cause == Cause::timeout) return said + "no answer within " + in_words(fetch.waited);
  return said + (failure.detail.empty() ? std::string(to_string(failure.cause)) : failure.detail);
}

std::string why(const PolicyFetch& fetch, FetchEnd end) {
  switch (end) {
    case FetchEnd::status:
      return "status " + std::to_string(fetch.status);
    case FetchEnd::redirect:
      return "status " + std::to_string(fetch.status) +
             (fetch.location ? " to " + text::quoted(*fetch.location, 120) : "");
    case FetchEnd::encoded:
      return "Content-Encoding " + text::quoted(*fetch.content_encoding) + ", which was not asked for";
    case FetchEnd::too_large:
      return "over " + std::to_string(bounds::kPolicyBody) + " octets: the rest was not read";
    case FetchEnd::truncated:
      return "the body ended after " + std::to_string(fetch.body.size()) + " octets, before it was complete";
    case FetchEnd::old_tls:
      return "no handshake with TLS 1.2 or 1.3, one with " + fetch.tls.legacy_version;
    default:
      return fetch.failure ? what_failed(fetch) : std::string();
  }
}

std::string why_distrusted(const PolicyFetch& fetch) {
  if (fetch.failure && fetch.failure->stage == Stage::certificate) return fetch.failure->detail;
  const std::string error = fetch.tls.peer ? fetch.tls.peer->verify_error() : "no certificate was shown";
  return error.empty() ? "the certificate does not name the policy host" : error;
}

std::string why_invalid(const PolicyReading& reading) {
  if (reading.departures.empty()) return "the body is no policy";
  const auto& first = reading.departures.front();
  return (first.line > 0 ? "line " + std::to_string(first.line) + ": " : "") + first.detail;
}

FetchEnd end_of_failure(const Failure& failure, const PolicyFetch& fetch, const Vantage& vantage) {
  if (is_our_own(failure.cause)) return FetchEnd::unknown;
  if (failure.stage == Stage::body) {
    // RFC 8461 §3.3: "only valid if the HTTP response code is 200": any other one has said all there is.
    if (fetch.status != 0 && fetch.status != 200) return end_of_status(fetch);
    if (failure.cause == Cause::over_budget) return FetchEnd::too_large;
    if (failure.cause != Cause::timeout) return FetchEnd::truncated;
  }
  return end_before_body(failure, fetch, vantage);
}

FetchEnd end_of_answer(const PolicyFetch& fetch) {
  if (fetch.status == 0) return FetchEnd::unknown;
  if (fetch.status != 200) return end_of_status(fetch);
  if (fetch.content_encoding && !fetch.decoded) return FetchEnd::encoded;
  if (fetch.too_large) return FetchEnd::too_large;
  return fetch.truncated ? FetchEnd::truncated : FetchEnd::complete;
}

}  // namespace

FetchEnd end_of(const PolicyFetch& fetch, const Vantage& vantage) {
  const FetchEnd end = fetch.failure ? end_of_failure(*fetch.failure, fetch, vantage) : end_of_answer(fetch);
  if (end == FetchEnd::old_tls || end == FetchEnd::handshake || end == FetchEnd::no_connect) return end;
  // RFC 8461 §3.3: the certificate must be valid for the policy host. One that is not was shown: that is
  // proof, whatever came of the rest.
  return fetch.tls.peer && !fetch.tls.peer->good() ? FetchEnd::certificate : end;
}

PolicyCopy classify(const PolicyFetch& fetch, const Vantage& vantage, TimePoint) {
  PolicyCopy copy;
  copy.fetch = &fetch;
  const FetchEnd end = end_of(fetch, vantage);
  copy.detail = printable(why(fetch, end), bounds::kDetail);
  switch (end) {
    case FetchEnd::unknown:
      return copy;
    case FetchEnd::complete:
      copy.reading = reading_of(fetch.body);
      copy.outcome = copy.reading->valid() ? Outcome::ok : Outcome::invalid;
      if (copy.outcome == Outcome::ok) return copy;
      copy.detail = printable(why_invalid(*copy.reading), bounds::kDetail);
      copy.result_type = "sts-policy-invalid";
      return copy;
    case FetchEnd::encoded:
    case FetchEnd::too_large:
    case FetchEnd::truncated:
      // What came is a part, or no text: it is not read, so that nobody is judged by half a file.
      copy.outcome = Outcome::invalid;
      copy.result_type = "sts-policy-invalid";
      return copy;
    case FetchEnd::certificate:
      copy.outcome = Outcome::unreachable;
      copy.result_type = "sts-webpki-invalid";
      copy.detail = printable(why_distrusted(fetch), bounds::kDetail);
      return copy;
    default:
      // CONTRACT 2: absent is 404 or 410; "unreachable = any other proven failure"
      copy.outcome = fetch.status == 404 || fetch.status == 410 ? Outcome::absent : Outcome::unreachable;
      copy.result_type = "sts-policy-fetch-error";
      return copy;
  }
}

namespace {

/// The faults of one code, one a copy.
std::vector<const CopyFault*> of_code(const std::vector<CopyFault>& faults, std::string_view code) {
  std::vector<const CopyFault*> out;
  for (const CopyFault& f : faults) {
    if (f.code == code && std::ranges::find(out, f.copy, &CopyFault::copy) == out.end()) out.push_back(&f);
  }
  return out;
}

void raise_as_given(const Case& c, const CopyFault& fault, const std::string& subject, Findings& out,
                    bool part = false) {
  const std::string detail = in_detail(c, fault.detail);
  Finding* finding = fault.severity ? out.raise_as(*fault.severity, fault.code, subject, detail)
                     : part         ? out.raise_at_most(Severity::warning, fault.code, subject, detail)
                                    : out.raise(fault.code, subject, detail);
  tell_senders(finding, fault.oddities);
}

/// What all addresses agree on: the worst severity, and the address beside each detail where these differ.
CopyFault merged(const std::vector<const CopyFault*>& all) {
  CopyFault out = *all.front();
  const bool same = std::ranges::all_of(all, [&](const CopyFault* f) { return f->detail == out.detail; });
  if (!same) out.detail.clear();
  out.oddities.clear();
  for (const CopyFault* f : all) {
    if (!same) text::add(out.detail, "; ", f->copy->fetch->address.str() + ": " + f->detail);
    out.oddities.insert(out.oddities.end(), f->oddities.begin(), f->oddities.end());
    // A fault without a severity of its own has the catalogue's, which is never below one of its own.
    if (!f->severity || !out.severity) {
      out.severity.reset();
    } else {
      out.severity = std::max(*out.severity, *f->severity);
    }
  }
  return out;
}

}  // namespace

std::string in_detail(const Case& c, const std::string& seen) {
  constexpr std::string_view kAssumed = " (enforce is assumed, the worst case: no policy could be read)";
  if (!c.live_assumed) return printable(seen, bounds::kDetail);
  return printable(seen, bounds::kDetail - kAssumed.size()) + std::string(kAssumed);
}

bool is_small_dh(const TlsFacts& tls) {
  constexpr int kDhBits = 2048;
  return tls.dh_bits > 0 && tls.dh_bits < kDhBits;
}

std::string small_dh(const TlsFacts& tls) {
  return "Diffie-Hellman parameters of " + std::to_string(tls.dh_bits) + " bits, with " + tls.cipher;
}

void raise_by_address(const Case& c, const std::vector<CopyFault>& faults, Findings& out) {
  const std::string host = c.facts.domain.policy_host();
  std::vector<std::string_view> done;
  for (const CopyFault& fault : faults) {
    if (std::ranges::find(done, fault.code) != done.end()) continue;
    done.push_back(fault.code);
    const auto all = of_code(faults, fault.code);
    if (all.size() == c.copies.size()) {
      raise_as_given(c, merged(all), host, out);
      continue;
    }
    // Senders that take another address are served; what is so of a part is no more than a warning.
    const bool others = std::ranges::any_of(c.copies, [&](const PolicyCopy& copy) {
      return copy.outcome == Outcome::ok && std::ranges::find(all, &copy, &CopyFault::copy) == all.end();
    });
    for (const CopyFault* one : all)
      raise_as_given(c, *one, host + ' ' + one->copy->fetch->address.str(), out, others);
  }
}

}  // namespace stswatch
