// Outcomes, status, mode and the other figures of a verdict: the sentences of CONTRACT 2.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

Look altered(void (*alter)(Look&)) {
  auto look = base();
  alter(look);
  return look;
}

void not_deployed(Look& look) {
  look.no_record();
  look.no_policy_host();
}

void hosts_unknown(Look& look) {
  look.set_mx(mx_host(kHost, {failed_probe(kMail1, Stage::greeting, Cause::timeout)}));
  look.set_mx(mx_host(kOther, {failed_probe(kMail2, Stage::greeting, Cause::timeout)}));
}

void policy_unknown(Look& look) { look.set_fetches({failed_fetch(Stage::headers, Cause::timeout, 2s)}); }

struct OutcomeRow {
  const char* why;
  void (*alter)(Look&);
  Outcome outcome;
};

const OutcomeRow kRecords[] = {
    {"valid", [](Look&) {}, Outcome::ok},
    {"unknown", [](Look& l) { l.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com"); }, Outcome::unknown},
    {"absent", [](Look& l) { l.no_record(); }, Outcome::absent},
    {"several are invalid",
     [](Look& l) {
       l.set_record({"v=STSv1; id=1;", "v=STSv1; id=2;"});
     },
     Outcome::invalid},
    {"only foreign ones: absent", [](Look& l) { l.set_record({"v=spf1 -all"}); }, Outcome::absent},
    {"a foreign one beside it",
     [](Look& l) {
       l.set_record({"v=spf1 -all", kRecord});
     },
     Outcome::ok},
    {"wrong version", [](Look& l) { l.set_record({"v=STSv2; id=1;"}); }, Outcome::invalid},
    {"version not first", [](Look& l) { l.set_record({"id=1; v=STSv1"}); }, Outcome::invalid},
    {"bad id", [](Look& l) { l.set_record({"v=STSv1; id=2026-11-01;"}); }, Outcome::invalid},
    {"dangling CNAME: absent",
     [](Look& l) {
       l.no_record();
       point_cname(l.domain.sts, {"gone.example.net"});
     },
     Outcome::absent},
};

const OutcomeRow kPolicies[] = {
    {"valid", [](Look&) {}, Outcome::ok},
    {"does not parse", [](Look& l) { l.set_policy("version: STSv1\n"); }, Outcome::invalid},
    {"only a lenient reading", [](Look& l) { l.set_policy(policy() + "\r\n# end\r\n"); }, Outcome::invalid},
    {"a wrong media type is a finding, no more",
     [](Look& l) { l.domain.fetches[0].content_type = "text/html"; }, Outcome::ok},
    {"no address", [](Look& l) { l.no_policy_host(); }, Outcome::absent},
    {"404", [](Look& l) { l.set_fetches({fetch(kWeb, "", 404)}); }, Outcome::absent},
    {"410", [](Look& l) { l.set_fetches({fetch(kWeb, "", 410)}); }, Outcome::absent},
    {"403", [](Look& l) { l.set_fetches({fetch(kWeb, "", 403)}); }, Outcome::unreachable},
    {"a redirect", [](Look& l) { l.set_fetches({fetch(kWeb, "", 301)}); }, Outcome::unreachable},
    {"an expired certificate",
     [](Look& l) { l.set_fetches({distrusted_fetch(expired("mta-sts.example.com"))}); },
     Outcome::unreachable},
    {"no proven result", policy_unknown, Outcome::unknown},
    {"its name is unknown",
     [](Look& l) {
       l.no_policy_host();
       l.domain.policy_host = unknown_addresses("mta-sts.example.com");
     },
     Outcome::unknown},
    {"one good address of two is shown",
     [](Look& l) {
       l.set_fetches({failed_fetch(Stage::connect, Cause::refused), fetch(kWeb2)});
     },
     Outcome::ok},
    {"one proof beside one unknown",
     [](Look& l) {
       l.set_fetches({failed_fetch(Stage::headers, Cause::timeout, 2s), fetch(kWeb2, "", 404)});
     },
     Outcome::absent},
};

const OutcomeRow kReports[] = {
    {"valid", [](Look&) {}, Outcome::ok},
    {"absent", [](Look& l) { l.no_tlsrpt(); }, Outcome::absent},
    {"unknown", [](Look& l) { l.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com"); },
     Outcome::unknown},
    {"no rua", [](Look& l) { l.domain.tlsrpt = txt("_smtp._tls.example.com", {"v=TLSRPTv1;"}); },
     Outcome::invalid},
    {"only a foreign one", [](Look& l) { l.domain.tlsrpt = txt("_smtp._tls.example.com", {"hello"}); },
     Outcome::absent},
};

struct StatusRow {
  const char* why;
  void (*alter)(Look&);
  Status status;
};

const StatusRow kStatus[] = {
    {"all in order", [](Look&) {}, Status::ok},
    {"a critical finding", [](Look& l) { l.set_policy(policy({"mail.example.com"})); }, Status::critical},
    {"a warning", [](Look& l) { l.no_tlsrpt(); }, Status::warning},
    {"the record could not be judged",
     [](Look& l) { l.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com"); }, Status::unknown},
    {"the MX answer could not be judged",
     [](Look& l) {
       l.domain.mx = unknown<MxAnswer>("example.com");
       l.mx.clear();
     },
     Status::unknown},
    {"the announced policy could not be judged", policy_unknown, Status::unknown},
    {"no mail host could be judged", hosts_unknown, Status::unknown},
    {"no mail host was looked at yet", [](Look& l) { l.mx.clear(); }, Status::unknown},
    {"one unknown host beside a good one changes nothing", [](Look& l) { l.mx.erase(kHost); }, Status::ok},
    {"a finding is worse than what is unknown",
     [](Look& l) {
       hosts_unknown(l);
       l.no_tlsrpt();
     },
     Status::warning},
    {"TLSRPT is none of the four",
     [](Look& l) { l.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com"); }, Status::ok},
    {"the agent's own findings change no status",
     [](Look& l) { l.set_mx(mx_host(kHost, {failed_probe(kMail1, Stage::greeting, Cause::malformed)})); },
     Status::ok},
    {"null MX: no mail host to judge", [](Look& l) { l.null_mx(); }, Status::ok},
    {"a domain without MTA-STS is ok", not_deployed, Status::ok},
    {"without MTA-STS nobody asks whether its hosts could be judged",
     [](Look& l) {
       not_deployed(l);
       hosts_unknown(l);
     },
     Status::ok},
    {"without MTA-STS, unless another finding is worse",
     [](Look& l) {
       not_deployed(l);
       l.set_mx(mx_host(kHost, {failed_probe(kMail1, Stage::starttls, Cause::not_offered)}));
     },
     Status::warning},
};

}  // namespace

TEST_CASE("record.outcome") {
  for (const auto& row : kRecords) {
    CAPTURE(row.why);
    CHECK(to_string(judged(altered(row.alter)).record.outcome) == to_string(row.outcome));
  }
}

TEST_CASE("policy.outcome: the strict reading decides") {
  for (const auto& row : kPolicies) {
    CAPTURE(row.why);
    CHECK(to_string(judged(altered(row.alter)).policy.outcome) == to_string(row.outcome));
  }
}

TEST_CASE("tlsrpt.outcome") {
  for (const auto& row : kReports) {
    CAPTURE(row.why);
    CHECK(to_string(judged(altered(row.alter)).tlsrpt.outcome) == to_string(row.outcome));
  }
}

TEST_CASE("status: critical, warning, then what could not be judged, else ok") {
  for (const auto& row : kStatus) {
    CAPTURE(row.why);
    CHECK(to_string(judged(altered(row.alter)).status) == to_string(row.status));
  }
}

TEST_CASE("mode is that of the policy in effect, null when there is none") {
  CHECK(judged(base()).mode == Mode::enforce);
  CHECK(judged(altered([](Look& l) {
          l.set_policy(policy({kMx1, kMx2}, "testing"));
        })).mode == Mode::testing);
  CHECK(judged(altered([](Look& l) { l.no_record(); })).mode == std::nullopt);
  CHECK(judged(altered(policy_unknown)).mode == std::nullopt);
}

TEST_CASE("a leniently read policy is shown and counted, but no mode is in effect") {
  const auto v = judged(altered([](Look& l) { l.set_policy(policy() + "\r\n# end\r\n"); }));
  CHECK(v.policy.outcome == Outcome::invalid);
  REQUIRE(v.policy.shown);
  CHECK(v.policy.shown->mode == Mode::enforce);
  CHECK(v.mode == std::nullopt);
  CHECK((v.enforce_usable_mx == UsableMx{2, 2, 2}));
}

TEST_CASE("an assumed live mode sets severities only") {
  const auto v = judged(altered([](Look& l) { l.set_fetches({fetch(kWeb, "", 404)}); }));
  CHECK(v.live_mode == Mode::enforce);
  CHECK(v.mode == std::nullopt);
  CHECK_FALSE(v.enforce_usable_mx);
  CHECK_FALSE(v.forecast.breakage);
}

TEST_CASE("enforce_usable_mx is null without an enforce policy, without an MX answer, and with a null MX") {
  CHECK_FALSE(judged(altered([](Look& l) { l.set_policy(policy({kMx1}, "testing")); })).enforce_usable_mx);
  CHECK_FALSE(judged(altered([](Look& l) { l.no_record(); })).enforce_usable_mx);
  CHECK_FALSE(judged(altered([](Look& l) { l.null_mx(); })).enforce_usable_mx);
  CHECK_FALSE(
      judged(altered([](Look& l) { l.domain.mx = unknown<MxAnswer>("example.com"); })).enforce_usable_mx);
  const auto twice = altered([](Look& l) { l.domain.mx = mx({{10, kHost}, {20, kHost}, {20, kOther}}); });
  CHECK((judged(twice).enforce_usable_mx == UsableMx{2, 2, 2}));  // `of` counts distinct hosts
}

TEST_CASE("mx[]: allowed by the policy shown, usable by itself") {
  SUBCASE("listed and good") {
    const auto v = judged(base());
    REQUIRE(v.mx.size() == 2);
    CHECK(v.mx[0].host == kHost);
    CHECK(v.mx[0].allowed == true);
    CHECK(v.mx[0].usable == true);
    CHECK(v.mx[0].addresses[0].tls_version == "TLSv1.3");
    CHECK_FALSE(v.mx[0].addresses[0].stage);
  }
  SUBCASE("not listed, and good all the same") {
    const auto v = judged(altered([](Look& l) { l.set_policy(policy({kMx1})); }));
    CHECK(v.mx[1].allowed == false);
    CHECK(v.mx[1].usable == true);
  }
  SUBCASE("no policy") { CHECK(judged(altered(not_deployed)).mx[0].allowed == std::nullopt); }
  SUBCASE("of several policies the one most addresses serve, also a leniently read one") {
    const auto v = judged(altered([](Look& l) {
      l.set_fetches({fetch(kWeb, policy({kMx1})), fetch(kWeb2), fetch("198.51.101.3", policy({kMx1}))});
    }));
    CHECK(v.policy.shown->mx == std::vector<std::string>{kHost});
    CHECK(v.mx[1].allowed == false);
    CHECK((v.enforce_usable_mx == UsableMx{1, 2, 2}));  // min over and max over the copies
  }
  SUBCASE("refused in one look: unreachable, usable stays null, observation-unknown") {
    const auto v = judged(altered(
        [](Look& l) { l.set_mx(mx_host(kHost, {failed_probe(kMail1, Stage::connect, Cause::refused)})); }));
    CHECK(v.mx[0].addresses[0].outcome == HostOutcome::unreachable);
    CHECK(v.mx[0].usable == std::nullopt);
    CHECK(has(v, "observation-unknown"));
    CHECK_FALSE(has(v, "mx-unreachable"));
  }
  SUBCASE("a certificate is kept also when it is bad, and the stage is where it ended") {
    const auto v = judged(
        altered([](Look& l) { l.set_mx(mx_host(kHost, {probe_showing(kMail1, kHost, expired(kHost))})); }));
    const auto& at = v.mx[0].addresses[0];
    CHECK(at.certificate);
    CHECK(at.stage == Stage::certificate);
    CHECK(at.result_type == "certificate-expired");
    CHECK(v.mx[0].usable == false);
  }
}

TEST_CASE("expect: below it and above absent (CONTRACT 2)") {
  const auto with = [](Limits::Expect expect, void (*alter)(Look&)) {
    auto look = altered(alter);
    look.limits.expect = expect;
    return judged(look);
  };
  using enum Limits::Expect;
  CHECK_FALSE(has(with(enforce, [](Look&) {}), "sts-mode-unexpected"));
  const auto below = with(enforce, [](Look& l) { l.set_policy(policy({kMx1, kMx2}, "testing")); });
  CHECK(has(below, "sts-mode-unexpected"));
  CHECK(below.status == Status::critical);
  CHECK(has(with(testing, not_deployed), "sts-mode-unexpected"));
  CHECK(has(with(absent, [](Look&) {}), "sts-policy-unexpected-appearance"));
  CHECK_FALSE(has(with(absent, not_deployed), "sts-policy-unexpected-appearance"));
}

TEST_CASE("a verdict on nothing at all accuses nobody") {
  const DomainObservation nothing(domain());
  const auto v = judge(nothing, {}, {}, {});
  CHECK(v.status == Status::unknown);
  for (const Finding& f : v.findings)
    CHECK(f.code == "observation-unknown");
}

TEST_CASE("words") {
  CHECK(to_string(Outcome::unreachable) == "unreachable");
  CHECK(to_string(HostOutcome::failed) == "failed");
  CHECK(to_string(Status::critical) == "critical");
}

}  // namespace stswatch::facts
