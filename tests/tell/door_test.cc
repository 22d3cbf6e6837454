#include "agent/tell/door/door.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <latch>
#include <mutex>

#include "agent/tell/door/bounds.h"
#include "agent/tell/door/listener.h"
#include "agent/tell/http.h"

namespace stswatch::door {

using namespace std::chrono_literals;

namespace {

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// A door whose answers say what was asked for.
std::unique_ptr<Door> echoing(Parts parts = {}) {
  if (!parts.serve)
    parts.serve = [](Request q) {
      std::string body(q.body.size(), '\0');
      for (std::size_t at = 0; at < body.size();)
        at += q.body.read(body.data() + at, body.size() - at);
      return Answer{ok(q.head.method + q.head.target + " " + body + ";"), false};
    };
  auto door = open_door("127.0.0.1", 0, std::move(parts));
  REQUIRE(door.has_value());
  return std::move(*door);
}

/// A client that waits 10 s at most.
class Knocker {
 public:
  explicit Knocker(const auto& door, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{10, 0};
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (receive_buffer > 0)
      ::setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(door.port()));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_.fd(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  }

  bool say(std::string_view octets) {
    return ::send(socket_.fd(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(octets.size());
  }

  /// Until `end` has come, or the connection has ended.
  std::string hear(std::string_view end = "") {
    std::string all;
    std::array<char, 4096> buffer;
    std::size_t searched = 0;  // a long answer is searched once
    while (end.empty() || all.find(end, searched) == all.npos) {
      searched = all.size() - std::min(all.size(), end.size());
      const auto n = ::recv(socket_.fd(), buffer.data(), buffer.size(), 0);
      if (n < 0) all += "(nothing in 10 s)";
      if (n <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

  /// Goes without a farewell: what it has asked for interests nobody any more.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    socket_ = Descriptor();
  }

  void half_close() { ::shutdown(socket_.fd(), SHUT_WR); }

  bool closed() const {
    pollfd asked{socket_.fd(), POLLIN, 0};
    return ::poll(&asked, 1, 0) == 1;
  }

 private:
  Descriptor socket_;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

/// So few descriptors that the door takes 64 connections.
class FewDescriptors {
 public:
  FewDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &was_);
    rlimit few = was_;
    few.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &few);
    REQUIRE(most_connections() == 64);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &was_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit was_{};
};

}  // namespace

TEST_CASE("requests of one connection are answered in their order, also when they come at once") {
  const auto door = echoing();
  Knocker client(*door);
  client.say(
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: "
      "close\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  const auto all = client.hear();
  CHECK(all.find("GET/a ;") < all.find("POST/b hello;"));
  CHECK(all.find("POST/b hello;") < all.find("POST/c hi;"));
  CHECK(all.ends_with("POST/c hi;"));
}

TEST_CASE("a client that has said all and half closed is answered") {
  const auto door = echoing();
  Knocker client(*door);
  client.say(kGet);
  client.half_close();
  CHECK(client.hear(";").ends_with("GET/a ;"));
}

TEST_CASE("the body of a GET is no request") {
  const auto door = echoing();
  Knocker client(*door);
  client.say("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n!");
  CHECK(client.hear(";").ends_with("GET/a ;"));
  client.say("GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(client.hear().ends_with("GET/c ;"));
}

TEST_CASE("after a refusal nothing of the connection is a request any more") {
  const auto door = echoing();
  Knocker client(*door);
  client.say(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nGET /b HTTP/1.1\r\nHost: "
      "x\r\n\r\n");
  const auto all = client.hear();
  CHECK(all.starts_with("HTTP/1.1 400 "));
  CHECK(all.find("\r\nConnection: close\r\n") != all.npos);
  CHECK(all.find("/b") == all.npos);
}

TEST_CASE("whoever sends too much sees why before the connection ends") {
  const auto door = echoing();
  Knocker client(*door);
  client.say("GET / HTTP/1.1\r\nHost: x\r\nX: ");
  client.say(std::string(300'000, 'y'));
  CHECK(client.hear().starts_with("HTTP/1.1 431 "));
}

TEST_CASE("who asks before he sends is told to go on") {
  const auto door = echoing();
  Knocker client(*door);
  client.say("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.hear("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.say("hi");
  CHECK(client.hear(";").ends_with("POST/a hi;"));
}

TEST_CASE("where there are too many, slow ones are closed and a complete request is answered") {
  const FewDescriptors few;
  const auto door = echoing();
  std::vector<std::unique_ptr<Knocker>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<Knocker>(*door));
    slow.back()->say("GET / HT");
  }
  for (int i = 0; i < 3; ++i) {
    Knocker client(*door);
    client.say(kGet);
    CHECK(client.hear(";").ends_with("GET/a ;"));
  }
  CHECK(slow.front()->closed());
}

TEST_CASE("a client that is served is not closed for others") {
  const FewDescriptors few;
  std::latch served(1), go(1);
  const auto door = echoing(
      {.serve =
           [&](Request q) {
             if (q.head.target == "/wait") {
               served.count_down();
               go.wait();
             }
             return Answer{ok(q.head.target + ";"), false};
           },
       .pace = [](const RequestHead& head) { return head.target == "/wait" ? Pace::patient : Pace::quick; }});
  Knocker patient(*door);
  patient.say("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  served.wait();
  std::vector<std::unique_ptr<Knocker>> slow;
  for (int i = 0; i < 100; ++i)
    slow.push_back(std::make_unique<Knocker>(*door));
  go.count_down();
  CHECK(patient.hear(";").ends_with("/wait;"));
}

TEST_CASE("answers that nobody reads are not kept for ever") {
  // More than the system takes off the door's hands, and more together than may wait for their readers.
  const std::string page(12U << 20, 'p');
  constexpr std::size_t kReaders = 12, kMayWait = kAnswersOfLargest + 1;
  const auto door = echoing({.serve = [&](Request) { return Answer{ok(page + ";"), false}; }});
  std::vector<std::unique_ptr<Knocker>> readers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    readers.push_back(std::make_unique<Knocker>(*door, 4096));
    readers.back()->say(kGet);
  }
  Knocker client(*door);
  client.say(kGet);
  const auto heard = client.hear(";");
  CHECK_MESSAGE(heard.size() > page.size(),
                heard.substr(heard.size() - std::min<std::size_t>(heard.size(), 80)));
  std::size_t cut = 0;
  for (const auto& reader : readers)
    cut += reader->hear(";").ends_with(";") ? 0U : 1U;
  CHECK(cut >= kReaders - 2 * kMayWait);  // some of an answer may be with the system
}

TEST_CASE("each phase of a connection has its deadline, which drips do not move") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  const Descriptor peer(ends[1]);
  const auto say = [&](std::string_view octets) {
    REQUIRE(::send(peer.fd(), octets.data(), octets.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(octets.size()));
  };
  auto now = Clock::now();
  Client client(ends[0], *Address::parse("192.0.2.1"), nullptr, now);
  CHECK(client.deadline() == now + kSilentTime);
  const auto drip = [&](std::string_view first, std::string_view more, std::chrono::seconds time) {
    say(first);
    now += 1s;
    client.go_on(now);
    const auto until = now + time;
    CHECK(client.deadline() == until);
    for (const char c : more) {
      now += 1s;
      say({&c, 1});
      client.go_on(now);
      CHECK(client.deadline() == until);
    }
  };
  drip("GET /", "abc", kHeadTime);
  say(" HTTP/1.1\r\nHost: x\r\n\r\n");
  client.go_on(now);
  REQUIRE(client.request_is_there());
  client.serve(now);
  CHECK(client.deadline() == Clock::time_point::max());  // who is served waits for us
  CHECK(client.rank(now + 1h) == 0);
  client.answer({ok("."), false}, now);
  client.go_on(now);
  CHECK(client.deadline() == now + kKeptTime);
  drip("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", "abc", kBodyTime);
  say("defghi");
  client.go_on(now);
  client.serve(now);
  client.answer({ok("."), false}, now);
  client.go_on(now);
  drip("POST /tlsrpt HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", "abc", kReportTime);
  say("defghi");
  client.go_on(now);
  client.serve(now);
  // Of an answer something has to be taken now and then, and all of it in the end.
  std::array<char, 256U << 10> buffer{};
  client.answer({ok(std::string(32U << 20, 'p')), false}, now);
  const auto began = now;
  client.go_on(now);
  CHECK(client.deadline() == now + kStallTime);
  now += kStallTime - 1s;
  client.go_on(now);
  CHECK(client.deadline() == began + kStallTime);  // nothing was taken
  while (now < began + kAnswerTime - kStallTime + 2s) {
    REQUIRE(::recv(peer.fd(), buffer.data(), buffer.size(), 0) > 0);
    client.go_on(now);
    CHECK(client.deadline() == std::min(now + kStallTime, began + kAnswerTime));
    now += 3s;
  }
  CHECK(client.phase() == Client::Phase::answering);
}

TEST_CASE("what was taken of an answer is held no longer, and what is held is counted") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  const Descriptor peer(ends[1]);
  const auto now = Clock::now();
  Client client(ends[0], *Address::parse("192.0.2.1"), nullptr, now);
  REQUIRE(::send(peer.fd(), kGet.data(), kGet.size(), MSG_NOSIGNAL) > 0);
  client.go_on(now);
  client.serve(now);
  const std::size_t whole = 8U << 20;
  const auto page = ok(std::string(whole, 'p') + ";");
  client.answer({page, false}, now);
  CHECK(client.answer_octets() == page.size());
  std::string read;
  std::array<char, 64U << 10> buffer{};
  while (client.phase() == Client::Phase::answering) {
    client.go_on(now);
    CHECK(client.answer_octets() <= 2 * (page.size() - read.size()));
    const auto n = ::recv(peer.fd(), buffer.data(), buffer.size(), 0);
    REQUIRE(n > 0);
    read.append(buffer.data(), static_cast<std::size_t>(n));
  }
  CHECK(client.answer_octets() == 0);
  for (ssize_t n = 0; (n = ::recv(peer.fd(), buffer.data(), buffer.size(), 0)) > 0;)
    read.append(buffer.data(), static_cast<std::size_t>(n));
  CHECK(read == page);
}

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

TEST_CASE("a domain that another agent looks at, and a silence too many, are a conflict") {
  HttpParts parts;
  parts.gate = [] { return nullptr; };
  parts.snapshot = [] {
    Snapshot out;
    const auto name = *Domain::parse("example.com");
    out.domains = {std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(name), Verdict(name))};
    return out;
  };
  parts.look_now = [](const Domain&, const std::string&) { return HttpParts::Looking::elsewhere; };
  parts.silence = [](const Silence&) -> tl::expected<void, std::string> {
    return tl::make_unexpected(std::string("There are enough."));
  };
  const auto server = serve_http("127.0.0.1", 0, std::move(parts));
  REQUIRE(server.has_value());
  const auto post = [&](const std::string& path, const std::string& body) {
    Knocker client(**server);
    client.say("POST " + path +
               " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
               "Connection: close\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.hear();
  };
  const auto check = post("/api/v1/domains/example.com/check", "");
  CHECK(check.starts_with("HTTP/1.1 409 "));
  CHECK(check.find("example.com is looked at by another agent of the fleet") != std::string::npos);
  const auto button = post("/domain/example.com/check", "");
  CHECK(button.starts_with("HTTP/1.1 409 "));
  CHECK(button.find("another agent of the fleet") != std::string::npos);
  const auto silence = post("/domain/example.com/silence", "code=*&subject=*&for=1h");
  CHECK(silence.starts_with("HTTP/1.1 409 "));
  CHECK(silence.find("There are enough.") != std::string::npos);
  // A form is of 8 KiB at most.
  CHECK(post("/domain/example.com/silence", "code=" + std::string(8192, 'x')).starts_with("HTTP/1.1 413 "));
}

TEST_CASE("the end waits for nobody who has not asked") {
  const auto door = echoing();
  Knocker silent(*door), begun(*door), kept(*door);
  begun.say("GET /metr");
  kept.say(kGet);
  kept.hear(";");
  const auto began = Clock::now();
  door->end();
  CHECK(Clock::now() - began < kFarewellTime);
  CHECK(kept.hear().empty());
}

TEST_CASE("a second door on the same port is refused") {
  const auto door = echoing();
  const auto second = open_door("127.0.0.1", door->port(), {});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error() == "Address already in use");
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
