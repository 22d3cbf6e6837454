#include "alerts/digest.h"

#include <algorithm>

#include "agent/remember/dated.h"
#include "alerts/compose.h"
#include "alerts/open_finding.h"

namespace stswatch {
namespace {

constexpr Seconds kAhead = std::chrono::days(30);
constexpr Seconds kUrgent = std::chrono::days(14);  // as on the pages: farther away a renewal is usual
constexpr std::size_t kLine = 300;

void add(DigestPart& part, DigestLine line) {
  line.text = cut(clean(line.text), kLine);
  std::ranges::replace(line.text, '\n', ' ');
  part.lines.push_back(std::move(line));
}

std::string forecast_words(const ForecastPoint& point, bool breakage) {
  const auto& whom = point.subject.str();
  const std::string effect =
      breakage ? "mail of enforcing senders stops" : "enforcing senders can use fewer of the MX hosts";
  switch (point.reason) {
    case Why::certificate_expired:
    case Why::policy_host_certificate_expired:
      return "unless the certificate of " + whom + " is renewed, " + effect;
    case Why::signatures_ended:
      return "unless the DNSSEC signatures of " + whom + " are renewed, " + effect;
    case Why::mx_none_in_policy:
      return effect + ": no MX host is listed in the policy";
    default:
      return effect;
  }
}

std::string change_words(const Change& change) {
  std::string out = change.code + (change.subject.empty() ? "" : " " + change.subject);
  if (!change.from.empty() || !change.to.empty())
    out += ": " + (change.from.empty() ? "nothing" : change.from) + " → " +
           (change.to.empty() ? "nothing" : change.to);
  return out + (change.planned ? " (planned)" : "");
}

class Composer {
 public:
  Composer(const DigestSource& source, TimePoint since, TimePoint now) : source_(source) {
    out_.from = since;
    out_.to = now;
    out_.url = source.external_url;
    out_.vantage = source.vantage;
  }

  Digest compose() {
    for (const auto& incident : source_.own)
      if (incident.open()) finding(incident, "");
    for (const auto& domain : source_.domains) {
      ++out_.watched;
      const bool seen = domain.memory && domain.claims.fresh;
      if (!seen) unseen(domain);
      if (!domain.memory) continue;
      const bool any = incidents(domain);
      if (seen && !any && domain.claims.status_of(domain.memory->verdict) == Status::ok) ++out_.good;
      for (const auto& change : domain.memory->past.changes)
        if (change.at >= out_.from && change.at <= out_.to)
          add(out_.changed, {domain.name, change_words(change), change.at, std::nullopt});
      if (seen) forecast(domain);
    }
    for (const auto& [at, text] : source_.planned)
      if (at - out_.to <= kAhead) add(out_.comes, {"", text, at, std::nullopt});
    for (const auto& silence : source_.silences)
      if (stands(silence, out_.to))
        add(out_.silenced, {"", in_words(silence) + (silence.comment.empty() ? "" : ": " + silence.comment),
                            silence.until, std::nullopt});
    sort();
    return std::move(out_);
  }

 private:
  void unseen(const DigestDomain& domain) {
    const auto words = domain.memory ? domain.claims.words() : std::string("never looked at");
    add(out_.unseen, {domain.name, words.empty() ? "not seen" : words, domain.claims.seen, std::nullopt});
  }

  void finding(const Incident& incident, const std::string& domain) {
    const auto& f = incident.finding;
    const bool of_host = !f.subject.empty() && f.subject != domain && f.subject != "mta-sts." + domain;
    add(out_.open, {domain, f.code + (of_host ? " " + f.subject : "") + ": " + f.effect, incident.opened,
                    severity_of(f)});
  }

  /// Whether one is open that is more than information.
  bool incidents(const DigestDomain& domain) {
    bool any = false;
    for (const auto& incident : domain.memory->incidents) {
      const auto& f = incident.finding;
      if (f.severity == Severity::info || told_of_agent(f)) continue;
      any |= incident.open();
      if (incident.open())
        finding(incident, domain.name);
      else if (*incident.closed >= out_.from)
        add(out_.over, {domain.name, f.code + (f.subject == domain.name ? "" : " " + f.subject),
                        incident.closed, f.severity});
    }
    return any;
  }

  void forecast(const DigestDomain& domain) {
    const auto& f = domain.memory->verdict.forecast;
    const auto comes = [&](const std::optional<TimePoint>& at) {
      return at && *at > out_.to && *at - out_.to <= kAhead;
    };
    const auto within = [&](TimePoint at, Severity severity) {
      return at - out_.to < kUrgent ? std::optional(severity) : std::nullopt;
    };
    if (f.breakage && comes(f.breakage->at))
      add(out_.comes, {domain.name, forecast_words(*f.breakage, true), f.breakage->at,
                       within(f.breakage->at, Severity::critical)});
    const bool sooner = f.degradation && (!f.breakage || f.degradation->at < f.breakage->at);
    if (sooner && comes(f.degradation->at))
      add(out_.comes, {domain.name, forecast_words(*f.degradation, false), f.degradation->at,
                       within(f.degradation->at, Severity::warning)});
    if (comes(f.lapse))
      add(out_.comes,
          {domain.name,
           "unless the policy can be fetched again, the last one that enforcing senders hold ends", f.lapse,
           within(*f.lapse, Severity::warning)});
  }

  void sort() {
    const auto worst_first = [](const DigestLine& a, const DigestLine& b) {
      return a.severity.value_or(Severity::info) > b.severity.value_or(Severity::info);
    };
    const auto newest_first = [](const DigestLine& a, const DigestLine& b) { return a.at > b.at; };
    std::ranges::stable_sort(out_.open.lines, worst_first);
    for (auto* part : {&out_.over, &out_.changed})
      std::ranges::stable_sort(part->lines, newest_first);
    for (auto* part : {&out_.comes, &out_.unseen, &out_.silenced})
      std::ranges::stable_sort(part->lines, [](const auto& a, const auto& b) {
        return a.at.value_or(TimePoint::max()) < b.at.value_or(TimePoint::max());
      });
    for (auto* part : {&out_.unseen, &out_.open, &out_.over, &out_.changed, &out_.comes, &out_.silenced}) {
      if (part->lines.size() <= kMostDigestLines) continue;
      part->more = part->lines.size() - kMostDigestLines;
      part->lines.resize(kMostDigestLines);
    }
  }

  const DigestSource& source_;
  Digest out_;
};

}  // namespace

Digest compose_digest(const DigestSource& source, TimePoint since, TimePoint now) {
  return Composer(source, since, now).compose();
}

bool is_for(const Wanted& wanted, const std::string& domain) {
  return wanted.domains.empty() ||
         std::ranges::any_of(wanted.domains, [&](const auto& glob) { return glob_matches(glob, domain); });
}

}  // namespace stswatch
