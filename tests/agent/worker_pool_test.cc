#include "agent/watch/worker_pool.h"

#include <doctest/doctest.h>

#include <atomic>

#include "tests/agent/manual_clock.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

LookSubject domain(int number) { return {Kind::domain, "d" + std::to_string(number) + ".example"}; }
LookSubject mx(int number) { return {Kind::mx, "mx" + std::to_string(number) + ".example"}; }

/// Looks that last until the test lets them end.
class Looks {
 public:
  Seconds look(const LookSubject& subject, bool briefly) {
    std::unique_lock lock(mutex_);
    ++begun_[subject];
    brief_[subject] = briefly;
    twice_at_once_ = twice_at_once_ || !under_way_.insert(subject).second;
    most_mx_ = std::max(most_mx_, count(Kind::mx));
    most_ = std::max(most_, under_way_.size());
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_ || let_go_.contains(subject); });
    under_way_.erase(subject);
    changed_.notify_all();
    return Seconds{300};
  }

  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void let_go(const LookSubject& subject) {
    const std::lock_guard lock(mutex_);
    let_go_.insert(subject);
    changed_.notify_all();
  }
  /// Looks that begin from now on last again.
  void close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    let_go_.clear();
  }
  bool reach(const LookSubject& subject, int times = 1) {
    return reach([&] { return begun_[subject] >= times; });
  }
  bool reach_domains(std::size_t under_way) {
    return reach([&] { return count(Kind::domain) == under_way; });
  }
  bool reach_mx(std::size_t under_way) {
    return reach([&] { return count(Kind::mx) == under_way; });
  }
  bool was_brief(const LookSubject& subject) {
    const std::lock_guard lock(mutex_);
    return brief_.at(subject);
  }
  int begun(const LookSubject& subject) {
    const std::lock_guard lock(mutex_);
    return begun_[subject];
  }
  std::size_t most_mx() const { return most_mx_; }
  std::size_t most() const { return most_; }
  bool twice_at_once() const { return twice_at_once_; }

 private:
  template <class Condition>
  bool reach(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, condition);
  }
  std::size_t count(Kind kind) const {
    return static_cast<std::size_t>(
        std::count_if(under_way_.begin(), under_way_.end(), [&](const auto& s) { return s.kind == kind; }));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<LookSubject, int> begun_;
  std::set<LookSubject> under_way_, let_go_;
  std::map<LookSubject, bool> brief_;  // the last look
  std::size_t most_mx_ = 0, most_ = 0;
  bool open_ = false, twice_at_once_ = false;
};

/// A pool whose looks end when this goes, so that a failed test ends too.
struct Turning {
  explicit Turning(std::size_t workers) {
    pool.limit({.workers = workers, .look = Seconds{60}});
    pool.start();
  }
  ~Turning() { looks.open(); }
  void settle(std::size_t under_way) const {
    while (pool.state().busy != under_way)
      std::this_thread::yield();
  }

  void look_slowly_at_six() {
    for (int i = 0; i < 6; ++i)
      pool.add(domain(i));
    CHECK(looks.reach_domains(6));
    clock.advance(Seconds{30});
    looks.open();
    settle(0);
  }

  ManualClock clock{kStart};
  Looks looks;
  WorkerPool pool{clock, [this](const LookSubject& s, bool briefly) { return looks.look(s, briefly); }};
};

}  // namespace

TEST_CASE("half of the workers at most look at MX hosts, and the others still look at domains") {
  Turning t(8);
  for (int i = 0; i < 20; ++i)
    t.pool.add(mx(i));
  for (int i = 0; i < 4; ++i)
    t.pool.add(domain(i));
  for (int i = 0; i < 4; ++i)
    CHECK(t.looks.reach(domain(i)));
  CHECK(t.looks.reach_mx(4));
  CHECK(t.pool.state().busy == 8);
  t.looks.open();
  for (int i = 0; i < 20; ++i)
    CHECK(t.looks.reach(mx(i)));
  CHECK(t.looks.most_mx() == 4);
  CHECK(t.looks.most() <= 8);
}

