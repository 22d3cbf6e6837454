// Groups E and O, and the expected mode.
#include <doctest/doctest.h>

#include "checks/judge/rules/rules.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
using Expect = Limits::Expect;

namespace {

void max_age(Look& l, std::string_view mode, std::string_view seconds) {
  l.set_policy(policy({kMx1, kMx2}, mode, seconds));
}

void delegate(Look& l, std::initializer_list<std::string_view> record,
              std::initializer_list<std::string_view> host) {
  point_cname(l.domain.sts, record);
  point_cname(l.domain.policy_host.a, host);
}

const std::string kReady = "enforce-not-ready example.com info";

const Row kMaxAge[] = {
    {"a week (scenario 1)", [](Look&) {}, {}},
    {"under a week in enforce (§3.2 weeks or more)",
     [](Look& l) { max_age(l, "enforce", "604799"); },
     {"sts-max-age-short example.com info"}},
    {"a day, which some providers prescribe",
     [](Look& l) { max_age(l, "enforce", "86400"); },
     {"sts-max-age-short example.com info"}},
    {"less than a day",
     [](Look& l) { max_age(l, "enforce", "86399"); },
     {"sts-max-age-short example.com warning"}},
    {"300 s (scenario 17)",
     [](Look& l) { max_age(l, "enforce", "300"); },
     {"sts-max-age-short example.com warning", "sts-max-age-under-hour example.com info"}},
    {"an hour", [](Look& l) { max_age(l, "enforce", "3600"); }, {"sts-max-age-short example.com warning"}},
    {"0 is group D's alone", [](Look& l) { max_age(l, "enforce", "0"); }, {}},
    {"a day in testing: info",
     [](Look& l) { max_age(l, "testing", "86400"); },
     {"sts-max-age-short example.com info", kReady}},
    {"under a day in testing: warning",
     [](Look& l) { max_age(l, "testing", "86399"); },
     {"sts-max-age-short example.com warning", kReady}},
    {"a year in testing",
     [](Look& l) { max_age(l, "testing", "31557600"); },
     {"sts-max-age-long example.com info", kReady}},
    {"30 days in testing", [](Look& l) { max_age(l, "testing", "2592000"); }, {kReady}},
    {"a year in enforce is as the RFC wants it (§10.2)",
     [](Look& l) { max_age(l, "enforce", "31557600"); },
     {}},
    {"a short life of mode none is as §8.3 wants it",
     [](Look& l) { max_age(l, "none", "600"); },
     {"sts-mode-none-published example.com info"}},
};

const Row kMeaning[] = {
    {"mode none without mx (scenario 36)",
     [](Look& l) { l.set_policy(policy({}, "none")); },
     {"sts-mode-none-published example.com info", "sts-none-without-mx example.com info"}},
    {"mode none announced by no usable record is not in effect",
     [](Look& l) {
       l.set_policy(policy({kMx1}, "none"));
       l.set_record({"v=STSv1; id=a-b"});
     },
     {}},
    {"*.D (§10.4)",
     [](Look& l) { l.set_policy(policy({"*.example.com"})); },
     {"sts-wildcard-broad example.com warning"}},
    {"a sub-domain of its own", [](Look& l) { l.set_policy(policy({"*.mx.example.com"})); }, {}},
    {"a wildcard over a public suffix",
     [](Look& l) { l.set_policy(policy({"*.co.uk"})); },
     {"sts-wildcard-broad example.com warning"}},
    {"a wildcard over a shared hosting suffix",
     [](Look& l) { l.set_policy(policy({"*.github.io"})); },
     {"sts-wildcard-broad example.com warning"}},
    {"a mail provider's wildcard (scenario 41)",
     [](Look& l) {
       l.set_policy(policy({"*.mail.protection.outlook.com", "*.aspmx.l.google.com", "*.pphosted.com"}));
     },
     {}},
    {"testing without TLSRPT (scenario 4)",
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "testing"));
       l.no_tlsrpt();
     },
     {"sts-testing-without-tlsrpt example.com warning", kReady}},
    {"testing with an invalid TLSRPT record",
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "testing"));
       l.domain.tlsrpt = txt("_smtp._tls.example.com", {"v=TLSRPTv1; x=1"});
     },
     {"sts-testing-without-tlsrpt example.com warning", kReady}},
    {"testing, TLSRPT unknown",
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "testing"));
       l.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com");
     },
     {kReady}},
    {"enforce without TLSRPT is group K's", [](Look& l) { l.no_tlsrpt(); }, {}},
    {"a policy for a domain with null MX (RFC 7505)",
     [](Look& l) { l.null_mx(); },
     {"sts-tld-or-nonmail-domain example.com info"}},
    {"null MX and nothing published",
     [](Look& l) {
       l.null_mx();
       l.no_record();
     },
     {}},
};

