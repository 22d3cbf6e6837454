// A handshake at TLS 1.2 and later failed: whether a second dial with the older versions may explain it, and
// what the first dial's facts learn from that. Diagnosis only (RFC 8461 §7.2): nothing is ever sent over the
// second dial.
#pragma once

#include <utility>

#include "checks/facts/observation.h"

namespace stswatch {

/// A peer that only speaks older versions sends an alert, closes, or answers with records that fit no version
/// of ours. Silence proves nothing, and would cost the same wait again.
inline bool may_be_legacy(const Failure& failure) {
  if (failure.stage != Stage::handshake) return false;
  return failure.cause == Cause::tls_alert || failure.cause == Cause::tls_protocol ||
         failure.cause == Cause::closed || failure.cause == Cause::reset;
}

/// `second` completed: its version is named, and its certificate kept where the first dial saw none.
inline void note_legacy(TlsFacts& first, TlsFacts second) {
  first.legacy_version = std::move(second.version);
  if (!first.peer) first.peer = std::move(second.peer);
}

}  // namespace stswatch
