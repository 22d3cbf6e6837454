// RULES 0.4, CONTRACT 2 `refused_by`, 9.2 `accepted_by`.
#include "checks/judge/catalogue/deployed.h"

#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <set>
#include <sstream>

#include "checks/judge/lint.h"

using namespace stswatch;

namespace {

/// "REFUSING / ACCEPTING" of the finding, the slash only where somebody accepts.
std::string of(const std::vector<Finding>& findings, std::string_view code) {
  for (const Finding& f : findings)
    if (f.code == code)
      return comma_separated(f.refused_by) +
             (f.accepted_by.empty() ? "" : " / " + comma_separated(f.accepted_by));
  return "not raised";
}

constexpr const char* kAll =
    "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, go-mtasts, KumoMTA, Stalwart, mailauth";
constexpr const char* kMailauthAlone =
    "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, go-mtasts, KumoMTA, Stalwart / mailauth";

std::string with_max_age(const std::string& value) {
  return "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: " + value + "\n";
}

std::string with_mx(const std::string& pattern) {
  return "version: STSv1\nmode: enforce\nmx: " + pattern + "\nmax_age: 604800\n";
}

}  // namespace

TEST_CASE("which deployed senders refuse or misread exactly this policy (RULES 0.4)") {
  struct Row {
    const char* why;
    std::string body;
    const char* code;
    const char* senders;
  };
  const std::string head = "version: STSv1\nmode: enforce\n", tail = "mx: a.example\nmax_age: 604800\n";
  const Row rows[] = {
      {"chasquid and Stalwart want mx lines in every mode", "version: STSv1\nmode: none\nmax_age: 86400\n",
       "sts-none-without-mx", "chasquid, Stalwart"},
      {"a blank line", head + "\n" + tail, "sts-policy-nonconforming-line", "mox, go-mtasts"},
      {"a comment", head + "# mine\n" + tail, "sts-policy-nonconforming-line",
       "mox, postfix-tlspol, go-mtasts, KumoMTA, Stalwart"},
      {"a comment that reads like a field", head + "# mine: yes\n" + tail, "sts-policy-nonconforming-line",
       "mox"},
      {"a byte order mark", "\xEF\xBB\xBF" + head + tail, "sts-policy-nonconforming-line",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, go-mtasts"},
      {"a blank line and an indented one add up", head + "\n " + tail, "sts-policy-nonconforming-line",
       "mox, postfix-mta-sts-resolver, go-mtasts"},
      {"a hundred blank lines do not hide a comment", head + std::string(100, '\n') + "# mine\n" + tail,
       "sts-policy-nonconforming-line", "mox, postfix-tlspol, go-mtasts, KumoMTA, Stalwart"},
      {"two modes", "version: STSv1\nmode: testing\nmode: enforce\n" + tail, "sts-policy-duplicate-field",
       "postfix-mta-sts-resolver, chasquid, go-mtasts, KumoMTA, Stalwart, mailauth"},
      {"two notes trouble nobody", head + tail + "note: a\nnote: b\n", "sts-policy-duplicate-field", ""},
      {"five minutes", with_max_age("300"), "sts-max-age-under-hour", "Stalwart"},
      {"max_age 0", with_max_age("0"), "sts-policy-max-age-zero", "chasquid, Stalwart"},
      {"more than a year", with_max_age("31557601"), "sts-policy-max-age-too-large",
       "postfix-mta-sts-resolver, chasquid, Stalwart, mailauth"},
      {"a unit", with_max_age("7d"), "sts-policy-max-age-invalid", kAll},
      {"a sign is read by all that leave numbers to their language", with_max_age("+604800"),
       "sts-policy-max-age-invalid", "mox, postfix-tlspol"},
      {"JavaScript knows but one kind of number", with_max_age("604800.0"), "sts-policy-max-age-invalid",
       kMailauthAlone},
      {"half a second more is half a second", with_max_age("604800.5"), "sts-policy-max-age-invalid", kAll},
      {"no mode", "version: STSv1\n" + tail, "sts-policy-mode-invalid", kAll},
      {"a mode in other case", "version: STSv1\nmode: Enforce\n" + tail, "sts-policy-mode-invalid",
       kMailauthAlone},
      {"a key in other case is missing", "version: STSv1\nMode: enforce\n" + tail, "sts-policy-mode-invalid",
       kMailauthAlone},
      {"... and is said to be", "version: STSv1\nMode: enforce\n" + tail, "sts-policy-key-case",
       kMailauthAlone},
      {"another spelling is nobody's", "version: STSv1\nmode: enforce\nmx: a.example\nmax-age: 604800\n",
       "sts-policy-key-case", kAll},
      {"no version", "mode: enforce\n" + tail, "sts-policy-version-invalid",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, go-mtasts, KumoMTA, mailauth / Stalwart"},
      {"a dot at the end: the others apply the policy, and reach no host", with_mx("a.example."),
       "sts-policy-mx-trailing-dot", "mox, postfix-tlspol / chasquid, go-mtasts"},
      {"a list: Postfix cannot read what the resolver makes of it", with_mx("a.example, b.example"),
       "sts-policy-mx-invalid-pattern", "mox, postfix-mta-sts-resolver, postfix-tlspol"},
      {"an asterisk alone", with_mx("*"), "sts-policy-mx-invalid-pattern",
       "mox, postfix-mta-sts-resolver, postfix-tlspol"},
      {"an address among the patterns", with_mx("a.example\nmx: 192.0.2.1"), "sts-policy-mx-invalid-pattern",
       "mox, postfix-mta-sts-resolver, postfix-tlspol"},
      {"a dot at the front is Postfix' own way to write it", with_mx(".a.example"),
       "sts-policy-mx-invalid-pattern", "mox, postfix-tlspol / postfix-mta-sts-resolver"},
      {"a NUL in the mode", std::string("version: STSv1\nmode: enforce\0\n", 30) + tail,
       "sts-policy-control-characters", kAll},
      {"Latin 1 in a note", head + tail + "note: bl\xE5\n", "sts-policy-control-characters",
       "postfix-mta-sts-resolver, postfix-tlspol, Stalwart"},
      {"empty", "", "sts-policy-invalid", kAll},
      {"an unknown field is nobody's trouble", head + tail + "note: a\n", "sts-policy-unknown-field", ""},
      {"70 KB, the fields first: chasquid does not see the rest",
       head + tail + "x: " + std::string(70000, 'y'), "sts-policy-too-large",
       "mox, postfix-mta-sts-resolver"},
      {"70 KB, the fields last", head + "x: " + std::string(70000, 'y') + "\n" + tail, "sts-policy-too-large",
       "mox, postfix-mta-sts-resolver, chasquid"},
      {"20 KB, the fields first", head + tail + "x: " + std::string(20000, 'y'), "sts-policy-too-large", ""},
      {"20 KB, the fields last", head + "x: " + std::string(20000, 'y') + "\n" + tail, "sts-policy-too-large",
       "chasquid"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    CHECK(of(lint_policy(row.body), row.code) == row.senders);
  }
}

TEST_CASE("which deployed senders refuse or misread exactly this record (RULES 0.4)") {
  struct Row {
    const char* why;
    std::vector<TxtRecord> records;
    const char* code;
    const char* senders;
    Severity severity = Severity::critical;
  };
  const TxtRecord good{{"v=STSv1; id=1;"}};
  const Row rows[] = {
      {"an id with dashes", {{{"v=STSv1; id=2026-11-01"}}}, "sts-txt-id-invalid", "mox"},
      {"an empty id: the resolver asks only whether there is one",
       {{{"v=STSv1; id=;"}}},
       "sts-txt-id-invalid",
       "mox, go-mtasts, KumoMTA, Stalwart, mailauth / postfix-mta-sts-resolver, postfix-tlspol, chasquid"},
      {"no id",
       {{{"v=STSv1;"}}},
       "sts-txt-id-missing",
       "mox, postfix-mta-sts-resolver, go-mtasts, KumoMTA, Stalwart, mailauth / postfix-tlspol, chasquid"},
      {"a key in other case",
       {{{"v=STSv1; ID=1;"}}},
       "sts-txt-id-missing",
       "mox, postfix-mta-sts-resolver, go-mtasts, KumoMTA, Stalwart / postfix-tlspol, chasquid, mailauth"},
      {"two records",
       {good, {{"v=STSv1; id=2"}}},
       "sts-txt-multiple",
       "mox, postfix-mta-sts-resolver, go-mtasts, mailauth"},
      {"a stranger beside it",
       {good, {{"v=spf1 -all"}}},
       "sts-txt-other-records-present",
       "go-mtasts, KumoMTA",
       Severity::info},
      {"another version beside it: the resolver counts by a prefix",
       {good, {{"v=STSv12; id=2;"}}},
       "sts-txt-other-records-present",
       "postfix-mta-sts-resolver, go-mtasts, KumoMTA",
       Severity::warning},
      {"a bare version beside it: so does mailauth, at the end of a word",
       {good, {{"v=STSv1"}}},
       "sts-txt-other-records-present",
       "postfix-mta-sts-resolver, go-mtasts, KumoMTA, mailauth",
       Severity::warning},
      {"a spaced version beside it: and mox, by the grammar",
       {good, {{"v=STSv1 ; id=2;"}}},
       "sts-txt-other-records-present",
       "mox, postfix-mta-sts-resolver, go-mtasts, KumoMTA, mailauth",
       Severity::warning},
      {"two ids",
       {{{"v=STSv1; id=1; id=2"}}},
       "sts-txt-duplicate-field",
       "postfix-mta-sts-resolver, go-mtasts, KumoMTA, Stalwart",
       Severity::warning},
      {"the id first",
       {{{"id=1; v=STSv1;"}}},
       "sts-txt-version-not-first",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, mailauth"},
      {"no semicolon",
       {{{"v=STSv1 id=1"}}},
       "sts-txt-syntax-invalid",
       "mox, postfix-mta-sts-resolver, chasquid, go-mtasts, KumoMTA, Stalwart, mailauth / postfix-tlspol"},
      {"a space before the semicolon",
       {{{"v=STSv1 ; id=1"}}},
       "sts-txt-space-before-delimiter",
       "chasquid",
       Severity::warning},
      {"spaces around the equals sign",
       {{{"v=STSv1; id = 1;"}}},
       "sts-txt-syntax-invalid",
       "mox, postfix-mta-sts-resolver, go-mtasts"},
      {"words behind the end",
       {{{"v=STSv1; id=1; mine"}}},
       "sts-txt-trailing-data",
       "mox, go-mtasts, KumoMTA",
       Severity::warning},
      {"a space behind the end", {{{"v=STSv1; id=1 "}}}, "sts-txt-trailing-data", "mox", Severity::warning},
      {"the version in other case", {{{"v=stsv1; id=1;"}}}, "sts-txt-version-invalid", kMailauthAlone},
      {"another version", {{{"v=STSv2; id=1"}}}, "sts-txt-version-invalid", kAll},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    const auto findings = lint_sts_record(row.records);
    CHECK(of(findings, row.code) == row.senders);
    for (const Finding& f : findings)
      if (f.code == row.code) CHECK(f.severity == row.severity);
  }
}

TEST_CASE("which deployed senders give up on this answer (RULES 0.4)") {
  const FetchFacts good{"example.com", 200, "text/plain", std::nullopt, "ok", with_max_age("604800")};
  struct Row {
    const char* why;
    void (*alter)(FetchFacts&);
    const char* code;
    const char* senders;
  };
  const Row rows[] = {
      {"a web page's type", [](FetchFacts& f) { f.content_type = "text/html"; }, "sts-policy-content-type",
       "postfix-mta-sts-resolver, chasquid, go-mtasts, KumoMTA / mox, postfix-tlspol, Stalwart, mailauth"},
      {"a redirect", [](FetchFacts& f) { f.status = 301; }, "sts-policy-http-redirect", kAll},
      {"mailauth takes any 2xx", [](FetchFacts& f) { f.status = 201; }, "sts-policy-http-status",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, go-mtasts, KumoMTA, Stalwart / mailauth"},
      {"a charset that Python knows",
       [](FetchFacts& f) { f.content_type = "text/plain; charset=iso-8859-1"; }, "sts-policy-charset", ""},
      {"one that nobody knows", [](FetchFacts& f) { f.content_type = "text/plain; charset=x-nonsense"; },
       "sts-policy-charset", "postfix-mta-sts-resolver"},
      {"one octet above 127, and no charset", [](FetchFacts& f) { f.body += "owner: caf\xC3\xA9\n"; },
       "sts-policy-non-ascii", "postfix-mta-sts-resolver"},
      {"the same said to be ASCII",
       [](FetchFacts& f) {
         f.body += "owner: caf\xC3\xA9\n";
         f.content_type = "text/plain; charset=US-ASCII";
       },
       "sts-policy-non-ascii", "postfix-mta-sts-resolver"},
      {"the same in UTF-8 is fine",
       [](FetchFacts& f) {
         f.body += "owner: caf\xC3\xA9\n";
         f.content_type = "text/plain; charset=utf-8";
       },
       "sts-policy-non-ascii", "not raised"},
      {"a certificate without names but the CN",
       [](FetchFacts& f) { f.certificate = "cn:mta-sts.example.com"; }, "sts-webpki-cn-only",
       "mox, postfix-tlspol, chasquid, go-mtasts, KumoMTA, Stalwart / postfix-mta-sts-resolver, mailauth"},
      {"a wildcard for part of a label", [](FetchFacts& f) { f.certificate = "dns:mta-*.example.com"; },
       "sts-webpki-host-mismatch",
       "mox, postfix-mta-sts-resolver, postfix-tlspol, chasquid, go-mtasts, KumoMTA, Stalwart / mailauth"},
      {"another name", [](FetchFacts& f) { f.certificate = "dns:www.example.com"; },
       "sts-webpki-host-mismatch", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    auto told = good;
    row.alter(told);
    CHECK(of(lint_policy_fetch(told).findings, row.code) == row.senders);
  }
  CHECK(senders_of("sts-policy-fetch-slow", std::array{Oddity::over_2_s}).refuse ==
        SenderNames{"postfix-tlspol"});
  CHECK(comma_separated(senders_of("sts-policy-fetch-slow", std::array{Oddity::over_4_s}).refuse) ==
        "postfix-mta-sts-resolver, postfix-tlspol");
}

TEST_CASE("what is wrong with one address counts beside what is wrong with another") {
  const auto both = senders_of("sts-policy-encoded", std::array{Oddity::none, Oddity::deflate});
  CHECK(comma_separated(both.refuse) ==
        "mox, postfix-tlspol, chasquid, go-mtasts, KumoMTA, Stalwart, mailauth");
  CHECK(comma_separated(both.accept) == "postfix-mta-sts-resolver");
}

TEST_CASE("each row: of a code that there is, once, and nobody both refuses and accepts") {
  std::set<std::pair<std::string_view, Oddity>> seen;
  for (const SenderRow& row : sender_rows()) {
    CAPTURE(row.code);
    CHECK(find_in_catalogue(row.code) != nullptr);
    CHECK(seen.insert({row.code, row.oddity}).second);
    CHECK((row.refuse & row.accept) == 0);
    CHECK((row.refuse | row.accept) < (1U << sender_names().size()));
  }
}
TEST_CASE("each row that claims to have been seen names a case of the lab that sees it") {
  std::ifstream file(SOURCE_DIR "/tests/lab/senders_cases.py");
  std::stringstream text;
  text << file.rdbuf();
  const std::string cases = text.str();
  REQUIRE_FALSE(cases.empty());
  for (const SenderRow& row : sender_rows()) {
    if (row.seen == "source") continue;
    CAPTURE(row.code);
    CAPTURE(row.seen);
    CHECK(cases.find('"' + std::string(row.seen) + '"') != std::string::npos);
  }
}
