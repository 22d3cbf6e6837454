#include "agent/tell/pages.h"

#include <algorithm>
#include <span>

#include "checks/judge/rules/readings.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr int kLeft = 10, kWidth = 880, kRight = 870, kRowHeight = 34, kTop = 26, kMarkHeight = 18;
constexpr std::size_t kBars = 40, kRows = 200;
constexpr Seconds kUrgent = 14 * 24h;
constexpr Seconds kLeast = 14 * 24h, kMost = 400 * 24h;

bool is_late(const std::optional<TimePoint>& from, const std::optional<TimePoint>& until, TimePoint now) {
  return from && until && judge_life(*from, *until, now, {}) != Life::healthy;
}

std::vector<TimelineBar> bars_of(const World& world, const Simulation& result) {
  using enum TimelineBar::Kind;
  std::vector<TimelineBar> out;
  for (const auto& mx : world.mx)
    for (const auto& a : mx.addresses)
      if (a.not_after)
        out.push_back({certificate, "Certificate of " + mx.host + ' ' + a.address, a.not_after,
                       is_late(a.not_before, a.not_after, world.now)});
  if (world.policy_host_not_after)
    out.push_back({certificate, "Certificate of the policy host mta-sts." + world.domain,
                   world.policy_host_not_after,
                   is_late(world.policy_host_not_before, world.policy_host_not_after, world.now)});
  for (const auto& s : result.senders)
    if (s.holds.what == Holds::What::current)
      out.push_back(
          {cache, "Caches hold today's policy", s.live_until ? s.live_until : result.rfc.lapse, false});
    else if (s.holds.what != Holds::What::nothing)
      out.push_back({cache, "Caches hold " + s.holds.str(), s.live_until, false});
  return out;
}

/// Those that end first, as many as a picture can hold, in the order they had.
std::vector<TimelineBar> drawn(std::vector<TimelineBar> bars) {
  if (bars.size() <= kBars) return bars;
  const auto end = [](const TimelineBar& bar) { return bar.until.value_or(TimePoint::max()); };
  std::vector<TimePoint> ends;
  std::ranges::transform(bars, std::back_inserter(ends), end);
  std::ranges::nth_element(ends, ends.begin() + kBars - 1);
  const auto last = ends[kBars - 1];
  std::erase_if(bars, [&](const auto& bar) { return end(bar) > last; });
  bars.resize(kBars);
  return bars;
}

using Mark = TimelineMark;

std::vector<Mark> marks_of(const Simulation& result, TimePoint now, std::vector<Mark> out) {
  // What a renewal in time will put off is no alarm yet.
  const auto add = [&](const WorldPoint& point, const char* words) {
    const bool urgent = point.at - now < kUrgent;
    const bool renewed = std::ranges::any_of(point.reason, [](const WorldReason& r) {
      return r.why == Why::certificate_expired || r.why == Why::policy_host_certificate_expired;
    });
    out.push_back({point.at, (renewed && !urgent ? "unless renewed, " : "") + std::string(words), urgent});
  };
  if (result.rfc.degradation) add(*result.rfc.degradation, "some MX hosts drop out");
  if (result.rfc.breakage) add(*result.rfc.breakage, "mail of enforcing senders stops");
  if (result.rfc.lapse)
    out.push_back({*result.rfc.lapse, "protection ends", *result.rfc.lapse - now < kUrgent});
  return out;
}

/// The picture reaches a little beyond the last thing that happens.
TimePoint horizon(const World& world, const std::vector<TimelineBar>& bars, const std::vector<Mark>& marks) {
  TimePoint last = world.now + kLeast;
  for (const auto& bar : bars)
    if (bar.until) last = std::max(last, *bar.until);
  for (const auto& mark : marks)
    last = std::max(last, mark.at);
  return std::min(world.now + (last - world.now) * 21 / 20, world.now + kMost);
}

class Picture {
 public:
  Picture(Html& page, TimePoint now, TimePoint end) : page_(page), now_(now), end_(end) {}

  void draw(const std::vector<TimelineBar>& bars, const std::vector<Mark>& marks) {
    const int height = kTop + static_cast<int>(bars.size()) * kRowHeight + 10;
    page_.raw("<svg viewBox=\"0 0 ")
        .raw(std::to_string(kWidth))
        .raw(" ")
        .raw(std::to_string(height + kMarkHeight * static_cast<int>(marks.size())))
        .raw("\" aria-hidden=\"true\">");
    axis(height);
    // What is written stands above what is drawn, and is readable where they cross.
    for (std::size_t i = 0; i < bars.size(); ++i)
      draw(bars[i], y_of(i));
    for (std::size_t i = 0; i < marks.size(); ++i)
      draw(marks[i], height, height + y_of_mark(i));
    for (std::size_t i = 0; i < bars.size(); ++i)
      label(bars[i], y_of(i));
    for (std::size_t i = 0; i < marks.size(); ++i)
      label(marks[i], height + y_of_mark(i));
    page_.raw("</svg>");
  }

 private:
  int x(TimePoint at) const {
    const auto span = std::clamp<std::int64_t>((at - now_).count(), 0, (end_ - now_).count());
    return kLeft +
           static_cast<int>(span * (kRight - kLeft) / std::max<std::int64_t>(1, (end_ - now_).count()));
  }

