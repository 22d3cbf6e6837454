#include "agent/remember/live_store.h"

#include <algorithm>
#include <limits>

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kRefresh = 2h;              // how old the times on the disk may get
constexpr Seconds kRefreshForOthers = 5min;   // where other agents show them
constexpr std::size_t kRefreshAtOnce = 1000;  // subjects in one transaction
constexpr auto kRetryAtMost = 60s;            // after failures
constexpr Seconds kHostKept = 30 * 24h;       // an MX host that no domain uses: it may come back
constexpr Seconds kMargin = 24h;              // a sender's clock, and one that fetched at the last moment

/// The last moment at which some sender may still hold a policy of the domain.
TimePoint last_cache_end(const DomainMemory& record) {
  TimePoint end = record.known->at;
  for (const auto& policy : record.past.policies)
    end = std::max(end, policy.seen.gone.value_or(record.known->at) +
                            Seconds{static_cast<std::int64_t>(policy.policy.max_age)} + kMargin);
  return end;
}

}  // namespace

bool RamStore::refresh_is_due() const {
  return std::chrono::abs(options_.now() - refreshed_) >= (leases_ ? kRefreshForOthers : kRefresh);
}

void RamStore::write_until_stopped() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wait_for_work(lock);
    const auto round = rounds_asked_;
    if (!stopping_) write_one(lock);
    rounds_done_ = round;
    changed_.notify_all();
  }
  begin_refresh();  // the times since the last turn
  do
    write_one(lock);
  while (!stale_.empty() && !failing_since_);
  rounds_done_ = std::numeric_limits<std::uint64_t>::max();
  changed_.notify_all();
}

void RamStore::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto ready = [&](Steady::time_point now) {
    if (stopping_ || rounds_asked_ > rounds_done_) return true;
    if (retry_at_) return now >= *retry_at_;
    const auto due = queue_.due();
    return (due && *due <= now) || !stale_.empty() || tidying_ || refresh_is_due();
  };
  while (!ready(Steady::now())) {
    auto until = Steady::now() + 60s;
    if (const auto due = retry_at_ ? retry_at_ : queue_.due()) until = std::min(until, *due);
    work_.wait_until(lock, until);
  }
  if (!stopping_ && refresh_is_due()) begin_refresh();
}

void RamStore::write_one(std::unique_lock<std::mutex>& lock) {
  add_stale();
  const auto accepted = accepted_;
  // After a failure also where nothing is left, since what was owed is another's now: a write of nothing
  // shows that the store is back, and ends the tries.
  if (!queue_.empty() || failing_since_) {
    Batch batch = queue_.take();
    in_flight_ = batch.edits;
    lock.unlock();
    const auto done = backend_->write(batch);
    const bool was_failing = [&] {
      lock.lock();
      return failing_since_.has_value();
    }();
    conclude(done, std::move(batch), accepted);
    if (!done != was_failing) {
      const auto trouble = health_.trouble.value_or("");
      lock.unlock();
      options_.on_trouble(trouble);
      lock.lock();
    }
  } else {
    written_ = accepted;
  }
  changed_.notify_all();
  if (tidying_ && !failing_since_ && !stopping_) tidy(lock);
}

void RamStore::conclude(const tl::expected<void, std::string>& done, Batch batch, std::uint64_t accepted) {
  const auto now = Steady::now();
  in_flight_.clear();
  if (!done) {
    note_error(done.error());
    if (!failing_since_) failing_since_ = now;
    retry_at_ = now + retry_after_;
    retry_after_ = std::min<Steady::duration>(retry_after_ * 2, kRetryAtMost);
    if (leases_) {  // what was lost meanwhile
      std::erase_if(batch.writes, [this](const auto& write) { return is_stale(write); });
      std::erase_if(batch.edits, [this](const auto& edit) { return is_stale(edit); });
    }
    queue_.put_back(std::move(batch), now);
    return;
  }
  written_ = accepted;
  failing_since_.reset();
  retry_at_.reset();
  retry_after_ = kFirstRetry;
  health_.trouble.reset();
}

