// Laws of the fold: windows are never too short for a sender, and the first look is the baseline.
#include "agent/remember/past.h"

#include <doctest/doctest.h>

#include <random>

#include "checks/facts/bounds.h"
#include "checks/judge/senders/forecast.h"
#include "tests/judge/facts_builder.h"
#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

std::vector<std::string> codes_of(const std::vector<Change>& changes) {
  std::vector<std::string> out;
  for (const auto& c : changes)
    out.push_back(c.code);
  return out;
}

const Past& past(const Timeline& t) { return t.record->past; }

}  // namespace

TEST_CASE("the first look is the baseline and raises no change") {
  Timeline t;
  t.see();
  CHECK(past(t).began == kNow);
  CHECK(past(t).changes.empty());
  REQUIRE(past(t).policies.size() == 1);
  CHECK(past(t).policies[0].seen == Span{kNow, {}});
  CHECK(past(t).policies[0].number == 1);
  REQUIRE(past(t).ids.size() == 1);
  CHECK(past(t).ids[0].seen == Span{kNow, {}});
  CHECK(past(t).mx.size() == 2);
}

TEST_CASE("the baseline waits until record and MX set are both known") {
  Timeline t;
  t.look.domain.mx = unknown<MxAnswer>("example.com");
  t.see();
  CHECK_FALSE(past(t).began);
  t.look.domain.mx = mx({{10, std::string(kMx1)}});
  t.wait(1h);
  t.see();
  CHECK(past(t).began == t.now());
  CHECK(past(t).changes.empty());
}

TEST_CASE("what could not be seen ends no window") {
  Timeline t;
  t.see();
  t.wait(1h);
  t.look.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
  t.look.domain.mx = unknown<MxAnswer>("example.com");
  t.look.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com");
  t.look.domain.policy_host = unknown_addresses("mta-sts.example.com");
  t.look.domain.fetches.clear();
  const auto before = past(t);
  t.run(days(2));
  CHECK(past(t).policies == before.policies);
  CHECK(past(t).ids == before.ids);
  CHECK(past(t).mx == before.mx);
  CHECK(past(t).changes.empty());
  CHECK(past(t).tlsrpt_valid_since == before.tlsrpt_valid_since);
}

TEST_CASE(
    "a policy ends at the first look that proves it gone, or a moment before the look that shows its "
    "successor announced") {
  Timeline t;
  t.see();
  t.wait(1h);
  t.file({kMx1});
  t.see();
  CHECK(past(t).policies[0].seen.gone == t.now());
  CHECK(past(t).policies[1].seen.first == t.now());
  CHECK(past(t).policies[1].number == 2);
  t.wait(1h);
  t.file({kMx2});
  t.id("B");
  t.see();
  CHECK(past(t).policies[1].seen.gone == t.now() - 1s);
}

TEST_CASE("a policy that one address still serves has not ended") {
  Timeline t;
  t.look.set_fetches({fetch(kWeb), fetch(kWeb2)});
  t.see();
  t.wait(1h);
  t.look.set_fetches({fetch(kWeb), fetch(kWeb2, policy({kMx1}))});
  t.see();
  CHECK_FALSE(past(t).policies[0].seen.gone);
  CHECK_FALSE(past(t).policies[1].seen.gone);
  // Nor has it while the other address cannot be seen.
  t.look.set_fetches({failed_fetch(Stage::request, Cause::timeout, 1s), fetch(kWeb2, policy({kMx1}))});
  t.wait(1h);
  t.see();
  CHECK_FALSE(past(t).policies[0].seen.gone);
  t.look.set_fetches({fetch(kWeb, policy({kMx1})), fetch(kWeb2, policy({kMx1}))});
  t.wait(1h);
  t.see();
  CHECK(past(t).policies[0].seen.gone == t.now());
  CHECK(codes_of(past(t).changes) == std::vector<std::string>{"policy"});  // told when it came, once
}

