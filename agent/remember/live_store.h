// The store's own half: records in RAM, and the one writer that brings them to the disk. Internal to the
// store; live_store.cc has the writer, fleet.cc what a fleet changes.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/remember/store_backend.h"

namespace stswatch {

using Steady = std::chrono::steady_clock;
inline constexpr std::chrono::seconds kFirstRetry{5};  // after a failure of the disk

template <class Record>
struct Slot : Remembered<Record> {
  bool moved = false;  // in RAM, since the disk was last told the times
};

template <class Record>
using Slots = std::unordered_map<std::string, Slot<Record>>;

class RamStore : public LiveStore, private KeyValueStore {
 public:
  RamStore(EverythingStored stored, std::unique_ptr<StoreBackend> backend, StoreOptions options,
           std::shared_ptr<const Leases> leases)
      : options_(std::move(options)),
        leases_(std::move(leases)),
        backend_(std::move(backend)),
        last_subject_(stored.last_subject),
        key_values_(std::move(stored.key_values)) {
    for (auto& [name, remembered] : stored.domains)
      domains_[name] = {std::move(remembered)};
    for (auto& [name, remembered] : stored.mx)
      mx_[name] = {std::move(remembered)};
    if (!backend_) return;
    refreshed_ = options_.now();
    writer_ = std::thread([this] { write_until_stopped(); });
  }
  ~RamStore() override { stop(); }

  std::shared_ptr<const DomainMemory> domain(const Domain& name) const override {
    const std::lock_guard lock(mutex_);
    const auto it = domains_.find(name.str());
    return it == domains_.end() ? nullptr : it->second.record;
  }
  std::shared_ptr<const MxMemory> mx(const std::string& host) const override {
    const std::lock_guard lock(mutex_);
    const auto it = mx_.find(host);
    return it == mx_.end() ? nullptr : it->second.record;
  }

  void remember(std::shared_ptr<const DomainMemory> record, std::shared_ptr<const DomainObservation> look,
                const std::vector<Transition>& transitions) override {
    const auto& name = record->known->domain.str();
    const auto at = record->known->at;
    remember_in(domains_, SubjectKind::domain, name, record, transitions, at, look != nullptr,
                [&](const auto& was, auto stored, KeptLooks& kept) {
                  return pending_write_of(was.get(), record, look, std::move(stored), kept);
                });
  }
  void remember(std::shared_ptr<const MxMemory> record,
                std::shared_ptr<const MxHostObservation> look) override {
    remember_in(mx_, SubjectKind::mx, record->known->host, record, {}, record->known->at, look != nullptr,
                [&](const auto& was, auto, KeptLooks& kept) {
                  auto write = pending_write_of(was.get(), record, look, kept);
                  return leases_ && !write.empty() ? pending_write_of(nullptr, record, look, kept = {})
                                                   : std::move(write);  // others write of it too: whole
                });
  }

  KeyValueStore& key_values() override { return *this; }
  void apply(std::vector<KeyValueEdit> edits) override {
    const std::lock_guard lock(mutex_);
    for (const auto& edit : edits) {
      if (edit.text)
        key_values_[edit.table][edit.key] = *edit.text;
      else
        key_values_[edit.table].erase(edit.key);
    }
    if (!backend_) return;
    if (leases_) stamp(edits);
    ++accepted_;
    queue_.add(std::move(edits), Steady::now());
    work_.notify_one();
  }
  std::map<std::string, std::string> all(const std::string& table) const override {
    const std::lock_guard lock(mutex_);
    const auto it = key_values_.find(table);
    return it == key_values_.end() ? std::map<std::string, std::string>() : it->second;
  }

  std::vector<KeyValueEdit> unwritten(const std::string& table) const override {
    const std::lock_guard lock(mutex_);
    return unwritten_in(table);
  }

  void watch(std::set<std::string> domains) override {
    const std::lock_guard lock(mutex_);
    watched_ = std::move(domains);
  }

  bool flush(Millis patience) override {
    if (!backend_) return true;
    std::unique_lock lock(mutex_);
    const auto wanted = accepted_, round = ++rounds_asked_;
    work_.notify_one();
    changed_.wait_for(lock, patience, [&] { return rounds_done_ >= round; });
    return written_ >= wanted;
  }

  bool stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    changed_.notify_all();
    if (writer_.joinable()) writer_.join();
    fleet_.reset();  // which gives back what it holds, now that all is written
    const std::lock_guard lock(mutex_);
    return written_ >= accepted_;
  }

  StoreHealth health() const override {
    const std::lock_guard lock(mutex_);
    return health_;
  }

