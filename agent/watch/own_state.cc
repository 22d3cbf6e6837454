#include "agent/watch/own_state.h"

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "agent/tell/door/listener.h"
#include "agent/watch/calendar.h"
#include "agent/watch/log.h"
#include "alerts/decide.h"
#include "checks/facts/bounds.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr const char* kTable = "own_trouble";
constexpr const char* kSubject = "stswatch";

Incident incident_of(std::string_view code, const std::string& detail, TimePoint now) {
  Findings raised(agent_itself(), Mode::none, now);
  raised.raise(code, kSubject, printable(detail, bounds::kDetail));
  Incident incident;
  incident.finding = raised.all().at(0);
  incident.opened = incident.last_bad = now;
  incident.bad_looks = 1;
  return incident;
}

/// nullopt for a row of another version, or a code that is no more.
std::optional<Incident> from_row(const std::string& code, const std::string& text) {
  const auto row = nlohmann::json::parse(text, nullptr, false);
  const auto* entry = find_in_catalogue(code);
  if (!row.is_object() || entry == nullptr || !entry->of_the_agent()) return std::nullopt;
  const auto string_at = [&](const char* key) {
    const auto it = row.find(key);
    return it != row.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto opened = parse_utc(string_at("opened"));
  if (!opened) return std::nullopt;
  return incident_of(code, string_at("detail"), *opened);
}

}  // namespace

OwnState::OwnState(KeyValueStore& rows, const Clock& clock) : rows_(rows), clock_(clock) {
  const auto now = clock_.now();
  for (const auto& [code, text] : rows_.all(kTable)) {
    auto incident = from_row(code, text);
    if (!incident) continue;
    incident->opened = std::min(incident->opened, now);
    incidents_.emplace(code, std::move(*incident));
  }
}

void OwnState::on_change(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  on_change_ = std::move(call);
}

void OwnState::ails(std::string_view code, const std::string& detail) {
  const auto now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    const auto it = incidents_.find(code);
    if (it != incidents_.end() && it->second.open()) {
      it->second.last_bad = now;
      it->second.finding.detail = printable(detail, bounds::kDetail);
      ++it->second.bad_looks;
      return;
    }
    const auto& incident =
        incidents_.insert_or_assign(std::string(code), incident_of(code, detail, now)).first->second;
    keep(incident);
    const auto* entry = find_in_catalogue(code);
    const auto& finding = incident.finding;
    log_line(finding.severity == Severity::critical ? spdlog::level::err : spdlog::level::warn,
             {.event = "agent-opened", .code = code, .subject = finding.subject}, "{}: {} [{}] {}",
             entry->title, detail, code, finding.fix);
  }
  tell();
}

void OwnState::well(std::string_view code) {
  const auto now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    const auto it = incidents_.find(code);
    if (it == incidents_.end() || !it->second.open()) return;
    it->second.closed = now;
    rows_.erase(kTable, it->first);
    log_info({.event = "agent-closed", .code = code, .subject = it->second.finding.subject},
             "over after {}: {} [{}]", to_words(now - it->second.opened), find_in_catalogue(code)->title,
             code);
  }
  tell();
}

void OwnState::settle(std::string_view code, const std::optional<std::string>& detail) {
  if (detail)
    ails(code, *detail);
  else
    well(code);
}

bool OwnState::is(std::string_view code) const {
  const std::lock_guard lock(mutex_);
  const auto it = incidents_.find(code);
  return it != incidents_.end() && it->second.open();
}

std::vector<Finding> OwnState::open() const { return open_findings(incidents()); }

std::vector<Incident> OwnState::incidents() const {
  const std::lock_guard lock(mutex_);
  std::vector<Incident> all;
  for (const auto& [_, incident] : incidents_)
    all.push_back(incident);
  return all;
}

void OwnState::keep(const Incident& incident) const {
  const auto& f = incident.finding;
  rows_.put(kTable, f.code, nlohmann::json{{"opened", to_utc(incident.opened)}, {"detail", f.detail}}.dump());
}

void OwnState::tell() const {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex_);
    call = on_change_;
  }
  if (call) call();
}

