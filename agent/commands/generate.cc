// generate: the policy file and the records to publish for a domain's mail hosts as they are.

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "agent/commands/check_looks.h"
#include "agent/commands/commands.h"
#include "agent/commands/saved_files.h"
#include "agent/watch/live_config.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"
#include "checks/judge/senders/plan.h"

namespace stswatch {
namespace {

constexpr std::uint64_t kWeekOfAge = 604800, kDayOfAge = 86400;
constexpr int kNotUsable = 1, kNothingToPublish = 2, kUnknown = 3;

/// One look and what it means: judged as check would.
struct Seen {
  SavedLook look;
  Verdict verdict;
};

Seen look_once(const Domain& domain, const Config& config, Probes& probes) {
  std::optional<SavedLook> look;
  const std::vector<Domain> names{domain};
  CheckLooks looks(
      probes, config, names, 1, [&](const SavedLook& seen) { look = seen; }, nullptr);
  auto verdict = looks.verdict(0);
  return {std::move(*look), std::move(verdict)};
}

/// Distinct MX hosts in order of preference, or why there are none to list.
tl::expected<std::vector<std::string>, Refusal> mx_hosts(const DomainObservation& facts) {
  const auto refuse = [](std::string what, int code) {
    return tl::make_unexpected(Refusal{std::move(what), code});
  };
  const auto& mx = facts.mx;
  const auto& name = facts.domain.str();
  if (mx.lookup == Lookup::unknown)
    return refuse("the MX records of " + name + " could not be looked up (" + mx.detail +
                      "): try again, or name a server with --resolver",
                  kUnknown);
  std::vector<std::string> hosts;
  for (const auto& record : mx.records)
    if (std::find(hosts.begin(), hosts.end(), record.host) == hosts.end()) hosts.push_back(record.host);
  if (hosts == std::vector<std::string>{""})
    return refuse(name + " takes no mail (null MX, RFC 7505): it needs no policy", kNothingToPublish);
  if (hosts.empty() && facts.apex.lookup() == Lookup::found) hosts.push_back(name);  // RFC 5321 §5.1
  if (hosts.empty() && facts.apex.lookup() == Lookup::unknown)
    return refuse(name + " has no MX record, and its addresses could not be looked up: try again", kUnknown);
  if (hosts.empty())
    return refuse(name + " has neither MX nor address records: publish MX records first", kNothingToPublish);
  for (const auto& host : hosts)
    if (!is_mx_pattern(host))
      return refuse("the MX target \"" + host + "\" of " + name +
                        " cannot stand in a policy (RFC 8461 §3.2): correct the MX record first",
                    kNothingToPublish);
  return hosts;
}

/// Why senders that enforce would not deliver to the host, or why that is not known; empty if they would.
std::string doubt(const MxVerdict& mx) {
  if (mx.usable.value_or(false)) return {};
  std::string why;
  for (const auto& address : mx.addresses)
    if (address.outcome != HostOutcome::ok)
      text::add(why, "; ", address.address.str() + ": " + address.detail);
  if (why.empty()) why = mx.addresses.empty() ? "it has no address that could be looked at" : "";
  if (!mx.usable) return mx.host + " could not be judged (" + why + "): look again before you enforce";
  return mx.host + " is not usable (" + why + "): senders that enforce will not deliver to it";
}

/// The policy that is served now, as strict senders read it, else as lenient ones do: both may enforce it.
const Policy* served(const Seen& seen) {
  const auto& shown = seen.verdict.policy.shown;
  return shown ? &*shown : nullptr;
}

/// No sender reads it otherwise than the others.
bool served_well(const Seen& seen) {
  const auto on_policy = [](const Finding& f) {
    const auto* entry = find_in_catalogue(f.code);
    return entry != nullptr && entry->theme == Theme::policy_text && f.severity > Severity::info;
  };
  return served(seen) != nullptr && seen.verdict.policy.outcome == Outcome::ok &&
         std::ranges::none_of(seen.verdict.findings, on_policy);
}

/// A policy is announced, or that is not known, and it could not be read: nobody here knows its mode.
bool mode_unknown(const Seen& seen) {
  const auto& v = seen.verdict;
  return served(seen) == nullptr && (v.record.outcome == Outcome::ok || v.record.outcome == Outcome::unknown);
}

/// What is asked for; else as it is served; else what a beginning needs. A pattern that is served and still
/// lists a host stays as it is written.
Policy wanted_policy(const GenerateCommand& command, const Seen& seen,
                     const std::vector<std::string>& hosts) {
  const Policy* now = served(seen);
  Policy out;
  out.mode = command.mode.empty() ? (now ? now->mode : Mode::testing) : *parse_mode(command.mode);
  const bool ends = out.mode == Mode::none && (!now || now->mode != Mode::none);
  out.max_age = command.max_age.value_or(ends ? kDayOfAge : now ? now->max_age : kWeekOfAge);
  if (now) {
    for (const auto& pattern : now->mx) {
      const auto lists = [&](const std::string& host) { return matches(host, pattern); };
      if (std::ranges::any_of(hosts, lists)) out.mx.push_back(pattern);
    }
  }
  // Also with mode none: some senders refuse a policy without mx (RULES 0.4).
  for (const auto& host : hosts)
    if (!matches_any(host, out.mx)) out.mx.push_back(host);
  return out;
}

std::string policy_text(const Policy& policy) {
  std::string out = "version: STSv1\nmode: " + std::string(to_string(policy.mode)) + "\n";
  for (const auto& pattern : policy.mx)
    out += "mx: " + pattern + "\n";
  return out + "max_age: " + std::to_string(policy.max_age) + "\n";
}

/// "mode testing -> enforce; mx mx2.example.com added": what senders would notice.
std::string changes(const Policy& from, const Policy& to) {
  std::string out;
  const auto add = [&](const std::string& what) { text::add(out, "; ", what); };
  if (from.mode != to.mode)
    add("mode " + std::string(to_string(from.mode)) + " -> " + std::string(to_string(to.mode)));
  const auto only_in = [](const Policy& a, const Policy& b) {
    std::string names;
    for (const auto& pattern : a.mx)
      if (std::ranges::find(b.mx, pattern) == b.mx.end()) text::add(names, ", ", pattern);
    return names;
  };
  if (const auto added = only_in(to, from); !added.empty()) add("mx " + added + " added");
  if (const auto removed = only_in(from, to); !removed.empty()) add("mx " + removed + " removed");
  if (from.max_age != to.max_age)
    add("max_age " + std::to_string(from.max_age) + " -> " + std::to_string(to.max_age));
  return out;
}

/// RFC 8461 §3.1: "uniquely identifies a particular instance of a policy": never the one that is published.
std::string unused_id(const Seen& seen) {
  auto at = seen.look.domain.at;
  while (fresh_id(at) == seen.verdict.record.id)
    at += Seconds(1);
  return fresh_id(at);
}

std::string tlsrpt_text(const GenerateCommand& command, const Seen& seen) {
  const auto& answer = seen.look.domain.tlsrpt;
  if (command.rua.empty() && seen.verdict.tlsrpt.outcome == Outcome::ok)
    for (const auto& record : answer.records)
      if (read_tlsrpt_records({record}).usable()) return record.joined();
  return "v=TLSRPTv1; rua=" +
         (command.rua.empty() ? "mailto:tlsrpt@" + seen.look.domain.domain.str() : command.rua);
}

/// The planner's word on the way there: when the publication may go again, and any step beside file and
/// record.
void add_plan_notes(const Seen& seen, const PolicyReading& wanted, Publication& out) {
  const Limits limits;
  const Case c = make_case(seen.look.domain, seen.look.mx, seen.look.vantage, limits);
  Goal goal;
  goal.retire = wanted.strict && wanted.strict->mode == Mode::none;
  if (!goal.retire && wanted.strict)
    goal.policy = GoalPolicy{wanted.strict->mode, wanted.strict->mx, wanted.strict->max_age};
  const Plan plan = make_plan(c.world, goal);
  const auto of = [&](Deed deed) { return std::ranges::find(plan.steps, deed, &PlanStep::deed); };
  if (goal.retire)
    out.notes.push_back(
        "Keep the file and the record as long as senders may hold a policy that was served before: for its "
        "max_age after it was last served (RFC 8461 §8.3). When that is over one look cannot tell; stswatch "
        "plan --retire --config FILE reckons with what the service remembers.");
  if (plan.verdict == PlanVerdict::unsafe && of(Deed::repair) != plan.steps.end())
    out.notes.push_back("Before anything is published: " + plan.why);
}

/// Each address of the policy host serves the same, as far as it serves any.
bool copies_agree(const Seen& seen) {
  const Limits limits;
  return make_case(seen.look.domain, seen.look.mx, seen.look.vantage, limits).policies.size() < 2;
}

void add_notes(const Seen& seen, const Policy& wanted, bool unchanged, Publication& out) {
  const auto& v = seen.verdict;
  const Policy* now = served(seen);
  if (!copies_agree(seen))
    out.notes.push_back(
        "The addresses of " + v.domain.policy_host() +
        " do not serve the same policy now: put this file at each of them first. The new id has senders "
        "that hold another copy fetch again.");
  if (unchanged) {
    out.notes.push_back("The policy that is served now says the same: nothing has to change, the id " +
                        v.record.id + " included.");
  } else if (now != nullptr) {
    const std::string what = changes(*now, wanted);
    if (!what.empty())
      out.notes.push_back("Against what is served now: " + what + ".");
    else if (!served_well(seen))
      out.notes.push_back(
          "What is served now says the same, but not every sender can read it so: replace the file.");
    else if (v.record.outcome != Outcome::ok)
      out.notes.push_back("The policy that is served stays; the record is new: what is published at " +
                          v.domain.sts_record_name() + " cannot be used.");
  }
  add_plan_notes(seen, read_policy(out.policy), out);
}

Publication publication(const GenerateCommand& command, const Seen& seen,
                        const std::vector<std::string>& hosts) {
  Publication out;
  const Policy wanted = wanted_policy(command, seen, hosts);
  const bool unchanged = served_well(seen) && same_policy(*served(seen), wanted) &&
                         seen.verdict.record.outcome == Outcome::ok && copies_agree(seen);
  out.domain = seen.look.domain.domain.str();
  out.policy = policy_text(wanted);
  out.policy_url = "https://" + seen.look.domain.domain.policy_host() + "/.well-known/mta-sts.txt";
  out.id = unchanged ? seen.verdict.record.id : unused_id(seen);  // RFC 8461 §3.1: one id, one policy
  out.sts_record = "v=STSv1; id=" + out.id + ";";
  out.tlsrpt_record = tlsrpt_text(command, seen);
  for (const auto& mx : seen.verdict.mx)
    if (auto why = doubt(mx); !why.empty()) out.warnings.push_back(std::move(why));
  add_notes(seen, wanted, unchanged, out);
  return out;
}

void print_text(const Publication& p, const Domain& domain, Streams io) {
  io.out << "1. Serve this file as " << p.policy_url << " (Content-Type: text/plain):\n\n"
         << p.policy << "\n2. When every address of " << domain.policy_host()
         << " serves it, publish this record:\n\n"
         << domain.sts_record_name() << ". 3600 IN TXT \"" << p.sts_record
         << "\"\n\n3. For reports of what senders meet (RFC 8460), publish this one:\n\n"
         << domain.tlsrpt_name() << ". 3600 IN TXT \"" << p.tlsrpt_record << "\"\n";
  for (const auto& note : p.notes)
    io.out << "\n" << note << "\n";
}

void print_json(const Publication& p, const Domain& domain, std::ostream& out) {
  using Json = nlohmann::ordered_json;
  const auto record = [](const std::string& name, const std::string& text) {
    return Json{{"name", name}, {"type", "TXT"}, {"ttl", 3600}, {"text", text}};
  };
  Json records = Json::array();
  records.push_back(record(domain.sts_record_name(), p.sts_record));
  records.push_back(record(domain.tlsrpt_name(), p.tlsrpt_record));
  const Json json{{"domain", domain.str()}, {"policy_url", p.policy_url}, {"policy", p.policy}, {"id", p.id},
                  {"records", records},     {"warnings", p.warnings},     {"notes", p.notes}};
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

bool deliverable(const std::string& rua) {
  return read_tlsrpt_records({TxtRecord{{"v=TLSRPTv1; rua=" + rua}}}).deliverable.size() == 1;
}

}  // namespace

int generate(const GenerateCommand& command, Streams io) {
  const auto domain = Domain::parse(command.domain);
  if (!domain) return complain(io, domain.error(), kExitUsage);
  if (!command.rua.empty() && !deliverable(command.rua))
    return complain(
        io, "--rua \"" + command.rua + "\" takes no reports: write mailto:you@example.com or https://...",
        kExitUsage);
  const auto config = effective_config(command.flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  auto probes = make_probes(*config);
  if (!probes) return complain(io, probes.error(), kExitConfig);
  const auto seen = look_once(*domain, *config, *probes);
  const auto hosts = mx_hosts(seen.look.domain);
  if (!hosts) return complain(io, hosts.error().what, hosts.error().exit_code);
  if (command.mode.empty() && mode_unknown(seen))
    return complain(
        io,
        "the policy that " + domain->str() +
            " announces could not be read, so its mode is not known: say --mode enforce, testing or none",
        kNothingToPublish);
  const auto out = publication(command, seen, *hosts);
  if (command.json) {
    print_json(out, *domain, io.out);
    return out.warnings.empty() ? 0 : kNotUsable;
  }
  for (const auto& warning : out.warnings)
    io.err << "stswatch: warning: " << warning << "\n";
  if (command.format == "text")
    print_text(out, *domain, io);
  else
    io.out << to_paste(out, command.format);
  return out.warnings.empty() ? 0 : kNotUsable;
}

}  // namespace stswatch
