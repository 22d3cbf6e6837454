// One domain whole: what is wrong, what comes, what to publish, what was seen, what senders hold, what was.
#include <algorithm>

#include "agent/tell/pages.h"
#include "checks/facts/policy.h"

namespace stswatch {
namespace domain_page {

Table::Table(Html& page, const char* name, std::initializer_list<const char*> columns)
    : page_(page), columns_(columns) {
  page.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"")
      .raw(name)
      .raw("\"><table class=\"cards\"><thead><tr>");
  for (const char* column : columns)
    page.raw("<th scope=\"col\">").raw(column).raw("</th>");
  page.raw("</tr></thead><tbody>");
}

Html& Table::row() {
  column_ = 0;
  return page_.raw("<tr><th scope=\"row\">");
}

Html& Table::cell(std::string_view kind) {
  page_.raw(column_ == 0 ? "</th><td data-name=\"" : "</td><td data-name=\"");
  page_.raw(columns_.at(++column_));
  if (!kind.empty()) page_.raw("\" class=\"").raw(kind);
  return page_.raw("\">");
}

namespace {

void fact(Html& page, const char* name, const std::string& words) {
  page.raw("<div>").element("dt", name, "dim small").element("dd", words).raw("</div>");
}

void head(Html& page, const View& view) {
  const auto& v = view.verdict;
  page.raw("<h1>")
      .text(v.domain.str())
      .raw(" <span class=\"tag ")
      .raw(to_string(view.claims.status_of(v)))
      .raw("\">")
      .text(to_string(view.claims.status_of(v)))
      .raw("</span></h1>");
  const auto words = forecast_in_words(v, view.claims, view.now());
  page.raw("<p class=\"lead\">");
  const bool fine = v.findings.empty() || v.findings.front().severity == Severity::info;
  if (words.kind == "dim" && !fine) {
    const auto& worst = v.findings.front();
    page.element("b", title_of(worst.code) + ".", to_string(worst.severity)).raw(" ");
  }
  page.element(words.kind == "dim" ? "span" : "b", words.what, words.kind);
  if (words.at) {
    page.raw(", ");
    write_time(page, *words.at);
  }
  page.text(words.why.empty() ? "" : ": " + words.why).raw("</p><dl class=\"facts\">");
  fact(page, "Mode", mode_in_words(v));
  if (v.enforce_usable_mx && view.claims.fresh) fact(page, "Usable MX hosts", in_words(*v.enforce_usable_mx));
  const auto seen = last_look(view.memory);
  fact(page, "Last look", seen ? ago(*seen, view.now()) : "not yet");
  page.raw("</dl><div class=\"acts\"><form method=\"post\" action=\"")
      .text(url_segment(v.domain.str()))
      .raw("/check\"><button type=\"submit\">Look again now</button></form>");
  acknowledgement(page, view.memory, view.snapshot);
  silence_of_domain(page, view.memory, view.snapshot);
  page.raw("</div>");
}

/// Some part of the domain, or some host of its, has not been looked at since.
bool under_way(const View& view, TimePoint asked) {
  constexpr Seconds kLongest{60};
  if (asked > view.now() || view.now() - asked > kLongest) return false;
  const auto older = [&](const LookTimes& t) { return !t.last_look || *t.last_look < asked; };
  const auto mine = [&](const auto& mx) {
    return std::ranges::find(view.verdict.mx, mx->known->host, &MxVerdict::host) != view.verdict.mx.end();
  };
  return std::ranges::any_of(view.memory.times, [&](const auto& part) { return older(part.second); }) ||
         std::ranges::any_of(view.snapshot.mx, [&](const auto& mx) { return mine(mx) && older(mx->times); });
}

/// The script loads the page again by itself as long as this stands there.
void say_under_way(Html& page, const View& view) {
  page.raw("<p id=\"looking\" role=\"status\">A new look is under way. <a href=\"")
      .text(url_segment(view.verdict.domain.str()))
      .raw("\">Show what is there now</a></p>");
}

void row(Html& page, const char* name, const std::string& words) {
  if (words.empty()) return;
  page.element("dt", name).element("dd", words);
}

const Incident* incident_of(const DomainMemory& m, const Finding& f) {
  const auto it = std::ranges::find_if(m.incidents, [&](const Incident& i) {
    return i.open() && i.finding.code == f.code && i.finding.subject == f.subject;
  });
  return it == m.incidents.end() ? nullptr : &*it;
}

void finding(Html& page, const Finding& f, const View& view) {
  page.raw("<article class=\"")
      .raw(to_string(f.severity))
      .raw("\"><h3>")
      .text(title_of(f.code))
      .raw(" <span class=\"tag small ")
      .raw(to_string(f.severity))
      .raw("\">")
      .text(to_string(f.severity))
      .raw("</span></h3><dl>");
  row(page, "Effect on mail", f.effect);
  row(page, "Seen", f.subject + ": " + f.detail);
  if (const auto* incident = incident_of(view.memory, f)) {
    page.raw("<dt>Since</dt><dd>");
    write_when(page, began(*incident, view.memory, view.snapshot), view.now());
    page.raw("</dd>");
  }
  row(page, "How to mend it", f.fix);
  page.raw("<dt>More</dt><dd><a href=\"../runbook/")
      .text(url_segment(f.code))
      .raw("\">")
      .text(f.code)
      .raw("</a>, ")
      .text(f.reference)
      .raw("</dd></dl>");
  silence_of_finding(page, view.memory, f, view.snapshot);
  page.raw("</article>");
}

void findings(Html& page, const View& view) {
  page.raw("<h2>What is wrong</h2>");
  const auto& all = view.verdict.findings;
  const auto notes = std::ranges::find(all, Severity::info, &Finding::severity);
  if (notes == all.begin())
    page.raw(view.claims.status_of(view.verdict) == Status::unknown
                 ? "<p>Not known: what has to be seen for that could not be looked at.</p>"
                 : "<p>Nothing.</p>");
  for (auto it = all.begin(); it != notes; ++it)
    finding(page, *it, view);
  if (notes == all.end()) return;
  page.raw("<details><summary>Notes (")
      .number(static_cast<std::size_t>(all.end() - notes))
      .raw(")</summary>");
  for (auto it = notes; it != all.end(); ++it)
    finding(page, *it, view);
  page.raw("</details>");
}

const FollowedPlan* plan_of(const Snapshot& snapshot, const DomainMemory& memory) {
  const auto it = snapshot.plans.find(memory.verdict.domain.str());
  return it == snapshot.plans.end() ? nullptr : it->second.get();
}

/// What was judged is shown. Only the senders are worked out when somebody asks for the page, in the world
/// that the verdict was given on: of a restless domain they are too many to keep for each look.
View view_of(const DomainMemory& memory, const Snapshot& snapshot) {
  static const Foresight kNone{};
  const auto& foresight = memory.verdict.foresight ? *memory.verdict.foresight : kNone;
  return {memory,
          memory.verdict,
          snapshot,
          foresight.world,
          simulate(foresight.world),
          claims_of(snapshot, memory),
          plan_of(snapshot, memory)};
}

}  // namespace
}  // namespace domain_page

