// run: the service from start to stop.
#include <malloc.h>
#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
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

/// SIGTERM and SIGINT are taken by sigwait alone, so no handler ever runs in a worker.
sigset_t block_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

tl::expected<Config, std::string> service_config(const RunCommand& command) {
  Config config;
  if (!command.config_file.empty()) {
    auto loaded = load_config(command.config_file);
    if (!loaded) {
      std::string all = "the configuration is not valid:";
      for (const auto& e : loaded.error())
        all += "\n  " + e.str();
      return tl::make_unexpected(all);
    }
    config = std::move(*loaded);
  }
  for (const auto& typed : command.domains) {
    const auto domain = Domain::parse(typed);
    if (!domain) return tl::make_unexpected(domain.error());
    config.domains.push_back({*domain, config.expiry, {}, 100});
  }
  if (config.domains.empty() && config.probe_allow.empty())
    return tl::make_unexpected(std::string(
        "no domain to watch: name one on the command line, or add a [[domain]] to the configuration"));
  return config;
}

}  // namespace

int run(const RunCommand& command, Streams io) {
  log_to_stderr(command.log_format);
  if (!command.domains.empty() && !command.config_file.empty())
    return complain(io, "domains and --config together: add them to the file as [[domain]] tables",
                    kExitUsage);
  auto config = service_config(command);
  if (!config) return complain(io, config.error(), kExitConfig);
  auto outlook = make_outlook(*config);
  if (!outlook) return complain(io, outlook.error(), kExitConfig);

  mallopt(M_ARENA_MAX, 2);  // one heap per worker thread would keep hundreds of MiB (measured on /metrics)
  const sigset_t stop_signals = block_stop_signals();
  const auto listen = config->agent.listen;
  const auto memory = make_ram_memory();
  SystemClock clock;
  Service service(std::make_shared<const Plan>(std::move(*config), std::move(*outlook)), *memory, clock);

  HttpParts parts;
  parts.metrics = {std::make_shared<SnapshotCollectable>([&service] { return service.snapshot(); }),
                   service.looks().registry()};
  std::atomic<bool> ready{false};
  parts.ready = [&ready] { return ready.load(); };
  const auto http = serve_http(listen.host, listen.port, std::move(parts));
  if (!http) return complain(io, http.error(), kExitConfig);

  service.start();
  ready = true;
  spdlog::info("stswatch {} listens on {}:{}", kVersion, listen.host, (*http)->port());
  int signal = 0;
  sigwait(&stop_signals, &signal);
  spdlog::info("stopping on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
  ready = false;
  service.stop();
  return 0;
}

}  // namespace stswatch
