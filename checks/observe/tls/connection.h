// One TCP connection to one given address, plain first or TLS at once: non-blocking underneath, one deadline
// over everything, a byte budget, and facts kept whatever the verdict. Not thread-safe; movable; closes
// itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "checks/facts/address.h"
#include "checks/facts/observation.h"
#include "checks/observe/net/deadline.h"
#include "checks/observe/tls/verify.h"

namespace stswatch {

// A handshake at TLS 1.2 and later failed: whether a second dial with the older versions may explain it, and
// what the first dial's facts learn from that. Diagnosis only (RFC 8461 §7.2): nothing is ever sent over the
// second dial.

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
  if (first.peer) return;
  first.peer = std::move(second.peer);
  first.tlsa = std::move(second.tlsa);
}

enum class TlsOffer {
  modern,  // TLS 1.2 and 1.3
  large,   // the same in a ClientHello that does not fit into one segment
  legacy,  // TLS 1.1 and older, to name them
};

struct TlsPeer {
  std::string host;  // SNI (RFC 8461 §7.1) and the DNS-ID looked for
  TimePoint now;     // dates are verified against this, not against the machine's clock
  TlsOffer offer = TlsOffer::modern;
  std::vector<TlsaRecord> tlsa{};  // held against the chain it shows
  bool sni = true;
};

class Connection {
 public:
  /// Fails with Stage::connect: refused, timeout, no_route, reset, local.
  static Result<Connection> open(const Address& address, std::uint16_t port, const Deadline& deadline,
                                 std::size_t budget);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// At least one octet, or 0 at an orderly end (with TLS: close_notify; without it Cause::closed). `stage`
  /// names what we were waiting for in the failure. Cause::over_budget once the peer has sent more than the
  /// budget.
  Result<std::size_t> read(std::span<char> into, Stage stage);
  Result<void> write(std::string_view octets, Stage stage);

  /// The handshake. Verification never aborts it: `facts` receives version, cipher, chain, faults, names and
  /// alert, also when it fails. Success means the handshake completed, NOT that the peer is who it should be:
  /// ask facts.peer->good() before sending anything.
  Result<void> start_tls(const TrustStore& trust, const TlsPeer& peer, TlsFacts& facts);

  /// Octets that arrived in plain text and were not read yet (must be dropped before STARTTLS: they are not
  /// authenticated; RFC 3207 §4.2). Returns how many were dropped.
  std::size_t discard_plaintext();

  /// From now on nothing waits longer than `span` in all, nor than the deadline.
  void hurry(Millis span);

  /// TLS close_notify if TLS is up, then close; never waits longer than the deadline.
  void close();

 private:
  struct Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stswatch
