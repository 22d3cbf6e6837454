#include "agent/outlook.h"

namespace stswatch {

tl::expected<Outlook, std::string> make_outlook(const Config& config) {
  Outlook out;
  auto resolver = make_resolver(config.dns);
  if (!resolver) return tl::make_unexpected(resolver.error());
  out.resolver = std::move(*resolver);

  auto trust = TrustStore::load(config.network.ca_file);
  if (!trust) return tl::make_unexpected(trust.error());
  out.trust = std::move(*trust);

  const auto& network = config.network;
  const bool ipv6 = network.ipv6 == Ipv6::on || (network.ipv6 == Ipv6::automatic && has_ipv6_route());
  ObserveOptions options;
  options.https.port = network.https_port;
  options.smtp.port = network.smtp_port;
  options.smtp.helo = network.helo;
  options.allow_private = network.allow_private;
  options.ipv6 = ipv6;
  out.observer = std::make_unique<Observer>(*out.resolver, out.trust, options);
  out.vantage = std::make_unique<VantageWatch>(ipv6, network.allow_private);
  return out;
}

}  // namespace stswatch
