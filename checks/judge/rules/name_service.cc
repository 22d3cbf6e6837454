// Group N: DNSSEC (RFC 4035 §5) of what is looked up of a domain and its MX hosts. All of it rests on a
// resolver that validates: without one everything is unknown, and nothing is said.
#include <algorithm>
#include <array>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/judge/case.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/readings.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kSignaturesEndSoon = 48h;
constexpr int kIgnoredIterations = 100;  // RFC 9276 §3.2, RULES 3.2 N: resolvers treat more as insecure
constexpr Seconds kTransfer = 1h;
constexpr Seconds kLags = 24h;  // no transfer takes so long where all is well

/// Proved by looks in a row where there is a memory; an answer that is still held has its zone_error.
bool is_bogus(const AnswerFacts& answer) {
  return answer.bogus && (answer.lookup == Lookup::unknown || !answer.zone_error.empty());
}

/// Public CAs have refused to issue for names that fail validation since 2026-03-15 (CA/Browser Forum ballot
/// SC-085): the certificate in use is the last.
std::string last_certificate(std::optional<TimePoint> end) {
  return end ? "meanwhile a public CA will not renew the certificate, which ends " + to_utc(*end) + "; "
             : std::string();
}

void earlier(std::optional<TimePoint>& end, const TlsFacts& tls) {
  if (tls.peer) end = std::min(end.value_or(tls.peer->leaf.not_after), tls.peer->leaf.not_after);
}

/// `end`: of the certificate for this name.
void judge_answers(const Case& c, const std::string& subject, std::optional<TimePoint> end,
                   std::initializer_list<const AnswerFacts*> answers, Findings& out) {
  const std::string renewal = last_certificate(end);
  for (const AnswerFacts* answer : answers) {
    if (is_bogus(*answer) && c.vantage.resolver_blind.empty() && !out.has("dnssec-invalid", subject)) {
      Finding* finding =
          out.raise("dnssec-invalid", subject,
                    in_detail(c, renewal + printable(answer->name + ": " + answer->proven_error(),
                                                     bounds::kDetail - renewal.size())));
      const bool of_policy =
          answer == &c.facts.sts || answer == &c.facts.policy_host.a || answer == &c.facts.policy_host.aaaa;
      if (of_policy) say_for(Situation::not_mail, c.facts.domain, c.now, finding, {{"value", answer->name}});
    }
    if (answer->secure && signatures_lapse(*answer, c.now))
      out.raise("dnssec-rrsig-expiring", subject,
                in_detail(c, "the signatures of " + answer->name + " end " + to_utc(*answer->signed_until)));
  }
}

/// RFC 9905, RFC 9276 §3.2: what some validators no longer look at.
void judge_strength(const Case& c, const std::string& subject,
                    std::initializer_list<const AnswerFacts*> answers, Findings& out) {
  for (const AnswerFacts* answer : answers) {
    std::string why;
    const int iterations = answer->nsec3_iterations;
    if (answer->rsasha1)
      why = "only RSASHA1 signs " + answer->name + ": it counts as unsigned (RFC 9905)";
    else if (iterations > 0 && (answer->secure || iterations > kIgnoredIterations))
      why = "NSEC3 with " + std::to_string(iterations) + " iterations at " + answer->name +
            (iterations > kIgnoredIterations ? ": resolvers treat that as unsigned" : ", 0 are wanted");
    if (why.empty()) continue;
    out.raise("dnssec-weak-algorithm", subject, in_detail(c, printable(why, bounds::kDetail)));
    return;
  }
}

/// RFC 7671 §11: which server a validating sender asks is chance.
void judge_servers(const Case& c, Findings& out) {
  if (c.facts.mx.lookup != Lookup::found || !c.facts.mx.secure) return;
  const SourceAnswer& servers = c.facts.source.mx;
  // A transfer is under way: with a memory it is known since when.
  const Seconds transfer = std::max<Seconds>(kTransfer, Seconds{servers.refresh});
  if (servers.differs_since != TimePoint{} && c.now - servers.differs_since < transfer) return;
  const std::string worst = lagging_signatures(servers, c.now);
  if (!worst.empty())
    out.raise("dnssec-ns-inconsistent", c.facts.domain.str(),
              in_detail(c, printable(worst, bounds::kDetail)));
}

/// RFC 7672 §2.2: TLSA records that DNSSEC does not reach protect nothing, and whoever published them may not
/// know.
void judge_trust_end(const Case& c, const MxCase& mx, Findings& out) {
  const TrustEnd& end = mx.look->trust_end;
  if (!end.proved()) return;
  const std::string where =
      end.zone + " is not secure, " + end.parent + " above it is; TLSA records there: " + end.tlsa;
  const auto past = c.history.hosts.find(mx.host);
  const auto was = past != c.history.hosts.end() && past->second ? past->second->tlsa.secure : std::nullopt;
  if (was)
    out.raise("dnssec-lost", mx.host,
              in_detail(c, printable("secure at " + to_utc(*was) + "; now " + where, bounds::kDetail)));
  else
    out.raise("dnssec-insecure", mx.host, in_detail(c, printable(where, bounds::kDetail)));
}

}  // namespace

