// The test vectors of the texts, ours and the shared ones: ambiguous ones may be read in any of the ways
// given.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "checks/facts/policy.h"
#include "checks/facts/records.h"
#include "tests/vectors.h"

namespace {

using nlohmann::json;
using namespace stswatch;

std::string from_hex(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return out;
}

std::string octets_in_base64(const std::string& text) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned held = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string::npos) continue;
    held = held << 6U | static_cast<unsigned>(value);
    bits += 6;
    if (bits >= 8) out += static_cast<char>(held >> (bits -= 8) & 0xFFU);
  }
  return out;
}

std::vector<TxtRecord> rrset(const json& line) {
  const bool hex = line.contains("input_hex");
  std::vector<TxtRecord> out;
  for (const json& record : line.at(hex ? "input_hex" : "input")) {
    TxtRecord& txt = out.emplace_back();
    for (const json& s : record) {
      txt.strings.push_back(hex ? from_hex(s.get<std::string>()) : s.get<std::string>());
    }
  }
  return out;
}

/// Counts a line as passed on `expect` or, where the text leaves room, on any alternative.
using Judge = std::function<bool(const json& line, const json& expect)>;

void run(const std::string& file, const Judge& judge) {
  for (const std::string& path : vector_files(SOURCE_DIR, file)) {
    std::ifstream in(path);
    REQUIRE(in);
    int all = 0;
    for (std::string text; std::getline(in, text);) {
      if (text.empty()) continue;
      const json line = json::parse(text);
      bool good = judge(line, line.at("expect"));
      if (line.value("ambiguous", false)) {
        for (const json& other : line.value("alternatives", json::array())) {
          good = good || judge(line, other);
        }
      }
      ++all;
      CHECK_MESSAGE(good, path, ": ", line.at("id").get<std::string>());
    }
    CHECK_MESSAGE(all > 0, path);
  }
}

template <class Verdict>
bool verdict_fits(const json& line, const json& expect, Verdict verdict) {
  const std::string said = verdict == Verdict::valid  ? "valid"
                           : verdict == Verdict::none ? "none"
                                                      : "invalid";
  if (expect.value("verdict", said) == said) return true;
  const json accepted = line.value("accept", json::array());
  const bool same_use = expect.at("usable") == line.at("expect").at("usable");
  return same_use && std::find(accepted.begin(), accepted.end(), said) != accepted.end();
}

bool pairs_fit(const json& expect, const std::vector<std::pair<std::string, std::string>>& got) {
  if (!expect.contains("extensions")) return true;
  json seen = json::array();
  for (const auto& [key, value] : got) {
    seen.push_back({key, value});
  }
  return seen == expect.at("extensions");
}

}  // namespace

TEST_CASE("samples: sts_record.jsonl") {
  run("sts_record.jsonl", [](const json& line, const json& expect) {
    const StsRecordReading r = read_sts_records(rrset(line));
    if (r.usable() != expect.at("usable") || !verdict_fits(line, expect, r.verdict)) return false;
    if (expect.value("reason", "") == "multiple_records" && !r.has(StsRecordFault::multiple)) return false;
    if (!r.usable()) return !r.departures.empty();
    return r.id == expect.at("id").get<std::string>() && pairs_fit(expect, r.extensions);
  });
}

TEST_CASE("samples: policy.jsonl") {
  run("policy.jsonl", [](const json& line, const json& expect) {
    const PolicyReading r = read_policy(octets_in_base64(line.at("input").at("body_b64")));
    if (line.value("level", "") == "must-flag" && r.departures.empty()) return false;
    if (r.valid() != expect.at("valid")) return false;
    if (!r.valid()) return !r.departures.empty();
    const auto listed = expect.at("mx").get<std::multiset<std::string>>();
    return to_string(r.strict->mode) == expect.at("mode").get<std::string>() &&
           r.strict->max_age == expect.at("max_age").get<std::uint64_t>() &&
           std::multiset<std::string>(r.strict->mx.begin(), r.strict->mx.end()) == listed &&
           pairs_fit(expect, r.strict->extensions) && r.lenient == r.strict;
  });
}

TEST_CASE("samples: mx_match.jsonl") {
  run("mx_match.jsonl", [](const json& line, const json& expect) {
    const json& input = line.at("input");
    const auto patterns = input.at("patterns").get<std::vector<std::string>>();
    return matches_any(input.at("mx").get<std::string>(), patterns) == expect.at("match");
  });
}

TEST_CASE("samples: tlsrpt_record.jsonl") {
  run("tlsrpt_record.jsonl", [](const json& line, const json& expect) {
    const TlsrptReading r = read_tlsrpt_records(rrset(line));
    if (r.usable() != expect.at("usable") || !verdict_fits(line, expect, r.verdict)) return false;
    if (json(r.rua) != expect.at("rua")) return false;
    if (expect.contains("deliverable") && json(r.deliverable) != expect.at("deliverable")) return false;
    return !r.usable() || pairs_fit(expect, r.extensions);
  });
}
