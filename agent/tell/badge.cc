#include "agent/tell/badge.h"

#include "agent/tell/html.h"
#include "agent/tell/json.h"
#include "agent/tell/metrics.h"

namespace stswatch {
namespace {

constexpr std::size_t kLetter = 7, kMargin = 6;  // pixels; 11 px Verdana and its kin, on average
constexpr std::string_view kBadgeLabel = "MTA-STS", kNoPolicy = "no policy";

std::size_t width_of(std::string_view text) { return text.size() * kLetter + 2 * kMargin; }

/// White on these is readable (WCAG 2.1: a contrast of 4.5 and more).
std::string_view colour_of(Status status) {
  switch (status) {
    case Status::ok:
      return "#2e7d32";
    case Status::warning:
      return "#8a5a00";
    case Status::critical:
      return "#b71c1c";
    case Status::unknown:
      break;
  }
  return "#5f6368";
}

/// A domain without a policy may be as it should be, and is not protected for that.
std::string words_of(const Verdict& verdict, Status status) {
  if (status != Status::ok) return std::string(to_string(status));
  const auto mode = domain_mode(verdict);
  return mode == "absent" ? std::string(kNoPolicy) : std::string(mode) + ", ok";
}

void part(Html& svg, std::size_t x, std::string_view colour, std::string_view text) {
  const auto width = width_of(text);
  svg.raw("<rect x=\"")
      .number(x)
      .raw("\" width=\"")
      .number(width)
      .raw("\" height=\"20\" fill=\"")
      .raw(colour);
  svg.raw("\"/><text x=\"").number(x + kMargin).raw("\" y=\"14\" fill=\"#fff\" textLength=\"");
  svg.number(width - 2 * kMargin).raw("\">").text(text).raw("</text>");
}

}  // namespace

std::string badge_svg(const Snapshot& snapshot, const DomainMemory& memory) {
  const auto& verdict = memory.verdict;
  const auto status = told_status(snapshot, memory);
  const auto words = words_of(verdict, status);
  const auto title = std::string(kBadgeLabel) + " of " + verdict.domain.str() + ": " + words;
  const auto left = width_of(kBadgeLabel);
  Html svg;
  svg.raw("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"").number(left + width_of(words));
  svg.raw("\" height=\"20\" role=\"img\" aria-label=\"").text(title).raw("\">").element("title", title);
  svg.raw("<g font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">");
  part(svg, 0, "#424242", kBadgeLabel);
  part(svg, left, colour_of(words == kNoPolicy ? Status::unknown : status), words);
  svg.raw("</g></svg>\n");
  return svg.take();
}

}  // namespace stswatch