  std::vector<std::string> adopt(EverythingStored news, const std::set<Shard>& gained) override;
  void adopt(const std::string& table, std::map<std::string, std::string> rows) override {
    const std::lock_guard lock(mutex_);
    lay_over(rows, unwritten_in(table));
    key_values_[table] = std::move(rows);
  }
  std::vector<std::shared_ptr<const DomainMemory>> paging() const override;
  void drop_what_is_not_ours() override {
    const std::lock_guard lock(mutex_);
    queue_.drop_if([this](const auto& write) { return is_stale(write); },
                   [this](const auto& edit) { return is_stale(edit); });
  }
  void join(std::unique_ptr<Fleet> fleet) override { fleet_ = std::move(fleet); }
  Fleet* fleet() override { return fleet_.get(); }

 private:
  template <class Record, class Find>
  void remember_in(Slots<Record>& slots, SubjectKind kind, const std::string& name,
                   std::shared_ptr<const Record> record, const std::vector<Transition>& transitions,
                   TimePoint at, bool looked, Find find_write);

  /// In a fleet: false where it is not ours to write.
  bool stamp(PendingWrite& write, SubjectKind kind, const std::string& name) const;
  void stamp(std::vector<KeyValueEdit>& edits) const;
  bool is_stale(const PendingWrite& write) const;
  bool is_stale(const KeyValueEdit& edit) const;
  void note_paging(const DomainMemory& record);  // with the lock held, as the next one
  void note_paging(const MxMemory&) {}
  std::vector<KeyValueEdit> unwritten_in(const std::string& table) const;  // with the lock held

  // The writer's own; with the lock held where they take it.
  void write_until_stopped();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void write_one(std::unique_lock<std::mutex>& lock);
  void conclude(const tl::expected<void, std::string>& done, Batch batch, std::uint64_t accepted);
  /// Also where the calendar was set back.
  bool refresh_is_due() const;
  void begin_refresh();
  void add_stale();
  void forget_unwatched();
  void tidy(std::unique_lock<std::mutex>& lock);
  void note_error(const std::string& what);

  const StoreOptions options_;
  const std::shared_ptr<const Leases> leases_;   // null: all is ours
  const std::unique_ptr<StoreBackend> backend_;  // the writer's, after the constructor

  mutable std::mutex mutex_;
  std::condition_variable work_, changed_;
  Slots<DomainMemory> domains_;  // guarded by mutex_, as is all below but the thread
  Slots<MxMemory> mx_;
  std::set<std::string> paging_;  // in a fleet: domains whose record has a finding that pages
  std::int64_t last_subject_ = 0;
  std::map<std::string, std::map<std::string, std::string>> key_values_;
  std::optional<std::set<std::string>> watched_;
  WriteQueue queue_;
  std::vector<KeyValueEdit> in_flight_;  // edits that the writer is bringing to the disk
  std::vector<std::pair<std::int64_t, SubjectName>>
      stale_;  // whose times are still to be written, last first
  TimePoint refreshed_{};
  std::uint64_t accepted_ = 0, written_ = 0;          // counts of what came and what is on the disk
  std::uint64_t rounds_asked_ = 0, rounds_done_ = 0;  // of the writer, by flush()
  bool stopping_ = false, tidying_ = false;
  std::optional<Steady::time_point> failing_since_, retry_at_;
  Steady::duration retry_after_ = kFirstRetry;
  StoreHealth health_;

  std::thread writer_;
  std::unique_ptr<Fleet> fleet_;
};

template <class Record, class Find>
void RamStore::remember_in(Slots<Record>& slots, SubjectKind kind, const std::string& name,
                           std::shared_ptr<const Record> record, const std::vector<Transition>& transitions,
                           TimePoint at, bool looked, Find find_write) {
  // A subject has one writer at a time, so what is compared here is not replaced meanwhile.
  std::shared_ptr<const Record> before;
  KeptLooks kept;
  std::vector<StoredTransition> stored;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = slots.find(name); it != slots.end()) {
      before = it->second.record;
      kept = it->second.kept;
    }
    if (PendingWrite any; !backend_ || !stamp(any, kind, name)) {
      // A look that ended after its shard was lost is no news: whoever holds it now has not seen it.
      if (!backend_ || (transitions.empty() && !looked)) {
        note_paging(*record);
        slots[name].record = std::move(record);
      }
      return;
    }
  }
  for (const auto& transition : transitions)
    stored.push_back({at, name, transition});
  auto write = find_write(before, stored, kept);

  const std::lock_guard lock(mutex_);
  auto& slot = slots[name];
  if (slot.subject == 0) {
    slot.subject = ++last_subject_;
    // Forgotten since, as no longer watched: all of it is new again.
    if (before != nullptr) write = find_write(std::shared_ptr<const Record>(), std::move(stored), kept = {});
  }
  note_paging(*record);
  slot.record = std::move(record);
  slot.kept = kept;
  slot.moved = slot.moved || looked || before == nullptr || before->known != slot.record->known;
  if (write.empty() || !stamp(write, kind, name)) return;
  write.subject = slot.subject;
  ++accepted_;
  queue_.add(std::move(write), Steady::now());
  work_.notify_one();
}

}  // namespace stswatch
