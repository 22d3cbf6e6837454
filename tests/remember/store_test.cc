#include "agent/remember/store.h"

#include <doctest/doctest.h>

#include <fstream>

#include "agent/remember/sqlite.h"
#include "tests/judge/facts_builder.h"
#include "tests/remember/random_record.h"
#include "tests/remember/store_fixture.h"

using namespace stswatch;

namespace {

Domain named(const std::string& name) { return *Domain::parse(name); }

std::int64_t count(const std::string& file, const std::string& what) {
  auto db = sql::Database::open(file, sql::Database::Access::read_only);
  REQUIRE(db.has_value());
  const auto out = (*db)->number("SELECT count(*) FROM " + what);
  REQUIRE_MESSAGE((*db)->ok(), what);
  return out.value_or(-1);
}

/// A record of example.com as a first good look leaves it.
std::shared_ptr<DomainMemory> base_record(TimePoint at = facts::kNow) {
  auto look = facts::base().domain;
  look.at = at;
  auto record =
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look), Verdict(look.domain));
  record->past.began = at;
  record->past.policies = {{{Mode::enforce, {"mx1.example.com"}, 604800, {}}, "ab", {at, {}}}};
  return record;
}

Transition opening(const std::string& code) {
  Incident incident;
  incident.finding.code = code;
  incident.finding.subject = "example.com";
  return {Transition::Kind::opened, incident};
}

}  // namespace

TEST_CASE("every field of every record comes back as it was") {
  const StoreFolder folder;
  std::map<std::string, std::shared_ptr<const DomainMemory>> domains;
  std::map<std::string, std::shared_ptr<const MxMemory>> hosts;
  {
    const auto store = opened(folder / "s.db");
    for (unsigned seed = 0; seed < 100; ++seed) {
      RandomRecord random(seed);
      const auto name = "d" + std::to_string(seed) + ".example";
      domains[name] = random.domain_record(name);
      hosts["mx." + name] = random.mx_record("mx." + name);
      store->remember(domains[name], nullptr, {});
      store->remember(hosts["mx." + name], nullptr);
    }
    CHECK(store->stop());
  }
  const auto store = opened(folder / "s.db");
  for (const auto& [name, was] : domains) {
    CAPTURE(name);
    const auto is = store->domain(named(name));
    REQUIRE(is != nullptr);
    check_same(*is, *was);
  }
  for (const auto& [name, was] : hosts) {
    CAPTURE(name);
    const auto is = store->mx(name);
    REQUIRE(is != nullptr);
    check_same(*is, *was);
  }
}

TEST_CASE("a record that replaces another comes back as the newer one") {
  const StoreFolder folder;
  std::shared_ptr<const DomainMemory> newest;
  {
    const auto store = opened(folder / "s.db");
    for (unsigned seed = 0; seed < 40; ++seed) {
      newest = RandomRecord(seed).domain_record("example.com");
      store->remember(newest, nullptr, {});
      if (seed % 3 == 0) CHECK(store->flush(kPatience));
    }
  }
  const auto store = opened(folder / "s.db");
  auto is = std::make_shared<DomainMemory>(*store->domain(named("example.com")));
  is->past.changes.clear();  // these only grow
  auto was = std::make_shared<DomainMemory>(*newest);
  was->past.changes.clear();
  check_same(*is, *was);
}

