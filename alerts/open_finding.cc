#include "alerts/open_finding.h"

#include <algorithm>

namespace stswatch {
std::string OpenFinding::host() const { return finding().subject.substr(0, finding().subject.find(' ')); }

std::string OpenFinding::key() const {
  if (nature.family == Family::agent) return finding().code;
  std::string key(to_string(nature.aspect));
  if (nature.change()) {
    // Another change of the same kind while the first is still shown is told as well.
    TimePoint at = incident->opened;
    for (const Change& c : record->past.changes)
      if (c.code == finding().code) at = std::max(at, c.at);
    key = finding().code + '@' + to_utc(at);
  }
  return key + ' ' + (nature.of_host ? host() : domain());
}

Severity severity_of(const Finding& finding) {
  return finding.of_the_agent && finding.route >= Route::ticket
             ? std::max(finding.severity, Severity::warning)
             : finding.severity;
}

bool wanted(const Finding& finding, Severity min_severity) {
  if (min_severity == Severity::info) return true;
  return finding.route != Route::log && severity_of(finding) >= min_severity;
}

std::vector<OpenFinding> items_of(std::shared_ptr<const DomainMemory> record,
                                  const std::vector<Silence>& silences, TimePoint now) {
  std::vector<OpenFinding> out;
  for (const Incident& incident : record->incidents) {
    const Finding& finding = incident.finding;
    if (!incident.open() || (finding.of_the_agent && finding.route == Route::log)) continue;
    OpenFinding item{record, &incident, nature_of(finding)};
    if (told_of_agent(finding) && !item.own()) continue;
    item.silenced = std::ranges::any_of(
        silences, [&](const Silence& s) { return covers(s, item.domain(), finding, now); });
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace stswatch
