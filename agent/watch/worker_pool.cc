#include "agent/watch/worker_pool.h"

#include <algorithm>
#include <random>
#include <system_error>

namespace stswatch {
namespace {

// Beyond its deadline a look judges and remembers; a minute is hundreds of times what that takes.
constexpr Seconds kGrace{60};
constexpr Seconds kSlow{3};  // at least, however short a look may be: clocks count whole seconds

std::string named(const LookSubject& subject) {
  return (subject.kind == Kind::mx ? "the look at MX host " : "the look at ") + subject.name;
}

}  // namespace

WorkerPool::WorkerPool(Clock& clock, Look look)
    : clock_(clock), look_(std::move(look)), schedule_(std::random_device{}()) {}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::limit(Limits limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  wake();
}

void WorkerPool::start() {
  const std::lock_guard lock(mutex_);
  started_ = true;
  last_taken_ = clock_.steady();
  wake();
}

void WorkerPool::add(const LookSubject& subject, Seconds after) {
  const std::lock_guard lock(mutex_);
  schedule_.add(subject, clock_.steady() + after);
  wake();
}

void WorkerPool::remove(const LookSubject& subject) {
  const std::lock_guard lock(mutex_);
  schedule_.remove(subject);
}

void WorkerPool::hurry(const LookSubject& subject, Seconds after) {
  const std::lock_guard lock(mutex_);
  schedule_.hurry(subject, clock_.steady() + after);
  wake();
}

void WorkerPool::shorten(Kind kind, Seconds interval) {
  const std::lock_guard lock(mutex_);
  schedule_.shorten(kind, clock_.steady(), interval);
  wake();
}

void WorkerPool::stop() {
  std::vector<std::thread> workers;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    workers.swap(workers_);
  }
  time_.notify_all();
  work_.notify_all();
  for (auto& w : workers)
    w.join();
}

Schedule::Room WorkerPool::room() const {
  const auto workers = limits_.workers, least = std::size_t{1};
  const auto all = std::max(least, schedule_.count(Kind::domain) + schedule_.count(Kind::mx));
  const bool mx = busy_mx_ < std::max(least, workers / 2);
  const bool slow = busy_slow_ < std::max({least, workers / 3, workers * schedule_.count_slow() / all});
  return {.mx = mx, .slow = slow, .mx_first = workers > 1};
}

bool WorkerPool::held_up() const {
  const auto now = clock_.steady();
  const auto held = std::ranges::count_if(
      under_way_, [&](const auto& way) { return !way.second.slow && now - way.second.began >= kSlow; });
  return static_cast<std::size_t>(held) >= std::max(std::size_t{1}, limits_.workers / 3);
}

std::optional<SteadyPoint> WorkerPool::next_due() const {
  return full() ? std::nullopt : schedule_.next_due(room());
}

void WorkerPool::wake() {
  if (!started_ || stopping_) return;
  const auto next = next_due();
  if (!next) return;
  if (watched_ && *next < *watched_) time_.notify_one();
  if (idle_ > (watched_ ? 1U : 0U)) return work_.notify_one();
  // Somebody must watch the clock while the others look; whoever is starting takes work and wakes the next.
  if (!watched_ && starting_ == 0 && workers_.size() < limits_.workers) {
    start_worker();
  }
}

/// Where the system has no thread left, those that there are look at everything, later; each look asks again.
void WorkerPool::start_worker() {
  try {
    workers_.emplace_back([this] { work(); });
    ++starting_;
    cramped_ = false;
  } catch (const std::system_error&) {
    cramped_ = true;
  }
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  --starting_;
  while (!stopping_) {
    const auto subject = full() ? std::nullopt : schedule_.take(clock_.steady(), room());
    if (!subject) {
      rest(lock);
      continue;
    }
    last_taken_ = clock_.steady();
    const auto [interval, slow_until] = turn(lock, *subject);
    schedule_.done(*subject, clock_.steady(), interval, slow_until);
    wake();
  }
}

void WorkerPool::rest(std::unique_lock<std::mutex>& lock) {
  ++idle_;
  if (watched_) {
    work_.wait(lock);
  } else {
    watched_ = next_due().value_or(clock_.steady() + Seconds{3600});
    clock_.wait_until(time_, lock, *watched_);
    watched_.reset();
  }
  --idle_;
}

std::pair<Seconds, SteadyPoint> WorkerPool::turn(std::unique_lock<std::mutex>& lock,
                                                 const LookSubject& subject) {
  const std::size_t mx = subject.kind == Kind::mx ? 1 : 0, slow = schedule_.is_slow(subject) ? 1 : 0;
  const auto began = clock_.steady();
  const auto limit = limits_.look;
  const bool briefly = subject.kind == Kind::domain && !schedule_.was_looked_at(subject) && held_up();
  under_way_[subject] = {std::chrono::steady_clock::now(), limit, began, slow != 0};
  busy_mx_ += mx;
  busy_slow_ += slow;
  wake();
  lock.unlock();
  const Seconds interval = look_(subject, briefly);
  lock.lock();
  busy_mx_ -= mx;
  busy_slow_ -= slow;
  under_way_.erase(subject);
  const auto now = clock_.steady();
  const bool was_slow =
      subject.kind != Kind::vantage && now - began >= (briefly ? kSlow : std::max(limit / 2, kSlow));
  const auto slow_for = subject.kind == Kind::mx ? limits_.mx_slow_for : limits_.domain_slow_for;
  return {interval, was_slow ? now + slow_for : SteadyPoint::min()};
}

WorkerPool::State WorkerPool::state() const {
  const std::lock_guard lock(mutex_);
  const auto now = clock_.steady();
  return {under_way_.size(),
          idle_,
          schedule_.late(Kind::domain, now),
          schedule_.late(Kind::mx, now),
          schedule_.count(Kind::domain),
          schedule_.count(Kind::mx),
          cramped_};
}

std::optional<std::string> WorkerPool::stuck(std::chrono::steady_clock::time_point now) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [subject, way] : under_way_) {
    const auto spent = std::chrono::floor<Seconds>(now - way.since);
    if (spent > way.limit + kGrace)
      return named(subject) + " has not ended for " + std::to_string(spent.count()) + " s";
  }
  const auto next = next_due();
  if (started_ && !stopping_ && idle_ > 0 && next && clock_.steady() - *next > kGrace)
    return "work has been due for " + std::to_string((clock_.steady() - *next).count()) +
           " s, and no idle worker takes it";
  const auto due = started_ && !stopping_ ? schedule_.next_due(room()) : std::nullopt;
  const auto longest = limits_.look + kGrace;
  const auto asleep = clock_.steady() - last_taken_;
  if (due && clock_.steady() - *due > longest && asleep > longest)
    return "no look has begun for " + std::to_string(asleep.count()) + " s, though some are due";
  return std::nullopt;
}

}  // namespace stswatch
