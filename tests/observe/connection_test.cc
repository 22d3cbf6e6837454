// The connection against peers that misbehave: what each does to us has a name, an end and a bound.
#include "checks/observe/tls/connection.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#include <array>
#include <csignal>

#include "checks/facts/bounds.h"
#include "tests/observe/test_pki.h"

using namespace stswatch;
using namespace stswatch::pki;
using namespace std::string_literals;

namespace {

constexpr std::size_t kBudget = 65536;

const Entity& good_leaf() {
  static const Entity leaf = issue({.cn = "l", .names = {kMx1}}, &Authority::get().intermediate);
  return leaf;
}

Connection opened(std::uint16_t port, const Deadline& deadline = Deadline::in(20s),
                  std::size_t budget = kBudget) {
  auto connection = Connection::open(kLoopback, port, deadline, budget);
  REQUIRE(connection.has_value());
  return std::move(*connection);
}

Failure open_failure(const Address& address, std::uint16_t port,
                     const Deadline& deadline = Deadline::in(20s)) {
  auto connection = Connection::open(address, port, deadline, kBudget);
  REQUIRE_FALSE(connection.has_value());
  CHECK(connection.error().stage == Stage::connect);
  CHECK_FALSE(connection.error().detail.empty());
  return connection.error();
}

Result<void> start(Connection& connection, TlsFacts& facts) {
  return connection.start_tls(*Authority::get().trust, {kMx1, kNow}, facts);
}

/// Reads to the end or the failure.
Result<std::string> read_all(Connection& connection) {
  std::string all;
  std::array<char, 1000> part;
  for (;;) {
    auto count = connection.read(part, Stage::body);
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) return all;
    all.append(part.data(), *count);
  }
}

std::string alert(char level, char what) { return "\x15\x03\x01\0\2"s + level + what; }

}  // namespace

TEST_CASE("connect: refused") {
  std::uint16_t free_port = 0;
  {
    const SocketPeer peer([](int) {});
    free_port = peer.port();
  }
  CHECK(open_failure(kLoopback, free_port).cause == Cause::refused);
}

TEST_CASE("connect: a full queue answers nothing") {
  // Nobody accepts, and the queue of one is filled: Linux drops further SYNs (FACTS 7).
  const SocketPeer peer(nullptr, 0);
  const auto first = Connection::open(kLoopback, peer.port(), Deadline::in(50ms), kBudget);
  CHECK(open_failure(kLoopback, peer.port(), Deadline::in(50ms)).cause == Cause::timeout);
}

TEST_CASE("connect: no time left, or told to stop") {
  Cancel stop;
  const SocketPeer peer([](int) {});
  CHECK(open_failure(kLoopback, peer.port(), Deadline::in(0ms)).cause == Cause::timeout);
  stop.cancel();
  CHECK(open_failure(kLoopback, peer.port(), Deadline::in(1s, &stop)).cause == Cause::cancelled);
}

TEST_CASE("connect: a destination without a route says nothing of the peer") {
  CHECK(open_failure(*Address::parse("255.255.255.255"), 25).cause != Cause::refused);
  // 240/4 is reserved; without any default route 2001:db8:: has none either. Some machines do have routes.
  if (auto v6 = Connection::open(*Address::parse("2001:db8::1"), 25, Deadline::in(50ms), kBudget); !v6) {
    const bool ours = v6.error().cause == Cause::no_route || v6.error().cause == Cause::timeout;
    CHECK_MESSAGE(ours, to_string(v6.error().cause));
  }
}

TEST_CASE("connect: no descriptor left is our own fault") {
  rlimit was{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &was) == 0);
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  rlimit tight = was;
  tight.rlim_cur = static_cast<rlim_t>(next);
  ::close(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  const auto failure = Connection::open(kLoopback, 25, Deadline::in(1s), kBudget);
  ::setrlimit(RLIMIT_NOFILE, &was);
  REQUIRE_FALSE(failure.has_value());
  CHECK(failure.error().cause == Cause::exhausted);
}

