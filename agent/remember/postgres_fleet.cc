// The keeper of this agent's leases: one thread, a beat every two seconds.
#include "agent/remember/store_kinds.h"

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "agent/remember/table_records.h"

namespace stswatch::pg {
namespace {

using namespace std::chrono_literals;

constexpr auto kBeat = 2s, kBeatAtMost = 8s;  // and while the database is away
constexpr Millis kHandOver{3000};             // for what is still to be written of a shard that is given away
constexpr const char* kUntil = "clock_timestamp() + interval '10 seconds'";  // kLease
constexpr std::chrono::seconds kSoonAgain{0};                                // while there is more to take
constexpr std::int64_t kAtOnce = 16;   // shards, so that reading them does not outlast a lease
constexpr const char* kNews = "4000";  // subjects that are read again at a time

struct Pulse {
  bool name_is_taken = false, was_dead = false;
  std::int64_t alive = 1;
  std::map<Shard, std::int64_t> held, gained;
  std::set<Shard> lost;
};

/// Somebody alive looks from another place than this one, and both have a name.
bool is_seen_from_elsewhere(const FleetView& view, const std::string& vantage) {
  return !vantage.empty() && std::ranges::any_of(view.agents, [&](const FleetAgent& agent) {
    return agent.alive && !agent.vantage.empty() && agent.vantage != vantage;
  });
}

Holding holding_of(const FleetView& view, std::string_view domain) {
  const auto shard = static_cast<std::size_t>(shard_of(domain));
  if (shard >= view.shards.size()) return {};
  Holding out{{}, view.shards[shard].since};
  for (const auto& agent : view.agents)
    if (agent.name == view.shards[shard].holder) out.vantage = agent.vantage;
  out.others = is_seen_from_elsewhere(view, out.vantage);
  return out;
}

class Keeper : public Fleet {
 public:
  Keeper(std::unique_ptr<Session> session, Member me, LiveStore& store)
      : session_(std::move(session)), me_(std::move(me)), store_(store) {}
  ~Keeper() override {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }

