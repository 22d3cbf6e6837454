#include "agent/commands/fleet.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/remember/store.h"
#include "checks/facts/text.h"
#include "config/load.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

bool is_held(const FleetShard& shard) { return !shard.holder.empty() && shard.left_seconds >= 0; }

Json to_json(const FleetView& view) {
  Json agents = Json::array(), shards = Json::array();
  for (const auto& a : view.agents)
    agents.push_back({{"name", a.name},
                      {"vantage", a.vantage},
                      {"alive", a.alive},
                      {"since", to_utc(a.started)},
                      {"heard", to_utc(a.heard)},
                      {"shards", std::ranges::count(view.shards, a.name, &FleetShard::holder)},
                      {"late_seconds", a.late_seconds}});
  for (const auto& s : view.shards)
    shards.push_back({{"shard", s.shard},
                      {"of", s.shard == kDesk ? "notices" : "domains"},
                      {"holder", is_held(s) ? Json(s.holder) : Json(nullptr)},
                      {"since", to_utc(s.since)},
                      {"epoch", s.epoch},
                      {"lease_seconds", s.left_seconds}});
  return {{"agents", agents}, {"shards", shards}};
}

/// "1-12 15".
std::string ranges_of(const std::vector<Shard>& shards) {
  std::string out;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const auto first = shards[i];
    while (i + 1 < shards.size() && shards[i + 1] == shards[i] + 1)
      ++i;
    out += (out.empty() ? "" : " ") + std::to_string(first);
    if (shards[i] != first) out += "-" + std::to_string(shards[i]);
  }
  return out;
}

void print(const FleetView& view, std::ostream& out) {
  for (const auto& agent : view.agents) {
    std::vector<Shard> held;
    bool tells = false;
    for (const auto& s : view.shards) {
      if (s.holder != agent.name) continue;
      tells |= s.shard == kDesk;
      if (s.shard != kDesk) held.push_back(s.shard);
    }
    out << text::one_line(agent.name + (agent.vantage.empty() ? "" : " (" + agent.vantage + ")")) << ": "
        << (agent.alive ? "alive" : "not heard of") << " since "
        << to_utc(agent.alive ? agent.started : agent.heard) << ", " << held.size() << " of " << kShards
        << " shards" << (held.empty() ? "" : ": " + ranges_of(held)) << (tells ? ", tells" : "")
        << ", late by " << agent.late_seconds << " s\n";
  }
  std::vector<Shard> free;
  for (const auto& s : view.shards)
    if (!is_held(s)) free.push_back(s.shard);
  if (!free.empty()) out << "nobody holds " << free.size() << " shards: " << ranges_of(free) << "\n";
}

}  // namespace

int fleet(const FleetCommand& command, Streams io) {
  std::string state = command.state;
  if (state.empty() && command.config_file.empty())
    return complain(io, "no store is named: give --config with the configuration, or --state", kExitUsage);
  if (state.empty()) {
    const auto config = load_config(command.config_file);
    if (!config) return complain(io, list_of(config.error()), kExitConfig);
    state = config->agent.state;
  }
  if (!is_database(state))
    return complain(io,
                    "agent.state is \"" + state +
                        "\", which one agent has for itself: a fleet shares a database "
                        "(postgresql://USER@HOST/NAME)",
                    kExitConfig);
  const auto view = read_fleet(state);
  if (!view) return complain(io, view.error(), kExitOutput);
  if (command.json)
    io.out << to_json(*view).dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  else
    print(*view, io.out);
  return std::ranges::all_of(view->shards, is_held) ? 0 : 1;
}

}  // namespace stswatch
