// run: the service from start to stop.

#include <malloc.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <algorithm>
#include <atomic>
#include <csignal>

#include "agent/commands/commands.h"
#include "agent/remember/key_value_store.h"
#include "agent/version.h"
#include "agent/watch/calendar.h"
#include "agent/watch/log.h"
#include "agent/watch/notifier.h"
#include "agent/watch/own_state.h"
#include "agent/watch/probe.h"
#include "agent/watch/reload.h"
#include "agent/watch/report_watch.h"
#include "agent/watch/self_questions.h"
#include "alerts/rows.h"

namespace stswatch {
namespace {

constexpr std::chrono::seconds kPulse{3};  // a clock that jumps is told soon
constexpr Millis kFlush{5000};

/// Passwords, keys and tokens are in memory; a core file or another process of this user is no place for
/// them.
void keep_out_of_core_dumps() {
#if !defined(__SANITIZE_ADDRESS__)  // its leak check looks at this process from another one
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
      spdlog::info("stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
      return;
    }
    if (signal == SIGHUP) (void)reloader.reload();  // a refusal is logged and shown in the metrics
    pulse.beat(service.stuck());
    look_at_itself();
  }
}

tl::expected<std::unique_ptr<Store>, std::string> open_memory(const LiveConfig& plan, const Clock& clock) {
  auto store = open_store(plan.config.agent.state,
                          {.now = [&clock] { return clock.now(); },
                           .on_trouble =
                               [](const std::string& trouble) {
                                 if (trouble.empty())
                                   spdlog::info("the store takes what is remembered again");
                                 else
                                   spdlog::error("{}; until then memory is in RAM only", trouble);
                               }});
  if (store) (*store)->watch(watched_names(plan));
  return store;
}

/// Others may edit the silences in the file of the store.
std::optional<std::map<std::string, std::string>> silences_in(const std::string& state) {
  if (state == kInRam) return std::nullopt;
  auto rows = read_key_values(state, kSilenceTable);
  return rows ? std::optional(std::move(*rows)) : std::nullopt;
}

std::unique_ptr<Notifier> make_notifier(Store& memory, Clock& clock, const std::string& state,
                                        std::function<bool()> healthy) {
  Notifier::Hooks around;
  around.version = kVersion;
  around.flush = [&memory] { (void)memory.flush(kFlush); };  // a disk that refuses keeps nobody waiting
  around.read_silences = [state] { return silences_in(state); };
  around.healthy = std::move(healthy);
  return std::make_unique<Notifier>(memory, memory.key_values(), clock, std::move(around));
}

/// Receivers are served by the plan that the service works by.
void notify_by(const LiveConfig& plan, Notifier& notifier) {
  for (const auto& warning : warnings_of(plan.config))
    spdlog::warn("{}", warning);
  notifier.adopt(plan.config, plan.probes.trust->file());
}

}  // namespace

int run(const RunCommand& command, Streams io) {
  log_to_stderr(command.log_format);
  keep_out_of_core_dumps();
  if (!command.domains.empty() && !command.config_file.empty())
    return complain(
        io, "domains and --config (or STSWATCH_CONFIG) together: add them to the file as [[domain]] tables",
        kExitUsage);
  mallopt(M_ARENA_MAX, 2);  // one heap per worker thread would keep hundreds of MiB (measured on /metrics)
  const sigset_t signals =
      block_signals();  // before the first thread, which would otherwise be stopped by one
  auto plan = make_live_config(command);
  if (!plan) return complain(io, plan.error().what, plan.error().exit_code);
  const auto listen = (*plan)->config.agent.listen;
  const auto domains = (*plan)->config.domains.size();
  Calendar clock;
  const auto store = open_memory(**plan, clock);
  if (!store) return complain(io, store.error(), kExitConfig);
  Store& memory = **store;
  const auto reports = ReportWatch::open((*plan)->config.agent.state, clock);
  if (!reports) return complain(io, reports.error(), kExitConfig);
  OwnState own(memory.key_values(), clock);
  PlanWatch plans(memory.key_values(), (*plan)->config.agent.state, clock);
  Service* watch = nullptr;  // once there is one
  const auto notifier = make_notifier(memory, clock, (*plan)->config.agent.state,
                                      [&] { return watch != nullptr && !watch->stuck(); });
  NotifyingMemory heeded(memory, *notifier);
  Service service(std::move(*plan), heeded, clock);
  watch = &service;
  service.use_plans(plans);
  service.use_reports([&](const std::string& domain) { return (*reports)->of(domain); });
  Reloader reloader(command, service, memory, clock, [&](const LiveConfig& by) {
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
    s.own = own.incidents();
    s.reports = (*reports)->figures();
    s.reports_of = [&](const std::string& domain) { return (*reports)->of(domain); };
    s.plans = plans.all();
    return s;
  };
  auto parts = acts_of(service, *notifier, reloader, clock);
  parts.metrics = {std::make_shared<SnapshotCollectable>(snapshot), service.looks().registry()};
  parts.ready = [&] { return ready.load(); };
  parts.snapshot = snapshot;
  parts.probe = [&](const std::string& target, auto timeout) { return prober.probe(target, timeout); };
  parts.stuck = [&] { return service.stuck(); };
  parts.own = [&] { return own.incidents(); };
  parts.report = [&](ReportPost post) { return (*reports)->post(std::move(post)); };
  (*reports)->adopt(*service.plan());
  const auto http = serve_http(listen.host, listen.port, std::move(parts));
  if (!http) return complain(io, http.error(), kExitConfig);

  SelfCheck self(own, clock, self_questions(senses_of({clock, service, *notifier, memory, reloader})));
  const auto tell_of_agent = [&] { notifier->on_update(record_of_agent(own.incidents(), clock.now())); };
  own.on_change(tell_of_agent);
  tell_of_agent();
  notify_by(*service.plan(), *notifier);
  service.start();
  (*reports)->start();
  ready = true;
  systemd::ready(domains);
  spdlog::info("stswatch {} listens on {}:{}", kVersion, listen.host, (*http)->port());
  wait_for_stop(signals, reloader, service, [&] { self.turn(); });
  ready = false;
  systemd::stopping();
  prober.stop();
  service.stop();
  (*reports)->stop();
  notifier->stop();
  if (!memory.stop()) spdlog::error("{}; what was seen last is lost", memory.health().trouble.value_or(""));
  return 0;
}

}  // namespace stswatch
