// What senders hold of a domain, which incidents are over, and what changed.
#include <algorithm>
#include <span>

#include "agent/tell/pages.h"

namespace stswatch::domain_page {
namespace {

constexpr std::size_t kMostLines = 100, kMostPatterns = 10;

void and_more(Html& page, std::size_t shown, std::size_t all, const char* of) {
  if (all > shown)
    page.raw("<p class=\"small dim\">And ").number(all - shown).raw(" more ").raw(of).raw(".</p>");
}

std::string outcome_words(const SenderOutcome& s) {
  std::string hosts;
  for (const auto& host : s.hosts)
    hosts += (hosts.empty() ? " to " : ", ") + host;
  if (s.outcome == "deliver") return "delivers" + hosts;
  if (s.outcome == "degraded") return "skips better hosts, delivers" + hosts;
  if (s.outcome == "deliver-unprotected") return "delivers without protection";
  if (s.outcome == "defer-then-deliver") return "waits until it has seen the new id, then delivers";
  if (s.outcome == "deferred") return "defers its mail, and bounces it after one to five days";
  return "not known from here";
}

std::string content(const WorldPolicy& policy) {
  std::string out = std::string(to_string(policy.mode));
  const std::size_t shown = std::min(policy.mx.size(), kMostPatterns);
  for (std::size_t i = 0; i < shown; ++i)
    out += ", " + policy.mx[i];
  if (const auto more = policy.mx.size() - shown + policy.more; more > 0)
    out += " and " + std::to_string(more) + " more";
  return out;
}

/// With what that policy says.
void holding(Html& page, const SenderOutcome& s, const World& world) {
  if (s.holds.what == Holds::What::nothing) {
    page.raw("no policy yet");
    return;
  }
  const bool current = s.holds.what == Holds::What::current;
  const auto name = current ? world.current_policy.value_or("") : s.holds.policy;
  if (current)
    page.raw("today’s policy");
  else
    page.text("policy " + name + " under id " + s.holds.id);
  const auto policy = std::ranges::find(world.policies, name, &WorldPolicy::name);
  if (policy != world.policies.end())
    page.raw("<br><span class=\"small dim\">").text(content(*policy)).raw("</span>");
}

}  // namespace

void senders(Html& page, const View& view) {
  page.raw("<h2>What senders hold</h2>");
  auto all = view.simulation.senders;
  const std::size_t shown = std::min(all.size(), kMostLines);
  // Those that hold longest, behind the two that everybody has.
  const auto fixed =
      std::ranges::find_if(all, [](const auto& s) { return s.holds.what == Holds::What::pair; });
  if (all.size() > kMostLines)
    std::stable_sort(fixed, all.end(), [](const auto& a, const auto& b) {
      return a.live_until.value_or(TimePoint::max()) > b.live_until.value_or(TimePoint::max());
    });
  and_more(page, shown, all.size(), "copies end earlier");
  Table table(page, "What senders hold", {"A sender that holds", "does", "until"});
  for (const auto& s : std::span(all).first(shown)) {
    holding(table.row(), s, view.world);
    table.cell().text(outcome_words(s));
    table.cell();
    if (s.live_until)
      write_when(page, *s.live_until, view.now());
    else if (s.holds.what != Holds::What::nothing)
      page.raw("no end is foreseen");
    if (s.live_until && !s.refreshable)
      page.raw(" <span class=\"small dim\">cannot learn of a change</span>");
    table.end_row();
  }
}

void past_incidents(Html& page, const View& view) {
  std::vector<const Incident*> over;
  for (const auto& i : view.memory.incidents)
    if (i.closed && !i.finding.of_the_agent) over.push_back(&i);
  page.raw("<h2>Past incidents</h2>");
  if (over.empty()) {
    page.raw("<p class=\"dim\">None in the last seven days.</p>");
    return;
  }
  std::ranges::sort(over, std::greater{}, [](const Incident* i) { return *i->closed; });
  and_more(page, kMostLines, over.size(), "before these");
  if (over.size() > kMostLines) over.resize(kMostLines);
  Table table(page, "Past incidents", {"What", "Where", "Severity", "Began", "Ended", "Lasted"});
  for (const auto* i : over) {
    table.row().text(title_of(i->finding.code));
    table.cell().text(i->finding.subject);
    table.cell(to_string(i->finding.severity)).text(to_string(i->finding.severity));
    write_time(table.cell(), i->opened);
    write_time(table.cell(), *i->closed);
    table.cell().text(to_words(*i->closed - i->opened));
    table.end_row();
  }
}

void history(Html& page, const View& view) {
  const auto& past = view.memory.past;
  page.raw("<h2>What changed</h2>");
  if (past.changes.empty()) {
    page.raw("<p class=\"dim\">");
    if (past.began) {
      page.raw("Nothing since ");
      write_time(page, *past.began);
      page.raw(".</p>");
    } else {
      page.raw("Nothing is remembered yet.</p>");
    }
    return;
  }
  const auto& all = past.changes;
  and_more(page, kMostLines, all.size(), "before these");
  Table table(page, "What changed", {"When", "What", "Before", "After"});
  for (auto it = all.rbegin(); it != all.rend() && it - all.rbegin() < std::ptrdiff_t{kMostLines}; ++it) {
    write_time(table.row(), it->at);
    table.cell().text(title_of(it->code) + (it->planned ? " (planned)" : ""));
    table.cell().text(it->from);
    table.cell().text(it->to);
    table.end_row();
  }
}

}  // namespace stswatch::domain_page