const DomainMemory* find_domain(const Snapshot& snapshot, const std::string& name) {
  const auto it =
      std::ranges::find_if(snapshot.domains, [&](const auto& m) { return m->verdict.domain.str() == name; });
  return it == snapshot.domains.end() ? nullptr : it->get();
}

std::optional<std::string> page_of_domain(const Snapshot& snapshot, const std::string& name,
                                          std::optional<TimePoint> asked) {
  using namespace domain_page;
  const auto* memory = find_domain(snapshot, name);
  if (memory == nullptr) return std::nullopt;
  const View view = view_of(*memory, snapshot);
  Html page;
  open_page(page, name, "../");
  write_own_trouble(page, snapshot.own);
  head(page, view);
  if (asked && under_way(view, *asked)) say_under_way(page, view);
  findings(page, view);
  if (!view.claims.fresh) {
    page.raw("<h2>What comes</h2>");
    page.element("p", "Nothing can be foreseen: " + age_in_words(view.claims) +
                          ". What stands below is what was seen last.");
  } else if (memory->verdict.foresight) {
    page.raw("<h2>What comes</h2>");
    write_timeline(page, view.world, view.simulation, marks_of_plan(view));
  }
  plan(page, view);
  publish(page, view);
  record_and_policy(page, view);
  mx_hosts(page, view);
  senders(page, view);
  reported(page, view);
  past_incidents(page, view);
  history(page, view);
  close_page(page);
  return page.take();
}

}  // namespace stswatch

