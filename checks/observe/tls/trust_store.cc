// The roots that we verify against, and the contexts that every connection shares.
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
#include <set>
#include <system_error>
#include <utility>
#include <vector>

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

Expected<StorePtr> store_of(const std::string& path, std::set<TimePoint>& dates) {
  auto pem = read_file(path);
  if (!pem) return tl::unexpected(std::move(pem).error());
  auto roots = parse(*pem, path);
  if (!roots) return tl::unexpected(std::move(roots).error());
  StorePtr store(X509_STORE_new());
  for (const auto& root : *roots) {
    X509_check_purpose(root.get(), -1, 0);
    VerifiedChains::add_dates(root.get(), dates);
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
  std::set<TimePoint> dates;
  if (!elder_file.empty()) {
    auto elder = store_of(elder_file, dates);
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
    VerifiedChains::add_dates(root.get(), dates);
  }
  store->verified_->know_roots(std::move(dates));
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

TrustStore::TrustStore()
    : issuers_(std::make_unique<IssuerBook>()), verified_(std::make_unique<VerifiedChains>()) {}

TrustStore::~TrustStore() {
  SSL_CTX_free(modern_);
  SSL_CTX_free(large_);
  SSL_CTX_free(legacy_);
  X509_STORE_free(roots_);
  X509_STORE_free(elder_roots_);
}

}  // namespace stswatch
