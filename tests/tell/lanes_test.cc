// Requests of one lane wait for those of the same lane alone.
#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <thread>

#include "agent/tell/door/bounds.h"
#include "agent/tell/door/listener.h"
#include "agent/tell/http.h"
#include "tests/tell/knocker.h"

namespace stswatch::door {

TEST_CASE("who comes when a lane is full is told to come again") {
  std::latch begun(kReportThreads), go(1);
  const auto door = echoing({.serve =
                                 [&](Request) {
                                   begun.count_down();
                                   go.wait();
                                   return Answer{ok(";"), false};
                                 },
                             .pace = [](const RequestHead&) { return Pace::report; }});
  std::vector<std::unique_ptr<Knocker>> crowd;
  const auto one_more = [&] {
    crowd.push_back(std::make_unique<Knocker>(*door));
    crowd.back()->say(kGet);
  };
  for (std::size_t i = 0; i < kReportThreads; ++i)
    one_more();
  begun.wait();
  for (std::size_t i = 0; i < kPatientWaiting; ++i)
    one_more();
  // The door has seen all of them once it has refused what came after.
  Knocker last(*door);
  last.say("no request\r\n\r\n");
  last.hear();
  Knocker late(*door);
  late.say(kGet);
  CHECK(late.hear().starts_with("HTTP/1.1 503 "));
  go.count_down();
  for (auto& each : crowd)
    CHECK(each->hear(";").ends_with(";"));
}

TEST_CASE("what a client that has gone asked for is not served") {
  std::latch begun(kQuickThreads), may_end(1);
  std::atomic<int> served = 0;
  const auto door = echoing({.serve = [&](Request q) {
    if (q.head.target == "/wait") {
      begun.count_down();
      may_end.wait();
    } else {
      ++served;
    }
    return Answer{ok(";"), false};
  }});
  // The door itself refuses what is no request: once it has, it has seen all that came before.
  const auto let_it_see = [&] {
    for (int i = 0; i < 2; ++i) {
      Knocker other(*door);
      other.say("no request\r\n\r\n");
      CHECK(other.hear().starts_with("HTTP/1.1 400"));
    }
  };
  std::vector<std::unique_ptr<Knocker>> waiting;
  for (std::size_t i = 0; i < kQuickThreads; ++i) {
    waiting.push_back(std::make_unique<Knocker>(*door));
    waiting.back()->say("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  begun.wait();
  Knocker gone(*door), last(*door);
  gone.say(kGet);
  let_it_see();
  gone.reset();
  let_it_see();
  last.say(kGet);
  may_end.count_down();
  CHECK(last.hear(";").ends_with(";"));
  CHECK(served == 1);
}

TEST_CASE("requests of one kind keep those of another waiting in no way") {
  const auto pace_of = [](const RequestHead& head) {
    if (head.target.starts_with("/scrape")) return Pace::scrape;
    if (head.target.starts_with("/health")) return Pace::health;
    if (head.target.starts_with("/report")) return Pace::report;
    return head.target.starts_with("/patient") ? Pace::patient : Pace::quick;
  };
  for (const std::string slow : {"/page", "/patient", "/report", "/scrape", "/health"}) {
    CAPTURE(slow);
    std::atomic<bool> first = true;
    std::latch begun(1), go(1);
    const auto door = echoing({.serve =
                                   [&](Request q) {
                                     if (q.head.target == slow) {
                                       if (first.exchange(false)) begun.count_down();
                                       go.wait();
                                     }
                                     return Answer{ok(q.head.target + ";"), false};
                                   },
                               .pace = pace_of});
    std::vector<std::unique_ptr<Knocker>> crowd;  // more than any lane has threads
    for (std::size_t i = 0; i < kPatientThreads + 5; ++i) {
      crowd.push_back(std::make_unique<Knocker>(*door));
      crowd.back()->say("GET " + slow + " HTTP/1.1\r\nHost: x\r\n\r\n");
      if (i == 0) begun.wait();
    }
    for (const std::string other : {"/page", "/patient", "/report", "/scrape", "/health"}) {
      if (other == slow) continue;
      CAPTURE(other);
      Knocker client(*door);
      client.say("GET " + other + "/x HTTP/1.1\r\nHost: x\r\n\r\n");
      CHECK(client.hear(";").ends_with(other + "/x;"));
    }
    go.count_down();
    CHECK(crowd.back()->hear(";").ends_with(slow + ";"));
  }
}

TEST_CASE("who is served knows since when it was asked, and whether others of its kind wait") {
  std::latch begun(1), go(1);
  std::mutex mutex;
  std::vector<std::pair<bool, Clock::time_point>> seen;
  const auto door = echoing(
      {.serve =
           [&](Request q) {
             if (q.head.target == "/first") {
               begun.count_down();
               go.wait();
             } else {
               const std::lock_guard lock(mutex);
               seen.emplace_back(q.more, q.since);
             }
             return Answer{ok(";"), false};
           },
       .pace = [](const RequestHead& head) { return head.target == "/other" ? Pace::quick : Pace::scrape; }});
  const auto began = Clock::now();
  Knocker first(*door), second(*door), third(*door), other(*door);
  first.say("GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
  begun.wait();
  second.say(kGet);
  other.say("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
  other.hear(";");
  third.say(kGet);
  Knocker last(*door);  // the door has seen what came before it
  last.say("no request\r\n\r\n");
  last.hear();
  const auto asked = Clock::now();
  go.count_down();
  second.hear(";");
  third.hear(";");
  REQUIRE(seen.size() == 3);
  CHECK_FALSE(seen[0].first);  // the other lane's
  CHECK(seen[1].first);
  CHECK_FALSE(seen[2].first);
  for (const auto& [_, since] : seen) {
    CHECK(since >= began);
    CHECK(since <= asked);
  }
}

TEST_CASE("scrapes that wait together are made once, of a moment after each was asked for") {
  class Made : public prometheus::Collectable {
   public:
    std::vector<prometheus::MetricFamily> Collect() const override {
      if (++made == 1) {
        begun.count_down();
        go.wait();
      }
      prometheus::MetricFamily family{"made", "how often", prometheus::MetricType::Gauge, {}};
      family.metric.emplace_back().gauge.value = made;
      return {family};
    }
    mutable std::atomic<int> made = 0;
    mutable std::latch begun{1}, go{1};
  };
  const auto metrics = std::make_shared<Made>();
  HttpParts parts;
  parts.gate = [] { return nullptr; };
  parts.stuck = [] { return std::nullopt; };
  parts.metrics = {metrics};
  const auto server = serve_http("127.0.0.1", 0, std::move(parts));
  REQUIRE(server.has_value());
  const std::string head = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  Knocker first(**server), packed(**server);
  first.say(head + "\r\n");
  metrics->begun.wait();
  std::vector<std::unique_ptr<Knocker>> later;
  for (int i = 0; i < 5; ++i) {
    later.push_back(std::make_unique<Knocker>(**server));
    later.back()->say(head + "\r\n");
  }
  packed.say(head + "Accept-Encoding: gzip\r\n\r\n");
  // Health is not behind them; and once it has answered, the door has seen all that came before.
  for (int i = 0; i < 2; ++i) {
    Knocker health(**server);
    health.say("GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    CHECK(health.hear().find("stswatch is healthy") != std::string::npos);
  }
  metrics->go.count_down();
  CHECK(first.hear().ends_with("made 1\n"));
  for (auto& each : later)
    CHECK(each->hear().ends_with("made 2\n"));
  const auto gzip = packed.hear();
  CHECK(gzip.find("\r\nContent-Encoding: gzip\r\n") != std::string::npos);
  CHECK(gzip.find("made 2") == std::string::npos);
  CHECK(metrics->made == 2);
  Knocker alone(**server);
  alone.say(head + "\r\n");
  CHECK(alone.hear().ends_with("made 3\n"));
}

TEST_CASE("a lane takes what it has room for") {
  std::latch begun(1), go(1);
  Lane lane(1, 1);
  CHECK(lane.submit([&] {
    begun.count_down();
    go.wait();
  }));
  begun.wait();
  std::atomic<int> done{0};
  CHECK(lane.submit([&] { ++done; }));
  CHECK_FALSE(lane.submit([&] { done += 100; }));
  go.count_down();
  while (done == 0)
    std::this_thread::yield();
  CHECK(done == 1);
}

}  // namespace stswatch::door
