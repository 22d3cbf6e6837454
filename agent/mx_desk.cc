#include "agent/mx_desk.h"

#include <algorithm>

namespace stswatch {
namespace {

/// Whoever asks started earlier, and waits no longer than its own look may take: an address that hangs to the
/// end must not hide what the host's other addresses showed.
Millis share_of(Millis look_timeout) { return look_timeout - std::min(look_timeout / 5, Millis{3000}); }

}  // namespace

MxDesk::MxDesk(const Outlook& outlook, Clock& clock, Millis look_timeout, const Cancel& cancel,
               std::size_t threads)
    : outlook_(outlook), clock_(clock), look_timeout_(share_of(look_timeout)), cancel_(cancel) {
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] { work(); });
}

MxDesk::~MxDesk() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  more_.notify_all();
}

MxDesk::Look MxDesk::look_at(const std::string& host) {
  const std::lock_guard lock(mutex_);
  if (const auto it = looks_.find(host); it != looks_.end()) {
    asked_.splice(asked_.begin(), asked_, it->second.asked);
    return it->second.look;
  }
  Errand errand{host, {}};
  Look look = errand.done.get_future().share();
  asked_.push_front(host);
  looks_.emplace(host, Kept{look, asked_.begin()});
  if (looks_.size() > kKept) forget_oldest();
  waiting_.push_back(std::move(errand));
  more_.notify_one();
  return look;
}

/// A look under way stays known to those who wait for it.
void MxDesk::forget_oldest() {
  looks_.erase(asked_.back());
  asked_.pop_back();
}

void MxDesk::work() {
  for (;;) {
    Errand errand;
    {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      errand = std::move(waiting_.front());
      waiting_.pop_front();
      if (closing_) continue;  // nobody waits for it any more
    }
    outlook_.canaries->ask(clock_.now(), cancel_);
    const auto deadline = Deadline::in(look_timeout_, &cancel_);
    auto look = std::make_shared<const MxHostObservation>(
        outlook_.observer->look_at_mx(errand.host, clock_.now(), deadline));
    outlook_.vantage->saw(*look);
    errand.done.set_value(std::move(look));
  }
}

}  // namespace stswatch
