// When the fault began, as far as the facts tell: a certificate says when it ended, a memory when a policy or
// a host came. The agent may have begun to look long after.
#include "agent/remember/began.h"

#include <algorithm>

#include "checks/judge/catalogue/finding.h"

namespace stswatch {
namespace {

using When = std::optional<TimePoint>;

/// When this certificate was first shown; null where it was there when watching began.
When shown_since(const std::vector<SeenCertificate>& seen, const std::string& sha256) {
  if (seen.size() < 2) return std::nullopt;  // none but the first: nobody saw it come
  const auto first = std::ranges::min_element(seen, {}, [](const auto& c) { return c.seen.first; });
  const auto it = std::ranges::find(seen, sha256, &SeenCertificate::sha256);
  if (it == seen.end() || it->seen.first == first->seen.first) return std::nullopt;
  return it->seen.first;
}

/// A certificate that has ended fails from its end, or from when it was put there.
When expired_since(const PeerCertificates& peer, const std::vector<SeenCertificate>& seen, TimePoint now) {
  const TimePoint end = peer.chain_not_after();
  if (end > now) return std::nullopt;
  return std::max(end, shown_since(seen, peer.leaf.sha256).value_or(end));
}

When earlier(When a, When b) { return a && b ? std::min(a, b) : a ? a : b; }

When host_expired_since(const MxVerdict& mx, const MxMemories& hosts, TimePoint now) {
  const auto memory = hosts ? hosts(mx.host) : nullptr;
  const std::vector<SeenCertificate> none;
  When out;
  for (const auto& at : mx.addresses)
    if (at.certificate)
      out = earlier(out, expired_since(*at.certificate, memory ? memory->past->certificates : none, now));
  return out;
}

/// The policy and the MX set contradict each other since the later of them came; null: since before watching.
When mismatched_since(const Past& past) {
  TimePoint out = past.began.value_or(TimePoint::min());
  for (const auto& policy : past.policies)
    if (!policy.seen.gone) out = std::max(out, policy.seen.first);
  for (const auto& mx : past.mx)
    if (!mx.seen.gone) out = std::max(out, mx.seen.first);
  return past.began && out > *past.began ? When(out) : std::nullopt;
}

When of_certificates(const Finding& finding, Family family, const DomainMemory& record,
                     const MxMemories& hosts, TimePoint now) {
  const Verdict& verdict = record.verdict;
  When out;
  if (family == Family::publication) {
    for (const auto& at : verdict.policy.addresses)
      if (at.certificate)
        out = earlier(out, expired_since(*at.certificate, record.past.policy_host_certificates, now));
    return out;
  }
  const std::string host = finding.subject.substr(0, finding.subject.find(' '));
  for (const auto& mx : verdict.mx)
    if (mx.host == host) out = host_expired_since(mx, hosts, now);
  return out;
}

/// Mail stopped when the last of the hosts failed, if each failed by the end of its certificate.
When of_breakage(const DomainMemory& record, const MxMemories& hosts, TimePoint now) {
  When last;
  for (const auto& mx : record.verdict.mx) {
    const When since = host_expired_since(mx, hosts, now);
    if (!since) return std::nullopt;
    last = std::max(last, since);
  }
  const When matched = mismatched_since(record.past);
  return last && matched ? std::max(last, matched) : last;
}

bool is_expiry(const Finding& finding) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  return entry && entry->title.ends_with("certificate has expired");
}

}  // namespace

TimePoint began(const Incident& incident, const DomainMemory& record, const MxMemories& hosts,
                TimePoint now) {
  const Finding& finding = incident.finding;
  const Nature& nature = nature_of(finding);
  When out;
  if (nature.headline == Headline::no_mail)
    out = of_breakage(record, hosts, now);
  else if (is_expiry(finding))
    out = of_certificates(finding, nature.family, record, hosts, now);
  else if (nature.aspect == Aspect::match && !nature.change())
    out = mismatched_since(record.past);
  return std::min(incident.opened, out.value_or(incident.opened));
}

}  // namespace stswatch
