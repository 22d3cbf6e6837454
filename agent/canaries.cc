#include "agent/canaries.h"

#include <algorithm>

namespace stswatch {
namespace {

constexpr Seconds kFresh{15};  // an answer as old as that is an answer of the same run (RULES 5.7)
constexpr Millis kPatience{
    10'000};  // for one canary: five times what a greeting takes that is not slowed down
constexpr Millis kRound{30'000};
constexpr Millis kGlance{50};  // how often a wait looks whether we are told to stop

}  // namespace

bool Canaries::begin_round(TimePoint now, const Deadline& deadline) {
  std::unique_lock lock(mutex_);
  while (under_way_) {
    if (deadline.passed() || deadline.cancelled()) return false;
    over_.wait_for(lock, std::min(deadline.left(), kGlance));
  }
  if (asked_ != TimePoint{} && now - asked_ <= kFresh) return false;
  under_way_ = true;
  return true;
}

void Canaries::ask(TimePoint now, const Cancel& cancel) {
  const auto deadline = Deadline::in(kRound, &cancel);
  if (hosts_.empty() || !begin_round(now, deadline)) return;
  std::string answered;
  bool refused = false;
  for (auto host = hosts_.begin(); host != hosts_.end() && answered.empty(); ++host) {
    const auto greets = observer_.greets(*host, deadline.within(kPatience));
    if (greets == true) answered = *host;
    refused |= greets == false;
  }
  const bool complete = !answered.empty() || (refused && !deadline.cancelled() && !deadline.passed());
  if (complete) vantage_.asked_canaries(answered, now);
  {
    const std::lock_guard lock(mutex_);
    under_way_ = false;
    if (complete) asked_ = now;
  }
  over_.notify_all();
}

bool silent(const MxHostObservation& look) {
  return std::any_of(look.probes.begin(), look.probes.end(), [](const SmtpProbe& probe) {
    return !answered(probe.failure) &&
           (probe.failure->cause == Cause::timeout || probe.failure->cause == Cause::refused ||
            probe.failure->cause == Cause::reset);
  });
}

}  // namespace stswatch