TEST_CASE("a look that saw nothing new costs the disk nothing but its time, once an hour") {
  const StoreFolder folder;
  auto now = kStart;
  const auto store = opened(folder / "s.db", {.now = [&] { return now; }});
  auto record = base_record();
  store->remember(record, record->known, {});
  REQUIRE(store->flush(kPatience));
  const auto before = content_of(folder / "s.db-wal").size();
  for (int look = 1; look <= 50; ++look) {
    record = base_record(facts::kNow + Seconds{300 * look});
    record->past = store->domain(named("example.com"))->past;
    auto seen = std::make_shared<DomainObservation>(*record->known);
    seen->sts.ttl -= static_cast<std::uint32_t>(look);
    seen->fetches[0].duration += Millis{look};
    store->remember(record, seen, {});
    REQUIRE(store->flush(kPatience));
  }
  CHECK(content_of(folder / "s.db-wal").size() == before);
  CHECK(count(folder / "s.db", "facts") == 1);
  const auto on_disk = [&] {
    return (*read_store(folder / "s.db", {"example.com"}))->domain(named("example.com"));
  };
  CHECK(on_disk()->known->at == facts::kNow);
  now += Seconds{2 * 3600};
  REQUIRE(store->flush(kPatience));
  CHECK(on_disk()->known->at == record->known->at);
  CHECK(content_of(folder / "s.db-wal").size() < before + 3 * 4200);  // a page of moments, and its like
}

TEST_CASE("of raw looks the last, the last good, the last failed, and each that changed something are kept") {
  const StoreFolder folder;
  const auto store = opened(folder / "s.db");
  const auto good = base_record();
  store->remember(good, good->known, {});
  auto failed = std::make_shared<DomainObservation>(*good->known);
  failed->at += Seconds{60};
  failed->fetches[0].failure = Failure{Stage::connect, Cause::refused, "refused"};
  store->remember(std::make_shared<DomainMemory>(*good), failed, {});  // it has confirmed nothing yet
  REQUIRE(store->flush(kPatience));
  const auto at = [&](const std::string& role, const std::string& time) {
    return count(folder / "s.db", "looks WHERE role = '" + role + "' AND at = '" + time + "'");
  };
  CHECK(at("last", "2026-12-01T00:01:00Z") == 1);
  CHECK(at("failed", "2026-12-01T00:01:00Z") == 1);
  CHECK(at("good", "2026-12-01T00:00:00Z") == 1);
  CHECK(count(folder / "s.db", "looks WHERE role = 'changed'") == 1);  // the first
  store->remember(std::make_shared<DomainMemory>(*good), failed, {opening("sts-policy-unreachable")});
  REQUIRE(store->flush(kPatience));
  CHECK(count(folder / "s.db", "looks WHERE role = 'changed'") == 2);
  CHECK(count(folder / "s.db", "facts") == 2);
}

TEST_CASE("what became of findings is read back in order, also after a restart, and by domain") {
  const StoreFolder folder;
  {
    const auto store = opened(folder / "s.db");
    store->remember(base_record(), nullptr, {opening("a"), opening("b")});
    store->remember(base_record(facts::kNow + Seconds{60}), nullptr, {opening("c")});
    store->remember(RandomRecord(1).domain_record("other.example"), nullptr, {opening("x")});
  }
  const auto store = opened(folder / "s.db");
  store->remember(base_record(facts::kNow + Seconds{120}), nullptr, {opening("d")});
  REQUIRE(store->flush(kPatience));
  const auto history = read_history(folder / "s.db", named("example.com"));
  REQUIRE_MESSAGE(history.has_value(), history.error());
  REQUIRE(history->has_value());
  std::string codes;
  for (const auto& stored : (*history)->transitions)
    codes += stored.transition.incident.finding.code;
  CHECK(codes == "abcd");
  CHECK((*history)->transitions[0].transition == opening("a"));
  CHECK((*history)->transitions[2].at == facts::kNow + Seconds{60});
  const auto nobody = read_history(folder / "s.db", named("nobody.example"));
  REQUIRE_MESSAGE(nobody.has_value(), nobody.error());
  CHECK_FALSE(nobody->has_value());
  const auto none =
      read_history(folder / "none.db", named("example.com"));  // a database has to be made first
  CHECK((!none || !none->has_value()));
}

