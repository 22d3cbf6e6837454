// Several agents on one database. What needs one is tried where tests/remember/postgres.py runs it.
#include "agent/remember/fleet.h"

#include <doctest/doctest.h>
#include <array>
#include <condition_variable>
#include <future>

#include "agent/remember/postgres.h"
#include "tests/judge/facts_builder.h"
#include "tests/remember/store_fixture.h"

using namespace stswatch;

namespace {

constexpr auto kSoon = std::chrono::seconds{60};

bool on_postgres() { return std::getenv("STSWATCH_TEST_POSTGRES") != nullptr; }

/// A store of an agent that takes part, and what it heard.
class Agent {
 public:
  Agent(const std::string& state, const std::string& name) {
    auto opened = open_store(state, {.now = [] { return kStart; }, .agent = name});
    REQUIRE_MESSAGE(opened.has_value(), opened.error());
    store_ = std::move(*opened);
    const auto changed = [this](const auto&) { tell(); };
    store_->fleet()->start(
        {.gained = changed, .lost = changed, .news = changed, .trouble = [this](const std::string& what) {
           const std::lock_guard lock(mutex_);
           trouble_ = what;
           changed_.notify_all();
         }});
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

std::shared_ptr<const DomainMemory> record_of(const std::string& name, const std::string& sha256) {
  auto look = facts::base().domain;
  look.domain = *Domain::parse(name);
  auto record =
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look), Verdict(look.domain));
  record->past.policies = {{{Mode::enforce, {"mx1.example.com"}, 604800, {}}, sha256, {look.at, {}}}};
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
