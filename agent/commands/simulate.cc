// simulate: what senders do with a world as it is written down, or with a domain as it would be.

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/commands/commands.h"
#include "agent/commands/remembered.h"
#include "agent/commands/world_json.h"
#include "agent/remember/store.h"
#include "agent/watch/live_config.h"
#include "checks/judge/senders/what_if.h"

namespace stswatch {
namespace {

constexpr std::size_t kPolicyFile = 1U << 20;

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

std::string joined(const std::vector<std::string>& words, const char* between = ", ") {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : between) + word;
  return out;
}

std::string usable_words(const LevelResult& level) {
  if (!level.usable) return "no enforce policy in effect";
  const auto& u = *level.usable;
  const std::string count =
      u.min == u.max ? std::to_string(u.max) : std::to_string(u.min) + " to " + std::to_string(u.max);
  return count + " of " + std::to_string(u.of) + " MX usable";
}

void print_point(const char* what, const std::optional<WorldPoint>& point, TimePoint now, std::ostream& out) {
  if (!point) return;
  out << "    " << what
      << (point->at <= now ? "now" : to_utc(point->at) + ", in " + to_words(point->at - now)) << ": "
      << joined(point->reason) << " (" << point->policy << ")\n";
}

void print_level(const char* name, const LevelResult& level, TimePoint now, std::ostream& out) {
  out << "  " << name << usable_words(level) << "\n";
  print_point("degradation  ", level.degradation, now, out);
  print_point("breakage     ", level.breakage, now, out);
  if (level.recovery) out << "    recovery     " << to_utc(*level.recovery) << "\n";
  if (level.lapse) out << "    lapse        " << to_utc(*level.lapse) << "\n";
}

void print(const World& world, const Simulation& result, std::ostream& out) {
  out << world.domain << "  " << to_string(result.status) << "  at " << to_utc(world.now) << "\n";
  print_level("RFC 8461    ", result.rfc, world.now, out);
  print_level("in the field ", result.field, world.now, out);
  out << "  A sender that holds\n";
  for (const auto& s : result.senders) {
    std::string row = "    " + s.holds;
    row.resize(std::max<std::size_t>(row.size() + 2, 28), ' ');
    row += s.outcome;
    if (!s.hosts.empty()) row += "  " + joined(s.hosts);
    if (s.live_until)
      row += "  (until " + to_utc(*s.live_until) +
             (s.refreshable ? ", sees the new id)" : ", cannot learn of a change)");
    out << row << "\n";
  }
  if (!result.safe_after)
    out << "  Old caches: no end is foreseen\n";
  else if (*result.safe_after > world.now)
    out << "  Old caches are gone after " << to_utc(*result.safe_after) << "\n";
}

int simulate_file(const SimulateCommand& command, Streams io) {
  const auto text = read_file(command.world, io.in);
  if (!text) return complain(io, text.error(), kExitUsage);
  const auto world = read_world(*text);
  if (!world) return complain(io, command.world + ": " + world.error(), kExitUsage);
  const auto result = simulate(*world);
  if (command.json)
    io.out << to_json(result).dump() << "\n";
  else
    print(*world, result, io.out);
  return exit_code(result.status);
}

tl::expected<Proposal, std::string> proposal_of(const SimulateCommand& command, Streams io) {
  Proposal out;
  if (!command.policy.empty()) {
    const auto text = read_file(command.policy, io.in);
    if (!text) return tl::make_unexpected(text.error());
    if (text->size() > kPolicyFile)
      return tl::make_unexpected(command.policy + " is larger than 1 MiB: name a policy file");
    const auto reading = read_policy(*text);
    if (!reading.valid())
      return tl::make_unexpected(command.policy + " is no valid policy: see stswatch lint policy " +
                                 command.policy);
    out.policy = reading.strict;
  }
  if (!command.id.empty()) {
    const bool valid = command.id.size() <= 32 && std::ranges::all_of(command.id, [](char c) {
                         return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
                       });
    if (!valid)
      return tl::make_unexpected("--id \"" + printable(command.id, 60) +
                                 "\" is no id: give 1 to 32 letters and digits (RFC 8461 §3.1)");
    out.id = command.id;
  }
  return out;
}

int simulate_domain(const SimulateCommand& command, Streams io) {
  const auto domain = Domain::parse(command.domain);
  if (!domain) return complain(io, domain.error(), kExitUsage);
  std::vector<std::string> hosts;
  for (const auto& typed : command.mx) {
    const auto host = Domain::parse(typed);
    if (!host) return complain(io, host.error(), kExitUsage);
    hosts.push_back(host->str());
  }
  auto proposal = proposal_of(command, io);
  if (!proposal) return complain(io, proposal.error(), kExitUsage);
  auto config = effective_config(command.flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  if (command.flags.config_file.empty()) config->agent.state = kInRam;  // no service, no memory
  const auto known = look_and_recall(*config, *domain, hosts);
  if (!known) return complain(io, known.error(), kExitConfig);
  const World world = known->world();
  if (!hosts.empty()) proposal->mx = known->world(hosts).mx;
  const bool change = proposal->policy || proposal->id || !proposal->mx.empty();
  const World then = change ? after(world, *proposal) : world;
  const auto result = simulate(then);
  const auto steps = change ? safe_order(world, *proposal) : std::vector<std::string>{};
  if (command.json) {
    auto json = to_json(result);
    json["steps"] = steps;
    json["before"] = to_json(simulate(world));
    io.out << json.dump() << "\n";
  } else {
    if (change) io.out << "If it were published at this moment, all at once:\n";
    print(then, result, io.out);
    if (!steps.empty()) io.out << "  The safe order\n";
    for (std::size_t i = 0; i < steps.size(); ++i)
      io.out << "    " << i + 1 << ". " << steps[i] << "\n";
  }
  return exit_code(result.status);
}

}  // namespace

int simulate(const SimulateCommand& command, Streams io) {
  if (command.world.empty() == command.domain.empty())
    return complain(io, "simulate needs a DOMAIN or --world FILE: see stswatch simulate --help", kExitUsage);
  return command.world.empty() ? simulate_domain(command, io) : simulate_file(command, io);
}

}  // namespace stswatch
