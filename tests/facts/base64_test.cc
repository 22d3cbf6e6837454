#include "checks/facts/text.h"

#include <doctest/doctest.h>

using namespace stswatch;

TEST_CASE("the vectors of RFC 4648 §10") {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [octets, text] : rows) {
    CHECK(to_base64(octets) == text);
    CHECK(from_base64(text) == octets);
  }
}

TEST_CASE("every octet comes back") {
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += static_cast<char>(i);
  CHECK(from_base64(to_base64(all)) == all);
  CHECK(to_base64("\xff\xff\xfe") == "///+");
}

TEST_CASE("what no encoder writes is refused (RFC 4648 §3)") {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zm-_", "=Zg="})
    CHECK_MESSAGE(!from_base64(text), text);
}
