// What is looked at rarely: CAA sets (RFC 8659), where reports go (RFC 8460 §3), hosts that patterns name,
// what a browser gets, and domains below one with a policy (RFC 8461 §3.4).
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {
using Told = std::vector<std::string>;

constexpr std::string_view kLetsEncrypt = "CN=R11,O=Let's Encrypt,C=US";
constexpr std::string_view kGoDaddy = "CN=Go Daddy Secure,OU=x,O=GoDaddy.com\\, Inc.,C=US";

Told aside_findings(const Look& look) { return told(judged(look, judge_aside)); }

CaaAnswer caa_set(const std::string& name, std::initializer_list<CaaRecord> records) {
  auto answer = records.size() == 0 ? absent<CaaAnswer>(name, false) : found<CaaAnswer>(name);
  answer.records = records;
  return answer;
}

/// mx1 shows a certificate of this issuer for these names.
Look at_mx1(std::string_view issuer, std::vector<std::string> names, std::vector<CaaAnswer> sets) {
  auto look = base();
  auto shown = peer(std::string(kMx1));
  shown.leaf.issuer = issuer;
  shown.leaf.dns_names = std::move(names);
  auto host = mx_host(std::string(kMx1), {probe_showing(kMail1, std::string(kMx1), shown)});
  host.caa.sets = std::move(sets);
  look.set_mx(host);
  return look;
}

const std::string kParent("example.com");

struct CaaRow {
  const char* why;
  std::string_view issuer;
  std::vector<std::string> names;
  std::vector<CaaAnswer> sets;
  bool told;
};

TEST_CASE("CAA: the CA of the certificate in use may not renew it") {
  const CaaRecord digicert{0, "issue", "digicert.com"}, lets{0, "issue", "letsencrypt.org"};
  const CaaRecord nobody{0, "issue", ";"}, wild{0, "issuewild", "letsencrypt.org"};
  const CaaRecord no_wild{0, "issuewild", ";"};
  const auto at_host = [](std::initializer_list<CaaRecord> set) { return std::vector{caa_set(kHost, set)}; };
  const auto above = [](std::initializer_list<CaaRecord> set) {
    return std::vector{caa_set(kHost, {}), caa_set(kParent, set)};
  };
  const std::vector<CaaRow> rows = {
      {"another CA alone is allowed", kLetsEncrypt, {kHost}, at_host({digicert}), true},
      {"it is one of two", kLetsEncrypt, {kHost}, at_host({digicert, lets}), false},
      {"tags and names know no case",
       kLetsEncrypt,
       {kHost},
       at_host({{0, "ISSUE", " LetsEncrypt.org "}}),
       false},
      {"parameters are between owner and CA",
       kLetsEncrypt,
       {kHost},
       at_host({{0, "issue", "letsencrypt.org; validationmethods=dns-01"}}),
       false},
      {"an empty issuer allows nobody", kLetsEncrypt, {kHost}, at_host({nobody}), true},
      {"nor does a malformed one", kLetsEncrypt, {kHost}, at_host({{0, "issue", "letsencrypt_org"}}), true},
      {"the parent governs where the host has none", kLetsEncrypt, {kHost}, above({digicert}), true},
      {"and allows", kLetsEncrypt, {kHost}, above({lets}), false},
      {"the nearest set counts, not the parent's",
       kLetsEncrypt,
       {kHost},
       {caa_set(kHost, {lets}), caa_set(kParent, {digicert})},
       false},
      {"issuewild means nothing for a host", kLetsEncrypt, {kHost}, above({digicert, wild}), true},
      {"and forbids no host", kLetsEncrypt, {kHost}, above({no_wild}), false},
      {"issuewild allows a wildcard", kLetsEncrypt, {"*.example.com"}, above({digicert, wild}), false},
      {"issuewild forbids one", kLetsEncrypt, {"*.example.com"}, above({lets, no_wild}), true},
      {"without issuewild, issue counts for it", kLetsEncrypt, {"*.example.com"}, above({digicert}), true},
      {"a wildcard is asked for at the parent",
       kLetsEncrypt,
       {"*.example.com"},
       {caa_set(kHost, {digicert}), caa_set(kParent, {lets})},
       false},
      {"only iodef restricts nobody",
       kLetsEncrypt,
       {kHost},
       at_host({{0, "iodef", "mailto:a@b.example"}}),
       false},
      {"an unknown property that is critical forbids all",
       kLetsEncrypt,
       {kHost},
       at_host({lets, {128, "tbs", "x"}}),
       true},
      {"one that is not critical nobody", kLetsEncrypt, {kHost}, at_host({lets, {0, "tbs", "x"}}), false},
      {"a registered one some CAs know",
       kLetsEncrypt,
       {kHost},
       at_host({lets, {128, "contactemail", "x"}}),
       false},
      {"an unknown CA", "CN=Corp CA,O=Example Corp", {kHost}, at_host({digicert}), false},
      {"an unknown CA where nobody may", "CN=Corp CA,O=Example Corp", {kHost}, at_host({nobody}), true},
      {"an unknown CA and a critical property that none knows",
       "CN=Corp CA,O=Example Corp",
       {kHost},
       at_host({{128, "tbs", "x"}}),
       true},
      {"an issuer without organization", "CN=Let's Encrypt", {kHost}, at_host({digicert}), false},
      {"a comma in the organization", kGoDaddy, {kHost}, at_host({digicert}), true},
      {"its second name", kGoDaddy, {kHost}, at_host({{0, "issue", "starfieldtech.com"}}), false},
      {"a certificate for another host", kLetsEncrypt, {"other.example.net"}, at_host({digicert}), false},
      {"nothing was asked", kLetsEncrypt, {kHost}, {}, false},
      {"no set anywhere", kLetsEncrypt, {kHost}, above({}), false},
      {"an answer that did not come",
       kLetsEncrypt,
       {kHost},
       {unknown<CaaAnswer>(kHost), caa_set(kParent, {digicert})},
       false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const Told expected = row.told ? Told{"caa-blocks-renewal mx1.example.com warning"} : Told{};
    CHECK(aside_findings(at_mx1(row.issuer, row.names, row.sets)) == expected);
  }
}

TEST_CASE("CAA: the policy host's certificate") {
  auto look = base();
  for (auto& fetch : look.domain.fetches)
    fetch.tls.peer.change().leaf.issuer = kLetsEncrypt;
  look.domain.aside.caa.sets = {caa_set("mta-sts.example.com", {}),
                                caa_set("example.com", {{0, "issue", "digicert.com"}})};
  CHECK(aside_findings(look) == Told{"caa-blocks-renewal mta-sts.example.com warning"});
}

TEST_CASE("CAA: names are asked from the host to the root") {
  CHECK(caa_names("mx1.example.com") == std::vector<std::string>{"mx1.example.com", "example.com", "com"});
  CHECK(caa_names(std::string(60, 'a') + ".a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a").empty());
}

Look with_target(Lookup lookup, std::string uri = "mailto:tlsrpt@reports.example.net", bool answered = true) {
  auto look = base();
  look.domain.tlsrpt = txt("_smtp._tls.example.com", {std::string("v=TLSRPTv1; rua=") + uri});
  look.domain.aside.report_targets = {
      {.uri = std::move(uri), .lookup = lookup, .detail = "x", .answered = answered}};
  return look;
}

TEST_CASE("where reports go") {
  CHECK(aside_findings(with_target(Lookup::found)).empty());
  CHECK(aside_findings(with_target(Lookup::unknown)).empty());
  CHECK(aside_findings(with_target(Lookup::absent)) ==
        Told{"tlsrpt-rua-mail-undeliverable _smtp._tls.example.com warning"});
  const std::string web = "https://reports.example.net/tlsrpt";
  CHECK(aside_findings(with_target(Lookup::absent, web)) ==
        Told{"tlsrpt-rua-https-failing _smtp._tls.example.com warning"});

  auto silent = with_target(Lookup::absent, web, false);
  silent.vantage.reached_443 = false;
  CHECK(aside_findings(silent).empty());  // nobody answers this vantage
  auto blind = with_target(Lookup::absent);
  blind.vantage.resolver_blind = "it fails";
  CHECK(aside_findings(blind).empty());

  // RFC 8460 §3: one that takes them is enough.
  auto two = with_target(Lookup::absent);
  two.domain.tlsrpt = txt("_smtp._tls.example.com",
                          {"v=TLSRPTv1; rua=mailto:tlsrpt@reports.example.net,mailto:a@example.org"});
  CHECK(aside_findings(two) == Told{"tlsrpt-rua-mail-undeliverable _smtp._tls.example.com info"});
}

TEST_CASE("beside a memory looks in a row have to agree") {
  const Past past;
  const auto after = [&](int times) {
    auto look = with_target(Lookup::absent);
    look.domain.aside.report_targets.front().when.times = times;
    const auto c = make_case(look.domain, look.mx, look.vantage, look.limits, History{&past, {}});
    Findings out(c.facts.domain, c.live, c.now);
    judge_aside(c, out);
    return out.all().size();
  };
  CHECK(after(2) == 0);
  CHECK(after(3) == 1);
}

TEST_CASE("patterns that name nothing") {
  const auto with = [](Lookup host, Lookup owner, std::string pattern) {
    auto look = base();
    set_body(look.domain.fetches.front(),
             policy({kMx1, kMx2, "old.example.org", "*.gone.example", "mx3.example.com", "192.0.2.7"}));
    look.domain.aside.patterns = {{.pattern = std::move(pattern), .host = host, .owner = owner}};
    return aside_findings(look);
  };
  const Told dangling{"sts-mx-pattern-dangling example.com warning"};
  CHECK(with(Lookup::found, Lookup::found, "old.example.org").empty());
  CHECK(with(Lookup::unknown, Lookup::unknown, "old.example.org").empty());
  CHECK(with(Lookup::absent, Lookup::found, "old.example.org") == dangling);
  CHECK(with(Lookup::found, Lookup::absent, "*.gone.example") == dangling);
  CHECK(with(Lookup::absent, Lookup::found, std::string(kMx1)).empty());  // it is an MX host: said there
  CHECK(with(Lookup::absent, Lookup::absent, "not-listed.example").empty());
  // An address is no name that anybody could register.
  CHECK(with(Lookup::absent, Lookup::absent, "192.0.2.7").empty());
}

TEST_CASE("what a browser gets, and a program does not") {
  const auto with = [](int refused, int now, int browser) {
    auto look = base();
    look.domain.fetches = {fetch(kWeb, "no", now)};
    look.domain.aside.agents = {{.address = address(kWeb), .refused = refused, .status = browser}};
    return aside_findings(look);
  };
  CHECK(with(403, 403, 200) == Told{"sts-policy-agent-blocked mta-sts.example.com warning"});
  CHECK(with(403, 403, 403).empty());
  CHECK(with(403, 200, 200).empty());  // it is over
  CHECK(with(403, 500, 200).empty());
}

TEST_CASE("a domain below one with a policy") {
  const auto below = [](Mode live) {
    auto look = base();
    look.domain.sts = absent<TxtAnswer>("_mta-sts.example.com");
    look.domain.fetches.clear();
    look.domain.policy_host = {};
    look.limits.above = Limits::Above{"com", live};
    return look;
  };
  CHECK(aside_findings(below(Mode::enforce)) == Told{"sts-subdomain-uncovered example.com warning"});
  CHECK(aside_findings(below(Mode::testing)) == Told{"sts-subdomain-uncovered example.com info"});
  auto alone = below(Mode::enforce);
  alone.limits.above.reset();
  CHECK(aside_findings(alone).empty());
  auto null_mx = below(Mode::enforce);
  null_mx.domain.mx = mx({{0, ""}});
  CHECK(aside_findings(null_mx).empty());
  auto unasked = below(Mode::enforce);
  unasked.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
  CHECK(aside_findings(unasked).empty());
  auto covered = base();
  covered.limits.above = Limits::Above{"com", Mode::enforce};
  CHECK(aside_findings(covered).empty());
}

}  // namespace
}  // namespace stswatch::facts