TEST_CASE("what was slow lately holds a third of the workers at most") {
  Turning t(6);
  t.look_slowly_at_six();
  for (int i = 0; i < 18; ++i)
    t.pool.add(mx(i));
  for (int i = 0; i < 18; ++i)
    CHECK(t.looks.reach(mx(i)));
  t.settle(0);
  t.looks.close();
  t.clock.advance(Seconds{400});
  CHECK(t.looks.reach_mx(3));
  CHECK(t.looks.reach_domains(2));
  t.pool.add(domain(10));
  CHECK(t.looks.reach(domain(10)));
  CHECK(t.looks.reach_domains(3));
  CHECK(t.pool.state().busy == 6);
  CHECK(t.pool.state().late_domain > Seconds{0});
  t.looks.open();
  for (int i = 0; i < 6; ++i)
    CHECK(t.looks.reach(domain(i), 2));
  t.settle(0);
  t.clock.advance(Seconds{7200});
  for (int i = 0; i < 6; ++i)
    CHECK(t.looks.reach(domain(i), 3));
  t.settle(0);
  for (int i = 0; i < 18; ++i)
    t.pool.remove(mx(i));
  t.looks.close();
  t.clock.advance(Seconds{400});
  CHECK(t.looks.reach_domains(6));
}

TEST_CASE("where all was slow it was our own doing: all of it may be looked at") {
  Turning t(6);
  t.look_slowly_at_six();
  t.looks.close();
  t.clock.advance(Seconds{400});
  CHECK(t.looks.reach_domains(6));
}

TEST_CASE("while first looks hold a third of the workers up, other first looks are brief") {
  Turning t(9);
  for (int i = 0; i < 3; ++i)
    t.pool.add(domain(i));
  REQUIRE(t.looks.reach_domains(3));
  t.pool.add(domain(3));  // they have only just begun
  REQUIRE(t.looks.reach(domain(3)));
  CHECK_FALSE(t.looks.was_brief(domain(3)));
  t.clock.advance(Seconds{3});
  t.pool.add(domain(4));
  t.pool.add(mx(0));
  REQUIRE(t.looks.reach(domain(4)));
  REQUIRE(t.looks.reach(mx(0)));
  CHECK(t.looks.was_brief(domain(4)));
  CHECK_FALSE(t.looks.was_brief(mx(0)));  // they have their share, whatever it takes
  // What is left for later is slow: the next look has its time, and is not brief.
  t.clock.advance(Seconds{8});
  t.looks.let_go(domain(4));
  t.settle(5);
  t.pool.hurry(domain(4));
  REQUIRE(t.looks.reach(domain(4), 2));
  CHECK_FALSE(t.looks.was_brief(domain(4)));
  t.looks.open();
  t.settle(0);
  t.looks.close();
  t.pool.add(domain(5));  // nobody is held up any more
  REQUIRE(t.looks.reach(domain(5)));
  CHECK_FALSE(t.looks.was_brief(domain(5)));
}

TEST_CASE("what comes due while every worker hangs so far is taken by another") {
  Turning t(4);
  t.pool.add(domain(1));
  REQUIRE(t.looks.reach(domain(1)));
  t.looks.let_go(domain(2));
  t.pool.add(domain(2));
  REQUIRE(t.looks.reach(domain(2)));
  t.settle(1);
  t.clock.advance(Seconds{400});
  CHECK(t.looks.reach(domain(2), 2));
  CHECK(t.looks.begun(domain(1)) == 1);
}

TEST_CASE("workers are started as they are needed") {
  Turning t(200);
  for (int i = 0; i < 3; ++i)
    t.pool.add(domain(i));
  CHECK(t.looks.reach_domains(3));
  CHECK(t.pool.state().busy + t.pool.state().idle <= 4);
}

