#include "agent/watch/live_config.h"

#include "checks/observe/dns/servers.h"

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

}  // namespace stswatch
