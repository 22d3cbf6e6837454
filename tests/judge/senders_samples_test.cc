// The worked worlds of samples/world.jsonl, to the second at both levels (CONTRACT 4).
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "checks/judge/senders.h"

namespace stswatch {
namespace {

using nlohmann::json;

std::optional<std::filesystem::path> samples() {
  const char* given = std::getenv("STSWATCH_SAMPLES");
  for (const std::filesystem::path folder : {given ? given : "", SOURCE_DIR "/../shared/samples"}) {
    if (!folder.empty() && std::filesystem::exists(folder / "world.jsonl")) return folder / "world.jsonl";
  }
  return std::nullopt;
}

std::optional<TimePoint> time_of(const json& from, const char* key) {
  if (!from.contains(key) || from[key].is_null()) return std::nullopt;
  return parse_utc(from[key].get<std::string>());
}

std::optional<std::string> text_of(const json& from, const char* key) {
  if (from[key].is_null()) return std::nullopt;
  return from[key].get<std::string>();
}

WorldMx read_mx(const json& from) {
  WorldMx mx{from["preference"], from["host"], {}};
  for (const json& a : from["addresses"]) {
    WorldAddress address;
    address.address = a["address"];
    if (!a["reachable"].is_null()) address.reachable = a["reachable"].get<bool>();
    address.starttls = a["starttls"];
    address.trusted = a["trusted"];
    address.dns_names = a["dns_names"].get<std::vector<std::string>>();
    address.not_before = time_of(a, "not_before");
    address.not_after = time_of(a, "not_after");
    mx.addresses.push_back(address);
  }
  return mx;
}

World read_world(const json& from) {
  World w;
  w.now = *time_of(from, "now");
  w.domain = from["domain"];
  for (const json& p : from["policies"]) {
    w.policies.push_back({p["name"], *parse_mode(p["mode"].get<std::string>()),
                          p["mx"].get<std::vector<std::string>>(), p["max_age"], *time_of(p, "first"),
                          *time_of(p, "last_ub")});
  }
  for (const json& i : from["ids"]) {
    w.ids.push_back({i["id"], *time_of(i, "first"), *time_of(i, "last_ub"), i["ttl"]});
  }
  w.current_policy = text_of(from, "current_policy");
  w.current_id = text_of(from, "current_id");
  w.policy_host_not_after = time_of(from, "policy_host_not_after");
  for (const json& mx : from["mx"])
    w.mx.push_back(read_mx(mx));
  return w;
}

json point(const std::optional<TimePoint>& at) { return at ? json{{"at", to_utc(*at)}} : json(nullptr); }

json point(const std::optional<WorldPoint>& p) { return p ? point(std::optional(p->at)) : json(nullptr); }

/// Only what the sample asks for: at level field it does not speak of a lapse.
json as_sample(const LevelResult& level, const json& asked) {
  json out;
  out["usable"] = nullptr;
  if (level.usable) {
    out["usable"] = {{"min", level.usable->min}, {"max", level.usable->max}, {"of", level.usable->of}};
  }
  out["degradation"] = point(level.degradation);
  out["breakage"] = point(level.breakage);
  out["recovery"] = point(level.recovery);
  if (asked.contains("lapse")) out["lapse"] = point(level.lapse);
  return out;
}

}  // namespace

TEST_CASE("samples/world.jsonl, to the second at both levels (CONTRACT 4)") {
  const auto path = samples();
  if (!path) {
    MESSAGE("no samples: set STSWATCH_SAMPLES");
    return;
  }
  std::ifstream in(*path);
  std::string line;
  int worlds = 0;
  while (std::getline(in, line)) {
    if (line.empty()) continue;
    const json sample = json::parse(line);
    const std::string notes = sample["notes"];
    CAPTURE(notes);
    const Simulation got = simulate(read_world(sample["input"]));
    const json& want = sample["expect"];
    CHECK(as_sample(got.rfc, want["rfc"]) == want["rfc"]);
    CHECK(as_sample(got.field, want["field"]) == want["field"]);
    ++worlds;
  }
  CHECK(worlds >= 19);
}

}  // namespace stswatch
