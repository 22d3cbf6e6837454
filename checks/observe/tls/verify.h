// Verification as a record: every fault is noted and the handshake goes on, so that bad chains can be
// described.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "checks/facts/certificate.h"

// The roots we verify against: loaded once, immutable, shared by all connections (a load costs 50 ms).

struct x509_store_st;
struct ssl_ctx_st;

namespace stswatch {

class IssuerBook;
class VerifiedChains;

class TrustStore {
 public:
  /// `ca_file` replaces the system's store; empty means the system's. The error names the file and the fault.
  /// `elder_file`: an older store beside it, which does not decide; empty: none.
  static tl::expected<std::shared_ptr<const TrustStore>, std::string> load(
      const std::string& ca_file, const std::string& elder_file = {});
  ~TrustStore();

  const std::string& file() const { return file_; }  // the file, or the system's bundle
  const std::string& elder_file() const { return elder_file_; }
  const std::string& sha256() const { return sha256_; }  // over the sorted fingerprints of the roots
  std::size_t size() const { return size_; }

  // For checks/observe alone: contexts shared by every connection, one offering TLS 1.2 and later, one only
  // what came before (security level 0), to recognise and name old servers, one whose ClientHello is large.
  ssl_ctx_st* modern() const { return modern_; }
  ssl_ctx_st* large() const { return large_; }
  ssl_ctx_st* legacy() const { return legacy_; }
  x509_store_st* roots() const { return roots_; }
  IssuerBook& issuers() const { return *issuers_; }
  VerifiedChains& verified() const { return *verified_; }
  x509_store_st* elder_roots() const { return elder_roots_; }  // null without an elder store

 private:
  TrustStore();
  std::string file_, sha256_, elder_file_;
  std::unique_ptr<IssuerBook> issuers_;
  std::unique_ptr<VerifiedChains> verified_;
  std::size_t size_ = 0;
  x509_store_st* roots_ = nullptr;
  x509_store_st* elder_roots_ = nullptr;
  ssl_ctx_st* modern_ = nullptr;
  ssl_ctx_st* large_ = nullptr;
  ssl_ctx_st* legacy_ = nullptr;
};

}  // namespace stswatch

struct ssl_ctx_st;

namespace stswatch {

/// What the callbacks of one handshake write down; SSL_set_app_data() points to it.
struct TlsNotes {
  std::string host;
  TimePoint now;
  std::vector<TlsaRecord> tlsa{};  // to hold against the chain
  std::optional<PeerCertificates> peer;
  std::vector<TlsaMatch> matches{};
  std::string alert;  // the fatal one the peer sent
  bool asks_certificate = false;
  const TrustStore* trust = nullptr;
};

/// Sets the callbacks that fill the TlsNotes of each SSL made from it.
void note_verification(ssl_ctx_st* context);
void note_alerts(ssl_ctx_st* context);
void note_certificate_request(ssl_ctx_st* context);  // and answers it with none

/// Lets small finite-field Diffie-Hellman keys pass, which level 2 refuses and many senders take: their size
/// is a fact, and the judge decides. Everything else stays as the level has it.
void accept_small_dh(ssl_ctx_st* context);

// What TLSA records say of a chain, by OpenSSL's DANE functions and without a connection (RFC 6698 §2.1, RFC
// 7671 §5). Each record is held against the chain by itself, so that a judge can weigh them; names are the
// judge's too. For checks/observe, and for the command that judges files.

/// `sent`: the leaf first, as the server sent them. Dates hold or not at `now`; usage 3 ignores them.
std::vector<TlsaMatch> match_tlsa(std::span<const TlsaRecord> records, STACK_OF(X509) * sent, TimePoint now);

/// The same of PEM texts, one certificate each.
struct ChainMatch {
  std::optional<Certificate> leaf;  // empty: the first text is no certificate
  std::vector<TlsaMatch> matches;
};
ChainMatch match_tlsa(std::span<const TlsaRecord> records, std::span<const std::string> pem, TimePoint now);

}  // namespace stswatch