TEST_CASE("plain text: an orderly end, a reset, silence, and a wish to stop") {
  std::array<char, 100> into;
  SUBCASE("end") {
    const SocketPeer peer([](int fd) { say(fd, "220 hello\r\n"); });
    auto connection = opened(peer.port());
    CHECK(read_all(connection) == "220 hello\r\n");
  }
  SUBCASE("reset") {
    const SocketPeer peer([](int fd) {
      hear(fd);
      cut(fd);
    });
    auto connection = opened(peer.port());
    REQUIRE(connection.write("EHLO x\r\n", Stage::ehlo).has_value());
    const auto got = connection.read(into, Stage::greeting);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().cause == Cause::reset);
    CHECK(got.error().stage == Stage::greeting);
  }
  SUBCASE("silence") {
    const SocketPeer peer(hang);
    auto connection = opened(peer.port(), Deadline::in(1s));
    const auto got = connection.read(into, Stage::greeting);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().cause == Cause::timeout);
    CHECK(got.error().stage == Stage::greeting);
  }
  SUBCASE("stop") {
    Cancel stop;
    const auto deadline = Deadline::in(60s, &stop);
    const SocketPeer peer([&](int fd) {
      hear(fd);  // else the wish may come before connect() has returned
      stop.cancel();
      hang(fd);
    });
    auto connection = opened(peer.port(), deadline);
    REQUIRE(connection.write("x", Stage::greeting).has_value());
    const auto got = connection.read(into, Stage::greeting);
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().cause == Cause::cancelled);
    CHECK(deadline.left() > 30s);
  }
}

TEST_CASE("a drip does not outlive the deadline") {
  // Each octet of ours buys one of theirs, for ever.
  const SocketPeer peer([](int fd) {
    char one;
    while (::recv(fd, &one, 1, 0) == 1 && say(fd, "x"))
      continue;
  });
  auto connection = opened(peer.port(), Deadline::in(1s));
  std::array<char, 10> into;
  Result<std::size_t> got{0};
  do {
    REQUIRE(connection.write("x", Stage::body).has_value());
    got = connection.read(into, Stage::body);
  } while (got);
  CHECK(got.error().cause == Cause::timeout);
}

TEST_CASE("a peer that takes nothing does not hold a writer beyond the deadline, and no signal is raised") {
  const auto before = std::signal(SIGPIPE, SIG_DFL);  // a SIGPIPE would end this test program
  SUBCASE("never reads") {
    const SocketPeer peer(nullptr);  // the kernel alone accepts
    auto connection = opened(peer.port(), Deadline::in(1s));
    const auto done = connection.write(std::string(std::size_t{32} << 20U, 'x'), Stage::request);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().cause == Cause::timeout);
  }
  SUBCASE("is gone") {
    const SocketPeer peer([](int fd) { hear(fd), cut(fd); });
    auto connection = opened(peer.port());
    Result<void> done{};
    for (int i = 0; done && i < 1000; ++i)
      done = connection.write(std::string(100000, 'x'), Stage::request);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().cause == Cause::reset);
  }
  std::signal(SIGPIPE, before);
}

TEST_CASE("the budget is what a peer may send, to the octet") {
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    const auto context = server_context(good_leaf(), {Authority::get().intermediate});
    const SocketPeer peer([&](int fd) {
      const std::string hundred(100, 'x');
      if (!tls) {
        say(fd, hundred);
        return;
      }
      auto ssl = accept_tls(fd, context.get());
      if (!ssl) return;
      SSL_write(ssl.get(), hundred.data(), 100);
      SSL_shutdown(ssl.get());
    });
    for (const std::size_t budget : {100U, 99U}) {
      auto connection = opened(peer.port(), Deadline::in(20s), budget);
      TlsFacts facts;
      if (tls) REQUIRE(start(connection, facts).has_value());
      const auto all = read_all(connection);
      REQUIRE(all.has_value() == (budget == 100));
      if (!all) CHECK(all.error().cause == Cause::over_budget);
    }
  }
}

