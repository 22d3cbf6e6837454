// silence add, list, remove: what is not to be told, kept in the store. A running service sees it within
// seconds.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/commands/commands.h"
#include "agent/remember/key_value_store.h"
#include "agent/remember/store.h"
#include "agent/watch/clock.h"
#include "alerts/decide.h"
#include "checks/facts/domain.h"
#include "checks/facts/text.h"
#include "config/load.h"

namespace stswatch {

// store copy: what is remembered, moved to another file.

int store_copy(const StoreCopyCommand& command, Streams io) {
  const auto domains = copy_store(command.from, command.to);
  if (!domains) return complain(io, domains.error(), kExitOutput);
  io.out << shown_store(command.to) << ": the memory of " << *domains
         << (*domains == 1 ? " domain" : " domains") << " from " << shown_store(command.from) << "\n";
  return 0;
}

namespace {

using Silences = std::map<std::string, Silence>;

/// The file of the store, from the configuration or the flag.
tl::expected<std::string, std::pair<std::string, int>> store_file(const SilenceCommand& command) {
  std::string state = command.state;
  if (state.empty() && command.config_file.empty())
    return tl::make_unexpected(std::pair(
        std::string("no store is named: give --config with the configuration, or --state"), kExitUsage));
  if (state.empty()) {
    const auto config = load_config(command.config_file);
    if (!config) return tl::make_unexpected(std::pair(list_of(config.error()), kExitConfig));
    state = config->agent.state;
  }
  if (state == kInRam || (state.find("://") != std::string::npos && !is_database(state)))
    return tl::make_unexpected(
        std::pair("silences are kept in a store on disk, and agent.state is \"" + state +
                      "\": set it to a file or a database, or write a [[silence]] into the configuration",
                  kExitConfig));
  return state;
}

tl::expected<Silences, std::string> read(const std::string& file) {
  const auto rows = read_key_values(file, kSilenceTable);
  if (!rows) return tl::make_unexpected(rows.error());
  Silences out;
  for (const auto& [id, text] : *rows)
    if (auto silence = silence_from_row(text)) out.emplace(id, std::move(*silence));
  return out;
}

tl::expected<std::optional<TimePoint>, std::string> end_of(const SilenceCommand& command, TimePoint now) {
  if (!command.duration.empty()) {
    const auto span = parse_duration(command.duration);
    if (!span)
      return tl::make_unexpected("\"" + command.duration +
                                 "\" is no duration: write \"90s\", \"5m\", \"2h\" or \"7d\"");
    return now + *span;
  }
  if (command.until.empty()) return std::nullopt;
  const auto until = parse_utc(command.until);
  if (!until) return tl::make_unexpected("\"" + command.until + "\" is no time: write it as " + to_utc(now));
  if (*until <= now)
    return tl::make_unexpected(command.until + " is over: name a time that is still to come");
  return until;
}

/// Of whoever typed it, also behind sudo.
std::string user_name() {
  if (const char* before = std::getenv("SUDO_USER"); before != nullptr && *before != '\0') return before;
  const auto* user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_name : std::to_string(::geteuid());
}

/// A silence that nothing fits is a name mistyped, or a domain that is still to come.
void warn_of_no_effect(const std::string& domain, const std::string& file, Streams io) {
  const auto names = read_domain_names(file);
  if (!names || names->empty() || glob_matches(domain, agent_itself().str())) return;
  if (std::ranges::any_of(*names, [&](const auto& name) { return glob_matches(domain, name); })) return;
  io.err << "stswatch: warning: no domain that is remembered in the store fits " << text::quoted(domain)
         << ": until one does this silence has no effect\n";
}

int add(const SilenceCommand& command, const std::string& file, Streams io) {
  const auto now = SystemClock().now();
  const auto until = end_of(command, now);
  if (!until) return complain(io, until.error(), kExitUsage);
  const auto there = read(file);
  if (!there) return complain(io, there.error(), kExitOutput);
  const auto any = [](const std::string& glob) { return glob.empty() ? "*" : glob; };
  if (const auto why = unknown_code(any(command.code)); !why.empty())
    return complain(io, "--code \"" + command.code + "\": " + why, kExitUsage);
  const auto domain = name_glob(any(command.domain));
  if (!domain)
    return complain(
        io,
        "--domain " + text::quoted(command.domain) +
            " is no glob of names: a label that is not ASCII stands as a whole, or as its A-label",
        kExitUsage);
  const Silence silence{*domain, any(command.code), any(command.subject),
                        *until,  command.comment,   user_name() + " by command"};
  const auto place = place_of(silence, *there, now);
  if (!place)
    return complain(io,
                    "there are " + std::to_string(kSilencesOfDomain) + " silences of " + silence.domain +
                        ": remove some, or silence all of it",
                    kExitUsage);
  std::vector<KeyValueEdit> edits;
  for (const auto& [id, s] : *there)
    if (!stands(s, now)) edits.push_back({kSilenceTable, id, std::nullopt});
  const auto id = place->empty() ? new_silence_id(now) : *place;
  edits.push_back({kSilenceTable, id, to_row(silence)});
  if (const auto done = edit_key_values(file, edits); !done) return complain(io, done.error(), kExitOutput);
  warn_of_no_effect(*domain, file, io);
  io.out << id << "\n";
  return 0;
}

std::string line_of(const std::string& id, const Silence& s) {
  return text::one_line(id + "  " + s.domain + "  " + s.code + "  " + s.subject + "  until " +
                        (s.until ? to_utc(*s.until) : "it is removed") +
                        (s.by.empty() ? "" : "  by " + s.by) + (s.comment.empty() ? "" : "  " + s.comment)) +
         "\n";
}

int list(const SilenceCommand& command, const std::string& file, Streams io) {
  const auto now = SystemClock().now();
  const auto there = read(file);
  if (!there) return complain(io, there.error(), kExitOutput);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const auto& [id, s] : *there) {
    if (!stands(s, now)) continue;
    if (!command.json) io.out << line_of(id, s);
    json.push_back({{"id", id},
                    {"domain", s.domain},
                    {"code", s.code},
                    {"subject", s.subject},
                    {"until", s.until ? nlohmann::ordered_json(to_utc(*s.until)) : nullptr},
                    {"comment", s.comment},
                    {"by", s.by}});
  }
  if (command.json) io.out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  return 0;
}

int remove(const SilenceCommand& command, const std::string& file, Streams io) {
  const auto there = read(file);
  if (!there) return complain(io, there.error(), kExitOutput);
  if (!there->contains(command.id))
    return complain(io, "no silence has the id \"" + command.id + "\": see stswatch silence list",
                    kExitUsage);
  const auto done = edit_key_values(file, {{kSilenceTable, command.id, std::nullopt}});
  return done ? 0 : complain(io, done.error(), kExitOutput);
}

}  // namespace

int silence(const SilenceCommand& command, Streams io) {
  if (command.action == SilenceCommand::Action::add) {
    const auto any = [](const std::string& glob) { return glob.find_first_not_of('*') == glob.npos; };
    const bool everything = any(command.domain) && any(command.code) && any(command.subject);
    if (everything && !command.all)
      return complain(io, "that would silence everything: name --domain, --code or --subject, or say --all",
                      kExitUsage);
    if (command.all && !everything)
      return complain(io, "--all is for everything: leave out --domain, --code and --subject, or --all",
                      kExitUsage);
    if (command.duration.empty() && command.until.empty() && !command.forever)
      return complain(io, "it would never end: name --for or --until, or say --forever", kExitUsage);
  }
  const auto file = store_file(command);
  if (!file) return complain(io, file.error().first, file.error().second);
  switch (command.action) {
    case SilenceCommand::Action::add:
      return add(command, *file, io);
    case SilenceCommand::Action::list:
      return list(command, *file, io);
    case SilenceCommand::Action::remove:
      break;
  }
  return remove(command, *file, io);
}

// fleet: who holds what.

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