namespace stswatch::domain_page {

// The plan that is followed: which steps are done, which may be done now, when the others may.

namespace {

void write_step(Html& page, const View& view, std::size_t i, TimePoint safe_from) {
  const auto& f = *view.plan;
  const auto* done = f.done_at(i);
  const auto next = next_step(f);
  const bool waits = next && next->step != &f.plan.steps[i];
  page.raw(done ? "<li class=\"dim\">" : "<li>").text(f.plan.steps[i].text).raw(" <span class=\"tag\">");
  if (done)
    page.text("seen done ");
  else if (waits)
    page.text("not before step " + std::to_string(next->step->n) + " is done, and then not before ");
  else if (turns_on_enforce(f, f.plan.steps[i]) && !view.verdict.readiness_open.empty())
    page.text("better not before the readiness gates hold; its waits end ");
  else
    page.text(safe_from <= view.now() ? "its waits are over since " : "not before ");
  page.raw("</span>");
  const auto at = done ? done->seen : !waits && next && next->safe_from ? *next->safe_from : safe_from;
  write_when(page, at, view.now());
  const auto early = early_steps(f, view.now());
  const auto bad = std::ranges::find(early, &f.plan.steps[i], &EarlyStep::step);
  if (bad != early.end())
    page.raw(" <span class=\"tag warning\">")
        .text(bad->missing ? "done before step " + std::to_string(bad->missing->n)
                           : "done too early: it would have been safe from " + in_minutes(*bad->safe_from))
        .raw("</span>");
  page.raw("</li>");
}

}  // namespace

std::vector<TimelineMark> marks_of_plan(const View& view) {
  std::vector<TimelineMark> out;
  if (view.plan == nullptr) return out;
  const auto course = course_from(*view.plan, view.now());
  for (std::size_t i = 0; i < course.size(); ++i) {
    const bool done = view.plan->done_at(i) != nullptr;
    const auto& step = view.plan->plan.steps[i];
    if (!done)
      out.push_back({course[i], "plan: step " + std::to_string(step.n) + " (" +
                                    std::string(to_string(step.deed)) + ") may be done"});
  }
  return out;
}

void plan(Html& page, const View& view) {
  if (view.plan == nullptr) return;
  const auto course = course_from(*view.plan, view.now());
  page.raw("<h2 id=\"plan\">The plan</h2><p>").text("Followed since ");
  write_when(page, view.plan->since, view.now());
  page.text(view.plan->complete() ? ". All of its steps are done. " : ". ")
      .text(view.plan->plan.why)
      .raw("</p><ol>");
  for (std::size_t i = 0; i < course.size(); ++i)
    write_step(page, view, i, course[i]);
  page.raw("</ol>");
}

// The exact texts to publish for a domain's MX hosts as they are, in the order that is safe.

namespace {

constexpr std::uint64_t kWeek = 604800;

std::string policy_text(const View& view, const std::vector<std::string>& hosts) {
  const auto& shown = view.verdict.policy.shown;
  std::string file =
      "version: STSv1\nmode: " + std::string(to_string(shown ? shown->mode : Mode::testing)) + "\n";
  for (const auto& host : hosts)
    file += "mx: " + host + "\n";
  const auto max_age = shown && shown->max_age > 0 ? shown->max_age : kWeek;
  return file + "max_age: " + std::to_string(max_age) + "\n";
}

/// What is published is valid and lists every host.
bool fits(const Verdict& v, const std::vector<std::string>& hosts) {
  return v.mode && v.record.outcome == Outcome::ok && v.policy.outcome == Outcome::ok && v.policy.shown &&
         std::ranges::all_of(hosts, [&](const auto& h) { return matches_any(h, v.policy.shown->mx); });
}

/// RFC 8461 §3.1: the id "uniquely identifies a particular instance of a policy": never the one that is
/// shown.
std::string unused_id(const Verdict& v, TimePoint now) {
  return fresh_id(fresh_id(now) == v.record.id ? now + Seconds(1) : now);
}

}  // namespace

void publish(Html& page, const View& view) {
  const auto& v = view.verdict;
  const auto& domain = v.domain;
  std::vector<std::string> hosts;
  for (const auto& mx : v.mx)
    if (is_mx_pattern(mx.host)) hosts.push_back(mx.host);
  if (hosts.empty()) return;
  const bool sound = fits(v, hosts);
  page.raw("<h2>What to publish</h2>");
  if (sound && view.claims.fresh)
    page.raw("<p>What is published now fits these MX hosts: nothing has to change.</p>");
  page.raw(sound ? "<details><summary>The texts, for a change</summary>" : "<div>")
      .raw("<ol><li>Serve this file, as text/plain, at every address of <code>")
      .text("https://" + domain.policy_host() + "/.well-known/mta-sts.txt")
      .raw("</code>:")
      .element("pre", policy_text(view, hosts));
  if (!v.policy.shown)
    page.raw(
        "<p class=\"small dim\">Testing first: senders deliver in any case, and report. Enforce when the "
        "reports are clean.</p>");
  for (const auto& mx : v.mx)
    if (!is_mx_pattern(mx.host))
      page.element("p", "\"" + mx.host + "\" cannot stand in a policy: correct this MX record first.",
                   "warning");
  page.raw("</li><li>When each address serves it, publish this record:")
      .element("pre",
               domain.sts_record_name() + ". 3600 IN TXT \"v=STSv1; id=" + unused_id(v, view.now()) + ";\"")
      .raw("</li>");
  if (v.tlsrpt.outcome == Outcome::absent || v.tlsrpt.outcome == Outcome::invalid)
    page.raw("<li>To be told by senders what they meet, publish this one, with an address that you read:")
        .element("pre", domain.tlsrpt_name() + ". 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@" +
                            domain.str() + "\"")
        .raw("</li>");
  page.raw("</ol>").raw(sound ? "</details>" : "</div>");
}

}  // namespace stswatch::domain_page
