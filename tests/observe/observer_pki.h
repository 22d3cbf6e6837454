// A private CA and server contexts for the dialogues' tests, made in memory; the CA's PEM goes to a temporary
// file.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "checks/facts/text.h"
#include "checks/observe/tls/verify.h"
#include "tests/observe/example.h"

namespace stswatch::dialogue {

class Pki {
 public:
  Pki() : key_(EVP_EC_gen("P-256")), ca_(sign("Dialogue CA", "CA:TRUE", nullptr, key_, 0)) {
    char path[] = "/tmp/stswatch-dialogue-XXXXXX";
    FILE* file = ::fdopen(::mkstemp(path), "w");
    if (file == nullptr || PEM_write_X509(file, ca_) != 1) std::abort();
    std::fclose(file);
    auto loaded = TrustStore::load(path);
    ::unlink(path);
    if (!loaded) std::abort();
    trust_ = *loaded;
  }
  ~Pki() {
    X509_free(ca_);
    EVP_PKEY_free(key_);
  }
  Pki(const Pki&) = delete;
  Pki& operator=(const Pki&) = delete;

  /// Made once: a TrustStore costs more than a handshake.
  static const Pki& get() {
    static const Pki pki;
    return pki;
  }

  const TrustStore& trust() const { return *trust_; }
  std::shared_ptr<const TrustStore> shared_trust() const { return trust_; }

  using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

  /// A server's context with a certificate for `dns_name`, valid for `days` from 2026-12-01.
  Context server(const std::string& dns_name, int days = 90) const {
    Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* leaf = sign("leaf", ("DNS:" + dns_name).c_str(), ca_, key, days);
    if (SSL_CTX_use_certificate(context.get(), leaf) != 1 || SSL_CTX_use_PrivateKey(context.get(), key) != 1)
      std::abort();
    X509_free(leaf);
    EVP_PKEY_free(key);
    return context;
  }

  /// The same, speaking nothing newer than TLS 1.1.
  Context old_server(const std::string& dns_name) const {
    Context context = server(dns_name);
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
    return context;
  }

 private:
  /// With `extension` CA:TRUE a self-signed CA, else a leaf with it for a subjectAltName.
  X509* sign(const char* name, const char* extension, X509* issuer, EVP_PKEY* key, int days) const {
    X509* cert = X509_new();
    X509_set_version(cert, 2);
    static long serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    const auto now = static_cast<std::time_t>(kNow.time_since_epoch().count());
    constexpr std::time_t kDay = 86400;
    ASN1_TIME_set(X509_getm_notBefore(cert), now - 100 * kDay);
    ASN1_TIME_set(X509_getm_notAfter(cert), now + (issuer == nullptr ? 3650 : days) * kDay);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer == nullptr ? cert : issuer));
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer == nullptr ? cert : issuer, cert, nullptr, nullptr, 0);
    const int kind = issuer == nullptr ? NID_basic_constraints : NID_subject_alt_name;
    X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, kind, extension);
    X509_add_ext(cert, made, -1);
    X509_EXTENSION_free(made);
    if (X509_sign(cert, key_, EVP_sha256()) == 0) std::abort();
    return cert;
  }

  EVP_PKEY* key_;
  X509* ca_;
  std::shared_ptr<const TrustStore> trust_;
};

}  // namespace stswatch::dialogue
