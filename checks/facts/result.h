// Ordinary failure as a value: where a conversation with the outside stopped, and why.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace stswatch {

/// How far a look had come when it failed; in the order of the conversation.
enum class Stage { dns, connect, greeting, ehlo, starttls, handshake, certificate, request, headers, body };

enum class Cause {
  timeout,       // the deadline passed while we waited for the peer
  refused,       // TCP RST to our SYN
  reset,         // connection reset later
  closed,        // the peer closed where more was due
  no_route,      // our side has no way there (no IPv6, network down): says nothing of the peer
  local,         // any other fault of our own machine (descriptors, memory): says nothing of the peer
  not_public,    // refused by us: private, loopback, link-local, multicast or metadata address
  tls_alert,     // the peer sent a TLS alert
  tls_protocol,  // bytes that are no TLS, or no common version
  malformed,     // outside the protocol's grammar
  over_budget,   // more bytes than the protocol sanely needs
  deferred,      // SMTP 4xx: come again later
  rejected,      // SMTP 5xx
  not_offered,   // STARTTLS is not among the EHLO keywords
  certificate,   // the chain or the name did not verify: nothing was requested
  cancelled,     // we were told to stop: says nothing of the peer
};

struct Failure {
  Stage stage = Stage::connect;
  Cause cause = Cause::local;
  std::string detail;  // in the field's words, e.g. "454 4.7.0 TLS not available"; printable, bounded

  bool operator==(const Failure&) const = default;
};

template <class T>
using Result = tl::expected<T, Failure>;

std::string_view to_string(Stage stage);
std::string_view to_string(Cause cause);

/// What the network said, made safe to store and print: control and non-ASCII octets become \xNN,
/// and the whole is cut at `max` characters with "...".
std::string printable(std::string_view raw, std::size_t max = 200);

}  // namespace stswatch
