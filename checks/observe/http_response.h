// One HTTP/1 response to a GET, read from octets as they come: bounded header, bounded body, and what
// deployed senders read although it should not be sent (RFC 9112 §6.3, §8; RFC 9110 §8.4) read too, and
// noted. No I/O, no clock. Not thread-safe; one reader per response.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "checks/facts/bounds.h"
#include "checks/facts/domain.h"
#include "checks/facts/observation.h"
#include "checks/facts/result.h"
#include "checks/observe/tls/connection.h"

namespace stswatch {

struct HttpResponse {
  int status = 0;
  std::optional<std::string>
      content_type;  // field values are printable and bounded; the first of a name counts
  std::optional<std::string> content_encoding;  // absent for "identity", which is no coding
  std::optional<std::string> location;
  std::optional<std::string> cache_control;
  std::optional<std::string> age;
  std::optional<std::string> date;
  bool has_body = false;  // false: this status has none (RFC 9112 §6.3: 1xx, 204, 304)
  std::string body;  // at most as many octets as were allowed, without the chunking and what `decoded` says
  bool too_large = false;     // there was more
  bool truncated = false;     // shorter than announced, or broken chunking
  bool decoded = false;       // `content_encoding` was undone; false beside one: it was not known, or broken
  bool end_unproven = false;  // a body that only the close delimits, closed without close_notify
  bool length_and_chunked = false;  // both announced: the chunks counted
};

class HttpResponseReader {
 public:
  enum class Want { more, nothing };
  /// How the octets ended: `orderly` is one that TLS authenticated with close_notify.
  enum class End { orderly, abrupt };

  /// `most`: octets of the body that are kept.
  explicit HttpResponseReader(std::size_t most = bounds::kPolicyBody);
  HttpResponseReader(HttpResponseReader&&) noexcept;
  HttpResponseReader& operator=(HttpResponseReader&&) noexcept;
  ~HttpResponseReader();

  /// Stage::headers with Cause::malformed (no HTTP) or Cause::over_budget. Faults of the body are no failure:
  /// they are told by too_large and truncated. After a failure or Want::nothing further octets are ignored.
  Result<Want> feed(std::string_view octets);

  /// The peer sends no more. Cause::closed where the header was not complete.
  Result<void> end(End how);

  /// What we are waiting for: Stage::headers or Stage::body.
  Stage stage() const;

  const HttpResponse& response() const;
  HttpResponse& response();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The policy fetch: GET https://mta-sts.D/.well-known/mta-sts.txt from one address (RFC 8461 §3.3).

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

// Undoes a content coding that nobody asked for (RFC 9110 §8.4.1: gzip, deflate), so that a policy which
// deployed senders do read is judged by its text. Bounded; no state.

struct Inflated {
  std::string text;   // at most `most` octets
  bool more = false;  // there was more
};

/// Empty where the coding is not one of these, or `octets` are not the whole of one well-formed stream.
std::optional<Inflated> inflated(std::string_view coding, std::string_view octets, std::size_t most);

}  // namespace stswatch
