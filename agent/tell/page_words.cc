#include "agent/tell/page_words.h"

#include <algorithm>

namespace stswatch {

std::string mode_in_words(const Verdict& v) {
  std::string out;
  if (v.mode)
    out = std::string(to_string(*v.mode));
  else if (v.record.outcome == Outcome::absent)
    out = "none published";
  else if (v.record.outcome == Outcome::unknown || v.policy.outcome == Outcome::unknown)
    out = "unknown";
  else
    out = "no policy in effect";
  const Mode shown = v.mode.value_or(Mode::none);
  if (v.live_mode > shown) out += ", " + std::string(to_string(v.live_mode)) + " still in caches";
  return out;
}

std::string when_in_words(TimePoint at, TimePoint now) {
  if (at == now) return "now";
  const std::string date = " (" + to_utc(at) + ")";
  return at > now ? "in " + to_words(at - now) + date : to_words(now - at) + " ago" + date;
}

std::string outlook_in_words(const Verdict& v, TimePoint now) {
  const auto words = [&](const char* what, const ForecastPoint& p) {
    const std::string when = p.at <= now ? "now" : when_in_words(p.at, now);
    return std::string(what) + ' ' + when + ": " + p.reason +
           (p.subject == v.domain.str() ? "" : ' ' + p.subject);
  };
  if (v.forecast.breakage) return words("breakage", *v.forecast.breakage);
  if (v.forecast.degradation) return words("degradation", *v.forecast.degradation);
  return {};
}

std::optional<TimePoint> last_look(const DomainMemory& memory) {
  std::optional<TimePoint> out;
  for (const auto& [part, times] : memory.times)
    if (times.last_look && (!out || *times.last_look > *out)) out = times.last_look;
  return out;
}

}  // namespace stswatch
