// Files that are no store, or none for us: told with the file's name and a way out, and left as they are.
#include <doctest/doctest.h>

#include <random>

#include "agent/remember/sqlite.h"
#include "tests/remember/random_record.h"
#include "tests/remember/store_fixture.h"

using namespace stswatch;

namespace {

void make_store(const std::string& file, unsigned domains = 1) {
  const auto store = opened(file);
  for (unsigned seed = 0; seed < domains; ++seed)
    store->remember(RandomRecord(seed).domain_record("d" + std::to_string(seed) + ".example"), nullptr, {});
  REQUIRE(store->stop());
}

void run_sql(const std::string& file, const std::string& text) {
  auto db = sql::Database::open(file, sql::Database::Access::read_write);
  REQUIRE(db.has_value());
  (*db)->script(text);
  REQUIRE_MESSAGE((*db)->ok(), (*db)->trouble()->text);
}

/// What a store of schema 4 had besides: of windows, and of attempts, which were in the state.
constexpr const char* kOfVersion4 = R"sql(
UPDATE policies SET last_seen = '2026-11-28T23:55:00Z' WHERE place = 0;
UPDATE ids SET sighted = '2026-11-01T00:00:00Z', absent = '2026-10-31T00:00:00Z';
UPDATE subjects SET state = json_set(state, '$.sight', json('{"record": "2026-12-01T00:00:00Z", "ttl": 3600,
  "policies": [{"number": 2, "read": "2026-12-01T00:00:00Z"}]}'), '$.forgotten_ids', json('[7]'))
  WHERE kind = 'domain';
UPDATE subjects SET state = json_set(state, '$.attempts',
  json('[{"at": "2026-12-01T00:00:00Z", "address": "198.51.101.25", "fault": "x"}]')) WHERE kind = 'mx';
)sql";

void check_refused(const std::string& file, const std::string& word) {
  const auto before = content_of(file);
  const auto said = refusal(file);
  CHECK_MESSAGE(said.find(word) != std::string::npos, said);
  CHECK_MESSAGE(said.find(file) != std::string::npos, said);
  CHECK_MESSAGE(said.find("--state") != std::string::npos, said);
  CHECK(content_of(file) == before);
}

/// As a user without rights, when the test runs as root.
class Nobody {
 public:
  Nobody() { CHECK((geteuid() != 0 || seteuid(65534) == 0)); }
  ~Nobody() {
    if (getuid() == 0) CHECK(seteuid(0) == 0);
  }
};

}  // namespace

TEST_CASE("a file that is no database is left alone") {
  const StoreFolder folder;
  write_content(folder / "s.db", "[agent]\nlisten = \"127.0.0.1:9461\"\n" + std::string(5000, '#'));
  check_refused(folder / "s.db", "is damaged or no store");
}

TEST_CASE("a damaged store is left alone") {
  const StoreFolder folder;
  make_store(folder / "s.db", 40);
  auto content = content_of(folder / "s.db");
  for (std::size_t at = 4096; at < content.size(); at += 3)
    content[at] = 'x';
  write_content(folder / "s.db", content);
  check_refused(folder / "s.db", "is damaged");
}

