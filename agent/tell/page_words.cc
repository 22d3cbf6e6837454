#include "agent/tell/pages.h"

#include <algorithm>
#include <map>

#include "agent/tell/mail_now.h"
#include "checks/judge/senders/by_pattern.h"

namespace stswatch {
namespace {

constexpr Seconds kSoon = std::chrono::days(14);

bool of_certificate(const ForecastPoint& p) {
  return p.reason == Why::certificate_expired || p.reason == Why::policy_host_certificate_expired;
}

std::string cause_in_words(const ForecastPoint& p, TimePoint now) {
  switch (p.reason) {
    case Why::certificate_expired:
    case Why::policy_host_certificate_expired:
      return "the certificate of " + p.subject.str() + (p.at <= now ? " has expired" : " expires");
    case Why::signatures_ended:
      return "the DNSSEC signatures of " + p.subject.str() + (p.at <= now ? " have ended" : " end");
    case Why::mx_none_in_policy:
      return "no MX host is listed in the policy";
    case Why::already:
      break;
  }
  return "no MX host passes what the policy demands";
}

}  // namespace

std::string mode_in_words(const Verdict& v) {
  std::string out;
  if (v.mode)
    out = std::string(to_string(*v.mode));
  else if (v.record.outcome == Outcome::absent)
    out = "no MTA-STS";
  else if (v.record.outcome == Outcome::unknown || v.policy.outcome == Outcome::unknown)
    out = "unknown";
  else
    out = "no valid policy";
  const Mode shown = v.mode.value_or(Mode::none);
  if (v.live_mode > shown) out += "; senders may still hold " + std::string(to_string(v.live_mode));
  return out;
}

std::string age_in_words(const Claims& claims) {
  return claims.fresh || !claims.seen ? claims.words() : "not seen since " + in_minutes(*claims.seen);
}

ForecastWords forecast_in_words(const Verdict& v, const Claims& claims, TimePoint now) {
  if (!claims.fresh) return {"dim", "Unknown: " + age_in_words(claims), std::nullopt, ""};
  const auto& f = v.forecast;
  const auto mail = mail_now(v);
  using enum MailNow::State;
  if (mail.state == stops && mail.everybodys)
    return {"critical", "Mail stops now", std::nullopt, "for all senders, as far as can be seen from here"};
  const auto in = [&](TimePoint at) { return " in " + to_words(at - now); };
  if (f.breakage && f.breakage->at <= now)
    return {"critical",
            "Mail of " + (v.enforce_usable_mx ? hit_senders(v) : "enforcing senders") + " stops now",
            std::nullopt, cause_in_words(*f.breakage, now)};
  if (const auto stopped = stopped_by_text(v.findings); !stopped.whose.empty())
    return {"critical", "Mail of senders " + stopped.whose + " stops now", std::nullopt, stopped.why};
  const auto& first =
      f.degradation && (!f.breakage || f.degradation->at < f.breakage->at) ? f.degradation : f.breakage;
  const bool soon = f.breakage && (f.overdue || f.breakage->at - now < kSoon);
  if (soon)
    return {"critical", "Mail of enforcing senders stops" + in(f.breakage->at), f.breakage->at,
            cause_in_words(*f.breakage, now)};
  if (mail.state == may_stop) return {"critical", "Mail may be stopping", std::nullopt, mail.why};
  if (mail.state == unseen) return {"warning", "Mail may flow or not", std::nullopt, mail.why};
  if (!f.breakage && std::ranges::any_of(v.findings, waits_with_long_keepers))
    return {"warning", "Mail of some senders waits", std::nullopt,
            "they keep an earlier policy longer than others"};
  if (first && first->at <= now && !f.breakage)
    return {"warning", "Some MX hosts are skipped", std::nullopt, cause_in_words(*first, now)};
  if (first && first->at > now && first->at - now < kSoon)
    return {"warning", "Some MX hosts drop out" + in(first->at), first->at, cause_in_words(*first, now)};
  if (f.breakage) {
    const auto why = of_certificate(*f.breakage)
                         ? "the certificate of " + f.breakage->subject.str() + " has to be renewed by then"
                         : cause_in_words(*f.breakage, now);
    return {"dim", "Mail flows for " + to_words(f.breakage->at - now) + " at least", f.breakage->at, why};
  }
  if (f.lapse && *f.lapse > now)
    return {"dim", "Protection ends" + in(*f.lapse), *f.lapse, "unless the policy can be fetched by then"};
  if (v.null_mx) return {"dim", "Takes no mail", std::nullopt, ""};
  if (v.mode == Mode::testing) return {"dim", "Mail flows, nothing is enforced", std::nullopt, ""};
  if (v.mode == Mode::enforce || v.record.outcome == Outcome::unknown || v.policy.outcome == Outcome::unknown)
    return {"dim", "Nothing is foreseen", std::nullopt, ""};
  if (v.mode || v.record.outcome == Outcome::absent)
    return {"dim", "Mail flows unprotected", std::nullopt, ""};
  if (!v.record.taken_by.empty() && v.policy.shown)
    return {
        "warning", "Mail flows", std::nullopt,
        std::string(v.record.most_take() ? "most" : "some") + " senders take the record, which is not valid"};
  return {"warning", "Mail flows unprotected", std::nullopt,
          "there is no valid policy to fetch; senders that hold an earlier one keep to it"};
}

std::optional<TimePoint> last_look(const DomainMemory& memory) {
  std::optional<TimePoint> out;
  for (const auto& [part, times] : memory.times)
    if (times.last_look && (!out || *times.last_look > *out)) out = times.last_look;
  return out;
}

std::string ago(TimePoint at, TimePoint now) {
  return now - at < Seconds(2) ? "just now" : to_words(now - at) + " ago";
}

std::string in_minutes(TimePoint at) {
  const auto utc = to_utc(at);
  return utc.substr(0, 10) + ' ' + utc.substr(11, 5) + " UTC";
}

void write_time(Html& page, TimePoint at) {
  page.raw("<time datetime=\"").text(to_utc(at)).raw("\">").text(in_minutes(at)).raw("</time>");
}

void write_when(Html& page, TimePoint at, TimePoint now) {
  page.text(at > now ? "in " + to_words(at - now) : ago(at, now)).raw(" (");
  write_time(page, at);
  page.raw(")");
}

std::string title_of(std::string_view code) {
  static const std::map<std::string_view, std::string_view> kFacts{{"id", "The id in the record changed"},
                                                                   {"policy", "The policy changed"},
                                                                   {"record-gone", "The record is gone"},
                                                                   {"policy-gone", "The policy is gone"}};
  if (const auto fact = kFacts.find(code); fact != kFacts.end()) return std::string(fact->second);
  const auto* entry = find_in_catalogue(code);
  return std::string(entry ? std::string_view(entry->title) : code);
}

void write_own_trouble(Html& page, const std::vector<Incident>& own) {
  for (const auto& trouble : own) {
    if (!trouble.open()) continue;
    const auto& f = trouble.finding;
    page.raw("<article class=\"warning\" role=\"status\"><h2>").text(title_of(f.code)).raw("</h2><p>Since ");
    write_time(page, trouble.opened);
    page.raw(": ").text(f.detail).raw(". ").text(f.fix).raw(" <span class=\"small dim\">").text(f.code);
    page.raw("</span></p></article>");
  }
}

std::string own_trouble_in_words(const std::vector<Incident>& own) {
  std::string out;
  for (const auto& trouble : own) {
    if (!trouble.open()) continue;
    const auto& f = trouble.finding;
    out += f.code + " since " + to_utc(trouble.opened) + ": " + title_of(f.code) + ": " + f.detail + "\n";
  }
  return out;
}

}  // namespace stswatch
