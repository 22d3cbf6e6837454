// Certificates read as facts.
#include "checks/observe/tls/x509.h"

#include <doctest/doctest.h>
#include <openssl/bn.h>

#include "tests/observe/test_pki.h"

using namespace stswatch;
using namespace stswatch::pki;

namespace {

Certificate described(const Wanted& wanted) {
  return describe(issue(wanted, &Authority::get().intermediate).certificate.get());
}

}  // namespace

TEST_CASE("a certificate's facts") {
  const auto entity =
      issue({.cn = "mx1.example.com", .names = {"MX1.Example.COM", "*.example.org"}, .from = -1h, .to = 24h},
            &Authority::get().intermediate);
  const auto facts = describe(entity.certificate.get());
  CHECK(facts.subject == "CN=mx1.example.com");
  CHECK(facts.issuer == "CN=Test Intermediate");
  CHECK(facts.common_name == "mx1.example.com");
  CHECK(facts.serial.starts_with("10"));
  CHECK(facts.sha256.size() == 64);
  CHECK(facts.spki_sha256.size() == 64);
  CHECK(facts.spki_sha256 != facts.sha256);
  CHECK(facts.dns_names == std::vector<std::string>{"mx1.example.com", "*.example.org"});
  CHECK(facts.not_before == kNow - 1h);
  CHECK(facts.not_after == kNow + 24h);
  CHECK(facts.signature == "ecdsa-with-SHA256");
  CHECK_FALSE(facts.weak);
  CHECK_FALSE(facts.self_issued);
  CHECK_FALSE(facts.names_issuer_url);
  CHECK_FALSE(facts.server_auth.has_value());
}

TEST_CASE("the digests are those openssl(1) prints") {
  const auto& root = Authority::get().root;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  REQUIRE(X509_digest(root.certificate.get(), EVP_sha256(), digest, &size) == 1);
  CHECK(std::equal(digest, digest + size, fingerprint(root.certificate.get()).begin()));
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(root.key.get(), &der);
  REQUIRE(length > 0);
  CHECK(describe(root.certificate.get()).spki_sha256 ==
        to_hex(fingerprint(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
}

TEST_CASE("keys are named as the contract writes them, and weak ones known") {
  const struct {
    const char* key;
    const char* name;
    int bits;
    bool weak;
  } rows[] = {
      {"P-256", "ECDSA P-256", 256, false},     {"P-384", "ECDSA P-384", 384, false},
      {"P-521", "ECDSA P-521", 521, false},     {"RSA 2048", "RSA 2048", 2048, false},
      {"RSA 1024", "RSA 1024", 1024, true},     {"Ed25519", "Ed25519", 253, false},
      {"prime192v1", "ECDSA P-192", 192, true}, {"secp256k1", "ECDSA secp256k1", 256, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.key);
    const auto facts = described({.cn = "k", .key = row.key});
    CHECK(facts.key == row.name);
    if (std::string(row.key) != "Ed25519") CHECK(facts.key_bits == row.bits);
    CHECK(facts.weak == row.weak);
  }
}

TEST_CASE("a SHA-1 signature is weak, but nobody checks that of a root") {
  CHECK(described({.cn = "old", .digest = "SHA1"}).weak);
  const auto rsa = issue({.cn = "RSA Root", .ca = true, .key = "RSA 2048"});
  CHECK(describe(issue({.cn = "older", .digest = "MD5"}, &rsa).certificate.get()).weak);
  const auto root = issue({.cn = "Old Root", .ca = true, .digest = "SHA1"});
  CHECK_FALSE(describe(root.certificate.get()).weak);
  CHECK(describe(root.certificate.get()).self_issued);
}

TEST_CASE("names that are none are dropped, others made printable") {
  using namespace std::string_literals;
  const struct {
    std::string why;
    std::string name;
    std::vector<std::string> kept;
  } rows[] = {
      {"a NUL ends no name: it voids it", "good.example.com\0.evil.example"s, {}},
      {"empty", ""s, {}},
      {"longer than any host name", std::string(254, 'a'), {}},
      {"the longest", std::string(253, 'a'), {std::string(253, 'a')}},
      {"a line feed must not reach a log", "a\nb.example"s, {"a\\x0Ab.example"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    auto facts = described({.cn = "n", .names = {row.name, "kept.example"}});
    auto expected = row.kept;
    for (auto* names : {&expected, &facts.dns_names})
      for (auto& name : *names)
        for (char& c : name)
          c = static_cast<char>(std::tolower(c));
    expected.push_back("kept.example");
    CHECK(facts.dns_names == expected);
  }
}

TEST_CASE("control characters and UTF-8 in a subject stay printable") {
  const auto facts = described({.cn = "caf\xC3\xA9\n"});
  for (const auto& text : {facts.subject, facts.common_name}) {
    CAPTURE(text);
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
}

TEST_CASE("the last common name counts, as OpenSSL and senders read it") {
  auto entity = issue({.cn = "first"});
  X509_NAME_add_entry_by_txt(X509_get_subject_name(entity.certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>("last"), -1, -1, 0);
  CHECK(describe(entity.certificate.get()).common_name == "last");
}

TEST_CASE("extendedKeyUsage (RFC 5280 §4.2.1.12)") {
  CHECK(described({.cn = "e", .usage = "serverAuth,clientAuth"}).server_auth == true);
  CHECK(described({.cn = "e", .usage = "clientAuth"}).server_auth == false);
  CHECK(described({.cn = "e", .usage = "anyExtendedKeyUsage"}).server_auth == true);
  CHECK(described({.cn = "e"}).server_auth == std::nullopt);
}

TEST_CASE("only an HTTP caIssuers URL is evidence of a missing intermediate") {
  CHECK(described({.cn = "a", .issuer_url = "caIssuers;URI:http://ca.example/i.der"}).names_issuer_url);
  CHECK(described({.cn = "a", .issuer_url = "caIssuers;URI:HTTP://ca.example/i.der"}).names_issuer_url);
  CHECK_FALSE(described({.cn = "a", .issuer_url = "OCSP;URI:http://ocsp.example/"}).names_issuer_url);
  CHECK_FALSE(described({.cn = "a", .issuer_url = "caIssuers;URI:ldap://ca.example/"}).names_issuer_url);
}

TEST_CASE("dates beyond 2038 and 2050") {
  const auto facts = described({.cn = "d", .to = 24h * 365 * 50});
  CHECK(facts.not_after == kNow + 24h * 365 * 50);
}

TEST_CASE("a serial number without end is cut") {
  const auto entity = issue({.cn = "mx1.example.com"}, &Authority::get().intermediate);
  X509Ptr copy(X509_dup(entity.certificate.get()));
  std::unique_ptr<BIGNUM, FreeWith<BN_free>> number(BN_new());
  must(BN_set_bit(number.get(), 400'000) == 1);
  must(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(copy.get())) != nullptr);
  const auto facts = describe(copy.get());
  CHECK(facts.serial.size() <= 100);
  CHECK(facts.serial.ends_with("..."));
}
