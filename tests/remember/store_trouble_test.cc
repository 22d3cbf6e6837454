// A disk that fails while the service runs.
#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <atomic>
#include <csignal>

#include "agent/remember/fleet.h"
#include "agent/remember/store_backend.h"
#include "tests/judge/facts_builder.h"
#include "tests/remember/random_record.h"
#include "tests/remember/store_fixture.h"

using namespace stswatch;

namespace {

/// Takes batches as long as it is well.
class SickDisk : public StoreBackend {
 public:
  struct State {
    std::atomic<bool> well{false};
    std::vector<Batch> written;  // read when the store has stopped
  };
  explicit SickDisk(std::shared_ptr<State> state) : state_(std::move(state)) {}

  tl::expected<void, std::string> write(const Batch& batch) override {
    if (!state_->well) return tl::make_unexpected("the disk is sick: heal it");
    state_->written.push_back(batch);
    return {};
  }
  tl::expected<bool, std::string> tidy(TimePoint) override { return false; }

 private:
  std::shared_ptr<State> state_;
};

std::shared_ptr<const DomainMemory> record(unsigned seed) {
  return RandomRecord(seed).domain_record("example.com");
}

Transition opening() { return {Transition::Kind::opened, RandomRecord(1).incident()}; }

}  // namespace

TEST_CASE("the service goes on from RAM while the disk fails, and writes all of it later") {
  const auto disk = std::make_shared<SickDisk::State>();
  std::vector<std::string> told;
  const auto store = make_live_store(
      {}, std::make_unique<SickDisk>(disk),
      {.now = [] { return kStart; }, .on_trouble = [&](const std::string& what) { told.push_back(what); }});
  store->remember(record(1), nullptr, {opening()});
  CHECK_FALSE(store->flush(kPatience));
  store->remember(record(2), nullptr, {opening()});
  store->key_values().put("t", "k", "v");
  CHECK_FALSE(store->flush(kPatience));
  check_same(*store->domain(*Domain::parse("example.com")), *record(2));
  CHECK(store->key_values().all("t").at("k") == "v");
  CHECK(store->health().errors >= 2);
  CHECK(store->health().trouble == "the disk is sick: heal it");

  disk->well = true;
  CHECK(store->flush(kPatience));
  CHECK_FALSE(store->health().trouble.has_value());
  CHECK(store->stop());
  CHECK(told == std::vector<std::string>{"the disk is sick: heal it", ""});
  REQUIRE(!disk->written.empty());
  REQUIRE(disk->written[0].writes.size() == 1);
  CHECK(disk->written[0].writes[0].transitions.size() == 2);
  check_same(*std::get<std::shared_ptr<const DomainMemory>>(disk->written[0].writes[0].record), *record(2));
  CHECK(disk->written[0].edits.size() == 1);
}

TEST_CASE(
    "what could not be written and is another's now is tried no more, and the store is known to be back") {
  const auto disk = std::make_shared<SickDisk::State>();
  std::vector<std::string> told;
  const auto leases = std::make_shared<Leases>();
  const auto store = make_live_store(
      {}, std::make_unique<SickDisk>(disk),
      {.now = [] { return kStart; }, .on_trouble = [&](const std::string& what) { told.push_back(what); }},
      leases);
  const auto shard = shard_of("example.com");
  leases->hold(shard, 1);
  store->remember(record(1), nullptr, {opening()});
  CHECK_FALSE(store->flush(kPatience));
  leases->let_go({shard});
  store->drop_what_is_not_ours();
  CHECK_FALSE(store->flush(kPatience));  // nothing is owed, and nobody knows that the disk is well
  CHECK(store->health().trouble.has_value());
  disk->well = true;
  CHECK(store->flush(kPatience));
  CHECK_FALSE(store->health().trouble.has_value());
  CHECK(store->stop());
  CHECK(told == std::vector<std::string>{"the disk is sick: heal it", ""});
  for (const auto& batch : disk->written)
    CHECK(batch.writes.empty());
}