void SelfCheck::turn() {
  const auto now = clock_.steady();
  for (const auto& question : questions_) {
    if (question.known && !question.known()) continue;
    const auto wrong = question.ask();
    if (!wrong) {
      since_.erase(question.code);
      own_.well(question.code);
      continue;
    }
    const auto since = since_.try_emplace(question.code, now).first->second;
    if (now - since >= question.lasts) own_.ails(question.code, *wrong);
  }
}

// What it asks itself.

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

// What people may ask of the agent.

namespace {

tl::expected<void, std::string> silence(Notifier& notifier, const Silence& s, TimePoint now) {
  const auto id = notifier.dispatcher().silence(s, now);
  if (!id)
    return tl::make_unexpected("There are " + std::to_string(kSilencesOfDomain) +
                               " silences of this domain: end some, or silence all of it.");
  log_info({.event = "silence-begun", .domain = s.domain, .code = s.code, .subject = s.subject},
           "silence {}: {}", *id, in_words(s));
  return {};
}

LookAsked look(Service& service, const Domain& name, const std::string& who) {
  const auto asked = service.look_now(name);
  if (asked == LookAsked::at_it)
    log_info({.event = "look-asked", .domain = name.str()}, "{}: looked at again for {}", name.str(), who);
  return asked;
}

}  // namespace

HttpParts acts_of(Service& service, Notifier& notifier, Reloader& reloader, Clock& clock) {
  HttpParts parts;
  parts.gate = [&] { return service.plan()->gate; };
  parts.own_names = [&] {
    const auto& agent = service.plan()->config.agent;
    return door::OwnNames{agent.external_url, agent.hosts, door::on_this_machine};
  };
  parts.has_badge = [&](const std::string& domain) {
    const auto plan = service.plan();
    const auto& globs = plan->config.badge.allow;
    return std::ranges::any_of(globs, [&](const auto& glob) { return glob_matches(glob, domain); });
  };
  parts.badges_are_public = [&] { return service.plan()->config.badge.open; };
  parts.stuck = [&] { return service.stuck(); };
  parts.look_now = [&](const Domain& name, const std::string& who) { return look(service, name, who); };
  parts.silence = [&](const Silence& s) { return silence(notifier, s, clock.now()); };
  parts.lift_silence = [&](const std::string& id, const std::string& who) {
    const bool lifted = notifier.dispatcher().lift_silence(id);
    if (lifted) log_info({.event = "silence-ended"}, "silence {} was ended by {}", id, who);
    return lifted;
  };
  parts.acknowledge = [&](const Domain& name, const std::string& who) {
    const bool done = notifier.acknowledge(name.str());
    if (done)
      log_info({.event = "acknowledged", .domain = name.str()}, "what was told of {} was acknowledged by {}",
               name.str(), who);
    return done;
  };
  parts.reload = [&](const std::string& who) {
    log_info({.event = "reload-asked"}, "a reload was asked for by {}", who);
    return reloader.reload();
  };
  return parts;
}

}  // namespace stswatch

namespace stswatch::systemd {

// What systemd is told.

namespace {

long long monotonic_usec() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

void ready(std::size_t domains) {
  sd_notifyf(0, "READY=1\nSTATUS=watching %zu domain%s", domains, domains == 1 ? "" : "s");
}

void reloading() { sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", monotonic_usec()); }

void stopping() { sd_notify(0, "STOPPING=1\nSTATUS=stopping"); }

std::optional<std::chrono::microseconds> watchdog() {
  std::uint64_t usec = 0;
  if (sd_watchdog_enabled(0, &usec) <= 0) return std::nullopt;
  return std::chrono::microseconds{usec};
}

void Pulse::beat(const std::optional<std::string>& stuck) {
  if (stuck && !stuck_)
    log_error({.event = "stuck"},
              "the service is stuck: {}; restart it (systemd does when WatchdogSec is set)", *stuck);
  stuck_ = stuck.has_value();
  if (!stuck_) sd_notify(0, "WATCHDOG=1");
}

}  // namespace stswatch::systemd
