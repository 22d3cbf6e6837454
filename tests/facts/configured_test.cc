// Addresses as an operator writes them: of the web, and of mail.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "checks/facts/configured.h"
#include "checks/facts/text.h"

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

// What is secret in the words of others, however they spell it.

namespace {

std::string told(std::string_view written, std::string_view text) {
  Secrets secrets;
  secrets.add(written);
  return secrets.hide(text);
}

std::string told_of_url(std::string_view url, std::string_view text) {
  Secrets secrets;
  secrets.add_url(url);
  return secrets.hide(text);
}

}  // namespace

TEST_CASE("secrets: as written, decoded, encoded, and encoded in another way") {
  for (const char* written : {"pa$s:wo/rd", "pa%24s:wo/rd", "pa%24s%3Awo%2frd", "%70%61$s:wo/rd"})
    for (const char* spelled :
         {"pa$s:wo/rd", "pa%24s:wo/rd", "pa%24s%3awo%2Frd", "%70%61%24%73%3A%77%6F%2F%72%64"}) {
      CAPTURE(written);
      CAPTURE(spelled);
      CHECK(told(written, std::string("wrong \"") + spelled + "\", bye") == "wrong \"***\", bye");
    }
  CHECK(told("token", "a token, a token") == "a ***, a ***");
  CHECK(told("a%2524bc", "a%24bc and a%2524bc") == "*** and ***");
  CHECK(told("a%25b", "a%25b") == "***");                                 // decoded it would be too short
  CHECK(told("100%off", "100%off, 100%25off, 100%") == "***, ***, ***");  // the last may be its beginning
  CHECK(told("caf%C3%A9!", "caf\xC3\xA9!") == "***");
}

TEST_CASE("secrets: what is short is hidden as it is written, and leaves the rest of the text") {
  CHECK(told("*", "no * here") == "no *** here");
  CHECK(told("%24", "costs $5, in words %24") == "costs $5, in words ***");
  CHECK(told("%65", "every letter e stays") == "every letter e stays");
  CHECK(told("a%62c", "abc is a word, a%62c is not") == "abc is a word, *** is not");
  CHECK(told("", "nothing is secret") == "nothing is secret");
}

TEST_CASE("secrets: one that the text's end cuts") {
  CHECK(told("hush-hush", "it is hush-hu") == "it is ***");
  CHECK(told("hush%2Dhush", "it is hush%2") == "it is ***");
  CHECK(told("hush-hush", "it is hus") == "it is hus");
  const auto cut = told("hush-hush", std::string(1018, '.') + "hush-hush, and more");
  CHECK(cut == std::string(1018, '.') + "***");
}

TEST_CASE("secrets: those of a URL") {
  CHECK(told_of_url("smtp://user:p%24s@host.example/", "user:p$s, p%24s at host.example") ==
        "user:p$s, *** at host.example");  // three octets when decoded
  CHECK(told_of_url("smtp://user:pa%24sword@host.example/", "user, pa$sword, pa%24sword at host.example") ==
        "user, ***, *** at host.example");
  CHECK(told_of_url("https://sometoken@host.example/api", "/api of host.example: sometoken") ==
        "/api of host.example: ***");
  CHECK(told_of_url("https://host.example/services/T0/B0/hush%2Fhush?v=2&key=ses%61me",
                    "POST /services/T0/B0/hush/hush?v=2&key=sesame: 404") ==
        "POST /***/T0/B0/***?v=2&key=***: 404");
  CHECK(told_of_url("https://host.example/api/v2/alerts", "no /api/v2/alerts") == "no /api/v2/alerts");
  CHECK(told_of_url("host.example", "host.example") == "host.example");
  CHECK(percent_decoded("a%2Fb%2") == "a/b%2");
}

TEST_CASE("secrets: long ones that nearly match everywhere cost little") {
  Secrets secrets;
  for (char last = 'a'; last <= 'z'; ++last)
    secrets.add(std::string(16000, 'x') + last);
  const auto began = std::chrono::steady_clock::now();
  const auto shown = secrets.hide(std::string(500, 'x') + '!' + std::string(200000, 'x'));
  CHECK(shown == std::string(500, 'x') + "!***");
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(10));
}

TEST_CASE("of a URL that is a secret as a whole the host is hidden too, as a library repeats it") {
  Secrets secrets;
  secrets.add_secret_url("https://Hooks.Example.net:443/services/T0");
  CHECK(secrets.hide("Could not resolve host: Hooks.Example.net") == "Could not resolve host: ***");
  CHECK(secrets.hide("no host name 'hooks.example.net'") == "no host name '***'");
  CHECK(secrets.hide("https://Hooks.Example.net:443/services/T0") == "***");
}