TEST_CASE("plain text that waits before STARTTLS is dropped and counted (RFC 3207 §4.2)") {
  std::atomic<bool> said{false};
  const SocketPeer peer([&](int fd) {
    say(fd, "220 go ahead\r\n250 injected\r\n");
    said = true;
    hang(fd);
  });
  auto connection = opened(peer.port());
  std::array<char, 14> line;
  REQUIRE(connection.read(line, Stage::starttls) == 14U);
  while (!said)
    std::this_thread::yield();
  CHECK(connection.discard_plaintext() == 14);
  CHECK(connection.discard_plaintext() == 0);
}

TEST_CASE("TLS: an end needs close_notify, else what was read may have been cut") {
  const auto context = server_context(good_leaf(), {Authority::get().intermediate});
  for (const bool polite : {true, false}) {
    CAPTURE(polite);
    const SocketPeer peer([&](int fd) {
      auto ssl = accept_tls(fd, context.get());
      if (!ssl) return;
      char request[100];
      SSL_read(ssl.get(), request, sizeof request);
      SSL_write(ssl.get(), "answer", 6);
      if (polite) SSL_shutdown(ssl.get());
    });
    auto connection = opened(peer.port());
    TlsFacts facts;
    REQUIRE(start(connection, facts).has_value());
    REQUIRE(connection.write("request", Stage::request).has_value());
    const auto all = read_all(connection);
    REQUIRE(all.has_value() == polite);
    if (polite) CHECK(*all == "answer");
    if (!polite) CHECK(all.error().cause == Cause::closed);
    if (!polite) CHECK(all.error().detail == "closed without TLS close_notify");
  }
}

TEST_CASE("TLS: we say close_notify, and a connection moves with its session") {
  const auto context = server_context(good_leaf(), {Authority::get().intermediate});
  std::atomic<int> ending{-1};
  {
    const SocketPeer peer([&](int fd) {
      auto ssl = accept_tls(fd, context.get());
      if (!ssl) return;
      char scrap[100];
      int n;
      while ((n = SSL_read(ssl.get(), scrap, sizeof scrap)) > 0)
        continue;
      ending = SSL_get_error(ssl.get(), n);
    });
    TlsFacts facts;
    auto first = opened(peer.port());
    REQUIRE(start(first, facts).has_value());
    Connection second = std::move(first);
    REQUIRE(second.write("x", Stage::request).has_value());
    first = std::move(second);
    first.close();
    first.close();
  }
  CHECK(ending == SSL_ERROR_ZERO_RETURN);
}

