#include "agent/commands/saved_files.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/vectors.h"

namespace stswatch {
namespace {

using nlohmann::json;

/// Every part of `want` is in `got`; what `want` does not speak of may be there.
bool agrees(const json& got, const json& want) {
  if (!want.is_object()) return got == want;
  if (!got.is_object()) return false;
  for (const auto& [key, value] : want.items())
    if (!got.contains(key) || !agrees(got[key], value)) return false;
  return true;
}

const char* const kWorld = R"({"now":"2026-12-01T00:00:00Z","domain":"example.com",
  "policies":[{"name":"P1","mode":"enforce","mx":["mx1.example.com"],"max_age":604800,
               "first":"2026-06-01T00:00:00Z","last_ub":"2026-12-01T00:00:00Z"}],
  "ids":[{"id":"A","first":"2026-06-01T00:00:00Z","last_ub":"2026-12-01T00:00:00Z","ttl":3600}],
  "current_policy":"P1","current_id":"A","policy_host_not_after":null,"policy_host_not_before":null,
  "mx":[{"preference":10,"host":"mx1.example.com","addresses":[
    {"address":"192.0.2.1","reachable":null,"starttls":true,"trusted":true,"dns_names":["mx1.example.com"],
     "not_before":null,"not_after":"2027-01-01T00:00:00Z"}]}],
  "mx_ttl":600})";

}  // namespace

TEST_CASE("the worked worlds of the samples, to the second at both levels (CONTRACT 4)") {
  for (const std::string& path : vector_files(SOURCE_DIR, "world.jsonl")) {
    std::ifstream in(path);
    int worlds = 0;
    for (std::string line; std::getline(in, line);) {
      if (line.empty()) continue;
      const json sample = json::parse(line);
      const std::string notes = sample["notes"];
      CAPTURE(path);
      CAPTURE(notes);
      const auto world = read_world(sample["input"].dump());
      REQUIRE(world.has_value());
      const json got = json::parse(to_json(simulate(*world)).dump());
      CAPTURE(got.dump());
      CHECK(agrees(got, sample["expect"]));
      ++worlds;
    }
    CHECK(worlds >= 5);
  }
}

TEST_CASE("a world that is written out reads as the same world") {
  const auto world = read_world(kWorld);
  REQUIRE(world.has_value());
  CHECK(json::parse(to_json(*world).dump()) == json::parse(kWorld));
  CHECK(to_json(*read_world(to_json(*world).dump())) == to_json(*world));
}

TEST_CASE("a host whose address is unknown breaks nothing, and is not certain either") {
  const auto result = json::parse(to_json(simulate(*read_world(kWorld))).dump());
  CHECK(result["rfc"]["usable"] == json({{"min", 0}, {"max", 1}, {"of", 1}}));
  CHECK(result["status"] == "unknown");
}

TEST_CASE("a file that is no world is refused, and the error names the part at fault") {
  struct Row {
    const char *what, *path, *value, *named;
  };
  for (const Row& row : {
           Row{"no time", "/now", "\"yesterday\"", "now"},
           Row{"a time with a fraction", "/now", "\"2026-12-01T00:00:00.5Z\"", "now"},
           Row{"an unknown mode", "/policies/0/mode", "\"report\"", "policies[0].mode"},
           Row{"a negative life", "/policies/0/max_age", "-1", "policies[0].max_age"},
           Row{"patterns that are no strings", "/policies/0/mx", "[1]", "policies[0].mx"},
           Row{"a current policy that is not listed", "/current_policy", "\"P9\"", "current_policy"},
           Row{"a current id that is not listed", "/current_id", "\"Z\"", "current_id"},
           Row{"hosts that are no list", "/mx", "{}", "mx"},
           Row{"an address that is no object", "/mx/0/addresses", "[5]", "mx[0].addresses[0]"},
       }) {
    CAPTURE(row.what);
    json world = json::parse(kWorld);
    world[json::json_pointer(row.path)] = json::parse(row.value);
    const auto read = read_world(world.dump());
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().find(row.named) == 0);
  }
  CHECK_FALSE(read_world("").has_value());
  CHECK_FALSE(read_world("[]").has_value());
  CHECK_FALSE(read_world(std::string(100000, '[')).has_value());
}

}  // namespace stswatch
