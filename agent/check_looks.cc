#include "agent/check_looks.h"

#include <algorithm>

#include "agent/one_look.h"
#include "agent/remember/past.h"

namespace stswatch {

CheckLooks::CheckLooks(Outlook& outlook, const Config& config, const std::vector<Domain>& names,
                       std::size_t jobs, Seen seen, std::shared_ptr<const Memory> memory)
    : outlook_(outlook),
      names_(names),
      timeout_(config.network.look_timeout),
      window_(jobs * 4),
      seen_(std::move(seen)),
      memory_(std::move(memory)),
      mx_(outlook, clock_, timeout_, cancel_, std::min<std::size_t>(jobs * 4, 256)),
      limits_(config) {
  for (std::size_t i = 0; i < std::min(jobs, names.size()); ++i)
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
  auto look = look_once(outlook_, mx_, domain, clock_.now(), Deadline::in(timeout_, &cancel_));
  const auto& limits = limits_.of(domain);
  add_memory(look, limits);
  if (seen_) seen_(look);
  return judge(look, limits);
}

/// The look at face value, before the background of what senders may still hold.
void CheckLooks::add_memory(SavedLook& look, const Limits& limits) const {
  const auto record = memory_ ? memory_->domain(look.domain.domain) : nullptr;
  if (!record) return;
  look.past = remember_look(record->past, look.domain, look.mx, look.vantage, limits, &look.domain);
  for (const auto& [host, seen] : look.mx)
    if (const auto known = memory_->mx(host))
      look.mx_pasts.emplace(host, std::make_shared<HostPast>(remember_look(*known->past, *seen)));
}

}  // namespace stswatch
