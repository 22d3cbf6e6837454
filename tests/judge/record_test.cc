// Group A: the TXT record at _mta-sts.D.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

void nothing_published(Look& l) {
  l.no_record();
  l.no_policy_host();
}

TxtAnswer stray(std::string name) { return txt(std::move(name), {kRecord}); }

const std::string kName = "_mta-sts.example.com";

const Row kFaults[] = {
    {"base set-up (scenario 1)", [](Look&) {}, {}},
    {"id with hyphens (§3.1 sts-id; scenario 5)",
     [](Look& l) { l.set_record({"v=STSv1; id=2026-11-01"}); },
     {"sts-txt-id-invalid example.com critical"}},
    {"no id (§3.1 required)",
     [](Look& l) { l.set_record({"v=STSv1; x=1;"}); },
     {"sts-txt-id-missing example.com critical"}},
    {"two records (§3.1 not one; scenario 6)",
     [](Look& l) {
       l.set_record({"v=STSv1; id=1;", "v=STSv1; id=2;"});
     },
     {"sts-txt-multiple example.com critical"}},
    {"no semicolon (§3.1 ABNF; scenario 7)",
     [](Look& l) { l.set_record({"v=STSv1 id=1"}); },
     {"sts-txt-syntax-invalid example.com critical"}},
    {"version in lower case (§3.1 %s)",
     [](Look& l) { l.set_record({"v=stsv1; id=1;"}); },
     {"sts-txt-version-invalid example.com critical"}},
    {"version behind the id (§3.1 MUST begin)",
     [](Look& l) { l.set_record({"id=1; v=STSv1;"}); },
     {"sts-txt-version-not-first example.com critical"}},
    {"id twice (§3.2 first counts): valid",
     [](Look& l) { l.set_record({"v=STSv1; id=1; id=2;"}); },
     {"sts-txt-duplicate-field example.com warning"}},
    {"white space before the delimiter (erratum 6285)",
     [](Look& l) { l.set_record({"v=STSv1 ; id=1;"}); },
     {"sts-txt-space-before-delimiter example.com warning"}},
    {"white space at the end (§3.1 ABNF)",
     [](Look& l) { l.set_record({"v=STSv1; id=1 "}); },
     {"sts-txt-trailing-data example.com warning"}},
    {"typographic quotes (§3.1 US-ASCII)",
     [](Look& l) {
       l.set_record(
           {"v=STSv1; id=\xE2\x80\x9C"
            "1;"});
     },
     {"sts-txt-non-ascii example.com critical"}},
    {"a stranger beside the record (§3.1 discarded)",
     [](Look& l) {
       l.set_record({kRecord, "v=spf1 -all"});
     },
     {"sts-txt-other-records-present example.com info"}},
    {"extension fields are nothing to tell (§3.1)",
     [](Look& l) { l.set_record({"v=STSv1; id=1; x-note=hello;"}); },
     {}},
};

const Row kAbsence[] = {
    {"nothing published (scenario 2)", nothing_published, {"sts-not-deployed example.com info"}},
    {"a policy host that answers 404 proves nothing: DNS wildcards are common",
     [](Look& l) {
       l.no_record();
       l.set_fetches({fetch(kWeb, "not found", 404)});
     },
     {"sts-not-deployed example.com info"}},
    {"only strangers at the name: discarded (§3.1)",
     [](Look& l) {
       nothing_published(l);
       l.set_record({"v=spf1 -all"});
     },
     {"sts-not-deployed example.com info", "sts-txt-other-records-present example.com info"}},
    {"a text that a wildcard makes of every name: nobody wrote it there (RFC 4592)",
     [](Look& l) {
       nothing_published(l);
       l.set_record({"v=spf1 -all"});
       l.domain.sts_sibling = txt("_0.example.com", {"v=spf1 -all"});
     },
     {"sts-not-deployed example.com info"}},
    {"a wildcard's text in the version's name that nobody can use",
     [](Look& l) {
       nothing_published(l);
       l.set_record({"v=STSv1"});
       l.domain.sts_sibling = txt("_0.example.com", {"v=STSv1"});
     },
     {"sts-not-deployed example.com info"}},
    {"a wildcard's good record is as good as any", [](Look& l) { l.domain.sts_sibling = l.domain.sts; }, {}},
    {"an alias to nowhere that a wildcard makes of every name",
     [](Look& l) {
       nothing_published(l);
       point_cname(l.domain.sts, {"gone.parking.example"});
       l.domain.sts_sibling = absent<TxtAnswer>("_0.example.com");
       point_cname(l.domain.sts_sibling, {"gone.parking.example"});
     },
     {"sts-not-deployed example.com info"}},
    {"an alias to elsewhere than the wildcard's was meant",
     [](Look& l) {
       nothing_published(l);
       point_cname(l.domain.sts, {"_mta-sts.provider.net"});
       l.domain.sts_sibling = absent<TxtAnswer>("_0.example.com");
       point_cname(l.domain.sts_sibling, {"gone.parking.example"});
     },
     {"sts-txt-cname-dangling example.com critical"}},
    {"nobody answers for the sibling: silence is no wildcard",
     [](Look& l) {
       nothing_published(l);
       point_cname(l.domain.sts, {"_mta-sts.provider.net"});
       l.domain.sts_sibling = unknown<TxtAnswer>("_0.example.com");
     },
     {"sts-txt-cname-dangling example.com critical"}},
    {"a valid policy, no record: live mode is the policy's",
     [](Look& l) { l.no_record(); },
     {"sts-policy-without-txt example.com warning"}},
    {"a policy that only tolerant senders read counts too: nothing else would tell of it",
     [](Look& l) {
       l.no_record();
       l.set_policy("\r\n" + policy());
     },
     {"sts-policy-without-txt example.com warning"}},
    {"the record at a wrong name (scenario 8)",
     [](Look& l) {
       l.no_record();
       l.domain.misplaced = {stray("_mta-sts.example.com.example.com")};
     },
     {"sts-policy-without-txt example.com warning", "sts-txt-wrong-name example.com warning"}},
    {"the record at a wrong name and no policy",
     [](Look& l) {
       nothing_published(l);
       l.domain.misplaced = {stray("mta-sts.example.com")};
     },
     {"sts-txt-wrong-name example.com info"}},
    {"other texts at a wrong name are none of ours",
     [](Look& l) {
       nothing_published(l);
       l.domain.misplaced = {txt("example.com", {"v=spf1 -all"}), unknown<TxtAnswer>("mta-sts.example.com")};
     },
     {"sts-not-deployed example.com info"}},
    {"a record at the right name: a second one elsewhere is not asked about",
     [](Look& l) { l.domain.misplaced = {stray("mta-sts.example.com")}; },
     {}},
    {"silence is not absence", [](Look& l) { l.domain.sts = unknown<TxtAnswer>(kName); }, {}},
};

