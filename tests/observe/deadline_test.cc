#include "checks/observe/net/deadline.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <thread>

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
