#include "checks/facts/policy.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "checks/facts/certificate.h"

using namespace stswatch;

TEST_CASE("host against pattern, policy and certificate alike (RFC 8461 §4.1, §4.2)") {
  struct Row {
    std::string why;
    const char* pattern;
    const char* host;
    bool match;
  };
  const std::vector<Row> rows{
      {"equal", "mx.example.com", "mx.example.com", true},
      {"the RFC's own example (§4.1)", "*.example.com", "mail.example.com", true},
      {"wildcard is no empty label (§4.1)", "*.example.com", "example.com", false},
      {"wildcard covers one label only (§4.1)", "*.example.com", "a.b.example.com", false},
      {"case is folded (RFC 6125 §6.4.1)", "*.EXAMPLE.com", "MaIl.ExAmPlE.cOm", true},
      {"final dot of the host is DNS notation", "mx.example.com", "mx.example.com.", true},
      {"final dot of the pattern is outside the grammar (§3.2)", "mx.example.com.", "mx.example.com", false},
      {"two final dots", "mx.example.com", "mx.example.com..", false},
      {"wildcard is the entire label (§4.1)", "mx*.example.com", "mx1.example.com", false},
      {"wildcard is left-most (§4.1)", "mx.*.com", "mx.example.com", false},
      {"one wildcard", "*.*.com", "mx.example.com", false},
      {"a bare star", "*", "localhost", false},
      {"a star and a dot", "*.", "localhost", false},
      {"leading dot is the form of a draft", ".example.com", "mx.example.com", false},
      {"no suffix match", "example.com", "notexample.com", false},
      {"empty label", "*.example.com", ".example.com", false},
      {"empty label inside", "*.example.com", "mx..example.com", false},
      {"literal star as host", "*.example.com", "*.example.com", false},
      {"underscores exist in DNS", "*.example.com", "mx_1.example.com", true},
      {"U-label of the host is converted (RFC 6125 §6.4.2)", "*.xn--mnchen-3ya.example",
       "mx.m\xC3\xBCnchen.example", true},
      {"U-label of the pattern is converted", "m\xC3\xBCnchen.example", "xn--mnchen-3ya.example", true},
      {"what cannot be converted matches nothing", "\xFF.example", "\xFF.example", false},
      {"an address has no labels", "*.0.2.1", "192.0.2.1", false},
      {"empty", "", "", false},
      {"wildcard over an A-label", "*.example.com", "xn--mnchen-3ya.example.com", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    Certificate leaf;
    leaf.dns_names = {"other.example", row.pattern};
    CHECK(matches(row.host, row.pattern) == row.match);
    CHECK(matches_any(row.host, leaf.dns_names) == row.match);
    CHECK(names_host(leaf, row.host) == row.match);
  }
  Certificate leaf;
  leaf.common_name = "mx.example.com";
  CHECK_FALSE(names_host(leaf, "mx.example.com"));  // RFC 8461 §4.2: DNS-ID only
}

TEST_CASE("mx pattern: [\"*.\"] Domain (RFC 8461 §3.2, RFC 5321 §4.1.2)") {
  for (const char* good :
       {"a", "a.b", "*.a", "1and1.example", "a--b.example", "xn--a.example", "A.B", "192.0.2.1"}) {
    CAPTURE(good);
    CHECK(is_mx_pattern(good));
  }
  for (const char* bad : {"", "*", "*.", "*.*.a", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "*a", "a.*",
                          "a:25", "\xC3\xBC"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_mx_pattern(bad));
  }
}
