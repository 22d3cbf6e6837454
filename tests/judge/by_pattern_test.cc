// Hosts that RFC 8461 §4 has a sender skip and that Postfix or mailauth deliver to, and policies that stop
// mail because nothing matches them: what was seen of real senders (RULES 0.4).
#include "checks/judge/senders/by_pattern.h"

#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

const std::string kFirst(kMx1), kSecond(kMx2);

Certificate naming(std::vector<std::string> names) { return certificate(std::move(names)); }

Certificate cn_only(const std::string& cn) {
  Certificate c = certificate({});
  c.common_name = cn;
  return c;
}

/// A host whose certificate is good for these names.
MxHostObservation showing(const std::string& host, std::string_view at, std::vector<std::string> names) {
  auto shown = peer(host);
  shown.leaf = certificate(std::move(names));
  shown.name_matches = std::ranges::find(shown.leaf.dns_names, host) != shown.leaf.dns_names.end();
  return mx_host(host, {probe_showing(at, host, std::move(shown))});
}

const SenderNames kPostfix{"postfix-mta-sts-resolver"};

}  // namespace

TEST_CASE("Postfix compares the certificate with the policy's patterns") {
  struct Row {
    const char* why;
    Certificate leaf;
    std::vector<std::string> patterns;
    bool matches;
  };
  const Row rows[] = {
      {"the same name", naming({"mx1.d.test"}), {"mx1.d.test"}, true},
      {"another listed name", naming({"mx2.d.test"}), {"mx1.d.test", "mx2.d.test"}, true},
      {"a name that nobody lists", naming({"mx3.d.test"}), {"mx1.d.test"}, false},
      {"one of many names", naming({"www.d.test", "mx1.d.test"}), {"mx1.d.test"}, true},
      {"one label below a wildcard", naming({"a.d.test"}), {"*.d.test"}, true},
      {"two labels below", naming({"a.b.d.test"}), {"*.d.test"}, true},
      {"not the domain itself", naming({"d.test"}), {"*.d.test"}, false},
      {"a name that only ends so", naming({"xd.test"}), {"*.d.test"}, false},
      {"a dot in front is the same to it", naming({"a.b.d.test"}), {".d.test"}, true},
      {"a wildcard certificate against a name", naming({"*.d.test"}), {"mx1.d.test"}, true},
      {"a CN where there is no other name", cn_only("mx1.d.test"), {"mx1.d.test"}, true},
      {"a CN beside DNS names does not count",
       [] {
         auto c = naming({"www.d.test"});
         c.common_name = "mx1.d.test";
         return c;
       }(),
       {"mx1.d.test"},
       false},
      {"it cannot read a list, and defers all",
       naming({"mx1.d.test"}),
       {"mx1.d.test", "a.test, b.test"},
       false},
      {"an asterisk beside a name is nothing to it", naming({"mx1.d.test"}), {"mx1.d.test", "*"}, true},
      {"asterisks alone leave it no name", naming({"mx1.d.test"}), {"*", "**"}, false},
      {"nor an address", naming({"mx1.d.test"}), {"mx1.d.test", "192.0.2.1"}, false},
      {"nor one with a port", naming({"mx1.d.test"}), {"mx1.d.test", "192.0.2.1:25"}, false},
      {"an IPv6 address it takes for names", naming({"mx1.d.test"}), {"mx1.d.test", "2001:db8::1"}, true},
      {"a final dot fits nothing", naming({"mx1.d.test"}), {"mx1.d.test."}, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK(listed_by_certificate(row.leaf, row.patterns) == row.matches);
  }
}

TEST_CASE("mailauth lets a wildcard stand for any number of labels") {
  const std::vector<std::string> patterns{"*.d.test"};
  CHECK(below_wildcard("a.d.test", patterns));
  CHECK(below_wildcard("a.b.d.test", patterns));
  CHECK_FALSE(below_wildcard("d.test", patterns));
  CHECK_FALSE(below_wildcard("xd.test", patterns));
  CHECK_FALSE(below_wildcard("a.d.test", std::vector<std::string>{".d.test"}));
}

TEST_CASE("a host with the certificate of another listed host: not usable, and Postfix delivers") {
  auto look = base();
  look.set_mx(showing(kFirst, kMail1, {kSecond}));
  const Verdict v = judged(look);
  const Finding* f = find(v, "certificate-host-mismatch");
  REQUIRE(f != nullptr);
  CHECK(f->accepted_by == kPostfix);
  CHECK(std::ranges::find(f->refused_by, "chasquid") != f->refused_by.end());
  CHECK(f->effect.ends_with("Not so postfix-mta-sts-resolver: it delivers there."));
  CHECK(v.enforce_usable_mx->min == 1);
  SUBCASE("a name that nobody lists is nobody's exception") {
    look.set_mx(showing(kFirst, kMail1, {"www.example.com"}));
    const Verdict other = judged(look);
    CHECK(find(other, "certificate-host-mismatch")->accepted_by.empty());
    CHECK(find(other, "certificate-host-mismatch")->refused_by.empty());
  }
  SUBCASE("nor one that has expired as well") {
    auto shown = expired(kSecond);
    shown.name_matches = false;
    look.set_mx(mx_host(kFirst, {probe_showing(kMail1, kFirst, std::move(shown))}));
    CHECK(find(judged(look), "certificate-host-mismatch")->accepted_by.empty());
  }
}

TEST_CASE("a host that the policy does not list, with a certificate that names a listed one too") {
  auto look = base();
  look.set_policy(policy({kMx2}));
  look.set_mx(showing(kFirst, kMail1, {kFirst, kSecond}));
  const Verdict v = judged(look);
  REQUIRE(find(v, "mx-not-in-policy"));
  CHECK(find(v, "mx-not-in-policy")->accepted_by == kPostfix);
}

TEST_CASE("the only host is two labels below the wildcard: the page stays, and names who delivers") {
  const std::string deep = "a.b.example.com";
  auto look = base();
  look.set_policy(policy({"*.example.com"}));
  look.domain.mx = mx({{10, deep}});
  look.mx.clear();
  look.set_mx(showing(deep, kMail1, {deep}));
  const Verdict v = judged(look);
  for (const auto* code : {"mx-none-in-policy", "enforce-breakage-now"}) {
    CAPTURE(code);
    REQUIRE(find(v, code));
    CHECK(find(v, code)->accepted_by == SenderNames{"postfix-mta-sts-resolver", "mailauth"});
  }
  CHECK(find(v, "enforce-breakage-now")->route == Route::page);
  CHECK(
      find(v, "enforce-breakage-now")
          ->effect.ends_with(
              "Senders that do not enforce it still deliver. So do postfix-mta-sts-resolver and mailauth."));
}

TEST_CASE("a certificate with a CN alone: Postfix delivers") {
  auto look = base();
  auto shown = peer(kFirst);
  shown.leaf = cn_only(kFirst);
  shown.name_matches = false;
  look.set_mx(mx_host(kFirst, {probe_showing(kMail1, kFirst, std::move(shown))}));
  const Verdict v = judged(look);
  REQUIRE(find(v, "certificate-cn-only"));
  CHECK(find(v, "certificate-cn-only")->accepted_by == kPostfix);
}

TEST_CASE("an enforce policy whose patterns match nothing is in effect, and stops mail (CONTRACT 2)") {
  for (const std::string& pattern :
       {kFirst + ", " + kSecond, std::string("*"), kFirst + ".", std::string(".example.com")}) {
    CAPTURE(pattern);
    auto look = base();
    look.set_policy(policy({pattern}));
    const Verdict v = judged(look);
    CHECK(v.policy.outcome == Outcome::invalid);
    REQUIRE(v.enforce_usable_mx.has_value());
    CHECK(v.enforce_usable_mx->min == 0);
    CHECK(v.enforce_usable_mx->of == 2);
    REQUIRE(find(v, "enforce-breakage-now"));
    CHECK(find(v, "enforce-breakage-now")->route == Route::page);
    CHECK(v.status == Status::critical);
  }
}

namespace {

struct BadBeside {
  const char* why;
  std::string pattern;
  const char* code;
  bool stops_postfix;  // as tests/lab/senders_test.py sees it
};
const BadBeside kBadBeside[] = {
    {"a list", "a.example.net, b.example.net", "sts-policy-mx-invalid-pattern", true},
    {"a list without blanks", "a.example.net,b.example.net", "sts-policy-mx-invalid-pattern", true},
    {"two names", "a.example.net b.example.net", "sts-policy-mx-invalid-pattern", true},
    {"an IPv4 address", "192.0.2.1", "sts-policy-mx-invalid-pattern", true},
    {"one with a port", "192.0.2.1:25", "sts-policy-mx-invalid-pattern", true},
    {"an IPv6 address", "2001:db8::1", "sts-policy-mx-invalid-pattern", false},
    {"an asterisk", "*", "sts-policy-mx-invalid-pattern", false},
    {"a final dot", "a.example.net.", "sts-policy-mx-trailing-dot", false},
    {"a dot in front", ".example.net", "sts-policy-mx-invalid-pattern", false},
    {"a URL", "smtp://a.example.net", "sts-policy-mx-invalid-pattern", false},
    {"an underscore", "mx_1.example.net", "sts-policy-mx-invalid-pattern", false},
    {"a part of a label", "mx*.example.net", "sts-policy-mx-invalid-pattern", false},
};

bool names_resolver(const Finding& f) {
  return std::ranges::find(f.refused_by, kResolverName) != f.refused_by.end();
}

}  // namespace

TEST_CASE(
    "a bad pattern beside good ones takes nothing from senders that pass it over; the least is what Postfix "
    "finds") {
  for (const BadBeside& row : kBadBeside) {
    CAPTURE(row.why);
    auto look = base();
    look.set_policy(policy({kMx1, kMx2, row.pattern}));
    const Verdict v = judged(look);
    REQUIRE(v.enforce_usable_mx.has_value());
    CHECK(v.enforce_usable_mx->min == (row.stops_postfix ? 0 : 2));
    CHECK(v.enforce_usable_mx->max == 2);
    CHECK_FALSE(find(v, "enforce-breakage-now"));
    const Finding* f = find(v, row.code);
    REQUIRE(f);
    CHECK(f->severity == Severity::critical);
    CHECK(f->route == (row.stops_postfix ? Route::page : Route::ticket));
    CHECK(names_resolver(*f) == row.stops_postfix);
    CHECK(f->effect.starts_with("Postfix with postfix-mta-sts-resolver defers the mail") ==
          row.stops_postfix);
  }
}

TEST_CASE(
    "a bad pattern stops nobody where no enforce policy is in effect, and at one copy those who read it") {
  const std::string list = "a.example.net, b.example.net";
  auto look = base();
  SUBCASE("testing asks for nothing") {
    look.set_policy(policy({kMx1, list}, "testing"));
    const Verdict v = judged(look);
    CHECK_FALSE(v.enforce_usable_mx.has_value());
    CHECK(find(v, "sts-policy-mx-invalid-pattern")->route == Route::ticket);
  }
  SUBCASE("without a record nobody fetches it") {
    look.no_record();
    CHECK_FALSE(judged(look).enforce_usable_mx.has_value());
  }
  SUBCASE("one address of two") {
    look.set_fetches({fetch(kWeb), fetch(kWeb2, policy({kMx1, kMx2, list}))});
    const Verdict v = judged(look);
    CHECK(v.enforce_usable_mx->min == 0);
    CHECK(v.enforce_usable_mx->max == 2);
    const Finding* f = find(v, "sts-policy-mx-invalid-pattern");
    REQUIRE(f);
    CHECK(f->subject == "mta-sts.example.com 198.51.101.2");
    CHECK(f->severity == Severity::critical);
    CHECK(f->route == Route::page);
    CHECK(
        f->effect.starts_with("Postfix with postfix-mta-sts-resolver that fetched from 198.51.101.2 defers"));
    CHECK(stopped_by_text(v.findings).whose ==
          "with Postfix and postfix-mta-sts-resolver that fetched the policy from 198.51.101.2");
  }
}

}  // namespace stswatch::facts
