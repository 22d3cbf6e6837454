// Several agents on one database. What needs one is tried where tests/remember/postgres.py runs it.
#include "agent/remember/fleet.h"

#include <doctest/doctest.h>
#include <array>
#include <condition_variable>
#include <future>

#include "agent/remember/store_kinds.h"
#include "tests/judge/facts_builder.h"
#include "tests/remember/store_fixture.h"

using namespace stswatch;

namespace {

constexpr auto kSoon = std::chrono::seconds{60};

bool on_postgres() { return std::getenv("STSWATCH_TEST_POSTGRES") != nullptr; }

/// A store of an agent that takes part, and what it heard.
class Agent {
 public:
  Agent(const std::string& state, const std::string& name, const std::string& vantage = {},
        SecondEyes* eyes = nullptr) {
    auto opened = open_store(state, {.now = [] { return kStart; }, .agent = name, .vantage = vantage});
    REQUIRE_MESSAGE(opened.has_value(), opened.error());
    store_ = std::move(*opened);
    const auto changed = [this](const auto&) { tell(); };
    store_->fleet()->start({.gained = changed,
                            .lost = changed,
                            .news = changed,
                            .trouble =
                                [this](const std::string& what) {
                                  const std::lock_guard lock(mutex_);
                                  trouble_ = what;
                                  changed_.notify_all();
                                },
                            .late_seconds =
                                [this] {  // asked at each beat
                                  tell();
                                  return 0;
                                },
                            .eyes = eyes});
  }
  ~Agent() { stop(); }

  Store& store() { return *store_; }
  void stop() { store_->stop(); }

  std::int64_t held() const {
    std::int64_t out = 0;
    for (Shard shard = 0; shard <= kShards; ++shard)
      out += store_->fleet()->leases().holds(shard) ? 1 : 0;
    return out;
  }
  template <class Ready>
  bool waits_for(Ready ready) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kSoon, ready);
  }
  bool waits_for_trouble() {
    return waits_for([this] { return !trouble_.empty(); });
  }
  std::string trouble() {
    const std::lock_guard lock(mutex_);
    return trouble_;
  }

 private:
  void tell() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string trouble_;
  std::unique_ptr<Store> store_;  // last: its thread ends first
};

/// Sees, or does not see, whatever it is asked for; at once, or never.
class Eyes : public SecondEyes {
 public:
  explicit Eyes(bool sees, bool answers = true) : sees_(sees), answers_at_all_(answers) {}
  bool has_time_for(const std::string&) override { return true; }
  void look(SecondLookAsked asked) override {
    const std::lock_guard lock(mutex_);
    const auto findings = asked.findings;
    if (answers_at_all_)
      answers_.push_back(
          {std::move(asked), sees_ ? findings : FindingNames{}, sees_ ? FindingNames{} : findings});
  }
  std::vector<SecondLookAnswer> answers() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
  }

 private:
  const bool sees_, answers_at_all_;
  std::mutex mutex_;
  std::vector<SecondLookAnswer> answers_;
};

std::shared_ptr<const DomainMemory> record_of(const std::string& name, const std::string& sha256) {
  auto look = facts::base().domain;
  look.domain = *Domain::parse(name);
  auto record =
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look), Verdict(look.domain));
  record->past.policies = {{{Mode::enforce, {"mx1.example.com"}, 604800, {}}, sha256, {look.at, {}}}};
  return record;
}

/// Opened long after any shard was taken, by the database's clock: its holder has seen it.
const TimePoint kOpened =
    std::chrono::time_point_cast<Seconds>(std::chrono::system_clock::now()) + Seconds{3600};

std::shared_ptr<const DomainMemory> paging_record(const std::string& name) {
  auto record = std::make_shared<DomainMemory>(*record_of(name, "aa"));
  Incident incident;
  incident.finding.code = "mx-vanished";
  incident.finding.subject = name;
  incident.finding.severity = Severity::critical;
  incident.finding.route = Route::page;
  incident.opened = incident.last_bad = kOpened;
  record->incidents = {incident};
  return record;
}

std::string policy_in(const std::string& state, const std::string& name) {
  const auto memory = read_store(state, {name});
  REQUIRE_MESSAGE(memory.has_value(), memory.error());
  const auto record = (*memory)->domain(*Domain::parse(name));
  return record ? record->past.policies.back().sha256 : "none";
}

void run_in_database(const std::string& state, const std::string& text) {
  auto session = pg::Session::make(state);
  REQUIRE(session.has_value());
  const auto done = (*session)->transaction([&] { (*session)->script(text); });
  REQUIRE_MESSAGE(done.has_value(), done.error().text);
}

}  // namespace