TEST_CASE("handshakes that come to nothing") {
  const struct {
    std::string why;
    std::function<void(int)> serve;
    Cause cause;
    const char* alert;
  } rows[] = {
      {"ends at once", [](int fd) { ::shutdown(fd, SHUT_WR), hang(fd); }, Cause::closed, ""},
      {"closes after the ClientHello", hear, Cause::closed, ""},
      {"resets after the ClientHello", [](int fd) { hear(fd), cut(fd); }, Cause::reset, ""},
      {"accepts and hangs", hang, Cause::timeout, ""},
      {"speaks SMTP", [](int fd) { hear(fd), say(fd, "421 4.3.2 not now\r\n"), hang(fd); },
       Cause::tls_protocol, ""},
      {"speaks HTTP", [](int fd) { hear(fd), say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n"), hang(fd); },
       Cause::tls_protocol, ""},
      {"half a record, then the end", [](int fd) { hear(fd), say(fd, "\x16\x03\x03\x40\0half"s); },
       Cause::closed, ""},
      {"an alert: no common parameters", [](int fd) { hear(fd), say(fd, alert(2, 40)), hang(fd); },
       Cause::tls_alert, "handshake failure"},
      {"an alert: version", [](int fd) { hear(fd), say(fd, alert(2, 70)); }, Cause::tls_alert,
       "protocol version"},
      {"an alert: name", [](int fd) { hear(fd), say(fd, alert(2, 112)); }, Cause::tls_alert,
       "unrecognized name"},
      {"an alert, then a reset", [](int fd) { hear(fd), say(fd, alert(2, 80)), cut(fd); }, Cause::tls_alert,
       "internal error"},
      {"a warning, then the end", [](int fd) { hear(fd), say(fd, alert(1, 112)); }, Cause::closed, ""},
      {"close_notify", [](int fd) { hear(fd), say(fd, alert(1, 0)), hang(fd); }, Cause::closed, ""},
      {"HelloRequests without end",
       [](int fd) {
         while (say(fd, "\x16\x03\x01\0\4\0\0\0\0"s))
           continue;
       },
       Cause::over_budget, ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const SocketPeer peer(row.serve);
    auto connection = opened(peer.port(), Deadline::in(row.cause == Cause::timeout ? 50ms : 20000ms));
    TlsFacts facts;
    const auto done = start(connection, facts);
    REQUIRE_FALSE(done.has_value());
    CAPTURE(done.error().detail);
    CHECK(to_string(done.error().cause) == to_string(row.cause));
    CHECK(done.error().stage == Stage::handshake);
    CHECK_FALSE(done.error().detail.empty());
    CHECK(facts.alert == row.alert);
    CHECK(facts.version.empty());
    CHECK_FALSE(facts.peer.has_value());
  }
}

TEST_CASE("an alert that overtakes our own writing is still read") {
  // The peer is gone before our ClientHello leaves: the write fails, the alert waits in the kernel.
  std::atomic<bool> gone{false};
  const SocketPeer peer([&](int fd) {
    say(fd, alert(2, 40));
    ::shutdown(fd, SHUT_RDWR);
    gone = true;
  });
  auto connection = opened(peer.port());
  while (!gone)
    std::this_thread::yield();
  REQUIRE(connection.write("provokes a reset", Stage::ehlo).has_value());
  TlsFacts facts;
  const auto done = start(connection, facts);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().cause == Cause::tls_alert);
  CHECK(facts.alert == "handshake failure");
}

TEST_CASE("a dripped handshake ends with the deadline, and a wish to stop ends it at once") {
  const auto drip = [](int fd) {
    // A huge record, one octet for each of ours that it hears: none after the ClientHello.
    say(fd, "\x16\x03\x03\x40\0"s);
    hang(fd);
  };
  SUBCASE("deadline") {
    const SocketPeer peer([&](int fd) {
      hear(fd);
      drip(fd);
    });
    auto connection = opened(peer.port(), Deadline::in(2s));
    TlsFacts facts;
    const auto done = start(connection, facts);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().cause == Cause::timeout);
  }
  SUBCASE("stop") {
    Cancel stop;
    const auto deadline = Deadline::in(60s, &stop);
    const SocketPeer peer([&](int fd) {
      hear(fd);  // else the wish may come before connect() has returned
      stop.cancel();
      drip(fd);
    });
    auto connection = opened(peer.port(), deadline);
    TlsFacts facts;
    const auto done = start(connection, facts);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().cause == Cause::cancelled);
    CHECK(deadline.left() > 30s);
  }
}

TEST_CASE("after the handshake a peer cannot send for ever without giving data") {
  // TLS 1.3 tickets: OpenSSL would take them all night.
  const auto context = server_context(good_leaf(), {Authority::get().intermediate});
  const SocketPeer peer([&](int fd) {
    auto ssl = accept_tls(fd, context.get());
    if (!ssl) return;
    const auto gone = [fd] {  // OpenSSL forgives a ticket that cannot be written
      pollfd asked{fd, POLLRDHUP, 0};
      return ::poll(&asked, 1, 0) != 0;
    };
    while (!gone() && SSL_new_session_ticket(ssl.get()) == 1 && SSL_do_handshake(ssl.get()) == 1)
      continue;
  });
  {
    auto connection = opened(peer.port(), Deadline::in(20s), 1000);
    TlsFacts facts;
    REQUIRE(start(connection, facts).has_value());
    const auto all = read_all(connection);
    REQUIRE_FALSE(all.has_value());
    CHECK(all.error().cause == Cause::over_budget);
  }
}