  void axis(int height) {
    constexpr int kTicks = 6;
    for (int i = 0; i <= kTicks; ++i) {
      const TimePoint at = now_ + (end_ - now_) * i / kTicks;
      const std::string where = std::to_string(x(at));
      page_.raw("<line class=\"axis\" x1=\"")
          .raw(where)
          .raw("\" x2=\"")
          .raw(where)
          .raw("\" y1=\"18\" y2=\"")
          .raw(std::to_string(height))
          .raw("\"/><text class=\"dimtext\" y=\"12\" x=\"")
          .raw(where)
          .raw(i == 0        ? "\">"
               : i == kTicks ? "\" text-anchor=\"end\">"
                             : "\" text-anchor=\"middle\">")
          .text(i == 0 ? "now" : to_utc(at).substr(0, 10))
          .raw("</text>");
    }
  }

  static int y_of(std::size_t bar) { return kTop + static_cast<int>(bar) * kRowHeight; }
  static int y_of_mark(std::size_t mark) { return 12 + kMarkHeight * static_cast<int>(mark); }
  bool over(const TimelineBar& bar) const { return bar.until && *bar.until <= now_; }

  void draw(const TimelineBar& bar, int y) {
    const int end = bar.until ? x(*bar.until) : kRight;
    const char* kind = over(bar)                              ? "over"
                       : bar.late                             ? "late"
                       : bar.kind == TimelineBar::Kind::cache ? "cache"
                                                              : "bar";
    page_.raw("<rect class=\"")
        .raw(kind)
        .raw("\" rx=\"2\" height=\"10\" x=\"")
        .raw(std::to_string(kLeft))
        .raw("\" y=\"")
        .raw(std::to_string(y + 17))
        .raw("\" width=\"")
        .raw(std::to_string(std::max(3, end - kLeft)))
        .raw("\"/>");
  }

  void label(const TimelineBar& bar, int y) {
    page_.raw("<text x=\"")
        .raw(std::to_string(kLeft))
        .raw("\" y=\"")
        .raw(std::to_string(y + 12))
        .raw("\">")
        .text(bar.label + (bar.late && !over(bar) ? " · renewal overdue" : ""))
        .raw("</text><text class=\"dimtext\" text-anchor=\"end\" x=\"")
        .raw(std::to_string(kRight))
        .raw("\" y=\"")
        .raw(std::to_string(y + 12))
        .raw("\">")
        .text(bar.until ? (over(bar) ? "over since " : "until ") + in_minutes(*bar.until) : "no end foreseen")
        .raw("</text>");
  }

  void draw(const Mark& mark, int height, int y) {
    const std::string where = std::to_string(x(mark.at));
    page_
        .raw(mark.urgent ? "<line class=\"mark\" y1=\"18\" x1=\""
                         : "<line class=\"mark far\" y1=\"18\" x1=\"")
        .raw(where)
        .raw("\" x2=\"")
        .raw(where)
        .raw("\" y2=\"")
        .raw(std::to_string(std::max(height, y - 12)))
        .raw("\"/>");
  }

  void label(const Mark& mark, int y) {
    const bool right = x(mark.at) > kWidth / 2;
    page_.raw(mark.urgent ? "<text class=\"marktext\" y=\"" : "<text class=\"marktext far\" y=\"")
        .raw(std::to_string(y))
        .raw("\" x=\"")
        .raw(std::to_string(x(mark.at)))
        .raw(right ? "\" text-anchor=\"end\">" : "\">")
        .text(mark.words + ' ' + in_minutes(mark.at))
        .raw("</text>");
  }

  Html& page_;
  TimePoint now_, end_;
};

void table(Html& page, const std::vector<TimelineBar>& bars, const std::vector<Mark>& marks, TimePoint now) {
  page.raw(
      "<details><summary>The same as a table</summary><div class=\"scroll\"><table><thead><tr><th "
      "scope=\"col\">What"
      "</th><th scope=\"col\">Until</th></tr></thead><tbody>");
  for (const auto& bar : std::span(bars).first(std::min(bars.size(), kRows)))
    page.raw("<tr><th scope=\"row\">")
        .text(bar.label)
        .raw("</th><td>")
        .text(bar.until ? in_minutes(*bar.until) : "no end is foreseen")
        .raw(bar.until && *bar.until <= now ? " <span class=\"tag critical\">over</span>"
             : bar.late                     ? " <span class=\"tag warning\">renewal overdue</span>"
                                            : "")
        .raw("</td></tr>");
  for (const auto& mark : marks)
    page.raw("<tr><th scope=\"row\">")
        .text(mark.words)
        .raw("</th><td>")
        .text(in_minutes(mark.at))
        .raw("</td></tr>");
  page.raw("</tbody></table></div>");
  if (bars.size() > kRows)
    page.raw("<p class=\"small dim\">And ").number(bars.size() - kRows).raw(" more.</p>");
  page.raw("</details>");
}

}  // namespace

void write_timeline(Html& page, const World& world, const Simulation& result,
                    std::vector<TimelineMark> also) {
  const auto bars = bars_of(world, result);
  const auto marks = marks_of(result, world.now, std::move(also));
  if (bars.empty() && marks.empty()) {
    page.raw("<p class=\"dim\">Nothing with an end is known of this domain.</p>");
    return;
  }
  page.raw(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Time-line, scrolls sideways\">");
  const auto shown = drawn(bars);
  Picture(page, world.now, horizon(world, shown, marks)).draw(shown, marks);
  page.raw("</div>");
  if (shown.size() < bars.size())
    page.raw("<p class=\"small dim\">")
        .number(bars.size() - shown.size())
        .raw(" more, which end later, are in the table.</p>");
  table(page, bars, marks, world.now);
}

}  // namespace stswatch