TEST_CASE("a store cut short is left alone") {
  const StoreFolder folder;
  make_store(folder / "s.db", 40);
  write_content(folder / "s.db", content_of(folder / "s.db").substr(0, 50'000));
  check_refused(folder / "s.db", "is damaged");
}

TEST_CASE("whatever octet of a store is changed, it opens or is refused, and nothing worse") {
  const StoreFolder folder;
  make_store(folder / "s.db", 5);
  const auto sound = content_of(folder / "s.db");
  std::mt19937 engine(7);
  std::size_t refused = 0;
  for (int i = 0; i < 200; ++i) {
    auto content = sound;
    for (int n = 0; n < 8; ++n)
      content[engine() % content.size()] = static_cast<char>(engine());
    write_content(folder / "s.db", content);
    refused += refusal(folder / "s.db") != "opened";
    std::filesystem::remove(folder / "s.db-wal");
    std::filesystem::remove(folder / "s.db-shm");
  }
  CHECK(refused > 20);
  CHECK(refused < 200);
}

TEST_CASE("a store of a newer stswatch is refused") {
  const StoreFolder folder;
  make_store(folder / "s.db");
  run_sql(folder / "s.db", "PRAGMA user_version = 1000");
  check_refused(folder / "s.db", "was written by a newer version");
  const auto read = read_store(folder / "s.db", {"d0.example"});
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().find("newer") != std::string::npos);
}

TEST_CASE("the database of another program is refused") {
  const StoreFolder folder;
  run_sql(folder / "s.db", "CREATE TABLE places (id INTEGER PRIMARY KEY)");
  check_refused(folder / "s.db", "a database of another program");
}

TEST_CASE("a value that cannot be is named, and the store left alone") {
  const StoreFolder folder;
  make_store(folder / "s.db", 3);
  run_sql(folder / "s.db", "UPDATE subjects SET state = '{\"doubts\":7}' WHERE id = 2");
  check_refused(folder / "s.db", "d1.example: state.doubts: number where an object belongs");
}

TEST_CASE("a store that cannot be written is refused, and so is a folder that cannot be made") {
  const StoreFolder folder;
  make_store(folder / "s.db");
  chmod((folder / "s.db").c_str(), 0444);
  chmod((folder / ".").c_str(), 0555);
  {
    const Nobody nobody;
    check_refused(folder / "s.db", "cannot write the store");
    const auto said = refusal(folder / "sub/s.db");
    CHECK_MESSAGE(said.find("cannot create the folder " + folder / "sub") == 0, said);
    CHECK_MESSAGE(said.find("--state (\":memory:\"") != std::string::npos, said);
    const auto read = read_store(folder / "s.db", {"d0.example"});  // a reader needs no right to write
    REQUIRE_MESSAGE(read.has_value(), read.error());
    CHECK((*read)->domain(*Domain::parse("d0.example")) != nullptr);
  }
  chmod((folder / ".").c_str(), 0755);
}

TEST_CASE("the folder of a store is made, but no folder above it") {
  const StoreFolder folder;
  CHECK(refusal(folder / "new/s.db") == "opened");
  CHECK(refusal(folder / "no/such/s.db").find("cannot create the folder") == 0);
}

TEST_CASE("a store that is removed while it is in use takes nothing more, and says so") {
  const StoreFolder folder;
  const std::string file = folder / "s.db", aside = folder / "aside.db";
  const auto store = opened(file);
  store->remember(RandomRecord(1).domain_record("d1.example"), nullptr, {});
  REQUIRE(store->flush(kPatience));
  REQUIRE(std::rename(file.c_str(), aside.c_str()) == 0);
  store->remember(RandomRecord(2).domain_record("d2.example"), nullptr, {});
  CHECK_FALSE(store->flush(kPatience));
  CHECK(store->health().trouble.value_or("").find("was removed or replaced") != std::string::npos);
  CHECK_FALSE(sql::exists(file));
  REQUIRE(std::rename(aside.c_str(), file.c_str()) == 0);
  CHECK(store->flush(kPatience));
  CHECK_FALSE(store->health().trouble);
}

TEST_CASE("two services do not share a store") {
  const StoreFolder folder;
  const auto first = opened(folder / "s.db");
  CHECK(refusal(folder / "s.db").find("is in use by another service") != std::string::npos);
}

TEST_CASE("a place that this build cannot write to is named") {
  CHECK(refusal("mysql://db.example/stswatch").find("mysql://") != std::string::npos);
}

TEST_CASE("a store of the first schema is read with all it holds") {
  const StoreFolder folder;
  run_sql(folder / "s.db", content_of(SOURCE_DIR "/tests/remember/fixtures/v1.sql"));
  const auto days = [](int n) { return std::chrono::hours{24} * n; };
  const auto store = opened(folder / "s.db");
  const auto record = store->domain(*Domain::parse("example.com"));
  REQUIRE(record != nullptr);
  const auto& past = record->past;
  REQUIRE(past.policies.size() == 2);
  CHECK(past.policies[0].policy == Policy{Mode::testing, {"mx1.example.com"}, 86400, {{"x", "y"}}});
  CHECK(past.policies[0].seen == Span{kStart - days(30), kStart - days(2)});
  CHECK(past.policies[1].policy.mode == Mode::enforce);
  CHECK_FALSE(past.policies[1].seen.gone.has_value());
  REQUIRE(past.ids.size() == 1);
  CHECK(past.ids[0] == SeenId{"20261101T000000Z", 3600, {kStart - days(30), {}}});
  CHECK(past.mx.size() == 2);
  REQUIRE(past.policy_host_certificates.size() == 1);
  CHECK(past.policy_host_certificates[0].not_after == kStart + days(60));
  CHECK(past.changes ==
        std::vector<Change>{{kStart - days(2), "sts-mode-upgraded", "example.com", "testing", "enforce"}});
  CHECK(past.gates.at("policy") == kStart - days(2));
  CHECK(past.fetches.size() == 1);
  CHECK(record->debounces.at("sts") == Debounce{2, kStart});
  REQUIRE(record->incidents.size() == 1);
  CHECK(record->incidents[0].finding.code == "mx-unreachable");
  CHECK(record->incidents[0].open());
  CHECK(record->known->sts.lookup == Lookup::found);
  CHECK(record->known->fetches[0].tls.peer.has_value());
  REQUIRE(store->mx("mx1.example.com") != nullptr);
  CHECK(store->mx("mx1.example.com")->past->certificates.size() == 1);
  CHECK(store->key_values().all("outbox").at("1") == "owed");
  const auto history = read_history(folder / "s.db", *Domain::parse("example.com"));
  REQUIRE_MESSAGE(history.has_value(), history.error());
  REQUIRE((*history)->transitions.size() == 1);
  CHECK((*history)->transitions[0].transition.incident == record->incidents[0]);
}

TEST_CASE("a store of each earlier schema is read, and loses nothing when it is written anew") {
  const auto check = [](std::size_t version, const DomainMemory& record, const MxMemory& host) {
    const auto& past = record.past;
    REQUIRE(past.policies.size() == 2);
    CHECK(past.policies[1].number == 2);
    CHECK(past.fetches.size() == 1);
    CHECK(host.times.last_look == kStart);
    if (version < 4) return;
    CHECK(past.policies[0].last_seen == kStart - Seconds{2 * 86400 + 300});
    CHECK(past.ids.at(0).absent == kStart - Seconds{31 * 86400});
    CHECK(past.sight.record == kStart);
    CHECK(past.sight.policies == std::vector<PolicySight>{{2, kStart}});
    CHECK(past.forgotten_ids == std::vector<std::uint32_t>{7});
    CHECK(host.past->attempts == std::vector<Attempt>{{kStart, "198.51.101.25", "x"}});
  };
  const auto domain = *Domain::parse("example.com");
  const std::string mx = "mx1.example.com";
  for (std::size_t version = 1; version <= sql::schema_steps().size(); ++version) {
    CAPTURE(version);
    const StoreFolder folder;
    const std::string file = folder / "s.db";
    run_sql(file, content_of(SOURCE_DIR "/tests/remember/fixtures/v1.sql"));
    {
      const auto db = sql::Database::open(file, sql::Database::Access::read_write);
      REQUIRE(db.has_value());
      REQUIRE(sql::migrate(**db, sql::schema_steps().first(version)).has_value());
    }
    if (version >= 4) run_sql(file, kOfVersion4);
    const auto store = opened(file);
    auto record = std::make_shared<DomainMemory>(*store->domain(domain));
    auto host = std::make_shared<MxMemory>(*store->mx(mx));
    check(version, *record, *host);
    record->debounces["mx"] = {1, kStart};  // a new state: what the old one held besides is not lost with it
    host->debounces["x"] = {1, kStart};
    store->remember(record, nullptr, {});
    store->remember(host, nullptr);
    REQUIRE(store->flush(kPatience));
    const auto on_disk = read_store(file, {domain.str()});
    REQUIRE_MESSAGE(on_disk.has_value(), on_disk.error());
    CHECK((*on_disk)->domain(domain)->debounces == record->debounces);
    check(version, *(*on_disk)->domain(domain), *(*on_disk)->mx(mx));
  }
}

TEST_CASE("a migration takes the steps that are missing, all or none") {
  const StoreFolder folder;
  const char* const one[] = {"CREATE TABLE a (x TEXT)"};
  const char* const three[] = {one[0], "ALTER TABLE a ADD COLUMN y TEXT", "CREATE TABLE b (z TEXT)"};
  const char* const broken[] = {one[0], three[1], "CREATE TABLE a (x TEXT)"};
  auto db = sql::Database::open(folder / "m.db", sql::Database::Access::read_write);
  REQUIRE(db.has_value());
  CHECK(sql::schema_of(**db, one) == sql::Schema::fresh);
  REQUIRE(sql::migrate(**db, one).has_value());
  CHECK(sql::schema_of(**db, one) == sql::Schema::current);
  CHECK(sql::schema_of(**db, three) == sql::Schema::older);
  CHECK_FALSE(sql::migrate(**db, broken).has_value());
  CHECK((*db)->number("PRAGMA user_version") == 1);
  CHECK((*db)->number("SELECT count(*) FROM pragma_table_info('a')") == 1);
  REQUIRE(sql::migrate(**db, three).has_value());
  CHECK((*db)->number("PRAGMA user_version") == 3);
  CHECK((*db)->number("SELECT count(*) FROM pragma_table_info('a')") == 2);
  CHECK(sql::schema_of(**db, one) == sql::Schema::newer);
}
