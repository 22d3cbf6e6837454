// The policy fetch: GET https://mta-sts.D/.well-known/mta-sts.txt from one address (RFC 8461 §3.3).
#pragma once

#include "checks/facts/domain.h"
#include "checks/facts/observation.h"
#include "checks/observe/tls/connection.h"

namespace stswatch {

struct HttpsOptions {
  std::uint16_t port = 443;
  std::string user_agent = "stswatch";
};

/// No redirect is followed, nothing is cached, nothing is requested when the certificate does not verify.
/// Never throws; every failure is in the result. The deadline bounds connect, handshake, headers and body
/// together.
PolicyFetch fetch_policy(const Domain& domain, const Address& address, const TrustStore& trust,
                         const HttpsOptions& options, TimePoint now, const Deadline& deadline);

}  // namespace stswatch
