#include "alerts/compose.h"

#include <algorithm>
#include <sstream>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLines = 10;     // of what was seen
constexpr Seconds kFirstBounce = 24h;  // CONTRACT 5: Exchange Online gives up after a day, others after five

bool breaks_now(const Finding& finding) { return nature_of(finding).headline == Headline::no_mail; }

/// The gravest first; of those the one that says what it does to mail.
OpenFindings by_gravity(OpenFindings items) {
  std::ranges::stable_sort(items, [](const OpenFinding* a, const OpenFinding* b) {
    const auto rank = [](const OpenFinding* i) {
      const Finding& f = i->finding();
      return std::tuple(i->route(), severity_of(f), breaks_now(f), i->nature.symptom());
    };
    return rank(a) > rank(b);
  });
  return items;
}

/// Advice that knows the provider says more than what is said of any host.
const OpenFinding* provider_advice(const OpenFindings& items) {
  for (const OpenFinding* item : items) {
    const CatalogueEntry* entry = find_in_catalogue(item->finding().code);
    if (item->domain() == items.front()->domain() && entry && entry->theme == Theme::provider &&
        item->finding().severity > Severity::info)
      return item;
  }
  return nullptr;
}

/// Of the lead's domain, what the fix has to begin with.
const OpenFinding& cause_of(const OpenFindings& items) {
  const OpenFinding* best = items.front();
  const bool of_match = std::ranges::all_of(items, [&](const OpenFinding* item) {
    return item->nature.symptom() || item->nature.change() || item->nature.aspect == Aspect::match;
  });
  if (const OpenFinding* advice = provider_advice(items); advice != nullptr && of_match) return *advice;
  if (!best->nature.symptom()) return *best;
  for (const OpenFinding* item : items) {
    if (item->domain() != items.front()->domain() || item->nature.symptom() || item->nature.change())
      continue;
    if (best->nature.symptom() || item->finding().severity > best->finding().severity) best = item;
  }
  return *best;
}

std::vector<std::string> domains_of(const OpenFindings& items) {
  std::set<std::string> all;
  for (const OpenFinding* item : items)
    if (!item->own()) all.insert(item->domain());
  return {all.begin(), all.end()};
}

std::string how_many(std::size_t some, std::size_t all) {
  return some == all ? "the " + std::to_string(all) + " domains listed"
                     : std::to_string(some) + " of the " + std::to_string(all) + " domains listed";
}

std::string effect_of(const OpenFindings& items, const std::vector<std::string>& domains,
                      const ComposeContext& around) {
  const OpenFinding& lead = *items.front();
  if (!breaks_now(lead.finding())) return lead.finding().effect;
  // Not everybody's: who it is, the finding says.
  if (const auto& usable = lead.record->verdict.enforce_usable_mx;
      domains.size() == 1 && usable && usable->max > 0)
    return lead.finding().effect;
  std::set<std::string> broken;
  TimePoint first = began(lead, around);
  for (const OpenFinding* item : items) {
    if (!breaks_now(item->finding())) continue;
    broken.insert(item->domain());
    first = std::min(first, began(*item, around));
  }
  const auto whose = domains.size() == 1 ? domains.front() : how_many(broken.size(), domains.size());
  const TimePoint bounces = first + kFirstBounce;
  return "Senders that enforce the policy defer mail for " + whose +
         ". The first bounces come from one day on after a message was sent (Exchange Online), others after "
         "four to five days: " +
         (bounces > around.now ? "from " : "possibly since ") + to_utc(bounces) +
         (bounces > around.now ? " on" : "") + ". Senders that do not enforce it still deliver.";
}

std::string times(int n) { return n == 1 ? "once" : std::to_string(n) + " times"; }

/// Who sees one of them, and who looked and sees none.
void tell_vantages(const OpenFindings& items, Notice& notice) {
  std::set<std::string> seen, not_seen;
  for (const OpenFinding* item : items) {
    seen.insert(item->seen.seen_from.begin(), item->seen.seen_from.end());
    not_seen.insert(item->seen.not_seen_from.begin(), item->seen.not_seen_from.end());
  }
  notice.seen_from.assign(seen.begin(), seen.end());
  std::ranges::set_difference(not_seen, seen, std::back_inserter(notice.not_seen_from));
}

