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

std::shared_ptr<Prober::Flight> Prober::board(const std::string& name, Millis patience, bool* ours) {
  const auto now = Steady::now();
  const std::lock_guard lock(mutex_);
  std::erase_if(flights_, [&](const auto& entry) {
    return entry.second->done && entry.second->began + kFreshLook <= now;
  });
  auto& flight = flights_[name];
  const bool enough = flight && (!flight->done || !flight->cut || patience <= flight->patience);
  *ours = !enough && (!flight || flight->looks < kLooks);
  if (!*ours) return flight;
  const int looks = flight ? flight->looks + 1 : 1;
  flight = std::make_shared<Flight>();
  flight->began = now;
  flight->patience = patience;
  flight->looks = looks;
  return flight;
}

Prober::Result Prober::accompany(Flight& flight, Steady::time_point until) {
  std::unique_lock lock(mutex_);
  if (!flight.done && flight.company < kCompany) {
    ++flight.company;
    landed_.wait_until(lock, until, [&] { return flight.done; });
    --flight.company;
  }
  return flight.answer;
}

Prober::Result Prober::look(const LiveConfig& plan, const Domain& name, Millis patience) {
  const Place place(under_way_);
  if (!place.ours())
    return tl::make_unexpected(
        HttpRefusal{503, std::to_string(kAtOnce) + " probes are under way: ask again later"});
  service_.probed(name);
  const auto began = Steady::now();
  // The hosts get the same end as the whole: what comes after it is not seen in any case.
  MxProbePool mx(plan.probes, clock_, patience, cancel_, kMxThreads);
  const auto look = look_once(plan.probes, mx, name, clock_.now(), Deadline::in(patience, &cancel_));
  if (cancel_.cancelled()) return tl::make_unexpected(HttpRefusal{503, "stswatch is stopping"});
  const auto* watched = plan.find(name.str());
  return ProbeAnswer{record_of(look, watched != nullptr ? watched->limits : plan.config.expiry),
                     std::chrono::duration<double>(Steady::now() - began).count()};
}

tl::expected<ProbeAnswer, HttpRefusal> Prober::probe(const std::string& target,
                                                     std::optional<Millis> timeout) {
  const auto plan = service_.plan();
  const auto name = allowed_target(*plan, target);
  if (!name) return tl::make_unexpected(name.error());
  if (plan->find(name->str()) != nullptr)
    if (auto record = service_.fresh(*name)) return ProbeAnswer{std::move(record), 0};
  const Millis longest = plan->config.network.look_timeout;
  const Millis patience = std::min(timeout.value_or(longest), longest);
  bool ours = false;
  const auto flight = board(name->str(), patience, &ours);
  if (!ours) return accompany(*flight, Steady::now() + patience);
  auto answer = look(*plan, *name, patience);
  const std::lock_guard lock(mutex_);
  flight->cut = Steady::now() - flight->began >= patience;
  flight->answer = answer;
  flight->done = true;
  landed_.notify_all();
  if (const auto mine = flights_.find(name->str());
      !answer && mine != flights_.end() && mine->second == flight)
    flights_.erase(mine);  // it was none
  return answer;
}

}  // namespace stswatch
