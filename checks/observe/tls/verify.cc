#include "checks/observe/tls/verify.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "checks/facts/bounds.h"
#include "checks/observe/tls/x509.h"

namespace stswatch {

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
  std::vector<Certificate> chain;
  for (int i = 1; i < count; ++i) {
    auto certificate = describe(sk_X509_value(sent, i));
    bound_names(certificate, host);
    chain.push_back(std::move(certificate));
  }
  peer.chain = std::move(chain);
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

/// What a chain as sent is recalled by: each certificate in its order, and the security level it is held to.
/// Null where there are more of them than are described.
std::optional<Fingerprint> name_of(const PeerCertificates& peer, X509_STORE_CTX* context) {
  if (sk_X509_num(X509_STORE_CTX_get0_untrusted(context)) > static_cast<int>(bounds::kTlsChain) + 1)
    return std::nullopt;
  const auto level = X509_VERIFY_PARAM_get_auth_level(X509_STORE_CTX_get0_param(context));
  auto all = std::to_string(level) + ' ' + peer.leaf.sha256;
  for (const auto& certificate : peer.chain)
    all += certificate.sha256;
  return fingerprint(all.data(), all.size());
}

/// Which of those sent after the leaf is its issuer, as the path has it.
std::optional<std::size_t> issuer_among(const STACK_OF(X509) * sent, const X509* issuer) {
  for (int i = 1; i < sk_X509_num(sent); ++i)
    if (X509_cmp(sk_X509_value(sent, i), issuer) == 0) return static_cast<std::size_t>(i - 1);
  return std::nullopt;
}

/// For the question whether it is revoked, which is asked of a chain that was recalled too.
void note_issuer(const TrustStore& trust, X509_STORE_CTX* context, X509* leaf,
                 std::optional<std::size_t> issuer) {
  if (issuer) {
    const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(context);
    return trust.issuers().note(leaf, sk_X509_value(sent, static_cast<int>(*issuer) + 1));
  }
  X509* root = nullptr;
  if (X509_STORE_CTX_get1_issuer(&root, context, leaf) != 1) return;
  trust.issuers().note(leaf, root);
  X509_free(root);
}

/// Verifies what was sent, and writes down what of it may be recalled.
VerifiedChain verify(PeerCertificates& peer, X509_STORE_CTX* context, const TlsNotes& notes) {
  X509* leaf = X509_STORE_CTX_get0_cert(context);
  X509_STORE_CTX_set_verify_cb(context, on_verify_step);
  if (X509_verify_cert(context) <= 0 && peer.trusted()) {
    // It gave up without telling the callback (out of memory): unverified is never trusted.
    note_fault(peer, X509_STORE_CTX_get_error(context), X509_STORE_CTX_get_error_depth(context));
  }
  const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(context);
  const STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context);
  note_used(peer, sent, path);
  const int count = sk_X509_num(sent);
  VerifiedChain out{.used = peer.used};
  out.last_issuer_trusted = issuer_trusted(context, count > 0 ? sk_X509_value(sent, count - 1) : leaf);
  if (!peer.trusted() || notes.trust == nullptr) return out;
  if (sk_X509_num(path) > 1) {
    X509* issuer = sk_X509_value(path, 1);
    out.issuer = issuer_among(sent, issuer);
    notes.trust->issuers().note(leaf, issuer);
  }
  out.elder_refuses = asked_of_elder(*notes.trust, leaf, X509_STORE_CTX_get0_untrusted(context), notes.now);
  return out;
}

void remember_chain(const TlsNotes& notes, const Fingerprint& name, X509_STORE_CTX* context,
                    const VerifiedChain& verdict) {
  std::set<TimePoint> dates;
  const STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(context);
  for (int i = 0; i < sk_X509_num(sent); ++i)
    VerifiedChains::add_dates(sk_X509_value(sent, i), dates);
  notes.trust->verified().note(name, notes.now, dates, verdict);
}

