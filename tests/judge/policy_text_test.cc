// Group D: the grammar of the policy file, one cause one code.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

std::string lines(std::initializer_list<std::string_view> list) {
  std::string out;
  for (const auto line : list)
    out += std::string(line) + "\n";
  return out;
}

struct TextRow {
  const char* why;
  std::string body;
  std::vector<std::string> told;
};

const std::string kHead = "version: STSv1\n";

const TextRow kRows[] = {
    {"base set-up", policy(), {}},
    {"mode none without mx (§3.2 allows it)", policy({}, "none"), {}},
    {"empty (§3.2)", "", {"sts-policy-invalid mta-sts.example.com critical"}},
    {"no field at all", "hello world\n", {"sts-policy-invalid mta-sts.example.com critical"}},
    {"a line that is no field, and nothing more precise",
     policy() + "hello\r\n",
     {"sts-policy-invalid mta-sts.example.com critical"}},
    {"a page (scenario 10)",
     "<!doctype html><html></html>",
     {"sts-policy-html-body mta-sts.example.com critical"}},
    {"no version",
     lines({"mode: enforce", "mx: a.example.com", "max_age: 604800"}),
     {"sts-policy-version-invalid mta-sts.example.com critical"}},
    {"version in lower case (%s)",
     lines({"version: stsv1", "mode: enforce", "mx: a.example.com", "max_age: 604800"}),
     {"sts-policy-version-invalid mta-sts.example.com critical"}},
    {"version on line 2 (the ABNF allows it)",
     lines({"mode: enforce", "version: STSv1", "mx: a.example.com", "max_age: 604800"}),
     {"sts-policy-version-not-first mta-sts.example.com warning"}},
    {"mode report", policy({kMx1}, "report"), {"sts-policy-mode-invalid mta-sts.example.com critical"}},
    {"max_age with a unit",
     policy({kMx1}, "enforce", "7d"),
     {"sts-policy-max-age-invalid mta-sts.example.com critical"}},
    {"max_age over a year",
     policy({kMx1}, "enforce", "31557601"),
     {"sts-policy-max-age-too-large mta-sts.example.com warning"}},
    {"max_age of a year (§3.2 maximum)", policy({kMx1}, "enforce", "31557600"), {}},
    {"max_age 0 (§10.2)",
     policy({kMx1}, "enforce", "0"),
     {"sts-policy-max-age-zero mta-sts.example.com critical"}},
    {"no mx (§3.2 unless none)", policy({}), {"sts-policy-mx-missing mta-sts.example.com critical"}},
    {"a bare star", policy({kMx1, "*"}), {"sts-policy-mx-invalid-pattern mta-sts.example.com critical"}},
    {"a trailing dot",
     policy({kMx1, "mx2.example.com."}),
     {"sts-policy-mx-trailing-dot mta-sts.example.com critical"}},
    {"a U-label",
     policy({kMx1,
             "mx.b\xC3\xBC"
             "cher.example"}),
     {"sts-policy-mx-ulabel mta-sts.example.com critical"}},
    {"two modes: the first counts (scenario 16)",
     policy({kMx1}, "testing") + "mode: enforce\r\n",
     {"sts-policy-duplicate-field mta-sts.example.com warning"}},
    {"a blank line and a comment (scenario 15)",
     kHead + "mode: enforce\n\n# ours\nmx: a.example.com\nmax_age: 604800\n",
     {"sts-policy-nonconforming-line mta-sts.example.com warning"}},
    {"bare CR",
     "version: STSv1\rmode: enforce\rmx: a.example.com\rmax_age: 604800\r",
     {"sts-policy-line-ending mta-sts.example.com warning"}},
    {"MX in capitals and no other (scenario 14): the field is lost",
     kHead + "mode: enforce\nMX: mx1.example.com\nmax_age: 604800\n",
     {"sts-policy-key-case mta-sts.example.com critical",
      "sts-policy-mx-missing mta-sts.example.com warning"}},
    {"MX in capitals beside an mx: nothing required is missing",
     kHead + "mode: enforce\nmx: mx1.example.com\nMX: mx2.example.com\nmax_age: 604800\n",
     {"sts-policy-key-case mta-sts.example.com warning"}},
    {"NUL",
     kHead + std::string("mode: enforce\0\nmx: a.example.com\nmax_age: 604800\n", 49),
     {"sts-policy-control-characters mta-sts.example.com warning"}},
    {"an unknown field (§3.2 SHALL be ignored)",
     policy() + "x_note: hello\r\n",
     {"sts-policy-unknown-field mta-sts.example.com info"}},
};

}  // namespace

TEST_CASE("each departure has its code (RULES 3.2 D)") {
  for (const TextRow& row : kRows) {
    CAPTURE(row.why);
    auto look = base();
    look.set_policy(row.body);
    const Case c = look.prepared();
    Findings out(c.facts.domain, Mode::enforce, c.now);
    judge_policy_texts(c, out);
    CHECK(joined(told(out.all())) == joined(row.told));
    Findings one(c.facts.domain, Mode::enforce, c.now);
    judge_policy_text(read_policy(row.body), "mta-sts.example.com", one);
    CHECK(joined(told(one.all())) == joined(row.told));
    for (const auto& finding : out.all()) {
      CHECK_FALSE(finding.detail.empty());
      CHECK(finding.detail.size() <= 200);
    }
  }
}

TEST_CASE("severity follows the live mode (RULES 3.1)") {
  const auto in = [](Mode mode, const std::string& body) {
    Findings out(domain(), mode, kNow);
    judge_policy_text(read_policy(body), "mta-sts.example.com", out);
    return joined(told(out.all()));
  };
  const std::string blank = policy() + "\r\n\r\n";
  CHECK(in(Mode::testing, blank) == "sts-policy-nonconforming-line mta-sts.example.com info\n");
  CHECK(in(Mode::none, blank).empty());
  const std::string kept = kHead + "mode: none\nMX: mx2.example.com\nmax_age: 604800\n";
  CHECK(in(Mode::none, kept) == "sts-policy-key-case mta-sts.example.com info\n");
  CHECK(in(Mode::testing, kept) == "sts-policy-key-case mta-sts.example.com warning\n");
}

TEST_CASE("one finding a host when its addresses agree, else one an address (CONTRACT 2)") {
  const std::string blank = policy() + "\r\n\r\n";
  auto look = base();
  look.set_fetches({fetch(kWeb, blank), fetch(kWeb2, blank)});
  CHECK(joined(told(judged(look, judge_policy_texts))) ==
        "sts-policy-nonconforming-line mta-sts.example.com warning\n");
  look.set_fetches({fetch(kWeb), fetch(kWeb2, blank)});
  CHECK(joined(told(judged(look, judge_policy_texts))) ==
        "sts-policy-nonconforming-line mta-sts.example.com 198.51.101.2 warning\n");
  look.no_record();
  CHECK(judged(look, judge_policy_texts).empty());  // RULES 3.2 A
}

TEST_CASE("a cut body is not read: no finding blames its last line") {
  auto look = base();
  look.set_policy("version: STSv1\r\nmode: enfo");
  look.domain.fetches[0].truncated = true;
  CHECK(judged(look, judge_policy_texts).empty());
}

}  // namespace stswatch::facts
