// What is said of a policy, of its copies and of what senders make of them: as in exact_test.cc.
#include <doctest/doctest.h>

#include "checks/judge/catalogue/deployed.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/senders/by_pattern.h"
#include "tests/judge/exact.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {

TEST_CASE("one wrong Google policy is one critical finding, with its parts below it") {
  const auto v = judged(serving({"aspmx.l.google.com", "alt1.aspmx.l.google.com", "alt2.aspmx.l.google.com"},
                                {"aspmx.l.google.com"}));
  CHECK(criticals(v) == 1);
  CHECK(v.findings.front().code == "provider-google-mx-incomplete");
  CHECK(v.status == Status::critical);
}

TEST_CASE("a policy file in one line is one critical finding") {
  auto look = base();
  look.set_policy("version: STSv1 mode: enforce mx: mx1.example.com max_age: 604800");
  const auto v = judged(look);
  CHECK(criticals(v) == 1);
  CHECK(v.findings.front().code == "sts-policy-version-invalid");
}

TEST_CASE("day: a max_age of a day is a remark") {
  auto look = base();
  look.set_policy(policy({kMx1, kMx2}, "enforce", "86400"));
  CHECK(judged(look).status == Status::ok);
}

TEST_CASE("copies that differ are one cause, and the one that lists the hosts is not the odd one") {
  const std::vector<std::string_view> at = {"198.51.101.1", "198.51.101.2", "198.51.101.3", "198.51.101.4"};
  struct Row {
    std::size_t stale, of;
  };
  for (const Row row : {Row{1, 2}, Row{1, 4}, Row{2, 4}, Row{3, 4}}) {
    CAPTURE(row.stale);
    CAPTURE(row.of);
    std::vector<PolicyFetch> fetches;
    for (std::size_t i = 0; i < row.of; ++i)
      fetches.push_back(fetch(at[i], i < row.stale ? policy({"old.example.com"}) : policy()));
    auto look = base();
    look.set_fetches(fetches);
    const auto v = judged(look);
    const Finding* differ = find(v, "sts-policy-address-inconsistent");
    REQUIRE(differ);
    for (std::size_t i = 0; i < row.of; ++i)
      CHECK(mentions(differ->detail, std::string(at[i]) + ":") == (i < row.stale));
    CHECK_FALSE(find(v, "mx-none-in-policy"));
    CHECK(find(v, "enforce-breakage-now"));
    CHECK(criticals(v) == 2);
    CHECK(v.enforce_usable_mx == UsableMx{0, 2, 2});
  }
}

TEST_CASE("a record that most senders take binds them, whatever the RFC makes of its id") {
  struct Row {
    std::string_view record;
    bool told;
  };
  for (const Row row : {Row{"v=STSv1; id=2026-11-01;", true}, Row{"v=STSv1; id=20261101T000000Z;;", true},
                        Row{"v=STSv1; ID=20261101", false}, Row{"v=STSv2; id=20261101", false}}) {
    CAPTURE(row.record);
    auto look = serving({"mx1.example.com"}, {"old.example.com"});
    look.set_record({row.record});
    const auto v = judged(look);
    const Finding* none = find(v, "mx-none-in-policy");
    CHECK((none != nullptr) == row.told);
    if (none) CHECK(none->route == Route::page);
    CHECK_FALSE(v.mode);  // CONTRACT 2: of a valid record
  }
}

TEST_CASE("what is no pattern is shown in quotes, so that a list does not read as two") {
  const auto v = judged(serving({"mx1.example.com", "mx2.example.com"},
                                {"mx1.example.com, mx2.example.com", "old.example.com"}));
  const Finding* none = find(v, "mx-none-in-policy");
  REQUIRE(none);
  CHECK(mentions(none->detail, "lists \"mx1.example.com, mx2.example.com\", old.example.com; MX: "));
}

TEST_CASE("a name of the policy that fails validation keeps no mail back, and is told so") {
  for (const bool record : {true, false}) {
    auto look = base();
    AnswerFacts& answer = record ? static_cast<AnswerFacts&>(look.domain.sts)
                                 : static_cast<AnswerFacts&>(look.domain.policy_host.a);
    answer.lookup = Lookup::unknown;
    answer.bogus = true;
    look.domain.sts.records.resize(record ? 0 : 1);
    const auto v = judged(look);
    REQUIRE(find(v, "dnssec-invalid"));
    CHECK(mentions(find(v, "dnssec-invalid")->effect,
                   "most that hold none deliver unprotected, some (mox) defer"));
  }
}

