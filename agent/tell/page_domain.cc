// One domain whole: what is wrong, what comes, what was seen, what senders hold, what to publish.
#include <algorithm>

#include "agent/tell/html.h"
#include "agent/tell/page_words.h"
#include "agent/tell/pages.h"
#include "agent/tell/timeline.h"
#include "checks/judge/case.h"
#include "checks/judge/forecast.h"

namespace stswatch {
namespace {

constexpr std::size_t kHistory = 100;

/// What the pictures and tables of one domain are made of.
struct View {
  const DomainMemory& memory;
  const Verdict& verdict;
  TimePoint now;
  World world;
  Simulation simulation;
};

void fact(Html& page, const char* name, const std::string& words, std::string_view kind = {}) {
  if (words.empty()) return;
  page.raw("<div>").element("span", name, "dim small").element("b", words, kind).raw("</div>");
}

void head(Html& page, const View& view) {
  const auto& v = view.verdict;
  page.element("h1", v.domain.str());
  page.raw("<div class=\"facts\">");
  fact(page, "Status", std::string(to_string(v.status)), to_string(v.status));
  fact(page, "Mode", mode_in_words(v));
  fact(page, "What comes", outlook_in_words(v, view.now));
  if (v.enforce_usable_mx)
    fact(page, "Usable MX",
         std::to_string(v.enforce_usable_mx->max) + " of " + std::to_string(v.enforce_usable_mx->of));
  const auto seen = last_look(view.memory);
  fact(page, "Last look", seen ? to_words(view.now - *seen) + " ago" : "not yet");
  page.raw("</div><form method=\"post\" action=\"")
      .text(url_segment(v.domain.str()))
      .raw("/check\"><button type=\"submit\">Look again now</button></form>");
}

void row(Html& page, const char* name, const std::string& words) {
  if (words.empty()) return;
  page.element("dt", name).element("dd", words);
}

void finding(Html& page, const Finding& f, const Incident* incident, TimePoint now) {
  const auto* entry = find_in_catalogue(f.code);
  page.raw("<article class=\"")
      .raw(to_string(f.severity))
      .raw("\"><h3>")
      .text(entry ? entry->title : f.code)
      .raw(" <span class=\"tag small ")
      .raw(to_string(f.severity))
      .raw("\">")
      .text(to_string(f.severity))
      .raw("</span></h3><dl>");
  row(page, "Effect on mail", f.effect);
  row(page, "Seen", f.subject + ": " + f.detail);
  if (incident != nullptr) row(page, "Since", when_in_words(incident->opened, now));
  row(page, "How to mend it", f.fix);
  row(page, "Code", f.code + ", " + f.reference);
  page.raw("</dl></article>");
}

const Incident* incident_of(const DomainMemory& m, const Finding& f) {
  const auto it = std::ranges::find_if(m.incidents, [&](const Incident& i) {
    return i.open() && i.finding.code == f.code && i.finding.subject == f.subject;
  });
  return it == m.incidents.end() ? nullptr : &*it;
}

void findings(Html& page, const View& view) {
  page.raw("<h2>Findings</h2>");
  const auto& all = view.verdict.findings;
  const auto notes = std::ranges::find(all, Severity::info, &Finding::severity);
  if (notes == all.begin()) page.raw("<p>Nothing is wrong.</p>");
  for (auto it = all.begin(); it != notes; ++it)
    finding(page, *it, incident_of(view.memory, *it), view.now);
  if (notes == all.end()) return;
  page.raw("<details><summary>Notes (")
      .number(static_cast<std::size_t>(all.end() - notes))
      .raw(")</summary>");
  for (auto it = notes; it != all.end(); ++it)
    finding(page, *it, incident_of(view.memory, *it), view.now);
  page.raw("</details>");
}

void open_table(Html& page, std::initializer_list<const char*> columns) {
  page.raw("<div class=\"scroll\"><table><thead><tr>");
  for (const char* column : columns)
    page.raw("<th scope=\"col\">").raw(column).raw("</th>");
  page.raw("</tr></thead><tbody>");
}

void close_table(Html& page) { page.raw("</tbody></table></div>"); }

std::string certificate_words(const std::optional<PeerCertificates>& peer) {
  if (!peer) return "none shown";
  std::string out = "until " + to_utc(peer->chain_not_after()) + ", issued by " + peer->leaf.issuer;
  if (!peer->name_matches) out += "; names another host";
  if (!peer->trusted()) out += "; " + peer->verify_error();
  return out;
}

void record_and_policy(Html& page, const View& view) {
  const auto& v = view.verdict;
  page.raw("<h2>Record</h2><p class=\"small dim\">")
      .text(v.domain.sts_record_name())
      .raw(", ")
      .text(to_string(v.record.outcome))
      .raw("</p>");
  for (const auto& text : v.record.texts)
    page.element("pre", text);
  for (const auto& target : v.record.cname)
    page.element("p", "CNAME " + target, "small");
  page.raw("<h2>Policy as served</h2>");
  if (v.policy.addresses.empty())
    page.element("p", "Not fetched: " + std::string(to_string(v.policy.outcome)) + ".", "dim");
  else {
    open_table(page, {"Address", "Outcome", "Seen", "Certificate"});
    for (const auto& a : v.policy.addresses)
      page.raw("<tr><th scope=\"row\">")
          .text(a.address.str())
          .raw("</th><td>")
          .text(to_string(a.outcome))
          .raw("</td><td>")
          .text(a.detail.empty() && a.http_status ? "HTTP " + std::to_string(*a.http_status) : a.detail)
          .raw("</td><td>")
          .text(certificate_words(a.certificate))
          .raw("</td></tr>");
    close_table(page);
  }
  for (const auto& fetch : view.memory.known->fetches)
    if (!fetch.body.empty() && fetch.sha256 == v.policy.sha256) {
      page.element("pre", std::string_view(fetch.body).substr(0, 4096));
      break;
    }
}

void mx_hosts(Html& page, const View& view) {
  const auto& v = view.verdict;
  page.raw("<h2>MX hosts</h2>");
  if (v.mx.empty()) {
    page.raw(v.null_mx ? "<p>This domain takes no mail (null MX).</p>" : "<p class=\"dim\">None known.</p>");
    return;
  }
  open_table(page, {"Host", "In the policy", "Address", "Outcome", "TLS", "Certificate"});
  for (const auto& mx : v.mx) {
    const auto cells = [&](const MxAddressVerdict* a) {
      page.raw("<tr><th scope=\"row\">")
          .text(mx.host)
          .raw(" <span class=\"dim small\">")
          .number(static_cast<std::size_t>(mx.preference))
          .raw("</span></th><td>")
          .text(!mx.allowed   ? "no policy"
                : *mx.allowed ? "yes"
                              : "no")
          .raw("</td>");
      if (a == nullptr) {
        page.raw("<td colspan=\"4\" class=\"dim\">no address known</td></tr>");
        return;
      }
      const char* kind = a->outcome == HostOutcome::ok       ? "ok"
                         : a->outcome == HostOutcome::failed ? "critical"
                                                             : "unknown";
      page.raw("<td>")
          .text(a->address.str())
          .raw("</td><td><span class=\"tag ")
          .raw(kind)
          .raw("\">")
          .text(to_string(a->outcome))
          .raw("</span> ")
          .text(a->detail)
          .raw("</td><td>")
          .text(a->tls_version)
          .raw("</td><td>")
          .text(certificate_words(a->certificate))
          .raw("</td></tr>");
    };
    if (mx.addresses.empty()) cells(nullptr);
    for (const auto& a : mx.addresses)
      cells(&a);
  }
  close_table(page);
}

std::string outcome_words(const SenderOutcome& s) {
  std::string hosts;
  for (const auto& host : s.hosts)
    hosts += (hosts.empty() ? " to " : ", ") + host;
  if (s.outcome == "deliver") return "delivers" + hosts;
  if (s.outcome == "degraded") return "skips better hosts, delivers" + hosts;
  if (s.outcome == "deliver-unprotected") return "delivers without protection";
  if (s.outcome == "defer-then-deliver") return "waits until it has seen the new id, then delivers";
  if (s.outcome == "deferred") return "defers all mail, bounces it after days";
  return "unknown from here";
}

void senders(Html& page, const View& view) {
  page.raw("<h2>What senders hold</h2>");
  open_table(page, {"A sender that holds", "Does", "Until"});
  for (const auto& s : view.simulation.senders)
    page.raw("<tr><th scope=\"row\">")
        .text(s.holds == "nothing"   ? "no policy yet"
              : s.holds == "current" ? "today's policy"
                                     : s.holds)
        .raw("</th><td>")
        .text(outcome_words(s))
        .raw("</td><td>")
        .text(s.live_until           ? to_utc(*s.live_until)
              : s.holds == "nothing" ? ""
                                     : "no end is foreseen")
        .raw(s.live_until && !s.refreshable ? " <span class=\"small dim\">cannot learn of a change</span>"
                                            : "")
        .raw("</td></tr>");
  close_table(page);
}

void publish(Html& page, const View& view) {
  std::vector<std::string> hosts;
  for (const auto& mx : view.verdict.mx)
    hosts.push_back(mx.host);
  if (hosts.empty()) return;
  const auto& domain = view.verdict.domain;
  const Mode mode = view.verdict.policy.shown ? view.verdict.policy.shown->mode : Mode::testing;
  std::string file = "version: STSv1\nmode: " + std::string(to_string(mode)) + "\n";
  for (const auto& host : hosts)
    file += "mx: " + host + "\n";
  file += "max_age: 604800\n";
  page.raw(
          "<details><summary>What to publish for these MX hosts</summary><p>1. Serve this file at every "
          "address of <code>")
      .text("https://" + domain.policy_host() + "/.well-known/mta-sts.txt")
      .raw("</code> as text/plain:</p>")
      .element("pre", file)
      .raw("<p>2. When each address serves it, publish this record:</p>")
      .element("pre", domain.sts_record_name() + ". 3600 IN TXT \"v=STSv1; id=" + fresh_id(view.now) + ";\"")
      .raw("</details>");
}

void history(Html& page, const View& view) {
  const auto& m = view.memory;
  std::vector<std::pair<TimePoint, std::string>> lines;
  for (const auto& c : m.past.changes)
    lines.emplace_back(c.at,
                       c.code + (c.from.empty() ? "" : ": " + c.from) + (c.to.empty() ? "" : " → " + c.to));
  for (const auto& i : m.incidents)
    if (i.closed && !i.finding.of_the_agent)
      lines.emplace_back(
          *i.closed, i.finding.code + " on " + i.finding.subject + " is over; it began " + to_utc(i.opened));
  page.raw("<h2>History</h2>");
  if (lines.empty()) {
    page.element("p",
                 m.past.began ? "Nothing has changed since " + to_utc(*m.past.began) + "."
                              : "Nothing is remembered yet.",
                 "dim");
    return;
  }
  std::ranges::sort(lines, std::greater{});
  open_table(page, {"When", "What changed"});
  for (std::size_t i = 0; i < std::min(lines.size(), kHistory); ++i)
    page.raw("<tr><th scope=\"row\">")
        .text(to_utc(lines[i].first))
        .raw("</th><td>")
        .text(lines[i].second)
        .raw("</td></tr>");
  close_table(page);
}

View view_of(const DomainMemory& memory, const Snapshot& snapshot) {
  DomainObservation facts = *memory.known;
  facts.at = snapshot.now;
  MxLooks looks;
  for (const auto& mx : snapshot.mx)
    looks.emplace(mx->known->host, mx->known);
  const Vantage vantage{};
  const Limits limits{};
  const History history{&memory.past, {}};
  const Case c = prepare(facts, looks, vantage, limits, history);
  World world = world_of(c);
  Simulation result = simulate(world);
  return {memory, memory.verdict, snapshot.now, std::move(world), std::move(result)};
}

}  // namespace

std::optional<std::string> page_of_domain(const Snapshot& snapshot, const std::string& name) {
  const auto it =
      std::ranges::find_if(snapshot.domains, [&](const auto& m) { return m->verdict.domain.str() == name; });
  if (it == snapshot.domains.end()) return std::nullopt;
  const View view = view_of(**it, snapshot);
  Html page;
  open_page(page, name, "../");
  head(page, view);
  findings(page, view);
  page.raw("<h2>What comes</h2>");
  write_timeline(page, view.world, view.simulation);
  record_and_policy(page, view);
  mx_hosts(page, view);
  senders(page, view);
  publish(page, view);
  history(page, view);
  close_page(page);
  return page.take();
}

}  // namespace stswatch