const Row kDelegation[] = {
    {"both delegated (§8.2)",
     [](Look& l) { delegate(l, {"_mta-sts.provider.net"}, {"web.provider.net"}); },
     {}},
    {"the record by alias, the policy host by addresses: these tell nothing of who runs it",
     [](Look& l) { delegate(l, {"_mta-sts.provider.net"}, {}); },
     {}},
    {"the policy host with another provider",
     [](Look& l) { delegate(l, {"_mta-sts.provider.net"}, {"web.cdn.org"}); },
     {"sts-delegation-incomplete example.com warning"}},
    {"the same provider behind a CDN",
     [](Look& l) {
       delegate(l, {"_mta-sts.provider.net"}, {"web.provider.net", "x.cdn.org"});
     },
     {}},
    {"the policy host alone is common: any web host", [](Look& l) { delegate(l, {}, {"web.cdn.org"}); }, {}},
    {"a CNAME within one's own domain", [](Look& l) { delegate(l, {"sts.example.com"}, {}); }, {}},
    {"the policy host's addresses are unknown",
     [](Look& l) {
       point_cname(l.domain.sts, {"_mta-sts.provider.net"});
       l.no_policy_host();
       l.domain.policy_host = unknown_addresses("mta-sts.example.com");
     },
     {}},
    {"the provider's certificate is wrong, the names are right (scenario 13)",
     [](Look& l) {
       l.set_fetches({distrusted_fetch(misnamed("mta-sts.provider.net"))});
       delegate(l, {"_mta-sts.provider.net"}, {"mta-sts.provider.net"});
     },
     {}},
};

struct Expected {
  const char* why;
  Expect expect;
  void (*alter)(Look&);
  std::string told;  // of the two codes
};

const Expected kExpected[] = {
    {"nothing expected", Expect::nothing, [](Look& l) { l.no_record(); }, ""},
    {"enforce, as expected", Expect::enforce, [](Look&) {}, ""},
    {"above testing is fine", Expect::testing, [](Look&) {}, ""},
    {"testing, enforce expected: critical", Expect::enforce,
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "testing"));
     },
     "sts-mode-unexpected example.com critical\n"},
    {"none, testing expected: warning", Expect::testing,
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "none"));
     },
     "sts-mode-unexpected example.com warning\n"},
    {"nothing deployed, none expected", Expect::none, [](Look& l) { l.no_record(); },
     "sts-mode-unexpected example.com warning\n"},
    {"no record, enforce expected", Expect::enforce,
     [](Look& l) {
       l.no_record();
       l.no_policy_host();
     },
     "sts-mode-unexpected example.com critical\n"},
    {"an invalid record: no policy in effect", Expect::enforce,
     [](Look& l) { l.set_record({"v=STSv1; id=a-b"}); }, "sts-mode-unexpected example.com critical\n"},
    {"a policy that cannot be fetched, and that is proven", Expect::enforce,
     [](Look& l) { l.set_fetches({fetch(kWeb, "", 404)}); }, "sts-mode-unexpected example.com critical\n"},
    {"one address serves a weaker mode", Expect::enforce,
     [](Look& l) {
       l.set_fetches({fetch(kWeb), fetch(kWeb2, policy({kMx1}, "testing"))});
     },
     "sts-mode-unexpected example.com critical\n"},
    {"the record is unknown: no accusation", Expect::enforce,
     [](Look& l) { l.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com"); }, ""},
    {"the policy is unknown: no accusation", Expect::enforce,
     [](Look& l) { l.set_fetches({failed_fetch(Stage::connect, Cause::no_route)}); }, ""},
    {"the policy host's addresses are unknown: no accusation", Expect::enforce,
     [](Look& l) {
       l.no_policy_host();
       l.domain.policy_host = unknown_addresses("mta-sts.example.com");
     },
     ""},
    {"absent, as expected", Expect::absent,
     [](Look& l) {
       l.no_record();
       l.no_policy_host();
     },
     ""},
    {"a record where none was expected", Expect::absent, [](Look&) {},
     "sts-policy-unexpected-appearance example.com warning\n"},
    {"a malformed record where none was expected", Expect::absent,
     [](Look& l) {
       l.set_record({"v=STSv1 id=1"});
       l.no_policy_host();
     },
     "sts-policy-unexpected-appearance example.com warning\n"},
    {"a policy where none was expected", Expect::absent, [](Look& l) { l.no_record(); },
     "sts-policy-unexpected-appearance example.com warning\n"},
    {"a web server at the name proves nothing", Expect::absent,
     [](Look& l) {
       l.no_record();
       l.set_fetches({fetch(kWeb, "", 404)});
     },
     ""},
    {"unknown where nothing was expected: no accusation", Expect::absent,
     [](Look& l) {
       l.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
       l.set_fetches({failed_fetch(Stage::connect, Cause::no_route)});
     },
     ""},
};

struct Gate {
  const char* why;
  void (*alter)(Look&);
  std::vector<std::string> gates;
};

const Gate kGates[] = {
    {"all that one look can see is open (scenario 3)", [](Look&) {}, {}},
    {"gate 1: the record", [](Look& l) { l.set_record({"v=STSv1; id=a-b"}); }, {"1: no valid TXT record"}},
    {"gate 2: every address",
     [](Look& l) {
       l.set_fetches({fetch(kWeb, policy({kMx1, kMx2}, "testing")), fetch(kWeb2, "", 404)});
     },
     {"2: no valid policy from 198.51.101.2"}},
    {"gate 2: strict form",
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "testing") + "mode: enforce\r\n");
     },
     {"2: the policy text departs from the strict form"}},
    {"gate 2: an extension is allowed",
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "testing") + "x_note: hello\r\n");
     },
     {}},
    {"gate 3: every MX host matches",
     [](Look& l) { l.set_policy(policy({kMx1}, "testing")); },
     {"3: mx2.example.com is not in the policy"}},
    {"gate 3: every address passes, the backup's too",
     [](Look& l) {
       l.set_mx(mx_host("mx2.example.com",
                        {probe_showing(kMail2, "mx2.example.com", self_signed("mx2.example.com"))}));
     },
     {"3: mx2.example.com fails"}},
    {"gate 3: an unknown host closes nothing", [](Look& l) { l.mx.erase("mx2.example.com"); }, {}},
    {"gate 4: the policy host's certificate",
     [](Look& l) { l.domain.fetches[0].tls = tls(peer("mta-sts.example.com", days(20))); },
     {"4: the certificate at 198.51.101.1 is due for renewal"}},
    {"gate 4: an MX host's certificate",
     [](Look& l) {
       l.set_mx(mx_host("mx1.example.com",
                        {probe_showing(kMail1, "mx1.example.com", peer("mx1.example.com", days(20)))}));
     },
     {"4: the certificate of mx1.example.com is due for renewal"}},
    {"gate 5: TLSRPT", [](Look& l) { l.no_tlsrpt(); }, {"5: no TLSRPT record that reports can go to"}},
    {"gate 8: TTL", [](Look& l) { l.domain.sts.ttl = 3601; }, {"8: TTL 3601 s"}},
};

}  // namespace

