#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "checks/observe/dns/resolver.h"
#include "checks/observe/dns/thread.h"
#include "tests/observe/dns_server.h"

using namespace stswatch;
using namespace stswatch::testing;
using namespace std::chrono_literals;

namespace {

std::unique_ptr<Resolver> resolver_for(std::vector<std::string> servers, Millis timeout = 5s, int tries = 3) {
  auto made = make_resolver({.servers = std::move(servers), .timeout = timeout, .tries = tries});
  REQUIRE(made);
  return std::move(*made);
}

TxtAnswer ask_txt(Resolver& resolver, const std::string& name = "example.com") {
  return std::get<TxtAnswer>(resolver.ask({{name, RecordType::txt}}, Deadline::in(30s)).at(0));
}

/// A UDP port nothing listens on.
std::string closed_port() {
  std::string text;
  { text = DnsServer(silence).text(); }
  return text;
}

}  // namespace

TEST_CASE("many questions at once are answered in their order, in their type, from loopback as secure") {
  const DnsServer server([](const Received& query) {
    return std::vector{query.type() == kMx
                           ? query.reply().ad().with(query.name(), kMx, 9, rd_mx(5, "a.b")).octets()
                           : echo(query).at(0)};
  });
  const auto resolver = resolver_for({server.text()});
  const auto answers = resolver->ask({{"a.example", RecordType::txt},
                                      {"b.example", RecordType::mx},
                                      {"c.example", RecordType::aaaa},
                                      {"no..name", RecordType::txt}},
                                     Deadline::in(30s));
  REQUIRE(answers.size() == 4);
  CHECK(std::get<TxtAnswer>(answers[0]).records.at(0).joined() == "a.example");
  CHECK(std::get<MxAnswer>(answers[1]).records.at(0).host == "a.b");
  CHECK(std::get<MxAnswer>(answers[1]).secure);
  CHECK(std::get<AddressAnswer>(answers[2]).lookup == Lookup::absent);
  CHECK(std::get<TxtAnswer>(answers[3]).detail == "\"no..name\" is no name DNS can carry");
  CHECK(resolver->ask({}, Deadline::in(1s)).empty());
}

TEST_CASE("failures are unknown and name the server; the next server's answer wins") {
  struct Row {
    const char* why;
    DnsServer::Behaviour first;
    const char* detail;
    Millis timeout;
  };
  const std::vector<Row> rows{
      {"REFUSED", refuse(5), "REFUSED from ", 5s},
      {"SERVFAIL also without validation", refuse(2), "SERVFAIL from ", 5s},
      {"no zone", [](const Received& q) { return std::vector{q.reply().octets()}; },
       "negative answer without SOA from ", 5s},
      {"silence", silence, "no answer ", 100ms},
      {"a wrong id is not ours, so we wait on",
       [](const Received& q) {
         Packet packet = q.reply();
         packet.id ^= 1;
         return std::vector{packet.octets()};
       },
       "no answer ", 100ms},
      {"octets that are no message", [](const Received& q) { return std::vector{q.octets.substr(0, 5)}; },
       "no answer ", 100ms},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const DnsServer first(row.first), second(echo);
    const auto lonely = ask_txt(*resolver_for({first.text()}, row.timeout, 1));
    CHECK(lonely.lookup == Lookup::unknown);
    CHECK(lonely.detail.starts_with(row.detail));
    CHECK(lonely.detail.find(first.text()) != std::string::npos);
    CHECK_FALSE(lonely.bogus);
    const auto both = ask_txt(*resolver_for({first.text(), second.text()}, row.timeout));
    CHECK(both.lookup == Lookup::found);
    CHECK(both.detail.empty());
  }
}

TEST_CASE("a closed port is told at once, and the next server asked") {
  const DnsServer second(echo);
  const std::string dead = closed_port();
  CHECK(ask_txt(*resolver_for({dead})).detail == dead + " cannot be reached");
  CHECK(ask_txt(*resolver_for({dead, second.text()})).lookup == Lookup::found);
}

TEST_CASE("every failed server is named") {
  const DnsServer one(refuse(5)), two(refuse(4));
  const auto answer = ask_txt(*resolver_for({one.text(), two.text()}));
  CHECK(answer.detail == "REFUSED from " + one.text() + "; NOTIMP from " + two.text());
}

TEST_CASE("TC is followed by TCP, large answers included") {
  const DnsServer server([](const Received& query) {
    if (!query.tcp) return std::vector{query.reply().tc().octets()};
    Packet packet = query.reply();
    for (int i = 0; i < 60; ++i)
      packet.with(query.name(), kTxt, 9, rd_txt({std::to_string(i), std::string(200, 'x')}));
    return std::vector{packet.octets()};
  });
  const auto resolver = resolver_for({server.text()}, 5s, 1);
  for (int i = 0; i < 3; ++i)
    CHECK(ask_txt(*resolver).records.size() == 60);
  CHECK(server.asked() == 6);
}

