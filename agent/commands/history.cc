// history: what was seen of a domain and what changed, with what follows from it.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/commands/check_looks.h"
#include "agent/commands/commands.h"
#include "agent/commands/saved_files.h"
#include "agent/remember/saved_look.h"
#include "agent/remember/store.h"
#include "agent/tell/json.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"
#include "checks/facts/text.h"

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

/// A finding's life, step by step; a change that is a finding too is one event.
class TimeLine {
 public:
  void change(const Change& c) {
    events_.push_back({c.at, c.code, c.subject, c.from, c.to, consequence_of(c.code)});
  }

  void opened(const Incident& incident) {
    const auto& f = incident.finding;
    const auto told = std::ranges::find_if(events_, [&](const Event& e) {
      return e.at == incident.opened && e.code == f.code && e.subject == f.subject;
    });
    if (told != events_.end())
      told->consequence = f.effect;
    else
      events_.push_back({incident.opened, f.code, f.subject, "", in_words(f), f.effect});
  }

  void closed(const Incident& incident) {
    const auto& f = incident.finding;
    events_.push_back({*incident.closed, f.code, f.subject, std::string(to_string(f.severity)), "over",
                       "it lasted " + to_words(*incident.closed - incident.opened)});
  }

  void became(TimePoint at, const Incident& incident, std::string_view how) {
    const auto& f = incident.finding;
    events_.push_back({at, f.code, f.subject, std::string(how), in_words(f), f.effect});
  }

  std::vector<Event> take() {
    std::ranges::stable_sort(events_, {}, &Event::at);
    return std::move(events_);
  }

 private:
  static std::string in_words(const Finding& f) {
    return std::string(to_string(f.severity)) + ": " + f.detail;
  }

  std::vector<Event> events_;
};

void add(const StoredTransition& stored, TimeLine& line) {
  const auto& incident = stored.transition.incident;
  switch (stored.transition.kind) {
    case Transition::Kind::opened:
      return line.opened(incident);
    case Transition::Kind::closed:
      if (incident.closed) line.closed(incident);
      return;
    case Transition::Kind::worse:
    case Transition::Kind::better:
      return line.became(stored.at, incident, to_string(stored.transition.kind));
  }
}

/// What people were told is told from the transitions, which outlive their incidents by a year; an incident
/// without them speaks for itself.
std::vector<Event> time_line(const Remembered& known, const std::vector<StoredTransition>& transitions) {
  TimeLine line;
  for (const auto& change : known.record->past.changes)
    line.change(change);
  for (const auto& [host, past] : known.around.pasts)
    for (const auto& change : past->changes)
      line.change(change);
  const auto of_the_domain = [](const Finding& f) { return !f.of_the_agent; };  // else nothing happened to it
  for (const auto& stored : transitions)
    if (of_the_domain(stored.transition.incident.finding)) add(stored, line);
  for (const auto& incident : known.record->incidents) {
    const auto& f = incident.finding;
    const bool told = std::ranges::any_of(transitions, [&](const StoredTransition& stored) {
      const auto& i = stored.transition.incident;
      return i.opened == incident.opened && i.finding.code == f.code && i.finding.subject == f.subject;
    });
    if (told || !of_the_domain(f)) continue;
    line.opened(incident);
    if (incident.closed) line.closed(incident);
  }
  return line.take();
}

Json span_json(const Span& seen) {
  return {{"first", to_utc(seen.first)}, {"gone", seen.gone ? Json(to_utc(*seen.gone)) : Json(nullptr)}};
}