TEST_CASE("a policy that comes back under the same id is one window, under another a new entry") {
  Timeline t;
  t.see();
  t.wait(1h);
  t.look.set_fetches({fetch(kWeb, "gone", 404)});
  t.see_well();
  CHECK(past(t).policies[0].seen.gone);
  t.file({kMx1, kMx2});
  t.wait(1h);
  t.see();
  REQUIRE(past(t).policies.size() == 1);
  CHECK(past(t).policies[0].seen == Span{kNow, {}});
  CHECK(codes_of(past(t).changes) == std::vector<std::string>{"policy-gone", "policy"});
  CHECK(world(t).current_policy == "P1");
  t.look.set_fetches({fetch(kWeb, "gone", 404)});
  t.see_well();
  t.file({kMx1, kMx2});
  t.id("B");
  t.see();
  REQUIRE(past(t).policies.size() == 2);
  CHECK(past(t).policies[1].number == 2);
  const auto w = world(t);
  CHECK(w.policies[0].name == "P1");
  CHECK(w.current_policy == "P2");
}

TEST_CASE("an id that comes back is a new window; the largest TTL counts") {
  Timeline t;
  t.see();
  t.look.domain.sts.ttl = 20;
  t.wait(1h);
  t.see();
  CHECK(past(t).ids[0].ttl == 3600);
  t.id("B");
  t.wait(1h);
  t.see();
  t.id("20261101T000000Z");
  t.wait(1h);
  t.see();
  REQUIRE(past(t).ids.size() == 3);
  CHECK(past(t).ids[0].seen.gone);
  CHECK(past(t).ids[2].id == past(t).ids[0].id);
  CHECK(codes_of(past(t).changes) == std::vector<std::string>{"id", "id"});
}

TEST_CASE("the world's windows are those of the memory; what is gone ended before now") {
  Timeline t;
  t.see();
  t.wait(1h);
  t.id("B");
  t.file({kMx1});
  t.see();
  auto w = world(t);
  CHECK(w.now == t.now());
  CHECK(w.current_id == "B");
  CHECK(w.current_policy == "P2");
  REQUIRE(w.ids.size() == 2);
  CHECK(w.ids[0].last_ub < w.now);
  CHECK(w.ids[1].last_ub == w.now);
  CHECK(w.policies[0].last_ub < w.now);
  CHECK(w.policies[1].last_ub == w.now);
  // A look that cannot see the record keeps the last known id.
  t.look.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
  t.wait(1h);
  t.see();
  CHECK(world(t).current_id == "B");
}

TEST_CASE("a host that left and others that came are one change each") {
  Timeline t;
  t.see();
  t.wait(1h);
  t.mx_set({std::string(kMx2), kMx3});
  t.see();
  REQUIRE(past(t).changes.size() == 2);
  CHECK(past(t).changes[0].code == "mx-added");
  CHECK(past(t).changes[0].to == kMx3);
  CHECK(past(t).changes[1].code == "mx-removed");
  CHECK(past(t).changes[1].from == kMx1);
  CHECK(past(t).change_counts.at("mx-added") == 1);
}

TEST_CASE("MX answers in another order are no change") {
  Timeline t;
  t.see();
  std::ranges::reverse(t.look.domain.mx.records);
  t.wait(1h);
  t.see();
  CHECK(past(t).changes.empty());
}

TEST_CASE("nodes with certificates of their own that take turns are no change") {
  Timeline t;
  auto node = [](std::string_view key) {
    auto p = peer(std::string(kMx1));
    p.leaf.sha256 = p.leaf.spki_sha256 = key;
    return mx_host(std::string(kMx1), {probe_showing(kMail1, std::string(kMx1), p)});
  };
  for (int i = 0; i < 6; ++i) {
    t.look.set_mx(node(i % 2 == 0 ? "one" : "two"));
    t.see();
    t.wait(1h);
  }
  const auto& changes = t.hosts.at(std::string(kMx1))->changes;
  CHECK(codes_of(changes) == std::vector<std::string>{"certificate-key-changed"});  // the second node, once
}

