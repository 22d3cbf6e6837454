// A chain is verified once and recalled: whatever could change what it is worth is judged as without the
// book.
#include "checks/observe/tls/x509.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "checks/observe/tls/connection.h"
#include "checks/observe/tls/verify.h"
#include "tests/observe/test_pki.h"

using namespace stswatch;
using namespace stswatch::pki;
using Kind = ChainFault::Kind;

namespace {

struct TwoRoots {
  Entity root = issue({.cn = "Root", .to = 24h * 3650, .ca = true});
  Entity other_root = issue({.cn = "Other Root", .to = 24h * 3650, .ca = true});
  Entity intermediate = issue({.cn = "Intermediate", .to = 24h * 365, .ca = true}, &root);
  Entity leaf = issue({.cn = "leaf", .names = {kMx1}}, &intermediate);
};

const TwoRoots& two_roots() {
  static const TwoRoots made;
  return made;
}

std::shared_ptr<const TrustStore> trusting(const Entity& root, const std::string& elder = {}) {
  const auto loaded = TrustStore::load(TemporaryFile(pem_of(root)).path(), elder);
  must(loaded.has_value());
  return *loaded;
}

/// One handshake with a server that shows this.
PeerCertificates shown(const TrustStore& trust, const Entity& leaf, const std::vector<Entity>& chain,
                       TimePoint now = kNow, const TlsPeer& asked = {kMx1, kNow}) {
  const auto context = server_context(leaf, chain);
  const SocketPeer peer(quiet_tls(context.get()));
  auto connection = Connection::open(kLoopback, peer.port(), Deadline::in(20s), 65536);
  REQUIRE(connection.has_value());
  TlsFacts facts;
  auto as_asked = asked;
  as_asked.now = now;
  REQUIRE(connection->start_tls(trust, as_asked, facts).has_value());
  connection->close();
  REQUIRE(facts.peer.has_value());
  return *facts.peer;
}

/// By a store that has seen nothing.
PeerCertificates anew(const Entity& root, const Entity& leaf, const std::vector<Entity>& chain,
                      TimePoint now = kNow) {
  return shown(*trusting(root), leaf, chain, now);
}

}  // namespace

TEST_CASE("the same chain is verified once, and described alike") {
  const auto& pki = two_roots();
  const auto trust = trusting(pki.root);
  const auto first = shown(*trust, pki.leaf, {pki.intermediate});
  CHECK(first.good());
  CHECK(trust->verified().recalled() == 0);
  for (const auto later : {0s, 86400s, Seconds{-3600}}) {
    CHECK(shown(*trust, pki.leaf, {pki.intermediate}, kNow + later) == first);
  }
  CHECK(trust->verified().recalled() == 3);
  CHECK(trust->verified().size() == 1);
}

TEST_CASE("another chain, another order, one certificate less: each is verified by itself") {
  const auto& pki = two_roots();
  const auto trust = trusting(pki.root);
  const auto stranger = issue({.cn = "stranger", .ca = true}, &pki.other_root);
  const auto renewed = issue({.cn = "leaf", .names = {kMx1}}, &pki.intermediate);
  const auto foreign = issue({.cn = "leaf", .names = {kMx1}}, &stranger);
  REQUIRE(shown(*trust, pki.leaf, {pki.intermediate}).good());
  const struct {
    const Entity& leaf;
    std::vector<Entity> chain;
  } rows[] = {
      {renewed, {pki.intermediate}},
      {pki.leaf, {}},
      {pki.leaf, {stranger}},
      {pki.leaf, {pki.intermediate, stranger}},
      {pki.leaf, {stranger, pki.intermediate}},
      {foreign, {stranger}},
      {foreign, {pki.intermediate}},
  };
  for (const auto& row : rows)
    CHECK(shown(*trust, row.leaf, row.chain) == anew(pki.root, row.leaf, row.chain));
  CHECK(trust->verified().recalled() == 0);
}

TEST_CASE("what does not verify is not remembered as if it did, nor at all") {
  const auto& pki = two_roots();
  const auto trust = trusting(pki.other_root);
  for (int n = 0; n < 2; ++n) {
    const auto peer = shown(*trust, pki.leaf, {pki.intermediate});
    CHECK_FALSE(peer.trusted());
    CHECK(peer == anew(pki.other_root, pki.leaf, {pki.intermediate}));
  }
  CHECK(trust->verified().size() == 0);
}

