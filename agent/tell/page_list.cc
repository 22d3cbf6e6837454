// The first page: every domain, the most urgent first.
#include <algorithm>
#include <array>
#include <string>

#include "agent/tell/html.h"
#include "agent/tell/json.h"
#include "agent/tell/pages.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kListRows = 200;  // on one page
constexpr std::array kStatuses{Status::critical, Status::warning, Status::unknown, Status::ok};

struct Order {
  std::string_view value, words;
};
constexpr std::array kOrders{Order{"urgency", "most urgent first"}, Order{"breakage", "earliest stop first"},
                             Order{"name", "by name"}, Order{"mode", "by mode"},
                             Order{"look", "longest not looked at"}};
// What stands above each column, and the order it asks for; empty: none.
constexpr std::array<std::pair<const char*, std::string_view>, 6> kColumns{{{"Domain", "name"},
                                                                            {"Status", "urgency"},
                                                                            {"What comes", "breakage"},
                                                                            {"Mode", "mode"},
                                                                            {"MX hosts", ""},
                                                                            {"Last look", "look"}}};

int urgency(Status status) {
  return static_cast<int>(std::ranges::find(kStatuses, status) - kStatuses.begin());
}

/// A domain, what of its verdict may be told now, and what it is put in order by: worked out once, since
/// 100,000 are compared. A date far away, where there is none: it comes last.
struct Row {
  const DomainMemory* memory;
  Claims claims;
  Status status;
  TimePoint breakage, looked;

  const Verdict& verdict() const { return memory->verdict; }
};

Row row_of(const Snapshot& snapshot, const DomainMemory& m) {
  const auto claims = claims_of(snapshot, m);
  const auto& b = m.verdict.forecast.breakage;
  // What has begun has begun, whenever that was seen: its order does not change from look to look.
  return {&m, claims, claims.status_of(m.verdict),
          b && claims.fresh ? std::max(b->at, snapshot.now) : TimePoint::max(),
          last_look(m).value_or(TimePoint::max())};
}

bool wanted(const Row& row, const ListQuery& query, const std::string& search) {
  const auto& v = row.verdict();
  if (!query.status.empty() && to_string(row.status) != query.status) return false;
  if (search.empty() || v.domain.str().find(search) != std::string::npos) return true;
  const auto holds = [&](std::string_view text) { return text.find(search) != std::string_view::npos; };
  return std::ranges::any_of(v.findings,
                             [&](const Finding& f) { return holds(f.code) || holds(f.subject); }) ||
         std::ranges::any_of(v.mx, [&](const MxVerdict& mx) { return holds(mx.host); });
}

/// Falls back on urgency, then on the name, so that the order is total.
bool before(const Row& a, const Row& b, const std::string& by) {
  const auto& v = a.verdict();
  const auto& w = b.verdict();
  if (by == "look" && a.looked != b.looked) return a.looked < b.looked;
  if (by == "mode" && v.mode != w.mode) return v.mode > w.mode;
  if (by != "name" && by != "breakage" && a.status != b.status) return urgency(a.status) < urgency(b.status);
  if (by != "name" && a.breakage != b.breakage) return a.breakage < b.breakage;
  return v.domain.str() < w.domain.str();
}

std::vector<Row> all_rows(const Snapshot& snapshot) {
  std::vector<Row> rows;
  rows.reserve(snapshot.domains.size());
  for (const auto& m : snapshot.domains)
    rows.push_back(row_of(snapshot, *m));
  return rows;
}

/// Those that are asked for, in order up to the end of the page that is.
std::vector<Row> in_order(std::vector<Row> rows, ListQuery& query) {
  const std::string search = text::lower(text::trim(query.search));
  std::erase_if(rows, [&](const Row& row) { return !wanted(row, query, search); });
  query.page =
      std::clamp<std::size_t>(query.page, 1, (rows.size() + kListRows - 1) / kListRows + rows.empty());
  const auto end = rows.begin() + static_cast<std::ptrdiff_t>(std::min(rows.size(), query.page * kListRows));
  std::ranges::partial_sort(rows, end, [&](const Row& a, const Row& b) { return before(a, b, query.sort); });
  return rows;
}

