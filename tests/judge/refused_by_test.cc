// CONTRACT 2: `refused_by`.
#include "checks/judge/rules/refused_by.h"

#include <doctest/doctest.h>

#include "checks/judge/lint.h"

using namespace stswatch;

namespace {

std::string of(const std::vector<Finding>& findings, std::string_view code) {
  for (const Finding& f : findings)
    if (f.code == code) return joined(refused_by(f).value());
  return "not raised";
}

constexpr const char* kAll =
    "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, maddy, KumoMTA, Stalwart, mailauth";

}  // namespace

TEST_CASE("which deployed senders refuse or misread exactly this policy (RULES 0.4)") {
  struct Row {
    const char* why;
    const char* body;
    const char* code;
    const char* senders;
  };
  const Row rows[] = {
      {"chasquid and Stalwart want mx lines in every mode", "version: STSv1\nmode: none\nmax_age: 86400\n",
       "sts-none-without-mx", "chasquid, Stalwart"},
      {"a blank line", "version: STSv1\nmode: enforce\n\nmx: a.example\nmax_age: 604800\n",
       "sts-policy-nonconforming-line", "mox, postfix-tlspol, maddy"},
      {"a comment", "version: STSv1\n# mine\nmode: enforce\nmx: a.example\nmax_age: 604800\n",
       "sts-policy-nonconforming-line", "mox, postfix-tlspol, maddy, KumoMTA, Stalwart"},
      {"a byte order mark", "\xEF\xBB\xBFversion: STSv1\nmode: enforce\nmx: a.example\nmax_age: 604800\n",
       "sts-policy-nonconforming-line", "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, maddy"},
      {"a blank line and an indented one add up",
       "version: STSv1\nmode: enforce\n\n mx: a.example\nmax_age: 604800\n", "sts-policy-nonconforming-line",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, maddy"},
      {"two modes", "version: STSv1\nmode: testing\nmode: enforce\nmx: a.example\nmax_age: 604800\n",
       "sts-policy-duplicate-field",
       "postfix-mta-sts-resolver, chasquid, maddy, KumoMTA, Stalwart, mailauth"},
      {"two notes trouble nobody",
       "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 604800\nnote: a\nnote: b\n",
       "sts-policy-duplicate-field", ""},
      {"five minutes", "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 300\n",
       "sts-max-age-under-hour", "Stalwart"},
      {"max_age 0", "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 0\n", "sts-policy-max-age-zero",
       "chasquid, Stalwart"},
      {"more than a year", "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 31557601\n",
       "sts-policy-max-age-too-large",
       "postfix-mta-sts-resolver, postfix-tlspol, chasquid, Stalwart, mailauth"},
      {"a unit", "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 7d\n", "sts-policy-max-age-invalid",
       kAll},
      {"no mode", "version: STSv1\nmx: a.example\nmax_age: 604800\n", "sts-policy-mode-invalid", kAll},
      {"no version", "mode: enforce\nmx: a.example\nmax_age: 604800\n", "sts-policy-version-invalid",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, maddy, KumoMTA, mailauth"},
      {"a dot at the end", "version: STSv1\nmode: enforce\nmx: a.example.\nmax_age: 604800\n",
       "sts-policy-mx-trailing-dot",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, KumoMTA, Stalwart, mailauth"},
      {"a NUL in the mode", nullptr, "sts-policy-control-characters", kAll},
      {"Latin 1 in a note", "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 604800\nnote: bl\xE5\n",
       "sts-policy-control-characters", "postfix-mta-sts-resolver, postfix-tlspol, Stalwart"},
      {"empty", "", "sts-policy-invalid", kAll},
      {"an unknown field is nobody's trouble",
       "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 604800\nnote: a\n", "sts-policy-unknown-field",
       ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const std::string_view nul("version: STSv1\nmode: enforce\0\nmx: a.example\nmax_age: 604800\n", 60);
    CHECK(of(lint_policy(row.body ? std::string_view(row.body) : nul), row.code) == row.senders);
  }
}

TEST_CASE("which deployed senders refuse or misread exactly this record (RULES 0.4)") {
  struct Row {
    const char* why;
    std::vector<TxtRecord> records;
    const char* code;
    const char* senders;
  };
  const Row rows[] = {
      {"an id with dashes", {{{"v=STSv1; id=2026-11-01"}}}, "sts-txt-id-invalid", "mox, postfix-tlspol"},
      {"no id",
       {{{"v=STSv1;"}}},
       "sts-txt-id-missing",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, maddy, KumoMTA, Stalwart, mailauth"},
      {"two records",
       {{{"v=STSv1; id=1"}}, {{"v=STSv1; id=2"}}},
       "sts-txt-multiple",
       "mox, postfix-mta-sts-resolver, maddy, mailauth"},
      {"a stranger beside it",
       {{{"v=STSv1; id=1"}}, {{"v=spf1 -all"}}},
       "sts-txt-other-records-present",
       "maddy, KumoMTA"},
      {"two ids",
       {{{"v=STSv1; id=1; id=2"}}},
       "sts-txt-duplicate-field",
       "postfix-mta-sts-resolver, maddy, KumoMTA, Stalwart"},
      {"the id first",
       {{{"id=1; v=STSv1;"}}},
       "sts-txt-version-not-first",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, mailauth"},
      {"no semicolon",
       {{{"v=STSv1 id=1"}}},
       "sts-txt-syntax-invalid",
       "mox, postfix-mta-sts-resolver, chasquid, maddy, KumoMTA, Stalwart, mailauth"},
      {"a space before the semicolon", {{{"v=STSv1 ; id=1"}}}, "sts-txt-space-before-delimiter", "chasquid"},
      {"words behind the end",
       {{{"v=STSv1; id=1; mine"}}},
       "sts-txt-trailing-data",
       "mox, postfix-tlspol, maddy, KumoMTA"},
      {"a space behind the end", {{{"v=STSv1; id=1 "}}}, "sts-txt-trailing-data", "mox, postfix-tlspol"},
      {"another version", {{{"v=STSv2; id=1"}}}, "sts-txt-version-invalid", kAll},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK(of(lint_sts_record(row.records), row.code) == row.senders);
  }
}

TEST_CASE("which deployed senders give up on this answer (RULES 0.4)") {
  const FetchFacts good{"example.com", 200,
                        "text/plain",  std::nullopt,
                        "ok",          "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 604800\n"};
  auto typed = good, moved = good, created = good, long_one = good, latin = good;
  typed.content_type = "text/html";
  moved.status = 301;
  created.status = 201;
  long_one.body += std::string(20000, 'x') + ": x\n";
  latin.content_type = "text/plain; charset=latin1";
  CHECK(of(lint_policy_fetch(typed).findings, "sts-policy-content-type") ==
        "postfix-mta-sts-resolver, postfix-tlspol, chasquid, maddy, KumoMTA");
  CHECK(of(lint_policy_fetch(moved).findings, "sts-policy-http-redirect") == kAll);
  CHECK(of(lint_policy_fetch(created).findings, "sts-policy-http-status") ==
        "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, maddy, KumoMTA, Stalwart");
  CHECK(of(lint_policy_fetch(long_one).findings, "sts-policy-too-large") == "chasquid");
  CHECK(of(lint_policy_fetch(latin).findings, "sts-policy-charset") == "postfix-mta-sts-resolver");
  CHECK(joined(*refused_by("sts-policy-fetch-slow", "the fetch took 2500 ms, more than 2 s")) ==
        "postfix-tlspol");
  CHECK(joined(*refused_by("sts-policy-fetch-slow", "the fetch took 4500 ms, more than 4 s")) ==
        "postfix-mta-sts-resolver, postfix-tlspol");
}

TEST_CASE("a finding on a record or policy has a list, also an empty one; no other has") {
  for (const CatalogueEntry& entry : catalogue()) {
    CAPTURE(entry.code);
    const bool on_text = std::string_view("ABDE").find(entry.group) != std::string_view::npos;
    CHECK(refused_by(entry.code, "").has_value() == on_text);
  }
  CHECK_FALSE(refused_by("no-such-code", ""));
}
