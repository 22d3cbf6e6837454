#include "checks/observe/tls/verify.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "checks/facts/bounds.h"
#include "checks/observe/tls/dane.h"
#include "checks/observe/tls/issuer_book.h"
#include "checks/observe/tls/x509.h"

namespace stswatch {

namespace {

constexpr std::size_t kFileOctets = 64U << 20U;  // three hundred times Debian's bundle; ends a /dev/zero

template <class T>
using Expected = tl::expected<T, std::string>;

std::string why(int error) { return std::generic_category().message(error); }

Expected<std::string> read_file(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return tl::unexpected(path + ": " + why(errno));
  if (S_ISDIR(about.st_mode)) return tl::unexpected(path + ": is a directory, not a file of certificates");
  std::unique_ptr<std::FILE, FreeWith<std::fclose>> file(std::fopen(path.c_str(), "re"));
  if (!file) return tl::unexpected(path + ": " + why(errno));
  std::string text;
  std::vector<char> part(65536);
  while (std::size_t count = std::fread(part.data(), 1, part.size(), file.get())) {
    text.append(part.data(), count);
    if (text.size() > kFileOctets) return tl::unexpected(path + ": larger than 64 MiB");
  }
  if (std::ferror(file.get()) != 0) return tl::unexpected(path + ": " + why(errno));
  return text;
}

Expected<std::vector<X509Ptr>> parse(const std::string& pem, const std::string& path) {
  std::vector<X509Ptr> roots;
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  ERR_clear_error();
  // AUX: "TRUSTED CERTIFICATE" blocks are read too, as OpenSSL reads them in its own store.
  while (X509* root = bio ? PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr) : nullptr) {
    roots.emplace_back(root);
  }
  const auto end = ERR_peek_last_error();
  const bool complete = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!complete) {
    return tl::unexpected(path + ": certificate " + std::to_string(roots.size() + 1) + " is damaged");
  }
  if (roots.empty()) return tl::unexpected(path + ": no certificate in it (PEM is expected)");
  return roots;
}

// One file, read now: OpenSSL's default directory would be searched later, in mid-handshake, and could
// change.
std::string system_bundle() {
  if (const char* named = secure_getenv(X509_get_default_cert_file_env());
      named != nullptr && *named != '\0') {
    return named;
  }
  static constexpr const char* kDebian = "/etc/ssl/certs/ca-certificates.crt";
  return ::access(kDebian, R_OK) == 0 ? kDebian : X509_get_default_cert_file();
}

// RFC 8701 reserves such values for what every peer must pass over. With the rest of the hello this makes
// about 1,500 octets, as the key share of X25519MLKEM768 does, and no longer fits into one segment.
constexpr unsigned kGrease = 0x5a5a;
constexpr std::array<unsigned char, 1200> kPadding{};

bool pad_hello(SSL_CTX* context) {
  const auto add = [](SSL*, unsigned, unsigned, const unsigned char** out, std::size_t* size, X509*,
                      std::size_t, int*, void*) -> int {
    *out = kPadding.data();
    *size = kPadding.size();
    return 1;
  };
  return SSL_CTX_add_custom_ext(context, kGrease, SSL_EXT_CLIENT_HELLO, add, nullptr, nullptr, nullptr,
                                nullptr) == 1;
}

// Explicit where OpenSSL has a default: an openssl.cnf of this machine must not change what we say of others.
bool set_up(SSL_CTX* context, X509_STORE* roots, int least, int most, const char* ciphers) {
  SSL_CTX_set1_cert_store(context, roots);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // one system call a flight, not two a record
  note_verification(context);
  note_alerts(context);
  note_certificate_request(context);
  accept_small_dh(context);
  return SSL_CTX_set_cipher_list(context, ciphers) == 1 &&
         SSL_CTX_set_min_proto_version(context, least) == 1 &&
         SSL_CTX_set_max_proto_version(context, most) == 1;
}

using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;