TEST_CASE("the looks that are kept are read back as they were seen, with those at the hosts they name") {
  const StoreFolder folder;
  auto now = kStart;
  const auto store = opened(folder / "s.db", {.now = [&] { return now; }});
  const auto first = base_record();
  store->remember(first, first->known, {});
  auto host = std::make_shared<MxMemory>();
  host->known = host->confirmed = facts::base().mx.at(std::string(facts::kMx1));
  store->remember(host, host->known);
  auto failed = std::make_shared<DomainObservation>(*first->known);
  failed->at += Seconds{60};
  failed->fetches[0].failure = Failure{Stage::connect, Cause::refused, "refused"};
  store->remember(std::make_shared<DomainMemory>(*first), failed, {opening("sts-policy-unreachable")});
  const auto good = base_record(facts::kNow + Seconds{600});
  good->past = first->past;  // as at first, and nothing has changed
  store->remember(good, good->known, {});
  now += Seconds{2 * 3600};
  REQUIRE(store->flush(kPatience));
  REQUIRE(store->flush(kPatience));
  const auto history = read_history(folder / "s.db", named("example.com"));
  REQUIRE_MESSAGE(history.has_value(), history.error());
  REQUIRE(history->has_value());
  const auto& looks = (*history)->looks;
  REQUIRE(looks.size() == 3);
  using Roles = std::vector<std::string>;
  CHECK(looks[0].kept_as == Roles{"changed"});
  CHECK(*looks[0].look == *first->known);
  CHECK(looks[1].kept_as == Roles{"changed", "failed"});
  CHECK(*looks[1].look == *failed);
  CHECK(looks[2].kept_as == Roles{"good", "last"});
  CHECK(looks[2].look->at == facts::kNow + Seconds{600});
  REQUIRE((*history)->mx.contains(std::string(facts::kMx1)));
  CHECK(*(*history)->mx.at(std::string(facts::kMx1)).back().look == *host->known);
}

TEST_CASE("what is dated anew, since the clock was ahead, is so on the disk at once") {
  const StoreFolder folder;
  const auto store = opened(folder / "s.db");
  const auto ahead = base_record(facts::kNow + Seconds{86400});
  store->remember(ahead, ahead->known, {});
  const auto right = base_record();
  store->remember(right, nullptr, {});
  REQUIRE(store->flush(kPatience));
  const auto on_disk = *read_store(folder / "s.db", {"example.com"});
  CHECK(on_disk->domain(named("example.com"))->known->at == facts::kNow);
  CHECK(on_disk->domain(named("example.com"))->confirmed->at == facts::kNow);
}

TEST_CASE("a transition on the disk has its record beside it") {
  const StoreFolder folder;
  const auto store = opened(folder / "s.db");
  auto record = base_record();
  record->incidents = {opening("a").incident};
  store->remember(record, nullptr, {opening("a")});
  REQUIRE(store->flush(kPatience));
  CHECK(count(folder / "s.db", "incidents WHERE code = 'a'") == 1);
  CHECK(count(folder / "s.db", "transitions WHERE code = 'a' AND kind = 'opened'") == 1);
}

TEST_CASE("the key-value store keeps texts by table and key") {
  const StoreFolder folder;
  {
    const auto store = opened(folder / "s.db");
    auto& key_values = store->key_values();
    key_values.put("outbox", "1", "first");
    key_values.put("outbox", "2", "second");
    key_values.put("cursor", "alerts", "7");
    CHECK(store->flush(kPatience));
    key_values.apply({{"outbox", "1", std::nullopt}, {"cursor", "alerts", "8"}});
    CHECK(key_values.all("outbox") == std::map<std::string, std::string>{{"2", "second"}});
  }
  const auto store = opened(folder / "s.db");
  CHECK(store->key_values().all("outbox") == std::map<std::string, std::string>{{"2", "second"}});
  CHECK(store->key_values().all("cursor") == std::map<std::string, std::string>{{"alerts", "8"}});
  CHECK(store->key_values().all("nothing").empty());
}

