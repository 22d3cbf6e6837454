#include "agent/remember/second_look.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/remember/saved_look.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

FindingName name_of(const Finding& finding) { return {finding.code, finding.subject}; }

bool names(const FindingNames& findings, const FindingName& name) {
  return std::ranges::find(findings, name) != findings.end();
}

void add_once(std::vector<std::string>& vantages, const std::string& vantage) {
  if (!vantage.empty() && std::ranges::find(vantages, vantage) == vantages.end()) vantages.push_back(vantage);
}

bool is_awaited(const SecondLook& row) { return row.open && row.asked_ago < kSecondLookBy; }

/// What a look does not show is there unless it saw all there is: one that is blind in part proves nothing.
bool saw_everything(const Verdict& verdict) {
  if (verdict.undecided) return false;
  const bool hosts =
      std::ranges::all_of(verdict.mx, [](const MxVerdict& mx) { return mx.usable.has_value(); });
  // Its own troubles, but for those that are mere remarks: no IPv6, say.
  const bool blind = std::ranges::any_of(verdict.findings, [](const Finding& f) {
    return f.of_the_agent && !(nature_of(f).aspect == Aspect::own && f.route == Route::log);
  });
  return hosts && !blind;
}

/// A resolver that does not validate sees none of these.
bool rests_on_validation(const std::string& code) {
  const auto* entry = find_in_catalogue(code);
  return entry == nullptr || entry->theme == Theme::dane || entry->theme == Theme::dnssec;
}

}  // namespace

bool pages(const DomainMemory& record) { return !paging_in(record, TimePoint::min()).empty(); }

FindingNames paging_in(const DomainMemory& record, TimePoint seen_since) {
  FindingNames out;
  for (const auto& i : record.incidents)
    if (i.open() && i.finding.route == Route::page && i.last_bad >= seen_since)
      out.push_back(name_of(i.finding));
  std::ranges::sort(out);
  out.resize(std::min(out.size(), kMostAskedOfADomain));
  return out;
}

std::vector<SecondLookAsked> to_be_asked(const std::vector<SecondLookAsked>& ours, const SecondLooks& rows) {
  std::vector<SecondLookAsked> out;
  auto all = rows.size();
  auto awaited = static_cast<std::size_t>(
      std::ranges::count_if(rows, [](const auto& entry) { return is_awaited(entry.second); }));
  for (const auto& asked : ours) {
    if (asked.findings.empty()) continue;
    const auto it = rows.find(asked.domain);
    if (it != rows.end()) {
      const auto& row = it->second;
      const bool same = row.epoch == asked.epoch && row.asked == asked.findings;
      const bool again = !row.not_seen.empty() && row.asked_ago >= kLookedForAgain;
      if (same && !again) continue;
    }
    if (awaited == kMostAwaited || (it == rows.end() && all == kMostSecondLooks)) continue;
    if (it == rows.end()) ++all;
    if (it == rows.end() || !is_awaited(it->second)) ++awaited;
    out.push_back(asked);
  }
  return out;
}

std::vector<SecondLookAsked> to_be_taken(const SecondLooks& rows, const std::string& vantage) {
  std::vector<SecondLookAsked> out;
  for (const auto& [domain, row] : rows)
    if (!vantage.empty() && row.asked_from != vantage && row.taken_by.empty() && is_awaited(row))
      out.push_back({domain, row.epoch, row.asked});
  return out;
}

SecondLookAnswer answer_of(SecondLookAsked asked, const SavedLook& look, const Limits& limits) {
  SecondLookAnswer out{std::move(asked), {}, {}};
  const auto verdict = judge(look, limits);
  const bool all = saw_everything(verdict);
  for (const auto& name : out.asked.findings) {
    if (std::ranges::any_of(verdict.findings, [&](const Finding& f) { return name_of(f) == name; }))
      out.seen.push_back(name);
    else if (all && !rests_on_validation(name.code))
      out.not_seen.push_back(name);
  }
  return out;
}

SeenFrom seen_by(const Incident& incident, const Holding& by, const SecondLook* row, TimePoint now) {
  SeenFrom out;
  const auto name = name_of(incident.finding);
  // Who has just taken it over knows it from another's looks.
  if (incident.last_bad >= by.since) add_once(out.seen_from, by.vantage);
  const bool asked = row != nullptr && names(row->asked, name);
  if (asked) {
    add_once(out.seen_from, row->asked_from);
    if (names(row->seen, name)) add_once(out.seen_from, row->answered_from);
    const bool holds = row->answered_ago && *row->answered_ago < kNotSeenHolds;
    const bool from_there = std::ranges::find(out.seen_from, row->answered_from) != out.seen_from.end();
    if (holds && names(row->not_seen, name) && !from_there) out.not_seen_from.push_back(row->answered_from);
  }
  const Seconds age = now - incident.opened;
  const bool answered = out.seen_from.size() > 1 || !out.not_seen_from.empty() || (asked && !row->open);
  out.awaited = by.others && !by.vantage.empty() && !answered && age >= Seconds{0} &&
                age < (asked ? kSecondLookBy : kAskedBy);
  return out;
}

std::string in_words(const std::vector<std::string>& seen_from,
                     const std::vector<std::string>& not_seen_from) {
  if (seen_from.empty()) return {};
  return "seen from " + text::enumerated(seen_from) +
         (not_seen_from.empty() ? "" : "; not from " + text::enumerated(not_seen_from));
}

std::string to_text(const FindingNames& findings) {
  auto out = nlohmann::json::array();
  for (const auto& f : findings)
    out.push_back({f.code, f.subject});
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

FindingNames findings_in(std::string_view text) {
  FindingNames out;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) return out;
  for (const auto& one : json)
    if (one.is_array() && one.size() == 2 && one[0].is_string() && one[1].is_string() &&
        out.size() < kMostAskedOfADomain)
      out.push_back({one[0], one[1]});
  return out;
}

}  // namespace stswatch