TEST_CASE("every domain falls in a shard, and they fill alike") {
  std::array<int, kShards + 1> filled{};
  for (int i = 0; i < 64'000; ++i)
    ++filled.at(static_cast<std::size_t>(shard_of("d" + std::to_string(i) + ".example")));
  CHECK(filled[kDesk] == 0);
  for (Shard shard = 1; shard <= kShards; ++shard) {
    CHECK(filled[static_cast<std::size_t>(shard)] > 800);
    CHECK(filled[static_cast<std::size_t>(shard)] < 1200);
  }
  CHECK(shard_of("example.com") == 38);  // for ever: it is in every row
}

TEST_CASE("a first write waits for the first renewal, and not for ever") {
  using namespace std::chrono_literals;
  Leases leases;
  leases.hold(1, 1);  // what is held is not yet certain
  CHECK_FALSE(leases.await_first(0ms));
  const auto began = std::chrono::steady_clock::now();
  CHECK_FALSE(leases.await_first(20ms));
  CHECK(std::chrono::steady_clock::now() - began >= 20ms);
  auto waiting = std::async(std::launch::async, [&] { return leases.await_first(1h); });
  CHECK(waiting.wait_for(20ms) == std::future_status::timeout);
  leases.renewed(Leases::boot_time());
  CHECK(waiting.get());
  CHECK(leases.await_first(0ms));
}

TEST_CASE("a database's password is in nothing that is said of it") {
  const std::string url = "postgresql://watch:s3cr3t@127.0.0.1:1/mail?connect_timeout=2";
  CHECK(shown_store(url) == "postgresql://watch@127.0.0.1:1/mail");
  CHECK(shown_store("/var/lib/s.db") == "/var/lib/s.db");
  const auto opened = open_store(url, {.now = [] { return kStart; }});
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().find("cannot be reached") != std::string::npos);
  CHECK(opened.error().find("s3cr3t") == std::string::npos);
  const auto odd = open_store("postgresql://watch:s3cr3t@[host/mail", {.now = [] { return kStart; }});
  REQUIRE_FALSE(odd.has_value());
  CHECK(odd.error().find("s3cr3t") == std::string::npos);
  // libpq repeats what it does not take.
  for (const char* login : {"watch:s3%63r3t@", "watch:s3cr3t@", "watch@"}) {
    const auto repeated = open_store(
        std::string("postgresql://") + login + "127.0.0.1:1/mail?sslmode=s3%63r3t&password=s3%63r3t",
        {.now = [] { return kStart; }});
    REQUIRE_FALSE(repeated.has_value());
    CHECK(repeated.error().find("***") != std::string::npos);
    CHECK(repeated.error().find("s3cr3t") == std::string::npos);
  }
  const auto brief = open_store("postgresql://watch:%65@127.0.0.1:1/mail", {.now = [] { return kStart; }});
  CHECK(brief.error().find("cannot be reached") != std::string::npos);  // none of its letters is missing
}

TEST_CASE("on PostgreSQL agents share the shards, and who leaves gives them back") {
  if (!on_postgres()) return;
  const StoreFolder folder;
  const auto state = folder / "f.db";
  Agent a(state, "a");
  REQUIRE(a.waits_for([&] { return a.held() == kShards + 1; }));
  {
    Agent b(state, "b");
    REQUIRE(b.waits_for([&] { return b.held() == 32; }));
    CHECK(a.held() == 33);
    for (Shard shard = 0; shard <= kShards; ++shard)
      CHECK(a.store().fleet()->leases().holds(shard) != b.store().fleet()->leases().holds(shard));
  }
  CHECK(a.waits_for([&] { return a.held() == kShards + 1; }));
}

TEST_CASE("on PostgreSQL what was remembered goes with its shard, and others see it where they are") {
  if (!on_postgres()) return;
  const StoreFolder folder;
  const auto state = folder / "f.db";
  const auto name = *Domain::parse("example.com");
  Agent a(state, "a");
  REQUIRE(a.waits_for([&] { return a.held() == kShards + 1; }));
  a.store().remember(record_of("example.com", "aa"), nullptr, {});
  REQUIRE(a.store().flush(kPatience));
  Agent b(state, "b");
  REQUIRE(b.waits_for([&] { return b.held() == 32; }));
  CHECK(b.store().domain(name)->past.policies.back().sha256 == "aa");
  // Whoever has it now writes, and the other one hears of it.
  const bool a_has_it = a.store().fleet()->leases().holds(shard_of("example.com"));
  Agent &holder = a_has_it ? a : b, &other = a_has_it ? b : a;
  holder.store().remember(record_of("example.com", "bb"), nullptr, {});
  REQUIRE(holder.store().flush(kPatience));
  CHECK(other.waits_for([&] { return other.store().domain(name)->past.policies.back().sha256 == "bb"; }));
  // What somebody else would write of it is not written.
  other.store().remember(record_of("example.com", "cc"), nullptr, {});
  REQUIRE(other.store().flush(kPatience));
  CHECK(policy_in(state, "example.com") == "bb");
}

