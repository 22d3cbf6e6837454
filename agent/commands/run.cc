// run: the service from start to stop.
#include <malloc.h>
#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <future>
#include <stop_token>

#include "agent/commands/commands.h"
#include "agent/remember/key_value_store.h"
#include "agent/tell/metrics.h"
#include "agent/version.h"
#include "agent/watch/calendar.h"
#include "agent/watch/confinement.h"
#include "agent/watch/log.h"
#include "agent/watch/means.h"
#include "agent/watch/notifier.h"
#include "agent/watch/own_state.h"
#include "agent/watch/probe.h"
#include "agent/watch/reload.h"
#include "agent/watch/report_watch.h"
#include "agent/watch/second_eyes.h"
#include "alerts/decide.h"
#include "alerts/sink.h"

namespace stswatch {
namespace {

constexpr std::chrono::seconds kPulse{3};  // a clock that jumps is told soon
constexpr Millis kFlush{5000};

/// Passwords, keys and tokens are in memory; a core file or another process of this user is no place for
/// them.
void keep_out_of_core_dumps() {
#ifndef STSWATCH_LEAK_CHECK
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

/// Signals are taken by sigtimedwait alone, so no handler ever runs in a worker.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

using FirstConfig = tl::expected<Config, Refusal>;

/// May take as long as domains_command does. nullopt: a stop was asked for meanwhile.
std::optional<FirstConfig> first_config(const RunCommand& command) {
  sigset_t stops;
  sigemptyset(&stops);
  for (const int signal : {SIGTERM, SIGINT})
    sigaddset(&stops, signal);
  std::stop_source stop;
  auto config = std::async(std::launch::async, [&] { return service_config(command, {}, stop.get_token()); });
  constexpr timespec kGlance{0, 20'000'000};
  while (config.wait_for(std::chrono::seconds{0}) != std::future_status::ready)
    if (sigtimedwait(&stops, nullptr, &kGlance) > 0) stop.request_stop();
  if (stop.stop_requested()) return std::nullopt;
  return config.get();
}

/// Until SIGTERM or SIGINT: reloads on SIGHUP, and watches that the service turns and what ails it.
void wait_for_stop(const sigset_t& signals, Reloader& reloader, Service& service,
                   const std::function<void()>& look_at_itself) {
  using std::chrono::microseconds;
  const microseconds often = std::min<microseconds>(systemd::watchdog().value_or(kPulse) / 2, kPulse);
  const timespec patience{static_cast<time_t>(often.count() / 1'000'000),
                          static_cast<long>(often.count() % 1'000'000 * 1000)};
  systemd::Pulse pulse;
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &patience);
    if (signal == SIGTERM || signal == SIGINT) {
      log_info({.event = "stopping"}, "stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
      return;
    }
    if (signal == SIGHUP) reloader.ask();  // a refusal is logged and shown in the metrics
    pulse.beat(service.stuck());
    look_at_itself();
  }
}

tl::expected<std::unique_ptr<Store>, std::string> open_memory(const LiveConfig& plan, const Clock& clock) {
  const auto& agent = plan.config.agent;
  auto store = open_store(
      agent.state,
      {.now = [&clock] { return clock.now(); },
       .on_trouble =
           [](const std::string& trouble) {
             if (trouble.empty())
               log_info({.event = "store-recovered"}, "the store takes what is remembered again");
             else
               log_error({.event = "store-failed"}, "{}; until then memory is in RAM only", trouble);
           },
       .agent = is_database(agent.state) ? name_of_agent(agent.vantage) : std::string(),
       .vantage = agent.vantage});
  if (store) (*store)->watch(watched_names(plan));
  return store;
}

/// Others may edit these rows in the store.
std::optional<std::map<std::string, std::string>> rows_in(const std::string& state, Store& memory,
                                                          const char* table) {
  if (state == kInRam) return std::nullopt;
  auto rows = read_key_values(state, table, memory.key_values());
  return rows ? std::optional(std::move(*rows)) : std::nullopt;
}

/// In a fleet who has the desk tells, and sends only what the database knows to be owed.
void tell_by_turns(Store& memory, const std::string& state, Notifier::Hooks& around) {
  auto* fleet = memory.fleet();
  if (fleet == nullptr) return;
  around.tells = [fleet] { return fleet->leases().certain(kDesk); };
  around.flush = [] {};  // may_send does
  around.may_send = [fleet, &memory] { return memory.flush(kFlush) && fleet->leases().certain(kDesk); };
  around.healthy = [fleet, healthy = std::move(around.healthy)] {
    return healthy() && fleet->leases().certain(kDesk);  // the dead man's switch is the fleet's
  };
  around.seen_from = [fleet](const std::string& domain, const Incident& incident, TimePoint now) {
    return fleet->seen_from(domain, incident, now);
  };
  around.read_acknowledgements = [state, &memory] {
    return rows_in(state, memory, kAcknowledgeTable).value_or(std::map<std::string, std::string>{});
  };
}

/// The shards whose domains are looked at: one that is being given away is still ours to write, but looked at
/// no more.
class HeldShards {
 public:
  void add(const std::set<Shard>& shards) {
    const std::lock_guard lock(mutex_);
    shards_.insert(shards.begin(), shards.end());
  }
  void drop(const std::set<Shard>& shards) {
    const std::lock_guard lock(mutex_);
    for (const auto shard : shards)
      shards_.erase(shard);
  }
  bool has(const std::string& domain) const {
    const std::lock_guard lock(mutex_);
    return shards_.contains(shard_of(domain));
  }