Json to_json(const Remembered& known, const std::vector<Event>& time_line) {
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
  for (const auto& e : time_line)
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

void print(const Remembered& known, const std::vector<Event>& time_line, std::ostream& out) {
  const auto& past = known.record->past;
  out << known.record->known->domain.str() << "  watched since "
      << (past.began ? to_utc(*past.began) : "this hour") << "\n";
  for (const auto& e : time_line) {
    out << "  " << to_utc(e.at) << "  " << e.code;
    if (e.subject != known.record->known->domain.str()) out << " [" << text::one_line(e.subject) << "]";
    out << "\n";
    if (!e.from.empty() || !e.to.empty())
      out << "      "
          << text::one_line((e.from.empty() ? "" : e.from + " -> ") + (e.to.empty() ? "nothing" : e.to))
          << "\n";
    if (!e.consequence.empty()) out << "      " << text::one_line(e.consequence) << "\n";
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
    return complain(io, nothing_kept("nothing is remembered of " + domain->str(), config->agent.state), 3);
  if (command.world) {
    io.out << to_json((*known)->world()).dump(2) << "\n";
    return 0;
  }
  const auto stored = read_history(config->agent.state, *domain);
  if (!stored) return complain(io, stored.error(), kExitConfig);
  const auto events = time_line(**known, *stored ? (*stored)->transitions : std::vector<StoredTransition>());
  if (command.json)
    io.out << to_json(**known, events).dump() << "\n";
  else
    print(**known, events, io.out);
  return 0;
}

// replay: the looks that the store has kept of a domain, judged by the rules of today with what was
// remembered then. What its vantage could reach is not kept: there silence stays unknown.

namespace {

/// A history as it was at `at`, as far as the one of now still says it.
Past as_of(Past past, TimePoint at) {
  const auto cut = [at](auto& seen) {
    std::erase_if(seen, [at](const auto& s) { return s.seen.first > at; });
    for (auto& s : seen) {
      if (!s.seen.gone || *s.seen.gone <= at) continue;
      s.seen.gone.reset();
      if constexpr (requires { s.last_seen; }) s.last_seen.reset();
    }
  };
  cut(past.policies);
  cut(past.ids);
  cut(past.mx);
  cut(past.policy_host_certificates);
  std::erase_if(past.changes, [at](const Change& c) { return c.at > at; });
  std::erase_if(past.fetches, [at](const FetchSample& f) { return f.at > at; });
  std::erase_if(past.fetch_days, [at](const FetchDay& d) { return d.day > at; });
  std::erase_if(past.gates, [at](const auto& gate) { return gate.second > at; });
  if (past.tlsrpt_valid_since && *past.tlsrpt_valid_since > at) past.tlsrpt_valid_since.reset();
  if (past.policy_ok_last && *past.policy_ok_last > at) past.policy_ok_last.reset();
  return past;
}

HostPast as_of(HostPast past, TimePoint at) {
  std::erase_if(past.certificates, [at](const SeenCertificate& c) { return c.seen.first > at; });
  std::erase_if(past.changes, [at](const Change& c) { return c.at > at; });
  std::erase_if(past.attempts, [at](const Attempt& a) { return a.at > at; });
  std::erase_if(past.tlsa.records, [at](const SeenTlsa& t) { return t.seen.first > at; });
  return past;
}

/// The host as it was last seen by then, or first seen after: a domain is looked at before its hosts.
std::shared_ptr<const MxHostObservation> look_at(const std::vector<StoredLook<MxHostObservation>>& looks,
                                                 TimePoint at) {
  auto out = looks.front().look;
  for (const auto& stored : looks)
    if (stored.look->at <= at) out = stored.look;
  return out;
}

SavedLook put_together(const DomainObservation& look, const StoredHistory& history, const Remembered& known,
                       bool allow_private) {
  SavedLook out(look);
  out.vantage.allow_private = allow_private;
  std::vector<std::string> hosts{look.domain.str()};
  for (const auto& mx : look.mx.records)
    hosts.push_back(mx.host);
  for (const auto& host : hosts) {
    if (const auto it = history.mx.find(host); it != history.mx.end())
      out.mx.emplace(host, look_at(it->second, look.at));
    if (const auto it = known.around.pasts.find(host); it != known.around.pasts.end())
      out.mx_pasts.emplace(host, std::make_shared<HostPast>(as_of(*it->second, look.at)));
  }
  const auto& past = known.record->past;
  if (past.began && *past.began <= look.at) out.past = as_of(past, look.at);
  return out;
}

void print(const Verdict& verdict, const std::vector<std::string>& kept_as, std::ostream& out) {
  out << to_utc(verdict.checked_at) << "  " << to_string(verdict.status) << "  (" << text::joined(kept_as)
      << ")\n";
  for (const auto& f : verdict.findings)
    if (f.severity != Severity::info)
      out << "    " << to_string(f.severity) << "  " << f.code
          << text::one_line(" [" + f.subject + "]  " + f.detail) << "\n";
}

}  // namespace

int replay(const ReplayCommand& command, Streams io) {
  const auto domain = Domain::parse(command.domain);
  if (!domain) return complain(io, domain.error(), kExitUsage);
  LookFlags flags;
  flags.config_file = command.config_file;
  auto config = effective_config(flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  if (!command.state.empty()) config->agent.state = command.state;
  const auto known = recall(*config, *domain, SystemClock().now());
  if (!known) return complain(io, known.error(), kExitConfig);
  const auto history = read_history(config->agent.state, *domain);
  if (!history) return complain(io, history.error(), kExitConfig);
  if (!*known || !*history || (*history)->looks.empty())
    return complain(io, nothing_kept("no look at " + domain->str() + " is kept", config->agent.state), 3);
  const auto limits = limits_for(*config, *domain);
  Json looks = Json::array();
  for (const auto& stored : (*history)->looks) {
    const auto verdict =
        judge(put_together(*stored.look, **history, **known, config->network.allow_private), limits);
    if (command.json)
      looks.push_back(
          {{"at", to_utc(verdict.checked_at)}, {"kept_as", stored.kept_as}, {"result", to_json(verdict)}});
    else
      print(verdict, stored.kept_as, io.out);
  }
  if (command.json)
    io.out << Json{{"domain", domain->str()}, {"looks", std::move(looks)}}.dump(
                  -1, ' ', true, Json::error_handler_t::replace)
           << "\n";
  return 0;
}

}  // namespace stswatch
