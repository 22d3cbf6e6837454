#include "checks/observe/tls/connection.h"

#include <poll.h>
#include <algorithm>
#include <cassert>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/observe/net/tcp.h"
#include "checks/observe/tls/tls.h"

namespace stswatch {

struct Connection::Impl {
  Wire wire;
  std::size_t budget;  // octets the peer may still send us, TLS's own not counted
  std::unique_ptr<Tls> tls;

  Result<std::size_t> read_plain(std::span<char> into, Stage stage) {
    for (;;) {
      std::size_t count = 0;
      switch (wire.receive(into.data(), into.size(), &count)) {
        case Wire::Io::moved:
          return count;
        case Wire::Io::ended:
          return 0;
        case Wire::Io::broken:
          return tl::unexpected(wire.failure(stage));
        case Wire::Io::too_much:
          return tl::unexpected(Failure{stage, Cause::over_budget, "too many octets"});
        case Wire::Io::again:
          break;
      }
      if (auto ready = wire.wait(POLLIN, stage); !ready) return tl::unexpected(ready.error());
    }
  }

  Result<void> write_plain(std::string_view octets, Stage stage) {
    while (!octets.empty()) {
      std::size_t count = 0;
      const auto io = wire.send(octets.data(), octets.size(), &count);
      octets.remove_prefix(count);
      if (io == Wire::Io::moved) continue;
      if (io != Wire::Io::again) return tl::unexpected(wire.failure(stage));
      if (auto ready = wire.wait(POLLOUT, stage); !ready) return ready;
    }
    return {};
  }
};

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept {
  if (this != &other) {
    close();
    impl_ = std::move(other.impl_);
  }
  return *this;
}
Connection::~Connection() { close(); }

Result<Connection> Connection::open(const Address& address, std::uint16_t port, const Deadline& deadline,
                                    std::size_t budget) {
  auto wire = Wire::connect(address, port, deadline);
  if (!wire) return tl::unexpected(std::move(wire).error());
  return Connection(std::unique_ptr<Impl>(new Impl{std::move(*wire), budget, nullptr}));
}

Result<std::size_t> Connection::read(std::span<char> into, Stage stage) {
  assert(impl_ && !into.empty());
  // With the budget used up one more octet is asked for: an orderly end is still within it.
  char beyond = 0;
  const bool used_up = impl_->budget == 0;
  const auto room = used_up ? std::span(&beyond, 1) : into.first(std::min(into.size(), impl_->budget));
  auto count = impl_->tls ? impl_->tls->read(room, stage) : impl_->read_plain(room, stage);
  if (!count || *count == 0) return count;
  if (used_up) return tl::unexpected(Failure{stage, Cause::over_budget, "more octets than were allowed"});
  impl_->budget -= *count;
  return count;
}

Result<void> Connection::write(std::string_view octets, Stage stage) {
  assert(impl_);
  return impl_->tls ? impl_->tls->write(octets, stage) : impl_->write_plain(octets, stage);
}

Result<void> Connection::start_tls(const TrustStore& trust, const TlsPeer& peer, TlsFacts& facts) {
  assert(impl_ && !impl_->tls);
  auto* context = peer.offer == TlsOffer::legacy  ? trust.legacy()
                  : peer.offer == TlsOffer::large ? trust.large()
                                                  : trust.modern();
  impl_->tls = Tls::over(impl_->wire, context, trust, peer);
  if (!impl_->tls) {
    return tl::unexpected(Failure{Stage::handshake, Cause::exhausted, "OpenSSL could not make a session"});
  }
  impl_->wire.limit(bounds::kTlsWire);
  auto done = impl_->tls->handshake(facts);
  // From here on records carry what the budget counts; tickets, padding and small records may double it.
  impl_->wire.limit(bounds::kTlsWire + 2 * impl_->budget);
  return done;
}

std::size_t Connection::discard_plaintext() {
  if (!impl_ || impl_->tls) return 0;
  const auto dropped = impl_->wire.drain(impl_->budget);
  impl_->budget -= dropped;
  return dropped;
}

void Connection::hurry(Millis span) {
  assert(impl_);
  impl_->wire.hurry(span);
}

void Connection::close() {
  if (!impl_) return;
  if (impl_->tls) impl_->tls->say_goodbye();
  // Closing over unread octets (TLS 1.3 tickets, say) would send a reset, which servers log as our fault.
  impl_->wire.drain(bounds::kTlsWire);
  impl_.reset();
}

}  // namespace stswatch