std::string seen_of(const OpenFindings& items, const std::vector<std::string>& domains, const Notice& notice,
                    const ComposeContext& around) {
  std::vector<std::string> lines;
  std::set<std::string> told;
  std::size_t more = 0;
  for (const OpenFinding* item : items) {
    const Finding& f = item->finding();
    if (!told.insert(f.code + ' ' + f.subject).second) continue;
    if (lines.size() == kLines) {
      ++more;
      continue;
    }
    lines.push_back((item->own() ? "" : f.subject + ": ") + (f.detail.empty() ? f.code : f.detail) + " [" +
                    f.code + ", first seen " + to_utc(item->incident->opened) + ", confirmed " +
                    times(item->incident->bad_looks) + ", last " + to_utc(item->incident->last_bad) + "]");
  }
  std::string out;
  for (const auto& line : lines)
    text::add(out, "\n", line);
  if (more > 0) out += "\nand " + std::to_string(more) + " more";
  if (const auto& usable = items.front()->record->verdict.enforce_usable_mx; usable && domains.size() == 1)
    out += "\nMX hosts that enforcing senders can use: " + in_words(*usable);
  if (const auto from = in_words(notice.seen_from, notice.not_seen_from); !from.empty())
    out += "\n" + from;
  else if (!around.vantage.empty())
    out += "\nvantage: " + around.vantage;
  return out;
}

/// When mail stops if nothing is done, or when the last cache is free.
void look_ahead(const OpenFindings& items, const ComposeContext& around, Notice& notice) {
  const OpenFinding& lead = *items.front();
  const auto& verdict = lead.record->verdict;
  const auto& breakage = verdict.forecast.breakage;
  if (breakage && breakage->at > around.now && lead.nature.family == Family::delivery) {
    notice.until = breakage->at;
    notice.outlook = "mail from enforcing senders flows until " + to_utc(breakage->at);
  } else if (std::ranges::any_of(items,
                                 [](const OpenFinding* i) { return i->nature.aspect == Aspect::caches; }) &&
             verdict.safe_after && *verdict.safe_after > around.now) {
    notice.until = verdict.safe_after;
    notice.outlook =
        "the last policy of earlier days ends in senders' caches at " + to_utc(*verdict.safe_after);
  } else if (verdict.forecast.lapse && *verdict.forecast.lapse > around.now &&
             lead.nature.family == Family::publication) {
    notice.until = verdict.forecast.lapse;
    notice.outlook = "senders that hold the policy are protected until " + to_utc(*verdict.forecast.lapse);
  } else if (verdict.policy.shown) {
    const auto max_age = verdict.policy.shown->max_age;
    notice.outlook = "until it is mended; senders keep the policy they fetched for up to " +
                     to_words(Seconds{static_cast<std::int64_t>(max_age)}) + " (max_age " +
                     std::to_string(max_age) + ")";
  } else {
    notice.outlook = "until it is mended";
  }
}

/// Fixes that name a new id name the same one.
std::string with_one_id(std::string text) {
  constexpr std::string_view kBefore = "id=";
  constexpr std::size_t kLength = 16;  // fresh_id()
  std::string first;
  for (auto at = text.find(kBefore); at != text.npos; at = text.find(kBefore, at + kLength)) {
    const std::string id = text.substr(at + kBefore.size(), kLength);
    if (id.size() < kLength || id[8] != 'T' || id.back() != 'Z') continue;
    if (first.empty()) first = id;
    text.replace(at + kBefore.size(), kLength, first);
  }
  return text;
}

std::string fix_of(const OpenFindings& items, const std::vector<std::string>& domains) {
  const OpenFinding& cause = cause_of(items);
  const OpenFinding& lead = *items.front();
  std::string out = cause.finding().fix;
  if (&cause != &lead && breaks_now(lead.finding())) out += ' ' + lead.finding().fix;
  if (domains.size() > 1 && !cause.nature.of_host && cause.nature.family != Family::agent)
    out = "For " + cause.domain() + ", and likewise for the others: " + out;
  return with_one_id(std::move(out));
}

std::string references_of(const OpenFindings& items) {
  std::vector<std::string> all;
  for (const OpenFinding* item : items) {
    std::istringstream references(item->finding().reference);  // "RFC 8461 §3.1, RFC 8461 §8.1"
    for (std::string one; std::getline(references >> std::ws, one, ',');)
      if (all.size() < 6 && std::ranges::find(all, one) == all.end()) all.push_back(one);
  }
  std::string out;
  for (const auto& reference : all)
    text::add(out, ", ", reference);
  return out;
}

std::map<std::string, std::string> labels_of(const std::vector<std::string>& domains,
                                             const ComposeContext& around) {
  if (!around.labels || domains.empty()) return {};
  auto common = around.labels(domains.front());
  for (const auto& domain : domains) {
    if (common.empty()) break;
    const auto its = around.labels(domain);
    std::erase_if(common, [&](const auto& l) {
      const auto it = its.find(l.first);
      return it == its.end() || it->second != l.second;
    });
  }
  return common;
}

/// Of the service's own pages; empty where nobody said how people reach it.
std::string url_of(const std::string& page, const ComposeContext& around) {
  auto base = around.external_url;
  while (base.ends_with('/'))
    base.pop_back();
  return base.empty() ? "" : base + page;
}

TimePoint since_of(const OpenFindings& items, const ComposeContext& around) {
  TimePoint since = TimePoint::max();
  for (const OpenFinding* item : items)
    since = std::min(since, began(*item, around));
  return since;
}

