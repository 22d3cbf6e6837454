#include "agent/tell/door/door.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <latch>

#include "agent/tell/door/bounds.h"
#include "agent/tell/door/listener.h"
#include "agent/tell/http.h"
#include "tests/tell/knocker.h"

namespace stswatch::door {

using namespace std::chrono_literals;

namespace {

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

TEST_CASE("connections are a quarter of the descriptors, and 512 at most") {
  const FewDescriptors few;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto with = [&](rlim_t descriptors) {
    limit.rlim_cur = std::min(descriptors, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return most_connections();
  };
  CHECK(with(4) == 8);
  CHECK(with(1024) == 256);
  if (limit.rlim_max >= 65'536) CHECK(with(65'536) == 512);
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

TEST_CASE("where the requests of all are more than 20 MiB, the largest that is not complete is closed") {
  const auto door = echoing();
  Knocker large(*door), larger(*door), client(*door);
  const std::string head = "POST /tlsrpt HTTP/1.1\r\nHost: x\r\nContent-Length: 16777216\r\n\r\n";
  CHECK(larger.say(head + std::string(12U << 20, ' ')));
  CHECK(large.say(head + std::string(7U << 20, ' ')));
  client.say(kGet);
  CHECK(client.hear(";").ends_with("GET/a ;"));
  CHECK_FALSE(larger.closed());
  CHECK(large.say(std::string(3U << 20, ' ')));
  CHECK(larger.hear().empty());
  CHECK_FALSE(large.closed());
}

TEST_CASE("who was refused may send a mebibyte more, for two seconds") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  const Descriptor peer(ends[1]);
  auto now = Clock::now();
  Client client(ends[0], *Address::parse("192.0.2.1"), nullptr, now);
  client.answer(plain_answer(400, "no"), now);
  client.go_on(now);
  REQUIRE(client.phase() == Client::Phase::draining);
  const std::string more(16U << 10, 'x');
  std::size_t sent = 0;
  while (client.phase() == Client::Phase::draining && sent < 8U << 20) {
    REQUIRE(::send(peer.fd(), more.data(), more.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(more.size()));
    sent += more.size();
    now += 1ms;
    client.go_on(now);
    if (client.phase() == Client::Phase::draining) CHECK(client.deadline() < now + 2s);
  }
  CHECK(sent == (1U << 20) + more.size());
}

TEST_CASE("who is served is closed never, then those that do as they should, at last those that do not") {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  const Descriptor peer(ends[1]);
  const int little = 4096;
  ::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
  std::array<char, 1U << 20> buffer{};
  const auto take = [&](std::size_t most) { return ::recv(peer.fd(), buffer.data(), most, 0); };
  auto now = Clock::now();
  Client client(ends[0], *Address::parse("192.0.2.1"), nullptr, now);
  const int young = client.rank(now), slow = client.rank(now + 2s);
  REQUIRE(::send(peer.fd(), kGet.data(), kGet.size(), MSG_NOSIGNAL) > 0);
  client.go_on(now);
  client.serve(now);
  CHECK(client.request_octets() >= kGet.size() / 2);  // it still counts
  const int served = client.rank(now + 2s);
  client.answer({ok(std::string(100, 'p')), false}, now);
  client.go_on(now);
  take(buffer.size());
  const int idle = client.rank(now + 2s);
  REQUIRE(::send(peer.fd(), kGet.data(), kGet.size(), MSG_NOSIGNAL) > 0);
  client.go_on(now);
  client.serve(now);
  client.answer({ok(std::string(4U << 20, 'p')), false}, now);
  client.go_on(now);
  const int reading = client.rank(now + 1s);
  CHECK(client.rank(now + 2s) == slow);  // nothing was taken
  for (int i = 0; i < 10; ++i) {         // 64 KiB a second
    for (int piece = 0; piece < 64; ++piece) {
      take(1024);
      client.go_on(now);
    }
    now += 1s;
    CHECK(client.rank(now) == reading);
  }
  for (int i = 0; i < 100; ++i) {  // less than 16
    take(4096);
    client.go_on(now);
    now += 1s;
  }
  CHECK(client.rank(now) == slow);
  client.answer(plain_answer(400, "no"), now);
  while (client.phase() == Client::Phase::answering && take(buffer.size()) > 0)
    client.go_on(now);
  REQUIRE(client.phase() == Client::Phase::draining);
  CHECK(served == 0);
  CHECK(std::vector{served, reading, young, idle, slow, client.rank(now)} == std::vector{0, 1, 2, 3, 4, 5});
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

}  // namespace stswatch::door