TEST_CASE("another store has verified nothing, the elder one's word is recalled with its own") {
  const auto& pki = two_roots();
  const auto trust = trusting(pki.root);
  REQUIRE(shown(*trust, pki.leaf, {pki.intermediate}).trusted());
  CHECK_FALSE(shown(*trusting(pki.other_root), pki.leaf, {pki.intermediate}).trusted());
  const TemporaryFile elder(pem_of(pki.other_root));
  const auto both = trusting(pki.root, elder.path());
  for (int n = 0; n < 2; ++n)
    CHECK(shown(*both, pki.leaf, {pki.intermediate}).elder_refuses ==
          elder.path() + ": unable to get local issuer certificate");
  CHECK(both->verified().recalled() == 1);
}

TEST_CASE("each date that a certificate begins or ends at is a reason to verify again") {
  const auto& pki = two_roots();
  // By the day: leaf 10 to 20, one that the path does not need 12 to 14, intermediate -30 to 16, root to 18.
  const auto root = issue({.cn = "Short Root", .to = 24h * 18, .ca = true});
  const auto intermediate = issue({.cn = "Short", .to = 24h * 16, .ca = true}, &root);
  const auto leaf = issue({.cn = "l", .names = {kMx1}, .from = 24h * 10, .to = 24h * 20}, &intermediate);
  const auto idle = issue({.cn = "idle", .from = 24h * 12, .to = 24h * 14, .ca = true}, &pki.other_root);
  const auto trust = trusting(root);
  const std::vector<Entity> chain{intermediate, idle};
  for (const int round : {1, 2}) {
    CAPTURE(round);
    for (const int day : {10, 12, 14, 16, 18, 20}) {
      for (const auto span : {Seconds{-600}, Seconds{-300}, Seconds{-240}, Seconds{-1}, 0s, 1s, 240s}) {
        CAPTURE(day);
        CAPTURE(span.count());
        const auto now = kNow + 24h * day + span;
        CHECK(shown(*trust, leaf, chain, now) == anew(root, leaf, chain, now));
      }
    }
  }
  CHECK(trust->verified().recalled() > 0);
  CHECK(shown(*trust, leaf, chain, kNow + 24h * 17).has(Kind::expired));
  CHECK(shown(*trust, leaf, chain, kNow).has(Kind::not_yet_valid));
}

TEST_CASE("names and TLSA records are held against it each time") {
  const auto& pki = two_roots();
  const auto trust = trusting(pki.root);
  CHECK(shown(*trust, pki.leaf, {pki.intermediate}).name_matches);
  const auto other = shown(*trust, pki.leaf, {pki.intermediate}, kNow, {"mx2.example.com", kNow});
  CHECK(trust->verified().recalled() == 1);
  CHECK(other.trusted());
  CHECK_FALSE(other.name_matches);
  CHECK_FALSE(other.good());
}

TEST_CASE("whether it is revoked is asked of a chain that was recalled too") {
  const auto& pki = two_roots();
  const auto trust = trusting(pki.root);
  const auto book = [&](const Entity& leaf, const std::vector<Entity>& chain, const Entity& issuer) {
    const auto recalled = trust->verified().recalled();
    for (const std::size_t times : {0U, 1U}) {
      const auto peer = shown(*trust, leaf, chain);
      CHECK(peer.trusted());
      CHECK(trust->verified().recalled() == recalled + times);
      const auto noted = trust->issuers().take(peer.leaf.sha256);
      REQUIRE(noted.has_value());
      CHECK(X509_cmp(noted->leaf.get(), leaf.certificate.get()) == 0);
      CHECK(X509_cmp(noted->issuer.get(), issuer.certificate.get()) == 0);
    }
  };
  const Wanted wanted{.cn = "l", .names = {kMx1}, .crl_url = "URI:http://crl.example.net/1.crl"};
  book(issue(wanted, &pki.intermediate), {pki.intermediate}, pki.intermediate);
  book(issue(wanted, &pki.root), {}, pki.root);
}