const Row kDns[] = {
    {"a CNAME that leads to the record (§3.1 MUST be followed)",
     [](Look& l) { point_cname(l.domain.sts, {"_mta-sts.provider.net"}); },
     {}},
    {"a CNAME to NXDOMAIN",
     [](Look& l) {
       l.no_record();
       point_cname(l.domain.sts, {"gone.provider.net"});
     },
     {"sts-txt-cname-dangling example.com critical"}},
    {"a CNAME to NODATA, no policy either: enforce is assumed",
     [](Look& l) {
       nothing_published(l);
       l.domain.sts.nxdomain = false;
       point_cname(l.domain.sts, {"gone.provider.net"});
     },
     {"sts-txt-cname-dangling example.com critical"}},
    {"a CNAME to strangers only: no usable record",
     [](Look& l) {
       l.set_record({"hello"});
       point_cname(l.domain.sts, {"_mta-sts.provider.net"});
     },
     {"sts-txt-cname-dangling example.com critical", "sts-txt-other-records-present example.com info"}},
    {"a CNAME to a malformed record: the precise code alone",
     [](Look& l) {
       l.set_record({"v=STSv1 id=1"});
       point_cname(l.domain.sts, {"_mta-sts.provider.net"});
     },
     {"sts-txt-syntax-invalid example.com critical"}},
    {"a CNAME whose target's servers are silent is unknown",
     [](Look& l) {
       l.domain.sts = unknown<TxtAnswer>(kName);
       point_cname(l.domain.sts, {"_mta-sts.provider.net"});
     },
     {}},
    {"a CNAME loop, or a chain too long",
     [](Look& l) {
       l.domain.sts = unknown<TxtAnswer>(kName);
       point_cname(l.domain.sts, {"a.example.com", "b.example.com", "a.example.com"});
       l.domain.sts.cname_loop = true;
     },
     {"sts-txt-cname-chain example.com warning"}},
    {"TTL of a day: info", [](Look& l) { l.domain.sts.ttl = 86400; }, {"sts-txt-ttl-long example.com info"}},
    {"TTL over a day: warning in enforce",
     [](Look& l) { l.domain.sts.ttl = 86401; },
     {"sts-txt-ttl-long example.com warning"}},
    {"TTL of an hour is fine", [](Look& l) { l.domain.sts.ttl = 3600; }, {}},
    {"the TTL of an absence is no matter",
     [](Look& l) {
       nothing_published(l);
       l.domain.sts.ttl = 172800;
     },
     {"sts-not-deployed example.com info"}},
};

const Row kModes[] = {
    {"live mode testing: warning",
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "testing"));
       l.set_record({"v=STSv1; id=a-b"});
     },
     {"sts-txt-id-invalid example.com warning"}},
    {"live mode none: info",
     [](Look& l) {
       l.set_policy(policy({kMx1, kMx2}, "none"));
       l.set_record({"v=STSv1; id=a-b"});
     },
     {"sts-txt-id-invalid example.com info"}},
};

}  // namespace

