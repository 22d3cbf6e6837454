// What was seen of a domain: the record, the policy as each address serves it, each address of each MX host.
#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "agent/tell/pages.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"

namespace stswatch::domain_page {
namespace {

constexpr std::size_t kShownBody = 4096, kMostColumns = 12;

void certificate(Html& page, const Shared<PeerCertificates>& peer, TimePoint now) {
  if (!peer) {
    page.raw("none shown");
    return;
  }
  const auto end = peer->chain_not_after();
  page.raw(end <= now ? "<b class=\"critical\">expired</b> " : "until ");
  write_time(page, end);
  if (end > now) page.text(", " + to_words(end - now) + " left");
  if (!peer->name_matches) page.raw("; <b class=\"critical\">names another host</b>");
  if (!peer->trusted() && end > now) page.text("; " + peer->verify_error());
  page.raw("<br><span class=\"dim small\">").text("from " + peer->leaf.issuer).raw("</span>");
}

std::string_view kind_of(Outcome outcome) {
  if (outcome == Outcome::ok) return "ok";
  return outcome == Outcome::unknown ? "unknown" : "critical";
}

std::string_view kind_of(HostOutcome outcome) {
  if (outcome == HostOutcome::ok) return "ok";
  return outcome == HostOutcome::failed ? "critical" : "unknown";
}

void tag(Html& page, std::string_view kind, std::string_view words) {
  page.raw("<span class=\"tag ").raw(kind).raw("\">").text(words).raw("</span>");
}

void bodies(Html& page, const View& view) {
  std::map<std::string, std::vector<const PolicyFetch*>> by_body;
  for (const auto& fetch : view.memory.known->fetches)
    if (!fetch.body.empty()) by_body[fetch.body].push_back(&fetch);
  for (const auto& [body, fetches] : by_body) {
    std::string from;
    for (const auto* fetch : fetches)
      text::add(from, ", ", fetch->address.str());
    page.element("p", "From " + from + (by_body.size() > 1 ? " (the addresses differ):" : ":"), "small dim")
        .element("pre", std::string_view(body).substr(0, kShownBody));
    if (body.size() > kShownBody)
      page.element("p", "And more: " + std::to_string(body.size()) + " octets in all.", "small dim");
  }
}

/// Which of the policies that any sender may apply lists which host.
void matrix(Html& page, const View& view) {
  const auto& world = view.world;
  if (world.policies.empty() || view.verdict.mx.empty()) return;
  page.raw(
      "<h3>Which policy lists which host</h3><div class=\"scroll\" role=\"region\" tabindex=\"0\" "
      "aria-label=\"MX hosts by policy\"><table><thead><tr><th scope=\"col\">Host</th>");
  std::vector<const WorldPolicy*> columns;
  std::size_t left_out = 0;
  std::set<std::string_view> held;
  for (const auto& s : view.simulation.senders)
    if (s.holds.what == Holds::What::pair) held.insert(s.holds.policy);
  for (const auto& policy : world.policies) {
    const bool current = world.current_policy == policy.name;
    if (!current && !held.contains(policy.name)) continue;
    if (columns.size() == kMostColumns && !current) {
      ++left_out;
      continue;
    }
    columns.push_back(&policy);
    page.raw("<th scope=\"col\">").text(current ? "today’s policy" : "in caches: " + policy.name);
    page.raw("<br><span class=\"small\">").text(to_string(policy.mode)).raw("</span></th>");
  }
  page.raw("</tr></thead><tbody>");
  for (const auto& mx : view.verdict.mx) {
    page.raw("<tr><th scope=\"row\">").text(mx.host).raw("</th>");
    for (const auto* policy : columns) {
      const bool listed = matches_any(mx.host, policy->mx);
      page.raw("<td>");
      tag(page, listed ? "ok" : "critical", listed ? "listed" : "not listed");
      page.raw("</td>");
    }
    page.raw("</tr>");
  }
  page.raw("</tbody></table></div>");
  if (left_out > 0)
    page.raw("<p class=\"small dim\">And ").number(left_out).raw(" more policies in caches.</p>");
}

}  // namespace

void record_and_policy(Html& page, const View& view) {
  const auto& v = view.verdict;
  page.raw("<h2>The record</h2><p class=\"small\">").text(v.domain.sts_record_name()).raw(": ");
  tag(page, kind_of(v.record.outcome), to_string(v.record.outcome));
  page.raw("</p>");
  for (const auto& text : v.record.texts)
    page.element("pre", text);
  for (const auto& target : v.record.cname)
    page.element("p", "CNAME " + target, "small");
  page.raw("<h2>The policy as served</h2>");
  if (v.policy.addresses.empty()) {
    page.element("p", "Not fetched: " + std::string(to_string(v.policy.outcome)) + ".", "dim");
    return;
  }
  {
    Table table(page, "The policy by address", {"Address", "Outcome", "Seen", "Certificate"});
    for (const auto& a : v.policy.addresses) {
      table.row().text(a.address.str());
      tag(table.cell(), kind_of(a.outcome), to_string(a.outcome));
      table.cell().text(a.detail.empty() && a.http_status ? "HTTP " + std::to_string(*a.http_status)
                                                          : a.detail);
      certificate(table.cell(), a.certificate, view.now());
      table.end_row();
    }
  }
  bodies(page, view);
}

void mx_hosts(Html& page, const View& view) {
  const auto& v = view.verdict;
  page.raw("<h2>The MX hosts</h2>");
  if (v.mx.empty()) {
    page.raw(v.null_mx ? "<p>This domain takes no mail (null MX).</p>" : "<p class=\"dim\">None known.</p>");
    return;
  }
  {
    Table table(page, "MX hosts by address",
                {"Host", "Preference", "Address", "Outcome", "TLS", "Certificate"});
    const auto begin = [&](const MxVerdict& mx) {
      table.row().text(mx.host);
      table.cell().text(std::to_string(mx.preference));
    };
    for (const auto& mx : v.mx) {
      if (mx.addresses.empty()) {
        begin(mx);
        for (const char* words : {"none known", "", "", ""})
          table.cell("dim").raw(words);
        table.end_row();
      }
      for (const auto& a : mx.addresses) {
        begin(mx);
        table.cell().text(a.address.str());
        tag(table.cell(), kind_of(a.outcome), to_string(a.outcome));
        page.text(a.detail.empty() ? "" : " " + a.detail);
        table.cell().text(a.tls_version + (a.group.empty() ? "" : ", " + a.group));
        certificate(table.cell(), a.certificate, view.now());
        table.end_row();
      }
    }
  }
  matrix(page, view);
}

// What senders hold of a domain, which incidents are over, and what changed.

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
