#include "agent/watch/reload.h"

#include <algorithm>
#include <utility>

#include "agent/watch/live_config.h"
#include "agent/watch/log.h"
#include "agent/watch/own_state.h"
#include "checks/observe/dns/servers.h"
#include "config/load.h"

namespace stswatch {

namespace {

/// "20s", or plain seconds as people type them.
std::optional<Seconds> parse_timeout(const std::string& text) {
  const bool plain = text.find_first_not_of("0123456789") == std::string::npos;
  return parse_duration(plain ? text + "s" : text);
}

/// nullopt: left to us, and not to be found out now.
std::optional<bool> uses_ipv6(const NetworkOptions& network) {
  return network.ipv6 == Ipv6::automatic ? has_ipv6_route() : std::optional(network.ipv6 == Ipv6::on);
}

}  // namespace

tl::expected<Config, Refusal> effective_config(const LookFlags& flags, ListCommand command) {
  Config config;
  if (!flags.config_file.empty()) {
    auto loaded = load_config(flags.config_file, command);
    if (!loaded) return tl::make_unexpected(Refusal{list_of(loaded.error()), kExitConfig});
    config = std::move(*loaded);
  }
  for (const auto& typed : flags.resolvers)
    if (const auto server = dns::parse_server(typed); !server)
      return tl::make_unexpected(Refusal{"--resolver: " + server.error(), kExitUsage});
  if (!flags.resolvers.empty()) config.dns.servers = flags.resolvers;
  if (!flags.dns_source.empty()) config.dns_source = flags.dns_source == "auto";
  if (flags.ca_file) config.network.ca_file = *flags.ca_file;
  if (flags.allow_private) config.network.allow_private = true;
  if (flags.trust_ad) config.dns.trust_ad = true;
  if (flags.https_port) config.network.https_port = *flags.https_port;
  if (flags.smtp_port) config.network.smtp_port = *flags.smtp_port;
  if (flags.timeout.empty()) return config;
  const auto timeout = parse_timeout(flags.timeout);
  if (!timeout)
    return tl::make_unexpected(
        Refusal{"--timeout \"" + flags.timeout + "\" is no duration: write \"20s\" or \"2m\"", kExitUsage});
  config.network.look_timeout = *timeout;
  return config;
}

tl::expected<Probes, std::string> make_probes(const Config& config, const Probes* before) {
  Probes out;
  auto resolver = make_resolver(config.dns);
  if (!resolver) return tl::make_unexpected(resolver.error());
  out.resolver = std::move(*resolver);

  auto trust = TrustStore::load(config.network.ca_file, config.network.elder_ca_file);
  if (!trust) return tl::make_unexpected(trust.error());
  out.trust = std::move(*trust);

  const auto& network = config.network;
  const bool ipv6 = uses_ipv6(network).value_or(true);
  ObserveOptions options;
  options.https.port = network.https_port;
  options.smtp.port = network.smtp_port;
  options.smtp.helo = network.helo;
  options.allow_private = network.allow_private;
  options.post_to_rua = config.tlsrpt.probe_https;
  options.ipv6 = ipv6;
  out.address_limiter = before != nullptr ? before->address_limiter : std::make_shared<AddressLimiter>();
  out.observer = std::make_unique<Observer>(*out.resolver, out.trust, options, out.address_limiter);
  if (network.crl)
    out.observer->use_revocation(std::make_shared<RevocationLists>(
        *out.resolver, RevocationLists::Options{.allow_private = network.allow_private}));
  if (config.dns_source) {
    out.source = std::make_shared<dns::Source>(
        *out.resolver, dns::SourceOptions{.allow_private = network.allow_private, .ipv6 = ipv6});
    out.observer->use_source(out.source);
  }
  out.vantage =
      before != nullptr ? before->vantage : std::make_shared<VantageWatch>(ipv6, network.allow_private);
  out.vantage->configure(ipv6, network.allow_private);
  out.canaries = std::make_unique<Canaries>(network.port25_canary, *out.observer, *out.vantage);
  return out;
}

void Probes::find_route(const NetworkOptions& network) const {
  const auto ipv6 = uses_ipv6(network);
  if (!ipv6) return;
  observer->use_ipv6(*ipv6);
  vantage->configure(*ipv6, network.allow_private);
}

LiveConfig::LiveConfig(Config c, Probes o, std::shared_ptr<WebGate> g)
    : config(std::move(c)), probes(std::move(o)), gate(std::move(g)) {
  for (const auto& d : config.domains)
    by_name_.emplace(d.name.str(), &d);
}

const DomainConfig* LiveConfig::find(const std::string& domain) const {
  const auto it = by_name_.find(domain);
  return it == by_name_.end() ? nullptr : it->second;
}

// One turn for all that ask.

Turns::Turns(std::function<Outcome(const std::stop_token&)> turn)
    : turn_(std::move(turn)), thread_([this] { work(); }) {}

Turns::Outcome Turns::take() {
  std::unique_lock lock(mutex_);
  const auto wanted = begun_ + 1;
  asked_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return done_ >= wanted || (stopped_ && begun_ < wanted); });
  if (done_ < wanted) return tl::make_unexpected("the agent stops");
  return outcome_;
}

void Turns::ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  changed_.notify_all();
}

void Turns::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.request_stop();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Turns::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopped_ || asked_; });
    if (stopped_) return;
    asked_ = false;
    ++begun_;
    lock.unlock();
    auto outcome = turn_(stop_.get_token());
    lock.lock();
    done_ = begun_;
    outcome_ = std::move(outcome);
    changed_.notify_all();
  }
}

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
