#include "agent/watch/probe.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <set>
#include <thread>

#include "tests/agent/manual_clock.h"
#include "tests/observe/table_resolver.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

const TimePoint kProbedAt{Seconds{1'796'083'200}};

Domain domain(const std::string& name) { return *Domain::parse(name); }

/// Says nothing until it is told to stop, or the time is up.
class SilentResolver : public Resolver {
 public:
  std::vector<DnsAnswer> ask(const std::vector<DnsQuestion>&, const Deadline& deadline) override {
    (void)deadline.wait(never_.fd(), POLLIN, Stage::dns);
    return {};
  }

 private:
  Cancel never_;
};

std::shared_ptr<const LiveConfig> plan(std::unique_ptr<Resolver> resolver) {
  Config config;
  config.domains = {{domain("watched.example"), {}, {}, 100}};
  config.probe_allow = {"*.allowed.example", "single.example"};
  config.network.allow_private = true;
  config.network.smtp_port = config.network.https_port = 1;
  Probes probes;
  probes.resolver = std::move(resolver);
  probes.address_limiter = std::make_shared<AddressLimiter>();
  ObserveOptions options;
  options.allow_private = true;
  options.smtp.port = options.https.port = 1;
  probes.observer =
      std::make_unique<Observer>(*probes.resolver, *TrustStore::load(""), options, probes.address_limiter);
  probes.vantage = std::make_shared<VantageWatch>(true, true);
  probes.canaries = std::make_unique<Canaries>(std::vector<std::string>{}, *probes.observer, *probes.vantage);
  return std::make_shared<const LiveConfig>(std::move(config), std::move(probes));
}

struct Agent {
  explicit Agent(std::unique_ptr<Resolver> resolver) : service(plan(std::move(resolver)), *memory, clock) {}

  ManualClock clock{kProbedAt};
  std::unique_ptr<Memory> memory = make_ram_memory();
  Service service;
  Prober prober{service, clock};
};

}  // namespace

TEST_CASE("what may be probed: names and globs, and a glob does not cover the name it stands on") {
  const struct {
    std::vector<std::string> allow;
    std::string name;
    bool allowed;
  } rows[] = {
      {{}, "example.com", false},
      {{"*"}, "example.com", true},
      {{"example.com"}, "example.com", true},
      {{"EXAMPLE.com"}, "example.com", true},
      {{"example.com"}, "a.example.com", false},
      {{"*.example.com"}, "a.example.com", true},
      {{"*.example.com"}, "a.b.example.com", true},
      {{"*.example.com"}, "example.com", false},
      {{"*.example.com"}, "badexample.com", false},
      {{"other.example", "*.example.com"}, "a.example.com", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(allowed_by(row.allow, domain(row.name)) == row.allowed);
  }
}

TEST_CASE("a target that is none, or is not allowed, is refused before any look") {
  auto resolver = std::make_unique<TableResolver>();
  const auto& asked = resolver->batches;
  Agent agent(std::move(resolver));
  const struct {
    std::string target, says;
    int status;
  } rows[] = {
      {"", "/probe?target=", 400},
      {"not a name", "not a name", 400},
      {"stranger.example", "[probe] allow", 403},
      {"169.254.169.254", "169.254.169.254", 400},
  };
  for (const auto& row : rows) {
    CAPTURE(row.target);
    const auto answer = agent.prober.probe(row.target, std::nullopt);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().status == row.status);
    CHECK(answer.error().what.find(row.says) != std::string::npos);
  }
  CHECK(asked.empty());
}

TEST_CASE("a probe looks once and leaves no trace in memory") {
  auto resolver = std::make_unique<TableResolver>();
  resolver->mx("watched.example", "mx.watched.example");
  resolver->addresses("mx.watched.example", RecordType::a, {"127.0.0.1"});
  Agent agent(std::move(resolver));
  const auto answer = agent.prober.probe("watched.example", 5s);
  REQUIRE(answer.has_value());
  const auto& record = *answer->record;
  CHECK(record.verdict.domain.str() == "watched.example");
  REQUIRE(record.verdict.mx.size() == 1);
  CHECK(record.verdict.mx[0].addresses.size() == 1);  // looked at, and refused
  CHECK(record.times.at(Part::mx).last_success == kProbedAt);
  CHECK(agent.memory->domain(domain("watched.example")) == nullptr);
  CHECK(agent.prober.probe("x.allowed.example", 5s).has_value());
  CHECK(agent.prober.probe("single.example", 5s).has_value());
}

TEST_CASE("a probe ends when Prometheus would stop waiting for it") {
  Agent agent(std::make_unique<SilentResolver>());
  const auto answer = agent.prober.probe("watched.example", 50ms);
  REQUIRE(answer.has_value());
  CHECK(answer->record->verdict.status == Status::unknown);
  CHECK(answer->record->times.at(Part::mx).last_success == std::nullopt);
  CHECK(answer->seconds < 5);
}

TEST_CASE("who asks again within seconds gets the look that was made") {
  auto resolver = std::make_unique<TableResolver>();
  const auto& asked = resolver->batches;
  Agent agent(std::move(resolver));
  const auto first = agent.prober.probe("watched.example", 5s);
  const auto looked = asked.size();
  const auto second = agent.prober.probe("watched.example", 4s);
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(looked > 0);
  CHECK(asked.size() == looked);
  CHECK(first->record == second->record);
  CHECK(agent.prober.probe("single.example", 5s).has_value());
  CHECK(asked.size() > looked);
}

TEST_CASE("who has more time than the look had gets one of his own, a few times") {
  Agent agent(std::make_unique<SilentResolver>());
  std::set<std::shared_ptr<const DomainMemory>> looks;
  for (int i = 1; i <= 6; ++i) {
    const auto answer = agent.prober.probe("watched.example", Millis(10 * i));
    REQUIRE(answer.has_value());
    looks.insert(answer->record);
  }
  CHECK(looks.size() == Prober::kLooks);
}

TEST_CASE("a look that was asked for is not made twice within seconds") {
  Agent agent(std::make_unique<TableResolver>());
  CHECK(agent.service.look_now(domain("watched.example")) == LookAsked::at_it);
  CHECK(agent.service.look_now(domain("watched.example")) == LookAsked::fresh);
  CHECK(agent.service.look_now(domain("stranger.example")) == LookAsked::not_watched);
}

TEST_CASE("recent looks are forgotten when they are not fresh any more") {
  RecentLooks recent;
  const RecentLooks::Steady::time_point now{};
  CHECK(recent.left("a", now) == 0s);
  recent.began("a", now);
  CHECK(recent.left("a", now) == kFreshLook);
  CHECK(recent.left("a", now + 4s) == 1s);
  CHECK(recent.left("a", now + 5s) == 0s);
  CHECK(recent.left("b", now) == 0s);
}

TEST_CASE("a stop ends probes under way") {
  Agent agent(std::make_unique<SilentResolver>());
  std::thread stopper([&] { agent.prober.stop(); });
  const auto answer = agent.prober.probe("watched.example", std::nullopt);
  stopper.join();
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().status == 503);
}

TEST_CASE("no more than so many probes at once, and a place is free again after each") {
  Agent agent(std::make_unique<SilentResolver>());
  std::vector<std::thread> crowd;
  std::atomic<int> refused{0}, done{0};
  for (int i = 0; i < Prober::kAtOnce + 5; ++i)
    crowd.emplace_back([&, name = "d" + std::to_string(i) + ".allowed.example"] {
      const auto answer = agent.prober.probe(name, std::nullopt);
      ++done;
      if (!answer && answer.error().what.find("ask again later") != std::string::npos) ++refused;
    });
  while (refused < 5)
    std::this_thread::yield();
  CHECK(done == 5);
  agent.prober.stop();
  for (auto& one : crowd)
    one.join();
  CHECK(refused == 5);
}