  void start(Events events) override {
    events_ = std::move(events);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  const std::string& name() const override { return me_.name; }
  const Leases& leases() const override { return *me_.leases; }
  std::string holder_of(std::string_view domain) const override {
    const std::lock_guard lock(mutex_);
    const auto shard = static_cast<std::size_t>(shard_of(domain));
    return shard < view_.shards.size() ? view_.shards[shard].holder : std::string();
  }
  FleetView view() const override {
    const std::lock_guard lock(mutex_);
    return view_;
  }
  SeenFrom seen_from(const std::string& domain, const Incident& incident, TimePoint now) const override {
    const std::lock_guard lock(mutex_);
    const auto it = second_looks_.find(domain);
    return seen_by(incident, holding_of(view_, domain), it == second_looks_.end() ? nullptr : &it->second,
                   now);
  }

 private:
  void run(const std::stop_token& stop);
  tl::expected<void, sql::Trouble> beat();
  void take_pulse(Pulse& pulse);
  void say_alive(Pulse& pulse);
  void renew(Pulse& pulse);
  void take_free(Pulse& pulse);
  tl::expected<void, sql::Trouble> load(const std::map<Shard, std::int64_t>& gained);
  tl::expected<void, sql::Trouble> give_away(std::int64_t quota);
  tl::expected<void, sql::Trouble> read_news();
  tl::expected<void, sql::Trouble> look_twice();
  std::vector<SecondLookAsked> paging() const;
  void give_back();

  const std::unique_ptr<Session> session_;
  const Member me_;
  LiveStore& store_;
  Events events_;
  std::map<Shard, std::int64_t> unloaded_;    // ours, and their memory is not read yet
  std::map<Shard, std::int64_t> held_;        // all of ours
  std::string read_until_;                    // of the news, by the database's time
  std::map<std::int64_t, std::string> read_;  // subjects and when they were written, of the last moments
  std::string trouble_;
  bool took_many_ = false;

  mutable std::mutex mutex_;
  FleetView view_;  // guarded by mutex_, as is the next one
  SecondLooks second_looks_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last
};

std::string pairs_of(const std::map<Shard, std::int64_t>& shards) {
  std::string out;
  for (const auto& [shard, epoch] : shards)
    out += (out.empty() ? "(" : ", (") + std::to_string(shard) + ", " + std::to_string(epoch) + ")";
  return out;
}

std::set<Shard> names_of(const std::map<Shard, std::int64_t>& shards) {
  std::set<Shard> out;
  for (const auto& [shard, _] : shards)
    out.insert(shard);
  return out;
}

void Keeper::run(const std::stop_token& stop) {
  auto pause = std::chrono::milliseconds(kBeat);
  while (!stop.stop_requested()) {
    const auto done = beat();
    const auto trouble = done ? std::string() : session_->explain(done.error());
    pause = done ? std::chrono::milliseconds(took_many_ ? kSoonAgain : kBeat)
                 : std::min<std::chrono::milliseconds>(2 * pause, kBeatAtMost);
    if (trouble.empty() != trouble_.empty()) events_.trouble(trouble);
    if (trouble.empty() && !trouble_.empty()) (void)store_.flush(Millis{0});  // it need not wait any longer
    trouble_ = trouble;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, pause, [] { return false; });
  }
  give_back();
}

tl::expected<void, sql::Trouble> Keeper::beat() {
  const auto asked_at = Leases::boot_time();
  Pulse pulse;
  FleetView view;
  const auto done = session_->transaction([&] {
    take_pulse(pulse);
    view = view_of(*session_);
  });
  if (!done) return done;
  if (pulse.name_is_taken)
    return tl::make_unexpected(sql::Trouble{
        sql::Trouble::Kind::other,
        "another agent named \"" + me_.name + "\" is alive: give each a name of its own (agent.name)"});
  {
    const std::lock_guard lock(mutex_);
    view_ = std::move(view);
  }
  took_many_ = std::ssize(pulse.gained) == kAtOnce;
  if (pulse.was_dead) me_.leases->reborn();
  if (!pulse.lost.empty()) me_.leases->let_go(pulse.lost);
  if (!pulse.lost.empty() || pulse.was_dead) store_.drop_what_is_not_ours();
  if (!pulse.lost.empty()) events_.lost(pulse.lost);
  for (const auto shard : pulse.lost)
    unloaded_.erase(shard);
  me_.leases->renewed(asked_at);
  held_ = std::move(pulse.held);
  for (const auto& [shard, epoch] : pulse.gained) {
    held_[shard] = epoch;
    unloaded_[shard] = epoch;
  }
  // Who has the desk now knows all that was told of, before anything is decided.
  if (auto read = read_news(); !read) return read;
  if (!unloaded_.empty()) {
    if (auto loaded = load(unloaded_); !loaded) return loaded;
    unloaded_.clear();
  }
  if (auto asked = look_twice(); !asked) return asked;
  const auto quota = (kShards + pulse.alive) / pulse.alive;  // of the desk too, rounded up
  if (static_cast<std::int64_t>(held_.size()) > quota) return give_away(quota);
  return {};
}

void Keeper::take_pulse(Pulse& pulse) {
  say_alive(pulse);
  if (pulse.name_is_taken || !session_->ok()) return;
  renew(pulse);
  pulse.alive = std::max<std::int64_t>(
      session_->number("SELECT count(*) FROM fleet_agents WHERE alive_until > clock_timestamp()").value_or(1),
      1);
  take_free(pulse);
}

void Keeper::say_alive(Pulse& pulse) {
  bool known = false;
  session_->each(
      "SELECT incarnation, CASE WHEN alive_until > clock_timestamp() THEN 1 ELSE 0 END FROM fleet_agents "
      "WHERE "
      "name = ? FOR UPDATE",
      [&](const sql::Statement& row) {
        const bool mine = row.integer(0) == me_.incarnation, alive = row.integer(1) != 0;
        pulse.name_is_taken = !mine && alive;
        pulse.was_dead = mine && !alive;
        known = mine;
      },
      me_.name);
  if (pulse.name_is_taken) return;
  const auto late = events_.late_seconds();
  if (known)
    session_->run(
        "UPDATE fleet_agents SET alive_until = " + std::string(kUntil) + ", late_seconds = ? WHERE name = ?",
        late, me_.name);
  else
    session_->run(
        "INSERT INTO fleet_agents (name, incarnation, vantage, alive_until, late_seconds) VALUES (?, ?, ?, " +
            std::string(kUntil) +
            ", ?) ON CONFLICT (name) DO UPDATE SET incarnation = excluded.incarnation, vantage = "
            "excluded.vantage, started = clock_timestamp(), alive_until = excluded.alive_until",
        me_.name, me_.incarnation, me_.vantage, late);
  session_->run("DELETE FROM fleet_agents WHERE alive_until < clock_timestamp() - interval '1 day'");
}

/// Also where the lease is over: under the same epoch nobody else has had it.
void Keeper::renew(Pulse& pulse) {
  if (held_.empty()) return;
  session_->each(
      "UPDATE fleet_shards SET lease_until = " + std::string(kUntil) +
          " WHERE holder = ? AND (shard, epoch) IN (" + pairs_of(held_) + ") RETURNING shard, epoch",
      [&](const sql::Statement& row) { pulse.held[row.integer(0)] = row.integer(1); }, me_.name);
  for (const auto& [shard, _] : held_)
    if (!pulse.held.contains(shard)) pulse.lost.insert(shard);
}

/// Given back, or over. A database that has just come up was away for all: who holds what comes back to it.
void Keeper::take_free(Pulse& pulse) {
  const auto quota = (kShards + pulse.alive) / pulse.alive;
  const auto more = std::min<std::int64_t>(quota - static_cast<std::int64_t>(pulse.held.size()), kAtOnce);
  if (more <= 0) return;
  session_->each(
      "UPDATE fleet_shards SET holder = ?, epoch = epoch + 1, since = clock_timestamp(), lease_until = " +
          std::string(kUntil) +
          " WHERE shard IN (SELECT shard FROM fleet_shards WHERE lease_until = '-infinity' OR (lease_until < "
          "clock_timestamp() AND pg_postmaster_start_time() < clock_timestamp() - interval '20 seconds') "
          "ORDER BY random() LIMIT ? FOR UPDATE SKIP LOCKED) RETURNING shard, epoch",
      [&](const sql::Statement& row) {
        pulse.gained[row.integer(0)] = row.integer(1);
        pulse.lost.erase(row.integer(0));
        pulse.held.erase(row.integer(0));
      },
      me_.name, more);
}

/// The memory of what was gained, as its last holder left it.
tl::expected<void, sql::Trouble> Keeper::load(const std::map<Shard, std::int64_t>& gained) {
  const auto shards = names_of(gained);
  tl::expected<EverythingStored, std::string> stored;
  std::map<std::string, sql::KeyValues> desk;
  const auto done = session_->transaction([&] {
    session_->script(kOneMoment);
    std::string list;
    for (const auto shard : shards)
      list += (list.empty() ? "" : ", ") + std::to_string(shard);
    std::vector<std::int64_t> ids;
    session_->each("SELECT id FROM subjects WHERE kind = 'domain' AND shard IN (" + list + ")",
                   [&](const sql::Statement& row) { ids.push_back(row.integer(0)); });
    stored = sql::read_subjects(*session_, ids);
    if (shards.contains(kDesk))
      for (const auto* table : {"alert_topic", "alert_owed", "alert_digest", "alert_silence"})
        desk[table] = sql::read_key_values(*session_, table);
  });
  if (!done) return done;
  if (!stored) return tl::make_unexpected(sql::Trouble{sql::Trouble::Kind::damaged, stored.error()});
  for (auto& [table, rows] : desk)
    store_.adopt(table, std::move(rows));
  const auto taken = store_.adopt(std::move(*stored), shards);
  for (const auto& [shard, epoch] : gained)
    me_.leases->hold(shard, epoch);
  if (!taken.empty()) events_.news(taken);
  events_.gained(shards);
  return {};
}

/// What is more than our part, to those who have less. Nothing of it is lost: what was seen is written first.
tl::expected<void, sql::Trouble> Keeper::give_away(std::int64_t quota) {
  std::map<Shard, std::int64_t> given;
  for (auto it = held_.rbegin();
       it != held_.rend() && static_cast<std::int64_t>(held_.size() - given.size()) > quota; ++it)
    given.insert(*it);
  const auto shards = names_of(given);
  if (!store_.flush(kHandOver)) return {};  // at a later beat
  events_.lost(shards);
  (void)store_.flush(kHandOver);
  me_.leases->let_go(shards);
  store_.drop_what_is_not_ours();
  for (const auto shard : shards)
    held_.erase(shard);
  return session_->transaction([&] {
    session_->run(
        "UPDATE fleet_shards SET holder = '', lease_until = '-infinity' WHERE holder = ? AND (shard, epoch) "
        "IN (" +
            pairs_of(given) + ")",
        me_.name);
  });
}

/// A transaction may end later than it wrote: what was written lately is looked at twice.
tl::expected<void, sql::Trouble> Keeper::read_news() {
  std::map<std::int64_t, std::string> seen;
  tl::expected<EverythingStored, std::string> stored = EverythingStored{};
  std::string until;
  const auto done = session_->transaction([&] {
    session_->script(kOneMoment);
    session_->each("SELECT clock_timestamp()::text", [&](const sql::Statement& row) { until = row.text(0); });
    if (read_until_.empty()) return;
    std::vector<std::int64_t> ids;
    session_->each(
        "SELECT id, written::text FROM subjects WHERE written > ?::timestamptz - interval '40 seconds' AND "
        "writer <> ? ORDER BY written LIMIT " +
            std::string(kNews),
        [&](const sql::Statement& row) {
          const auto id = row.integer(0);
          seen[id] = row.text(1);
          const auto before = read_.find(id);
          if (before == read_.end() || before->second != row.text(1)) ids.push_back(id);
        },
        read_until_, me_.name);
    if (!ids.empty()) stored = sql::read_subjects(*session_, ids);
  });
  if (!done) return done;
  if (!stored) return tl::make_unexpected(sql::Trouble{sql::Trouble::Kind::damaged, stored.error()});
  read_until_ = seen.size() < 4000 ? until : read_until_;
  read_ = std::move(seen);
  const auto taken = store_.adopt(std::move(*stored), {});
  if (!taken.empty()) events_.news(taken);
  return {};
}

/// What of ours pages, as far as we have seen it ourselves.
std::vector<SecondLookAsked> Keeper::paging() const {
  std::vector<SecondLookAsked> out;
  const auto records = store_.paging();
  const std::lock_guard lock(mutex_);
  for (const auto& record : records) {
    const auto& name = record->known->domain.str();
    const auto epoch = me_.leases->epoch(shard_of(name));
    if (epoch) out.push_back({name, *epoch, paging_in(*record, holding_of(view_, name).since)});
  }
  return out;
}

/// Asks the others to look at what pages here, and looks at one thing for them.
tl::expected<void, sql::Trouble> Keeper::look_twice() {
  const auto ours = paging();
  const auto answers = events_.eyes != nullptr ? events_.eyes->answers() : std::vector<SecondLookAnswer>{};
  const bool others = is_seen_from_elsewhere(view_, me_.vantage);
  SecondLooks rows;
  std::optional<SecondLookAsked> taken;
  const auto done = session_->transaction([&] {
    SecondLookTable table(*session_, me_);
    for (const auto& answer : answers)
      table.answer(answer);
    rows = table.read();
    for (const auto& [domain, row] : rows)
      if (const auto epoch = me_.leases->epoch(shard_of(domain));
          epoch && std::ranges::find(ours, domain, &SecondLookAsked::domain) == ours.end())
        table.drop(domain, *epoch);
    for (const auto& asked : others ? to_be_asked(ours, rows) : std::vector<SecondLookAsked>{}) {
      const auto before = rows.find(asked.domain);
      table.ask(asked, before == rows.end() ? nullptr : &before->second);
    }
    for (auto& asked :
         events_.eyes != nullptr ? to_be_taken(rows, me_.vantage) : std::vector<SecondLookAsked>{})
      if (!taken && events_.eyes->has_time_for(asked.domain) && table.take(asked)) taken = std::move(asked);
  });
  if (!done) return done;
  if (taken) events_.eyes->look(std::move(*taken));
  const std::lock_guard lock(mutex_);
  second_looks_ = std::move(rows);
  return {};
}

/// At the end, so that nobody has to wait for a lease to run out.
void Keeper::give_back() {
  (void)session_->transaction([&] {
    session_->run("DELETE FROM fleet_agents WHERE name = ? AND incarnation = ?", me_.name, me_.incarnation);
    if (held_.empty()) return;
    session_->run(
        "UPDATE fleet_shards SET holder = '', lease_until = '-infinity' WHERE holder = ? AND (shard, epoch) "
        "IN (" +
            pairs_of(held_) + ")",
        me_.name);
  });
}

}  // namespace

FleetView view_of(Session& session) {
  FleetView out;
  const auto time_of = [](const sql::Statement& row, int column) {
    return TimePoint{Seconds{row.integer(column)}};
  };
  session.each(
      "SELECT name, vantage, extract(epoch FROM started)::bigint, floor(extract(epoch FROM "
      "alive_until))::bigint, CASE WHEN alive_until > clock_timestamp() "
      "THEN 1 "
      "ELSE 0 END, late_seconds FROM fleet_agents ORDER BY name",
      [&](const sql::Statement& row) {
        out.agents.push_back({std::string(row.text(0)), std::string(row.text(1)), time_of(row, 2),
                              time_of(row, 3) - kLease, row.integer(4) != 0, row.integer(5)});
      });
  session.each(
      "SELECT shard, holder, epoch, extract(epoch FROM since)::bigint, CASE WHEN lease_until = '-infinity' "
      "THEN 0 ELSE "
      "floor(extract(epoch FROM lease_until - clock_timestamp()))::bigint END FROM fleet_shards ORDER BY "
      "shard",
      [&](const sql::Statement& row) {
        out.shards.push_back(
            {row.integer(0), std::string(row.text(1)), row.integer(2), time_of(row, 3), row.integer(4)});
      });
  return out;
}

std::unique_ptr<Fleet> make_fleet(std::unique_ptr<Session> session, Member me, LiveStore& store) {
  return std::make_unique<Keeper>(std::move(session), std::move(me), store);
}

}  // namespace stswatch::pg

namespace stswatch {

tl::expected<FleetView, std::string> read_fleet(const std::string& state) {
  auto session = pg::Session::make(state);
  if (!session) return tl::make_unexpected(session.error());
  if (auto ours = pg::look_whether_ours(**session); !ours) return tl::make_unexpected(ours.error());
  FleetView out;
  const auto done = (*session)->transaction([&] { out = pg::view_of(**session); });
  if (!done) return tl::make_unexpected((*session)->explain(done.error()));
  return out;
}

}  // namespace stswatch
