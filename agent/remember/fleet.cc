#include "agent/remember/fleet.h"

#include <time.h>

#include <algorithm>
#include <iterator>

#include "agent/remember/live_store.h"

namespace stswatch {
namespace {

constexpr Seconds kLeaseMargin{2};  // for what a send takes, and for clocks that run a little apart

}  // namespace

Shard shard_of(std::string_view domain) {
  std::uint64_t h = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : domain) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3;
  }
  h ^= h >> 32U;  // its low bits alone are poorly mixed for names that differ in their middle
  return static_cast<Shard>(h % kShards) + 1;
}

std::chrono::nanoseconds Leases::boot_time() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

std::optional<std::int64_t> Leases::epoch(Shard shard) const {
  const std::lock_guard lock(mutex_);
  const auto it = epochs_.find(shard);
  return it == epochs_.end() ? std::nullopt : std::optional(it->second);
}

bool Leases::certain(Shard shard) const {
  const std::lock_guard lock(mutex_);
  return epochs_.contains(shard) && boot_time() < until_;
}

std::int64_t Leases::life() const {
  const std::lock_guard lock(mutex_);
  return life_;
}

void Leases::hold(Shard shard, std::int64_t epoch) {
  const std::lock_guard lock(mutex_);
  epochs_[shard] = epoch;
}

void Leases::let_go(const std::set<Shard>& shards) {
  const std::lock_guard lock(mutex_);
  for (const auto shard : shards)
    epochs_.erase(shard);
}

void Leases::renewed(std::chrono::nanoseconds asked_at) {
  const std::lock_guard lock(mutex_);
  until_ = asked_at + kLease - kLeaseMargin;
  born_.notify_all();
}

bool Leases::await_first(std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  return born_.wait_for(lock, patience, [&] { return until_ != std::chrono::nanoseconds{0}; });
}

void Leases::reborn() {
  const std::lock_guard lock(mutex_);
  ++life_;
}

// What a store in RAM does as one of a fleet: it writes what is ours, and takes in what others wrote.

bool is_of_the_desk(const std::string& table) {
  return table == "alert_topic" || table == "alert_owed" || table == "alert_digest";
}

namespace {

bool same(const DomainMemory& a, const DomainMemory& b) {
  return *a.known == *b.known && *a.confirmed == *b.confirmed && a.past == b.past &&
         a.incidents == b.incidents && a.times == b.times && a.policy_fetched == b.policy_fetched;
}

}  // namespace

bool RamStore::stamp(PendingWrite& write, SubjectKind kind, const std::string& name) const {
  if (!leases_) return true;
  write.shard = kind == SubjectKind::domain ? shard_of(name) : -1;
  const auto epoch = kind == SubjectKind::domain ? leases_->epoch(write.shard) : leases_->life();
  if (epoch) write.epoch = *epoch;
  return epoch.has_value();
}

void RamStore::stamp(std::vector<KeyValueEdit>& edits) const {
  const auto desk = leases_->epoch(kDesk);
  std::erase_if(edits, [&](const auto& edit) { return !desk && is_of_the_desk(edit.table); });
  for (auto& edit : edits)
    if (is_of_the_desk(edit.table)) edit.epoch = *desk;
}

bool RamStore::is_stale(const PendingWrite& write) const {
  return write.shard < 0 ? write.epoch != leases_->life() : leases_->epoch(write.shard) != write.epoch;
}

bool RamStore::is_stale(const KeyValueEdit& edit) const {
  return is_of_the_desk(edit.table) && leases_->epoch(kDesk) != edit.epoch;
}

std::vector<KeyValueEdit> RamStore::unwritten_in(const std::string& table) const {
  std::vector<KeyValueEdit> out = in_flight_;
  std::erase_if(out, [&](const auto& edit) { return edit.table != table; });
  std::ranges::move(queue_.edits_of(table), std::back_inserter(out));
  if (leases_) std::erase_if(out, [this](const auto& edit) { return is_stale(edit); });
  return out;
}

std::vector<std::string> RamStore::adopt(EverythingStored news, const std::set<Shard>& gained) {
  std::vector<std::string> taken;
  const std::lock_guard lock(mutex_);
  for (auto& [name, remembered] : news.domains) {
    const auto shard = shard_of(name);
    if (leases_->holds(shard) && !gained.contains(shard)) continue;
    auto& slot = domains_[name];
    if (slot.record != nullptr && same(*slot.record, *remembered.record))
      remembered.record = slot.record;  // which has been judged
    else
      taken.push_back(name);
    note_paging(*remembered.record);
    slot = {std::move(remembered)};
  }
  for (auto& [name, remembered] : news.mx) {
    const auto it = mx_.find(name);
    if (it != mx_.end() && it->second.record->known->at >= remembered.record->known->at) continue;
    mx_[name] = {std::move(remembered)};
  }
  return taken;
}

void RamStore::note_paging(const DomainMemory& record) {
  if (!leases_) return;
  if (pages(record))
    paging_.insert(record.known->domain.str());
  else
    paging_.erase(record.known->domain.str());
}

std::vector<std::shared_ptr<const DomainMemory>> RamStore::paging() const {
  std::vector<std::shared_ptr<const DomainMemory>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& name : paging_)
    if (const auto it = domains_.find(name); it != domains_.end() && leases_->holds(shard_of(name)))
      out.push_back(it->second.record);
  return out;
}

}  // namespace stswatch
