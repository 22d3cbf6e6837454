// What a peer shows in its handshake (RFC 5246 §7.4.2, RFC 5280): certificates in DER, one behind the other,
// the leaf first; what is left over goes in as one more, whatever it is. OpenSSL takes them as in any
// handshake, and our own callbacks verify and describe them: every text printable and bounded, and nothing
// damaged is trusted.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <vector>

#include "checks/facts/bounds.h"
#include "checks/facts/result.h"
#include "checks/observe/tls/verify.h"
#include "checks/observe/tls/x509.h"

namespace {

using namespace stswatch;

// Of an authority whose key is gone; the samples are of 2026 to 2048.
constexpr const char* kRoot = R"(-----BEGIN CERTIFICATE-----
MIIBWzCCAQGgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlGdXp6IFJv
b3QwIBcNMjYxMTI4MjE1ODU2WhgPMjA1MTA3MjAyMTU4NTZaMBQxEjAQBgNVBAMM
CUZ1enogUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKk1iNNNWznvUXAo
phLxyaoP5pDXiQv15JWteM2g21QbV9AuY8Zbj6RPuUrq5w+sg1CgqxepAhNdmg+P
mAcyOgyjQjBAMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1Ud
DgQWBBTvMaMEeWAhAJkmkKRoU7gm3a7vbzAKBggqhkjOPQQDAgNIADBFAiA2SM5U
TjbUuIXvlP2HNKCugf6DFin2hUkcsLSsBcw2PAIhAPangwreblBwT+pxN96wtdNG
2fGyGwEGgeQagD0On3VU
-----END CERTIFICATE-----
)";
constexpr std::size_t kText = 1100;  // of one text

void must(bool so) {
  if (!so) std::abort();
}

std::shared_ptr<const TrustStore> trust_store() {
  const std::string path = "/tmp/stswatch-fuzz-root." + std::to_string(::getpid());
  std::ofstream(path) << kRoot;
  auto store = TrustStore::load(path);
  ::unlink(path.c_str());
  must(store.has_value());
  return *store;
}

void put(std::string& to, std::size_t number, int octets) {
  while (octets-- > 0)
    to += static_cast<char>(number >> (8 * octets));
}

std::string message(char type, const std::string& body) {
  std::string out(1, type);
  put(out, body.size(), 3);
  return out + body;
}

/// The octets of the DER value that `octets` begin with, or all of them where they begin with none.
std::size_t der_size(std::string_view octets) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(octets[i]); };
  if (octets.size() < 4 || at(1) != 0x82) return octets.size();
  return std::min(octets.size(), std::size_t{4} + (at(2) << 8U | at(3)));
}

/// ServerHello (TLS 1.2, ECDHE-ECDSA-AES128-GCM-SHA256, RFC 5746), Certificate, ServerHelloDone, in records.
std::string flight(std::string_view certificates) {
  std::string hello("\x03\x03", 2), list, framed, out;
  hello.append(32, 'r');
  hello.append("\0\xc0\x2b\0\0\x05\xff\x01\0\x01\0", 11);
  while (!certificates.empty()) {
    const auto n = der_size(certificates);
    put(list, n, 3);
    list += certificates.substr(0, n);
    certificates.remove_prefix(n);
  }
  put(framed, list.size(), 3);
  const auto all = message(2, hello) + message(11, framed + list) + message(14, {});
  for (std::size_t from = 0; from < all.size(); from += 16384) {
    const auto piece = all.substr(from, 16384);
    out.append("\x16\x03\x03", 3);
    put(out, piece.size(), 2);
    out += piece;
  }
  return out;
}

void is_text(const std::string& text, std::size_t most = kText) {
  must(text.size() <= most && printable(text, text.size()) == text);
}

void is_bounded(const Certificate& certificate) {
  for (const auto* text : {&certificate.subject, &certificate.issuer, &certificate.common_name,
                           &certificate.serial, &certificate.key, &certificate.signature})
    is_text(*text);
  must(certificate.sha256.size() == 64 && certificate.dns_names.size() <= bounds::kDnsNamesKept);
  for (const auto& name : certificate.dns_names)
    is_text(name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto trust = trust_store();
  if (size == 0 || size > 100'000) return 0;
  const std::string sent = flight({reinterpret_cast<const char*>(data), size});
  const std::unique_ptr<SSL, FreeWith<SSL_free>> ssl(SSL_new(trust->modern()));
  TlsNotes notes{.host = "mx1.example.com", .now = TimePoint(Seconds(1800000000)), .peer = {}, .alert = {}};
  notes.trust = trust.get();
  SSL_set_app_data(ssl.get(), &notes);
  SSL_set_bio(ssl.get(), BIO_new_mem_buf(sent.data(), static_cast<int>(sent.size())), BIO_new(BIO_s_null()));
  must(SSL_connect(ssl.get()) != 1);
  ERR_clear_error();
  if (!notes.peer) return 0;
  is_bounded(notes.peer->leaf);
  must(notes.peer->chain.size() <= bounds::kTlsChain);
  for (const auto& certificate : notes.peer->chain)
    is_bounded(certificate);
  for (const auto& fault : notes.peer->faults)
    is_text(fault.text);
  must(notes.peer->name_matches == names_host(notes.peer->leaf, notes.host));
  // Those that the samples' authority signed are the only ones that could verify.
  if (notes.peer->trusted())
    must(notes.peer->leaf.issuer == "CN=Fuzz Intermediate" || notes.peer->leaf.issuer == "CN=Fuzz Root");
  (void)notes.peer->chain_not_after();
  return 0;
}