// Replaces X509_verify_cert() in the handshake and always answers 1: the verdict is in the notes.
int verify_and_describe(X509_STORE_CTX* context, void*) noexcept {
  TlsNotes* notes = notes_of(context);
  X509* leaf = X509_STORE_CTX_get0_cert(context);
  if (notes == nullptr || leaf == nullptr) return 0;
  auto& peer = notes->peer.emplace();
  note_sent(peer, X509_STORE_CTX_get0_untrusted(context), leaf, notes->host);
  const auto name = notes->trust == nullptr ? std::nullopt : name_of(peer, context);
  auto verdict = name ? notes->trust->verified().recall(*name, notes->now) : std::nullopt;
  if (verdict) {
    peer.used = verdict->used;
    note_issuer(*notes->trust, context, leaf, verdict->issuer);
  } else {
    verdict = verify(peer, context, *notes);
    if (name && peer.trusted()) remember_chain(*notes, *name, context, *verdict);
  }
  peer.last_issuer_trusted = verdict->last_issuer_trusted;
  peer.elder_refuses = verdict->elder_refuses;
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

// TLSA records against the chain.

namespace {

using Bytes = std::vector<unsigned char>;
using ContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;

Bytes octets_of(const std::string& hex) {
  Bytes out(hex.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i)
    std::from_chars(hex.data() + i * 2, hex.data() + i * 2 + 2, out[i], 16);
  return out;
}

/// No roots of our own take part: a TLSA record is the only anchor there is.
struct Parts {
  ContextPtr context;
  StorePtr no_roots;
};

const Parts& parts() {
  static const Parts made = [] {
    Parts p{ContextPtr(SSL_CTX_new(TLS_client_method())), StorePtr(X509_STORE_new())};
    if (p.context) SSL_CTX_dane_enable(p.context.get());
    return p;
  }();
  return made;
}

/// Selector and matching type (RFC 6698 §2.1.2, §2.1.3) applied to one certificate; empty for unknown ones.
Bytes selected(X509* certificate, const TlsaRecord& record) {
  unsigned char* der = nullptr;
  const int size =
      record.selector == 0 ? i2d_X509(certificate, &der) : i2d_PUBKEY(X509_get0_pubkey(certificate), &der);
  if (size <= 0) return {};
  Bytes whole(der, der + size);
  OPENSSL_free(der);
  if (record.matching == 0) return whole;
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned length = 0;
  const EVP_MD* type = record.matching == 1 ? EVP_sha256() : EVP_sha512();
  if (EVP_Digest(whole.data(), whole.size(), digest.data(), &length, type, nullptr) != 1) return {};
  digest.resize(length);
  return digest;
}

/// RFC 7672 §3.1.2: the certificate that a record of usage 2 names is in the chain that was sent.
bool is_sent(const TlsaRecord& record, STACK_OF(X509) * sent) {
  const Bytes wanted = octets_of(record.data);
  const int count = std::min(sk_X509_num(sent), static_cast<int>(bounds::kTlsChain) + 1);
  for (int i = 1; i < count; ++i)
    if (selected(sk_X509_value(sent, i), record) == wanted) return true;
  return false;
}

/// RULES 4.2: a certificate a few minutes young proves nothing. X509_STORE_CTX has no room for our time.
int forgive_youth(int ok, X509_STORE_CTX* context) noexcept {
  if (ok == 1 || X509_STORE_CTX_get_error(context) != X509_V_ERR_CERT_NOT_YET_VALID) return ok;
  const X509* certificate = X509_STORE_CTX_get_current_cert(context);
  const TimePoint now{Seconds{X509_VERIFY_PARAM_get_time(X509_STORE_CTX_get0_param(context))}};
  return certificate != nullptr && to_time(X509_get0_notBefore(certificate)) <= now + bounds::kClockTolerance;
}

TlsaMatch match_one(const TlsaRecord& record, STACK_OF(X509) * sent, TimePoint now) {
  TlsaMatch out{.record = record};
  if (!is_usable(record) || sk_X509_num(sent) == 0) return out;
  const Bytes data = octets_of(record.data);
  const SslPtr ssl(parts().context ? SSL_new(parts().context.get()) : nullptr);
  const StoreContextPtr check(X509_STORE_CTX_new());
  if (!ssl || !check || !parts().no_roots || SSL_dane_enable(ssl.get(), nullptr) != 1) return out;
  if (SSL_dane_tlsa_add(ssl.get(), record.usage, record.selector, record.matching, data.data(),
                        data.size()) != 1) {
    out.refused = true;
    return out;
  }
  if (record.usage == 2) out.sent = is_sent(record, sent);
  if (X509_STORE_CTX_init(check.get(), parts().no_roots.get(), sk_X509_value(sent, 0), sent) != 1) return out;
  X509_STORE_CTX_set_default(check.get(), "ssl_server");
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(check.get());
  X509_VERIFY_PARAM_set_time(param, now.time_since_epoch().count());
  X509_VERIFY_PARAM_set_depth(param, static_cast<int>(bounds::kTlsChain));
  X509_STORE_CTX_set_verify_cb(check.get(), forgive_youth);
  X509_STORE_CTX_set0_dane(check.get(), SSL_get0_dane(ssl.get()));
  out.matches = X509_verify_cert(check.get()) == 1;
  return out;
}

}  // namespace

std::vector<TlsaMatch> match_tlsa(std::span<const TlsaRecord> records, STACK_OF(X509) * sent, TimePoint now) {
  std::vector<TlsaMatch> out;
  for (const TlsaRecord& record : records)
    out.push_back(match_one(record, sent, now));
  ERR_clear_error();
  return out;
}

ChainMatch match_tlsa(std::span<const TlsaRecord> records, std::span<const std::string> pem, TimePoint now) {
  std::vector<X509Ptr> owned;
  const std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })> sent(
      sk_X509_new_null());
  for (const std::string& text : pem) {
    const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    X509Ptr one(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!one || !sent || sk_X509_push(sent.get(), one.get()) == 0) break;
    owned.push_back(std::move(one));
  }
  ERR_clear_error();
  ChainMatch out{.leaf = {}, .matches = match_tlsa(records, sent.get(), now)};
  if (!owned.empty()) out.leaf = describe(owned.front().get());
  return out;
}

}  // namespace stswatch
