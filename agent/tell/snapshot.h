// Everything that metrics and pages render, taken at one moment. Immutable once taken.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/remember/dated.h"
#include "agent/remember/memory.h"
#include "agent/remember/second_look.h"
#include "agent/reports/figures.h"
#include "agent/tell/metrics_options.h"
#include "checks/facts/tls_report.h"
#include "checks/judge/senders/plan.h"

namespace stswatch {

/// Of one kind of look: "domain", "policy", "mx".
struct KindState {
  std::string kind;
  Seconds interval{0};
  Seconds late{0};
  std::size_t subjects = 0;
};

/// What a receiver of notices was sent since the start, and what it is owed.
struct ReceiverFigures {
  std::string name;
  std::map<std::string, std::uint64_t> sent;    // by kind of notice
  std::map<std::string, std::uint64_t> failed;  // by reason
  std::size_t pending = 0;
  std::optional<TimePoint> oldest;  // of those pending
};

/// What comes of asking for a look. fresh: the last one is younger than five seconds, and is the answer.
enum class LookAsked { not_watched, elsewhere, at_it, fresh };  // elsewhere: another agent of the fleet looks

struct Snapshot {
  TimePoint now{};
  std::vector<std::shared_ptr<const DomainMemory>> domains;  // configured ones that have been looked at
  std::vector<std::shared_ptr<const MxMemory>> mx;           // hosts that those use, by name
  Freshness fresh_for;  // how old what is told as what is may be (CONTRACT 2)
  std::vector<KindState> kinds;
  std::size_t workers_busy = 0;
  std::size_t workers_idle = 0;
  std::optional<bool> port25_ok{};  // null: nobody was asked there yet
  std::vector<Incident> own;        // what ails the agent itself; the open ones are shown
  std::string trust_store_file, trust_store_sha256;
  std::uint64_t store_errors = 0;  // attempts to keep or read memory that failed
  bool reload_successful = true;
  TimePoint reload_success_at{};  // start counts as the first
  std::vector<ReceiverFigures> receivers;
  std::map<std::string, Silence> silences;  // by id: those that people have made
  std::vector<Silence> configured_silences;
  MetricsOptions metrics;
  /// The configuration's labels of a domain, null where it names none; only metrics ask.
  std::function<const std::map<std::string, std::string>*(const std::string& domain)> labels_of;
  reports::Figures reports;
  /// What senders report of a domain, null where nothing was; only pages ask.
  std::function<std::shared_ptr<const DomainReports>(const std::string& domain)> reports_of;
  std::map<std::string, std::shared_ptr<const FollowedPlan>> plans;  // that are followed, by domain
  /// In a fleet, from where is seen what pages; only the API asks.
  std::function<SeenFrom(const std::string& domain, const Incident& incident)> seen_from{};
  /// Domains that somebody was told of, and when all of that was acknowledged, if it was.
  std::map<std::string, std::optional<TimePoint>> told;
};

}  // namespace stswatch
