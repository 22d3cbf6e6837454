// The floor every look is measured against: a bare verified TLS handshake as a careful program would write
// it, blocking, with one shared SSL_CTX, SNI, and a check of the host's name.
#pragma once

#include <memory>
#include <string>

#include "checks/facts/address.h"

struct ssl_ctx_st;

namespace stswatch::bench {

class Floor {
 public:
  explicit Floor(const std::string& ca_file);
  ~Floor();
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;

  /// Throws when the handshake fails or the peer is not `host`.
  void handshake(const Address& address, const std::string& host) const;

 private:
  ssl_ctx_st* context_;
};

}  // namespace stswatch::bench
