// Verification as a record: what each kind of chain is said to be, in TLS 1.2 and 1.3.
#include <doctest/doctest.h>
#include <openssl/dh.h>

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/observe/tls/connection.h"
#include "tests/observe/test_pki.h"

using namespace stswatch;
using namespace stswatch::pki;
using Kind = ChainFault::Kind;

namespace {

struct Look {
  TlsFacts facts;
  std::optional<Failure> failure;
};

Look look(std::uint16_t port, const TlsPeer& peer = {kMx1, kNow}) {
  Look seen;
  auto connection = Connection::open(kLoopback, port, Deadline::in(20s), 65536);
  if (!connection) {
    seen.failure = connection.error();
    return seen;
  }
  auto done = connection->start_tls(*Authority::get().trust, peer, seen.facts);
  if (!done) seen.failure = done.error();
  return seen;
}

PeerCertificates shown(const Entity& leaf, const std::vector<Entity>& chain, TimePoint now = kNow,
                       int newest = TLS1_3_VERSION, const std::string& host = kMx1) {
  const auto context = server_context(leaf, chain, TLS1_VERSION, newest);
  const SocketPeer peer(quiet_tls(context.get()));
  const auto seen = look(peer.port(), {host, now});
  CAPTURE(seen.failure.has_value() ? seen.failure->detail : "");
  CHECK_FALSE(seen.failure.has_value());
  CHECK(seen.facts.version == (newest == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2"));
  CHECK_FALSE(seen.facts.cipher.empty());
  CHECK(seen.facts.alert.empty());
  REQUIRE(seen.facts.peer.has_value());
  return *seen.facts.peer;
}

using Faults = std::vector<std::pair<Kind, int>>;

Faults faults_of(const PeerCertificates& peer) {
  Faults faults;
  for (const auto& fault : peer.faults) {
    CHECK_FALSE(fault.text.empty());
    faults.emplace_back(fault.kind, fault.depth);
  }
  return faults;
}

Entity leaf(Wanted wanted, const Entity& issuer = Authority::get().intermediate) {
  if (wanted.names.empty()) wanted.names = {kMx1};
  return issue(wanted, &issuer);
}

}  // namespace

TEST_CASE("chains, and what they are said to be") {
  const auto& [root, intermediate, trust] = Authority::get();
  const auto good = leaf({.cn = "good"});
  const auto expired_ca = issue({.cn = "Expired Intermediate", .to = -1h, .ca = true}, &root);
  const auto client_ca = issue({.cn = "Client Intermediate", .ca = true, .usage = "clientAuth"}, &root);
  const auto private_root = issue({.cn = "Private Root", .ca = true});
  const auto both = leaf({.cn = "expired, issuer unknown", .to = -1h});
  const struct {
    std::string why;
    Entity leaf;
    std::vector<Entity> chain;
    Faults faults;
    std::vector<std::size_t> used;
    bool last_issuer_trusted;
  } rows[] = {
      {"leaf and intermediate: the path a server should send", good, {intermediate}, {}, {0}, true},
      {"the root may be sent too", good, {intermediate, root}, {}, {0, 1}, true},
      {"a certificate beside the path does no harm", good, {expired_ca, intermediate}, {}, {1}, true},
      {"the leaf sent twice", good, {good, intermediate}, {}, {1}, true},
      {"expired", leaf({.cn = "e", .to = -1s}), {intermediate}, {{Kind::expired, 0}}, {0}, true},
      {"not yet valid", leaf({.cn = "n", .from = 1h}), {intermediate}, {{Kind::not_yet_valid, 0}}, {0}, true},
      {"young: within the clocks' tolerance (RULES 4.2)",
       leaf({.cn = "y", .from = 5min}),
       {intermediate},
       {},
       {0},
       true},
      {"a second beyond the tolerance",
       leaf({.cn = "y", .from = 5min + 1s}),
       {intermediate},
       {{Kind::not_yet_valid, 0}},
       {0},
       true},
      {"an expired intermediate in the path",
       leaf({.cn = "x"}, expired_ca),
       {expired_ca},
       {{Kind::expired, 1}},
       {0},
       true},
      {"self-signed", issue({.cn = "s", .names = {kMx1}}), {}, {{Kind::self_signed, 0}}, {}, false},
      {"a private CA that shows its root",
       leaf({.cn = "p"}, private_root),
       {private_root},
       {{Kind::self_signed, 1}},
       {0},
       false},
      {"a private CA that does not",
       leaf({.cn = "p"}, private_root),
       {},
       {{Kind::unknown_issuer, 0}},
       {},
       false},
      {"the intermediate is missing: one fault, not two", good, {}, {{Kind::unknown_issuer, 0}}, {}, false},
      {"two causes are two faults", both, {}, {{Kind::unknown_issuer, 0}, {Kind::expired, 0}}, {}, false},
      {"a client's certificate",
       leaf({.cn = "c", .usage = "clientAuth"}),
       {intermediate},
       {{Kind::wrong_purpose, 0}},
       {0},
       true},
      {"an intermediate for clients only",
       leaf({.cn = "c"}, client_ca),
       {client_ca},
       {{Kind::wrong_purpose, 1}},
       {0},
       true},
      {"RSA 1024: refused at security level 2",
       leaf({.cn = "w", .key = "RSA 1024"}),
       {intermediate},
       {{Kind::weak, 0}},
       {0},
       true},
      {"SHA-1 signature", leaf({.cn = "w", .digest = "SHA1"}), {intermediate}, {{Kind::weak, 0}}, {0}, true},
      {"issued by a leaf, which is no CA",
       leaf({.cn = "o"}, good),
       {good, intermediate},
       {{Kind::other, 1}},
       {0, 1},
       true},
  };
  for (const auto& row : rows) {
    for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      CAPTURE(row.why);
      CAPTURE(newest);
      const auto peer = shown(row.leaf, row.chain, kNow, newest);
      CHECK(faults_of(peer) == row.faults);
      CHECK(peer.used == row.used);
      CHECK(peer.last_issuer_trusted == row.last_issuer_trusted);
      CHECK(peer.name_matches);
      CHECK(peer.leaf == describe(row.leaf.certificate.get()));
      REQUIRE(peer.chain.size() == row.chain.size());
      for (std::size_t i = 0; i < peer.chain.size(); ++i)
        CHECK(peer.chain[i] == describe(row.chain[i].certificate.get()));
    }
  }
}

TEST_CASE("names are DNS-IDs, and OpenSSL has no say (RFC 8461 §3.3, §4.2)") {
  using namespace std::string_literals;
  const struct {
    std::string why;
    std::vector<std::string> names;
    bool matches;
  } rows[] = {
      {"the name itself", {kMx1}, true},
      {"in other case", {"MX1.EXAMPLE.com"}, true},
      {"a wildcard for the whole left-most label", {"*.example.com"}, true},
      {"a partial wildcard is none", {"mx*.example.com"}, false},
      {"a wildcard covers one label", {"*.com"}, false},
      {"another name", {"mx2.example.com"}, false},
      {"up to a NUL", {kMx1 + "\0.evil.example"s}, false},
      {"the second of two", {"example.com", kMx1}, true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const auto peer = shown(leaf({.cn = kMx1, .names = row.names}), {Authority::get().intermediate});
    CHECK(peer.trusted());
    CHECK(peer.name_matches == row.matches);
    CHECK(peer.good() == row.matches);
  }
  const auto cn_only = issue({.cn = kMx1}, &Authority::get().intermediate);
  const auto peer = shown(cn_only, {Authority::get().intermediate});
  CHECK_MESSAGE(peer.trusted(), "a common name is no fault of the chain");
  CHECK_MESSAGE(!peer.name_matches, "and never an identity");
  CHECK(peer.leaf.common_name == kMx1);
}

TEST_CASE("dates hold at TlsPeer::now, not at the machine's time") {
  const auto young = leaf({.cn = "d", .from = 24h * 300, .to = 24h * 320});
  const auto& intermediate = Authority::get().intermediate;
  CHECK(shown(young, {intermediate}, kNow + 24h * 310).trusted());
  CHECK(shown(young, {intermediate}, kNow + 24h * 320 - 1s).trusted());
  CHECK(shown(young, {intermediate}, kNow + 24h * 320 + 1s).has(Kind::expired));
  CHECK(shown(young, {intermediate}, kNow).has(Kind::not_yet_valid));
}

TEST_CASE("a crowd of names is cut, but never the one that matches") {
  std::vector<std::string> names;
  for (int i = 0; i < 250; ++i)
    names.push_back("host" + std::to_string(i) + ".example.com");
  const auto crowd = leaf({.cn = "many", .names = names});
  const auto peer =
      shown(crowd, {Authority::get().intermediate}, kNow, TLS1_3_VERSION, "host200.example.com");
  CHECK(peer.name_matches);
  CHECK(peer.leaf.dns_names.size() == bounds::kDnsNamesKept);
  CHECK(peer.leaf.dns_names.front() == "host0.example.com");
  CHECK_MESSAGE(names_host(peer.leaf, "host200.example.com"), "a judge that asks again is told the same");
}

TEST_CASE("a crowd of certificates is cut") {
  const auto& [root, intermediate, trust] = Authority::get();
  std::vector<Entity> chain{intermediate};
  while (chain.size() < 30)
    chain.push_back(issue({.cn = "Filler", .ca = true}, &root));
  const auto peer = shown(leaf({.cn = "l"}), chain);
  CHECK(peer.trusted());
  CHECK(peer.chain.size() == bounds::kTlsChain);
  CHECK(peer.used == std::vector<std::size_t>{0});
}

TEST_CASE("SNI is the host (RFC 8461 §7.1)") {
  static std::string asked;
  const auto context = server_context(leaf({.cn = "l"}), {});
  SSL_CTX_set_tlsext_servername_callback(
      context.get(), +[](SSL* ssl, int*, void*) {
        const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        asked = name == nullptr ? "none" : name;
        return SSL_TLSEXT_ERR_OK;
      });
  {
    const SocketPeer peer(quiet_tls(context.get()));
    look(peer.port());
  }
  CHECK(asked == kMx1);
}

TEST_CASE("a warning about the name changes nothing (RFC 6066 §3), a fatal alert does") {
  const auto& [root, intermediate, trust] = Authority::get();
  const auto context = server_context(leaf({.cn = "l"}), {intermediate}, TLS1_VERSION, TLS1_2_VERSION);
  SSL_CTX_set_tlsext_servername_callback(
      context.get(), +[](SSL*, int*, void*) -> int { return SSL_TLSEXT_ERR_ALERT_WARNING; });
  {
    const SocketPeer peer(quiet_tls(context.get()));
    const auto seen = look(peer.port());
    CHECK_FALSE(seen.failure.has_value());
    CHECK(seen.facts.alert.empty());
  }
  SSL_CTX_set_tlsext_servername_callback(
      context.get(), +[](SSL*, int*, void*) -> int { return SSL_TLSEXT_ERR_ALERT_FATAL; });
  const SocketPeer peer(quiet_tls(context.get()));
  const auto seen = look(peer.port());
  REQUIRE(seen.failure.has_value());
  CHECK(seen.failure->cause == Cause::tls_alert);
  CHECK(seen.facts.alert == "unrecognized name");
}

TEST_CASE("TLS 1.0 and 1.1 alone: the modern offer fails, the legacy one names them") {
  const auto old = leaf({.cn = "old", .key = "RSA 1024"});
  for (const auto& [version, name] : {std::pair(TLS1_VERSION, "TLSv1"), {TLS1_1_VERSION, "TLSv1.1"}}) {
    CAPTURE(name);
    const auto context = server_context(old, {Authority::get().intermediate}, version, version);
    const SocketPeer peer(quiet_tls(context.get()));
    const auto modern = look(peer.port());
    REQUIRE(modern.failure.has_value());
    CHECK((modern.failure->cause == Cause::tls_alert || modern.failure->cause == Cause::tls_protocol));
    CHECK(modern.facts.version.empty());
    const auto legacy = look(peer.port(), {kMx1, kNow, TlsOffer::legacy});
    CHECK_FALSE(legacy.failure.has_value());
    CHECK(legacy.facts.version == name);
    CHECK(legacy.facts.peer.has_value());
  }
}

TEST_CASE("the legacy offer speaks nothing modern") {
  const auto context = server_context(leaf({.cn = "l"}), {}, TLS1_2_VERSION, TLS1_3_VERSION);
  const SocketPeer peer(quiet_tls(context.get()));
  const auto seen = look(peer.port(), {kMx1, kNow, TlsOffer::legacy});
  REQUIRE(seen.failure.has_value());
  CHECK(seen.facts.alert == "protocol version");
}

TEST_CASE("a small Diffie-Hellman key, which many senders take, is read and its size noted") {
  const auto weak_dh = leaf({.cn = "dh", .key = "RSA 2048"});
  const auto context =
      server_context(weak_dh, {Authority::get().intermediate}, TLS1_2_VERSION, TLS1_2_VERSION);
  must(SSL_CTX_set_cipher_list(context.get(), "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0") == 1);
  EVP_PKEY_CTX* maker = EVP_PKEY_CTX_new_from_name(nullptr, "DHX", nullptr);
  EVP_PKEY* parameters = nullptr;
  must(EVP_PKEY_paramgen_init(maker) == 1 && EVP_PKEY_CTX_set_dh_rfc5114(maker, 1) == 1 &&
       EVP_PKEY_paramgen(maker, &parameters) == 1);  // 1024 bits
  EVP_PKEY_CTX_free(maker);
  must(SSL_CTX_set0_tmp_dh_pkey(context.get(), parameters) == 1);
  const SocketPeer peer(quiet_tls(context.get()));
  const auto seen = look(peer.port());
  CHECK_FALSE(seen.failure.has_value());
  CHECK(seen.facts.dh_bits == 1024);
  REQUIRE(seen.facts.peer.has_value());
  CHECK(seen.facts.peer->good());
}

TEST_CASE("a handshake that fails after the certificate still describes it") {
  // With TLS 1.2 a server that insists on a certificate of ours says so behind its own.
  const auto context =
      server_context(leaf({.cn = "l"}), {Authority::get().intermediate}, TLS1_2_VERSION, TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  const SocketPeer peer(quiet_tls(context.get()));
  const auto seen = look(peer.port());
  REQUIRE(seen.failure.has_value());
  CHECK(seen.failure->cause == Cause::tls_alert);
  REQUIRE(seen.facts.peer.has_value());
  CHECK(seen.facts.peer->good());
}

TEST_CASE("a server that asks for our certificate, as many MTAs do, is content without one") {
  const auto context = server_context(leaf({.cn = "l"}), {Authority::get().intermediate});
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const SocketPeer peer(quiet_tls(context.get()));
  CHECK_FALSE(look(peer.port()).failure.has_value());
}

TEST_CASE("many threads share one store") {
  const auto context = server_context(leaf({.cn = "l"}), {Authority::get().intermediate});
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      const SocketPeer peer(quiet_tls(context.get()));
      for (int i = 0; i < 10; ++i) {
        const auto seen = look(peer.port());
        if (!seen.failure && seen.facts.peer && seen.facts.peer->good()) ++good;
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  CHECK(good == 80);
}

TEST_CASE(
    "a chain that today's store verifies and an older one does not stays good, and names the older store") {
  const auto& authority = Authority::get();
  const auto leaf = issue({.cn = kMx1, .names = {kMx1}}, &authority.intermediate);
  const auto context = server_context(leaf, {authority.intermediate});
  const TemporaryFile today(pem_of(authority.root));
  const TemporaryFile stranger(pem_of(issue({.cn = "Older Root", .ca = true})));
  const auto asked = [&](const std::string& elder) {
    const auto trust = TrustStore::load(today.path(), elder);
    REQUIRE(trust.has_value());
    const SocketPeer peer(quiet_tls(context.get()));
    auto connection = Connection::open(kLoopback, peer.port(), Deadline::in(20s), 65536);
    REQUIRE(connection.has_value());
    TlsFacts facts;
    REQUIRE(connection->start_tls(**trust, {.host = kMx1, .now = kNow}, facts).has_value());
    connection->close();
    CHECK(facts.peer->good());
    CHECK(facts.group.starts_with("x"));  // X25519, whichever way OpenSSL writes it
    return facts.peer->elder_refuses;
  };
  CHECK(asked({}).empty());
  CHECK(asked(today.path()).empty());
  CHECK(asked(stranger.path()) == stranger.path() + ": unable to get local issuer certificate");
  CHECK_FALSE(TrustStore::load(today.path(), "/nonexistent").has_value());
}
