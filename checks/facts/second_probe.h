// What a second, rare probe of an MX host's address found out: how it takes clients that are unlike our
// usual one (RFC 8461 §7.1, RFC 8446 §4.1.2). Each trial keeps its age, since it is repeated once a day.
#pragma once

#include <optional>
#include <string>

#include "checks/facts/address.h"
#include "checks/facts/text.h"

namespace stswatch {

/// One way in which another client differs. A fault is only one where our usual way worked in between two
/// tries that failed, so that a server which is slow or down is never blamed.
struct Trial {
  std::optional<bool> good{};  // null: not tried, or nothing was proved
  std::string detail{};        // of what is not good, in words
  TimePoint at{};
  bool operator==(const Trial&) const = default;
};

struct SecondProbe {
  Address address;
  TimePoint at{};               // the newest, whatever it proved
  Trial large_hello{};          // a ClientHello that does not fit into one segment is answered
  Trial without_sni{};          // the handshake completes without SNI
  Trial default_certificate{};  // the one shown then is the host's own, or names it
  Trial legacy{};               // TLS 1.1 and older are refused
  Trial starttls{};             // offered under another EHLO name as under ours
  bool operator==(const SecondProbe&) const = default;
};

/// The trials with the names under which they are kept, doubted and shown.
template <class Probe, class F>
void each_trial(Probe& probe, F&& f) {
  f("large_hello", probe.large_hello);
  f("without_sni", probe.without_sni);
  f("default_certificate", probe.default_certificate);
  f("legacy", probe.legacy);
  f("starttls", probe.starttls);
}

}  // namespace stswatch
