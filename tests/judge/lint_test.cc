// lint: the rules of the checks on a text alone (CONTRACT 3).
#include "checks/judge/lint.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/judge/facts_builder.h"
#include "tests/vectors.h"

namespace stswatch::facts {
namespace {

std::string record(std::initializer_list<std::string_view> records) {
  return joined(told(lint_sts_record(txt("", records).records, kNow)));
}

std::string tlsrpt(std::initializer_list<std::string_view> records) {
  return joined(told(lint_tlsrpt_record(txt("", records).records, kNow)));
}

std::string lint_text(std::string_view body, std::vector<std::string> hosts = {}) {
  return joined(told(lint_policy(body, hosts, kNow)));
}

const FetchFacts kGood{"example.com", 200, "text/plain", std::nullopt, "ok", policy()};

struct FetchRow {
  const char* why;
  void (*alter)(FetchFacts&);
  bool usable;
  std::vector<std::string> codes;
};

const FetchRow kFetches[] = {
    {"in order", [](FetchFacts&) {}, true, {}},
    {"502 (F-200)", [](FetchFacts& f) { f.status = 502; }, false, {"sts-policy-http-status"}},
    {"307 (F-200)",
     [](FetchFacts& f) {
       f.status = 307;
       f.content_type.reset();
       f.location = "https://www.example.com/mta-sts.txt";
       f.body.clear();
     },
     false,
     {"sts-policy-http-redirect"}},
    {"401 with a policy", [](FetchFacts& f) { f.status = 401; }, false, {"sts-policy-http-status"}},
    {"another media type is told, and does not make it invalid (F-TYPE)",
     [](FetchFacts& f) { f.content_type = "text/json"; },
     true,
     {"sts-policy-content-type"}},
    {"no media type", [](FetchFacts& f) { f.content_type.reset(); }, true, {"sts-policy-content-type"}},
    {"garbage for a media type",
     [](FetchFacts& f) { f.content_type = "not a media type"; },
     true,
     {"sts-policy-content-type"}},
    {"expired", [](FetchFacts& f) { f.certificate = "expired"; }, false, {"sts-webpki-cert-expired"}},
    {"untrusted", [](FetchFacts& f) { f.certificate = "untrusted"; }, false, {"sts-webpki-not-trusted"}},
    {"another name (F-CERT)",
     [](FetchFacts& f) { f.certificate = "dns:www.example.com"; },
     false,
     {"sts-webpki-host-mismatch"}},
    {"partial wildcard (F-CERT)",
     [](FetchFacts& f) { f.certificate = "dns:mta-*.example.com"; },
     false,
     {"sts-webpki-host-mismatch"}},
    {"wildcard (§3.3)", [](FetchFacts& f) { f.certificate = "dns:*.example.com"; }, true, {}},
    {"SAN in capitals", [](FetchFacts& f) { f.certificate = "dns:MTA-STS.Example.com"; }, true, {}},
    {"CN alone (§3.3 DNS-ID)",
     [](FetchFacts& f) { f.certificate = "cn:mta-sts.example.com"; },
     false,
     {"sts-webpki-cn-only"}},
    {"CN of another host",
     [](FetchFacts& f) { f.certificate = "cn:www.example.com"; },
     false,
     {"sts-webpki-host-mismatch"}},
    {"a kind that nobody knows is not trusted",
     [](FetchFacts& f) { f.certificate = "odd"; },
     false,
     {"sts-webpki-not-trusted"}},
    {"a page", [](FetchFacts& f) { f.body = "<html></html>"; }, false, {"sts-policy-html-body"}},
    {"a bad domain gets a verdict (CONTRACT 3)",
     [](FetchFacts& f) { f.policy_domain = "no domain"; },
     false,
     {}},
};

}  // namespace

TEST_CASE("lint sts-record: severities of mode enforce (CONTRACT 3)") {
  CHECK(record({kRecord}).empty());
  CHECK(record({"v=STSv1; id=2026-11-01"}) == "sts-txt-id-invalid record critical\n");
  CHECK(record({"v=STSv1; id=1", "v=STSv1; id=2"}) == "sts-txt-multiple record critical\n");
  CHECK(record({"v=spf1 -all"}) == "sts-txt-other-records-present record info\n");
  CHECK(record({}).empty());
  CHECK(lint_sts_record(txt("", {"v=STSv1 id=1"}).records)[0].detail.find("assumed") == std::string::npos);
}

TEST_CASE("lint tlsrpt-record") {
  CHECK(tlsrpt({kTlsrpt}).empty());
  CHECK(tlsrpt({"v=TLSRPTv1; rua=a@example.net"}) == "tlsrpt-rua-scheme record warning\n");
  CHECK(tlsrpt({}) == "tlsrpt-missing record warning\n");
}

TEST_CASE("lint policy: severities of the text's own mode, enforce when none is readable (CONTRACT 3)") {
  CHECK(lint_text(policy()).empty());
  CHECK(lint_text(policy({kMx1}) + "\r\n\r\n") == "sts-policy-nonconforming-line policy warning\n");
  CHECK(lint_text(policy({}, "testing")) == "sts-policy-mx-missing policy warning\n");
  CHECK(lint_text(policy({})) == "sts-policy-mx-missing policy critical\n");
  CHECK(lint_text(policy({kMx1}, "report")) == "sts-policy-mode-invalid policy critical\n");
  CHECK(lint_text("") == "sts-policy-invalid policy critical\n");
  CHECK(lint_text("<html>") == "sts-policy-html-body policy critical\n");
  CHECK(lint_text(policy({kMx1}, "enforce", "0")) == "sts-policy-max-age-zero policy critical\n");
  CHECK(lint_text(policy({kMx1}, "enforce", "86400")) == "sts-max-age-short policy info\n");
  CHECK(lint_text(policy({kMx1}, "enforce", "86399")) == "sts-max-age-short policy warning\n");
  CHECK(lint_text(policy({kMx1}, "none")) == "sts-mode-none-published policy info\n");
  CHECK(lint_text(policy({kMx1}, "testing")).empty());  // neither readiness nor TLSRPT: nothing was looked at
  CHECK(lint_text(policy({"*.example.com"})).empty());  // whose domain it is, nobody said
  CHECK(lint_text(policy() + "x: " + std::string(70000, 'x')) == "sts-policy-too-large policy critical\n");
}

TEST_CASE("lint policy --mx: hosts against the patterns (RFC 8461 §4.1)") {
  CHECK(lint_text(policy(), {"mx1.example.com", "mx2.example.com"}).empty());
  CHECK(lint_text(policy({"*.example.com"}), {"MX1.Example.com"}).empty());
  CHECK(lint_text(policy(), {"mx1.example.com", "mx3.example.com"}) ==
        "mx-not-in-policy mx3.example.com critical\n");
  CHECK(lint_text(policy({"*.example.com"}), {"a.b.example.com"}) == "mx-none-in-policy policy critical\n");
  CHECK(lint_text(policy({kMx1}, "testing"), {"mx9.example.com"}) == "mx-none-in-policy policy warning\n");
  CHECK(lint_text(policy({kMx1}, "none"), {"mx9.example.com"}) == "sts-mode-none-published policy info\n");
  CHECK_MESSAGE(lint_text("", {"mx9.example.com"}) == "sts-policy-invalid policy critical\n",
                "no policy to hold it against");
}

TEST_CASE("lint policy-fetch: the judgement of a fetch from its facts (CONTRACT 3)") {
  for (const FetchRow& row : kFetches) {
    CAPTURE(row.why);
    FetchFacts told = kGood;
    row.alter(told);
    const FetchLint lint = lint_policy_fetch(told, kNow);
    CHECK(lint.usable == row.usable);
    CHECK(joined(codes(lint.findings)) == joined(row.codes));
  }
}

TEST_CASE("samples: policy_fetch.jsonl") {
  std::vector<std::string> rows;
  for (const std::string& file : vector_files(SOURCE_DIR, "policy_fetch.jsonl")) {
    std::ifstream in(file);
    for (std::string row; std::getline(in, row);)
      rows.push_back(row);
  }
  for (const std::string& row : rows) {
    const auto line = nlohmann::json::parse(row);
    const auto& input = line.at("input");
    const auto optional = [&](const char* key) {
      return input.at(key).is_null() ? std::nullopt : std::optional(input.at(key).get<std::string>());
    };
    const FetchFacts told{input.at("policy_domain"), input.at("status"),      optional("content_type"),
                          optional("location"),      input.at("certificate"), input.at("body")};
    const bool usable = lint_policy_fetch(told, kNow).usable;
    bool good = usable == line.at("expect").at("usable");
    for (const auto& other : line.value("alternatives", nlohmann::json::array()))
      good = good || usable == other.at("usable");
    CHECK_MESSAGE(good, line.at("id").get<std::string>());
  }
}

}  // namespace stswatch::facts