/// The address of this list with other settings.
void link(Html& page, const ListQuery& query) {
  page.raw("?q=")
      .text(url_segment(query.search))
      .raw("&amp;status=")
      .text(url_segment(query.status))
      .raw("&amp;sort=")
      .text(url_segment(query.sort))
      .raw("&amp;page=")
      .number(query.page);
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
  for (const auto& order : kOrders)
    option(page, order.value, order.words, query.sort);
  page.raw("</select></label><button type=\"submit\">Show</button></form>");
}

/// How many domains are in which status; each leads to those.
void counts(Html& page, const std::vector<Row>& all) {
  page.raw("<ul class=\"counts\">");
  for (const auto status : kStatuses) {
    const auto n = std::ranges::count(all, status, &Row::status);
    page.raw("<li><a href=\"?status=")
        .raw(to_string(status))
        .raw("\"><b class=\"")
        .raw(to_string(status))
        .raw("\">")
        .number(static_cast<std::size_t>(n))
        .raw("</b> ")
        .text(to_string(status))
        .raw("</a></li>");
  }
  page.raw("</ul>");
}

std::string_view mx_word(const MxVerdict& mx) {
  if (mx.allowed == false) return "not in policy";
  if (!mx.usable) return "unknown";
  return *mx.usable ? "good" : "fails";
}

