// One domain whole: what is wrong, what comes, what to publish, what was seen, what senders hold, what was.
#include <algorithm>

#include "agent/tell/pages.h"

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
