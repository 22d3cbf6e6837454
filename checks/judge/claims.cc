#include "checks/judge/claims.h"

#include <algorithm>

#include "checks/judge/catalogue/catalogue.h"

namespace stswatch {
namespace {

/// The sight of a part of one look: it saw, or it did not.
LookTimes at_once(TimePoint at, bool success) {
  LookTimes out;
  note_look(out, at, success);
  return out;
}

bool is_old(const LookTimes& times, Seconds fresh_for, TimePoint now) {
  return fresh_for > Seconds{0} && (!times.last_success || now - *times.last_success > fresh_for);
}

/// A domain without MTA-STS has nothing that anybody enforces on its hosts (CONTRACT 2).
bool is_deployed(const Verdict& verdict) {
  return std::ranges::none_of(verdict.findings,
                              [](const Finding& f) { return f.code == codes::not_deployed; });
}

}  // namespace

void note_look(LookTimes& times, TimePoint at, bool success) {
  if (!times.first_look) times.first_look = at;
  times.last_look = at;
  if (success) {
    times.last_success = at;
    times.failing_since.reset();
  } else if (!times.failing_since) {
    times.failing_since = at;
  }
}

HostsTimes together(const std::vector<LookTimes>& hosts) {
  const auto older = [](std::optional<TimePoint>& out, const std::optional<TimePoint>& one) {
    if (one && (!out || *one < *out)) out = one;
  };
  HostsTimes out{hosts.size(), {}};
  for (const auto& host : hosts) {
    older(out.all.last_look, host.last_look);
    older(out.all.last_success, host.last_success);
    older(out.all.first_look, host.first_look);
    older(out.all.failing_since, host.failing_since);
  }
  return out;
}

FactTimes times_of_one_look(const Verdict& verdict) {
  const TimePoint at = verdict.checked_at;
  FactTimes out;
  out.sts_record = at_once(at, verdict.record.outcome != Outcome::unknown);
  out.policy = at_once(at, verdict.policy.outcome != Outcome::unknown);
  out.mx = at_once(at, verdict.mx_lookup != Lookup::unknown);
  std::vector<LookTimes> hosts;
  for (const auto& mx : verdict.mx)
    hosts.push_back(at_once(at, std::ranges::any_of(mx.addresses, [](const MxAddressVerdict& a) {
                              return a.outcome != HostOutcome::unknown;
                            })));
  out.hosts = together(hosts);
  return out;
}

Status Claims::status_of(const Verdict& verdict) const {
  return verdict.status == Status::ok && !fresh ? Status::unknown : verdict.status;
}

std::string Claims::words() const {
  if (fresh) return {};
  return seen ? "not seen since " + to_utc(*seen) : "never seen";
}

Claims claims_of(const Verdict& verdict, const FactTimes& times, const Freshness& fresh_for, TimePoint now) {
  Claims out;
  bool never = false;
  const auto rests_on = [&](const LookTimes& part, Seconds limit) {
    if (!is_old(part, limit, now)) return;
    out.fresh = false;
    if (!part.last_success)
      never = true;
    else if (!out.seen || *part.last_success < *out.seen)
      out.seen = part.last_success;
  };
  rests_on(times.sts_record, fresh_for.dns);
  rests_on(times.mx, fresh_for.dns);
  if (is_deployed(verdict)) {
    rests_on(times.policy, fresh_for.policy);
    if (times.hosts.known_hosts > 0) rests_on(times.hosts.all, fresh_for.mx);
  }
  if (never) out.seen.reset();
  return out;
}

}  // namespace stswatch
