#include "agent/watch/reload.h"

#include <algorithm>

#include "agent/watch/log.h"
#include "agent/watch/own_state.h"
#include "config/load.h"

namespace stswatch {
namespace {

/// What only a new process can take up.
void warn_of_restart(const AgentOptions& was, const AgentOptions& is) {
  const auto warn = [](const char* key) {
    log_warning({.event = "restart-needed", .subject = key},
                "{} has changed: it is taken up at the next restart, not by a reload", key);
  };
  if (was.listen.host != is.listen.host || was.listen.port != is.listen.port) warn("agent.listen");
  if (was.state != is.state) warn("agent.state");
  if (was.confine != is.confine) warn("agent.confine");
}

}  // namespace

tl::expected<Config, Refusal> service_config(const RunCommand& command, const Confinement& confinement,
                                             const std::stop_token& stop) {
  Config config;
  if (!command.config_file.empty()) {
    // Where a program is named and none can be started, that is what to say, not how it failed.
    const auto lists = confinement.starts_programs() ? ListCommand::run : ListCommand::leave;
    auto loaded = load_config(command.config_file, lists, stop);
    if (!loaded) return tl::make_unexpected(Refusal{list_of(loaded.error()), kExitConfig});
    config = std::move(*loaded);
    if (auto room = confinement.leaves_room_for(config); !room)
      return tl::make_unexpected(Refusal{std::move(room.error()), kExitConfig});
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

tl::expected<std::shared_ptr<const LiveConfig>, Refusal> make_live_config(Config config,
                                                                          const LiveConfig* before) {
  if (before != nullptr)
    if (auto why = emptied(before->config, config))
      return tl::make_unexpected(Refusal{std::move(*why), kExitConfig});
  auto probes = make_probes(config, before != nullptr ? &before->probes : nullptr);
  if (!probes) return tl::make_unexpected(Refusal{probes.error(), kExitConfig});
  std::shared_ptr<WebGate> gate;
  if (!config.agent.web_config.empty()) {
    auto opened = WebGate::open(config.agent.web_config, config.agent.shared_secret_files);
    if (!opened) return tl::make_unexpected(Refusal{opened.error(), kExitConfig});
    gate = std::move(*opened);
  }
  return std::make_shared<const LiveConfig>(std::move(config), std::move(*probes), std::move(gate));
}

std::optional<std::string> emptied(const Config& was, const Config& is) {
  for (const auto& [source, names] : is.listed) {
    const auto before = was.listed.find(source);
    if (names > 0 || before == was.listed.end() || before->second == 0) continue;
    return source + ": names no domain, where it named " + std::to_string(before->second) +
           ": if that is meant, take it out of the configuration, or restart";
  }
  return std::nullopt;
}

void log_empty_lists(const Config& config) {
  for (const auto& [source, names] : config.listed)
    if (names == 0) log_warning({.event = "list-empty"}, "{}: names no domain", source);
}

std::set<std::string> watched_names(const LiveConfig& plan) {
  std::set<std::string> out;
  for (const auto& domain : plan.config.domains)
    out.insert(domain.name.str());
  return out;
}

tl::expected<void, std::string> Reloader::reload_once(const std::stop_token& stop) {
  const auto before = service_.plan();
  systemd::reloading();
  auto plan = service_config(command_, confinement_, stop).and_then([&](Config&& config) {
    return make_live_config(std::move(config), before.get());
  });
  const auto domains = (plan ? *plan : before)->config.domains.size();
  if (plan) {
    warn_of_restart(before->config.agent, (*plan)->config.agent);
    store_.watch(watched_names(**plan));
    service_.adopt(*plan);
    adopted_(**plan);
    log_info({.event = "reloaded"}, "reloaded: {} domains, {} before", domains,
             before->config.domains.size());
    log_empty_lists((*plan)->config);
  } else {
    log_error({.event = "reload-refused"}, "reload refused, the old configuration stays: {}",
              plan.error().what);
  }
  {
    const std::lock_guard lock(mutex_);
    successful_ = plan.has_value();
    if (successful_) success_at_ = clock_.now();
    refusal_ = plan ? std::string() : plan.error().what;
  }
  systemd::ready(domains);
  if (!plan) return tl::make_unexpected(plan.error().what);
  return {};
}

std::optional<std::string> Reloader::refused() const {
  const std::lock_guard lock(mutex_);
  return successful_ ? std::nullopt : std::optional(refusal_);
}

void Reloader::describe(Snapshot& s) const {
  const std::lock_guard lock(mutex_);
  s.reload_successful = successful_;
  s.reload_success_at = success_at_;
}

}  // namespace stswatch
