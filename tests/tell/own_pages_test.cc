#include "agent/tell/door/web_gate.h"

#include <doctest/doctest.h>

namespace stswatch::door {

namespace {

RequestHead post_from(const std::string& host, std::vector<Header> headers = {}) {
  RequestHead head;
  head.method = "POST";
  head.target = "/-/reload";
  head.host = host;
  head.headers = std::move(headers);
  return head;
}

const OwnNames kOwn{"https://sts.example.net/watch",
                    {"monitor", "Other.example:8443", "192.0.2.9"},
                    [](const Address& a) { return a == *Address::parse("192.0.2.1"); }};

}  // namespace

TEST_CASE("a POST is for a name that is the service's own") {
  for (const auto* host : {"localhost", "localhost:9461", "LOCALHOST", "127.0.0.1:9461", "127.9.9.9",
                           "[::1]:9461", "192.0.2.1:9461", "192.0.2.9", "sts.example.net", "sts.example.net.",
                           "STS.example.net:443", "monitor:9461", "other.example"}) {
    CAPTURE(host);
    CHECK_FALSE(foreign(post_from(host), kOwn).has_value());
  }
  for (const auto* host :
       {"", "rebound.example", "192.0.2.2", "localhost.example", "sts.example.net.evil.example", "xmonitor",
        ":9461", "[2001:db8::1]", "127.0.0.1.example"}) {
    CAPTURE(host);
    CHECK(foreign(post_from(host), kOwn).has_value());
    auto get = post_from(host);
    get.method = "GET";
    CHECK_FALSE(foreign(get, kOwn).has_value());
  }
}

TEST_CASE("a POST is of the service's own page or of a program") {
  const struct {
    const char *why, *host;
    std::vector<Header> headers;
    bool done;
  } rows[] = {
      {"a program", "monitor", {}, true},
      {"our page", "monitor:9461", {{"Origin", "http://monitor:9461"}}, true},
      {"our page, and the browser says so",
       "monitor",
       {{"Origin", "http://monitor"}, {"Sec-Fetch-Site", "same-origin"}},
       true},
      {"behind a proxy that speaks TLS", "monitor", {{"Origin", "https://monitor"}}, true},
      {"by the external URL", "127.0.0.1:9461", {{"Origin", "https://sts.example.net"}}, true},
      {"the usual port, written", "monitor", {{"origin", "http://MONITOR:80"}}, true},
      {"typed by somebody", "monitor", {{"Sec-Fetch-Site", "none"}}, true},
      {"another site", "monitor", {{"Origin", "https://evil.example"}}, false},
      {"another site, says the browser", "monitor", {{"Sec-Fetch-Site", "cross-site"}}, false},
      {"a sibling", "monitor", {{"Sec-Fetch-Site", "same-site"}}, false},
      {"a word nobody knows", "monitor", {{"Sec-Fetch-Site", ""}}, false},
      {"no origin to speak of", "monitor", {{"Origin", "null"}}, false},
      {"an empty one", "monitor", {{"Origin", ""}}, false},
      {"another port of ours", "monitor:9461", {{"Origin", "http://monitor:3000"}}, false},
      {"behind a proxy on another port, which drops it from Host",
       "monitor",
       {{"Origin", "https://monitor:8443"}, {"Sec-Fetch-Site", "same-origin"}},
       true},
      {"or puts its own there",
       "monitor:9461",
       {{"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://Monitor.:8443"}},
       true},
      {"another port of ours, typed",
       "monitor",
       {{"Origin", "http://monitor:3000"}, {"Sec-Fetch-Site", "none"}},
       false},
      {"another port of ours, says the browser",
       "monitor",
       {{"Origin", "http://monitor:3000"}, {"Sec-Fetch-Site", "same-site"}},
       false},
      {"another port of ours, says somebody twice",
       "monitor",
       {{"Sec-Fetch-Site", "same-origin"},
        {"Sec-Fetch-Site", "same-site"},
        {"Origin", "http://monitor:3000"}},
       false},
      {"a name turned to us, and its own page on another port",
       "evil.example",
       {{"Origin", "http://evil.example:8443"}, {"Sec-Fetch-Site", "same-origin"}},
       false},
      {"another of our names, though the browser says so",
       "monitor",
       {{"Origin", "http://other.example:8443"}, {"Sec-Fetch-Site", "same-origin"}},
       false},
      {"another of our names", "monitor", {{"Origin", "http://other.example"}}, false},
      {"two origins", "monitor", {{"Origin", "http://monitor"}, {"Origin", "http://evil.example"}}, false},
      {"same-origin, and another origin",
       "monitor",
       {{"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://evil.example"}},
       false},
      {"a name turned to us, and its own page",
       "evil.example",
       {{"Origin", "http://evil.example"}, {"Sec-Fetch-Site", "same-origin"}},
       false},
      {"one that begins like ours", "monitor", {{"Origin", "http://monitor.evil.example"}}, false},
      {"user info", "monitor", {{"Origin", "http://monitor@evil.example"}}, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    CHECK(foreign(post_from(row.host, row.headers), kOwn).has_value() != row.done);
  }
}

TEST_CASE("where only the port differs that is said") {
  const auto why = foreign(post_from("monitor:9461", {{"Origin", "http://monitor:3000"}}), kOwn);
  REQUIRE(why.has_value());
  CHECK(why->find("another port (Origin http://monitor:3000, Host monitor:9461)") != std::string::npos);
  CHECK(foreign(post_from("monitor", {{"Origin", "http://evil.example:3000"}}), kOwn) ==
        "this was sent by a page of another site");
}

}  // namespace stswatch::door
