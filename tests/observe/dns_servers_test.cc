#include "checks/observe/dns/servers.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "checks/observe/dns/resolver.h"

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
