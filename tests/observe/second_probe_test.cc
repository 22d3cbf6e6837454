// The second probe: a fault is one only where the usual way works in between two tries that failed; who is
// slow, down or busy is never blamed.
#include "checks/observe/second_probe.h"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>

#include "tests/observe/observer_peer.h"
#include "tests/observe/observer_pki.h"

using namespace stswatch;
using dialogue::kLoopback;
using dialogue::kMailHost;
using dialogue::kNow;
using dialogue::Peer;
using dialogue::Pki;
using dialogue::ScriptedServer;
using dialogue::soon;

namespace {

const std::string kWithStartTls = "250-mx.example.com\r\n250 STARTTLS\r\n";
const std::string kPlain = "250 mx.example.com\r\n";

SmtpOptions options(const ScriptedServer& server) {
  return {.port = server.port(), .helo = "monitor.example.net", .large_hello = Millis{2000}};
}

/// What an ordinary connection is like, and what replaces its parts.
struct Manner {
  SSL_CTX* context = nullptr;
  std::function<bool(const std::string& ehlo)> offers = [](const std::string&) { return true; };
  /// Before the handshake, with the octets of the ClientHello that is waiting; false: no handshake.
  std::function<bool(Peer&, std::size_t hello)> admits = [](Peer&, std::size_t) { return true; };
};

std::size_t hello_waiting(int fd) {
  char scrap[8192];
  const auto n = ::recv(fd, scrap, sizeof scrap, MSG_PEEK);
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

ScriptedServer::Script serves(const Manner& manner) {
  return [manner](Peer& peer) {
    const auto ehlo = peer.ask("220 mx ESMTP\r\n");
    if (!manner.offers(ehlo)) {
      peer.ask(kPlain);
      peer.say("221 bye\r\n");
      return;
    }
    peer.ask(kWithStartTls);
    peer.say("220 go\r\n");
    if (!manner.admits(peer, hello_waiting(peer.descriptor()))) return;
    if (peer.start_tls(manner.context)) peer.hang();
  };
}

SmtpProbe usual(const ScriptedServer& server) {
  return probe_smtp(kMailHost, kLoopback, Pki::get().trust(), options(server), kNow, soon());
}

SecondProbe again(const ScriptedServer& server, Millis span = Millis{40000}) {
  const auto first = usual(server);
  REQUIRE(wants_second_probe(first));
  return probe_again(kMailHost, first, Pki::get().trust(), options(server), kNow, Deadline::in(span));
}

}  // namespace

TEST_CASE("a healthy host: three more connections, and nothing to tell") {
  const auto context = Pki::get().server(kMailHost);
  ScriptedServer server(serves({.context = context.get()}));
  const auto seen = again(server);
  each_trial(seen, [](const char* name, const Trial& trial) {
    CAPTURE(name);
    CHECK(trial.good == true);
    CHECK(trial.at == kNow);
    CHECK(trial.detail.empty());
  });
  CHECK(server.stop().size() == 1 + 3);
}

TEST_CASE("a large ClientHello is cut off or dropped, a small one is not") {
  const auto context = Pki::get().server(kMailHost);
  for (const bool silent : {false, true}) {
    CAPTURE(silent);
    std::size_t largest = 0;
    ScriptedServer server(serves({.context = context.get(), .admits = [&](Peer& peer, std::size_t hello) {
                                    largest = std::max(largest, hello);
                                    if (hello <= 1400) return true;
                                    silent ? peer.hang() : peer.reset_on_close();
                                    return false;
                                  }}));
    const auto seen = again(server);
    CHECK(seen.large_hello.good == false);
    CHECK(seen.large_hello.detail.find("1,500 octets") != std::string::npos);
    CHECK(seen.without_sni.good == true);
    server.stop();
    CHECK(largest > 1400);
    CHECK(largest < 2000);
  }
}

TEST_CASE("what fails once, or fails in the usual way too, proves nothing") {
  const auto context = Pki::get().server(kMailHost);
  struct {
    const char* why;
    std::function<bool(int connection)> admits;
  } const rows[] = {
      {"the first large one alone was lost", [](int n) { return n != 2; }},
      {"nothing works any more", [](int n) { return n < 2; }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    std::atomic<int> connection{0};
    ScriptedServer server(serves({.context = context.get(), .admits = [&](Peer& peer, std::size_t) {
                                    if (row.admits(++connection)) return true;
                                    peer.reset_on_close();
                                    return false;
                                  }}));
    const auto seen = again(server);
    each_trial(seen, [](const char* name, const Trial& trial) {
      CAPTURE(name);
      if (std::string_view(name) != "legacy") CHECK(trial.good != false);
    });
    CHECK_FALSE(seen.large_hello.good);
  }
}

TEST_CASE("no SNI, no handshake; or another certificate") {
  const auto context = Pki::get().server(kMailHost);
  const auto other = Pki::get().server("elsewhere.example.com");
  const auto by_sni = [](SSL* ssl, int* alert, void* fallback) -> int {
    if (SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != nullptr) return SSL_TLSEXT_ERR_OK;
    if (fallback == nullptr) {
      *alert = SSL_AD_UNRECOGNIZED_NAME;
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    SSL_set_SSL_CTX(ssl, static_cast<SSL_CTX*>(fallback));
    return SSL_TLSEXT_ERR_OK;
  };
  SSL_CTX_set_tlsext_servername_callback(context.get(), static_cast<int (*)(SSL*, int*, void*)>(by_sni));
  {
    ScriptedServer server(serves({.context = context.get()}));
    const auto seen = again(server);
    CHECK(seen.without_sni.good == false);
    CHECK(seen.without_sni.detail == "without SNI: unrecognized name");
    CHECK_FALSE(seen.default_certificate.good);
    CHECK(seen.large_hello.good == true);
  }
  SSL_CTX_set_tlsext_servername_arg(context.get(), other.get());
  ScriptedServer server(serves({.context = context.get()}));
  const auto seen = again(server);
  CHECK(seen.without_sni.good == true);
  CHECK(seen.default_certificate.good == false);
  CHECK(seen.default_certificate.detail == "without SNI: a certificate for elsewhere.example.com");
}

TEST_CASE("old versions beside the new ones") {
  const auto context = Pki::get().server(kMailHost);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  ScriptedServer server(serves({.context = context.get()}));
  const auto seen = again(server);
  CHECK(seen.legacy.good == false);
  CHECK(seen.legacy.detail == "TLSv1.1 is accepted");
}

TEST_CASE("STARTTLS for some names only, either way") {
  const auto context = Pki::get().server(kMailHost);
  const auto is_literal = [](const std::string& ehlo) { return ehlo.find('[') != std::string::npos; };
  {
    ScriptedServer server(serves(
        {.context = context.get(), .offers = [&](const std::string& ehlo) { return !is_literal(ehlo); }}));
    const auto seen = again(server);
    CHECK(seen.starttls.good == false);
    CHECK(seen.starttls.detail == "offered to our EHLO name, withheld from [127.0.0.1]");
    CHECK(seen.without_sni.good == true);  // asked under our own name then
  }
  ScriptedServer server(serves({.context = context.get(), .offers = is_literal}));
  const auto seen = again(server);
  CHECK(seen.starttls.good == false);
  CHECK(seen.starttls.detail == "withheld from our EHLO name, offered to [127.0.0.1]");
  CHECK_FALSE(seen.large_hello.good);
}

TEST_CASE("a host that has had enough of us is left alone") {
  const auto context = Pki::get().server(kMailHost);
  std::atomic<int> connections{0};
  ScriptedServer server([&](Peer& peer) {
    if (++connections == 1) return serves({.context = context.get()})(peer);
    peer.ask("421 4.7.0 too many connections\r\n");
    peer.say("221 bye\r\n");
  });
  const auto seen = again(server);
  each_trial(seen, [](const char* name, const Trial& trial) {
    CAPTURE(name);
    CHECK_FALSE(trial.good);
  });
  CHECK(seen.at == kNow);
  CHECK(server.stop().size() == 2);
}

TEST_CASE("a certificate that is asked for is a fact, one that is insisted on a failed handshake") {
  for (const bool insists : {false, true}) {
    for (const int newest : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      CAPTURE(insists);
      CAPTURE(newest);
      const auto context = Pki::get().server(kMailHost);
      SSL_CTX_set_max_proto_version(context.get(), newest);
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | (insists ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                         nullptr);
      ScriptedServer server([&](Peer& peer) {
        peer.ask("220 mx ESMTP\r\n");
        peer.ask(kWithStartTls);
        peer.say("220 go\r\n");
        if (!peer.start_tls(context.get())) return;
        peer.hear();
        peer.ask(kPlain);
        peer.say("221 bye\r\n");
      });
      const auto seen = usual(server);
      CHECK(seen.tls.asks_certificate);
      CHECK(seen.failure.has_value() == insists);
      if (!insists) CHECK_FALSE(seen.tls.group.empty());
      if (!seen.failure) continue;
      CHECK(seen.failure->stage == Stage::handshake);
      CHECK(seen.failure->cause == Cause::tls_alert);
    }
  }
}

TEST_CASE("who has no other EHLO name to say still comes without SNI and with old versions") {
  const auto context = Pki::get().server(kMailHost);
  ScriptedServer server(serves({.context = context.get()}));
  auto nameless = options(server);
  nameless.helo = "[127.0.0.1]";
  const auto first = probe_smtp(kMailHost, kLoopback, Pki::get().trust(), nameless, kNow, soon());
  const auto seen =
      probe_again(kMailHost, first, Pki::get().trust(), nameless, kNow, Deadline::in(Millis{20000}));
  CHECK_FALSE(seen.starttls.good);
  CHECK(seen.without_sni.good == true);
  CHECK(seen.legacy.good == true);
}
