// Verification as a record: every fault is noted and the handshake goes on, so that bad chains can be
// described.
#pragma once

#include <optional>
#include <string>

#include "checks/facts/certificate.h"

struct ssl_ctx_st;

namespace stswatch {

/// What the callbacks of one handshake write down; SSL_set_app_data() points to it.
struct TlsNotes {
  std::string host;
  TimePoint now;
  std::optional<PeerCertificates> peer;
  std::string alert;  // the fatal one the peer sent
};

/// Sets the callbacks that fill the TlsNotes of each SSL made from it.
void note_verification(ssl_ctx_st* context);
void note_alerts(ssl_ctx_st* context);

}  // namespace stswatch
