#include "agent/watch/self_questions.h"

#include "agent/watch/clock_log.h"
#include "agent/watch/log.h"
#include "checks/facts/join.h"

namespace stswatch {
namespace {

constexpr Seconds kDatedAheadFor{600};  // how long it is told that what is remembered came from a wrong clock
constexpr Seconds kStoreFails{10};      // one write that is late is nothing: the second attempt failed too
constexpr Seconds kPort25{60};          // a second round of the canaries
constexpr Seconds kReportsWait{10};     // somebody may be moving it
constexpr Seconds kOwedTooLong{600};    // to a receiver
constexpr Seconds kClocksLogged{300};

/// What the clocks did while nobody looked, and what they do: one answer to whether the calendar is in doubt.
class ClockQuestion {
 public:
  ClockQuestion(Calendar& calendar, Service& service, Notifier& notifier, KeyValueStore& rows)
      : calendar_(calendar), service_(service), notifier_(notifier), rows_(rows) {
    const auto jumped = jumped_since_logged(rows_, hands_, boot_);
    const auto ahead = service_.redate();
    notifier_.redate();
    if (jumped)
      before_ = "while the agent did not run the wall clock jumped by " + to_words(*jumped) +
                (*jumped < Seconds{0} ? " back" : " ahead");
    else if (ahead > kClockStep)
      before_ = "what is remembered was seen by a clock that was " + to_words(ahead) + " ahead of this one";
    log_clocks(rows_, hands_, boot_);
  }

  std::optional<std::string> ask() {
    const auto now = calendar_.steady();
    if (calendar_.jumps() != jumps_) {
      jumps_ = calendar_.jumps();
      (void)service_.redate();
      notifier_.redate();
      log_warning({.event = "clock-believed"}, "the wall clock is believed from now on: it is {}",
                  to_utc(calendar_.now()));
    }
    const auto doubt = calendar_.doubt();
    if (!doubt && now - logged_ >= kClocksLogged) {
      log_clocks(rows_, hands_, boot_);
      logged_ = now;
    }
    if (doubt) return doubt->in_words();
    return !before_.empty() && now - began_ < kDatedAheadFor ? std::optional(before_) : std::nullopt;
  }

 private:
  Calendar& calendar_;
  Service& service_;
  Notifier& notifier_;
  KeyValueStore& rows_;
  const Hands hands_ = machine_hands();
  const std::string boot_ = this_boot();
  const SteadyPoint began_ = calendar_.steady();
  SteadyPoint logged_ = began_;
  std::string before_;
  int jumps_ = 0;
};

}  // namespace

std::optional<std::string> owed_too_long(std::span<const ReceiverFigures> receivers, TimePoint now) {
  std::string out;
  for (const auto& r : receivers)
    if (r.oldest && now - *r.oldest >= kOwedTooLong)
      text::add(out, "; ",
                r.name + " is owed " + std::to_string(r.pending) + (r.pending == 1 ? " notice" : " notices") +
                    ", the oldest since " + to_utc(*r.oldest));
  return out.empty() ? std::nullopt : std::optional(out);
}

SelfSenses senses_of(const SelfParts& of) {
  auto& [clock, service, notifier, memory, reloader, reports] = of;
  const auto clocks = std::make_shared<ClockQuestion>(clock, service, notifier, memory.key_values());
  return {.clocks = [clocks] { return clocks->ask(); },
          .means = [&service] { return service.lacking(); },
          .resolver = [&service] { return service.plan()->probes.vantage->resolver_blind(); },
          .validation = [&service] { return service.plan()->probes.vantage->resolver_not_validating(); },
          .skew = [&service, &clock] { return service.plan()->probes.vantage->clock_skewed(clock.now()); },
          .starttls = [&service] { return service.plan()->probes.vantage->starttls_stripped(); },
          .port25 = [&service] { return service.port25_blocked(); },
          .store = [&memory] { return memory.health().trouble; },
          .configuration = [&reloader] { return reloader.refused(); },
          .receivers =
              [&notifier, &clock] {
                Snapshot s;
                notifier.describe(s);
                return owed_too_long(s.receivers, clock.now());
              },
          .reports = [&reports] { return reports.trouble(); },
          .port25_tried = [&service] { return service.port25_tried(); }};
}

std::vector<SelfQuestion> self_questions(const SelfSenses& senses) {
  return {{"vantage-clock-stepped", Seconds{0}, senses.clocks},
          {"vantage-resources", Seconds{0}, senses.means},
          {"vantage-resolver-blind", Seconds{0}, senses.resolver},
          {"vantage-resolver-not-validating", Seconds{0}, senses.validation},
          {"vantage-clock-skew", Seconds{0}, senses.skew},
          {"vantage-starttls-stripped", Seconds{0}, senses.starttls},
          {"vantage-port25-blocked", kPort25, senses.port25, senses.port25_tried},
          {"agent-store-failing", kStoreFails, senses.store},
          {"agent-reload-failed", Seconds{0}, senses.configuration},
          {"agent-receiver-failing", Seconds{0}, senses.receivers},
          {"agent-reports-failing", kReportsWait, senses.reports}};
}

}  // namespace stswatch
