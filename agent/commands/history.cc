// history: what was seen of a domain and what changed, with what follows from it.

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/commands/commands.h"
#include "agent/commands/remembered.h"
#include "agent/commands/world_json.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

/// One line of the time-line.
struct Event {
  TimePoint at{};
  std::string code, subject, from, to, consequence;
};

/// What a change means for senders: the catalogue's words, or those for plain facts.
std::string consequence_of(const std::string& code) {
  if (code == "id") return "senders that compare ids fetch the policy again";
  if (code == "policy") return "senders learn of it when they see a new id, or when their copy ends";
  if (code == "record-gone") return "new senders deliver without a policy; cached ones stay in force";
  if (code == "policy-gone") return "nobody can fetch; cached policies stay in force until they end";
  const auto* entry = find_in_catalogue(code);
  return entry ? std::string(entry->title) : std::string();
}

std::vector<Event> time_line(const Remembered& known) {
  std::vector<Event> out;
  const auto add = [&](const Change& c) {
    out.push_back({c.at, c.code, c.subject, c.from, c.to, consequence_of(c.code)});
  };
  for (const auto& change : known.record->past.changes)
    add(change);
  for (const auto& [host, past] : known.around.pasts)
    for (const auto& change : past->changes)
      add(change);
  for (const auto& incident : known.record->incidents) {
    const auto& f = incident.finding;
    if (f.of_the_agent) continue;  // nothing happened to the domain
    const auto told = std::ranges::find_if(out, [&](const Event& e) {
      return e.at == incident.opened && e.code == f.code && e.subject == f.subject;
    });
    if (told != out.end())
      told->consequence = f.effect;  // a change that is a finding too is one event
    else
      out.push_back({incident.opened, f.code, f.subject, "",
                     std::string(to_string(f.severity)) + ": " + f.detail, f.effect});
    if (incident.closed)
      out.push_back({*incident.closed, f.code, f.subject, std::string(to_string(f.severity)), "over",
                     "it lasted " + to_words(*incident.closed - incident.opened)});
  }
  std::ranges::stable_sort(out, {}, &Event::at);
  return out;
}

Json span_json(const Span& seen) {
  return {{"first", to_utc(seen.first)}, {"gone", seen.gone ? Json(to_utc(*seen.gone)) : Json(nullptr)}};
}

Json to_json(const Remembered& known) {
  const auto& past = known.record->past;
  Json policies = Json::array(), ids = Json::array(), mx = Json::array(), events = Json::array();
  for (const auto& p : past.policies) {
    Json row{{"mode", to_string(p.policy.mode)},
             {"mx", p.policy.mx},
             {"max_age", p.policy.max_age},
             {"sha256", p.sha256}};
    row.update(span_json(p.seen));
    if (p.policy.more > 0) row["mx_more"] = p.policy.more;
    if (p.last_seen) row["last_seen"] = to_utc(*p.last_seen);
    policies.push_back(std::move(row));
  }
  for (const auto& id : past.ids) {
    Json row{{"id", id.id}, {"ttl", id.ttl}};
    row.update(span_json(id.seen));
    if (id.sighted) row["first_seen"] = to_utc(*id.sighted);
    if (id.last_seen) row["last_seen"] = to_utc(*id.last_seen);
    ids.push_back(std::move(row));
  }
  for (const auto& host : past.mx) {
    Json row{{"host", host.host}};
    row.update(span_json(host.seen));
    mx.push_back(std::move(row));
  }
  for (const auto& e : time_line(known))
    events.push_back({{"at", to_utc(e.at)},
                      {"code", e.code},
                      {"subject", e.subject},
                      {"from", e.from},
                      {"to", e.to},
                      {"consequence", e.consequence}});
  return {{"domain", known.record->known->domain.str()},
          {"began", past.began ? Json(to_utc(*past.began)) : Json(nullptr)},
          {"policies", policies},
          {"ids", ids},
          {"mx", mx},
          {"events", events}};
}

void print(const Remembered& known, std::ostream& out) {
  const auto& past = known.record->past;
  out << known.record->known->domain.str() << "  watched since "
      << (past.began ? to_utc(*past.began) : "this hour") << "\n";
  for (const auto& e : time_line(known)) {
    out << "  " << to_utc(e.at) << "  " << e.code;
    if (e.subject != known.record->known->domain.str()) out << " [" << e.subject << "]";
    out << "\n";
    if (!e.from.empty() || !e.to.empty())
      out << "      " << (e.from.empty() ? "" : e.from + " -> ") << (e.to.empty() ? "nothing" : e.to) << "\n";
    if (!e.consequence.empty()) out << "      " << e.consequence << "\n";
  }
}

}  // namespace

int history(const HistoryCommand& command, Streams io) {
  const auto domain = Domain::parse(command.domain);
  if (!domain) return complain(io, domain.error(), kExitUsage);
  LookFlags flags;
  flags.config_file = command.config_file;
  auto config = effective_config(flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  if (!command.state.empty()) config->agent.state = command.state;
  const auto known = recall(*config, *domain, SystemClock().now());
  if (!known) return complain(io, known.error(), kExitConfig);
  if (!*known)
    return complain(io,
                    "nothing is remembered of " + domain->str() + " in " + config->agent.state +
                        ": watch it with stswatch run first, or name the store (--config, --state)",
                    3);
  if (command.world)
    io.out << to_json((*known)->world()).dump(2) << "\n";
  else if (command.json)
    io.out << to_json(**known).dump() << "\n";
  else
    print(**known, io.out);
  return 0;
}

}  // namespace stswatch
