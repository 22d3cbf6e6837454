// The store on PostgreSQL: what a batch is there, who may write it, and what others read beside the agents.
#include <algorithm>

#include "agent/remember/postgres.h"
#include "agent/remember/store_kinds.h"

namespace stswatch::pg {
namespace {

constexpr int kAttempts = 4;  // of a transaction that another one was in the way of
constexpr std::int64_t kIdsOfAWriter = 1LL << 32U;

std::string list_of(const std::set<std::int64_t>& numbers) {
  std::string out;
  for (const auto number : numbers)
    out += (out.empty() ? "" : ", ") + std::to_string(number);
  return out;
}

/// A batch as far as it is this agent's to write.
class FencedWrite {
 public:
  FencedWrite(Session& session, const Member& me, const Batch& batch)
      : session_(session), me_(me), batch_(batch) {}

  void write() {
    lock_leases();
    if (needs_life() && session_.ok()) lock_life();
    Batch ours;
    ours.urgent = batch_.urgent;
    ours.dropped = batch_.dropped;
    for (const auto& write : batch_.writes)
      if (write.shard < 0 || held(write.shard, write.epoch)) ours.writes.push_back(write);
    for (const auto& edit : batch_.edits)
      if (!is_of_the_desk(edit.table) || held(kDesk, edit.epoch)) ours.edits.push_back(edit);
    use_known_ids(ours);
    if (!session_.ok()) return;
    sql::write(session_, ours);
    sign(ours);
  }

 private:
  bool held(Shard shard, std::int64_t epoch) const {
    const auto it = epochs_.find(shard);
    return it != epochs_.end() && it->second == epoch;
  }

  /// Nobody takes these shards before this transaction has ended; we ourselves may renew our lease meanwhile.
  void lock_leases() {
    std::set<std::int64_t> shards;
    for (const auto& write : batch_.writes)
      if (write.shard >= 0) shards.insert(write.shard);
    for (const auto& edit : batch_.edits)
      if (is_of_the_desk(edit.table)) shards.insert(kDesk);
    if (shards.empty()) return;
    session_.each(
        "SELECT shard, epoch FROM fleet_shards WHERE shard IN (" + list_of(shards) +
            ") AND holder = ? ORDER BY shard FOR KEY SHARE",
        [&](const sql::Statement& row) { epochs_[row.integer(0)] = row.integer(1); }, me_.name);
  }

  bool needs_life() const {
    return !batch_.dropped.empty() ||
           std::ranges::any_of(batch_.writes, [](const auto& write) { return write.shard < 0; }) ||
           std::ranges::any_of(batch_.edits, [](const auto& edit) { return !is_of_the_desk(edit.table); });
  }

  /// What is nobody's alone is written by the living.
  void lock_life() {
    bool alive = false;
    session_.each(
        "SELECT 1 FROM fleet_agents WHERE name = ? AND incarnation = ? AND alive_until > clock_timestamp()",
        [&](const sql::Statement&) { alive = true; }, me_.name, me_.incarnation);
    if (!alive) session_.refuse("this agent has not yet told the fleet that it is alive");
  }

  /// An MX host has the id that its first writer gave it. In the order of names, so that two agents do not
  /// wait for each other.
  void use_known_ids(Batch& ours) {
    std::map<std::string, PendingWrite*> hosts;
    for (auto& write : ours.writes)
      if (const auto* mx = std::get_if<std::shared_ptr<const MxMemory>>(&write.record))
        hosts[(*mx)->known->host] = &write;
    for (const auto& [host, write] : hosts) {
      session_.each(
          "INSERT INTO subjects (id, kind, name, state) VALUES (?, 'mx', ?, '') ON CONFLICT (kind, name) DO "
          "UPDATE "
          "SET written = subjects.written RETURNING id",
          [&](const sql::Statement& row) { write->subject = row.integer(0); }, write->subject, host);
    }
  }

  void sign(const Batch& ours) {
    std::map<Shard, std::set<std::int64_t>> subjects;
    for (const auto& write : ours.writes)
      subjects[std::max<Shard>(write.shard, 0)].insert(write.subject);
    for (const auto& [shard, ids] : subjects)
      session_.run("UPDATE subjects SET shard = ?, written = clock_timestamp(), writer = ? WHERE id IN (" +
                       list_of(ids) + ")",
                   shard, me_.name);
  }

  Session& session_;
  const Member& me_;
  const Batch& batch_;
  std::map<Shard, std::int64_t> epochs_;  // of the shards that this agent holds
};

constexpr std::chrono::milliseconds kBirth{5000};

class Backend : public StoreBackend {
 public:
  Backend(std::unique_ptr<Session> session, Member me, const StoreOptions& options)
      : session_(std::move(session)),
        me_(std::move(me)),
        keep_looks_(options.keep_looks),
        keep_history_(options.keep_history) {}