TEST_CASE("a record's departures (RFC 8461 §3.1, RULES 3.2 A)") { CHECK_ROWS(judge_record, kFaults); }
TEST_CASE("no record (RULES 3.2 A)") { CHECK_ROWS(judge_record, kAbsence); }
TEST_CASE("aliases and TTL (RULES 3.2 A)") { CHECK_ROWS(judge_record, kDns); }
TEST_CASE("severity follows the live mode (RULES 0.3)") { CHECK_ROWS(judge_record, kModes); }

TEST_CASE("an assumed live mode is said (CONTRACT 2)") {
  auto look = base();
  look.set_record({"v=STSv1 id=1"});
  look.no_policy_host();
  const auto all = judged(look, judge_record);
  REQUIRE(all.size() == 1);
  CHECK(all[0].detail.find("assumed") != std::string::npos);
  look.set_fetches({fetch()});
  CHECK(judged(look, judge_record)[0].detail.find("assumed") == std::string::npos);
}

TEST_CASE("the detail shows what was seen") {
  auto look = base();
  look.set_record({"v=STSv1; id=2026-11-01;"});
  CHECK(judged(look, judge_record)[0].detail.find("2026-11-01") != std::string::npos);
  look.set_record({kRecord, "v=spf1 -all"});
  CHECK(judged(look, judge_record)[0].detail.find("v=spf1 -all") != std::string::npos);
}

// Group K: the TLSRPT record at _smtp._tls.D.

namespace {

const std::string kTlsrptName = "_smtp._tls.example.com";

void set_tlsrpt(Look& l, std::initializer_list<std::string_view> records) {
  l.domain.tlsrpt = txt(kTlsrptName, records);
}

const Row kTlsrptRows[] = {
    {"base set-up (scenario 1)", [](Look&) {}, {}},
    {"NXDOMAIN (§3)", [](Look& l) { l.no_tlsrpt(); }, {"tlsrpt-missing _smtp._tls.example.com warning"}},
    {"strangers only: discarded (§3)",
     [](Look& l) { set_tlsrpt(l, {"v=spf1 -all"}); },
     {"tlsrpt-missing _smtp._tls.example.com warning"}},
    {"a stranger beside the record",
     [](Look& l) {
       set_tlsrpt(l, {kTlsrpt, "v=spf1 -all"});
     },
     {}},
    {"silence is not absence", [](Look& l) { l.domain.tlsrpt = unknown<TxtAnswer>(kTlsrptName); }, {}},
    {"two records (§3 not one)",
     [](Look& l) {
       set_tlsrpt(l, {kTlsrpt, "v=TLSRPTv1; rua=https://r.example.net/"});
     },
     {"tlsrpt-multiple _smtp._tls.example.com warning"}},
    {"version in lower case (§3 %s): the one cause",
     [](Look& l) { set_tlsrpt(l, {"v=tlsrptv1; rua=mailto:a@example.net"}); },
     {"tlsrpt-syntax-invalid _smtp._tls.example.com warning"}},
    {"no semicolon behind the version (RULES 3.1)",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1 rua=mailto:a@example.net"}); },
     {"tlsrpt-syntax-invalid _smtp._tls.example.com warning"}},
    {"no rua (§3 required)",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; x=1"}); },
     {"tlsrpt-rua-missing _smtp._tls.example.com warning"}},
    {"a bare address",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; rua=a@example.net"}); },
     {"tlsrpt-rua-scheme _smtp._tls.example.com warning"}},
    {"plain http (§3 two schemes)",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; rua=http://r.example.net/"}); },
     {"tlsrpt-rua-scheme _smtp._tls.example.com warning"}},
    {"a DMARC size suffix (§3 MUST be encoded)",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; rua=mailto:a@example.net!10m"}); },
     {"tlsrpt-rua-encoding _smtp._tls.example.com warning"}},
    {"the only address is at the domain",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; rua=mailto:tls@Example.COM"}); },
     {"tlsrpt-rua-same-domain _smtp._tls.example.com info"}},
    {"all addresses are at the domain",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; rua=mailto:a@example.com,mailto:b@example.com?subject=x"}); },
     {"tlsrpt-rua-same-domain _smtp._tls.example.com info"}},
    {"a second address elsewhere",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; rua=mailto:a@example.com,https://r.example.net/tls"}); },
     {}},
    {"an https URL at the domain is no mailbox there",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; rua=https://reports.example.com/tls"}); },
     {}},
    {"a mailbox at a sub-domain is not at the domain itself",
     [](Look& l) { set_tlsrpt(l, {"v=TLSRPTv1; rua=mailto:a@reports.example.com"}); },
     {}},
    {"live mode none: info (scenario 2)",
     [](Look& l) {
       l.no_tlsrpt();
       l.no_record();
       l.no_policy_host();
     },
     {"tlsrpt-missing _smtp._tls.example.com info"}},
};

}  // namespace

TEST_CASE("the TLSRPT record (RFC 8460 §3, RULES 3.2 K)") { CHECK_ROWS(judge_tlsrpt, kTlsrptRows); }

}  // namespace stswatch::facts