/// What an alert of this problem is known by from now on: one domain, or one host of several.
std::map<std::string, std::string> alert_labels_of(const Notice& notice, const OpenFindings& items) {
  auto out = notice.labels;
  const auto is_at = [&](const OpenFinding* i) {
    return i->nature.of_host && i->host() == items.front()->host();
  };
  if (notice.domain_count == 1)
    out["domain"] = notice.domains.front();
  else if (std::ranges::all_of(items, is_at))
    out["host"] = items.front()->host();
  return out;
}

std::string still_held(const std::shared_ptr<const DomainMemory>& record, TimePoint now) {
  if (!record || !record->verdict.safe_after || *record->verdict.safe_after <= now) return {};
  return "some senders may hold an earlier policy until " + to_utc(*record->verdict.safe_after);
}

/// The first host that it names: what was changed there may have cured it.
std::string host_of(const Notice& notice, const ComposeContext& around) {
  for (const auto& f : notice.findings)
    if (const auto host = f.subject.substr(0, f.subject.find(' ')); around.mx && around.mx(host)) return host;
  return {};
}

}  // namespace

std::set<std::string> codes_of(const GroupState& group_state) {
  std::set<std::string> codes;
  for (const OpenFinding* item : group_state.items)
    codes.insert(item->finding().code);
  return codes;
}

Notice compose(const GroupState& group_state, NoticeKind kind, const ComposeContext& around) {
  const OpenFindings items = by_gravity(group_state.items);
  const auto domains = domains_of(items);
  const OpenFinding& cause = cause_of(items);
  Notice notice;
  notice.kind = kind;
  notice.route = group_state.route;
  notice.severity = group_state.severity;
  notice.title = title_of(items, domains, around);
  notice.effect = effect_of(items, domains, around);
  tell_vantages(items, notice);
  notice.seen = seen_of(items, domains, notice, around);
  notice.changed =
      items.front()->own()
          ? "nothing known"
          : changes_in_words(cause.domain(), cause.nature.of_host ? cause.host() : "", std::nullopt, around);
  notice.since = since_of(items, around);
  look_ahead(items, around, notice);
  notice.fix = fix_of(items, domains);
  notice.verify = verify_command(cause, around);
  notice.reference = references_of(items);
  notice.url = url_of(domains.size() == 1 ? "/domain/" + domains.front() : "/", around);
  notice.runbook_url = url_of("/runbook/" + items.front()->finding().code, around);
  notice.labels = labels_of(domains, around);
  notice.domain_count = domains.size();
  notice.domains.assign(
      domains.begin(), domains.begin() + static_cast<std::ptrdiff_t>(std::min(domains.size(), kMostDomains)));
  for (const OpenFinding* item : items) {
    if (notice.findings.size() == kMostFindings) break;
    const Finding& f = item->finding();
    notice.findings.push_back({item->own() ? "" : item->domain(), f.code, f.subject, f.severity});
  }
  notice.alert.labels = alert_labels_of(notice, items);
  notice.at = around.now;
  return notice;
}

Notice compose_resolved(const LastNotified& last_notified, const ComposeContext& around) {
  Notice notice = last_notified.notice;
  const auto lasted = to_words(around.now - notice.since);
  const auto colon = notice.title.find(": ");
  const auto whom = notice.title.substr(0, colon);
  const bool stopped_mail = std::ranges::any_of(last_notified.codes, [](const std::string& code) {
    const CatalogueEntry* entry = find_in_catalogue(code);
    return entry && entry->told.of(false).headline == Headline::no_mail;
  });
  const auto record =
      around.domain && !notice.domains.empty() ? around.domain(notice.domains.front()) : nullptr;
  const auto held = still_held(record, around.now);
  notice.kind = NoticeKind::resolved;
  notice.title = stopped_mail ? whom + ": enforcing senders can deliver again, after " + lasted
                              : whom + ": over after " + lasted + ": " +
                                    (colon == notice.title.npos ? "" : notice.title.substr(colon + 2));
  notice.effect = stopped_mail
                      ? "Mail from enforcing senders flows again; what they deferred arrives as they retry."
                      : "none any more: what was reported is over";
  notice.seen.clear();
  notice.seen_from.clear();
  notice.not_seen_from.clear();
  for (std::size_t i = 0; i < notice.findings.size() && i < kLines; ++i)
    text::add(notice.seen, "\n", notice.findings[i].subject + ": no longer " + notice.findings[i].code);
  if (notice.domains.empty() || record)
    notice.changed = changes_in_words(notice.domains.empty() ? "" : notice.domains.front(),
                                      host_of(notice, around), notice.since, around);
  else
    notice.changed = "the domain is no longer watched";
  notice.until = around.now;
  notice.outlook = "over at " + to_utc(around.now) + " after " + lasted + (held.empty() ? "" : "; " + held);
  notice.fix = "nothing to do";
  notice.at = around.now;
  return notice;
}

}  // namespace stswatch