TEST_CASE(
    "a domain out of the configuration is remembered until its last cache ends, its hosts a while more") {
  const StoreFolder folder;
  auto now = facts::kNow;
  const auto hour_passes = [&](Store& store, Seconds span) {
    now += span;
    REQUIRE(store.flush(kPatience));
    REQUIRE(store.flush(kPatience));
  };
  const auto store = opened(folder / "s.db", {.now = [&] { return now; }});
  auto host = std::make_shared<MxMemory>();
  host->known = host->confirmed = facts::base().mx.at(std::string(facts::kMx1));
  store->remember(base_record(), nullptr, {});
  store->remember(host, nullptr);
  store->watch({"other.example"});
  hour_passes(*store, facts::days(7));
  CHECK(store->domain(named("example.com")) !=
        nullptr);  // its policy was good for 7 days, and a day's margin
  hour_passes(*store, facts::days(2));
  CHECK(store->domain(named("example.com")) == nullptr);
  CHECK(count(folder / "s.db", "policies") == 0);
  CHECK(store->mx(std::string(facts::kMx1)) != nullptr);
  hour_passes(*store, facts::days(31));
  CHECK(store->mx(std::string(facts::kMx1)) == nullptr);
  CHECK(count(folder / "s.db", "subjects") == 0);
  CHECK(count(folder / "s.db", "facts") == 0);
  store->remember(base_record(now), nullptr, {});  // and it may come back
  REQUIRE(store->flush(kPatience));
  CHECK(count(folder / "s.db", "policies") == 1);
}

TEST_CASE("a watched domain is never forgotten") {
  const StoreFolder folder;
  auto now = facts::kNow;
  const auto store = opened(folder / "s.db", {.now = [&] { return now; }});
  store->remember(base_record(), nullptr, {});
  store->watch({"example.com"});
  now += facts::days(1000);
  REQUIRE(store->flush(kPatience));
  CHECK(store->domain(named("example.com")) != nullptr);
  CHECK(count(folder / "s.db", "policies") == 1);
}

TEST_CASE("what grows is dropped by age and by size, what a cache may hold stays") {
  const StoreFolder folder;
  auto now = facts::kNow;
  std::uint64_t most = 4ULL << 30U;
  const auto fill = [&](Store& store) {
    for (int i = 0; i < 30; ++i) {
      auto record = base_record(now += Seconds{60});
      auto look = *record->known;
      look.fetches[0].body += std::string(static_cast<std::size_t>(i) + 1, '#');
      record->known = record->confirmed = std::make_shared<DomainObservation>(look);
      store.remember(record, record->known, {opening("a")});
      REQUIRE(store.flush(kPatience));
    }
  };
  const auto changed = [&] { return count(folder / "s.db", "looks WHERE role = 'changed'"); };
  SUBCASE("by age") {
    const auto store = opened(folder / "s.db", {.now = [&] { return now; }, .most_octets = most});
    fill(*store);
    CHECK(changed() == 30);
    now += facts::days(91);
    REQUIRE(store->flush(kPatience));
    REQUIRE(store->flush(kPatience));
    CHECK(changed() == 0);
    CHECK(count(folder / "s.db", "transitions") == 30);
    now += facts::days(310);
    REQUIRE(store->flush(kPatience));
    REQUIRE(store->flush(kPatience));
    CHECK(count(folder / "s.db", "transitions") == 0);
  }
  SUBCASE("by size") {
    const auto store = opened(folder / "s.db", {.now = [&] { return now; }, .most_octets = 4096});
    fill(*store);
    now += Seconds{2 * 3600};
    for (int i = 0; i < 5; ++i)
      REQUIRE(store->flush(kPatience));
    CHECK(changed() == 0);
    CHECK(count(folder / "s.db", "transitions") == 0);
  }
  CHECK(count(folder / "s.db", "policies") == 1);
  CHECK(count(folder / "s.db", "looks WHERE role IN ('known', 'confirmed', 'last')") == 3);
}