Expected<StorePtr> store_of(const std::string& path) {
  auto pem = read_file(path);
  if (!pem) return tl::unexpected(std::move(pem).error());
  auto roots = parse(*pem, path);
  if (!roots) return tl::unexpected(std::move(roots).error());
  StorePtr store(X509_STORE_new());
  for (const auto& root : *roots) {
    X509_check_purpose(root.get(), -1, 0);
    if (!store || X509_STORE_add_cert(store.get(), root.get()) != 1)
      return tl::unexpected(path + ": OpenSSL could not build a trust store of it");
  }
  return store;
}

std::string fingerprint_of_all(std::vector<Fingerprint>& prints) {
  std::sort(prints.begin(), prints.end());
  prints.erase(std::unique(prints.begin(), prints.end()), prints.end());
  std::string joined;
  for (const auto& print : prints)
    joined.append(print.begin(), print.end());
  return to_hex(fingerprint(joined.data(), joined.size()));
}

}  // namespace

tl::expected<std::shared_ptr<const TrustStore>, std::string> TrustStore::load(const std::string& ca_file,
                                                                              const std::string& elder_file) {
  const std::string path = ca_file.empty() ? system_bundle() : ca_file;
  auto pem = read_file(path);
  if (!pem) return tl::unexpected(std::move(pem).error());
  auto roots = parse(*pem, path);
  if (!roots) return tl::unexpected(std::move(roots).error());

  std::shared_ptr<TrustStore> store(new TrustStore());
  if (!elder_file.empty()) {
    auto elder = store_of(elder_file);
    if (!elder) return tl::unexpected(std::move(elder).error());
    store->elder_file_ = elder_file;
    store->elder_roots_ = elder->release();
  }
  store->file_ = path;
  store->roots_ = X509_STORE_new();
  store->modern_ = SSL_CTX_new(TLS_client_method());
  store->large_ = SSL_CTX_new(TLS_client_method());
  store->legacy_ = SSL_CTX_new(TLS_client_method());
  bool whole = store->roots_ != nullptr && store->modern_ != nullptr && store->large_ != nullptr &&
               store->legacy_ != nullptr;
  std::vector<Fingerprint> prints;
  for (const auto& root : *roots) {
    X509_check_purpose(root.get(), -1, 0);  // parses its extensions now, not in the first handshakes
    whole = whole && X509_STORE_add_cert(store->roots_, root.get()) == 1;
    prints.push_back(fingerprint(root.get()));
  }
  store->sha256_ = fingerprint_of_all(prints);
  store->size_ = prints.size();
  // Level 2 (112 bits) is what Debian and OpenSSL 3.2 ship: what a current sender would refuse.
  whole = whole && set_up(store->modern_, store->roots_, TLS1_2_VERSION, 0, "DEFAULT:@SECLEVEL=2") &&
          set_up(store->large_, store->roots_, TLS1_2_VERSION, 0, "DEFAULT:@SECLEVEL=2") &&
          pad_hello(store->large_) &&
          set_up(store->legacy_, store->roots_, TLS1_VERSION, TLS1_1_VERSION, "ALL:@SECLEVEL=0");
  ERR_clear_error();
  if (!whole) return tl::unexpected(path + ": OpenSSL could not build a trust store of it");
  SSL_CTX_set_options(store->legacy_, SSL_OP_LEGACY_SERVER_CONNECT);  // without RFC 5746, as old as its TLS
  return store;
}

TrustStore::TrustStore() : issuers_(std::make_unique<IssuerBook>()) {}

TrustStore::~TrustStore() {
  SSL_CTX_free(modern_);
  SSL_CTX_free(large_);
  SSL_CTX_free(legacy_);
  X509_STORE_free(roots_);
  X509_STORE_free(elder_roots_);
}

namespace {

TlsNotes* notes_of(X509_STORE_CTX* context) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return ssl == nullptr ? nullptr : static_cast<TlsNotes*>(SSL_get_app_data(ssl));
}

ChainFault::Kind kind_of(int error) {
  using Kind = ChainFault::Kind;
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Kind::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Kind::not_yet_valid;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return Kind::self_signed;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return Kind::unknown_issuer;
    case X509_V_ERR_INVALID_PURPOSE:
      return Kind::wrong_purpose;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return Kind::weak;
    case X509_V_ERR_CERT_REVOKED:
      return Kind::revoked;
    default:
      return Kind::other;
  }
}

