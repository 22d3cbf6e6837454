// lint tlsa: our vectors and the shared ones. Files of chains are named from where the vectors are.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/commands/lint.h"
#include "tests/vectors.h"

namespace {

using nlohmann::json;
using namespace stswatch;

/// Back where the test was begun, whatever happens.
struct In {
  explicit In(const std::filesystem::path& folder) { std::filesystem::current_path(folder); }
  ~In() { std::filesystem::current_path(before); }
  std::filesystem::path before = std::filesystem::current_path();
};

bool tlsa_agrees(const json& result, const json& expect) {
  return std::ranges::all_of(expect.items(), [&](const auto& entry) {
    return result.contains(entry.key()) &&
           (entry.value().is_null() ? entry.key() != "base_domain" || result.at(entry.key()).is_null()
                                    : result.at(entry.key()) == entry.value());
  });
}

}  // namespace

TEST_CASE("samples: tlsa.jsonl") {
  for (const std::string& path : vector_files(SOURCE_DIR, "tlsa.jsonl")) {
    std::ifstream in(path);
    REQUIRE(in);
    const In folder(std::filesystem::path(path).parent_path());
    int all = 0;
    for (std::string text; std::getline(in, text); ++all) {
      const json line = json::parse(text);
      const auto answer = lint_line("tlsa", line.at("input").dump());
      REQUIRE_MESSAGE(answer, line.at("id").get<std::string>());
      const json result = json::parse(*answer);
      bool good = tlsa_agrees(result, line.at("expect"));
      if (line.value("ambiguous", false))
        for (const json& other : line.value("alternatives", json::array()))
          good = good || tlsa_agrees(result, other);
      CHECK_MESSAGE(good, path, ": ", line.at("id").get<std::string>(), ": ", *answer);
    }
    CHECK(all > 0);
  }
}

TEST_CASE("a line of another shape is an error, a record that is none a verdict") {
  CHECK_FALSE(lint_line("tlsa", "[]"));
  CHECK_FALSE(lint_line("tlsa", R"({"kind":"connect"})"));
  CHECK_FALSE(lint_line("tlsa", R"({"kind":"connect","tlsa":[7],"dnssec":"secure","starttls":true})"));
  CHECK(lint_line("tlsa", R"({"kind":"presentation","text":""})") == R"({"parses":false,"usable":false})");
}

TEST_CASE("records as arguments: what they say by themselves") {
  const auto codes = [](const LintResult& result) {
    std::string out;
    for (const auto& f : result.findings)
      out += f.code + ' ';
    return out;
  };
  const std::string digest(64, 'a');
  const auto good = lint_tlsa_texts({"3 1 1 " + digest});
  CHECK(good.grade == LintGrade::valid);
  CHECK(codes(good).empty());
  const auto pkix = lint_tlsa_texts({"3 1 1 " + digest, "1 1 1 " + digest});
  CHECK(pkix.grade == LintGrade::departures);
  CHECK(codes(pkix) == "tlsa-usage-pkix ");
  CHECK(codes(lint_tlsa_texts({"3 1 1 " + digest + "aa"})) == "tlsa-unusable ");
  CHECK(lint_tlsa_texts({"3 1 1 " + digest, "3 1 1 abcd"}).grade == LintGrade::departures);
  CHECK(lint_tlsa_texts({"3 1 x"}).grade == LintGrade::invalid);
}
