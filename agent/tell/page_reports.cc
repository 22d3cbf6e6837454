// What senders report of the domain (RFC 8460 §4): by day as a picture, by reporter as a table.
#include <algorithm>
#include <map>
#include <set>

#include "agent/tell/pages.h"
#include "checks/facts/text.h"
#include "checks/facts/tls_report.h"

namespace stswatch::domain_page {
namespace {

using Day = std::chrono::sys_days;

constexpr std::size_t kReporters = 20, kReasons = 4, kReason = 120;
constexpr int kWidth = 880, kHeight = 120, kTop = 14, kBase = 98;
constexpr std::chrono::days kDays{31};

/// Numbers that strangers tell: no sum runs over.
void add_to(std::uint64_t& sum, std::uint64_t more) {
  constexpr auto kMost = std::uint64_t{1} << 53U;
  sum = std::min(kMost, sum + std::min(kMost, more));
}

struct Count {
  std::uint64_t successful = 0, failed = 0;
  void add(const ReportedSessions& s) {
    add_to(successful, s.successful);
    add_to(failed, s.failed);
  }
  double all() const { return static_cast<double>(successful) + static_cast<double>(failed); }
};

struct Reporter {
  Count count;
  TimePoint last{};
  std::map<std::string, std::uint64_t> reasons;  // "certificate-expired at mx.example.com": sessions
};

Day day_of(TimePoint at) { return std::chrono::floor<std::chrono::days>(at); }

std::map<Day, Count> by_day(const DomainReports& reports, TimePoint now) {
  std::map<Day, Count> out;
  for (auto day = day_of(now) - kDays; day <= day_of(now); day += std::chrono::days{1})
    out[day];
  for (const auto& s : reports.sessions)
    if (const auto day = out.find(day_of(s.start)); day != out.end()) day->second.add(s);
  return out;
}

std::map<std::string, Reporter> by_reporter(const DomainReports& reports) {
  std::map<std::string, Reporter> out;
  for (const auto& s : reports.sessions) {
    auto& reporter = out[s.organization];
    reporter.count.add(s);
    reporter.last = std::max(reporter.last, s.end);
  }
  for (const auto& f : reports.failures) {
    add_to(out[f.organization].reasons[f.result_type + (f.mx.empty() ? "" : " at " + f.mx)], f.sessions);
  }
  return out;
}

void bar(Html& page, const char* kind, int x, int width, double from, double to) {
  const int top = kBase - static_cast<int>(to), height = static_cast<int>(to) - static_cast<int>(from);
  if (height <= 0) return;
  page.raw("<rect class=\"")
      .raw(kind)
      .raw("\" x=\"")
      .raw(std::to_string(x))
      .raw("\" y=\"")
      .raw(std::to_string(top));
  page.raw("\" width=\"")
      .raw(std::to_string(width))
      .raw("\" height=\"")
      .raw(std::to_string(height))
      .raw("\"/>");
}

/// Failed sessions stand on top of the others, and are at least a pixel high: colour is not all that tells
/// them.
void picture(Html& page, const std::map<Day, Count>& days) {
  double most = 1;
  for (const auto& [day, count] : days)
    most = std::max(most, count.all());
  const int step = (kWidth - 20) / static_cast<int>(days.size());
  page.raw(
          "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Sessions by day, scrolls "
          "sideways\">")
      .raw("<svg viewBox=\"0 0 880 120\" aria-hidden=\"true\">");
  int x = 10, column = 0;
  for (const auto& [day, count] : days) {
    const double scale = (kBase - kTop) / most;
    const double good = static_cast<double>(count.successful) * scale;
    const double bad = count.failed == 0 ? 0 : std::max(2.0, static_cast<double>(count.failed) * scale);
    bar(page, "bar", x + 1, step - 3, 0, good);
    bar(page, "over", x + 1, step - 3, good, good + bad);
    if (column++ % 7 == 0)
      page.raw("<text class=\"dimtext\" y=\"114\" x=\"")
          .raw(std::to_string(x))
          .raw("\">")
          .text(to_utc(TimePoint{day}).substr(5, 5))
          .raw("</text>");
    x += step;
  }
  page.raw("<line class=\"axis\" x1=\"10\" x2=\"870\" y1=\"98\" y2=\"98\"/></svg></div>");
}

std::string reasons_of(const Reporter& reporter) {
  std::vector<std::pair<std::string, std::uint64_t>> all(reporter.reasons.begin(), reporter.reasons.end());
  std::ranges::stable_sort(all, std::greater{}, [](const auto& r) { return r.second; });
  std::string out;
  for (std::size_t i = 0; i < std::min(all.size(), kReasons); ++i)
    text::add(out, "; ", printable(all[i].first, kReason) + " (" + std::to_string(all[i].second) + ")");
  return all.size() > kReasons ? out + "; and " + std::to_string(all.size() - kReasons) + " more" : out;
}

void table(Html& page, const View& view, const std::map<std::string, Reporter>& reporters) {
  std::vector<std::pair<std::string, const Reporter*>> all;
  for (const auto& [name, reporter] : reporters)
    all.emplace_back(name, &reporter);
  std::ranges::stable_sort(all, std::greater{}, [](const auto& r) { return r.second->count.failed; });
  Table table(page, "Reporters",
              {"Reporter", "Sessions that went well", "Failed", "Why", "Newest report ends"});
  for (const auto& [name, reporter] : std::span(all).first(std::min(all.size(), kReporters))) {
    table.row().text(name);
    table.cell().number(reporter->count.successful);
    table.cell(reporter->count.failed > 0 ? "warning" : "").number(reporter->count.failed);
    table.cell().text(reasons_of(*reporter));
    write_when(table.cell(), reporter->last, view.now());
    table.end_row();
  }
}

}  // namespace

void reported(Html& page, const View& view) {
  const auto& of = view.snapshot.reports_of;
  const auto reports = of ? of(view.verdict.domain.str()) : nullptr;
  if (!reports || reports->empty()) return;
  const auto reporters = by_reporter(*reports);
  page.raw("<h2 id=\"reports\">What senders report</h2><p>")
      .text("Sessions of the last 31 days, as ")
      .number(reporters.size())
      .text(reporters.size() == 1 ? " reporter counts them" : " reporters count them")
      .text(reports->more ? "; there are more than are shown" : "")
      .raw(". Failed ones stand on top.</p>");
  picture(page, by_day(*reports, view.now()));
  table(page, view, reporters);
  if (reporters.size() > kReporters)
    page.raw("<p class=\"small dim\">And ")
        .number(reporters.size() - kReporters)
        .raw(" more with fewer failures.</p>");
}

}  // namespace stswatch::domain_page
