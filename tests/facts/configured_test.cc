// Addresses as an operator writes them: of the web, and of mail.
#include <doctest/doctest.h>

#include <string>

#include "checks/facts/mailbox.h"
#include "checks/facts/text.h"
#include "checks/facts/web_url.h"

using namespace stswatch;

TEST_CASE("a URL that no request can be made to is told what is wrong with it, and not repeated") {
  const struct {
    std::string url, says;
  } rows[] = {
      {"", "is no URL"},
      {"xoxb-123", "is no URL"},
      {"ftp://example.net/", "is no URL"},
      {"http://", "names no host"},
      {"https:///hook", "names no host"},
      {"https://user@/hook", "names no host"},
      {"http://127.0.0.1:9093/a b", "holds a blank"},
      {"http://a\tb/", "holds a blank"},
      {"http://127.0.0.1:99999/", "is no port"},
      {"http://127.0.0.1:0/", "is no port"},
      {"http://127.0.0.1:80a/", "is no port"},
      {"https://a..example/", "is no host"},
      {"https://[::1/", "is no host"},
      {"https://[192.0.2.1]/", "is no host"},
      {"https://[::1]x/", "is no host"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.url);
    CHECK(url_fault(row.url).find(row.says) != std::string::npos);
    CHECK((row.url.empty() || url_fault(row.url).find(row.url) == std::string::npos));
  }
  for (const auto* good :
       {"https://example.net", "http://localhost:9093", "http://127.0.0.1:9/",
        "https://[2001:db8::1]:8443/x?y#z", "https://user:pa%24s@example.net/", "http://alert_manager:9093/",
        "https://b\xC3\xBC"
        "cher.example/x"})
    CHECK_MESSAGE(url_fault(good).empty(), good);
  CHECK(host_of_url("https://u:p@Example.net:1/x") == "Example.net");
  CHECK(host_of_url("https://[::1]:1/x") == "::1");
  CHECK(host_of_url("example.net").empty());
}

TEST_CASE("a mail address that no server takes is told why") {
  const struct {
    std::string text, says;
  } rows[] = {
      {"b@@example.net", "is no mail address"},
      {"a@b..example", "is no mail address"},
      {"a@example.net.", "is no mail address"},
      {"a@[x]", "is no mail address"},
      {"J\xC3\xB6rg@example.net", "ASCII before the \"@\""},
      {"a@b\xC3\xBC"
       "cher.example",
       "write \"xn--bcher-kva.example\""},
      {std::string(250, 'a') + "@example.net", "254 octets"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto box = parse_mailbox(row.text);
    REQUIRE_FALSE(box.has_value());
    CHECK(box.error().find(row.says) != std::string::npos);
  }
  for (const auto* good : {"root@localhost", "a+b@example.net", "A <a@[192.0.2.1]>", "a@[IPv6:2001:db8::1]"})
    CHECK_MESSAGE(parse_mailbox(good).has_value(), good);
}

TEST_CASE("what was typed is shown as it was typed, unless a terminal would take it amiss") {
  CHECK(text::quoted_as_typed("J\xC3\xB6rg") == "\"J\xC3\xB6rg\"");
  CHECK(text::quoted_as_typed("\xC3\xA9\xC3\xA9\xC3\xA9", 3) == "\"\xC3\xA9...\"");
  CHECK(text::quoted_as_typed("a\x01") == "\"a\\x01\"");
  CHECK(text::quoted_as_typed("\xFF") == "\"\\xFF\"");
  CHECK(text::quoted_as_typed("\xE2\x80\xAE") == "\"\\xE2\\x80\\xAE\"");
  CHECK(text::quoted_as_typed("\xC2\x9B") == "\"\\xC2\\x9B\"");
}