TEST_CASE("on PostgreSQL an agent whose shard was taken writes nothing of it, though it knows nothing yet") {
  if (!on_postgres()) return;
  const StoreFolder folder;
  const auto state = folder / "f.db";
  Agent a(state, "a");
  REQUIRE(a.waits_for([&] { return a.held() == kShards + 1; }));
  a.store().remember(record_of("example.com", "aa"), nullptr, {});
  a.store().key_values().put("alert_owed", "k", "old");
  REQUIRE(a.store().flush(kPatience));
  run_in_database(
      state,
      "UPDATE fleet_shards SET holder = 'b', epoch = epoch + 1, lease_until = now() + interval '1 day'");
  a.store().remember(record_of("example.com", "bb"), nullptr, {});
  a.store().key_values().put("alert_owed", "k", "new");
  (void)a.store().flush(kPatience);
  CHECK(policy_in(state, "example.com") == "aa");
  CHECK(read_key_values(state, "alert_owed")->at("k") == "old");
  CHECK(a.waits_for([&] { return a.held() == 0; }));
  // Under the same holder's name, but another epoch: that of an earlier time.
  run_in_database(state, "UPDATE fleet_shards SET holder = 'a'");
  a.store().remember(record_of("example.com", "cc"), nullptr, {});
  (void)a.store().flush(kPatience);
  CHECK(policy_in(state, "example.com") == "aa");
}

TEST_CASE("on PostgreSQL two living agents of one name are told apart") {
  if (!on_postgres()) return;
  const StoreFolder folder;
  const auto state = folder / "f.db";
  Agent a(state, "twin");
  REQUIRE(a.waits_for([&] { return a.held() == kShards + 1; }));
  Agent b(state, "twin");
  REQUIRE(b.waits_for_trouble());
  CHECK(b.trouble().find("give each a name of its own") != std::string::npos);
  CHECK(b.held() == 0);
  CHECK(a.held() == kShards + 1);
}

TEST_CASE("on PostgreSQL a store is carried there and back with all it holds") {
  if (!on_postgres()) return;
  const StoreFolder folder;
  char name[] = "/tmp/stswatch-copied-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  const std::string file = std::string(name) + "/a.db", back = std::string(name) + "/b.db";
  const auto state = folder / "f.db";
  {
    const auto store = opened(file);
    store->remember(record_of("example.com", "aa"), record_of("example.com", "aa")->known, {});
    store->key_values().put("t", "odd \xff", std::string("nul\0!", 5));
    CHECK(store->stop());
  }
  const auto there = copy_store(file, state);
  REQUIRE_MESSAGE(there.has_value(), there.error());
  CHECK(*there == 1);
  CHECK_FALSE(copy_store(file, state).has_value());  // not overwritten
  const auto again = copy_store(state, back);
  REQUIRE_MESSAGE(again.has_value(), again.error());
  check_same(*opened(back)->domain(*Domain::parse("example.com")),
             *opened(file)->domain(*Domain::parse("example.com")));
  CHECK(opened(back)->key_values().all("t").at("odd \xff") == std::string("nul\0!", 5));
  const auto service = opened(state);
  CHECK(service->domain(*Domain::parse("example.com"))->past.policies.back().sha256 == "aa");
  service->remember(record_of("other.example", "bb"), nullptr, {});
  REQUIRE(service->flush(kPatience));
  CHECK(policy_in(state, "other.example") == "bb");
  std::filesystem::remove_all(name);
}

namespace {

/// Two agents of one fleet, and a domain of the first that pages.
struct TwoPlaces {
  TwoPlaces(const char* second, bool sees, bool answers = true) : eyes(sees, answers) {
    a.emplace(state, "a", "fra1");
    REQUIRE(a->waits_for([&] { return a->held() == kShards + 1; }));
    b.emplace(state, "b", second, &eyes);
    REQUIRE(b->waits_for([&] { return b->held() == 32; }));
    for (int i = 0; name.empty(); ++i)
      if (const auto other = "d" + std::to_string(i) + ".example"; leases().holds(shard_of(other)))
        name = other;
    a->store().remember(paging_record(name), nullptr, {});
  }
  const Leases& leases() { return a->store().fleet()->leases(); }
  SeenFrom seen(Agent& by) {
    return by.store().fleet()->seen_from(name, paging_record(name)->incidents[0], kOpened + Seconds{20});
  }
  /// As an agent shows it, once it does.
  bool comes_to(Agent& by, const SeenFrom& what) {
    return by.waits_for([&] { return seen(by) == what; });
  }
  std::int64_t rows(const std::string& where) {
    std::int64_t out = 0;
    auto session = pg::Session::make(state);
    REQUIRE(session.has_value());
    const auto done = (*session)->transaction(
        [&] { out = (*session)->number("SELECT count(*) FROM second_looks WHERE " + where).value_or(-1); });
    REQUIRE(done.has_value());
    return out;
  }

