#include "agent/commands/plan_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "checks/facts/text.h"
#include "checks/judge/senders/plan.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

struct Made {
  PlanVerdict verdict = PlanVerdict::unknown;
  std::string why;
  std::vector<TlsaStep> steps{};
};

/// What vouches for the chain of every address; nullopt where some address did not show one.
std::optional<std::vector<TlsaRecord>> vouching(const MxHostObservation& look) {
  std::vector<TlsaRecord> out;
  for (const TlsaRecord& record : look.tlsa.records) {
    const auto matches = [&](const SmtpProbe& probe) {
      const auto match = std::ranges::find(probe.tls.tlsa, record, &TlsaMatch::record);
      return match != probe.tls.tlsa.end() && match->matches;
    };
    if (std::ranges::all_of(look.probes, matches)) out.push_back(record);
  }
  const bool all = !look.probes.empty() && std::ranges::all_of(look.probes, [](const SmtpProbe& probe) {
    return !probe.failure && !probe.tls.tlsa.empty();
  });
  return all ? std::optional(out) : std::nullopt;
}

/// A resolver's copy counts down: only a memory knows the whole TTL. False: it is taken for a day.
bool recall_tlsa(const Remembered& known, KeyChange& change) {
  constexpr std::uint32_t kUnknown = 86400;
  const auto past = known.around.pasts.find(change.host);
  if (past == known.around.pasts.end() || !past->second || past->second->tlsa.records.empty()) {
    change.ttl = std::max(change.ttl, kUnknown);
    return false;
  }
  for (const SeenTlsa& seen : past->second->tlsa.records) {
    change.ttl = std::max(change.ttl, seen.ttl);
    if (!seen.seen.gone && seen.record == change.next) change.published = seen.seen.first;
  }
  return true;
}

/// When the last sender that keeps to TTLs has forgotten records that memory saw go; null: none is known of.
std::optional<TimePoint> forgotten_at(const Remembered& known, const std::string& host) {
  const auto past = known.around.pasts.find(host);
  std::optional<TimePoint> out;
  if (past == known.around.pasts.end() || !past->second) return out;
  for (const SeenTlsa& seen : past->second->tlsa.records)
    if (seen.seen.gone) out = std::max(out, std::optional(*seen.seen.gone + 2 * Seconds{seen.ttl}));
  return out;
}

Made without_records(const Remembered& known, const std::string& host) {
  const auto until = forgotten_at(known, host);
  if (until && *until > known.now)
    return {PlanVerdict::unsafe, "senders that do DANE may hold the records that went from " + host +
                                     " until " + to_utc(*until) + ": keep the key they are of until then"};
  return {PlanVerdict::safe,
          host + " has no TLSA records: its key is bound by none" +
              (until ? "" : ", but where some went within two of their TTLs, which was not seen")};
}

Made make(const std::string& host, const TlsaRecord& next, const Remembered& known) {
  const auto at = known.around.confirmed.find(host);
  if (at == known.around.confirmed.end() || !at->second)
    return {PlanVerdict::unknown, host + " is no MX host of the domain, or was not seen"};
  const MxHostObservation& look = *at->second;
  const bool insecure = look.tlsa.lookup == Lookup::found && !look.tlsa.secure;
  if (look.tlsa.name.empty() && look.addresses.lookup() == Lookup::found && !look.addresses.secure())
    return {PlanVerdict::unknown, "the addresses of " + host +
                                      " did not come as validated: its zone is not signed, or this resolver "
                                      "does not validate; senders that do "
                                      "DANE look for TLSA records only where they do (RFC 7672 §2.2.2)"};
  if (look.tlsa.name.empty() || look.tlsa.lookup == Lookup::unknown || insecure)
    return {PlanVerdict::unknown, "the TLSA records of " + host +
                                      " are not known to be secure: this needs a resolver that validates"};
  if (look.tlsa.lookup == Lookup::absent) return without_records(known, host);
  KeyChange change{host, {}, {}, next, look.tlsa.ttl, known.now, {}};
  const auto shown = vouching(look);
  if (!shown) return {PlanVerdict::unknown, "not every address of " + host + " showed its certificate"};
  change.records = look.tlsa.records;
  change.vouching = *shown;
  const bool ttl_known = recall_tlsa(known, change);
  auto steps = plan_key_change(change);
  if (!steps) return {PlanVerdict::unsafe, steps.error()};
  return {PlanVerdict::safe,
          "senders that do DANE and keep to the TTL " +
              (ttl_known
                   ? "of " + std::to_string(change.ttl) + " s"
                   : "(taken for " + std::to_string(change.ttl) +
                         " s, since a resolver's copy does not show it; a service's memory does: --config)") +
              " hold a record of the key in use at each moment",
          std::move(*steps)};
}

Json to_json(const std::string& host, const Made& made) {
  Json steps = Json::array();
  for (const TlsaStep& step : made.steps) {
    Json records = Json::array();
    for (const TlsaRecord& record : step.records)
      records.push_back(record.str());
    const Json after{{"step", step.n - 1}, {"seconds", step.after.count()}};
    steps.push_back({{"n", step.n},
                     {"do", to_string(step.deed)},
                     {"after", Json::array({after})},
                     {"not_before", to_utc(step.not_before)},
                     {"host", host},
                     {"tlsa", std::move(records)},
                     {"text", step.text}});
  }
  return {{"verdict", to_string(made.verdict)}, {"why", made.why}, {"steps", std::move(steps)}};
}

}  // namespace

int plan_key(const PlanCommand& command, const Remembered& known, Streams io) {
  const auto next = parse_tlsa(command.next_tlsa);
  if (!next)
    return complain(io, "--next-tlsa is no TLSA record: write it as in the zone, \"3 1 1 e3b0c4...\"",
                    kExitUsage);
  std::string host = text::lower(command.key_of);  // RFC 4343
  if (host.ends_with('.')) host.pop_back();
  const Made made = make(host, *next, known);
  if (command.json) {
    io.out << to_json(host, made).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return exit_code(made.verdict);
  }
  io.out << host << "  " << to_string(made.verdict) << "\n  " << made.why << "\n";
  for (const TlsaStep& step : made.steps)
    io.out << "  " << step.n << ". " << to_string(step.deed) << "  not before " << to_utc(step.not_before)
           << "\n     " << step.text << "\n";
  return exit_code(made.verdict);
}

}  // namespace stswatch
