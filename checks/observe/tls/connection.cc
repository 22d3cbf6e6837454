// TLS over a Wire (OpenSSL drives, but every octet and every wait is ours), and the connection of both.
#include "checks/observe/tls/connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/facts/observation.h"
#include "checks/observe/net/tcp.h"
#include "checks/observe/tls/verify.h"
#include "checks/observe/tls/x509.h"

namespace stswatch {

class Tls {
 public:
  /// The wire must stay where it is and outlive this. Null when OpenSSL cannot make a session of it.
  static std::unique_ptr<Tls> over(Wire& wire, ssl_ctx_st* context, const TrustStore& trust,
                                   const TlsPeer& peer);

  Result<void> handshake(TlsFacts& facts);
  /// 0 after close_notify.
  Result<std::size_t> read(std::span<char> into, Stage stage);
  Result<void> write(std::string_view octets, Stage stage);
  /// close_notify, if it can leave at once.
  void say_goodbye();

 private:
  explicit Tls(Wire& wire) : wire_(wire) {}
  template <class Step>
  Result<bool> drive(Stage stage, Step step);
  Failure failure(Stage stage) const;
  Failure cut_off(Stage stage);

  Wire& wire_;
  TlsNotes notes_;
  std::unique_ptr<SSL, FreeWith<SSL_free>> ssl_;
  bool up_ = false;
};

namespace {

Wire* wire_of(BIO* bio) { return static_cast<Wire*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, int room) noexcept {
  BIO_clear_retry_flags(bio);
  if (into == nullptr || room <= 0) return 0;
  std::size_t count = 0;
  const auto io = wire_of(bio)->receive(into, static_cast<std::size_t>(room), &count);
  if (io == Wire::Io::moved) return static_cast<int>(count);
  if (io == Wire::Io::again) BIO_set_retry_read(bio);
  return io == Wire::Io::ended ? 0 : -1;
}

int bio_write(BIO* bio, const char* from, int size) noexcept {
  BIO_clear_retry_flags(bio);
  if (from == nullptr || size <= 0) return 0;
  std::size_t count = 0;
  const auto io = wire_of(bio)->send(from, static_cast<std::size_t>(size), &count);
  if (io == Wire::Io::moved) return static_cast<int>(count);
  // A peer that refuses us says why and cuts the line while we still write. OpenSSL would stop at the failed
  // write, so it is told of a success and goes on to read the alert; whoever writes asks the wire afterwards.
  if (io == Wire::Io::broken) return size;
  if (io == Wire::Io::again) BIO_set_retry_write(bio);
  return -1;
}

long bio_control(BIO* bio, int command, long, void*) noexcept {
  if (command == BIO_CTRL_EOF) return wire_of(bio)->ended() ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// OpenSSL's own socket BIO raises SIGPIPE and knows neither bounds nor the reason of a failure.
BIO_METHOD* make_wire_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stswatch wire");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read(method, bio_read);
  BIO_meth_set_write(method, bio_write);
  BIO_meth_set_ctrl(method, bio_control);
  return method;
}

BIO* make_bio(Wire& wire) {
  static BIO_METHOD* const method = make_wire_method();  // immutable, for the life of the process
  BIO* bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

/// Of the key that the peer made for this handshake; 0 where it is no finite-field Diffie-Hellman key.
int dh_bits(SSL* ssl) {
  EVP_PKEY* key = nullptr;
  if (SSL_get_peer_tmp_key(ssl, &key) != 1) return 0;
  const std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> owned(key);
  return EVP_PKEY_is_a(key, "DH") == 1 ? EVP_PKEY_get_bits(key) : 0;
}

/// Of the key exchange; empty where it has none (RSA key transport).
std::string group_name(SSL* ssl) {
  const char* name = SSL_group_to_name(ssl, static_cast<int>(SSL_get_negotiated_group(ssl)));
  return name == nullptr ? std::string() : printable(name, bounds::kDetail);
}

std::string openssl_words() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  if (reason != nullptr) return printable(reason);
  return code == 0 ? "TLS failed" : "OpenSSL error " + std::to_string(code);
}

}  // namespace

std::unique_ptr<Tls> Tls::over(Wire& wire, ssl_ctx_st* context, const TrustStore& trust,
                               const TlsPeer& peer) {
  std::unique_ptr<Tls> tls(new Tls(wire));
  tls->notes_.host = peer.host;
  tls->notes_.now = peer.now;
  tls->notes_.tlsa = peer.tlsa;
  tls->notes_.trust = &trust;
  tls->ssl_.reset(SSL_new(context));
  BIO* bio = tls->ssl_ ? make_bio(wire) : nullptr;
  if (bio == nullptr) return nullptr;
  SSL* ssl = tls->ssl_.get();
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, &tls->notes_);
  SSL_set_connect_state(ssl);
  X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), peer.now.time_since_epoch().count());
  // RFC 8461 §7.1: the client sends SNI. A host that cannot be one (RFC 6066 §3) is asked without.
  if (peer.sni && !peer.host.empty() && SSL_set_tlsext_host_name(ssl, peer.host.c_str()) != 1) return nullptr;
  return tls;
}