bool signatures_lapse(const AnswerFacts& answer, TimePoint now) {
  if (!answer.signed_until || *answer.signed_until <= now) return false;
  // Who signs anew for each answer gives each a short life: it is due only when little of that is left.
  Seconds soon = kSignaturesEndSoon;
  if (answer.signed_from && *answer.signed_from < *answer.signed_until)
    soon = std::min(soon, (*answer.signed_until - *answer.signed_from) / 4);
  return *answer.signed_until - now < soon;
}

std::string lagging_signatures(const SourceAnswer& servers, TimePoint now) {
  std::optional<TimePoint> newest;
  for (const SourceReply& reply : servers.replies)
    if (reply.said == SourceSaid::answered && !reply.records.empty())
      newest = std::max(newest, reply.signed_until);
  if (!newest) return {};
  for (const SourceReply& reply : servers.replies) {
    if (reply.said != SourceSaid::answered || reply.records.empty()) continue;
    const std::string who = reply.server + " " + reply.address.str();
    if (!reply.signed_until) return who + " serves no signatures, others do";
    const bool ends = *reply.signed_until <= now + kSignaturesEndSoon;
    if (ends && *newest - *reply.signed_until > kLags)
      return who + " serves signatures until " + to_utc(*reply.signed_until) + ", others until " +
             to_utc(*newest);
  }
  return {};
}

void judge_dnssec(const Case& c, Findings& out) {
  const DomainObservation& d = c.facts;
  const auto of_domain = {static_cast<const AnswerFacts*>(&d.mx), static_cast<const AnswerFacts*>(&d.sts),
                          static_cast<const AnswerFacts*>(&d.policy_host.a),
                          static_cast<const AnswerFacts*>(&d.policy_host.aaaa)};
  std::optional<TimePoint> policy_host_end;
  if (is_bogus(d.policy_host.a) || is_bogus(d.policy_host.aaaa))
    for (const PolicyFetch& fetch : d.fetches)
      earlier(policy_host_end, fetch.tls);
  judge_answers(c, d.domain.str(), policy_host_end, of_domain, out);
  judge_strength(c, d.domain.str(), of_domain, out);
  judge_servers(c, out);
  for (const MxCase& mx : c.mx) {
    if (!mx.look) continue;
    const MxHostObservation& look = *mx.look;
    std::optional<TimePoint> end;
    for (const SmtpProbe& probe : look.probes)
      earlier(end, probe.tls);
    judge_answers(c, mx.host, end, {&look.addresses.a, &look.addresses.aaaa}, out);
    if (look.tlsa.lookup != Lookup::unknown) judge_answers(c, mx.host, end, {&look.tlsa}, out);
    const bool told = out.has("dnssec-weak-algorithm") && mx.host.ends_with('.' + d.domain.str());
    if (!told) judge_strength(c, mx.host, {&look.addresses.a, &look.addresses.aaaa, &look.tlsa}, out);
    judge_trust_end(c, mx, out);
  }
}

// Name servers of one zone that answer differently (codes *-ns-inconsistent).

namespace {

// Where no server tells its SOA: RFC 1912 §2.2 has refresh between 20 minutes and 12 hours, most say an hour.
constexpr Seconds kUsualRefresh{3600};

/// A secondary may lag behind by the zone's refresh (RFC 1035 §3.3.13); none lags behind at the same serial.
bool proven(const SourceAnswer& answer, TimePoint now) {
  const bool one_look = answer.differs_since == TimePoint{};
  if (answer.differs_at_one_serial()) return one_look || now > answer.differs_since;
  const Seconds refresh = answer.refresh > 0 ? Seconds{answer.refresh} : kUsualRefresh;
  return !one_look && now - answer.differs_since > refresh;
}

}  // namespace

void raise_disagreement(const Case& c, std::string_view code, const SourceAnswer& answer, Findings& out) {
  if (!answer.differs()) return;
  const std::string detail = printable(answer.str(), bounds::kDetail);
  if (proven(answer, c.now))
    out.raise(code, c.facts.domain.str(), detail);
  else
    out.raise_as(Severity::info, code, c.facts.domain.str(), detail);
}

std::optional<Flapping> flapping_at(const HostPast& past, const std::string& address) {
  constexpr int kFalls = 3;  // one outage is one; a second may be chance
  Flapping out;
  int falls = 0;
  bool was_good = false;
  for (const Attempt& attempt : past.attempts) {
    if (attempt.address != address) continue;
    const bool good = attempt.fault.empty();
    ++out.of;
    if (!good) {
      ++out.bad;
      out.faults.insert(attempt.fault);
      if (was_good) ++falls;
    }
    was_good = good;
  }
  if (falls < kFalls) return std::nullopt;
  return out;
}

bool named_by_pool(const HostPast& past, const std::string& code) {
  return std::ranges::any_of(past.attempts, [&](const Attempt& attempt) {
    if (attempt.fault != code) return false;
    const auto pool = flapping_at(past, attempt.address);
    return pool && pool->faults.contains(code);
  });
}

}  // namespace stswatch