TEST_CASE("memory in RAM does all of it but survive") {
  const auto store = opened(":memory:");
  store->remember(base_record(), nullptr, {opening("a")});
  store->key_values().put("t", "k", "v");
  CHECK(store->domain(named("example.com")) != nullptr);
  CHECK(store->key_values().all("t").at("k") == "v");
  CHECK(store->flush(Millis{0}));
  CHECK(store->stop());
}

TEST_CASE("another process reads the domains it asks for while the service runs") {
  const StoreFolder folder;
  const auto service = opened(folder / "s.db");
  const auto record = base_record();
  service->remember(record, nullptr, {});
  service->remember(RandomRecord(1).domain_record("other.example"), nullptr, {});
  auto host = std::make_shared<MxMemory>();
  host->known = host->confirmed = facts::base().mx.at(std::string(facts::kMx1));
  auto with_mx = std::make_shared<DomainMemory>(*record);
  with_mx->past.mx = {{std::string(facts::kMx1), {facts::kNow, {}}}};
  service->remember(with_mx, nullptr, {});
  service->remember(host, nullptr);
  REQUIRE(service->flush(kPatience));
  const auto memory = read_store(folder / "s.db", {"example.com"});
  REQUIRE_MESSAGE(memory.has_value(), memory.error());
  REQUIRE((*memory)->domain(named("example.com")) != nullptr);
  CHECK((*memory)->domain(named("example.com"))->past.policies == record->past.policies);
  CHECK((*memory)->mx(std::string(facts::kMx1)) != nullptr);
  CHECK((*memory)->domain(named("other.example")) == nullptr);
  if (std::getenv("STSWATCH_TEST_POSTGRES") == nullptr)
    CHECK(*read_store(folder / "none.db", {"example.com"}) == nullptr);
}

TEST_CASE("a copy holds what was committed, and never replaces a file") {
  const StoreFolder folder;
  const auto record = RandomRecord(3).domain_record("example.com");
  const auto service = opened(folder / "a.db");
  service->remember(record, nullptr, {});
  service->key_values().put("t", "k", "v");
  REQUIRE(service->flush(kPatience));
  const auto copied = copy_store(folder / "a.db", folder / "b.db");
  REQUIRE_MESSAGE(copied.has_value(), copied.error());
  CHECK(*copied == 1);
  {
    const auto other = opened(folder / "b.db");
    check_same(*other->domain(named("example.com")), *record);
    CHECK(other->key_values().all("t").at("k") == "v");
  }
  if (std::getenv("STSWATCH_TEST_POSTGRES") == nullptr) {
    const auto astray = copy_store(folder / "a.db", folder / "gone/b.db");
    REQUIRE_FALSE(astray.has_value());
    CHECK(astray.error().find("there is no folder") != std::string::npos);
    CHECK_FALSE(copy_store(folder / "a.db", folder / "gone/b.db").has_value());  // nor was it made
  }
  const auto before = content_of(folder / "b.db");
  const auto again = copy_store(folder / "a.db", folder / "b.db");
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().find("not overwritten") != std::string::npos);
  CHECK(content_of(folder / "b.db") == before);
}

TEST_CASE("whether a file is a store can be seen without writing to it") {
  if (std::getenv("STSWATCH_TEST_POSTGRES") != nullptr) return;
  const StoreFolder folder;
  const std::string ours = folder / "a.db", noise = folder / "noise", empty = folder / "empty";
  (void)opened(ours)->stop();
  std::ofstream(noise) << std::string(5000, 'x');
  std::ofstream{empty};
  const auto before = content_of(ours);
  CHECK(is_store(ours).has_value());
  CHECK(content_of(ours) == before);
  CHECK(is_store(empty).has_value());
  CHECK(content_of(empty).empty());
  const auto none = is_store(noise);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().find(noise) != std::string::npos);
  CHECK(none.error().find("no store") != std::string::npos);
}
