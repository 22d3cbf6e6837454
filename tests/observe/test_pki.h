// Certificates of every kind, good and bad, made in memory, and a peer on 127.0.0.1 that does what a row
// tells it.
#pragma once

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/text.h"
#include "checks/observe/tls/verify.h"
#include "checks/observe/tls/x509.h"
#include "tests/observe/example.h"

namespace stswatch::pki {

using namespace std::chrono_literals;

using dialogue::kLoopback;
using dialogue::kMx1;
using dialogue::kNow;

using KeyPtr = std::shared_ptr<EVP_PKEY>;
using ContextPtr = std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>>;

inline void must(bool good) {
  if (!good) std::abort();
}

struct Entity {
  std::shared_ptr<X509> certificate;
  KeyPtr key;
};

struct Wanted {
  std::string cn = {};
  std::vector<std::string> names = {};  // octets of each dNSName
  Seconds from = -24h * 30;             // both relative to kNow
  Seconds to = 24h * 60;
  bool ca = false;
  const char* usage = nullptr;       // extendedKeyUsage
  const char* issuer_url = nullptr;  // caIssuers
  const char* crl_url = nullptr;     // crlDistributionPoints: "URI:http://..."
  std::string key = "P-256";         // or "RSA 1024", "Ed25519"
  const char* digest = "SHA256";
};

inline KeyPtr make_key(const std::string& kind) {
  EVP_PKEY* key = kind.starts_with("RSA ") ? EVP_RSA_gen(static_cast<unsigned>(std::stoul(kind.substr(4))))
                  : kind == "Ed25519"      ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                           : EVP_EC_gen(kind.c_str());
  must(key != nullptr);
  return {key, EVP_PKEY_free};
}

inline void extend(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  must(made != nullptr && X509_add_ext(certificate, made, -1) == 1);
  X509_EXTENSION_free(made);
}

inline void add_names(X509* certificate, const std::vector<std::string>& names) {
  GENERAL_NAMES* all = sk_GENERAL_NAME_new_null();
  for (const auto& name : names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    must(ASN1_STRING_set(text, name.data(), static_cast<int>(name.size())) == 1);
    GENERAL_NAME* entry = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(entry, GEN_DNS, text);
    sk_GENERAL_NAME_push(all, entry);
  }
  must(X509_add1_ext_i2d(certificate, NID_subject_alt_name, all, 0, 0) == 1);
  GENERAL_NAMES_free(all);
}

/// Self-signed without an issuer.
inline Entity issue(const Wanted& wanted, const Entity* issuer = nullptr) {
  static std::atomic<long> serial{0x1001};
  Entity made{{X509_new(), X509_free}, make_key(wanted.key)};
  X509* cert = made.certificate.get();
  X509* by = issuer == nullptr ? cert : issuer->certificate.get();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
  const auto now = kNow.time_since_epoch();
  ASN1_TIME_set(X509_getm_notBefore(cert), (now + wanted.from).count());
  ASN1_TIME_set(X509_getm_notAfter(cert), (now + wanted.to).count());
  X509_set_pubkey(cert, made.key.get());
  if (!wanted.cn.empty()) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wanted.cn.data()),
                               static_cast<int>(wanted.cn.size()), -1, 0);
  }
  X509_set_issuer_name(cert, X509_get_subject_name(by));
  extend(cert, by, NID_basic_constraints, wanted.ca ? "critical,CA:TRUE" : "CA:FALSE");
  extend(cert, by, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) extend(cert, by, NID_authority_key_identifier, "keyid");
  if (wanted.usage != nullptr) extend(cert, by, NID_ext_key_usage, wanted.usage);
  if (wanted.issuer_url != nullptr) extend(cert, by, NID_info_access, wanted.issuer_url);
  if (wanted.crl_url != nullptr) extend(cert, by, NID_crl_distribution_points, wanted.crl_url);
  if (!wanted.names.empty()) add_names(cert, wanted.names);
  EVP_PKEY* signer = issuer == nullptr ? made.key.get() : issuer->key.get();
  const EVP_MD* digest = EVP_PKEY_is_a(signer, "ED25519") ? nullptr : EVP_get_digestbyname(wanted.digest);
  must(X509_sign(cert, signer, digest) != 0);
  return made;
}

