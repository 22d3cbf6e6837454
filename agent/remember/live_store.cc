#include "agent/remember/store_backend.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>

namespace stswatch {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr Seconds kRefresh = 1h;                 // how old the times on the disk may get
constexpr std::size_t kRefreshAtOnce = 1000;     // subjects in one transaction
constexpr auto kRetry = 5s, kRetryAtMost = 60s;  // after a failure
constexpr Seconds kHostKept = 30 * 24h;          // an MX host that no domain uses: it may come back
constexpr Seconds kMargin = 24h;                 // a sender's clock, and one that fetched at the last moment

/// The last moment at which some sender may still hold a policy of the domain.
TimePoint last_cache_end(const DomainMemory& record) {
  TimePoint end = record.known->at;
  for (const auto& policy : record.past.policies)
    end = std::max(end, policy.seen.gone.value_or(record.known->at) +
                            Seconds{static_cast<std::int64_t>(policy.policy.max_age)} + kMargin);
  return end;
}

template <class Record>
struct Slot : Remembered<Record> {
  bool moved = false;  // in RAM, since the disk was last told the times
};

template <class Record>
using Slots = std::unordered_map<std::string, Slot<Record>>;

class LiveStore : public Store, private KeyValueStore {
 public:
  LiveStore(EverythingStored stored, std::unique_ptr<StoreBackend> backend, StoreOptions options)
      : options_(std::move(options)),
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
  ~LiveStore() override { stop(); }

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
    remember_in(domains_, name, record, transitions, at, [&](const auto& was, auto stored, KeptLooks& kept) {
      return pending_write_of(was.get(), record, look, std::move(stored), kept);
    });
  }
  void remember(std::shared_ptr<const MxMemory> record,
                std::shared_ptr<const MxHostObservation> look) override {
    remember_in(mx_, record->known->host, record, {}, record->known->at,
                [&](const auto& was, auto, KeptLooks& kept) {
                  return pending_write_of(was.get(), record, look, kept);
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
    ++accepted_;
    queue_.add(std::move(edits), Steady::now());
    work_.notify_one();
  }
  std::map<std::string, std::string> all(const std::string& table) const override {
    const std::lock_guard lock(mutex_);
    const auto it = key_values_.find(table);
    return it == key_values_.end() ? std::map<std::string, std::string>() : it->second;
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
    const std::lock_guard lock(mutex_);
    return written_ >= accepted_;
  }

  StoreHealth health() const override {
    const std::lock_guard lock(mutex_);
    return health_;
  }

 private:
  template <class Record, class Find>
  void remember_in(Slots<Record>& slots, const std::string& name, std::shared_ptr<const Record> record,
                   const std::vector<Transition>& transitions, TimePoint at, Find find_write);

  // The writer's own; with the lock held where they take it.
  void write_until_stopped();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void write_one(std::unique_lock<std::mutex>& lock);
  void conclude(const tl::expected<void, std::string>& done, Batch batch, std::uint64_t accepted);
  /// Also where the calendar was set back.
  bool refresh_is_due() const { return std::chrono::abs(options_.now() - refreshed_) >= kRefresh; }
  void begin_refresh();
  void add_stale();
  void forget_unwatched();
  void tidy(std::unique_lock<std::mutex>& lock);
  void note_error(const std::string& what);

  const StoreOptions options_;
  const std::unique_ptr<StoreBackend> backend_;  // the writer's, after the constructor

  mutable std::mutex mutex_;
  std::condition_variable work_, changed_;
  Slots<DomainMemory> domains_;  // guarded by mutex_, as is all below but the thread
  Slots<MxMemory> mx_;
  std::int64_t last_subject_ = 0;
  std::map<std::string, std::map<std::string, std::string>> key_values_;
  std::optional<std::set<std::string>> watched_;
  WriteQueue queue_;
  std::vector<std::pair<std::int64_t, SubjectName>>
      stale_;  // whose times are still to be written, last first
  TimePoint refreshed_{};
  std::uint64_t accepted_ = 0, written_ = 0;          // counts of what came and what is on the disk
  std::uint64_t rounds_asked_ = 0, rounds_done_ = 0;  // of the writer, by flush()
  bool stopping_ = false, tidying_ = false;
  std::optional<Steady::time_point> failing_since_, retry_at_;
  Steady::duration retry_after_ = kRetry;
  StoreHealth health_;

  std::thread writer_;
};

template <class Record, class Find>
void LiveStore::remember_in(Slots<Record>& slots, const std::string& name,
                            std::shared_ptr<const Record> record, const std::vector<Transition>& transitions,
                            TimePoint at, Find find_write) {
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
    if (!backend_) {
      slots[name].record = std::move(record);
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
  slot.record = std::move(record);
  slot.kept = kept;
  slot.moved = true;
  if (write.empty()) return;
  write.subject = slot.subject;
  ++accepted_;
  queue_.add(std::move(write), Steady::now());
  work_.notify_one();
}

void LiveStore::write_until_stopped() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wait_for_work(lock);
    const auto round = rounds_asked_;
    if (!stopping_) write_one(lock);
    rounds_done_ = round;
    changed_.notify_all();
  }
  begin_refresh();  // the times of the last hour
  do
    write_one(lock);
  while (!stale_.empty() && !failing_since_);
  rounds_done_ = std::numeric_limits<std::uint64_t>::max();
  changed_.notify_all();
}

void LiveStore::wait_for_work(std::unique_lock<std::mutex>& lock) {
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

void LiveStore::write_one(std::unique_lock<std::mutex>& lock) {
  add_stale();
  const auto accepted = accepted_;
  if (!queue_.empty()) {
    Batch batch = queue_.take();
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

void LiveStore::conclude(const tl::expected<void, std::string>& done, Batch batch, std::uint64_t accepted) {
  const auto now = Steady::now();
  if (!done) {
    note_error(done.error());
    if (!failing_since_) failing_since_ = now;
    retry_at_ = now + retry_after_;
    retry_after_ = std::min<Steady::duration>(retry_after_ * 2, kRetryAtMost);
    queue_.put_back(std::move(batch), now);
    return;
  }
  written_ = accepted;
  failing_since_.reset();
  retry_at_.reset();
  retry_after_ = kRetry;
  health_.trouble.reset();
}

void LiveStore::note_error(const std::string& what) {
  ++health_.errors;
  health_.trouble = what;
}

/// Once an hour: who moved is written in the order of the disk, who left the configuration may end.
void LiveStore::begin_refresh() {
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

void LiveStore::add_stale() {
  const auto add = [&](auto& slots, const std::string& name, std::int64_t subject) {
    const auto it = slots.find(name);
    if (it == slots.end() || it->second.subject != subject) return;
    auto write = refresh(it->second.record, it->second.kept);
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

void LiveStore::forget_unwatched() {
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
    return !used.contains(name) && now - record.known->at > kHostKept;
  });
}

void LiveStore::tidy(std::unique_lock<std::mutex>& lock) {
  const auto now = options_.now();
  lock.unlock();
  const auto more = backend_->tidy(now);
  lock.lock();
  tidying_ = more && *more;
  if (!more) note_error(more.error());
}

}  // namespace

std::unique_ptr<Store> make_live_store(EverythingStored stored, std::unique_ptr<StoreBackend> backend,
                                       StoreOptions options) {
  return std::make_unique<LiveStore>(std::move(stored), std::move(backend), std::move(options));
}

std::unique_ptr<Memory> make_ram_memory() { return make_live_store({}, nullptr, {}); }

}  // namespace stswatch