/// Repeats `step` until it is done (true) or the peer said close_notify (false).
template <class Step>
Result<bool> Tls::drive(Stage stage, Step step) {
  for (;;) {
    ERR_clear_error();
    const int code = step();
    if (code > 0) return true;
    const int what = SSL_get_error(ssl_.get(), code);
    if (what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE) {
      auto ready = wire_.wait(what == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, stage);
      if (!ready) return tl::unexpected(std::move(ready).error());
      continue;
    }
    if (what == SSL_ERROR_ZERO_RETURN) return false;
    up_ = false;
    auto why = failure(stage);
    ERR_clear_error();
    return tl::unexpected(std::move(why));
  }
}

Failure Tls::failure(Stage stage) const {
  if (wire_.too_much()) return {stage, Cause::over_budget, "more octets than TLS needs"};
  // The alert comes first: a peer that refuses says so and then cuts the line.
  if (!notes_.alert.empty()) return {stage, Cause::tls_alert, printable(notes_.alert)};
  if (wire_.error() != 0) return wire_.failure(stage);
  if (wire_.ended()) {
    return {
        stage, Cause::closed,
        stage == Stage::handshake ? "closed during the TLS handshake" : "closed without TLS close_notify"};
  }
  return {stage, Cause::tls_protocol, openssl_words()};
}

/// The wire broke under a write: what the peer said before that may hold its alert.
Failure Tls::cut_off(Stage stage) {
  char octet = 0;
  std::size_t count = 0;
  SSL_peek_ex(ssl_.get(), &octet, 1, &count);
  ERR_clear_error();
  return failure(stage);
}

Result<void> Tls::handshake(TlsFacts& facts) {
  auto done = drive(Stage::handshake, [this] { return SSL_do_handshake(ssl_.get()); });
  if (done && wire_.error() != 0) done = tl::unexpected(cut_off(Stage::handshake));
  facts.peer = std::move(notes_.peer);
  facts.tlsa = std::move(notes_.matches);
  facts.asks_certificate = notes_.asks_certificate;
  if (!done) {
    facts.alert = notes_.alert;
    return tl::unexpected(std::move(done).error());
  }
  if (!*done) {
    return tl::unexpected(Failure{Stage::handshake, Cause::closed, "close_notify during the TLS handshake"});
  }
  up_ = true;
  facts.version = SSL_get_version(ssl_.get());
  facts.cipher = SSL_get_cipher_name(ssl_.get());
  facts.dh_bits = dh_bits(ssl_.get());
  facts.group = group_name(ssl_.get());
  return {};
}

Result<std::size_t> Tls::read(std::span<char> into, Stage stage) {
  std::size_t count = 0;
  auto done = drive(stage, [&] { return SSL_read_ex(ssl_.get(), into.data(), into.size(), &count); });
  if (!done) return tl::unexpected(std::move(done).error());
  return *done ? count : 0;
}

Result<void> Tls::write(std::string_view octets, Stage stage) {
  while (!octets.empty()) {
    std::size_t count = 0;
    auto done = drive(stage, [&] { return SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &count); });
    if (!done) return tl::unexpected(std::move(done).error());
    if (wire_.error() != 0) return tl::unexpected(cut_off(stage));
    if (!*done) return tl::unexpected(Failure{stage, Cause::closed, "closed by TLS close_notify"});
    octets.remove_prefix(count);
  }
  return {};
}

void Tls::say_goodbye() {
  if (!std::exchange(up_, false)) return;
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

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