TEST_CASE("an answer above 512 octets that is whole needs no TCP") {
  const DnsServer server([](const Received& query) {
    Packet packet = query.reply();
    for (int i = 0; i < 5; ++i)
      packet.with(query.name(), kTxt, 9, rd_txt({std::to_string(i), std::string(200, 'x')}));
    return std::vector{packet.octets()};
  });
  CHECK(ask_txt(*resolver_for({server.text()})).records.size() == 5);
  CHECK(server.asked() == 1);
}

TEST_CASE("FORMERR to EDNS is followed by a query without it, each time") {
  const DnsServer server([](const Received& query) {
    return query.edns() ? std::vector{query.reply().rcode(1).octets()} : echo(query);
  });
  const auto resolver = resolver_for({server.text()}, 5s, 1);
  for (int i = 0; i < 3; ++i)
    CHECK(ask_txt(*resolver).lookup == Lookup::found);
  CHECK(server.asked() == 6);
}

TEST_CASE("FORMERR whatever we ask is a refusal, not a loop") {
  const DnsServer server(refuse(1));
  const auto resolver = resolver_for({server.text()}, 5s, 1);
  for (int i = 0; i < 3; ++i)
    CHECK(ask_txt(*resolver).detail == "FORMERR from " + server.text());
  CHECK(server.asked() == 7);  // twice each, and once c-ares by itself
}

TEST_CASE("large answers are still read after a FORMERR made c-ares cut them") {
  const DnsServer server([](const Received& query) {
    if (query.name() == "odd.example") return std::vector{query.reply().rcode(1).octets()};
    Packet packet = query.reply();
    for (int i = 0; i < 5; ++i)
      packet.with(query.name(), kTxt, 9, rd_txt({std::to_string(i), std::string(200, 'x')}));
    return std::vector{packet.octets()};
  });
  const auto resolver = resolver_for({server.text()}, 5s, 1);
  CHECK(ask_txt(*resolver, "odd.example").lookup == Lookup::unknown);
  CHECK(ask_txt(*resolver).records.size() == 5);
}

TEST_CASE("a server without TCP fails only the answers that need it") {
  const DnsServer server(
      [](const Received& query) {
        return query.name() == "big.example" ? std::vector{query.reply().tc().octets()} : echo(query);
      },
      DnsServer::Tcp::closed);
  const auto resolver = resolver_for({server.text()}, 5s, 1);
  std::vector<DnsQuestion> questions(100, {"small.example", RecordType::txt});
  questions[50].name = "big.example";
  const auto answers = resolver->ask(questions, Deadline::in(30s));
  for (std::size_t i = 0; i < answers.size(); ++i)
    CHECK(std::get<TxtAnswer>(answers[i]).lookup == (i == 50 ? Lookup::unknown : Lookup::found));
  CHECK(std::get<TxtAnswer>(answers[50]).detail == server.text() + " over TCP cannot be reached");
}

TEST_CASE("SERVFAIL that turns into an answer with CD is bogus") {
  const DnsServer server([](const Received& query) {
    return query.checking_disabled() ? echo(query) : std::vector{query.reply().rcode(2).octets()};
  });
  const auto answer = ask_txt(*resolver_for({server.text()}));
  CHECK(answer.bogus);
  CHECK(answer.lookup == Lookup::unknown);
  CHECK(answer.records.empty());
  CHECK(server.asked() == 2);
}

TEST_CASE("SERVFAIL with EDE 6 is bogus at once; with EDE 22 it is not, and CD is not tried") {
  for (const unsigned code : {6U, 22U}) {
    const DnsServer server(
        [code](const Received& query) { return std::vector{query.reply().rcode(2).ede(code).octets()}; });
    const auto answer = ask_txt(*resolver_for({server.text()}));
    CHECK(answer.bogus == (code == 6));
    CHECK(server.asked() == 1);
  }
}

TEST_CASE("a dead first server is paid for once") {
  const DnsServer dead(silence), alive(echo);
  const auto resolver = resolver_for({dead.text(), alive.text()}, 2s);
  CHECK(ask_txt(*resolver).lookup == Lookup::found);
  for (int i = 0; i < 50; ++i)
    CHECK(ask_txt(*resolver).lookup == Lookup::found);
  CHECK(dead.asked() == 1);
  CHECK(alive.asked() == 51);
}

TEST_CASE("who drops AAAA questions costs a try, not all of them") {
  const DnsServer server([](const Received& query) {
    if (query.type() == kAaaa) return silence(query);
    return std::vector{query.reply().with(query.name(), kA, 60, std::string("\xCB\0\x72\x01", 4)).octets()};
  });
  const auto resolver = resolver_for({server.text()}, 1s, 100);
  const auto answers =
      resolver->ask({{"x.example", RecordType::a}, {"x.example", RecordType::aaaa}}, Deadline::in(60s));
  CHECK(std::get<AddressAnswer>(answers.at(0)).lookup == Lookup::found);
  CHECK(std::get<AddressAnswer>(answers.at(1)).lookup == Lookup::unknown);
  CHECK(server.asked() < 6);
}

