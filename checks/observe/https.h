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

struct PostTarget {
  std::string host, target;  // the latter as a request line has it
  std::uint16_t port = 443;
};

/// An empty POST, as if of a TLS report: the status of the answer, of which nothing else is read. The
/// certificate is not asked for its trust (RFC 8460 §3 lets reporters ignore it).
Result<int> post_nothing(const PostTarget& to, const Address& address, const TrustStore& trust, TimePoint now,
                         const Deadline& deadline);

}  // namespace stswatch