TEST_CASE("of two modes the last binds some senders: a page where it stops their mail") {
  auto look = serving({"mx1.example.com"}, {"old.example.com"}, "testing");
  look.set_policy("version: STSv1\nmode: testing\nmode: enforce\nmx: old.example.com\nmax_age: 604800\n");
  const Finding* twice = nullptr;
  const auto v = judged(look);
  twice = find(v, "sts-policy-duplicate-field");
  REQUIRE(twice);
  CHECK(twice->route == Route::page);
  CHECK(mentions(twice->effect, "chasquid and mailauth"));
  look.set_policy("version: STSv1\nmode: testing\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800\n");
  CHECK(find(judged(look), "sts-policy-duplicate-field")->route == Route::ticket);
  SUBCASE("where its hosts are of no use too") {
    look.set_mx(
        facts::mx_host(std::string(facts::kMx1),
                       {facts::probe_showing(facts::kMail1, std::string(facts::kMx1),
                                             facts::peer(std::string(facts::kMx1), facts::days(-1)))}));
    CHECK(find(judged(look), "sts-policy-duplicate-field")->route == Route::page);
  }
  SUBCASE("below one that asks for nothing") {
    look.set_policy("version: STSv1\nmode: none\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800\n");
    REQUIRE(find(judged(look), "sts-policy-duplicate-field"));
    CHECK(find(judged(look), "sts-policy-duplicate-field")->route == Route::ticket);
    look.set_policy("version: STSv1\nmode: none\nmode: enforce\nmx: old.example.com\nmax_age: 604800\n");
    CHECK(find(judged(look), "sts-policy-duplicate-field")->route == Route::page);
  }
}

TEST_CASE("whose mail stops at the last of two modes is said in the words of the finding") {
  auto look = serving({"mx1.example.com"}, {"old.example.com"}, "testing");
  look.set_policy("version: STSv1\nmode: testing\nmode: enforce\nmx: old.example.com\nmax_age: 604800\n");
  const auto v = judged(look);
  const auto stopped = stopped_by_text(v.findings);
  CHECK(stopped.whose ==
        "that take the last of two modes, postfix-mta-sts-resolver, chasquid and mailauth among them");
  CHECK(mentions(find(v, "sts-policy-duplicate-field")->effect, "Senders " + stopped.whose));
  CHECK(stopped.why == "they enforce a policy under which no MX host can be used");
  const auto listed = stopped_by_text(
      judged(serving({"mx1.example.com"}, {"mx1.example.com", "a.example.net, b.example.net"})).findings);
  CHECK(listed.whose == "with Postfix and postfix-mta-sts-resolver");
  CHECK(stopped_by_text(judged(base()).findings).whose.empty());
}

TEST_CASE("of two modes the first enforces: those that take the last deliver, and are named") {
  auto look = serving({"mx1.example.com"}, {"old.example.com"});
  look.set_policy("version: STSv1\nmode: enforce\nmode: testing\nmx: old.example.com\nmax_age: 604800\n");
  const auto v = judged(look);
  const std::string others = "postfix-mta-sts-resolver, chasquid, go-mtasts, KumoMTA, Stalwart and mailauth";
  const Finding *now = find(v, "enforce-breakage-now"), *none = find(v, "mx-none-in-policy");
  REQUIRE(now);
  REQUIRE(none);
  CHECK(now->route == Route::page);
  CHECK(now->refused_by == SenderNames{"mox", "postfix-tlspol"});
  CHECK(now->effect.ends_with("Senders that do not enforce it still deliver. So do " + others + "."));
  CHECK(none->effect.ends_with("Not so " + others + ": they deliver there."));
  look.set_policy("version: STSv1\nmode: enforce\nmode: enforce\nmx: old.example.com\nmax_age: 604800\n");
  CHECK(find(judged(look), "enforce-breakage-now")->accepted_by.empty());
}

TEST_CASE(
    "a policy whose only line is no host name is one cause and one critical finding above its breakage") {
  for (const auto* line : {"mx1.example.com, mx2.example.com", "mx1.example.com.", "*", "192.0.2.1"}) {
    CAPTURE(line);
    const auto v = judged(serving({"mx1.example.com"}, {line}));
    const Finding* none = find(v, "mx-none-in-policy");
    REQUIRE(none);
    CHECK(none->severity == Severity::critical);
    CHECK(none->route == Route::page);
    const auto pattern = std::ranges::find_if(v.findings, is_on_text);
    REQUIRE(pattern != v.findings.end());
    CHECK(pattern->severity == Severity::warning);
    CHECK(pattern->route == Route::ticket);
    CHECK(criticals(v) == 2);  // with what follows from it, enforce-breakage-now
  }
  const auto v = judged(serving({"mx1.example.com"}, {"a.example.net, b.example.net", "old.example.com"}));
  CHECK(find(v, "sts-policy-mx-invalid-pattern")->severity == Severity::critical);
}

