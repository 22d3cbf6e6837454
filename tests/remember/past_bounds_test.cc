// However restless a domain is: its memory is bounded, and what senders may still hold is in it.
#include "agent/remember/past.h"

#include <doctest/doctest.h>

#include <random>

#include "checks/facts/policy.h"
#include "checks/judge/senders/forecast.h"
#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

/// A policy of nearly 64 KB that lists these hosts, unlike any other.
std::string big(std::initializer_list<std::string_view> hosts, unsigned number) {
  std::string body = policy(hosts, "enforce", std::to_string(2592000 + number % 100));
  for (unsigned i = 0; body.size() < 63'000; ++i)
    body += "mx: r" + std::to_string(number) + "x" + std::to_string(i) + ".elsewhere.example\n";
  return body;
}

std::size_t octets_of(const Past& past) {
  std::size_t octets = past.forgotten_ids.size() * 4;
  for (const auto& p : past.policies)
    for (const auto& pattern : p.policy.mx)
      octets += pattern.size();
  for (const auto& c : past.changes)
    octets += c.from.size() + c.to.size() + c.subject.size();
  for (const auto& id : past.ids)
    octets += id.id.size() + sizeof(SeenId);
  return octets;
}

std::optional<TimePoint> end_of(const World& w, const std::string& id, std::string_view host) {
  std::optional<TimePoint> out;
  for (const Held& h : held_now(w))
    if (h.id.id == id && h.policy.mx == std::vector<std::string>{std::string(host)})
      out = std::max(out, std::optional(h.until.value_or(TimePoint::max())));
  return out;
}

}  // namespace

TEST_CASE("of changes the newest thousand stay, and 48 KiB of what they say") {
  std::vector<Change> changes(1001);
  changes.front().subject = "oldest";
  changes.back().subject = "newest";
  bound_changes(changes);
  CHECK(changes.size() == 1000);
  CHECK(changes.front().subject.empty());
  CHECK(changes.back().subject == "newest");
  for (auto& change : changes)
    change.to = std::string(1024, 'x');
  bound_changes(changes);
  CHECK(changes.size() == 47);  // with "newest"
  changes.back().to = std::string(64 << 10, 'x');
  bound_changes(changes);
  CHECK(changes.size() == 1);
}

TEST_CASE("bodies in turn under one id are one window each, and an older policy that binds stays") {
  Timeline t;
  t.file({kMx1}, "enforce", "2592000");
  t.mx_set({std::string(kMx1)});
  t.see();
  t.wait(1h);
  const auto changed = t.now();
  t.mx_set({std::string(kMx2)});
  for (int i = 0; i < 600; ++i) {
    if (i % 2 == 0)
      t.file({kMx2}, "enforce", "31536000");
    else
      t.file({kMx2, kMx3}, "enforce", "31536000");
    t.see();
    t.wait(30s);
  }
  CHECK(t.record->past.policies.size() == 3);
  CHECK(end_of(world(t), "20261101T000000Z", kMx1) == changed + days(30));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{0, 0, 1});
  CHECK(t.verdict().status == Status::critical);
}

TEST_CASE("an id and a policy of 64 KB that are new at every look") {
  Timeline t;
  t.file({kMx1}, "enforce", "31536000");
  t.mx_set({std::string(kMx1)});
  t.see();
  t.wait(1h);
  const auto first_gone = t.now();
  t.mx_set({std::string(kMx2)});
  std::size_t before = 0, after = 0;
  for (unsigned i = 0; i < 270; ++i) {
    t.id("N" + std::to_string(i));
    t.look.set_fetches({fetch(kWeb, big({kMx2}, i))});
    t.see();
    auto& most = i < 200 ? before : after;
    most = std::max(most, octets_of(t.record->past));
    t.wait(5min);
  }
  const auto& past = t.record->past;
  CHECK(past.policies.size() <= past_bounds::kWindows);
  CHECK(past.ids.size() <= past_bounds::kWindows);
  CHECK(after < 256U << 10);
  CHECK(after < before + (8U << 10));  // flat, but for what gathers until the next is joined
  // The first policy lists another host: it is kept by itself, to its end.
  const auto w = world(t);
  const auto held = held_now(w);
  const auto first = std::ranges::find_if(
      held, [](const Held& h) { return h.policy.mx == std::vector<std::string>{std::string(kMx1)}; });
  REQUIRE(first != held.end());
  CHECK(first->until >= first_gone - 1s + days(365));
  // A policy of any look is covered by one that lists no more, and ends no earlier.
  for (const unsigned i : {0U, 100U, 200U, 268U}) {
    const TimePoint until = first_gone + 5min * (i + 1) - 1s + Seconds{2592000 + i % 100};
    CHECK(std::ranges::any_of(held, [&](const Held& h) {
      return h.policy.mx.front() == kMx2 && h.policy.first <= first_gone + 5min * i &&
             h.policy.last_ub >= first_gone + 5min * (i + 1) - 1s && h.until >= until;
    }));
  }
  CHECK(w.policies.back().mx.size() > 1000);  // what is served now is there as it is
  // An id whose window became part of another's, and that comes back, binds what was held then.
  t.id("N3");
  t.see();
  CHECK(t.verdict().enforce_usable_mx == UsableMx{0, 0, 1});
}

TEST_CASE("a long list is told apart by its digest, and what it may list is kept") {
  Timeline t;
  t.look.set_fetches({fetch(kWeb, big({kMx1, kMx2}, 1))});
  t.see();
  t.wait(1h);
  t.look.set_fetches({fetch(kWeb, big({kMx1, kMx2}, 2))});
  t.id("B");
  t.see();
  const auto& gone = t.record->past.policies[0].policy;
  CHECK(gone.more > 1000);
  CHECK(matches_any(kMx1, gone.mx));
  CHECK(matches_any(kMx2, gone.mx));
  const auto reading = read_policy(big({kMx1, kMx2}, 1));
  CHECK(same_policy(gone, *reading.strict));
  CHECK_FALSE(same_policy(gone, t.record->past.policies[1].policy));
  CHECK(t.verdict().safe_after > t.now());
  // The same file again: nothing that senders hold differs from it but the other one.
  t.wait(1h);
  t.look.set_fetches({fetch(kWeb, big({kMx1, kMx2}, 1))});
  t.id("C");
  t.see();
  CHECK(t.verdict().safe_after == t.now() - 1s + Seconds{2592002});
}

TEST_CASE("always other hosts as well: what covers two policies lists no more than either") {
  Timeline t;
  std::mt19937 random(7);
  for (unsigned i = 0; i < 300; ++i) {
    const std::string host = "mx" + std::to_string(random() % 100000) + ".example.com";
    t.file({host}, "enforce", "31536000");
    t.id("N" + std::to_string(i));
    t.mx_set({host});
    t.see();
    t.wait(5min);
  }
  CHECK(t.record->past.policies.size() <= past_bounds::kWindows);
  const auto held = held_now(world(t));
  CHECK(std::ranges::any_of(held, [](const Held& h) { return h.policy.mx.empty(); }));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{1, 1, 1});  // no copy of before binds
}

}  // namespace stswatch::facts
