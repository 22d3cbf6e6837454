// The first page: every domain, the most urgent first.
#include <algorithm>
#include <array>

#include "agent/tell/html.h"
#include "agent/tell/page_words.h"
#include "agent/tell/pages.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kRows = 200;  // on one page
constexpr std::array kStatuses{Status::critical, Status::warning, Status::unknown, Status::ok};

int rank(Status status) { return static_cast<int>(std::ranges::find(kStatuses, status) - kStatuses.begin()); }

TimePoint breakage_of(const DomainMemory& m) {
  const auto& b = m.verdict.forecast.breakage;
  return b ? b->at : TimePoint::max();
}

using Row = const DomainMemory*;

bool wanted(const DomainMemory& m, const ListQuery& query, const std::string& search) {
  const auto& v = m.verdict;
  if (!query.status.empty() && to_string(v.status) != query.status) return false;
  if (search.empty() || v.domain.str().find(search) != std::string::npos) return true;
  const auto holds = [&](std::string_view text) { return text.find(search) != std::string_view::npos; };
  return std::ranges::any_of(v.findings,
                             [&](const Finding& f) { return holds(f.code) || holds(f.subject); }) ||
         std::ranges::any_of(v.mx, [&](const MxVerdict& mx) { return holds(mx.host); });
}

std::vector<Row> rows_of(const Snapshot& snapshot, const ListQuery& query) {
  const std::string search = text::lower(text::trim(query.search));
  std::vector<Row> rows;
  for (const auto& m : snapshot.domains)
    if (wanted(*m, query, search)) rows.push_back(m.get());
  std::ranges::sort(rows, [&](Row a, Row b) {
    if (query.sort == "urgency" && a->verdict.status != b->verdict.status)
      return rank(a->verdict.status) < rank(b->verdict.status);
    if (query.sort != "name" && breakage_of(*a) != breakage_of(*b)) return breakage_of(*a) < breakage_of(*b);
    return a->verdict.domain.str() < b->verdict.domain.str();
  });
  return rows;
}

void option(Html& page, std::string_view value, std::string_view words, const std::string& chosen) {
  page.raw("<option value=\"")
      .text(value)
      .raw(value == chosen ? "\" selected>" : "\">")
      .text(words)
      .raw("</option>");
}

void filter(Html& page, const ListQuery& query) {
  page.raw(
          "<form class=\"filter\" method=\"get\" role=\"search\"><label>Find a domain, host or finding"
          "<input type=\"search\" name=\"q\" maxlength=\"200\" value=\"")
      .text(query.search)
      .raw("\"></label><label>Status<select name=\"status\">");
  option(page, "", "all", query.status);
  for (const auto status : kStatuses)
    option(page, to_string(status), to_string(status), query.status);
  page.raw("</select></label><label>Order<select name=\"sort\">");
  option(page, "urgency", "most urgent first", query.sort);
  option(page, "breakage", "earliest breakage first", query.sort);
  option(page, "name", "by name", query.sort);
  page.raw("</select></label><button type=\"submit\">Show</button></form>");
}

void counts(Html& page, const Snapshot& snapshot) {
  page.raw("<div class=\"facts\">");
  for (const auto status : kStatuses) {
    const auto n =
        std::ranges::count_if(snapshot.domains, [&](const auto& m) { return m->verdict.status == status; });
    page.raw("<div><b class=\"")
        .raw(to_string(status))
        .raw("\">")
        .number(static_cast<std::size_t>(n))
        .raw("</b>")
        .text(to_string(status))
        .raw("</div>");
  }
  page.raw("</div>");
  if (!snapshot.port25_ok)
    page.raw(
        "<article class=\"warning\"><h3>Port 25 cannot be reached from here</h3><p>MX hosts are unknown "
        "until a "
        "canary answers again. What was known of them is kept.</p></article>");
}

std::string_view mx_word(const MxVerdict& mx) {
  if (mx.allowed == false) return "not in policy";
  if (!mx.usable) return "unknown";
  return *mx.usable ? "good" : "fails";
}

