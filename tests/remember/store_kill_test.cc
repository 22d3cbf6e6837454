// The process dies in the middle of its work, at any moment.
#include <doctest/doctest.h>

#include <sys/wait.h>
#include <csignal>
#include <random>

#include "tests/judge/facts_builder.h"
#include "tests/remember/store_fixture.h"

using namespace stswatch;

namespace {

constexpr int kKills = 40, kDomains = 12;
constexpr const char* kCode = "mx-unreachable";

struct Message {
  enum class Kind { remembered, on_disk } kind = Kind::remembered;
  std::int64_t domain = 0, number = 0;  // number: of the policy
};

Domain domain_of(std::int64_t n) { return *Domain::parse("d" + std::to_string(n) + ".example"); }

std::int64_t newest_policy(const DomainMemory* record) {
  return record == nullptr ? 0 : std::stoll(record->past.policies.back().sha256);
}

/// A new policy takes the place of the old, and an incident opens or closes.
std::shared_ptr<const DomainMemory> moved_on(const DomainMemory* before, const Domain& name,
                                             std::vector<Transition>& transitions) {
  auto look = facts::base().domain;
  look.domain = name;
  look.at = before != nullptr ? before->known->at + Seconds{60} : facts::kNow;
  auto record = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look), Verdict(name));
  if (before != nullptr) {
    record->past = before->past;
    record->incidents = before->incidents;
    record->past.policies.back().seen.gone = look.at;
  }
  const auto number = newest_policy(before) + 1;
  record->past.policies.push_back(
      {{Mode::enforce, {"mx1.example.com"}, 604800, {}}, std::to_string(number), {look.at, {}}});
  if (record->past.policies.size() > 40) record->past.policies.erase(record->past.policies.begin());
  std::vector<Finding> found(1);
  found[0].code = kCode;
  if (number % 2 == 0) found.clear();
  auto stepped = step(std::move(record->incidents), found, [](const Finding&) { return true; }, look.at,
                      {.good_looks = 1, .flapping_changes = 1'000'000});
  record->incidents = std::move(stepped.incidents);
  transitions = std::move(stepped.transitions);
  return record;
}

/// Works until it is killed.
[[noreturn]] void work(const std::string& file, int pipe, unsigned seed) {
  const auto opened = open_store(file, {.now = [] { return kStart; }});
  if (!opened) _exit(2);
  auto& store = **opened;
  const auto tell = [&](const Message& message) {
    if (write(pipe, &message, sizeof message) != sizeof message) _exit(3);
  };
  std::mt19937 engine(seed);
  for (;;) {
    const std::int64_t n = engine() % kDomains;
    std::vector<Transition> transitions;
    auto record = moved_on(store.domain(domain_of(n)).get(), domain_of(n), transitions);
    const auto number = newest_policy(record.get());
    store.remember(record, record->known, transitions);
    tell({Message::Kind::remembered, n, number});
    if (engine() % 8 == 0 && store.flush(kPatience))
      for (std::int64_t d = 0; d < kDomains; ++d)
        tell({Message::Kind::on_disk, d, newest_policy(store.domain(domain_of(d)).get())});
  }
}

/// What the outside knows of it.
struct Known {
  std::vector<std::int64_t> on_disk = std::vector<std::int64_t>(kDomains);

  void take(const Message& m) {
    const auto n = static_cast<std::size_t>(m.domain);
    if (m.kind == Message::Kind::on_disk) on_disk[n] = std::max(on_disk[n], m.number);
  }
};

/// Starts it, reads so many messages, kills it, and reads the rest.
void run_and_kill(const std::string& file, unsigned seed, Known& known) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(ends[0]);
    work(file, ends[1], seed);
  }
  close(ends[1]);
  std::mt19937 engine(seed + 1);
  const auto enough = engine() % 250;
  Message message;
  for (unsigned n = 0; read(ends[0], &message, sizeof message) == sizeof message; ++n) {
    known.take(message);
    if (n == enough) kill(child, SIGKILL);
  }
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

void check_windows(const DomainMemory& record, std::int64_t at_least) {
  const auto& policies = record.past.policies;
  REQUIRE(!policies.empty());
  CHECK(newest_policy(&record) >= at_least);
  CHECK_FALSE(policies.back().seen.gone.has_value());
  for (std::size_t i = 0; i + 1 < policies.size(); ++i) {
    CHECK(std::stoll(policies[i + 1].sha256) == std::stoll(policies[i].sha256) + 1);  // none is missing
    CHECK(policies[i].seen.gone == policies[i + 1].seen.first);                       // none ends early
  }
}

void check_incidents(const DomainMemory& record, const std::vector<StoredTransition>& transitions) {
  std::optional<Transition::Kind> last;
  for (const auto& t : transitions) {
    const auto expected =
        last == Transition::Kind::opened ? Transition::Kind::closed : Transition::Kind::opened;
    CHECK(t.transition.kind == expected);
    last = t.transition.kind;
  }
  const bool open = !open_findings(record.incidents).empty();
  CHECK(open == (last == Transition::Kind::opened));
}

}  // namespace

TEST_CASE("killed at any moment, a store opens, forgets no policy early, and opens no incident twice") {
  const StoreFolder folder;
  Known known;
  std::size_t steps = 0;
  for (unsigned round = 0; round < kKills; ++round) {
    CAPTURE(round);
    run_and_kill(folder / "s.db", 2000 * round, known);
    const auto store = opened(folder / "s.db");
    for (std::int64_t n = 0; n < kDomains; ++n) {
      const auto record = store->domain(domain_of(n));
      const auto at = static_cast<std::size_t>(n);
      if (record == nullptr) {
        CHECK(known.on_disk[at] == 0);
        continue;
      }
      check_windows(*record, known.on_disk[at]);
      known.on_disk[at] = newest_policy(record.get());
      // What was told twice stays so: a history is long to read, and is read of each domain in its turn.
      if (round % kDomains != at && round + 1 < kKills) continue;
      const auto history = read_history(folder / "s.db", domain_of(n));
      REQUIRE_MESSAGE(history.has_value(), history.error());
      REQUIRE(history->has_value());
      check_incidents(*record, (*history)->transitions);
      steps += (*history)->transitions.size();
    }
  }
  CHECK(steps > kKills);
}