TEST_CASE("what was edited and is not written yet outranks what is on the disk") {
  const StoreFolder folder;
  const auto file = folder / "s.db";
  {
    const auto others = opened(file);
    others->key_values().apply({{"t", "ended", "old"}, {"t", "theirs", "v"}, {"u", "k", "of another table"}});
    REQUIRE(others->stop());
  }
  const auto disk = std::make_shared<SickDisk::State>();
  const auto store = make_live_store({}, std::make_unique<SickDisk>(disk), {.now = [] { return kStart; }});
  auto& ours = store->key_values();
  const auto rows = [&] { return read_key_values(file, "t", ours).value(); };
  using Rows = std::map<std::string, std::string>;
  CHECK(rows() == Rows{{"ended", "old"}, {"theirs", "v"}});
  ours.put("t", "begun", "first");
  CHECK_FALSE(store->flush(kPatience));
  ours.put("t", "begun", "second");
  ours.erase("t", "ended");
  ours.put("u", "k", "no business of t");
  CHECK(rows() == Rows{{"begun", "second"}, {"theirs", "v"}});
  CHECK_FALSE(store->flush(kPatience));
  CHECK(rows() == Rows{{"begun", "second"}, {"theirs", "v"}});

  store->adopt("t", {{"ended", "old"}, {"theirs", "newer"}});  // as when the desk of a fleet is taken over
  CHECK(ours.all("t") == Rows{{"begun", "second"}, {"theirs", "newer"}});

  disk->well = true;
  CHECK(store->flush(kPatience));
  CHECK(ours.unwritten("t").empty());
  CHECK(rows() == Rows{{"ended", "old"}, {"theirs", "v"}});
}

namespace {

/// Keeps whoever writes waiting.
class SlowDisk : public StoreBackend {
 public:
  SlowDisk(std::promise<void>& begun, std::shared_future<void> goes_on)
      : begun_(begun), goes_on_(std::move(goes_on)) {}
  tl::expected<void, std::string> write(const Batch&) override {
    begun_.set_value();
    goes_on_.wait();
    return {};
  }
  tl::expected<bool, std::string> tidy(TimePoint) override { return false; }

 private:
  std::promise<void>& begun_;
  std::shared_future<void> goes_on_;
};

}  // namespace

TEST_CASE("what is on its way to the disk is not written yet") {
  std::promise<void> begun, goes_on;
  const auto store = make_live_store({}, std::make_unique<SlowDisk>(begun, goes_on.get_future().share()),
                                     {.now = [] { return kStart; }});
  store->key_values().put("t", "k", "v");
  begun.get_future().wait();
  CHECK(store->key_values().unwritten("t").size() == 1);
  goes_on.set_value();
  CHECK(store->flush(kPatience));
  CHECK(store->key_values().unwritten("t").empty());
  CHECK(store->stop());
}

TEST_CASE("a disk that fails does not keep the service from stopping, and it says so") {
  const auto store = make_live_store({}, std::make_unique<SickDisk>(std::make_shared<SickDisk::State>()),
                                     {.now = [] { return kStart; }});
  store->remember(record(1), nullptr, {});
  CHECK_FALSE(store->stop());
}

namespace {

/// In a process of its own, since the limit is the process's: 0 when all went as it should, else the step.
int on_a_full_disk(const std::string& file) {
  const auto store = open_store(file, {.now = [] { return kStart; }});
  if (!store) return 1;
  (*store)->remember(RandomRecord(0).domain_record("d0.example"), nullptr, {});
  if (!(*store)->flush(kPatience)) return 2;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const auto unlimited = limit.rlim_cur;
  limit.rlim_cur = std::filesystem::file_size(file + "-wal") + 8192;
  setrlimit(RLIMIT_FSIZE, &limit);
  bool refused = false;
  for (unsigned seed = 1; seed < 50 && !refused; ++seed) {
    const auto name = "d" + std::to_string(seed) + ".example";
    (*store)->remember(RandomRecord(seed).domain_record(name), nullptr, {});
    refused = !(*store)->flush(kPatience);
    if ((*store)->domain(*Domain::parse(name)) == nullptr) return 3;
  }
  if (!refused) return 4;
  if ((*store)->health().errors == 0) return 5;
  if ((*store)->health().trouble.value_or("").find(file) == std::string::npos) return 6;
  limit.rlim_cur = unlimited;
  setrlimit(RLIMIT_FSIZE, &limit);
  if (!(*store)->flush(kPatience)) return 7;
  return (*store)->stop() ? 0 : 8;
}

}  // namespace

TEST_CASE("a full disk is told with the file's name; once there is room again nothing is missing") {
  const StoreFolder folder;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(on_a_full_disk(folder / "s.db"));
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  const auto store = opened(folder / "s.db");
  unsigned seed = 0;
  for (; store->domain(*Domain::parse("d" + std::to_string(seed) + ".example")); ++seed)
    check_same(*store->domain(*Domain::parse("d" + std::to_string(seed) + ".example")),
               *RandomRecord(seed).domain_record("d" + std::to_string(seed) + ".example"));
  CHECK(seed >= 2);
}
