#include "agent/watch/probe.h"

#include <algorithm>

#include "agent/watch/mx_probe_pool.h"

namespace stswatch {
namespace {

constexpr std::size_t kMxThreads = 4;

/// One of those that may run at once, if any is left.
class Place {
 public:
  explicit Place(std::atomic<int>& taken) : taken_(taken), ours_(++taken <= Prober::kAtOnce) {}
  ~Place() { --taken_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool ours() const { return ours_; }

 private:
  std::atomic<int>& taken_;
  const bool ours_;
};

tl::expected<Domain, HttpRefusal> allowed_target(const LiveConfig& plan, const std::string& target) {
  if (target.empty())
    return tl::make_unexpected(HttpRefusal{400, "no target: ask for /probe?target=example.com"});
  const auto name = Domain::parse(target);
  if (!name) return tl::make_unexpected(HttpRefusal{400, name.error()});
  if (plan.find(name->str()) != nullptr || allowed_by(plan.config.probe_allow, *name)) return *name;
  return tl::make_unexpected(HttpRefusal{
      403, name->str() + " is neither watched nor allowed: add it to [probe] allow in the configuration"});
}

std::shared_ptr<const DomainMemory> record_of(const SavedLook& look, const Limits& limits) {
  auto verdict = judge(look.domain, look.mx, look.vantage, limits);
  const std::pair<Part, Outcome> parts[] = {{Part::sts_record, verdict.record.outcome},
                                            {Part::policy, verdict.policy.outcome},
                                            {Part::tlsrpt_record, verdict.tlsrpt.outcome}};
  auto record =
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain), std::move(verdict));
  const auto note = [&](Part part, bool conclusive) {
    record->times[part].last_look = look.domain.at;
    if (conclusive) record->times[part].last_success = look.domain.at;
  };
  for (const auto& [part, outcome] : parts)
    note(part, outcome != Outcome::unknown);
  note(Part::mx, record->verdict.mx_lookup != Lookup::unknown);
  if (record->verdict.policy.outcome == Outcome::ok) record->policy_last_success = look.domain.at;
  return record;
}

}  // namespace

bool allowed_by(const std::vector<std::string>& allow, const Domain& name) {
  return std::any_of(allow.begin(), allow.end(), [&](const std::string& pattern) {
    if (pattern == "*") return true;
    const bool below = pattern.starts_with("*.");
    const auto domain = Domain::parse(below ? pattern.substr(2) : pattern);
    if (!domain) return false;
    return below ? name.str().ends_with("." + domain->str()) : name == *domain;
  });
}

tl::expected<ProbeAnswer, HttpRefusal> Prober::probe(const std::string& target,
                                                     std::optional<Millis> timeout) {
  const auto plan = service_.plan();
  const auto name = allowed_target(*plan, target);
  if (!name) return tl::make_unexpected(name.error());
  const Place place(under_way_);
  if (!place.ours())
    return tl::make_unexpected(
        HttpRefusal{503, std::to_string(kAtOnce) + " probes are under way: ask again later"});

  const auto began = std::chrono::steady_clock::now();
  const Millis longest = plan->config.network.look_timeout;
  const Millis patience = std::min(timeout.value_or(longest), longest);
  // The hosts get the same end as the whole: what comes after it is not seen in any case.
  MxProbePool mx(plan->probes, clock_, patience, cancel_, kMxThreads);
  const auto look = look_once(plan->probes, mx, *name, clock_.now(), Deadline::in(patience, &cancel_));
  if (cancel_.cancelled()) return tl::make_unexpected(HttpRefusal{503, "stswatch is stopping"});
  const auto* watched = plan->find(name->str());
  return ProbeAnswer{record_of(look, watched != nullptr ? watched->limits : plan->config.expiry),
                     std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()};
}

}  // namespace stswatch
