#include "checks/observe/dns/servers.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "checks/observe/dns/resolver.h"
#include "checks/observe/dns/source.h"
#include "checks/observe/dns/thread.h"

using namespace stswatch;
using namespace stswatch::dns;

namespace {

class TempFile {
 public:
  explicit TempFile(const std::string& text)
      : path_("/tmp/stswatch-resolv-" + std::to_string(::getpid()) + ".conf") {
    std::ofstream(path_) << text;
  }
  ~TempFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("servers as people write them") {
  struct Row {
    const char* text;
    const char* printed;
    bool loopback;
  };
  for (const auto& row :
       {Row{"192.0.2.53", "192.0.2.53", false}, Row{"127.0.0.1:5300", "127.0.0.1:5300", true},
        Row{"2001:db8::53", "2001:db8::53", false}, Row{"[2001:db8::53]", "2001:db8::53", false},
        Row{"[::1]:5300", "[::1]:5300", true}, Row{"192.0.2.53:53", "192.0.2.53", false}}) {
    CAPTURE(row.text);
    const auto server = parse_server(row.text);
    REQUIRE(server);
    CHECK(server->str() == row.printed);
    CHECK(server->loopback() == row.loopback);
  }
}

TEST_CASE("what is no server is quoted back, with the way to write one") {
  for (const std::string text :
       {"", "dns.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "192.0.2.53:x", "[::1",
        "[::1]x", "[192.0.2.53]:53", "::1]:53", "fe80::1%eth0", "192.0.2", " 192.0.2.53"}) {
    CAPTURE(text);
    const auto server = parse_server(text);
    REQUIRE_FALSE(server);
    CHECK(server.error().find("\"" + text + "\"") != std::string::npos);
    CHECK(server.error().find("write it as") != std::string::npos);
    const auto resolver = make_resolver({.servers = {"192.0.2.1", text}});
    REQUIRE_FALSE(resolver);
    CHECK(resolver.error() == server.error());
  }
}

TEST_CASE("resolv.conf: nameserver lines only") {
  const TempFile file(
      "# nameserver 192.0.2.1\nsearch example.com\nnameserver 192.0.2.2 # first\n"
      "nameserver fe80::1%eth0\n\tnameserver\t2001:db8::1\nnameserverx 192.0.2.3\n");
  const auto servers = read_resolv_conf(file.path());
  REQUIRE(servers);
  REQUIRE(servers->size() == 2);
  CHECK(servers->at(0).str() == "192.0.2.2");
  CHECK(servers->at(1).str() == "2001:db8::1");
}

TEST_CASE("resolv.conf empty, or gone: the server on this machine is asked, as its manual page says") {
  for (const auto* text : {"", "\n", "search example.com\noptions edns0\n", "nameserver\n"}) {
    CAPTURE(text);
    const TempFile file(text);
    const auto servers = read_resolv_conf(file.path());
    REQUIRE(servers);
    REQUIRE(servers->size() == 1);
    CHECK(servers->at(0).str() == "127.0.0.1");
    CHECK(servers->at(0).loopback());
  }
  const auto servers = read_resolv_conf("/nonexistent/resolv.conf");
  REQUIRE(servers);
  CHECK(servers->at(0).str() == "127.0.0.1");
}

TEST_CASE("without a usable server the error names the file and both ways to mend it") {
  const TempFile file("nameserver fe80::1%eth0\n");
  for (const std::string& path : {file.path(), file.path() + "/resolv.conf"}) {  // ENOTDIR
    const auto servers = read_resolv_conf(path);
    REQUIRE_FALSE(servers);
    CHECK(servers.error().starts_with(path));
    CHECK(servers.error().find("--resolver") != std::string::npos);
    CHECK(servers.error().find("dns.servers") != std::string::npos);
  }
}

TEST_CASE("options out of range are errors") {
  CHECK_FALSE(make_resolver({.servers = {"192.0.2.1"}, .tries = 0}));
  CHECK_FALSE(make_resolver({.servers = {"192.0.2.1"}, .timeout = Millis{0}}));
  CHECK_FALSE(make_resolver({.servers = {"192.0.2.1"}, .timeout = Millis::max()}));
  CHECK(make_resolver({.servers = {"192.0.2.1"}}));
}

// What the name servers of others are asked: a share a second, whoever comes due.

using namespace std::chrono_literals;
using dns::Budget;

namespace {

const Address kServer = *Address::parse("203.0.114.53"), kOther = *Address::parse("203.0.114.54");

int asked(Budget& budget, const Address& server, Budget::Clock::time_point now, int times = 1000) {
  int out = 0;
  for (int n = 0; n < times; ++n)
    out += budget.may_ask(server, now);
  return out;
}

}  // namespace

TEST_CASE("a server is asked what has gathered, then so many a second, and others are not held up") {
  Budget budget;
  const auto now = Budget::Clock::now();
  CHECK(asked(budget, kServer, now) == Budget::kAtOnce);
  CHECK(asked(budget, kServer, now) == 0);
  CHECK(asked(budget, kOther, now) == Budget::kAtOnce);
  CHECK(asked(budget, kServer, now + 1s) == Budget::kASecond);
  CHECK(asked(budget, kServer, now + 1s + 100ms) == Budget::kASecond / 10);
  CHECK_MESSAGE(asked(budget, kServer, now + 1h) == Budget::kAtOnce,
                "and no more, however long it was left alone");
}

TEST_CASE("over an hour it is the rate, whatever the bursts") {
  Budget budget;
  const auto now = Budget::Clock::now();
  int all = 0;
  for (int minute = 0; minute < 60; ++minute)
    for (int burst = 0; burst < 60; ++burst)
      all += asked(budget, kServer, now + 1s * (60 * minute + burst), 100);
  CHECK(all <= 3600 * Budget::kASecond + Budget::kAtOnce);
  CHECK(all >= 3500 * Budget::kASecond);
}

TEST_CASE("a server of our own, and a clock that stands, change nothing") {
  Budget budget;
  const auto now = Budget::Clock::now();
  CHECK(asked(budget, *Address::parse("127.0.0.1"), now) == 1000);
  CHECK(asked(budget, kServer, now) == Budget::kAtOnce);
  CHECK(asked(budget, kServer, now - 1h) == 0);
}

TEST_CASE("the budget remembers a bounded number of servers") {
  Budget budget;
  const auto now = Budget::Clock::now();
  for (std::uint8_t a = 0; a < 40; ++a)
    for (int b = 0; b < 256; ++b)
      (void)budget.may_ask(Address::v4({203, 1, a, static_cast<std::uint8_t>(b)}), now);
  CHECK(budget.servers() == Budget::kServers);
  CHECK(budget.may_ask(kServer, now + 1h));
  CHECK_MESSAGE(budget.servers() == 1, "those who have all of theirs again are forgotten");
}

namespace stswatch::dns {
namespace {

const Window::Clock::time_point kStart{};

void answer(Window& window, std::size_t questions) {
  for (std::size_t i = 0; i < questions; ++i) {
    while (!window.full())
      window.sent();
    window.answered();
  }
}

}  // namespace

TEST_CASE("a resolver that answers gets more at a time, up to a bound") {
  Window window(5s);
  CHECK(window.size() == Window::kFirst);
  answer(window, 100);
  CHECK(window.size() == Window::kFirst + 100);
  answer(window, 10'000);
  CHECK(window.size() == Window::kMost);
  CHECK(window.in_flight() <= Window::kMost);
}

TEST_CASE("what is not used proves nothing") {
  Window window(5s);
  for (int i = 0; i < 1000; ++i) {
    window.sent();
    window.answered();
  }
  CHECK(window.size() == Window::kFirst);
}

TEST_CASE("answers that are lost halve it, once a round, and it comes back one by one") {
  Window window(5s);
  answer(window, 1000);
  for (int i = 0; i < 200; ++i)
    window.lost(kStart + 10s);
  CHECK(window.size() == Window::kMost / 2);
  answer(window, Window::kMost / 2);
  CHECK(window.size() == Window::kMost / 2 + 1);
  for (int round = 0; round < 20; ++round)
    for (int i = 0; i < 100; ++i)
      window.lost(kStart + 20s + round * 10s);
  CHECK(window.size() == Window::kLeast);
  CHECK_FALSE(window.full());
}

TEST_CASE("a few answers that never come, of dead zones, are no overload") {
  Window window(5s);
  answer(window, 1000);
  for (int i = 0; i < 50; ++i)
    window.lost(kStart + 10s + i * 10s);
  CHECK(window.size() == Window::kMost);
}

}  // namespace stswatch::dns
