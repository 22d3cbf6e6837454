// The shared samples of reports, and our own: real reporters, and texts that must not be counted.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "checks/reports/read.h"
#include "tests/vectors.h"

namespace {

using nlohmann::json;
using namespace stswatch;

std::string octets_of(const json& input, const std::string& path) {
  if (input.contains("text")) return input.at("text").get<std::string>();
  const auto folder = path.substr(0, path.rfind('/') + 1);
  std::ifstream file(folder + input.at("file").get<std::string>(), std::ios::binary);
  REQUIRE(file);
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json as_json(const TlsReport& r) {
  json policies = json::array();
  std::map<std::string, std::uint64_t> by_type;
  std::uint64_t successful = 0, failed = 0, details = 0;
  for (const auto& p : r.policies) {
    json rows = json::array();
    for (const auto& f : p.failures) {
      rows.push_back({{"result_type", f.result_type},
                      {"count", f.sessions},
                      {"sending_mta_ip", or_null(f.sending_ip)},
                      {"receiving_mx_hostname", or_null(f.mx)},
                      {"receiving_ip", or_null(f.receiving_ip)},
                      {"failure_reason_code", or_null(f.reason)}});
      by_type[f.result_type] += f.sessions;
      details += f.sessions;
    }
    policies.push_back({{"type", p.type},
                        {"domain", or_null(p.domain)},
                        {"policy_string", p.policy_string},
                        {"mx_host", p.mx_host},
                        {"successful", p.successful},
                        {"failed", p.failed},
                        {"failure_details", rows}});
    successful += p.successful;
    failed += p.failed;
  }
  return {{"parse", "ok"},
          {"organization", r.organization},
          {"report_id", r.report_id},
          {"contact", r.contact ? json(*r.contact) : json(nullptr)},
          {"start", to_utc(r.start)},
          {"end", to_utc(r.end)},
          {"policies", policies},
          {"totals", {{"successful", successful}, {"failed", failed}, {"failure_details", details}}},
          {"by_result_type", by_type}};
}

/// Every word that is expected is there; what is not mentioned may be anything.
bool agrees(const json& got, const json& expect) {
  for (const auto& [key, value] : expect.items())
    if (!got.contains(key) || got.at(key) != value) return false;
  return true;
}

}  // namespace

TEST_CASE("samples: tlsrpt_report.jsonl") {
  for (const auto& path : vector_files(SOURCE_DIR, "tlsrpt_report.jsonl")) {
    std::ifstream in(path);
    REQUIRE(in);
    int all = 0;
    for (std::string text; std::getline(in, text);) {
      const auto line = json::parse(text);
      const auto media_type = line.at("input").value("media_type", "");
      const auto reading =
          reports::read_tls_report(octets_of(line.at("input"), path), {.media_type = media_type});
      const bool ok = reading.parse == reports::Reading::Parse::ok;
      const auto got = ok ? as_json(reading.report) : json{{"parse", reports::to_string(reading.parse)}};
      const auto fits = [&](const json& expect) {
        return expect.at("parse") == "either" || agrees(got, expect);
      };
      bool good = fits(line.at("expect"));
      if (line.value("ambiguous", false) && !line.at("expect").contains("never"))
        for (const auto& other : line.value("alternatives", json::array()))
          good = good || fits(other);
      CHECK_MESSAGE(good, line.at("id").get<std::string>(), ": ", got.dump());
      CHECK(ok == reading.why.empty());
      ++all;
    }
    CHECK(all > 0);
  }
}
