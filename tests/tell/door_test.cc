#include "agent/tell/door/door.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <latch>

#include "agent/tell/door/bounds.h"
#include "agent/tell/door/listener.h"

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
  explicit Knocker(const Door& door, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
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
    while (end.empty() || all.find(end) == all.npos) {
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
  const auto door = echoing({.serve =
                                 [&](Request q) {
                                   if (q.head.target == "/wait") {
                                     served.count_down();
                                     go.wait();
                                   }
                                   return Answer{ok(q.head.target + ";"), false};
                                 },
                             .patient = [](const RequestHead& head) { return head.target == "/wait"; }});
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
  const FewDescriptors few;
  const std::string page(1U << 20, 'p');
  const auto door = echoing({.serve = [&](Request) { return Answer{ok(page + ";"), false}; }});
  std::vector<std::unique_ptr<Knocker>> readers;
  for (int i = 0; i < 60; ++i) {
    readers.push_back(std::make_unique<Knocker>(*door, 4096));
    readers.back()->say(kGet);
  }
  Knocker client(*door);
  client.say(kGet);
  CHECK(client.hear(";").size() > page.size());
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
