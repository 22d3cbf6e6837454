// What the halves of the service share. Used by service*.cc only.
#pragma once

#include <chrono>
#include <vector>

#include "agent/watch/service.h"

namespace stswatch {

inline const LookSubject kVantage{Kind::vantage, "the vantage"};

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Takes back what our date alone holds against a certificate while our clock is in doubt. Answers whether it
/// is to be looked at again soon: nobody has said yet what time it is, and somebody is about to.
template <class Look>
bool withdraw_doubtful(VantageWatch& watch, const Vantage& vantage, SteadyPoint steady, Look& look) {
  if (!has_dated(look)) return false;
  if (!vantage.clock_doubted.empty()) {
    withdraw_dated(look);
    return false;
  }
  if (!watch.awaits_dates(look.at, steady)) return false;
  withdraw_dated(look, "nobody has said yet what time it is");
  return true;
}

/// What comes and goes, but for remarks.
void log_transitions(const Domain& name, const std::vector<Transition>& transitions);

/// What a domain whose mail goes to the hosts in `facts` is judged with.
JudgeInputs surroundings(const Memory& memory, const DomainObservation& facts, const Vantage& vantage,
                         const LiveConfig& plan, const DomainConfig& domain,
                         const Service::ReportsOf& reports_of, PlanWatch* plans);

}  // namespace stswatch
