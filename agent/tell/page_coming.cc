// What comes for all domains, week by week: how many lose their mail, some of their MX hosts or their
// protection in which week, if nothing is done. A picture that says its numbers, so that nobody needs its
// colours.
#include <algorithm>
#include <array>
#include <string>

#include "agent/tell/pages.h"

namespace stswatch {
namespace {

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

}  // namespace

void what_comes(Html& page, const Snapshot& snapshot) {
  std::array<Line, 3> lines{
      {{"Mail stops", "over"}, {"MX hosts drop out", "late"}, {"Protection ends", "cache"}}};
  std::size_t unseen = 0;
  for (const auto& memory : snapshot.domains) {
    if (!claims_of(snapshot, *memory).fresh) {  // what is old foretells nothing
      ++unseen;
      continue;
    }
    const Forecast& forecast = memory->verdict.forecast;
    if (forecast.breakage) add(lines[0], forecast.breakage->at, snapshot.now);
    if (forecast.degradation) add(lines[1], forecast.degradation->at, snapshot.now);
    if (forecast.lapse) add(lines[2], *forecast.lapse, snapshot.now);
  }
  const auto empty = [](const Line& line) { return line.most() == 0; };
  if (snapshot.domains.size() < 2 || std::ranges::all_of(lines, empty)) return;
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
  picture(page, lines, snapshot.now);
  page.raw("</div>");
  table(page, lines, snapshot.now);
}

}  // namespace stswatch
