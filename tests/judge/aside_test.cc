// What is looked at rarely: CAA sets (RFC 8659), where reports go (RFC 8460 §3), hosts that patterns name,
// what a browser gets, and domains below one with a policy (RFC 8461 §3.4).
#include <doctest/doctest.h>

#include <functional>

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

// What a second probe proved becomes the findings of group G, and what an older store or a CRL says those of
// groups C and H.

namespace {

SecondProbe second(Trial SecondProbe::*trial, Trial found) {
  SecondProbe out{.address = address(kMail1), .at = found.at};
  out.*trial = std::move(found);
  return out;
}

/// A look whose first MX host is altered.
Look with_altered_mx1(const std::function<void(MxHostObservation&)>& alter) {
  auto look = base();
  auto host = *look.mx.at(std::string(kMx1));
  alter(host);
  look.set_mx(std::move(host));
  return look;
}

}  // namespace

TEST_CASE("a trial that failed is a finding, one that did not or is old is none") {
  const struct {
    Trial SecondProbe::*trial;
    std::string_view code;
    Severity severity;
  } rows[] = {
      {&SecondProbe::large_hello, "starttls-large-hello", Severity::warning},
      {&SecondProbe::without_sni, "sni-required", Severity::warning},
      {&SecondProbe::default_certificate, "sni-certificate-differs", Severity::info},
      {&SecondProbe::legacy, "tls-legacy-offered", Severity::info},
      {&SecondProbe::starttls, "starttls-selective", Severity::critical},
  };
  for (const auto& row : rows) {
    CAPTURE(std::string(row.code));
    const auto judged = [&](std::optional<bool> good, TimePoint at) {
      return judge(with_altered_mx1([&](MxHostObservation& mx) {
                     mx.second = {second(row.trial, {good, "as seen", at})};
                   }).prepared());
    };
    const auto bad = judged(false, kNow - days(1));
    const auto* finding = find(bad, row.code);
    REQUIRE(finding);
    CHECK(finding->severity == row.severity);
    CHECK(finding->subject == kMx1);
    CHECK(finding->detail == "as seen (seen 2026-11-30T00:00:00Z)");
    CHECK(bad.mx[0].usable == true);
    CHECK_FALSE(find(judged(true, kNow), row.code));
    CHECK_FALSE(find(judged(std::nullopt, kNow), row.code));
    CHECK_FALSE(find(judged(false, kNow - days(9)), row.code));
  }
}

TEST_CASE("what comes in clear behind the 220 is told, whether or not the handshake succeeds") {
  for (const bool good : {true, false}) {
    const auto look = with_altered_mx1([&](MxHostObservation& mx) {
      if (!good)
        mx.probes[0] = failed_probe(kMail1, Stage::handshake, Cause::tls_protocol, "wrong version number");
      mx.probes[0].injected = 14;
    });
    const auto verdict = judge(look.prepared());
    REQUIRE(find(verdict, "starttls-injected"));
    CHECK(find(verdict, "starttls-injected")->severity == Severity::info);
    CHECK(find(verdict, "starttls-injected")->detail.find("14 octets in clear") != std::string::npos);
  }
}

TEST_CASE("a certificate that a server asks for: info; that it insists on: the reason of the failure") {
  const auto asked =
      with_altered_mx1([](MxHostObservation& mx) { mx.probes[0].tls.asks_certificate = true; });
  const auto calm = judge(asked.prepared());
  REQUIRE(find(calm, "tls-client-certificate-requested"));
  CHECK(find(calm, "tls-client-certificate-requested")->severity == Severity::info);
  auto failed = failed_probe(kMail1, Stage::handshake, Cause::tls_alert, "certificate required");
  failed.tls.asks_certificate = true;
  const auto insisted = with_altered_mx1([&](MxHostObservation& mx) { mx.probes[0] = failed; });
  const auto verdict = judge(insisted.prepared());
  CHECK_FALSE(find(verdict, "tls-client-certificate-requested"));
  REQUIRE(find(verdict, "starttls-handshake-failure"));
  CHECK(find(verdict, "starttls-handshake-failure")->detail.find("asked for a client certificate") !=
        std::string::npos);
}

TEST_CASE("revoked, or of a root that is too new: told, and the host stays usable") {
  const auto judged = [](std::optional<bool> revoked, std::string elder) {
    auto look = with_altered_mx1([&](MxHostObservation& mx) {
      auto& peer = mx.probes[0].tls.peer.change();
      peer.revoked = revoked;
      peer.revocation = "revoked 2026-11-20T00:00:00Z (key compromise): http://crl.example/1.crl";
    });
    auto& web = look.domain.fetches[0].tls.peer.change();
    web.revoked = revoked;
    web.elder_refuses = std::move(elder);
    return judge(look.prepared());
  };
  const auto verdict = judged(true, "/etc/elder.pem: unable to get local issuer certificate");
  const auto* revoked = find(verdict, "certificate-revoked");
  REQUIRE(revoked);
  CHECK(revoked->severity == Severity::critical);
  CHECK(revoked->subject == kMx1);
  CHECK(revoked->detail.find("key compromise") != std::string::npos);
  REQUIRE(find(verdict, "sts-webpki-revoked"));
  CHECK(find(verdict, "sts-webpki-revoked")->subject == "mta-sts.example.com");
  const auto* elder = find(verdict, "certificate-root-new");
  REQUIRE(elder);
  CHECK(elder->subject == "mta-sts.example.com");
  CHECK(elder->detail.find("/etc/elder.pem") != std::string::npos);
  CHECK(verdict.mx[0].usable == true);
  CHECK(verdict.policy.outcome == Outcome::ok);
  for (const auto not_revoked : {std::optional(false), std::optional<bool>()}) {
    const auto good = judged(not_revoked, "");
    for (const auto code : {"certificate-revoked", "sts-webpki-revoked", "certificate-root-new"})
      CHECK_FALSE(find(good, code));
  }
}

}  // namespace stswatch::facts
