#include "checks/observe/tls/dane.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <algorithm>
#include <charconv>
#include <memory>

#include "checks/facts/bounds.h"
#include "checks/observe/tls/x509.h"

namespace stswatch {
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
