// TLS over a Wire: OpenSSL drives, but every octet and every wait is ours. For connection.cc alone.
#pragma once

#include <openssl/ssl.h>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "checks/facts/observation.h"
#include "checks/observe/net/tcp.h"
#include "checks/observe/tls/connection.h"
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

}  // namespace stswatch
