#include "checks/facts/policy.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "checks/facts/certificate.h"

using namespace stswatch;
using namespace std::string_literals;

namespace {

enum class Reads { strictly, leniently, never };

struct PolicyText {
  std::string why;
  std::string body;
  Reads reads;
  std::vector<PolicyFault> faults;  // all of them, in order
};

void check_policies(const std::vector<PolicyText>& rows) {
  for (const PolicyText& row : rows) {
    CAPTURE(row.why);
    const PolicyReading r = read_policy(row.body);
    std::vector<PolicyFault> seen;
    for (const auto& d : r.departures) {
      seen.push_back(d.fault);
    }
    CHECK(r.strict.has_value() == (row.reads == Reads::strictly));
    CHECK(r.lenient.has_value() == (row.reads != Reads::never));
    CHECK((r.applied() != nullptr) == (row.reads != Reads::never));
    CHECK(seen == row.faults);
  }
}

const std::string kGood = "version: STSv1\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800\n";

std::string with(const std::string& line) { return kGood + line + "\n"; }

std::string swapped(const std::string& from, const std::string& to) {
  std::string out = kGood;
  return out.replace(out.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("policy: what the grammar of RFC 8461 §3.2 allows") {
  using Fault = PolicyFault;
  check_policies({
      {"LF", kGood, Reads::strictly, {}},
      {"CRLF and LF mixed (erratum 6253)",
       "version: STSv1\r\nmode: none\nmax_age: 1\r\n",
       Reads::strictly,
       {}},
      {"last terminator is optional", "version: STSv1\nmode: none\nmax_age: 1", Reads::strictly, {}},
      {"no white space behind the colon", "version:STSv1\nmode:none\nmax_age:1\n", Reads::strictly, {}},
      {"tabs behind the colon, WSP at line ends",
       "version:\t STSv1 \nmode:none\t\r\nmax_age:1 \t",
       Reads::strictly,
       {}},
      {"mode none needs no mx", "version: STSv1\nmode: none\nmax_age: 0\n", Reads::strictly, {}},
      {"any order",
       "mx: a.example\nmax_age: 1\nmode: testing\nversion: STSv1\n",
       Reads::strictly,
       {Fault::version_not_first}},
      {"mx repeats", with("mx: *.example.net"), Reads::strictly, {}},
      {"10 digits with leading zeros", swapped("604800", "0000604800"), Reads::strictly, {}},
      {"the maximum itself", swapped("604800", "31557600"), Reads::strictly, {}},
      {"extension with inner spaces and UTF-8",
       with("x-y.z_1: caf\xC3\xA9  au lait"),
       Reads::strictly,
       {Fault::unknown_field}},
      {"extension with a colon", with("x: a:b"), Reads::strictly, {Fault::unknown_field}},
      {"extension name of 32", with(std::string(32, 'a') + ": b"), Reads::strictly, {Fault::unknown_field}},
      {"a duplicate is ignored", with("mode: testing"), Reads::strictly, {Fault::duplicate_field}},
      {"even a senseless one", with("max_age: 7d"), Reads::strictly, {Fault::duplicate_field}},
      {"key in another case is an extension, the mx is lost",
       with("MX: mx2.example.com"),
       Reads::strictly,
       {Fault::key_case}},
      {"single label", swapped("mx1.example.com", "localhost"), Reads::strictly, {}},
      {"letters of an mx in any case", swapped("mx1.example.com", "*.EXAMPLE.com"), Reads::strictly, {}},
      {"an IPv4 address fits Domain but is flagged",
       swapped("mx1.example.com", "192.0.2.1"),
       Reads::strictly,
       {Fault::mx_invalid_pattern}},
      {"so is a label that DNS cannot hold",
       swapped("mx1", std::string(64, 'a')),
       Reads::strictly,
       {Fault::mx_invalid_pattern}},
  });
}

TEST_CASE("policy: values outside the grammar") {
  using Fault = PolicyFault;
  check_policies({
      {"other version", swapped("STSv1", "STSv2"), Reads::never, {Fault::version_invalid}},
      {"version with a tail", swapped("STSv1", "STSv10"), Reads::never, {Fault::version_invalid}},
      {"%s: version is case-sensitive", swapped("STSv1", "stsv1"), Reads::never, {Fault::version_invalid}},
      {"no version", swapped("version: STSv1\n", ""), Reads::never, {Fault::version_invalid}},
      {"%s: mode is case-sensitive", swapped("enforce", "Enforce"), Reads::never, {Fault::mode_invalid}},
      {"draft value", swapped("enforce", "report"), Reads::never, {Fault::mode_invalid}},
      {"no mode", swapped("mode: enforce\n", ""), Reads::never, {Fault::mode_invalid}},
      {"a bad first mode is not mended by a second one",
       with("mode: none").replace(21, 7, "Enforce"),
       Reads::never,
       {Fault::mode_invalid, Fault::duplicate_field}},
      {"unit", swapped("604800", "7d"), Reads::never, {Fault::max_age_invalid}},
      {"sign", swapped("604800", "-1"), Reads::never, {Fault::max_age_invalid}},
      {"decimals", swapped("604800", "1.5"), Reads::never, {Fault::max_age_invalid}},
      {"a plus, which most senders read as none",
       swapped("604800", "+604800"),
       Reads::leniently,
       {Fault::max_age_invalid}},
      {"empty", swapped(" 604800", ""), Reads::never, {Fault::max_age_invalid}},
      {"none", swapped("max_age: 604800\n", ""), Reads::never, {Fault::max_age_invalid}},
      {"11 digits", swapped("604800", "00000604800"), Reads::leniently, {Fault::max_age_invalid}},
      {"over a year", swapped("604800", "31557601"), Reads::leniently, {Fault::max_age_too_large}},
      {"no mx", swapped("mx: mx1.example.com\n", ""), Reads::never, {Fault::mx_missing}},
      {"value of a key that the grammar knows in one case only",
       swapped("mx:", "MX:"),
       Reads::never,
       {Fault::key_case, Fault::mx_missing}},
      {"max-age", swapped("max_age", "max-age"), Reads::never, {Fault::key_case, Fault::max_age_invalid}},
  });
  CHECK(read_policy(swapped("604800", "+604800")).lenient->max_age == 604800);
  CHECK(read_policy(swapped("604800", "31557601")).lenient->max_age == 31557600);
  CHECK(read_policy(swapped("604800", "9999999999")).lenient->max_age == 31557600);
}

TEST_CASE("policy: mx patterns") {
  using Fault = PolicyFault;
  for (const std::string bad :
       {"*", "*.", "*example.com", "mx*.example.com", "a.*.example", "*.*.example", ".example.com",
        "[192.0.2.1]", "2001:db8::1", "smtp://a.example", "a.example:25", "a.example,b.example",
        "a.example b.example", "a_b.example", "-a.example", "a-.example", "a..example", ""}) {
    CAPTURE(bad);
    // What nothing matches is a policy all the same: senders that hold it defer (RULES 0.4).
    check_policies({{"alone",
                     swapped("mx1.example.com", bad),
                     bad.empty() ? Reads::never : Reads::leniently,
                     {Fault::mx_invalid_pattern}},
                    {"beside a good one, which tolerant senders use",
                     with("mx: " + bad),
                     Reads::leniently,
                     {Fault::mx_invalid_pattern}}});
  }
  CHECK(read_policy(swapped("mx1.example.com", "A.example, b.example")).lenient->mx ==
        std::vector<std::string>{"a.example, b.example"});
  CHECK(read_policy(with("mx: a.example.")).lenient->mx ==
        std::vector<std::string>{"mx1.example.com", "a.example."});
  check_policies(
      {{"final dot", with("mx: a.example."), Reads::leniently, {Fault::mx_trailing_dot}},
       {"final dot of a wildcard", with("mx: *.a.example."), Reads::leniently, {Fault::mx_trailing_dot}},
       {"U-label", with("mx: m\xC3\xBCnchen.example"), Reads::leniently, {Fault::mx_ulabel}}});
  CHECK(read_policy(with("mx: m\xC3\xBCnchen.example")).departures[0].detail.find("xn--mnchen-3ya.example") !=
        std::string::npos);
  CHECK(read_policy(with("mx: *.B.example")).strict->mx ==
        std::vector<std::string>{"mx1.example.com", "*.b.example"});
}

TEST_CASE("policy: lines outside the grammar") {
  using Fault = PolicyFault;
  check_policies({
      {"blank line at the end", kGood + "\n", Reads::leniently, {Fault::nonconforming_line}},
      {"blank line first", "\n" + kGood, Reads::leniently, {Fault::nonconforming_line}},
      {"comment", with("# mode: none"), Reads::leniently, {Fault::nonconforming_line}},
      {"BOM", "\xEF\xBB\xBF" + kGood, Reads::leniently, {Fault::nonconforming_line}},
      {"leading white space", swapped("mode", " mode"), Reads::leniently, {Fault::nonconforming_line}},
      {"white space before the colon",
       swapped("mode", "mode "),
       Reads::leniently,
       {Fault::nonconforming_line}},
      {"no colon", with("foo"), Reads::leniently, {Fault::not_a_policy}},
      {"no colon, with a precise fault elsewhere",
       "foo\n" + with("# x"),
       Reads::leniently,
       {Fault::nonconforming_line}},
      {"empty extension", with("x:"), Reads::leniently, {Fault::not_a_policy}},
      {"extension name begins with _", with("_x: y"), Reads::leniently, {Fault::not_a_policy}},
      {"extension name of 33", with(std::string(33, 'a') + ": b"), Reads::leniently, {Fault::not_a_policy}},
      {"duplicate without a value is no field",
       with("mode:"),
       Reads::leniently,
       {Fault::duplicate_field, Fault::not_a_policy}},
      {"bare CR", swapped("\nmode", "\rmode"), Reads::leniently, {Fault::line_ending}},
      {"CR at the very end",
       kGood.substr(0, kGood.size() - 1) + "\r",
       Reads::leniently,
       {Fault::line_ending}},
      {"CR CR LF", swapped("STSv1\n", "STSv1\r\r\n"), Reads::leniently, {Fault::line_ending}},
      {"NUL in a comment field", with("x: a\0b"s), Reads::leniently, {Fault::control_characters}},
      {"NUL in a value, one cause",
       swapped("enforce", "enf\0orce"s),
       Reads::never,
       {Fault::control_characters}},
      {"tab inside an extension value", with("x: a\tb"), Reads::leniently, {Fault::control_characters}},
      {"overlong UTF-8", with("x: \xC0\x80"), Reads::leniently, {Fault::control_characters}},
      {"surrogate", with("x: \xED\xA0\x80"), Reads::leniently, {Fault::control_characters}},
  });
  CHECK(read_policy(with("# x")).departures[0].line == 5);
  CHECK(read_policy("\xEF\xBB\xBF" + kGood).departures[0].line == 1);
}

TEST_CASE("policy: what is none at all") {
  using Fault = PolicyFault;
  check_policies({
      {"empty", "", Reads::never, {Fault::not_a_policy}},
      {"newlines", "\n\n\n", Reads::never, {Fault::not_a_policy}},
      {"text", "Not Found\n", Reads::never, {Fault::not_a_policy}},
      {"JSON", "{\"version\": \"STSv1\"}", Reads::never, {Fault::not_a_policy}},
      {"NULs", std::string(64, '\0'), Reads::never, {Fault::control_characters}},
      {"UTF-16", "\xFF\xFEv\0e\0r\0s\0i\0o\0n\0:\0"s, Reads::never, {Fault::control_characters}},
      {"page", "<!DOCTYPE html>\n<p>hello: world</p>", Reads::never, {Fault::html}},
      {"page behind blank lines", "\r\n <HTML>", Reads::never, {Fault::html}},
      {"page behind text", "loading <HtMl>", Reads::never, {Fault::html}},
      {"an extension that speaks of html", with("x: <html"), Reads::strictly, {Fault::unknown_field}},
  });
}

TEST_CASE("policy: the field is lost only where it is needed") {
  CHECK(read_policy(swapped("mx:", "Mx:")).departures[0].field_lost);
  CHECK_FALSE(read_policy(with("MX: a.example")).departures[0].field_lost);
  CHECK_FALSE(
      read_policy("version: STSv1\nmode: none\nmax_age: 1\nMX: a.example\n").departures[0].field_lost);
  CHECK(read_policy(swapped("mode", "Mode")).departures[0].field_lost);
}

TEST_CASE("policy: first entries count (RFC 8461 §3.2)") {
  const PolicyReading r = read_policy(with("mode: none\nmax_age: 1\nversion: STSv2\nx: a\nx: b"));
  REQUIRE(r.strict);
  CHECK(r.strict->mode == Mode::enforce);
  CHECK(r.strict->max_age == 604800);
  CHECK(r.strict->extensions == std::vector<std::pair<std::string, std::string>>{{"x", "a"}});
}

TEST_CASE("policy: unknown fields name the closest known key") {
  CHECK(read_policy(with("maxage2: 1")).departures[0].detail.find("\"max_age\" meant") != std::string::npos);
  CHECK(read_policy(with("comment: 1")).departures[0].detail.find("meant") == std::string::npos);
}

TEST_CASE("modes") {
  CHECK(parse_mode("enforce") == Mode::enforce);
  CHECK_FALSE(parse_mode("Enforce"));
  CHECK_FALSE(parse_mode(""));
  CHECK(to_string(Mode::testing) == "testing");
  CHECK(Mode::none < Mode::testing);
  CHECK(Mode::testing < Mode::enforce);
}

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