void mx_cell(Html& page, const Verdict& v, bool fresh) {
  constexpr std::size_t kShown = 4;
  if (v.null_mx) {
    page.raw("takes no mail");
    return;
  }
  if (v.enforce_usable_mx && fresh) {
    page.text(in_words(*v.enforce_usable_mx)).raw(" usable");
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

void outlook_cell(Html& page, const Row& row, TimePoint now) {
  const auto words = forecast_in_words(row.verdict(), row.claims, now);
  page.element(words.kind == "dim" ? "span" : "b", words.what, words.kind);
  if (words.why.empty()) return;
  page.raw("<br><span class=\"small\">");
  if (words.at) {
    write_time(page, *words.at);
    page.raw(": ");
  }
  page.text(words.why).raw("</span>");
}

void write_row(Html& page, const Row& row, TimePoint now) {
  const auto& v = row.verdict();
  page.raw("<tr><th scope=\"row\"><a href=\"domain/")
      .text(url_segment(v.domain.str()))
      .raw("\">")
      .text(v.domain.str())
      .raw("</a></th><td data-name=\"Status\"><span class=\"tag ")
      .raw(to_string(row.status))
      .raw("\">")
      .text(to_string(row.status))
      .raw("</span>");
  if (!v.findings.empty() && v.findings.front().severity != Severity::info)
    page.raw("<br><span class=\"small\">").text(title_of(v.findings.front().code)).raw("</span>");
  page.raw("</td><td data-name=\"What comes\">");
  outlook_cell(page, row, now);
  page.raw("</td><td data-name=\"Mode\">").text(mode_in_words(v)).raw("</td><td data-name=\"MX hosts\">");
  mx_cell(page, v, row.claims.fresh);
  const auto seen = last_look(*row.memory);
  page.raw("</td><td data-name=\"Last look\" class=\"dim\">")
      .text(seen ? ago(*seen, now) : "not yet")
      .raw("</td></tr>");
}

/// The headings sort: each is a link to the list in its order.
void headings(Html& page, const ListQuery& query) {
  page.raw("<thead><tr>");
  for (const auto& [name, order] : kColumns) {
    if (order.empty()) {
      page.raw("<th scope=\"col\">").raw(name).raw("</th>");
      continue;
    }
    ListQuery sorted = query;
    sorted.sort = order;
    sorted.page = 1;
    page.raw(query.sort == order ? "<th scope=\"col\" aria-sort=\"ascending\"><a href=\""
                                 : "<th scope=\"col\"><a href=\"");
    link(page, sorted);
    page.raw("\">").raw(name).raw("</a></th>");
  }
  page.raw("</tr></thead>");
}

void pages(Html& page, const ListQuery& query, std::size_t all) {
  const std::size_t last = (all + kListRows - 1) / kListRows;
  if (last <= 1) return;
  page.raw("<nav aria-label=\"More domains\">");
  const auto to = [&](std::size_t n, const char* words) {
    ListQuery other = query;
    other.page = n;
    page.raw("<a href=\"");
    link(page, other);
    page.raw("\">").raw(words).raw("</a>");
  };
  if (query.page > 1) to(query.page - 1, "Previous");
  page.raw("<span>Page ").number(query.page).raw(" of ").number(last).raw("</span>");
  if (query.page < last) to(query.page + 1, "Next");
  page.raw("</nav>");
}

// What comes for all domains, week by week: how many lose their mail, some of their MX hosts or their
// protection in which week, if nothing is done. A picture that says its numbers, so that nobody needs its
// colours.

using namespace std::chrono_literals;

constexpr std::size_t kWeeks = 13;
constexpr Seconds kWeek = 7 * 24h;
constexpr int kComingLeft = 150, kColumn = 55, kRow = 30, kComingTop = 22, kFull = 22;  // pixels

struct Line {
  const char* words;
  const char* kind;  // a class of the style sheet
  std::array<std::size_t, kWeeks> in{};
  std::size_t later = 0;

  std::size_t most() const { return *std::ranges::max_element(in); }
};

std::string day_of(TimePoint at) { return to_utc(at).substr(5, 5); }

void add(Line& line, TimePoint at, TimePoint now) {
  const auto week = static_cast<std::size_t>(std::max<std::int64_t>(0, (at - now) / kWeek));
  if (week < kWeeks)
    ++line.in[week];
  else
    ++line.later;
}

void cell(Html& page, int x, int y, std::size_t n, std::size_t most, const char* kind) {
  // By its area, and never too small for its number.
  const int side = std::max(16, kFull * static_cast<int>(n) / static_cast<int>(most));
  page.raw("<rect class=\"").raw(kind).raw("\" rx=\"3\" x=\"");
  page.raw(std::to_string(x + (kColumn - 2 * side) / 2)).raw("\" y=\"").raw(std::to_string(y - side / 2));
  page.raw("\" width=\"").raw(std::to_string(2 * side)).raw("\" height=\"").raw(std::to_string(side));
  page.raw("\"/><text text-anchor=\"middle\" x=\"").raw(std::to_string(x + kColumn / 2)).raw("\" y=\"");
  page.raw(std::to_string(y + 4)).raw("\">").number(n).raw("</text>");
}

void picture(Html& page, const std::array<Line, 3>& lines, TimePoint now) {
  const int height = kComingTop + kRow * static_cast<int>(lines.size());
  page.raw("<svg viewBox=\"0 0 880 ").raw(std::to_string(height)).raw("\" aria-hidden=\"true\">");
  for (std::size_t week = 0; week < kWeeks; ++week)
    page.raw("<text class=\"dimtext\" text-anchor=\"middle\" y=\"12\" x=\"")
        .raw(std::to_string(kComingLeft + kColumn * static_cast<int>(week) + kColumn / 2))
        .raw("\">")
        .text(day_of(now + week * kWeek))
        .raw("</text>");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const int y = kComingTop + kRow * static_cast<int>(i) + kRow / 2;
    page.raw("<text x=\"0\" y=\"").raw(std::to_string(y + 4)).raw("\">").text(lines[i].words).raw("</text>");
    for (std::size_t week = 0; week < kWeeks; ++week)
      if (lines[i].in[week] > 0)
        cell(page, kComingLeft + kColumn * static_cast<int>(week), y, lines[i].in[week], lines[i].most(),
             lines[i].kind);
  }
  page.raw("</svg>");
}

void table(Html& page, const std::array<Line, 3>& lines, TimePoint now) {
  page.raw(
      "<details><summary>The same as a table</summary><div class=\"scroll\"><table><thead><tr><th "
      "scope=\"col\">Week of</th>");
  for (std::size_t week = 0; week < kWeeks; ++week)
    page.raw("<th scope=\"col\">").text(day_of(now + week * kWeek)).raw("</th>");
  page.raw("<th scope=\"col\">later</th></tr></thead><tbody>");
  for (const Line& line : lines) {
    page.raw("<tr><th scope=\"row\">").text(line.words).raw("</th>");
    for (const std::size_t n : line.in)
      page.raw("<td>").number(n).raw("</td>");
    page.raw("<td>").number(line.later).raw("</td></tr>");
  }
  page.raw("</tbody></table></div></details>");
}

/// Nothing where nothing comes, or of one domain alone.
void what_comes(Html& page, const std::vector<Row>& rows, TimePoint now) {
  std::array<Line, 3> lines{
      {{"Mail stops", "over"}, {"MX hosts drop out", "late"}, {"Protection ends", "cache"}}};
  std::size_t unseen = 0;
  for (const Row& row : rows) {
    if (!row.claims.fresh) {  // what is old foretells nothing
      ++unseen;
      continue;
    }
    const Forecast& forecast = row.verdict().forecast;
    if (forecast.breakage) add(lines[0], forecast.breakage->at, now);
    if (forecast.degradation) add(lines[1], forecast.degradation->at, now);
    if (forecast.lapse) add(lines[2], *forecast.lapse, now);
  }
  const auto empty = [](const Line& line) { return line.most() == 0; };
  if (rows.size() < 2 || std::ranges::all_of(lines, empty)) return;
  page.raw(
      "<h2 id=\"coming\">What comes, if nothing is done</h2><p class=\"dim small\">All domains that were "
      "seen lately, by the week "
      "in which it begins for senders that enforce their policy. What is renewed in time is put off.");
  if (unseen > 0)
    page.text(unseen == 1 ? " One domain was not seen lately and is left out."
                          : " " + std::to_string(unseen) + " domains were not seen lately and are left out.");
  page.raw(
      "</p><div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"What comes week by week, "
      "scrolls sideways\">");
  picture(page, lines, now);
  page.raw("</div>");
  table(page, lines, now);
}

}  // namespace

