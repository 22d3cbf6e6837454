#include "agent/commands/check_looks.h"

#include <algorithm>

#include "agent/remember/past.h"
#include "agent/watch/means.h"
#include "agent/watch/mx_probe_pool.h"
#include "config/load.h"

namespace stswatch {

namespace {

std::size_t threads_within_limits(std::size_t wanted) {
  return workers_within(descriptor_limit() / 2, wanted);
}

class Names {
 public:
  void add(const Domain& domain) {
    const auto [it, fresh] = index_.emplace(domain.str(), asked_.names.size());
    if (fresh) asked_.names.push_back(domain);
    asked_.order.push_back(it->second);
  }
  Asked take() { return std::move(asked_); }

 private:
  Asked asked_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace

tl::expected<Asked, std::string> asked_names(const CheckCommand& command, const Config& config) {
  Names names;
  for (const auto& typed : command.domains) {
    const auto domain = Domain::parse(typed);
    if (!domain) return tl::make_unexpected(domain.error());
    names.add(*domain);
  }
  if (!command.domains_file.empty()) {
    const auto listed = read_domains_file(command.domains_file);
    if (!listed) return tl::make_unexpected(listed.error().front().str());
    if (listed->empty())
      return tl::make_unexpected(command.domains_file + " names no domain: write one a line");
    for (const auto& domain : *listed)
      names.add(domain);
  }
  const bool named = !command.domains.empty() || !command.domains_file.empty();
  if (!named)
    for (const auto& domain : config.domains)
      names.add(domain.name);
  auto asked = names.take();
  if (asked.order.empty())
    return tl::make_unexpected(
        std::string("no domain to check: name one, or give --domains-file or --config"));
  return asked;
}

LimitsByName::LimitsByName(const Config& config) : others_(config.expiry) {
  for (const auto& d : config.domains)
    by_name_.emplace(d.name.str(), d.limits);
}

const Limits& LimitsByName::of(const Domain& domain) const {
  const auto it = by_name_.find(domain.str());
  return it == by_name_.end() ? others_ : it->second;
}

CheckLooks::CheckLooks(Probes& probes, const Config& config, const std::vector<Domain>& names,
                       std::size_t jobs, Seen seen, std::shared_ptr<const Memory> memory)
    : probes_(probes),
      names_(names),
      timeout_(config.network.look_timeout),
      window_(jobs * 4),
      seen_(std::move(seen)),
      memory_(std::move(memory)),
      mx_(probes, clock_, timeout_, cancel_, threads_within_limits(std::min<std::size_t>(jobs * 4, 256)),
          config.schedule.second_probe > Seconds{0} ? Depth::thorough : Depth::usual),
      limits_(config) {
  for (std::size_t i = 0; i < std::min(threads_within_limits(jobs), names.size()); ++i)
    threads_.emplace_back([this] { work(); });
}

CheckLooks::~CheckLooks() {
  cancel_.cancel();
  const std::lock_guard lock(mutex_);
  next_ = names_.size();
  changed_.notify_all();
}

Verdict CheckLooks::verdict(std::size_t index) {
  std::unique_lock lock(mutex_);
  reading_ = index;
  changed_.notify_all();
  changed_.wait(lock, [&] { return done_.contains(index); });
  return std::move(done_.extract(index).mapped());
}

void CheckLooks::work() {
  for (;;) {
    std::size_t index = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return next_ >= names_.size() || next_ < reading_ + window_; });
      if (next_ >= names_.size()) return;
      index = next_++;
    }
    auto verdict = look_and_judge(names_[index]);
    const std::lock_guard lock(mutex_);
    done_.emplace(index, std::move(verdict));
    changed_.notify_all();
  }
}

Verdict CheckLooks::look_and_judge(const Domain& domain) {
  auto look = look_once(probes_, mx_, domain, clock_.now(), Deadline::in(timeout_, &cancel_));
  const auto& limits = limits_.of(domain);
  add_memory(look, limits);
  if (seen_) seen_(look);
  return judge(look, limits);
}

/// The look at face value, before the background of what senders may still hold.
void CheckLooks::add_memory(SavedLook& look, const Limits& limits) const {
  const auto record = memory_ ? memory_->domain(look.domain.domain) : nullptr;
  if (!record) return;
  look.past = remember_look(record->past, look.domain, look.mx, look.vantage, limits, look.domain, true);
  for (const auto& [host, seen] : look.mx)
    if (const auto known = memory_->mx(host))
      look.mx_pasts.emplace(host,
                            std::make_shared<HostPast>(note_tlsa(remember_look(*known->past, *seen), *seen)));
}

}  // namespace stswatch