TEST_CASE("a subject that leaves and comes back during its look is looked at again, after it") {
  Turning t(4);
  t.pool.add(domain(1));
  REQUIRE(t.looks.reach(domain(1)));
  t.pool.remove(domain(1));
  CHECK(t.pool.state().domains == 0);
  t.pool.add(domain(1));
  t.pool.add(domain(2));
  REQUIRE(t.looks.reach(domain(2)));
  CHECK(t.pool.state().domains == 2);
  t.looks.open();
  CHECK(t.looks.reach(domain(1), 2));
  CHECK_FALSE(t.looks.twice_at_once());
}

TEST_CASE("fewer workers after a reload: the looks under way end, then no more than those few") {
  Turning t(6);
  for (int i = 0; i < 6; ++i)
    t.pool.add(domain(i));
  REQUIRE(t.looks.reach_domains(6));
  t.pool.limit({.workers = 2, .look = Seconds{60}});
  t.pool.add(domain(7));
  for (int i = 0; i < 4; ++i)
    t.looks.let_go(domain(i));
  CHECK(t.looks.reach_domains(2));
  CHECK(t.looks.begun(domain(7)) == 0);
  t.looks.let_go(domain(4));
  CHECK(t.looks.reach(domain(7)));
}

TEST_CASE("a shorter interval holds for what is already planned") {
  Turning t(2);
  t.looks.open();
  t.pool.add(domain(1));
  REQUIRE(t.looks.reach(domain(1)));
  t.settle(0);
  t.pool.shorten(Kind::domain, Seconds{10});
  t.clock.advance(Seconds{10});
  CHECK(t.looks.reach(domain(1), 2));
}

TEST_CASE("a look that does not end is told by its name; one within its deadline is not") {
  Turning t(2);
  t.pool.add(mx(1));
  REQUIRE(t.looks.reach(mx(1)));
  const auto now = std::chrono::steady_clock::now();
  CHECK_FALSE(t.pool.stuck(now));
  CHECK_FALSE(t.pool.stuck(now + 100s));
  const auto why = t.pool.stuck(now + 200s);
  REQUIRE(why);
  CHECK(why->find("mx1.example") != std::string::npos);
  t.looks.open();
  t.settle(0);
  CHECK_FALSE(t.pool.stuck(now + 200s));
}

TEST_CASE("a calendar that is set, either way, changes nothing of what is due") {
  Turning t(2);
  t.looks.open();
  t.pool.add(domain(1));
  REQUIRE(t.looks.reach(domain(1)));
  t.settle(0);
  t.clock.set(kStart - Seconds{3600});
  t.clock.advance(Seconds{400});
  CHECK(t.looks.reach(domain(1), 2));
  t.settle(0);
  t.clock.set(kStart + Seconds{86400});
  CHECK(t.pool.state().late_domain == Seconds{0});
  CHECK(t.looks.begun(domain(1)) == 2);
}

TEST_CASE("due work while every look hangs within its deadline: told when none has begun for too long") {
  Turning t(1);
  t.pool.add(domain(1));
  REQUIRE(t.looks.reach(domain(1)));
  t.pool.add(domain(2));
  const auto now = std::chrono::steady_clock::now();
  t.clock.advance(Seconds{100});
  CHECK_FALSE(t.pool.stuck(now));
  t.clock.advance(Seconds{100});
  const auto why = t.pool.stuck(now);
  REQUIRE(why);
  CHECK(why->starts_with("no look has begun for 200 s"));
  t.looks.open();
  CHECK(t.looks.reach(domain(2)));
  CHECK_FALSE(t.pool.stuck(now));
}

TEST_CASE("after stop() nothing more is looked at") {
  Turning t(2);
  t.looks.open();
  t.pool.stop();
  t.pool.add(domain(1));
  CHECK(t.looks.begun(domain(1)) == 0);
}
