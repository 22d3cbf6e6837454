#include "agent/tell/http.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "agent/remember/saved_look.h"
#include "agent/tell/html.h"
#include "agent/tell/json.h"
#include "agent/tell/metrics.h"

namespace stswatch {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using std::chrono::milliseconds;

constexpr milliseconds kWayBack{500};  // as blackbox_exporter's default --timeout-offset
constexpr double kLongest = 86400;

MetricFamily gauge(const char* name, const char* help, double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  return {name, help, MetricType::Gauge, {metric}};
}

bool success(const Verdict& verdict) {
  return verdict.status == Status::ok || verdict.status == Status::warning;
}

}  // namespace

std::vector<MetricFamily> probe_families(const ProbeAnswer& answer) {
  std::vector<MetricFamily> families{
      gauge("probe_success", "1 when the look's status is ok or warning, 0 when it is critical or unknown.",
            success(answer.record->verdict) ? 1 : 0),
      gauge("probe_duration_seconds", "How long the look took.", answer.seconds)};
  for (auto& family : families_of(*answer.record))
    families.push_back(std::move(family));
  return families;
}

std::string probe_in_words(const ProbeAnswer& answer, const std::string& exposition) {
  const auto& verdict = answer.record->verdict;
  return "One look at " + verdict.domain.str() + " took " + std::to_string(answer.seconds) + " s.\n\n" +
         to_text(verdict, {.explain = true}) + "\nAs `check --json` has it:\n\n" +
         to_json(verdict).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n\nThe metrics without debug=true:\n\n" + exposition;
}

std::optional<milliseconds> scrape_timeout(const std::string& header) {
  double seconds = 0;
  const auto* end = header.data() + header.size();
  const auto [read, error] = std::from_chars(header.data(), end, seconds);
  if (error != std::errc() || read != end || !(seconds > 0) || seconds > kLongest) return std::nullopt;
  const milliseconds whole{static_cast<milliseconds::rep>(seconds * 1000)};
  return whole > 2 * kWayBack ? whole - kWayBack : whole / 2;
}

namespace {

using Json = nlohmann::ordered_json;

Json looks_of(const DomainMemory& memory) {
  Json looks = Json::object();
  for (const auto& [part, t] : memory.times) {
    const auto at = [](const std::optional<TimePoint>& when) {
      return when ? Json(to_utc(*when)) : Json(nullptr);
    };
    looks[std::string(to_string(part))] = {{"last_look", at(t.last_look)},
                                           {"last_success", at(t.last_success)}};
  }
  return looks;
}

Json history_of(const DomainMemory& memory) {
  Json out = Json::array();
  for (const auto& c : memory.past.changes)
    out.push_back({{"at", to_utc(c.at)},
                   {"code", c.code},
                   {"subject", c.subject},
                   {"from", c.from},
                   {"to", c.to},
                   {"planned", c.planned}});
  return out;
}

/// Those that are open, and those that ended within the last seven days.
Json incidents_of(const DomainMemory& memory, const Snapshot& snapshot) {
  Json out = Json::array();
  for (const auto& i : memory.incidents) {
    out.push_back({{"code", i.finding.code},
                   {"severity", to_string(i.finding.severity)},
                   {"subject", i.finding.subject},
                   {"since", to_utc(began(i, memory, snapshot))},
                   {"opened", to_utc(i.opened)},
                   {"closed", i.closed ? Json(to_utc(*i.closed)) : Json(nullptr)}});
    if (!snapshot.seen_from || !i.open() || i.finding.route != Route::page) continue;
    const auto sight = snapshot.seen_from(memory.verdict.domain.str(), i);
    if (!sight.seen_from.empty()) out.back()["seen_from"] = sight.seen_from;
    if (!sight.not_seen_from.empty()) out.back()["not_seen_from"] = sight.not_seen_from;
  }
  return out;
}

/// Texts from the network may be no UTF-8.
std::string written(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Those that stand; `id` is null for those of the configuration, which end with it.
template <class Fits>
Json silences_of(const Snapshot& snapshot, Fits fits) {
  Json out = Json::array();
  const auto add = [&](const Json& id, const Silence& s) {
    if (!stands(s, snapshot.now) || !fits(s)) return;
    out.push_back({{"id", id},
                   {"domain", s.domain},
                   {"code", s.code},
                   {"subject", s.subject},
                   {"until", s.until ? Json(to_utc(*s.until)) : Json()},
                   {"comment", s.comment},
                   {"by", s.by}});
  };
  for (const auto& s : snapshot.configured_silences)
    add(nullptr, s);
  for (const auto& [id, s] : snapshot.silences)
    add(id, s);
  return out;
}

}  // namespace

std::string api_domains(const Snapshot& snapshot) {
  Json out = Json::array();
  for (const auto& memory : snapshot.domains)
    out.push_back(summary_json(memory->verdict, claims_of(snapshot, *memory)));
  return written(out);
}

std::optional<std::string> api_domain(const Snapshot& snapshot, const std::string& name) {
  for (const auto& memory : snapshot.domains) {
    if (memory->verdict.domain.str() != name) continue;
    Json out = to_json(memory->verdict, fact_times(snapshot, *memory), claims_of(snapshot, *memory));
    out["looks"] = looks_of(*memory);
    out["incidents"] = incidents_of(*memory, snapshot);
    out["history"] = history_of(*memory);
    const auto plan = snapshot.plans.find(name);
    out["plan"] = plan == snapshot.plans.end() ? Json(nullptr) : to_json(*plan->second, snapshot.now);
    out["silences"] = silences_of(snapshot, [&](const Silence& s) { return glob_matches(s.domain, name); });
    return written(out);
  }
  return std::nullopt;
}

std::string api_silences(const Snapshot& snapshot) {
  return written(silences_of(snapshot, [](const Silence&) { return true; }));
}

std::string api_findings(const Snapshot& snapshot) {
  Json out = Json::array();
  for (const auto& memory : snapshot.domains) {
    for (const auto& finding : memory->verdict.findings) {
      Json row{{"domain", memory->verdict.domain.str()}};
      row.update(to_json(finding));
      out.push_back(std::move(row));
    }
  }
  return written(out);
}

// The badge.

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
