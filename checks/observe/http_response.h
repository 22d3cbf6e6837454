// One HTTP/1 response to a GET, read from octets as they come: bounded header, bounded body, and what
// deployed senders read although it should not be sent (RFC 9112 §6.3, §8; RFC 9110 §8.4) read too, and
// noted. No I/O, no clock. Not thread-safe; one reader per response.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "checks/facts/bounds.h"
#include "checks/facts/result.h"

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

}  // namespace stswatch