void mx_cell(Html& page, const Verdict& v) {
  constexpr std::size_t kShown = 4;
  if (v.null_mx) {
    page.raw("takes no mail");
    return;
  }
  if (v.enforce_usable_mx) {
    const auto& u = *v.enforce_usable_mx;
    page.number(static_cast<std::size_t>(u.max))
        .raw(" of ")
        .number(static_cast<std::size_t>(u.of))
        .raw(" usable");
  } else if (v.mx_lookup == Lookup::unknown) {
    page.raw("unknown");
  } else {
    page.number(v.mx.size()).raw(" MX");
  }
  std::size_t shown = 0;
  for (const auto& mx : v.mx) {
    if (mx_word(mx) == "good") continue;
    if (++shown > kShown) {
      page.raw("<br><span class=\"dim\">and more</span>");
      return;
    }
    page.raw("<br><span class=\"small\">").text(mx.host).raw(": ").text(mx_word(mx)).raw("</span>");
  }
}

void row(Html& page, const DomainMemory& m, TimePoint now) {
  const auto& v = m.verdict;
  page.raw("<tr><th scope=\"row\"><a href=\"domain/")
      .text(url_segment(v.domain.str()))
      .raw("\">")
      .text(v.domain.str())
      .raw("</a></th><td><span class=\"tag ")
      .raw(to_string(v.status))
      .raw("\">")
      .text(to_string(v.status))
      .raw("</span>");
  if (!v.findings.empty() && v.findings.front().severity != Severity::info) {
    const auto* entry = find_in_catalogue(v.findings.front().code);
    page.raw("<br><span class=\"small\">")
        .text(entry ? entry->title : v.findings.front().code)
        .raw("</span>");
  }
  page.raw("</td><td>")
      .text(mode_in_words(v))
      .raw("</td><td>")
      .text(outlook_in_words(v, now))
      .raw("</td><td>");
  mx_cell(page, v);
  const auto seen = last_look(m);
  page.raw("</td><td class=\"dim\">")
      .text(seen ? to_words(now - *seen) + " ago" : "not yet")
      .raw("</td></tr>");
}

void pages(Html& page, const ListQuery& query, std::size_t all) {
  const std::size_t last = (all + kRows - 1) / kRows;
  if (last <= 1) return;
  page.raw("<nav aria-label=\"More domains\">");
  const auto link = [&](std::size_t n, const char* words) {
    page.raw("<a href=\"?q=")
        .text(url_segment(query.search))
        .raw("&amp;status=")
        .text(url_segment(query.status))
        .raw("&amp;sort=")
        .text(url_segment(query.sort))
        .raw("&amp;page=")
        .number(n)
        .raw("\">")
        .raw(words)
        .raw("</a>");
  };
  if (query.page > 1) link(query.page - 1, "Previous");
  page.raw("<span>Page ").number(query.page).raw(" of ").number(last).raw("</span>");
  if (query.page < last) link(query.page + 1, "Next");
  page.raw("</nav>");
}

}  // namespace

std::string page_of_domains(const Snapshot& snapshot, const ListQuery& asked) {
  ListQuery query = asked;
  const auto rows = rows_of(snapshot, query);
  query.page = std::clamp<std::size_t>(query.page, 1, rows.size() / kRows + 1);
  const std::size_t first = std::min(rows.size(), (query.page - 1) * kRows),
                    end = std::min(rows.size(), first + kRows);
  Html page;
  open_page(page, "Domains", "");
  page.raw("<h1>Domains</h1>");
  counts(page, snapshot);
  filter(page, query);
  page.raw("<p class=\"dim small\" id=\"shown\" role=\"status\">")
      .number(rows.size())
      .raw(rows.size() == 1 ? " domain" : " domains")
      .raw("</p>");
  if (rows.empty()) {
    page.raw(snapshot.domains.empty() ? "<p>No domain has been looked at yet.</p>"
                                      : "<p>No domain fits.</p>");
  } else {
    page.raw(
        "<table class=\"list\"><thead><tr><th scope=\"col\">Domain</th><th scope=\"col\">Status</th><th "
        "scope=\"col\">Mode"
        "</th><th scope=\"col\">What comes</th><th scope=\"col\">MX under the policy</th><th "
        "scope=\"col\">Last look</th></tr></thead><tbody>");
    for (std::size_t i = first; i < end; ++i)
      row(page, *rows[i], snapshot.now);
    page.raw("</tbody></table>");
    pages(page, query, rows.size());
  }
  close_page(page);
  return page.take();
}

std::string page_of_message(const std::string& title, const std::string& words, const std::string& up) {
  Html page;
  open_page(page, title, up);
  page.element("h1", title).element("p", words);
  close_page(page);
  return page.take();
}

}  // namespace stswatch
