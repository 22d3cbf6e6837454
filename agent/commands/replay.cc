// replay: the looks that the store has kept of a domain, judged by the rules of today with what was
// remembered then. What its vantage could reach is not kept: there silence stays unknown.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/commands/check_looks.h"
#include "agent/commands/commands.h"
#include "agent/remember/saved_look.h"
#include "agent/remember/store.h"
#include "agent/tell/json.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"
#include "checks/facts/join.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

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
