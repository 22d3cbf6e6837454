#include "agent/remember/incident.h"

#include <algorithm>
#include <array>
#include <optional>

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kKeepClosed = 7 * kDay;
constexpr std::size_t kChangesNoted = 32;  // more within a day say nothing new

bool same(const Finding& a, const Finding& b) { return a.code == b.code && a.subject == b.subject; }

void note_change(Incident& incident, TimePoint now) {
  std::erase_if(incident.changes, [&](TimePoint at) { return now - at > kDay; });
  if (incident.changes.size() < kChangesNoted) incident.changes.push_back(now);
}

/// A severity that fell and rose again within a day stands until it has been lower for so long as a finding
/// that comes and goes is held open.
bool swings(const Incident& incident, TimePoint now, const Patience& patience) {
  return incident.swung && now - *incident.swung < patience.flapping_quiet;
}

class Stepper {
 public:
  Stepper(std::vector<Incident> was, TimePoint now, const Patience& patience)
      : now_(now), patience_(patience) {
    out_.incidents = std::move(was);
    std::erase_if(out_.incidents,
                  [&](const Incident& i) { return i.closed && now - *i.closed > kKeepClosed; });
  }

  void bad(const Finding& finding, bool seen_anew, std::optional<TimePoint> happened) {
    auto it =
        std::ranges::find_if(out_.incidents, [&](const Incident& i) { return same(i.finding, finding); });
    if (it == out_.incidents.end())
      it = out_.incidents.insert(it, Incident{.finding = finding, .closed = now_, .changes = {}});
    Incident& incident = *it;
    const Severity before = incident.finding.severity;
    const Route route = incident.finding.route;
    const bool again =
        incident.open() && happened && *happened > incident.opened && !flapping(incident, now_, patience_);
    const bool opens = !incident.open() || again;
    incident.finding = finding;
    incident.good_looks = 0;
    incident.good_since.reset();
    incident.held_since.reset();
    if (opens) {
      incident.bad_looks = 0;
      incident.eased.reset();
      incident.swung.reset();
    } else {
      weigh(incident, before, route);
    }
    if (seen_anew || opens) {
      incident.last_bad = now_;
      ++incident.bad_looks;
    }
    if (opens) {
      // A look at a host may end while one at the domain that began before it is still under way.
      incident.opened = happened ? std::max(now_, *happened) : now_;
      incident.closed.reset();
      note_change(incident, now_);
      tell(Transition::Kind::opened, incident);
    } else if (incident.finding.severity != before) {
      tell(incident.finding.severity > before ? Transition::Kind::worse : Transition::Kind::better, incident);
    }
  }

  /// What is now at its threshold, now below it, is told once: it stays in its worse state (RULES 5.3).
  void weigh(Incident& incident, Severity before, Route route) {
    Finding& is = incident.finding;
    if (is.severity > before) {
      if (incident.eased && now_ - *incident.eased <= kDay) incident.swung = now_;
    } else if (is.severity == before) {
      if (incident.swung) incident.swung = now_;
    } else if (swings(incident, now_, patience_)) {
      is.severity = before;
      is.route = route;
    } else {
      incident.eased = now_;
      incident.swung.reset();
    }
  }

  void good(Incident& incident) {
    if (++incident.good_looks == 1) incident.good_since = now_;
    const int needed = incident.finding.of_the_agent ? 1 : patience_.good_looks;
    if (incident.good_looks < needed) return;
    if (!flapping(incident, now_, patience_)) return over(incident);
    if (!incident.held_since) incident.held_since = now_;
  }

  void over(Incident& incident) {
    incident.closed = now_;
    incident.good_since.reset();
    incident.held_since.reset();
    note_change(incident, now_);
    tell(Transition::Kind::closed, incident);
  }

  IncidentStep take() { return std::move(out_); }
  std::vector<Incident>& incidents() { return out_.incidents; }

 private:
  void tell(Transition::Kind kind, const Incident& incident) { out_.transitions.push_back({kind, incident}); }

  TimePoint now_;
  const Patience& patience_;
  IncidentStep out_;
};

}  // namespace

std::string_view to_string(Transition::Kind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"opened", "worse", "better", "closed"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool flapping(const Incident& incident, TimePoint now, const Patience& patience) {
  // What the agent cannot see accuses nobody: each time counts for itself, and none is held.
  if (incident.finding.of_the_agent) return false;
  if (!incident.open() || now - incident.last_bad >= patience.flapping_quiet) return false;
  const auto lately = std::ranges::count_if(incident.changes, [&](TimePoint at) { return now - at <= kDay; });
  return lately + 1 >= patience.flapping_changes;  // closing it would be one more
}

IncidentStep step(std::vector<Incident> was, const std::vector<Finding>& found,
                  const std::function<bool(const Finding&)>& seen_anew, TimePoint now,
                  const Patience& patience, const HappenedAt& happened_at, const Replaced& replaced) {
  Stepper stepper(std::move(was), now, patience);
  for (const Finding& finding : found)
    stepper.bad(finding, seen_anew(finding), happened_at ? happened_at(finding) : std::nullopt);
  for (Incident& incident : stepper.incidents()) {
    const bool there =
        std::ranges::any_of(found, [&](const Finding& f) { return same(f, incident.finding); });
    if (!incident.open() || there) continue;
    if (replaced && replaced(incident.finding))
      stepper.over(incident);
    else if (seen_anew(incident.finding))
      stepper.good(incident);
  }
  return stepper.take();
}

std::vector<Finding> open_findings(const std::vector<Incident>& incidents) {
  std::vector<Finding> out;
  for (const Incident& incident : incidents) {
    if (!incident.open()) continue;
    out.push_back(incident.finding);
    if (!incident.held_since) continue;
    Finding& held = out.back();
    held.held_since = incident.held_since;
    held.good_since = incident.good_since;
    held.detail = "fine since " + to_utc(incident.good_since.value_or(*incident.held_since)) +
                  ", held until " + to_utc(incident.last_bad + Patience{}.flapping_quiet) +
                  "; before: " + held.detail;
  }
  return sorted(std::move(out));
}

}  // namespace stswatch