std::string page_of_domains(const Snapshot& snapshot, const ListQuery& asked) {
  ListQuery query = asked;
  const auto all = all_rows(snapshot);
  const auto rows = in_order(all, query);
  const std::size_t first = std::min(rows.size(), (query.page - 1) * kListRows),
                    end = std::min(rows.size(), first + kListRows);
  Html page;
  open_page(page, "Domains", "");
  write_own_trouble(page, snapshot.own);
  page.raw("<h1>Domains</h1>");
  counts(page, all);
  filter(page, query);
  page.raw("<p class=\"dim small\" id=\"shown\" role=\"status\">")
      .number(rows.size())
      .raw(rows.size() == 1 ? " domain" : " domains")
      .raw("</p>");
  if (rows.empty()) {
    page.raw(snapshot.domains.empty() ? "<p>No domain has been looked at yet.</p>"
                                      : "<p>No domain fits.</p>");
  } else {
    page.raw("<table class=\"cards list\">");
    headings(page, query);
    page.raw("<tbody>");
    for (std::size_t i = first; i < end; ++i)
      write_row(page, rows[i], snapshot.now);
    page.raw("</tbody></table>");
    pages(page, query, rows.size());
    page.raw(
        "<p class=\"dim small\">Where mail stops, senders that enforce MTA-STS wait, and bounce it after "
        "days. The "
        "others still deliver.</p>");
  }
  what_comes(page, all, snapshot.now);
  all_silences(page, snapshot);
  close_page(page);
  return page.take();
}

std::string page_of_message(const std::string& title, const std::string& words, const std::string& up,
                            const std::vector<Incident>& own) {
  Html page;
  open_page(page, title, up);
  write_own_trouble(page, own);
  page.element("h1", title).element("p", words);
  close_page(page);
  return page.take();
}

}  // namespace stswatch
