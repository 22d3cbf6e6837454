// What a store in RAM does as one of a fleet: it writes what is ours, and takes in what others wrote.
#include <algorithm>
#include <iterator>

#include "agent/remember/live_store.h"

namespace stswatch {

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
    slot = {std::move(remembered)};
  }
  for (auto& [name, remembered] : news.mx) {
    const auto it = mx_.find(name);
    if (it != mx_.end() && it->second.record->known->at >= remembered.record->known->at) continue;
    mx_[name] = {std::move(remembered)};
  }
  return taken;
}

}  // namespace stswatch
