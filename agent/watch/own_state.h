// What ails the agent itself, as incidents: its sight (port 25, resolver, STARTTLS), its means (descriptors),
// its clock, its store, its receivers, its configuration. Whoever finds out says so here once it is
// confirmed, and again when it is over; from here it is logged, told to receivers, and shown on pages, health
// and metrics. What was open at the end of a run is open at the next start, until it is looked at anew.
// Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/remember/key_value_store.h"
#include "agent/remember/memory.h"
#include "agent/remember/store.h"
#include "agent/tell/http.h"
#include "agent/watch/calendar.h"
#include "agent/watch/clock.h"
#include "agent/watch/notifier.h"
#include "agent/watch/reload.h"
#include "agent/watch/report_watch.h"
#include "agent/watch/service.h"

namespace stswatch {

class OwnState {
 public:
  /// Reads what was open. `rows` and `clock` outlive this.
  OwnState(KeyValueStore& rows, const Clock& clock);

  /// Called after each change, with no lock held.
  void on_change(std::function<void()> call);

  /// It is so, with values in `detail`; repeated as often as it is seen. `code` is one of the catalogue's.
  void ails(std::string_view code, const std::string& detail);
  /// It is not, or no longer.
  void well(std::string_view code);
  /// Either, by whether there is something to say.
  void settle(std::string_view code, const std::optional<std::string>& detail);

  bool is(std::string_view code) const;
  std::vector<Finding> open() const;
  /// The open ones, and those that ended lately.
  std::vector<Incident> incidents() const;

 private:
  void keep(const Incident& incident) const;
  void tell() const;

  KeyValueStore& rows_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Incident, std::less<>> incidents_;  // by code; guarded by mutex_
  std::function<void()> on_change_;
};

// What people may ask of the agent over HTTP: each act is done by the part that it concerns, and logged with
// who asked and from where.

/// The acts among the parts of the server, and who may ask for them; all that is given outlives it.
HttpParts acts_of(Service& service, Notifier& notifier, Reloader& reloader, Clock& clock);

}  // namespace stswatch

namespace stswatch::systemd {

// What systemd is told (sd_notify(3)); nothing when it did not start us.

void ready(std::size_t domains);  // after the start, and after each reload
void reloading();                 // for Type=notify-reload
void stopping();
/// How often systemd must hear that we are alive, if at all: WatchdogSec of the unit.
std::optional<std::chrono::microseconds> watchdog();

/// Tells systemd that we are alive, unless we are not: hearing nothing, it starts us anew.
class Pulse {
 public:
  /// `stuck`: why the service no longer turns; logged once.
  void beat(const std::optional<std::string>& stuck);

 private:
  bool stuck_ = false;
};

}  // namespace stswatch::systemd

namespace stswatch {

// The agent looks at itself, every few seconds: its clock, its means, its ports, its store, its receivers,
// its configuration. What lasts is said by OwnState. One thread calls it.

/// One thing to ask: what is wrong at present, in words; nullopt: nothing. `lasts`: how long in a row it has
/// to be so before it is said; where the answer is confirmed already, not at all.
struct SelfQuestion {
  std::string_view code;
  Seconds lasts{0};
  std::function<std::optional<std::string>()> ask;
  /// False: nobody can say yet, so what was open at the end of the last run stays so.
  std::function<bool()> known{};
};

class SelfCheck {
 public:
  SelfCheck(OwnState& own, const Clock& clock, std::vector<SelfQuestion> questions)
      : own_(own), clock_(clock), questions_(std::move(questions)) {}

  void turn();

 private:
  OwnState& own_;
  const Clock& clock_;
  const std::vector<SelfQuestion> questions_;
  std::map<std::string_view, SteadyPoint> since_;  // of those that are wrong, by code
};

// What the running agent asks itself, and for how long an answer has to stand before it is said. Made once,
// before the first look: what is remembered from a clock that was wrong is dated anew then.

/// What the agent can be asked of itself; an answer is what is wrong at present.
struct SelfSenses {
  using Sense = std::function<std::optional<std::string>()>;
  Sense clocks, means, resolver, validation, skew, starttls, port25, store, configuration, receivers, reports;
  std::function<bool()> port25_tried;
};

/// A row for each sense: the code it raises, and how long it has to be so.
std::vector<SelfQuestion> self_questions(const SelfSenses& senses);

/// Which receivers are owed a notice for too long, and how much; nullopt: none.
std::optional<std::string> owed_too_long(std::span<const ReceiverFigures> receivers, TimePoint now);

/// All of them outlive the senses.
struct SelfParts {
  Calendar& clock;
  Service& service;
  Notifier& notifier;
  Store& memory;
  Reloader& reloader;
  ReportWatch& reports;
};

SelfSenses senses_of(const SelfParts& of);

}  // namespace stswatch