// OpenSSL finds some causes twice: a missing issuer when it builds the path and again when it has no key to
// check with, and what is no CA fails the check of its purpose too.
bool same_cause(const ChainFault& known, const ChainFault& fault) {
  using Kind = ChainFault::Kind;
  if (fault.kind == Kind::unknown_issuer && known.kind == fault.kind) return true;
  if (fault.kind == Kind::wrong_purpose && known.depth == fault.depth &&
      known.text == X509_verify_cert_error_string(X509_V_ERR_INVALID_CA)) {
    return true;
  }
  return known == fault;
}

void note_fault(PeerCertificates& peer, int error, int depth) {
  ChainFault fault{kind_of(error), depth, X509_verify_cert_error_string(error)};
  const auto same = [&](const ChainFault& known) { return same_cause(known, fault); };
  if (std::none_of(peer.faults.begin(), peer.faults.end(), same)) peer.faults.push_back(std::move(fault));
}

// RULES 4.2: a certificate a few minutes young meets clocks that are a little slow; that proves nothing.
bool is_young(X509_STORE_CTX* context, TimePoint now) {
  const X509* certificate = X509_STORE_CTX_get_current_cert(context);
  return certificate != nullptr && to_time(X509_get0_notBefore(certificate)) <= now + bounds::kClockTolerance;
}

int on_verify_step(int ok, X509_STORE_CTX* context) noexcept {
  if (ok == 1) return 1;
  TlsNotes* notes = notes_of(context);
  if (notes == nullptr || !notes->peer) return 0;
  const int error = X509_STORE_CTX_get_error(context);
  if (error == X509_V_ERR_CERT_NOT_YET_VALID && is_young(context, notes->now)) return 1;
  note_fault(*notes->peer, error, X509_STORE_CTX_get_error_depth(context));
  return 1;
}

// A certificate may carry thousands of names. We keep the first, and one that matches wherever it stands:
// whoever asks names_host() of what is kept must get the same answer.
void bound_names(Certificate& leaf, const std::string& host) {
  auto& names = leaf.dns_names;
  if (names.size() <= bounds::kDnsNamesKept) return;
  Certificate one;
  for (std::size_t i = bounds::kDnsNamesKept; i < names.size(); ++i) {
    one.dns_names.assign(1, names[i]);
    if (!names_host(one, host)) continue;
    std::swap(names[bounds::kDnsNamesKept - 1], names[i]);
    break;
  }
  names.resize(bounds::kDnsNamesKept);
}

void note_sent(PeerCertificates& peer, const STACK_OF(X509) * sent, X509* leaf, const std::string& host) {
  peer.leaf = describe(leaf);
  peer.name_matches = names_host(peer.leaf, host);
  bound_names(peer.leaf, host);
  const int count = std::min(sk_X509_num(sent), static_cast<int>(bounds::kTlsChain) + 1);
  for (int i = 1; i < count; ++i) {
    auto certificate = describe(sk_X509_value(sent, i));
    bound_names(certificate, host);
    peer.chain.push_back(std::move(certificate));
  }
}

void note_used(PeerCertificates& peer, const STACK_OF(X509) * sent, const STACK_OF(X509) * path) {
  for (std::size_t i = 0; i < peer.chain.size(); ++i) {
    bool used = !peer.trusted();
    for (int p = 1; !used && p < sk_X509_num(path); ++p) {
      used = X509_cmp(sk_X509_value(sent, static_cast<int>(i) + 1), sk_X509_value(path, p)) == 0;
    }
    if (used) peer.used.push_back(i);
  }
}

/// What the elder store says of a chain that verifies with today's; empty: the same, or there is none.
std::string asked_of_elder(const TrustStore& trust, X509* leaf, STACK_OF(X509) * sent, TimePoint now) {
  if (trust.elder_roots() == nullptr) return {};
  const std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), trust.elder_roots(), leaf, sent) != 1) return {};
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  X509_STORE_CTX_set_time(context.get(), 0, now.time_since_epoch().count());
  if (X509_verify_cert(context.get()) == 1) return {};
  const int error = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  return trust.elder_file() + ": " + X509_verify_cert_error_string(error);
}