TEST_CASE("a book of chains is bounded, and who came first goes first") {
  VerifiedChains book(3);
  const auto chain = [](unsigned char n) {
    Fingerprint out{};
    out[0] = n;
    return out;
  };
  for (unsigned char n = 0; n < 10; ++n)
    book.note(chain(n), kNow, {}, {.used = {n}});
  book.note(chain(9), kNow, {}, {.used = {1, 2}});
  CHECK(book.size() == 3);
  CHECK_FALSE(book.recall(chain(6), kNow).has_value());
  CHECK(book.recall(chain(7), kNow)->used == std::vector<std::size_t>{7});
  CHECK(book.recall(chain(9), kNow)->used == std::vector<std::size_t>{1, 2});
}

TEST_CASE("a book of chains is used by many at once") {
  const auto& pki = two_roots();
  const auto trust = trusting(pki.root);
  const auto context = server_context(pki.leaf, {pki.intermediate});
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      const SocketPeer peer(quiet_tls(context.get()));
      for (int i = 0; i < 10; ++i) {
        auto connection = Connection::open(kLoopback, peer.port(), Deadline::in(20s), 65536);
        TlsFacts facts;
        if (!connection || !connection->start_tls(*trust, {kMx1, kNow}, facts)) continue;
        if (facts.peer && facts.peer->good()) ++good;
        connection->close();
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  CHECK(good == 40);
  CHECK(trust->verified().size() == 1);
}

// The roots: what is loaded, what is refused, and that errors name the file.

namespace {

std::string load_error(const std::string& path) {
  auto loaded = TrustStore::load(path);
  REQUIRE_FALSE(loaded.has_value());
  CHECK(loaded.error().find(path) != std::string::npos);
  return loaded.error();
}

}  // namespace

TEST_CASE("a file of roots replaces the system's") {
  const auto one = issue({.cn = "One", .ca = true});
  const auto two = issue({.cn = "Two", .ca = true});
  const TemporaryFile forth(pem_of(one) + "text between is skipped\n" + pem_of(two));
  const TemporaryFile back(pem_of(two) + pem_of(one) + pem_of(one));
  const auto a = TrustStore::load(forth.path());
  const auto b = TrustStore::load(back.path());
  REQUIRE(a.has_value());
  REQUIRE(b.has_value());
  CHECK((*a)->file() == forth.path());
  CHECK((*a)->size() == 2);
  CHECK((*a)->sha256().size() == 64);
  CHECK_MESSAGE((*a)->sha256() == (*b)->sha256(), "the same roots in another order are the same store");
  CHECK((*b)->size() == 2);
}

TEST_CASE("another root is another store") {
  const TemporaryFile one(pem_of(issue({.cn = "One", .ca = true})));
  CHECK((*TrustStore::load(one.path()))->sha256() != Authority::get().trust->sha256());
}

TEST_CASE("errors name the file and what is wrong with it") {
  const std::string pem = pem_of(Authority::get().root);
  const TemporaryFile empty(""), text("no certificates here\n"), damaged(pem + pem.substr(0, pem.size() / 2)),
      garbled("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  CHECK(load_error("/nonexistent/roots.pem").find("No such file") != std::string::npos);
  CHECK(load_error("/etc").find("directory") != std::string::npos);
  CHECK(load_error(empty.path()).find("no certificate") != std::string::npos);
  CHECK(load_error(text.path()).find("no certificate") != std::string::npos);
  CHECK(load_error(damaged.path()).find("certificate 2 is damaged") != std::string::npos);
  CHECK(load_error(garbled.path()).find("certificate 1 is damaged") != std::string::npos);
  if (::geteuid() != 0) {  // root reads everything
    const TemporaryFile locked(pem);
    ::chmod(locked.path().c_str(), 0);
    CHECK(load_error(locked.path()).find("Permission denied") != std::string::npos);
  }
}

TEST_CASE("the system's bundle, where there is one") {
  auto loaded = TrustStore::load("");
  if (!loaded) {
    MESSAGE("no system store here: ", loaded.error());
    return;
  }
  CHECK((*loaded)->size() > 1);
  CHECK_FALSE((*loaded)->file().empty());
}
