// What is secret in the words of others, however they spell it.
#include "checks/facts/secrets.h"

#include <doctest/doctest.h>
#include <chrono>

using stswatch::percent_decoded;
using stswatch::Secrets;

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
