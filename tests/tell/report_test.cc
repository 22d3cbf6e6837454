#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "agent/tell/html.h"
#include "agent/tell/http.h"
#include "agent/tell/json.h"
#include "agent/tell/pages.h"
#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

Verdict healthy() { return judged(facts::base()); }

Verdict broken() {
  auto look = facts::base();
  look.set_policy(facts::policy({"mail.example.com"}));
  return judged(look);
}

}  // namespace

TEST_CASE("a healthy domain is one line without colour codes unless asked for") {
  const auto text = to_text(healthy(), {});
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.starts_with("example.com  ok  mode enforce, 2 of 2 MX usable"));
  CHECK(to_text(healthy(), {.colour = true}).find("\x1b[32mok") != std::string::npos);
}

TEST_CASE("a broken domain says what is wrong, what it does to mail and how to mend it, within the width") {
  const auto text = to_text(broken(), {.width = 80});
  for (const auto* needle :
       {"CRITICAL", "[enforce-breakage-now]", "[mx-none-in-policy]", "Seen", "Mail", "Fix"})
    CHECK(text.find(needle) != std::string::npos);
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line))
    if (line.starts_with("    "))
      CHECK_MESSAGE(line.size() <= 80, line);  // headlines are for grep: never broken
}

TEST_CASE("the headline says when enforcing senders will find no MX, once that is near") {
  CHECK(to_text(healthy(), {}).find("no breakage foreseen before 2027-01-30T00:00:00Z") != std::string::npos);
  auto look = facts::base();
  for (const auto& host : {std::string(facts::kMx1), std::string(facts::kMx2)})
    look.set_mx(
        facts::mx_host(host, {facts::probe_showing(facts::kMail1, host, facts::peer(host, facts::days(5)))}));
  const auto text = to_text(judged(look), {});
  CHECK(text.substr(0, text.find('\n'))
            .find("enforcing senders reach no MX from 2026-12-06T00:00:00Z on (certificate-expired") !=
        std::string::npos);
}

TEST_CASE("what becomes of the policy is told below what its host does") {
  auto look = facts::base();
  look.set_fetches({facts::fetch(facts::kWeb, "gone", 404)});
  Past past;
  past.began = facts::kNow - facts::days(60);
  const auto gone = facts::kNow - facts::days(2);
  past.policies = {{{Mode::enforce, {facts::kHost, facts::kOther}, 604800, {}},
                    "a",
                    {facts::kNow - facts::days(60), gone},
                    1,
                    gone}};
  past.policy_ok_last = gone;
  past.ids = {{"20261101T000000Z", 3600, {facts::kNow - facts::days(60), {}}, {}, {}}};
  const auto v = judged(look, {&past, {}});
  CHECK(std::ranges::any_of(v.findings, [](const Finding& f) { return f.code == "sts-policy-disappeared"; }));
  const auto text = to_text(v, {});
  CHECK(text.find("\n    So    The policy has vanished while senders still enforce it") != text.npos);
  CHECK(text.find("\n  critical  The policy has vanished") == text.npos);
}

TEST_CASE("JSON holds every key of the contract") {
  const auto json = to_json(broken());
  for (const auto* key : {"domain", "checked_at", "status", "mode", "record", "policy", "mx", "tlsrpt",
                          "enforce_usable_mx", "forecast", "findings"})
    CHECK_MESSAGE(json.contains(key), key);
  for (const auto* key : {"outcome", "id", "texts", "cname"})
    CHECK_MESSAGE(json["record"].contains(key), key);
  for (const auto* key : {"outcome", "mode", "max_age", "mx", "sha256", "addresses"})
    CHECK_MESSAGE(json["policy"].contains(key), key);
  for (const auto* key : {"subject", "issuer", "serial", "dns_names", "not_before", "not_after", "key",
                          "chain", "chain_not_after", "trusted", "verify_error", "name_matches"})
    CHECK_MESSAGE(json["mx"][0]["addresses"][0]["certificate"].contains(key), key);
  CHECK(json["checked_at"] == "2026-12-01T00:00:00Z");
  CHECK(json["forecast"]["breakage"]["at"] == "2026-12-01T00:00:00Z");
  for (const auto& finding : json["findings"])
    for (const auto* key : {"effect", "fix", "reference"})
      CHECK_FALSE(finding[key].get<std::string>().empty());
}

TEST_CASE("Nagios: one domain is one line with performance data; several are counted and listed") {
  NagiosReport one;
  one.add(healthy());
  CHECK(one.text().starts_with("MTA-STS OK - example.com OK | critical=0 warning=0 unknown=0 ok=1"));
  CHECK(one.text().find("'example.com usable_mx'=2;;1:;0;2") != std::string::npos);
  auto look = facts::base();
  look.set_fetches(
      {facts::fetch(facts::kWeb), facts::fetch(facts::kWeb2, facts::policy({"old.example.com"}))});
  NagiosReport copies;  // no host for those who fetched one of the copies
  copies.add(judged(look));
  CHECK(copies.text().find("'example.com usable_mx'=0;;1:;0;2") != std::string::npos);
  NagiosReport two;
  two.add(healthy());
  two.add(broken());
  CHECK(two.text().starts_with("MTA-STS CRITICAL - 2 domains: 1 critical, 0 warning, 0 unknown, 1 ok | "));
  CHECK(two.text().find("\nexample.com CRITICAL: ") != std::string::npos);
}

TEST_CASE("critical over warning over unknown over ok") {
  CHECK(worse(Status::unknown, Status::warning) == Status::warning);
  CHECK(worse(Status::ok, Status::unknown) == Status::unknown);
  CHECK(worse(Status::critical, Status::unknown) == Status::critical);
}

TEST_CASE("the API lists domains and findings, and knows one by name") {
  Snapshot s;
  const auto look = facts::base();
  s.domains.push_back(
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain), broken()));
  const auto domains = nlohmann::json::parse(api_domains(s));
  REQUIRE(domains.size() == 1);
  CHECK(domains[0]["status"] == "critical");
  CHECK(nlohmann::json::parse(*api_domain(s, "example.com"))["domain"] == "example.com");
  CHECK_FALSE(api_domain(s, "example.net"));
  CHECK(nlohmann::json::parse(api_findings(s))[0]["domain"] == "example.com");
}