  const StoreFolder folder;
  const std::string state = folder / "f.db";
  Eyes eyes;
  std::optional<Agent> a, b;
  std::string name;
};

}  // namespace

TEST_CASE("on PostgreSQL what pages is looked at from elsewhere too, and both agents know what came of it") {
  if (!on_postgres()) return;
  for (const bool sees : {true, false}) {
    CAPTURE(sees);
    TwoPlaces two("nyc2", sees);
    const SeenFrom both{{"fra1", "nyc2"}, {}, false}, one{{"fra1"}, {"nyc2"}, false};
    CHECK(two.comes_to(*two.a, sees ? both : one));
    CHECK(two.comes_to(*two.b, sees ? both : one));
    // It is over: nothing is left of it.
    two.a->store().remember(record_of(two.name, "bb"), nullptr, {});
    CHECK(two.a->waits_for([&] { return two.rows("true") == 0; }));
  }
}

TEST_CASE(
    "on PostgreSQL an agent of the same place is not asked, and one that does not answer is not waited for") {
  if (!on_postgres()) return;
  {
    TwoPlaces same("fra1", true);
    CHECK(same.comes_to(*same.a, {{"fra1"}, {}, false}));
    CHECK(same.rows("true") == 0);
  }
  TwoPlaces dead("nyc2", true, false);
  CHECK(dead.comes_to(*dead.a, {{"fra1"}, {}, true}));
  REQUIRE(dead.a->waits_for([&] { return dead.rows("taken_by = 'b'") == 1; }));
  run_in_database(dead.state,
                  "UPDATE second_looks SET asked_at = now() - interval '61 seconds', taken_by = ''");
  // Nobody takes it any more; who asks for the page does not wait beyond its deadline.
  const auto late = dead.a->store().fleet()->seen_from(dead.name, paging_record(dead.name)->incidents[0],
                                                       kOpened + kSecondLookBy);
  CHECK(late == SeenFrom{{"fra1"}, {}, false});
  CHECK(dead.rows("taken_by = ''") == 1);
}

TEST_CASE(
    "on PostgreSQL a second look is fenced: what was asked under another epoch is neither taken nor "
    "answered") {
  if (!on_postgres()) return;
  TwoPlaces two("nyc2", true, false);
  REQUIRE(two.a->waits_for([&] { return two.rows("taken_by = 'b'") == 1; }));
  const auto shard = shard_of(two.name);
  const auto epoch = *two.leases().epoch(shard);
  two.a->stop();
  two.b->stop();
  run_in_database(
      two.state,
      "UPDATE fleet_agents SET alive_until = now() + interval '1 day'; INSERT INTO fleet_agents "
      "(name, incarnation, vantage, alive_until) VALUES ('b', 1, 'nyc2', now() + interval '1 day')");
  auto session = pg::Session::make(two.state);
  REQUIRE(session.has_value());
  const pg::Member b{"b", "nyc2", 1, nullptr}, a{"a", "fra1", 1, nullptr};
  const SecondLookAsked asked{two.name, epoch, {{"mx-vanished", two.name}}};
  const auto in_database = [&](const pg::Member& me, const auto& act) {
    REQUIRE((*session)
                ->transaction([&] {
                  pg::SecondLookTable table(**session, me);
                  act(table);
                })
                .has_value());
  };
  const auto answer = [&](const pg::Member& me) {
    in_database(me, [&](auto& table) { table.answer({asked, asked.findings, {}}); });
    return two.rows("answered_at IS NOT NULL");
  };
  const auto taken_over = [&](std::int64_t by) {
    run_in_database(two.state, "UPDATE fleet_shards SET holder = 'a', epoch = " + std::to_string(by) +
                                   " WHERE shard = " + std::to_string(shard));
  };
  taken_over(epoch + 1);
  CHECK(answer(b) == 0);
  in_database(a, [&](auto& table) { table.ask({two.name, epoch, {}}, nullptr); });  // by who lost it
  CHECK(two.rows("taken_by = 'b'") == 1);
  taken_over(epoch);
  CHECK(answer({"b", "nyc2", 2, nullptr}) == 0);  // of an earlier life
  CHECK(answer({"c", "sin3", 1, nullptr}) == 0);  // who was not to look
  CHECK(answer(b) == 1);
  in_database(a, [&](auto& table) { table.ask(asked, nullptr); });
  bool taken = false;
  const auto take = [&](auto& table) { taken = table.take(asked); };
  taken_over(epoch + 1);
  in_database(b, take);
  CHECK_FALSE(taken);
  taken_over(epoch);
  in_database(b, take);
  CHECK(taken);
  in_database(b, take);
  CHECK_FALSE(taken);  // once
}