TEST_CASE("the tries bound the packets, the product of tries and timeout the time, the deadline both") {
  const DnsServer dead(silence);
  const auto start = std::chrono::steady_clock::now();
  CHECK(ask_txt(*resolver_for({dead.text()}, 100ms, 2)).lookup == Lookup::unknown);
  CHECK(dead.asked() == 2);
  const auto resolver = resolver_for({dead.text()}, 1h, 3);
  const auto answer =
      std::get<MxAnswer>(resolver->ask({{"x.example", RecordType::mx}}, Deadline::in(50ms)).at(0));
  CHECK(answer.name == "x.example");
  CHECK(answer.detail.starts_with("no answer within "));  // 50 ms, or what the machine made of them
  CHECK(answer.detail.ends_with("from " + dead.text()));
  CHECK(std::chrono::steady_clock::now() - start < 20s);
}

TEST_CASE("cancel ends the wait at once") {
  Cancel cancel;
  const DnsServer server([&cancel](const Received&) {
    cancel.cancel();
    return std::vector<Bytes>{};
  });
  const auto resolver = resolver_for({server.text()}, 1h, 1);
  const auto answers = resolver->ask({{"x.example", RecordType::txt}}, Deadline::in(1h, &cancel));
  CHECK(std::get<TxtAnswer>(answers.at(0)).detail == "told to stop from " + server.text());
}

TEST_CASE("a resolver that goes answers what is in flight with unknown") {
  std::atomic<bool> seen{false};
  const DnsServer server([&seen](const Received&) {
    seen = true;
    seen.notify_all();
    return std::vector<Bytes>{};
  });
  auto resolver = resolver_for({server.text()}, 1h, 1);
  DnsAnswer answer;
  std::thread asker([&answer, raw = resolver.get()] {
    answer =
        raw->ask(std::vector<DnsQuestion>(500, {"x.example", RecordType::txt}), Deadline::in(1h)).at(499);
  });
  seen.wait(false);
  resolver.reset();
  asker.join();
  CHECK(std::get<TxtAnswer>(answer).detail == "the resolver was stopped");
}

TEST_CASE("1,000 questions in flight from 8 threads, each answered with its own") {
  const DnsServer server(echo);
  const auto resolver = resolver_for({server.text()}, 2s, 5);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      std::vector<DnsQuestion> questions;
      for (int i = 0; i < 125; ++i)
        questions.push_back(
            {"q" + std::to_string(i) + ".t" + std::to_string(t) + ".example", RecordType::txt});
      const auto answers = resolver->ask(questions, Deadline::in(1min));
      for (std::size_t i = 0; i < questions.size(); ++i) {
        const auto& answer = std::get<TxtAnswer>(answers[i]);
        if (answer.lookup == Lookup::found && answer.records.at(0).joined() == questions[i].name) ++right;
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(right == 1000);
}

TEST_CASE("what exceeds the queue is unknown at once, and the queue recovers") {
  const DnsServer server(silence);
  const auto resolver = resolver_for({server.text()}, 1h, 1);
  const auto answers =
      resolver->ask(std::vector<DnsQuestion>(dns::kMaxOpen + 5, {"x", RecordType::txt}), Deadline::in(3s));
  CHECK(std::get<TxtAnswer>(answers.back()).detail == "not asked: 10000 DNS questions are open already");
  CHECK(std::get<TxtAnswer>(answers.front()).detail.ends_with(server.text()));
  CHECK(std::get<TxtAnswer>(answers[dns::kMaxOpen - 1]).detail.ends_with("before it could be sent"));
}

TEST_CASE(
    "without descriptors a question is exhausted, no fault of name or server; with some again it is asked") {
  const DnsServer server(echo);
  const auto resolver = resolver_for({server.text()}, 5s, 1);
  const auto enough = [&] { return ask_txt(*resolver); };
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);  // the lowest number that is free
  REQUIRE(next >= 0);
  ::close(next);
  const auto limit_to = [&](int descriptors) {
    const rlimit few{static_cast<rlim_t>(descriptors), before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  };
  // None for whoever waits, then one for him and none for the socket.
  for (const int left : {0, 1}) {
    CAPTURE(left);
    limit_to(next + left);
    const auto answer = enough();
    limit_to(static_cast<int>(std::min<rlim_t>(before.rlim_cur, 1 << 20)));
    CHECK(answer.lookup == Lookup::unknown);
    CHECK(answer.exhausted);
    CHECK(answer.detail.find(left == 0 ? "no file descriptor is left" : "Too many open files") !=
          std::string::npos);
  }
  CHECK(server.asked() == 0);
  const auto answer = enough();
  CHECK(answer.lookup == Lookup::found);
  CHECK_FALSE(answer.exhausted);
}