TEST_CASE("a mode in capitals: the one sender that reads it is named") {
  for (const std::string mode : {"mode: Enforce", "Mode: enforce"}) {
    CAPTURE(mode);
    auto look = serving({"mx1.example.com"}, {"mx1.example.com"});
    look.set_policy("version: STSv1\n" + mode + "\nmx: mx1.example.com\nmax_age: 604800\n");
    const auto v = judged(look);
    const Finding* invalid = find(v, "sts-policy-mode-invalid");
    REQUIRE(invalid);
    CHECK(invalid->accepted_by == SenderNames{"mailauth"});
    CHECK(invalid->effect.ends_with("Not so mailauth: it reads the policy as it is meant."));
  }
}

TEST_CASE("an enforce policy without mx: refused by all, so that none is in effect (RFC 8461 §3.2)") {
  const Look look = serving({"mx1.example.com"}, {});
  const auto v = judged(look);
  const Finding* missing = find(v, "sts-policy-mx-missing");
  REQUIRE(missing);
  CHECK(missing->refused_by.size() == sender_names().size());
  CHECK_FALSE(v.enforce_usable_mx);
  CHECK_FALSE(find(v, "enforce-breakage-now"));
  const auto foreseen = simulate(look.prepared().world);
  CHECK_FALSE(foreseen.rfc.usable);
  REQUIRE(foreseen.senders.size() == 1);
  CHECK(foreseen.senders[0].outcome == "deliver-unprotected");
}

TEST_CASE("a max_age of eleven digits binds nobody") {
  auto look = serving({"mx1.example.com"}, {"old.example.com"});
  look.set_policy(policy({"old.example.com"}, "enforce", "99999999999"));
  const auto v = judged(look);
  CHECK_FALSE(v.enforce_usable_mx);
  CHECK_FALSE(find(v, "mx-none-in-policy"));
}

TEST_CASE("what would put a wrong policy into effect is not the first thing to do") {
  for (const std::string_view record : {"", "v=stsv1; id=1;", "v=STSv1; ID=1"}) {
    CAPTURE(record);
    auto look = serving({"mx1.example.com", "mx2.example.com"}, {"mx1.example.com"});
    record.empty() ? look.no_record() : look.set_record({record});
    const auto v = judged(look);
    const auto on_record = std::ranges::find_if(v.findings, [](const Finding& f) {
      return f.code.starts_with("sts-") && nature_of(f).aspect == Aspect::record &&
             f.severity != Severity::info;
    });
    REQUIRE(on_record != v.findings.end());
    CHECK(on_record->fix.starts_with("First mend the policy file, which does not list mx2.example.com:"));
  }
}

TEST_CASE("no fix points to a good copy that nobody serves") {
  auto look = serving({"mx1.example.com"}, {"mx1.example.com"});
  look.set_fetches({failed_fetch(Stage::connect, Cause::refused), fetch(kWeb2, policy({"old.example.com"}))});
  const auto v = judged(look);
  REQUIRE(find(v, "enforce-breakage-now"));
  CHECK(find(v, "enforce-breakage-now")->fix.starts_with("Correct the policy file at 198.51.101.2"));
}

TEST_CASE("where a copy is no policy, nobody has fetched an odd one") {
  auto look = base();
  look.set_fetches({fetch(kWeb, "not found", 404), fetch(kWeb2)});
  const Verdict v = judged(look);
  const Finding* differ = find(v, "sts-policy-address-inconsistent");
  REQUIRE(differ);
  CHECK(mentions(differ->detail, "198.51.101.1: status 404; the other 1: enforce"));
  CHECK(mentions(differ->effect, "get no policy from it"));
  CHECK_FALSE(mentions(differ->fix, "{new_id}"));
}

TEST_CASE("a wildcard that is too short is told as that, a line that is no name as that") {
  const auto deep = judged(serving({"a.b.mail.example.net"}, {"*.mail.example.net"}));
  REQUIRE(find(deep, "mx-none-in-policy"));
  CHECK(
      mentions(find(deep, "mx-none-in-policy")->fix, "\"*\" stands for one label, and a.b.mail.example.net"));
  const auto list = judged(serving({"mx1.example.com"}, {"mx1.example.com, mx2.example.com"}));
  REQUIRE(find(list, "mx-none-in-policy"));
  CHECK(mentions(find(list, "mx-none-in-policy")->fix,
                 "lists \"mx1.example.com, mx2.example.com\", which no host"));
}

TEST_CASE("UTF-16 is no policy to anybody") {
  std::string body;
  for (const char octet : policy())
    body += std::string{octet, '\0'};
  auto look = base();
  look.set_policy(body);
  const Verdict v = judged(look);
  const Finding* wrong = find(v, "sts-policy-control-characters");
  REQUIRE(wrong);
  CHECK(wrong->refused_by.size() == 8);
}

}  // namespace stswatch::facts
