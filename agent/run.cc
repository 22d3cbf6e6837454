// run: the service from start to stop.
#include <malloc.h>
#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <iostream>

#include "agent/commands.h"
#include "agent/outlook.h"
#include "agent/service.h"
#include "agent/tell/http.h"
#include "agent/version.h"
#include "config/load.h"

namespace stswatch {
namespace {

void log_to_stderr(const std::string& format) {
  auto logger =
      std::make_shared<spdlog::logger>("stswatch", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (format == "json")
    logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%SZ","level":"%l","message":"%v"})",
                        spdlog::pattern_time_type::utc);
  else
    logger->set_pattern("%Y-%m-%dT%H:%M:%SZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
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

tl::expected<Config, Refusal> service_config(const RunCommand& command) {
  Config config;
  if (!command.config_file.empty()) {
    auto loaded = load_config(command.config_file);
    if (!loaded) return tl::make_unexpected(Refusal{list_of(loaded.error()), kExitConfig});
    config = std::move(*loaded);
  }
  for (const auto& typed : command.domains) {
    const auto domain = Domain::parse(typed);
    if (!domain) return tl::make_unexpected(Refusal{domain.error(), kExitUsage});
    const bool there = std::any_of(config.domains.begin(), config.domains.end(),
                                   [&](const DomainConfig& d) { return d.name == *domain; });
    if (!there) config.domains.push_back({*domain, config.expiry, {}, 100});
  }
  if (!command.listen.empty()) {
    const auto listen = parse_listen(command.listen);
    if (!listen) return tl::make_unexpected(Refusal{listen.error(), kExitUsage});
    config.agent.listen = *listen;
  }
  if (!command.state.empty()) config.agent.state = command.state;
  if (config.domains.empty() && config.probe_allow.empty())
    return tl::make_unexpected(
        Refusal{"no domain to watch: name one on the command line, or add a [[domain]] to the configuration",
                kExitConfig});
  return config;
}

tl::expected<std::shared_ptr<const WatchPlan>, Refusal> make_plan(const RunCommand& command,
                                                                  std::shared_ptr<VantageWatch> vantage) {
  auto config = service_config(command);
  if (!config) return tl::make_unexpected(config.error());
  auto outlook = make_outlook(*config, std::move(vantage));
  if (!outlook) return tl::make_unexpected(Refusal{outlook.error(), kExitConfig});
  return std::make_shared<const WatchPlan>(std::move(*config), std::move(*outlook));
}

/// Reads the configuration again; keeps the old plan when it is not valid. Thread-safe.
class Reloader {
 public:
  Reloader(const RunCommand& command, Service& service, std::shared_ptr<VantageWatch> vantage, Clock& clock)
      : command_(command),
        service_(service),
        vantage_(std::move(vantage)),
        clock_(clock),
        success_at_(clock.now()) {}

  tl::expected<void, std::string> reload() {
    const std::lock_guard lock(mutex_);
    auto plan = make_plan(command_, vantage_);
    successful_ = plan.has_value();
    if (!plan) {
      spdlog::error("reload refused, the old configuration stays: {}", plan.error().what);
      return tl::make_unexpected(plan.error().what);
    }
    success_at_ = clock_.now();
    spdlog::info("reloaded: {} domains", (*plan)->config.domains.size());
    service_.adopt(std::move(*plan));
    return {};
  }

  void describe(Snapshot& s) const {
    const std::lock_guard lock(mutex_);
    s.reload_successful = successful_;
    s.reload_success_at = success_at_;
  }

 private:
  const RunCommand& command_;
  Service& service_;
  std::shared_ptr<VantageWatch> vantage_;
  Clock& clock_;
  mutable std::mutex mutex_;
  bool successful_ = true;  // guarded by mutex_, as is the next
  TimePoint success_at_;
};

/// Until SIGTERM or SIGINT: reloads on SIGHUP, and tells systemd's watchdog that we are alive.
void wait_for_stop(const sigset_t& signals, Reloader& reloader, Service& service) {
  std::uint64_t watchdog = 0;
  if (sd_watchdog_enabled(0, &watchdog) <= 0) watchdog = 3'600'000'000;
  const timespec patience{static_cast<time_t>(watchdog / 2 / 1'000'000),
                          static_cast<long>(watchdog / 2 % 1'000'000 * 1000)};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &patience);
    if (signal == SIGTERM || signal == SIGINT) {
      spdlog::info("stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
      return;
    }
    if (signal == SIGHUP) {
      sd_notify(0, "RELOADING=1");
      (void)reloader.reload();  // a refusal is logged and shown in the metrics
      sd_notify(0, "READY=1");
    }
    (void)service.snapshot();  // a stuck schedule must not look alive
    sd_notify(0, "WATCHDOG=1");
  }
}

}  // namespace

int run(const RunCommand& command, Streams io) {
  log_to_stderr(command.log_format);
  if (!command.domains.empty() && !command.config_file.empty())
    return complain(io, "domains and --config together: add them to the file as [[domain]] tables",
                    kExitUsage);
  const auto plan = make_plan(command, nullptr);
  if (!plan) return complain(io, plan.error().what, plan.error().exit_code);

  mallopt(M_ARENA_MAX, 2);  // one heap per worker thread would keep hundreds of MiB (measured on /metrics)
  const sigset_t signals = block_signals();
  const auto listen = (*plan)->config.agent.listen;
  const auto memory = make_ram_memory();
  SystemClock clock;
  Service service(*plan, *memory, clock);
  Reloader reloader(command, service, (*plan)->outlook.vantage, clock);
  std::atomic<bool> ready{false};
  const auto snapshot = [&] {
    auto s = service.snapshot();
    reloader.describe(s);
    return s;
  };
  const auto http =
      serve_http(listen.host, listen.port,
                 {.metrics = {std::make_shared<SnapshotCollectable>(snapshot), service.looks().registry()},
                  .ready = [&] { return ready.load(); },
                  .snapshot = snapshot,
                  .look_now = [&](const Domain& name) { return service.look_now(name); },
                  .reload = [&] { return reloader.reload(); }});
  if (!http) return complain(io, http.error(), kExitConfig);

  service.start();
  ready = true;
  sd_notify(0, "READY=1");
  spdlog::info("stswatch {} listens on {}:{}", kVersion, listen.host, (*http)->port());
  wait_for_stop(signals, reloader, service);
  ready = false;
  sd_notify(0, "STOPPING=1");
  service.stop();
  return 0;
}

}  // namespace stswatch