  tl::expected<void, std::string> write(const Batch& batch) override {
    bool born = me_.leases->await_first(std::chrono::milliseconds{0});
    for (int attempt = 1;; ++attempt) {
      const auto done = session_->transaction([&] { FencedWrite(*session_, me_, batch).write(); });
      if (done) return {};
      if (!born &&
          done.error().kind == sql::Trouble::Kind::busy) {  // the service starts, and so do its leases
        born = me_.leases->await_first(kBirth);
        if (born) attempt = 0;
      }
      if (done.error().kind != sql::Trouble::Kind::busy || attempt == kAttempts)
        return tl::make_unexpected(session_->explain(done.error()));
    }
  }

  tl::expected<bool, std::string> tidy(TimePoint now) override {
    if (!me_.leases->holds(kDesk)) return false;
    std::int64_t gone = 0;
    const auto done = session_->transaction([&] {
      gone = sql::drop_old(*session_, to_utc(now - keep_looks_), to_utc(now - keep_history_));
      sql::drop_facts(*session_);
    });
    if (!done) return tl::make_unexpected(session_->explain(done.error()));
    return gone > 0;
  }

 private:
  const std::unique_ptr<Session> session_;
  const Member me_;
  const Seconds keep_looks_, keep_history_;
};

/// One transaction that reads, in a database that is understood.
template <class Read>
auto reading(const std::string& url, Read read)
    -> tl::expected<decltype(read(std::declval<Session&>())), std::string> {
  auto session = Session::make(url, kPatient);
  if (!session) return tl::make_unexpected(session.error());
  if (auto ours = look_whether_ours(**session); !ours) return tl::make_unexpected(ours.error());
  decltype(read(std::declval<Session&>())) out;
  const auto done = (*session)->transaction([&] { out = read(**session); });
  if (!done) return tl::make_unexpected((*session)->explain(done.error()));
  return out;
}

template <class T>
tl::expected<T, std::string> flat(tl::expected<tl::expected<T, std::string>, std::string> read) {
  if (!read) return tl::make_unexpected(read.error());
  return std::move(*read);
}

}  // namespace

tl::expected<std::unique_ptr<Store>, std::string> open_database(const std::string& url,
                                                                StoreOptions options) {
  auto session = Session::make(url, kPatient);
  if (!session) return tl::make_unexpected(session.error());
  if (auto taken = take_up(**session); !taken) return tl::make_unexpected(taken.error());
  tl::expected<EverythingStored, std::string> all;
  std::int64_t block = 0;
  const auto done = (*session)->transaction([&] {
    (*session)->script(kOneMoment);
    block = (*session)->number("SELECT nextval('stswatch_writers')").value_or(0);
    all = sql::read_all(**session, nullptr);
  });
  if (!done) return tl::make_unexpected((*session)->explain(done.error()));
  if (!all) return tl::make_unexpected((*session)->explain({sql::Trouble::Kind::damaged, all.error()}));
  all->last_subject = block * kIdsOfAWriter;
  auto writer = Session::make(url), keeper = Session::make(url);
  const auto leases = std::make_shared<Leases>();
  const Member me{options.agent, options.vantage, block, leases};
  auto backend = std::make_unique<Backend>(std::move(*writer), me, options);
  auto store = make_live_store(std::move(*all), std::move(backend), std::move(options), leases);
  store->join(make_fleet(std::move(*keeper), me, *store));
  return store;
}

tl::expected<EverythingStored, std::string> read_database(const std::string& url,
                                                          const std::set<std::string>& domains) {
  return flat(reading(url, [&](Session& session) {
    session.script(kOneMoment);
    return sql::read_all(session, &domains);
  }));
}

tl::expected<StoredHistory, std::string> read_database_history(const std::string& url,
                                                               const std::string& domain) {
  return flat(reading(url, [&](Session& session) { return sql::read_history(session, domain); }));
}

tl::expected<std::vector<std::string>, std::string> read_database_domain_names(const std::string& url) {
  return reading(url, [&](Session& session) { return sql::read_domain_names(session); });
}

tl::expected<sql::KeyValues, std::string> read_database_key_values(const std::string& url,
                                                                   const std::string& table) {
  return reading(url, [&](Session& session) { return sql::read_key_values(session, table); });
}

tl::expected<void, std::string> edit_database(const std::string& url, const Batch& batch) {
  auto session = Session::make(url);
  if (!session) return tl::make_unexpected(session.error());
  if (auto ours = look_whether_ours(**session); !ours) return tl::make_unexpected(ours.error());
  const auto done = (*session)->transaction([&] { sql::write(**session, batch); });
  if (!done) return tl::make_unexpected((*session)->explain(done.error()));
  return {};
}

}  // namespace stswatch::pg