TEST_CASE("max_age (RULES 3.2 E)") { CHECK_ROWS(judge_semantics, kMaxAge); }
TEST_CASE("what a policy says (RULES 3.2 E)") { CHECK_ROWS(judge_semantics, kMeaning); }
TEST_CASE("delegation (RFC 8461 §8.2)") { CHECK_ROWS(judge_semantics, kDelegation); }

TEST_CASE("the expected mode (CONTRACT 2)") {
  for (const Expected& row : kExpected) {
    CAPTURE(row.why);
    auto look = base();
    look.limits.expect = row.expect;
    row.alter(look);
    auto all = judged(look, judge_semantics);
    std::erase_if(all, [](const Finding& f) {
      return f.code != "sts-mode-unexpected" && f.code != "sts-policy-unexpected-appearance";
    });
    CHECK(joined(told(all)) == row.told);
  }
}

TEST_CASE("the gates that one look shows closed (RULES 3.3)") {
  for (const Gate& row : kGates) {
    CAPTURE(row.why);
    auto look = base();
    look.set_policy(policy({kMx1, kMx2}, "testing"));
    row.alter(look);
    std::vector<std::string> closed;
    for (const auto& gate : closed_gates(look.prepared()))
      closed.push_back(gate.str());
    CHECK(joined(closed) == joined(row.gates));
  }
}

TEST_CASE("readiness is asked in testing only, and 14 days are never seen in one look") {
  auto look = base();
  CHECK(judged(look, judge_semantics).empty());
  look.set_policy(policy({kMx1, kMx2}, "testing"));
  const auto all = judged(look, judge_semantics);
  REQUIRE(all.size() == 1);
  CHECK(all[0].detail == "not yet observed for 14 days");
  look.domain.fetches[0].duration = 2100ms;
  const auto slow = judged(look, judge_semantics);
  REQUIRE(slow.size() == 1);
  CHECK(slow[0].detail == "not yet observed for 14 days; gate 2: 198.51.101.1 is slow");
}

}  // namespace stswatch::facts
