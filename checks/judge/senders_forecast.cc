#include "checks/judge/senders_forecast.h"

#include <algorithm>

namespace stswatch::senders {
namespace {

/// U at one moment: the worst enforce policy in effect, taken for each bound by itself.
struct Moment {
  TimePoint at{};
  bool applicable = false;  // some enforce policy is in effect, and there are MX hosts
  Count usable;
  std::size_t decides = 0;  // the policy with the fewest possible hosts
};

class Walk {
 public:
  Walk(const World& world, const Caches& caches, const Hosts& hosts, Level level)
      : world_(world), caches_(caches), hosts_(hosts), level_(level) {}

  LevelResult run() const;

 private:
  Moment look(TimePoint t) const;
  void consider(std::size_t policy, const std::vector<Usable>& states, Moment& moment) const;
  std::vector<TimePoint> events() const;
  std::vector<std::string> reason_now(const Moment& moment) const;
  std::vector<std::string> reason_at(const Moment& moment, TimePoint before) const;
  void add_expired(std::size_t policy, bool (*ended)(TimePoint not_after, TimePoint t), bool sound_only,
                   TimePoint t, std::vector<std::string>& out) const;

  const World& world_;
  const Caches& caches_;
  const Hosts& hosts_;
  Level level_;
};

Moment Walk::look(TimePoint t) const {
  Moment moment;
  moment.at = t;
  // A domain without MX hosts takes no mail (RULES 4.6).
  if (hosts_.size() == 0) return moment;
  const std::vector<Usable> states = hosts_.at(t);
  if (caches_.announced()) consider(*caches_.current(), states, moment);
  for (std::size_t policy = 0; policy < world_.policies.size(); ++policy) {
    if (caches_.in_effect(policy, t, level_)) consider(policy, states, moment);
  }
  return moment;
}

void Walk::consider(std::size_t policy, const std::vector<Usable>& states, Moment& moment) const {
  // RFC 8461 §5: only "enforce" keeps a sender from delivering to a host that fails.
  if (world_.policies[policy].mode != Mode::enforce) return;
  const Count count = hosts_.count(policy, states);
  if (!moment.applicable || count.possible < moment.usable.possible) moment.decides = policy;
  if (!moment.applicable) {
    moment.usable = count;
  } else {
    moment.usable.certain = std::min(moment.usable.certain, count.certain);
    moment.usable.possible = std::min(moment.usable.possible, count.possible);
  }
  moment.applicable = true;
}

/// Between events nothing changes (RULES 4.6 rule 3), so nothing is looked at between them.
std::vector<TimePoint> Walk::events() const {
  std::vector<TimePoint> all;
  caches_.add_events(all, level_);
  hosts_.add_events(all);
  std::erase_if(all, [this](TimePoint t) { return t <= world_.now || t == kOpen; });
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

void Walk::add_expired(std::size_t policy, bool (*ended)(TimePoint not_after, TimePoint t), bool sound_only,
                       TimePoint t, std::vector<std::string>& out) const {
  for (std::size_t host : hosts_.order()) {
    if (!hosts_.listed(policy, host)) continue;
    const WorldMx& mx = world_.mx[host];
    for (std::size_t i = 0; i < mx.addresses.size(); ++i) {
      const auto& not_after = mx.addresses[i].not_after;
      if (!not_after || !ended(*not_after, t) || (sound_only && !hosts_.sound(host, i))) continue;
      out.push_back("certificate-expired " + mx.host + ' ' + mx.addresses[i].address);
    }
  }
}

std::vector<std::string> Walk::reason_now(const Moment& moment) const {
  if (!hosts_.lists_any(moment.decides)) return {"mx-none-in-policy"};
  std::vector<std::string> reason;
  add_expired(
      moment.decides, [](TimePoint not_after, TimePoint t) { return not_after <= t; }, false, moment.at,
      reason);
  if (reason.empty()) reason.emplace_back("already");
  return reason;
}

std::vector<std::string> Walk::reason_at(const Moment& moment, TimePoint before) const {
  std::vector<std::string> reason;
  // A pair that could be refreshed until now binds from now on: the policy host's certificate brought it
  // about.
  if (!caches_.in_effect(moment.decides, before, level_)) reason.emplace_back("sts-webpki-cert-expired");
  add_expired(
      moment.decides, [](TimePoint not_after, TimePoint t) { return not_after == t; }, true, moment.at,
      reason);
  return reason;
}

LevelResult Walk::run() const {
  LevelResult result;
  const Moment start = look(world_.now);
  const auto point = [this](const Moment& at, std::vector<std::string> reason) {
    return WorldPoint{at.at, std::move(reason), world_.policies[at.decides].name};
  };
  if (start.applicable) {
    result.usable = UsableMx{start.usable.certain, start.usable.possible, static_cast<int>(hosts_.size())};
    if (start.usable.possible == 0) result.breakage = point(start, reason_now(start));
  }
  TimePoint before = world_.now;
  for (const TimePoint t : events()) {
    const Moment moment = look(t);
    const bool none = moment.applicable && moment.usable.possible == 0;
    if (!result.breakage) {
      const bool fewer =
          start.applicable && moment.applicable && moment.usable.possible < start.usable.possible;
      if (none) {
        result.breakage = point(moment, reason_at(moment, before));
      } else if (fewer && !result.degradation) {
        result.degradation = point(moment, reason_at(moment, before));
      }
    } else if (!none) {
      result.recovery = t;
      break;
    }
    before = t;
  }
  return result;
}

}  // namespace

LevelResult forecast(const World& world, const Caches& caches, const Hosts& hosts, Level level) {
  return Walk(world, caches, hosts, level).run();
}

std::optional<TimePoint> lapse(const World& world, const Caches& caches) {
  const auto close = [](TimePoint t) { return t == kOpen ? std::nullopt : std::optional(t); };
  if (caches.announced() && caches.fetchable(world.now)) {
    const WorldPolicy& current = world.policies[*caches.current()];
    // RFC 8461 §3.3: the last fetch succeeds just before the certificate ends, and that copy lives for
    // max_age.
    if (current.mode == Mode::enforce) return close(later(caches.host_until(), current.max_age));
  }
  std::optional<TimePoint> latest;
  for (const Pair& pair : caches.pairs()) {
    if (world.policies[pair.policy].mode != Mode::enforce || pair.live_until <= world.now) continue;
    latest = std::max(latest.value_or(pair.live_until), pair.live_until);
  }
  return latest ? close(*latest) : std::nullopt;
}

std::optional<TimePoint> safe_after(const World& world, const Caches& caches) {
  TimePoint latest = world.now;
  for (const Pair& pair : caches.pairs()) {
    if (pair.policy != caches.current()) latest = std::max(latest, pair.live_until);
  }
  return latest == kOpen ? std::nullopt : std::optional(latest);
}

}  // namespace stswatch::senders