inline std::string pem_of(const Entity& entity) {
  BioPtr out(BIO_new(BIO_s_mem()));
  must(PEM_write_bio_X509(out.get(), entity.certificate.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

/// A file that is gone with its object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    const int fd = ::mkstemp(path_);
    must(fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(fd);
  }
  ~TemporaryFile() { ::unlink(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/stswatch-pki-XXXXXX";
};

/// One trusted root, one intermediate below it; made once.
struct Authority {
  Entity root = issue({.cn = "Test Root", .to = 24h * 3650, .ca = true});
  Entity intermediate = issue({.cn = "Test Intermediate", .to = 24h * 365, .ca = true}, &root);
  std::shared_ptr<const TrustStore> trust = load();

  static const Authority& get() {
    static const Authority authority;
    return authority;
  }

 private:
  std::shared_ptr<const TrustStore> load() const {
    auto loaded = TrustStore::load(TemporaryFile(pem_of(root)).path());
    must(loaded.has_value());
    return *loaded;
  }
};

/// What a server shows; at security level 0, so that it can show bad things too.
inline ContextPtr server_context(const Entity& leaf, const std::vector<Entity>& chain,
                                 int oldest = TLS1_VERSION, int newest = TLS1_3_VERSION) {
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  must(SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0") == 1);
  must(SSL_CTX_set_min_proto_version(context.get(), oldest) == 1);
  must(SSL_CTX_set_max_proto_version(context.get(), newest) == 1);
  must(SSL_CTX_use_certificate(context.get(), leaf.certificate.get()) == 1);
  must(SSL_CTX_use_PrivateKey(context.get(), leaf.key.get()) == 1);
  for (const auto& sent : chain)
    must(SSL_CTX_add1_chain_cert(context.get(), sent.certificate.get()) == 1);
  return context;
}

/// Listens on an ephemeral port and hands each connection in turn to `serve`, which need not close it.
class SocketPeer {
 public:
  explicit SocketPeer(std::function<void(int)> serve, int backlog = 64)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), serve_(std::move(serve)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    must(::bind(listener_, reinterpret_cast<sockaddr*>(&here), size) == 0 &&
         ::listen(listener_, backlog) == 0);
    must(::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size) == 0);
    port_ = ntohs(here.sin_port);
    if (serve_) thread_ = std::thread([this] { run(); });
  }
  ~SocketPeer() {
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  SocketPeer(const SocketPeer&) = delete;
  SocketPeer& operator=(const SocketPeer&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  void run() {
    // OpenSSL's own socket BIO, which serves here, raises it; the client under test must not.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      serve_(fd);
      ::close(fd);
    }
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::function<void(int)> serve_;
  std::thread thread_;
};

// What a peer may do with its connection.

inline bool say(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const auto n = ::send(fd, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

inline void hear(int fd) {
  char scrap[4096];
  [[maybe_unused]] const auto n = ::recv(fd, scrap, sizeof scrap, 0);
}

/// Waits for the other side to go, without a word.
inline void hang(int fd) {
  char scrap[4096];
  while (::recv(fd, scrap, sizeof scrap, 0) > 0)
    continue;
}

/// Makes the coming close() a reset.
inline void cut(int fd) {
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

using SslPtr = std::unique_ptr<SSL, FreeWith<SSL_free>>;

/// The server's side of a handshake; null when it failed.
inline SslPtr accept_tls(int fd, SSL_CTX* context) {
  SslPtr ssl(SSL_new(context));
  SSL_set_fd(ssl.get(), fd);
  if (SSL_accept(ssl.get()) != 1) return nullptr;
  return ssl;
}

/// A handshake, then silence until the other side goes, then the same courtesy.
inline std::function<void(int)> quiet_tls(SSL_CTX* context) {
  return [context](int fd) {
    if (auto ssl = accept_tls(fd, context)) {
      char scrap[4096];
      while (SSL_read(ssl.get(), scrap, sizeof scrap) > 0)
        continue;
      SSL_shutdown(ssl.get());
    }
  };
}

}  // namespace stswatch::pki