bool issuer_trusted(X509_STORE_CTX* context, X509* certificate) {
  X509* issuer = nullptr;
  if (X509_STORE_CTX_get1_issuer(&issuer, context, certificate) != 1) return false;
  X509_free(issuer);
  return true;
}

// Replaces X509_verify_cert() in the handshake and always answers 1: the verdict is in the notes.
int verify_and_describe(X509_STORE_CTX* context, void*) noexcept {
  TlsNotes* notes = notes_of(context);
  X509* leaf = X509_STORE_CTX_get0_cert(context);
  if (notes == nullptr || leaf == nullptr) return 0;
  auto& peer = notes->peer.emplace();
  X509_STORE_CTX_set_verify_cb(context, on_verify_step);
  if (X509_verify_cert(context) <= 0 && peer.trusted()) {
    // It gave up without telling the callback (out of memory): unverified is never trusted.
    note_fault(peer, X509_STORE_CTX_get_error(context), X509_STORE_CTX_get_error_depth(context));
  }
  const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(context);
  note_sent(peer, sent, leaf, notes->host);
  note_used(peer, sent, X509_STORE_CTX_get0_chain(context));
  const int count = sk_X509_num(sent);
  peer.last_issuer_trusted = issuer_trusted(context, count > 0 ? sk_X509_value(sent, count - 1) : leaf);
  const STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context);
  if (peer.trusted() && notes->trust != nullptr && sk_X509_num(path) > 1)
    notes->trust->issuers().note(leaf, sk_X509_value(path, 1));
  if (peer.trusted() && notes->trust != nullptr)
    peer.elder_refuses =
        asked_of_elder(*notes->trust, leaf, X509_STORE_CTX_get0_untrusted(context), notes->now);
  if (!notes->tlsa.empty())
    notes->matches = match_tlsa(notes->tlsa, X509_STORE_CTX_get0_untrusted(context), notes->now);
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

void on_state(const SSL* ssl, int where, int value) noexcept {
  if (where != SSL_CB_READ_ALERT || (value & 0xff) == SSL_AD_CLOSE_NOTIFY) return;
  auto* notes = static_cast<TlsNotes*>(SSL_get_app_data(ssl));
  // RFC 8446 §6: TLS 1.3 ignores the level, all but two are fatal. Before it, a warning such as
  // unrecognized_name (RFC 6066 §3) changes nothing. SSL_version() is TLS 1.3 also while nothing is agreed
  // upon yet.
  const bool tls13 = SSL_get_current_cipher(ssl) != nullptr && SSL_version(ssl) == TLS1_3_VERSION;
  const bool fatal = (value >> 8) == SSL3_AL_FATAL || (tls13 && (value & 0xff) != SSL_AD_USER_CANCELLED);
  if (notes != nullptr && fatal) notes->alert = SSL_alert_desc_string_long(value);
}

}  // namespace

void note_verification(ssl_ctx_st* context) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_verify_depth(context, static_cast<int>(bounds::kTlsChain));
  SSL_CTX_set_cert_verify_callback(context, verify_and_describe, nullptr);
}

void note_certificate_request(ssl_ctx_st* context) {
  SSL_CTX_set_client_cert_cb(context, [](SSL* ssl, X509**, EVP_PKEY**) -> int {
    if (auto* notes = static_cast<TlsNotes*>(SSL_get_app_data(ssl))) notes->asks_certificate = true;
    return 0;
  });
}

void note_alerts(ssl_ctx_st* context) { SSL_CTX_set_info_callback(context, on_state); }

void accept_small_dh(ssl_ctx_st* context) {
  static const auto by_level = SSL_CTX_get_security_callback(context);  // OpenSSL's own, the same for all
  SSL_CTX_set_security_callback(
      context, [](const SSL* ssl, const SSL_CTX* of, int what, int bits, int nid, void* other, void* more) {
        if (what == SSL_SECOP_TMP_DH) return 1;
        return by_level(ssl, of, what, bits, nid, other, more);
      });
}

}  // namespace stswatch