 private:
  mutable std::mutex mutex_;
  std::set<Shard> shards_;  // guarded by mutex_
};

/// Looks, and telling, follow the leases from now on.
void take_part(Fleet& fleet, HeldShards& held, Service& service, Notifier& notifier, SecondEyes& eyes) {
  const auto say = [&service, &fleet](std::string_view event, const char* what,
                                      const std::set<Shard>& shards) {
    log_info({.event = event}, "{} {} {} shards{}", fleet.name(), what, shards.size(),
             shards.contains(kDesk) ? ", the desk among them" : "");
    service.share_anew();
  };
  fleet.start({.gained =
                   [say, &held, &notifier](const std::set<Shard>& shards) {
                     held.add(shards);
                     say("shards-gained", "gained", shards);
                     if (shards.contains(kDesk)) notifier.take_over();
                   },
               .lost =
                   [say, &held](const std::set<Shard>& shards) {
                     held.drop(shards);
                     say("shards-lost", "lost", shards);
                   },
               .news = [&service](const auto& domains) { service.heard(domains); },
               .trouble =
                   [](const std::string& trouble) {
                     if (trouble.empty())
                       log_info({.event = "fleet-joined"}, "the leases of the fleet are renewed again");
                     else
                       log_error({.event = "fleet-failed"}, "{}; looks go on, and nothing is sent", trouble);
                   },
               .late_seconds = [&service] { return service.late().most().count(); },
               .eyes = &eyes});
}

std::unique_ptr<Notifier> make_notifier(Store& memory, Clock& clock, const std::string& state,
                                        std::function<bool()> healthy,
                                        std::function<bool()> is_telling_a_crowd) {
  Notifier::Hooks around;
  around.version = kVersion;
  around.flush = [&memory] { (void)memory.flush(kFlush); };  // a disk that refuses keeps nobody waiting
  around.read_silences = [state, &memory] { return rows_in(state, memory, kSilenceTable); };
  around.healthy = std::move(healthy);
  around.is_telling_a_crowd = std::move(is_telling_a_crowd);
  tell_by_turns(memory, state, around);
  return std::make_unique<Notifier>(memory, memory.key_values(), clock, std::move(around));
}

/// Receivers are served by the plan that the service works by.
void notify_by(const LiveConfig& plan, Notifier& notifier) {
  for (const auto& warning : warnings_of(plan.config))
    log_warning({.event = "config-warning"}, "{}", warning);
  notifier.adopt(plan.config, plan.probes.trust->file());
}

}  // namespace

int run(const RunCommand& command, Streams io) {
  log_to_stderr(command.log_format, command.log_level);
  keep_out_of_core_dumps();
  if (!command.domains.empty() && !command.config_file.empty())
    return complain(
        io, "domains and --config (or STSWATCH_CONFIG) together: add them to the file as [[domain]] tables",
        kExitUsage);
  mallopt(M_ARENA_MAX, 2);  // one heap per worker thread would keep hundreds of MiB (measured on /metrics)
  const sigset_t signals =
      block_signals();  // before the first thread, which would otherwise be stopped by one
  auto first = first_config(command);
  if (!first) {
    log_info({.event = "stopping"}, "stopping before it has started");
    return 0;
  }
  if (!*first) return complain(io, first->error().what, first->error().exit_code);
  const auto folder = folder_of_store((*first)->agent.state);
  if (!folder) return complain(io, folder.error(), kExitConfig);
  const auto confinement = Confinement::enter(**first, *folder);  // all threads begin below
  auto plan = make_live_config(std::move(**first));
  if (!plan) return complain(io, plan.error().what, plan.error().exit_code);
  const auto listen = (*plan)->config.agent.listen;
  const auto domains = (*plan)->config.domains.size();
  Calendar clock;
  const auto store = open_memory(**plan, clock);
  if (!store) return complain(io, store.error(), kExitConfig);
  Store& memory = **store;
  const auto& state = (*plan)->config.agent.state;
  const auto reports = ReportWatch::open(is_database(state) ? std::string(kInRam) : state, clock);
  if (!reports) return complain(io, reports.error(), kExitConfig);
  auto* const fleet = memory.fleet();
  HeldShards held;
  const auto own_rows =
      open_store(std::string(kInRam), {});  // in a fleet what ails one is no business of others
  OwnState own(fleet != nullptr ? (*own_rows)->key_values() : memory.key_values(), clock);
  PlanWatch plans(memory.key_values(), (*plan)->config.agent.state, clock);
  Service* watch = nullptr;  // once there is one
  const auto notifier = make_notifier(
      memory, clock, (*plan)->config.agent.state, [&] { return watch != nullptr && !watch->stuck(); },
      [&] { return watch != nullptr && watch->is_telling_a_crowd(); });
  NotifyingMemory heeded(memory, *notifier);
  Service service(std::move(*plan), heeded, clock);
  watch = &service;
  service.use_plans(plans);
  if (fleet != nullptr) service.share([&held](const std::string& domain) { return held.has(domain); });
  service.use_reports([&](const std::string& domain) { return (*reports)->of(domain); });
  Reloader reloader(command, confinement, service, memory, clock, [&](const LiveConfig& by) {
    notify_by(by, *notifier);
    (*reports)->adopt(by);
  });
  Prober prober(service, clock);
  std::atomic<bool> ready{false};
  const auto snapshot = [&] {
    auto s = service.snapshot();
    s.store_errors = memory.health().errors;
    reloader.describe(s);
    notifier->describe(s);
    const auto plan = service.plan();
    s.configured_silences = plan->config.silences;
    s.metrics = plan->config.metrics;
    s.labels_of = [plan](const std::string& domain) {
      const auto* named = plan->find(domain);
      return named != nullptr ? &named->labels : nullptr;
    };
    s.own = own.incidents();
    s.reports = (*reports)->figures();
    s.reports_of = [&](const std::string& domain) { return (*reports)->of(domain); };
    s.plans = plans.all();
    if (fleet != nullptr)
      s.seen_from = [fleet, now = s.now](const std::string& domain, const Incident& incident) {
        return fleet->seen_from(domain, incident, now);
      };
    return s;
  };
  notifier->use_digests(
      [&](const Wanted& wanted) { return digest_source(snapshot(), service.plan()->config, wanted); });
  auto parts = acts_of(service, *notifier, reloader, clock);
  const auto snapshot_of_ours = [&] {  // else a fleet would count each domain as often as it has agents
    auto s = snapshot();
    if (fleet != nullptr)
      std::erase_if(s.domains, [&](const auto& record) { return !held.has(record->known->domain.str()); });
    return s;
  };
  parts.metrics = {std::make_shared<SnapshotCollectable>(snapshot_of_ours), service.looks().registry(),
                   std::make_shared<ProcessCollectable>()};
  parts.ready = [&] { return ready.load(); };
  parts.snapshot = snapshot;
  parts.probe = [&](const std::string& target, auto timeout) { return prober.probe(target, timeout); };
  parts.stuck = [&] { return service.stuck(); };
  parts.own = [&] { return own.incidents(); };
  parts.report = [&](ReportPost post) { return (*reports)->post(std::move(post)); };
  (*reports)->adopt(*service.plan());
  auto http = serve_http(listen.host, listen.port, std::move(parts));
  if (!http) return complain(io, http.error(), kExitConfig);

  SelfCheck self(own, clock,
                 self_questions(senses_of({clock, service, *notifier, memory, reloader, **reports})));
  const auto tell_of_agent = [&] { notifier->on_update(record_of_agent(own.incidents(), clock.now())); };
  own.on_change(tell_of_agent);
  tell_of_agent();
  notify_by(*service.plan(), *notifier);
  log_empty_lists(service.plan()->config);
  service.start();
  (*reports)->start();
  Cancel end_looks;
  std::optional<LooksForOthers> eyes;
  if (fleet != nullptr) {
    eyes.emplace(
        [&](SecondLookAsked asked) {
          return look_for_another(service, memory, clock, end_looks, std::move(asked));
        },
        clock);
    take_part(*fleet, held, service, *notifier, *eyes);
  }
  ready = true;
  systemd::ready(domains);
  log_info({.event = "started"}, "stswatch {} listens on {}:{}", kVersion, listen.host, (*http)->port());
  wait_for_stop(signals, reloader, service, [&] { self.turn(); });
  ready = false;
  reloader.stop();
  systemd::stopping();
  prober.stop();
  end_looks.cancel();
  service.stop();
  (*reports)->stop();
  notifier->stop();
  if (fleet != nullptr) http->reset();  // it asks the fleet, which ends with the store
  if (!memory.stop())
    log_error({.event = "store-failed"}, "{}; what was seen last is lost",
              memory.health().trouble.value_or(""));
  return 0;
}

// health: asks a running service whether its wheel turns, for container runtimes and probes that have no
// curl.

namespace {

/// An answer as it is shown on one line: what the agent cannot see at present is told on lines of its own.
std::string in_one_line(std::string detail) {
  constexpr std::string_view kLineEnd = "\\x0A";  // as printable() writes it
  while (detail.ends_with(kLineEnd))
    detail.resize(detail.size() - kLineEnd.size());
  for (std::size_t at = 0; (at = detail.find(kLineEnd, at)) != detail.npos;)
    detail.replace(at, kLineEnd.size(), "; ");
  return detail;
}

}  // namespace

int health(const HealthCommand& command, Streams io) {
  // The service is on this machine, or at an address that was named; a proxy would answer for itself.
  ::setenv("no_proxy", "*", 1);
  HttpRequest asked{.url = command.url, .ca_file = command.ca_file};
  asked.user_agent = std::string("stswatch/") + kVersion;
  asked.patience = Seconds{command.timeout};
  const auto answer = request(asked, {});
  if (answer.kind == SendResult::Kind::sent) {
    io.out << in_one_line(answer.detail) << "\n";
    return 0;
  }
  return complain(io, "not healthy: " + in_one_line(answer.detail) + ": see the service's log", 1);
}

}  // namespace stswatch
