#include "agent/watch/turns.h"

#include <utility>

namespace stswatch {

Turns::Turns(std::function<Outcome(const std::stop_token&)> turn)
    : turn_(std::move(turn)), thread_([this] { work(); }) {}

Turns::Outcome Turns::take() {
  std::unique_lock lock(mutex_);
  const auto wanted = begun_ + 1;
  asked_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return done_ >= wanted || (stopped_ && begun_ < wanted); });
  if (done_ < wanted) return tl::make_unexpected("the agent stops");
  return outcome_;
}

void Turns::ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  changed_.notify_all();
}

void Turns::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.request_stop();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Turns::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopped_ || asked_; });
    if (stopped_) return;
    asked_ = false;
    ++begun_;
    lock.unlock();
    auto outcome = turn_(stop_.get_token());
    lock.lock();
    done_ = begun_;
    outcome_ = std::move(outcome);
    changed_.notify_all();
  }
}

}  // namespace stswatch
