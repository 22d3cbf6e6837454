// plan: the steps that lead from a domain as it is to a goal, proven by simulation.
#include "checks/judge/senders/plan.h"

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/commands/commands.h"
#include "agent/commands/plan_report.h"
#include "agent/commands/world_json.h"

namespace stswatch {
namespace {

tl::expected<std::string, std::string> read_file(const std::string& path, std::istream& in) {
  std::ostringstream text;
  if (path == "-") {
    text << in.rdbuf();
    return text.str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file || !(text << file.rdbuf()))
    return tl::make_unexpected(path + " cannot be read: name a readable file, or - for standard input");
  return text.str();
}

int plan_files(const PlanCommand& command, Streams io) {
  const auto world_text = read_file(command.world, io.in);
  if (!world_text) return complain(io, world_text.error(), kExitUsage);
  const auto world = read_world(*world_text);
  if (!world) return complain(io, command.world + ": " + world.error(), kExitUsage);
  const auto goal_text = read_file(command.goal, io.in);
  if (!goal_text) return complain(io, goal_text.error(), kExitUsage);
  const auto goal = read_goal(*goal_text);
  if (!goal) return complain(io, command.goal + ": " + goal.error(), kExitUsage);
  const Plan plan = make_plan(*world, *goal);
  if (command.json)
    io.out << to_json(plan).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  else
    print_plan(world->domain, plan, io.out);
  return exit_code(plan.verdict);
}

}  // namespace

int plan(const PlanCommand& command, Streams io) {
  if (command.world.empty() || command.goal.empty() || (command.world == "-" && command.goal == "-"))
    return complain(io, "plan needs --world FILE and --goal FILE: see stswatch plan --help", kExitUsage);
  return plan_files(command, io);
}

}  // namespace stswatch
