// Revocation by CRL: only a list that the issuer signed, and that is of today, says anything; it is fetched
// once, within bounds.
#include "checks/observe/revocation.h"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>

#include "tests/observe/observer_peer.h"
#include "tests/observe/table_resolver.h"
#include "tests/observe/test_pki.h"

using namespace stswatch;
using namespace std::chrono_literals;
using dialogue::kNow;
using dialogue::ScriptedServer;

namespace {

using CrlPtr = std::unique_ptr<X509_CRL, FreeWith<X509_CRL_free>>;

struct WantedList {
  const pki::Entity* signer;
  const pki::Entity* issuer;  // whose name it bears
  const X509* revoked = nullptr;
  Seconds next = 24h * 7;  // from kNow
};

std::string crl(const WantedList& wanted) {
  CrlPtr list(X509_CRL_new());
  const auto now = kNow.time_since_epoch();
  const std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>> then(
      ASN1_TIME_set(nullptr, (now - 240h).count())),
      next(ASN1_TIME_set(nullptr, (now + wanted.next).count()));
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(wanted.issuer->certificate.get()));
  X509_CRL_set1_lastUpdate(list.get(), then.get());
  X509_CRL_set1_nextUpdate(list.get(), next.get());
  if (wanted.revoked != nullptr) {
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(wanted.revoked)));
    X509_REVOKED_set_revocationDate(entry, then.get());
    ASN1_ENUMERATED* reason = ASN1_ENUMERATED_new();
    ASN1_ENUMERATED_set(reason, 1);
    X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0);
    ASN1_ENUMERATED_free(reason);
    X509_CRL_add0_revoked(list.get(), entry);
  }
  pki::must(X509_CRL_sign(list.get(), wanted.signer->key.get(), EVP_sha256()) != 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509_CRL(list.get(), &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

/// What the server says next: the test changes it while the server may still be saying the last.
class Answer {
 public:
  Answer& operator=(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
    return *this;
  }
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;  // guarded by mutex_
};

/// A web server with one file, and a leaf that names it.
class Ca {
 public:
  Ca() : server_([this](dialogue::Peer& peer) { serve(peer); }) {
    root = pki::issue({.cn = "CRL Root", .ca = true});
    other = pki::issue({.cn = "CRL Root", .ca = true});
    const std::string url = "URI:http://crl.example.net:" + std::to_string(server_.port()) + "/1.crl";
    leaf = pki::issue({.cn = "leaf", .names = {"mx.example.com"}, .crl_url = url.c_str()}, &root);
    resolver.addresses("crl.example.net", RecordType::a, {"127.0.0.1"});
  }

  std::optional<bool> look_up(RevocationLists& lists, TimePoint now = kNow) {
    book.note(leaf.certificate.get(), root.certificate.get());
    PeerCertificates peer;
    peer.leaf = describe(leaf.certificate.get());
    lists.look_up(peer, book, now, Deadline::in(Millis{5000}));
    words = peer.revocation;
    return peer.revoked;
  }
  std::optional<bool> look_up_anew() {
    RevocationLists lists(resolver, {.allow_private = true});
    return look_up(lists);
  }

  pki::Entity root, other, leaf;
  TableResolver resolver;
  IssuerBook book;
  Answer response;
  std::string words;
  std::atomic<int> asked{0};

 private:
  void serve(dialogue::Peer& peer) {
    ++asked;
    while (!peer.hear().empty())
      continue;
    peer.say(response.text());
  }

  ScriptedServer server_;
};

std::string http(const std::string& body, const std::string& status = "200 OK") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("a list of the issuer says whether a certificate is revoked") {
  Ca ca;
  ca.response = http(crl({.signer = &ca.root, .issuer = &ca.root}));
  CHECK(ca.look_up_anew() == false);
  CHECK(ca.words.empty());
  ca.response = http(crl({.signer = &ca.root, .issuer = &ca.root, .revoked = ca.leaf.certificate.get()}));
  CHECK(ca.look_up_anew() == true);
  CHECK(ca.words.starts_with("revoked 2026-11-21T00:00:00Z (key compromise): http://crl.example.net:"));
}

TEST_CASE("a list that cannot be had, or that proves nothing, says nothing") {
  Ca ca;
  const auto revoking =
      WantedList{.signer = &ca.root, .issuer = &ca.root, .revoked = ca.leaf.certificate.get()};
  auto stale = revoking, forged = revoking;
  stale.next = -1h;
  forged.signer = &ca.other;
  const auto good = crl(revoking);
  const struct {
    const char* why;
    std::string response;
  } rows[] = {
      {"closed without a word", ""},
      {"not there", http(good, "404 Not Found")},
      {"a redirect",
       "HTTP/1.1 302 Found\r\nLocation: http://other.example.net/\r\nContent-Length: 0\r\n\r\n"},
      {"no list", http("hello")},
      {"cut short", http(good).substr(0, http(good).size() - 20)},
      {"past its end", http(crl(stale))},
      {"signed by somebody else of that name", http(crl(forged))},
      {"larger than any list", http(std::string(RevocationLists::kListOctets + 1, 'x'))},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    ca.response = row.response;
    CHECK(ca.look_up_anew() == std::nullopt);
    CHECK(ca.words.empty());
  }
}

TEST_CASE("a list is fetched once a day, one that cannot be had once an hour") {
  Ca ca;
  RevocationLists lists(ca.resolver, {.allow_private = true});
  ca.response = "";
  CHECK(ca.look_up(lists) == std::nullopt);
  CHECK(ca.look_up(lists, kNow + 59min) == std::nullopt);
  CHECK(ca.asked == 1);
  ca.response = http(crl({.signer = &ca.root, .issuer = &ca.root}));
  CHECK(ca.look_up(lists, kNow + 61min) == false);
  CHECK(ca.look_up(lists, kNow + 24h) == false);
  CHECK(ca.asked == 2);
  ca.response = http(crl({.signer = &ca.root, .issuer = &ca.root, .revoked = ca.leaf.certificate.get()}));
  CHECK(ca.look_up(lists, kNow + 26h) == true);
  CHECK(ca.asked == 3);
}

TEST_CASE("nobody is sent to private addresses or other ports by a certificate") {
  Ca ca;
  ca.response = http(crl({.signer = &ca.root, .issuer = &ca.root}));
  RevocationLists lists(ca.resolver, {.allow_private = false});
  CHECK(ca.look_up(lists) == std::nullopt);
  CHECK(ca.asked == 0);
}