TEST_CASE("streaks of the readiness gates grow, end with a fault, and wait while nothing is known") {
  Timeline t;
  t.file({kMx1, kMx2}, "testing");
  t.see();
  CHECK(past(t).gates.at("3") == kNow);
  CHECK(past(t).gates.at("5") == kNow);
  t.look.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com");
  t.run(days(1));
  CHECK(past(t).gates.at("5") == kNow);
  t.look.no_tlsrpt();
  t.see_well();
  CHECK_FALSE(past(t).gates.contains("5"));
  t.look.domain.tlsrpt = txt("_smtp._tls.example.com", {kTlsrpt});
  t.see();
  CHECK(past(t).gates.at("5") == t.now());
  CHECK(past(t).gates.at("3") == kNow);
}

TEST_CASE("lists are bounded, and a policy that may be cached is never forgotten early") {
  Timeline t;
  t.file({kMx1, kMx2}, "enforce", "31557600");
  t.see();
  for (int i = 0; i < 300; ++i) {
    t.wait(10min);
    t.id("N" + std::to_string(i));
    t.file({kMx1, i % 2 == 0 ? kMx2 : std::string_view("mx9.example.com")}, "enforce", "600");
    t.see();
  }
  CHECK(past(t).policies.size() <= 256);
  CHECK(past(t).ids.size() <= 256);
  CHECK(past(t).changes.size() <= 1000);
  CHECK(past(t).policies[0].policy.max_age == 31557600);
  // Still held by somebody, under whatever name the id of then has.
  t.look.no_record();
  t.see_well();
  const auto w = world(t);
  CHECK(std::ranges::any_of(held_now(w), [](const Held& h) { return h.policy.name == "P1"; }));
}

// The dangerous direction: whatever a sender could have fetched is in the world of the memory, live at least
// as long as the sender keeps it.
TEST_CASE("every pair that a sender could fetch at a look is held until its max_age has passed") {
  std::mt19937 random(20261201);
  for (int run = 0; run < 40; ++run) {
    Timeline t;
    struct Copy {
      std::string id;
      Policy policy;
      TimePoint until;
    };
    std::vector<Copy> copies;
    for (int i = 0; i < 60; ++i) {
      switch (random() % 8) {
        case 0:
          t.id("ID" + std::to_string(random() % 4));
          break;
        case 1:
          t.look.no_record();
          break;
        case 2:
          t.file({random() % 2 == 0 ? kMx1 : kMx2}, random() % 3 == 0 ? "testing" : "enforce",
                 random() % 2 == 0 ? "86400" : "3600");
          break;
        case 3:
          t.look.set_fetches({fetch(kWeb, "gone", 404)});
          break;
        case 4:
          t.look.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
          break;
        case 5:
          t.look.set_fetches({failed_fetch(Stage::request, Cause::timeout, 1s)});
          break;
        default:
          break;
      }
      t.see(random() % 4 != 0);
      // A sender that looks when we look.
      const Case c = t.look.prepared();
      if (c.record.usable() && c.shown() && t.record->policy_fetched == t.now())
        copies.push_back({c.record.id, *c.shown(), t.now() + Seconds(c.shown()->max_age)});
      const auto held = held_now(world(t));
      for (const Copy& copy : copies) {
        if (copy.until <= t.now()) continue;
        const bool there = std::ranges::any_of(held, [&](const Held& h) {
          return h.id.id == copy.id && same_policy(h.policy, copy.policy) &&
                 (!h.until || *h.until >= copy.until);
        });
        REQUIRE_MESSAGE(there, "run " << run << ", look " << i << ": " << copy.id);
      }
      t.wait(Seconds{60 + random() % 7200});
    }
  }
}

// TLSA records as looks saw them come, vouch, idle and go.

