#include "agent/watch/mx_probe_pool.h"

#include <algorithm>

#include "checks/facts/bounds.h"

namespace stswatch {

SavedLook look_once(const Probes& probes, MxProbePool& mx, const Domain& domain, TimePoint now,
                    const Deadline& deadline) {
  SavedLook look(probes.observer->look_at_names(domain, now, deadline, {.known = nullptr, .thorough = true}));
  auto& facts = look.domain;

  std::map<std::string, MxProbePool::Look> pending;
  for (const auto& record : facts.mx.records)
    if (!record.host.empty() && pending.size() < bounds::kMxHosts)
      pending.emplace(record.host, mx.look_at(record.host));
  if (facts.mx.records.empty() && facts.apex.lookup() == Lookup::found)
    pending.emplace(domain.str(), mx.look_at(domain.str()));  // RFC 5321 §5.1: the implicit MX

  facts.fetches = probes.observer->fetch_policies(domain, facts.policy_host, now, deadline);
  probes.vantage->saw(domain.policy_host(), facts.fetches, facts.at);
  probes.vantage->heard_dates(domain.policy_host(), facts.fetches, facts.at, facts.at);
  probes.observer->look_aside(facts, nullptr, deadline);

  for (const auto& [host, seen] : pending)
    if (seen.wait_for(deadline.left()) == std::future_status::ready) look.mx.emplace(host, seen.get());
  look.vantage = probes.vantage->now(domain.policy_host(), facts.at);
  if (!look.vantage.clock_doubted.empty()) {
    withdraw_dated(facts);
    for (auto& [_, seen] : look.mx) {
      auto without = *seen;
      withdraw_dated(without);
      seen = std::make_shared<const MxHostObservation>(std::move(without));
    }
  }
  look.vantage.resolver_blind = ResolverWatch::proved_by(facts);
  look.vantage.port53_blocked = probes.source && probes.source->blocked();
  return look;
}

namespace {

/// Whoever asks started earlier, and waits no longer than its own look may take: an address that hangs to the
/// end must not hide what the host's other addresses showed.
Millis share_of(Millis look_timeout) { return look_timeout - std::min(look_timeout / 5, Millis{3000}); }

}  // namespace

MxProbePool::MxProbePool(const Probes& probes, Clock& clock, Millis look_timeout, const Cancel& cancel,
                         std::size_t threads, Depth depth)
    : probes_(probes), clock_(clock), look_timeout_(share_of(look_timeout)), cancel_(cancel), depth_(depth) {
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] { work(); });
}

MxProbePool::~MxProbePool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  more_.notify_all();
}

MxProbePool::Look MxProbePool::look_at(const std::string& host) {
  const std::lock_guard lock(mutex_);
  if (const auto it = looks_.find(host); it != looks_.end()) {
    asked_.splice(asked_.begin(), asked_, it->second.asked);
    return it->second.look;
  }
  Request errand{host, {}};
  Look look = errand.done.get_future().share();
  asked_.push_front(host);
  looks_.emplace(host, Kept{look, asked_.begin()});
  if (looks_.size() > kKept) forget_oldest();
  waiting_.push_back(std::move(errand));
  more_.notify_one();
  return look;
}

/// A look under way stays known to those who wait for it.
void MxProbePool::forget_oldest() {
  looks_.erase(asked_.back());
  asked_.pop_back();
}

void MxProbePool::work() {
  for (;;) {
    Request errand;
    {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      errand = std::move(waiting_.front());
      waiting_.pop_front();
      if (closing_) continue;  // nobody waits for it any more
    }
    probes_.canaries->ask(clock_.now(), cancel_);
    const auto deadline = Deadline::in(look_timeout_, &cancel_);
    auto look = probes_.observer->look_at_mx(errand.host, clock_.now(), deadline);
    probes_.observer->look_aside(look, nullptr, deadline);
    probes_.vantage->saw(look);
    if (depth_ == Depth::thorough) probes_.observer->look_again(look, deadline);
    errand.done.set_value(std::make_shared<const MxHostObservation>(std::move(look)));
  }
}

}  // namespace stswatch
