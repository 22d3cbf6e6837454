#include "checks/observe/net/deadline.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <fstream>
#include <thread>
#include <vector>

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

struct Pipe {
  Pipe() { REQUIRE(::pipe(ends.data()) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void write() const { REQUIRE(::write(ends[1], "x", 1) == 1); }
  std::array<int, 2> ends{};
};

}  // namespace

TEST_CASE("a wait ends with the events that came") {
  const Pipe pipe;
  pipe.write();
  const auto ready = Deadline::in(10s).wait(pipe.ends[0], POLLIN, Stage::greeting);
  REQUIRE(ready);
  CHECK((*ready & POLLIN) != 0);
}

TEST_CASE("a wait that times out says how long it waited, and for what") {
  const Pipe pipe;
  const auto ready = Deadline::in(20ms).wait(pipe.ends[0], POLLIN, Stage::greeting);
  REQUIRE_FALSE(ready);
  CHECK(ready.error().cause == Cause::timeout);
  CHECK(ready.error().stage == Stage::greeting);
  CHECK(ready.error().detail.starts_with("no answer within 2"));
}

TEST_CASE("where most of the time had gone before the last wait, all of it is named") {
  const auto said = [](Millis waited, Millis all) { return timed_out(Stage::greeting, waited, all).detail; };
  CHECK(said(59s, 60s) == "no answer within 59 s");
  CHECK(said(800ms, 60s) == "no answer within 800 ms (60 s in all)");
  CHECK(said(0ms, 60s) == "no time was left to wait (60 s in all)");
  CHECK(said(0ms, 0ms) == "no time was left to wait");
}

TEST_CASE("with no time left, what is there already is still seen") {
  const Pipe pipe;
  const Deadline passed = Deadline::in(-5s);
  CHECK(passed.passed());
  CHECK(passed.left() == 0ms);
  CHECK(passed.wait(pipe.ends[0], POLLIN, Stage::body).error().cause == Cause::timeout);
  pipe.write();
  CHECK(passed.wait(pipe.ends[0], POLLIN, Stage::body));
}

TEST_CASE("cancel ends a wait at once, from another thread, and all later ones") {
  const Pipe pipe;
  Cancel cancel;
  const Deadline deadline = Deadline::in(1h, &cancel);
  CHECK_FALSE(deadline.cancelled());
  std::thread stopper([&] { cancel.cancel(); });
  const auto ready = deadline.wait(pipe.ends[0], POLLIN, Stage::dns);
  stopper.join();
  REQUIRE_FALSE(ready);
  CHECK(ready.error().cause == Cause::cancelled);
  CHECK(deadline.cancelled());
  pipe.write();
  CHECK(deadline.within(1s).wait(pipe.ends[0], POLLIN, Stage::dns).error().cause == Cause::cancelled);
  cancel.cancel();  // twice does no harm
  CHECK(cancel.cancelled());
}

TEST_CASE("within never lengthens a deadline") {
  CHECK(Deadline::in(1s).within(1h).left() <= 1s);
  CHECK(Deadline::in(1h).within(1s).left() <= 1s);
  CHECK(Deadline::in(Millis::max()).left() > 24h);
}

TEST_CASE("a closed descriptor is our fault, not the peer's") {
  const auto ready = Deadline::in(1s).wait(1 << 20, POLLIN, Stage::connect);
  REQUIRE_FALSE(ready);
  CHECK(ready.error().cause == Cause::local);
}

TEST_CASE("spans in words") {
  CHECK(span_words(300ms) == "300 ms");
  CHECK(span_words(1s) == "1 s");
  CHECK(span_words(1500ms) == "1.5 s");
  CHECK(span_words(12001ms) == "12 s");
  CHECK(span_words(60s) == "60 s");
}

TEST_CASE("a peer's time is without what this machine gave no processor for") {
  // This thread has work for 50 ms, and a quarter of one processor.
  cpu_set_t allowed, one;
  REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  int first = 0;
  while (!CPU_ISSET(first, &allowed))
    ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  Millis by_peer{0}, by_wall{0};
  {
    std::vector<std::jthread> others;
    for (int n = 0; n < 3; ++n)
      others.emplace_back([](const std::stop_token& enough) {
        while (!enough.stop_requested()) {
        }
      });
    const auto ran = [] {
      timespec t{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
      return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
    };
    const auto start = std::chrono::steady_clock::now();
    const PeerTime peer;
    const auto before = ran();
    while (ran() - before < 50ms) {
    }
    by_peer = peer.passed();
    by_wall = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - start);
  }
  REQUIRE(::sched_setaffinity(0, sizeof allowed, &allowed) == 0);
  CHECK(by_peer >= 49ms);
  CHECK(by_wall >= 100ms);
  if (std::ifstream("/proc/thread-self/schedstat"))
    CHECK(by_peer <= by_wall - 40ms);
  else
    CHECK(by_peer >= by_wall - 1ms);  // nobody tells: all of it counts
}

TEST_CASE("a peer's time is all of it where this machine only waits") {
  const Pipe pipe;
  const PeerTime peer;
  CHECK_FALSE(Deadline::in(30ms).wait(pipe.ends[0], POLLIN, Stage::greeting));
  CHECK(peer.passed() >= 29ms);
}