namespace {

TlsaRecord key(char digit) { return {3, 1, 1, std::string(64, digit)}; }

MxHostObservation seen(TimePoint at, const std::vector<TlsaRecord>& records, char in_use,
                       std::uint32_t ttl = 3600) {
  auto look = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
  look.at = at;
  look.tlsa = records.empty() ? absent<TlsaAnswer>(tlsa_name(kMx1, 25), false)
                              : found<TlsaAnswer>(tlsa_name(kMx1, 25), ttl);
  look.tlsa.secure = true;
  look.tlsa.records = records;
  for (const TlsaRecord& r : records)
    look.probes[0].tls.tlsa.push_back({.record = r, .matches = r == key(in_use)});
  return look;
}

constexpr auto kHour = std::chrono::hours{1};

}  // namespace

TEST_CASE("a roll-over: when the record came, when its key, when the former record idled and went") {
  HostPast past = note_tlsa({}, seen(kNow, {key('a')}, 'a'));
  REQUIRE(past.tlsa.records.size() == 1);
  CHECK_FALSE(past.tlsa.records[0].absent);  // the baseline
  CHECK(past.tlsa.records[0].matched == kNow);

  past = note_tlsa(past, seen(kNow + kHour, {key('a'), key('b')}, 'a'));
  REQUIRE(past.tlsa.records.size() == 2);
  CHECK(past.tlsa.records[1].absent == kNow);
  CHECK_FALSE(past.tlsa.records[1].matched);
  CHECK(past.tlsa.records[1].idle_since == kNow + kHour);

  past = note_tlsa(past, seen(kNow + 4 * kHour, {key('a'), key('b')}, 'b'));
  CHECK(past.tlsa.records[1].matched == kNow + 4 * kHour);
  CHECK_FALSE(past.tlsa.records[1].idle_since);
  CHECK(past.tlsa.records[0].idle_since == kNow + 4 * kHour);

  past = note_tlsa(past, seen(kNow + 5 * kHour, {key('b')}, 'b'));
  CHECK(past.tlsa.records[0].seen.gone == kNow + 5 * kHour);
  CHECK(past.tlsa.secure == kNow + 5 * kHour);

  past = note_tlsa(past, seen(kNow + days(20), {key('b')}, 'b'));
  CHECK(past.tlsa.records.size() == 1);  // what is long gone is forgotten
}

TEST_CASE("a resolver's copy is as old as its TTL has counted down") {
  HostPast past = note_tlsa({}, seen(kNow, {key('a')}, 'a', 3600));
  past = note_tlsa(past, seen(kNow + kHour, {key('a')}, 'a', 600));
  CHECK(past.tlsa.as_of == kNow + kHour - Seconds{3000});
  past = note_tlsa(past, seen(kNow + 2 * kHour, {key('a'), key('b')}, 'b', 3600));
  CHECK(past.tlsa.records[1].absent == kNow + kHour - Seconds{3000});
}

TEST_CASE("what a look could not see changes nothing") {
  const HostPast past = note_tlsa({}, seen(kNow, {key('a')}, 'a'));
  auto look = seen(kNow + kHour, {}, 'a');
  look.tlsa.secure = false;  // this resolver may have ceased to validate
  CHECK(note_tlsa(past, look) == past);
  look.tlsa = unknown<TlsaAnswer>(look.tlsa.name);
  CHECK(note_tlsa(past, look) == past);
  look = seen(kNow + kHour, {key('a')}, 'z');
  look.probes[0].failure = Failure{Stage::connect, Cause::timeout, "no answer"};
  CHECK_FALSE(note_tlsa(past, look).tlsa.records[0].idle_since);
  look = seen(kNow + kHour, {}, 'a');
  CHECK(note_tlsa(past, look).tlsa.records[0].seen.gone == kNow + kHour);
}

TEST_CASE("records without end do not make a memory without end") {
  HostPast past;
  for (int i = 0; i < 2000; ++i) {
    auto record = key('a');
    record.data += std::to_string(i);
    past = note_tlsa(past, seen(kNow + Seconds{i}, {record}, 'a'));
  }
  CHECK(past.tlsa.records.size() <= 2 * bounds::kTlsaRecords);
}

}  // namespace stswatch::facts
