// Looks that another agent of the fleet asks for: one after the other, by a thread of its own, and none at a
// domain that was just looked at so.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "agent/remember/second_look.h"
#include "agent/watch/service.h"

namespace stswatch {

class LooksForOthers : public SecondEyes {
 public:
  using Look = std::function<SecondLookAnswer(SecondLookAsked asked)>;

  /// `clock` outlives this, as does what `look` needs.
  LooksForOthers(Look look, Clock& clock);
  ~LooksForOthers() override;  // waits for the look under way: end that first

  static constexpr std::size_t kWaiting = 2;
  static constexpr std::chrono::seconds kGap{30};  // between looks at one domain

  bool has_time_for(const std::string& domain) override;
  void look(SecondLookAsked asked) override;
  std::vector<SecondLookAnswer> answers() override;

 private:
  void work(const std::stop_token& stop);

  const Look look_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any more_;
  std::deque<SecondLookAsked> waiting_;          // guarded by mutex_, as are the next two
  std::map<std::string, SteadyPoint> asked_at_;  // of the last moments
  std::vector<SecondLookAnswer> answers_;
  std::jthread thread_;  // last
};

/// One look, now, as far as it comes before whoever asked waits no more. Leaves no trace in memory.
SecondLookAnswer look_for_another(Service& service, const Memory& memory, Clock& clock, const Cancel& cancel,
                                  SecondLookAsked asked);

}  // namespace stswatch