void RamStore::note_error(const std::string& what) {
  ++health_.errors;
  health_.trouble = what;
}

/// Every two hours: who moved is written in the order of the disk, who left the configuration may end.
void RamStore::begin_refresh() {
  refreshed_ = options_.now();
  forget_unwatched();
  stale_.clear();
  const auto collect = [&](auto& slots, SubjectKind kind) {
    for (auto& [name, slot] : slots)
      if (slot.moved) stale_.emplace_back(slot.subject, SubjectName{kind, name});
  };
  collect(domains_, SubjectKind::domain);
  collect(mx_, SubjectKind::mx);
  std::ranges::sort(stale_, std::greater<>());
  tidying_ = true;
}

void RamStore::add_stale() {
  const auto add = [&](auto& slots, const std::string& name, std::int64_t subject) {
    const auto it = slots.find(name);
    if (it == slots.end() || it->second.subject != subject) return;
    auto write = refresh(it->second.record, it->second.kept);
    const auto kind = std::is_same_v<std::decay_t<decltype(slots)>, Slots<MxMemory>> ? SubjectKind::mx
                                                                                     : SubjectKind::domain;
    if (!stamp(write, kind, name)) return;
    if constexpr (std::is_same_v<std::decay_t<decltype(slots)>, Slots<MxMemory>>)
      if (leases_) {
        const auto stamped = std::pair(write.shard, write.epoch);
        write = pending_write_of(nullptr, it->second.record, nullptr, it->second.kept);
        std::tie(write.shard, write.epoch) = stamped;
      }
    write.subject = subject;
    it->second.moved = false;
    queue_.add(std::move(write), Steady::now());
  };
  for (std::size_t n = 0; n < kRefreshAtOnce && !stale_.empty(); ++n) {
    const auto [subject, name] = std::move(stale_.back());
    stale_.pop_back();
    if (name.first == SubjectKind::domain)
      add(domains_, name.second, subject);
    else
      add(mx_, name.second, subject);
  }
}

void RamStore::forget_unwatched() {
  if (!watched_) return;
  const auto now = options_.now();
  std::set<std::string> used;
  const auto drop_if = [&](auto& slots, auto ended) {
    for (auto it = slots.begin(); it != slots.end();) {
      if (!ended(it->first, *it->second.record)) {
        ++it;
        continue;
      }
      queue_.drop(it->second.subject, Steady::now());
      ++accepted_;
      it = slots.erase(it);
    }
  };
  drop_if(domains_, [&](const std::string& name, const DomainMemory& record) {
    if (leases_ && !leases_->holds(shard_of(name))) return false;
    return !watched_->contains(name) && last_cache_end(record) < now;
  });
  for (const auto& [name, slot] : domains_) {
    used.insert(name);  // RFC 5321 §5.1: the implicit MX
    for (const auto& mx : slot.record->known->mx.records)
      used.insert(mx.host);
    for (const auto& mx : slot.record->past.mx)
      if (!mx.seen.gone) used.insert(mx.host);
  }
  drop_if(mx_, [&](const std::string& name, const MxMemory& record) {
    if (leases_ && !leases_->holds(kDesk)) return false;
    return !used.contains(name) && now - record.known->at > kHostKept;
  });
}

void RamStore::tidy(std::unique_lock<std::mutex>& lock) {
  const auto now = options_.now();
  lock.unlock();
  const auto more = backend_->tidy(now);
  lock.lock();
  tidying_ = more && *more;
  if (!more) note_error(more.error());
}

std::unique_ptr<LiveStore> make_live_store(EverythingStored stored, std::unique_ptr<StoreBackend> backend,
                                           StoreOptions options, std::shared_ptr<const Leases> leases) {
  return std::make_unique<RamStore>(std::move(stored), std::move(backend), std::move(options),
                                    std::move(leases));
}

std::unique_ptr<Memory> make_ram_memory() { return make_live_store({}, nullptr, {}); }

}  // namespace stswatch
