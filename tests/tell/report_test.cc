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

TEST_CASE("the second line says whether mail stops, and whose") {
  const auto second = [](const facts::Look& look) {
    const auto text = to_text(judged(look), {});
    const auto from = text.find('\n') + 1;
    return text.substr(from, text.find('\n', from) - from);
  };
  auto look = facts::base();
  look.set_policy(facts::policy({"mail.example.com"}));
  CHECK(second(look) ==
        "  Mail stops now for senders that enforce the policy; this keeps no others from delivering.");
  look = facts::base();
  look.set_mx(facts::mx_host(std::string(facts::kMx1),
                             {facts::failed_probe(facts::kMail1, Stage::starttls, Cause::not_offered)}));
  CHECK(second(look) == "  Mail flows; senders that enforce the policy skip mx1.example.com.");
}

TEST_CASE("the second line says no more of mail than what was seen") {
  const auto says = [](const facts::Look& look) { return mail_now(judged(look)).words; };
  const auto host = [](facts::Look& look, std::string_view name, std::string_view at, Stage stage,
                       Cause cause) {
    look.set_mx(facts::mx_host(std::string(name), {facts::failed_probe(at, stage, cause)}));
  };
  const auto expired = [](facts::Look& look, std::string_view name, std::string_view at) {
    look.set_mx(facts::mx_host(
        std::string(name),
        {facts::probe_showing(at, std::string(name), facts::peer(std::string(name), facts::days(-1)))}));
  };
  const auto short_lived = [] {  // a warning, so that the line is there
    auto look = facts::base();
    look.set_policy(facts::policy({facts::kMx1, facts::kMx2}, "enforce", "300"));
    return look;
  };
  auto look = short_lived();
  CHECK(says(look) == "flows");
  host(look, facts::kMx1, facts::kMail1, Stage::greeting, Cause::deferred);
  CHECK(says(look) ==
        "flows; whether senders that enforce the policy can use mx1.example.com could not be seen from here");
  SUBCASE("of no host") {
    host(look, facts::kMx2, facts::kMail2, Stage::greeting, Cause::deferred);
    CHECK(says(look) == "may flow or not: no MX host could be seen from here");
    CHECK(mail_now(judged(look)).state == MailNow::State::unseen);
  }
  SUBCASE("of the only host that might be good") {
    expired(look, facts::kMx2, facts::kMail2);
    CHECK(says(look) ==
          "may be stopping for senders that enforce the policy: they cannot use mx2.example.com, "
          "and whether they can use mx1.example.com could not be seen from here");
  }
  SUBCASE("a null MX beside others is no host") {
    look = short_lived();
    look.domain.mx.records.push_back({0, "."});
    CHECK(says(look) == "flows");
  }
  SUBCASE("a host that nobody reaches is nobody's, whatever its policy") {
    look = short_lived();
    auto silent = facts::failed_probe(facts::kMail1, Stage::connect, Cause::refused);
    silent.repeated = true;
    look.set_mx(facts::mx_host(std::string(facts::kMx1), {silent}));
    CHECK(says(look) == "flows; no sender reaches mx1.example.com");
  }
}

TEST_CASE("a record that most senders take leads them to the policy: so say both first lines") {
  auto look = facts::base();
  look.set_record({"v=STSv1; id=2026-11-01;"});
  auto text = to_text(judged(look), {});
  CHECK(
      text.starts_with("example.com  CRITICAL  an invalid record, which most senders take, 2 MX\n"
                       "  Mail flows; senders that refuse the record deliver without MTA-STS.\n"));
  look.set_mx(facts::mx_host(
      facts::kHost, {facts::probe_showing(facts::kMail1, facts::kHost, facts::expired(facts::kHost))}));
  text = to_text(judged(look), {});
  CHECK(text.find("\n  Mail flows; senders that enforce the policy skip mx1.example.com; senders that refuse "
                  "the record deliver without MTA-STS.\n") != text.npos);
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

TEST_CASE("what could not be seen is said of the mail, and not passed over") {
  const auto says = [](const facts::Look& look) { return mail_now(judged(look)).words; };
  auto look = facts::base();
  look.set_policy(facts::policy({"old.example.com"}));
  look.domain.sts = facts::unknown<TxtAnswer>(look.domain.domain.sts_record_name());
  CHECK(says(look) ==
        "may be stopping for senders that enforce a policy: they can use no MX host under the one that is "
        "served, "
        "and whether a record announces it could not be seen from here");
  look.set_policy(facts::policy());
  CHECK(says(look) == "flows; whether a policy keeps senders from some hosts could not be seen from here");
}

TEST_CASE("senders that take a record which others refuse are named where their mail stops") {
  auto look = facts::base();
  look.set_policy(facts::policy({"old.example.com"}));
  look.set_record({"v=STSv1;"});
  const auto words = mail_now(judged(look)).words;
  CHECK(words.starts_with("stops now for senders that take the record all the same ("));
  CHECK(words.find("chasquid") != words.npos);
  CHECK(forecast_in_words(judged(look), {}, facts::kNow).what == "Mail of some senders stops now");
}

TEST_CASE("mail of senders that keep a policy for longer waits, beside that of others which flows") {
  auto look = facts::base();
  look.set_policy(facts::policy({facts::kMx1, facts::kMx2}, "enforce", "300"));
  auto v = judged(look);
  v.findings.emplace_back();
  v.findings.back().code = "cached-policy-breakage-now";
  CHECK(mail_now(v).words == "flows");  // as information it is nobody's trouble
  v.findings.back().severity = Severity::warning;
  CHECK(mail_now(v).words == "flows; that of senders that keep an earlier policy for longer waits");
}

TEST_CASE("of two modes the last stops some: the second line names whom the finding names") {
  auto look = facts::base();
  look.set_policy("version: STSv1\nmode: testing\nmode: enforce\nmx: old.example.com\nmax_age: 604800\n");
  const auto text = to_text(judged(look), {.width = 1000});
  const std::string whose =
      "enders that take the last of two modes, postfix-mta-sts-resolver, chasquid and "
      "mailauth among them";
  CHECK(text.find("  Mail stops now for s" + whose + "; this keeps no others") != text.npos);
  CHECK(text.find("Mail  S" + whose + ", enforce a policy") != text.npos);
  CHECK(text.find("Postfix") == text.npos);
}

TEST_CASE(
    "servers of the zone that fail for MX: mail stops, whether the domain is known from before or not") {
  for (const bool before : {true, false}) {
    auto look = facts::base();
    if (!before) look.domain.mx = facts::unknown<MxAnswer>("example.com", "SERVFAIL");
    look.domain.mx.zone_error = "ns1.example.com 198.51.101.53: SERVFAIL";
    const auto text = to_text(judged(look), {});
    CHECK(text.find("\n  Mail stops now for all senders, as far as can be seen from here.\n") != text.npos);
  }
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
