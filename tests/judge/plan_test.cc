// The planner on worlds whose right plan is known: what comes first, from when on, and what is refused.
#include "checks/judge/senders/plan.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/judge/plan_executor.h"
#include "tests/judge/senders_world.h"

namespace stswatch::worlds {
namespace {

GoalPolicy enforce(std::optional<std::vector<std::string>> mx = std::nullopt,
                   std::uint64_t max_age = 864000) {
  return {Mode::enforce, std::move(mx), max_age};
}

std::string deeds(const Plan& plan) {
  std::string out;
  for (const auto& step : plan.steps)
    out += (out.empty() ? "" : " ") + std::string(to_string(step.deed));
  return out;
}

void check_sound(const World& w, const Goal& g, const Plan& plan) {
  CHECK(read_closely(w, g, plan) == "");
  for (const Seconds by : {0s, 1s, 3601s, Seconds(days(12)), Seconds(days(365))})
    CHECK(carry_out(w, g, plan, [by](int n) { return n % 2 == 1 ? by : Seconds{}; }) == "");
}

constexpr Seconds kSlack{300};

}  // namespace

TEST_CASE("a move: wide file, id, MX when the last old cache is over, narrow file, id (RFC 8461 §8.1)") {
  const World w = one_host();
  const Goal g{{{host(10, "b.example.org")}}, enforce(), false};
  const Plan plan = make_plan(w, g);
  CHECK(plan.verdict == PlanVerdict::safe);
  REQUIRE(deeds(plan) == "serve-policy publish-id set-mx serve-policy publish-id");
  CHECK(plan.steps[0].policy->mx == std::vector<std::string>{"b.example.org", "a.example.net"});
  CHECK(plan.steps[1].not_before > plan.steps[0].not_before);
  // From the moment the old file goes, and from the moment the old id goes: each counted from its own step.
  CHECK(plan.steps[2].after == std::vector<Wait>{{1, Seconds(864000) + kSlack}, {2, Seconds(1800) + kSlack}});
  CHECK(plan.steps[3].after == std::vector<Wait>{{3, Seconds(600) + kSlack}});
  CHECK(plan.steps[3].policy->mx == std::vector<std::string>{"b.example.org"});
  CHECK(plan.steps[1].id != plan.steps[4].id);
  CHECK(plan.steps[2].text.find("10 d 5 min after step 1") != std::string::npos);
  CHECK(plan.steps[2].text.find("a.example.net answer for another 10 min") != std::string::npos);
  check_sound(w, g, plan);
}

TEST_CASE("enforce waits until no resolver shows a former host that senders without a policy could use") {
  World w = one_host();
  w.policies.clear();
  w.ids.clear();
  w.current_policy.reset();
  w.current_id.reset();
  w.mx_ttl = 604800;
  w.mx[0].addresses[0].starttls = false;
  const Goal g{{{host(10, "b.example.org")}}, enforce(), false};
  const Plan plan = make_plan(w, g);
  CHECK(plan.verdict == PlanVerdict::safe);
  REQUIRE(deeds(plan) == "set-mx serve-policy publish-id");
  CHECK(plan.steps[1].after == std::vector<Wait>{{1, Seconds(604800) + kSlack}});
  CHECK(plan.steps[1].text.find("no resolver shows the former MX set") != std::string::npos);
  check_sound(w, g, plan);
  // One that nobody can reach has nothing to lose, and then nothing is said of resolvers.
  w.mx[0].addresses[0].reachable = false;
  const Plan soon = make_plan(w, g);
  CHECK(soon.done_at < w.now + days(1));
  for (const auto& step : soon.steps)
    CHECK(step.text.find("no resolver shows") == std::string::npos);
}

TEST_CASE("a goal that names nothing still has the policy follow the MX set") {
  World w = one_host();
  w.mx = {host(10, "b.example.org")};
  const Goal g{};
  const Plan plan = make_plan(w, g);
  CHECK(plan.verdict == PlanVerdict::safe);
  REQUIRE(deeds(plan) == "serve-policy publish-id");
  CHECK(plan.steps[0].policy->mx == std::vector<std::string>{"b.example.org"});
  w = one_host();
  w.mx.push_back(host(20, "b.example.org"));
  REQUIRE(deeds(make_plan(w, g)) == "serve-policy publish-id");
}

TEST_CASE("no cache outlives 30 days while record and file are there, however long max_age is") {
  World w = one_host();
  w.policies[0].max_age = 31557600;
  const Goal g{{{host(10, "b.example.org")}}, enforce(), false};
  CHECK(make_plan(w, g).steps[2].not_before == kNow + days(30) + kSlack);

  SUBCASE("with the record missing they are published first, and the old caches are what they were") {
    w.current_id.reset();
    w.ids[0].last_ub = kNow - days(3);
    const Plan plan = make_plan(w, g);
    REQUIRE(deeds(plan) == "serve-policy publish-id set-mx serve-policy publish-id");
    CHECK(plan.done_at < kNow + days(31));
    check_sound(w, g, plan);
  }
  SUBCASE("with neither in reach, and only the MX set to change, the policy is served again") {
    w.current_policy.reset();
    w.policies[0].last_ub = kNow - days(2);
    const Goal move{{{host(10, "b.example.org")}}, std::nullopt, false};
    const Plan plan = make_plan(w, move);
    CHECK(plan.verdict == PlanVerdict::safe);
    CHECK(deeds(plan) == "serve-policy publish-id set-mx serve-policy publish-id");
    CHECK(plan.done_at < kNow + days(31));
    check_sound(w, move, plan);
  }
}

TEST_CASE("what every cache lists already is not waited for") {
  World w = one_host();
  w.policies[0].mx = {"a.example.net", "*.example.org"};
  SUBCASE("the new host is listed: MX first, the file when no resolver shows the former set") {
    const Goal g{{{host(10, "b.example.org")}}, enforce(), false};
    const Plan plan = make_plan(w, g);
    REQUIRE(deeds(plan) == "set-mx serve-policy publish-id");
    CHECK(plan.steps[0].not_before == kNow);
    check_sound(w, g, plan);
  }
  SUBCASE("the policy stays: it lists the goal") {
    const Goal g{{{host(10, "b.example.org"), host(20, "a.example.net")}}, std::nullopt, false};
    CHECK(deeds(make_plan(w, g)) == "set-mx");
  }
  SUBCASE("the policy follows where it does not, in mode and max_age as before") {
    const Goal g{{{host(10, "c.example.com"), host(20, "a.example.net")}}, std::nullopt, false};
    const Plan plan = make_plan(w, g);
    CHECK(deeds(plan).starts_with("serve-policy publish-id set-mx"));
    check_sound(w, g, plan);
  }
}

TEST_CASE("a pair of the id shown now with a former file never ends: a new id comes first") {
  World w = one_host();
  w.policies.insert(w.policies.begin(),
                    policy("P0", {"old.example.net"}, 86400, kNow - days(95), kNow - days(90)));
  w.policies[1].mx = {"a.example.net", "b.example.org"};
  const Goal g{{{host(10, "b.example.org")}}, std::nullopt, false};
  // P0 let its holders use nothing at the start: nothing is lost, and nothing is waited for.
  CHECK(deeds(make_plan(w, g)) == "set-mx");
  w.policies[0].mx = {"a.example.net"};
  const Plan plan = make_plan(w, g);
  REQUIRE(deeds(plan) == "publish-id set-mx");
  CHECK(plan.steps[1].after == std::vector<Wait>{{1, Seconds(1800) + kSlack}});
  check_sound(w, g, plan);
}

TEST_CASE("the right file under an id that a wrong one was fetched with: a new id is due, and why") {
  World w = one_host();
  w.policies = {policy("P1", {"old.example.net"}, 864000, kNow - days(90), kNow - days(1)),
                policy("P2", {"a.example.net"}, 864000, kNow - days(1), kNow)};
  w.current_policy = "P2";
  const Plan plan = make_plan(w, {});
  CHECK(plan.verdict == PlanVerdict::safe);
  REQUIRE(deeds(plan) == "publish-id");
  CHECK(plan.steps[0].id != "x1");
  CHECK(plan.steps[0].text.find("The id of now, x1, was there with an earlier file too") !=
        std::string::npos);
  CHECK(plan.why.find("Nothing has to change") == std::string::npos);
  check_sound(w, {}, plan);
  const auto due = [](const World& of) { return deeds(make_plan(of, {})) == "publish-id"; };
  SUBCASE("also where the older file asked for nothing") {
    w.policies[0].mode = Mode::none;
    CHECK(due(w));
  }
  SUBCASE("not once nobody can hold the older one") {
    w.policies[0].max_age = 3600;
    CHECK_FALSE(due(w));
  }
  SUBCASE("nor where both say the same") {
    w.policies[0].mx = w.policies[1].mx;
    CHECK_FALSE(due(w));
  }
  SUBCASE("nor where looks lay apart, and nobody saw the two together") {
    w.policies[0].last_seen = kNow - days(3);
    w.ids[0].first = w.policies[0].first;
    w.ids[0].sighted = kNow - days(2);
    CHECK_FALSE(due(w));
  }
  SUBCASE("nor where the older one is the right one: a new id would take it from its holders") {
    std::swap(w.policies[0].mx, w.policies[1].mx);
    CHECK_FALSE(due(w));
  }
  SUBCASE("an id of its own came since") {
    w.ids = {{"x1", kNow - days(90), kNow - days(1), 1800}, {"x2", kNow - days(1) + 1h, kNow, 1800}};
    w.current_id = "x2";
    CHECK_FALSE(due(w));
  }
}

TEST_CASE("a stray address that serves an older file is ended before the MX set changes") {
  World w = one_host();
  w.policies.insert(w.policies.begin(), policy("P0", {"a.example.net"}, 86400, kNow - days(95), kNow));
  w.policies[1].mx = {"a.example.net", "b.example.org"};
  const Goal g{{{host(10, "b.example.org")}}, std::nullopt, false};
  const Plan plan = make_plan(w, g);
  REQUIRE(deeds(plan) == "serve-policy publish-id set-mx");
  CHECK(plan.steps[2].not_before >= kNow + days(1));
  check_sound(w, g, plan);
}

TEST_CASE("nothing to do is no step, and only what is missing is published") {
  World w = one_host();
  const Goal same{{{host(10, "a.example.net")}}, enforce(), false};
  CHECK(make_plan(w, same).steps.empty());
  CHECK(make_plan(w, same).verdict == PlanVerdict::safe);
  CHECK(make_plan(w, same).done_at == kNow);
  w.current_id.reset();
  w.ids[0].last_ub = kNow - days(1);
  CHECK(deeds(make_plan(w, same)) == "publish-id");
}

TEST_CASE("hosts that do not work are repaired before anything else, and named") {
  World w = one_host();
  w.mx.push_back(host(20, "b.example.net"));
  w.policies[0].mx.push_back("b.example.net");
  auto bad = host(5, "c.example.org");
  SUBCASE("a new host that is broken, beside good ones") {
    bad.addresses[0].trusted = false;
    const Plan plan = make_plan(w, {{{bad, host(10, "a.example.net")}}, enforce(), false});
    CHECK(plan.verdict == PlanVerdict::unsafe);
    REQUIRE(!plan.steps.empty());
    CHECK(plan.steps[0].deed == Deed::repair);
    CHECK(plan.steps[0].host == "c.example.org");
    CHECK(plan.why.find("c.example.org") != std::string::npos);
    CHECK(plan.steps[1].after == std::vector<Wait>{{1, 0s}});
  }
  SUBCASE("a host that is there and stays, better than the good ones: safe, and named") {
    w.mx[0].addresses[0].starttls = false;
    const Plan plan = make_plan(w, {std::nullopt, enforce(std::nullopt, 86400), false});
    CHECK(plan.verdict == PlanVerdict::safe);
    CHECK(plan.why.find("a.example.net") != std::string::npos);
  }
  SUBCASE("nobody enforces in the end: nothing has to be repaired, but old caches are waited for") {
    bad.addresses.clear();
    const Goal g{{{bad}}, GoalPolicy{Mode::testing, std::nullopt, 86400}, false};
    const Plan plan = make_plan(w, g);
    CHECK(plan.verdict == PlanVerdict::safe);
    REQUIRE(deeds(plan) == "serve-policy publish-id set-mx");
    CHECK(plan.steps[2].not_before == kNow + days(10) + kSlack);
    check_sound(w, g, plan);
  }
  SUBCASE("the policy of the goal lists none of its hosts") {
    const Plan plan = make_plan(w, {std::nullopt, enforce({{"z.example.org"}}), false});
    CHECK(plan.verdict == PlanVerdict::unsafe);
    CHECK(plan.steps.empty());
  }
  SUBCASE("an unseen host alone: no proof; beside a certain one it changes nothing") {
    auto unseen = unknown_mx(5, "c.example.org");
    CHECK(make_plan(w, {{{unseen}}, enforce(), false}).verdict == PlanVerdict::unknown);
    CHECK(make_plan(w, {{{unseen}}, enforce(), false}).steps.empty());
    CHECK(make_plan(w, {{{unseen, host(10, "a.example.net")}}, enforce(), false}).verdict ==
          PlanVerdict::safe);
  }
}

TEST_CASE("the policy host's certificate has ended") {
  World w = one_host();
  w.policy_host_not_after = kNow - days(1);
  const Plan plan = make_plan(w, {std::nullopt, enforce(std::nullopt, 86400), false});
  CHECK(plan.verdict == PlanVerdict::unsafe);
  REQUIRE(deeds(plan) == "repair serve-policy publish-id");
  CHECK(plan.steps[0].host == "mta-sts.example.net");
  CHECK(plan.why.find("mta-sts.example.net") != std::string::npos);
  // The MX set alone can change without it.
  w.policies[0].mx.push_back("b.example.net");
  const Goal g{{{host(10, "a.example.net"), host(20, "b.example.net")}}, std::nullopt, false};
  CHECK(deeds(make_plan(w, g)) == "set-mx");
}

TEST_CASE(
    "retirement: mode none with its mx lines, and nothing removed before the longest max_age is over "
    "(§8.3)") {
  World w = one_host();
  w.policies.insert(w.policies.begin(),
                    policy("P0", {"a.example.net"}, 8640000, kNow - days(95), kNow - days(90)));
  w.ids.insert(w.ids.begin(), {"x0", kNow - days(95), kNow - days(90), 1800});
  const Goal g{std::nullopt, std::nullopt, true};
  const Plan plan = make_plan(w, g);
  CHECK(plan.verdict == PlanVerdict::safe);
  REQUIRE(deeds(plan) == "serve-policy publish-id remove-record remove-policy");
  CHECK(plan.steps[0].policy->mode == Mode::none);
  CHECK(plan.steps[0].policy->mx == std::vector<std::string>{"a.example.net"});
  CHECK(plan.steps[0].policy->max_age <= 604800);
  // P0's 100 days end ten days from now; P1's ten days begin when it goes.
  CHECK(plan.steps[2].not_before == kNow + days(10) + kSlack);
  check_sound(w, g, plan);
}

TEST_CASE("dates of certificates that the plan outlives are told") {
  World w = one_host();
  w.mx[0].addresses[0].not_after = kNow + days(4);
  w.policy_host_not_after = kNow + days(6);
  const Plan plan = make_plan(w, {{{host(10, "b.example.org")}}, enforce(), false});
  CHECK(plan.why.find("a.example.net at 2026-12-05") != std::string::npos);
  CHECK(plan.why.find("mta-sts.example.net at 2026-12-07") != std::string::npos);
  CHECK(make_plan(w, {std::nullopt, enforce(std::nullopt, 86400), false}).why.find("2026-12-05") ==
        std::string::npos);
}

TEST_CASE("a first deployment is a file and a record; an id that was ever used is not used again") {
  World w = one_host();
  w.policies.clear();
  w.ids.clear();
  w.current_policy.reset();
  w.current_id.reset();
  const Goal g{std::nullopt, GoalPolicy{Mode::testing, std::nullopt, 86400}, false};
  REQUIRE(deeds(make_plan(w, g)) == "serve-policy publish-id");
  const std::string obvious = make_plan(w, g).steps[1].id;
  w.ids = {{obvious, kNow - days(9), kNow - days(8), 60}};
  CHECK(make_plan(w, g).steps[1].id != obvious);
}

TEST_CASE("words and back") {
  for (const Deed deed : {Deed::repair, Deed::serve_policy, Deed::publish_id, Deed::set_mx,
                          Deed::remove_record, Deed::remove_policy})
    CHECK(parse_deed(to_string(deed)) == deed);
  CHECK(!parse_deed("remove"));
}

}  // namespace stswatch::worlds

// The roll-over of a key under DANE, held against every record set that some sender may have in its cache.

namespace {

using namespace stswatch;

const TimePoint kTlsaNow = *parse_utc("2026-12-01T00:00:00Z");
TlsaRecord key(char digit) { return {3, 1, 1, std::string(64, digit)}; }
const TlsaRecord kOldKey = key('a'), kNext = key('b'), kIssuer{2, 1, 1, std::string(64, 'c')};

KeyChange change(std::vector<TlsaRecord> records, std::vector<TlsaRecord> vouching) {
  return {"mx.example.com", std::move(records), std::move(vouching), kNext, 3600, kTlsaNow, {}};
}

std::string deeds(const std::vector<TlsaStep>& steps) {
  std::string out;
  for (const TlsaStep& step : steps)
    out += (out.empty() ? "" : " ") + std::string(to_string(step.deed)) + "+" +
           std::to_string(step.after.count());
  return out;
}

/// Each step is done `late` after it may be. A sender's cache holds a set for a TTL after it was replaced,
/// and a secondary may have served it a TTL longer: some record of it has to be of the key in use.
void check_caches(const KeyChange& start, const std::vector<TlsaStep>& steps, Seconds late) {
  struct Served {
    std::vector<TlsaRecord> records;
    TimePoint until;
  };
  std::vector<Served> served;
  std::vector<TlsaRecord> now = start.records;
  TlsaRecord in_use = kOldKey;
  TimePoint at = start.now;
  for (const TlsaStep& step : steps) {
    at += step.after + late;
    if (step.records != now) {
      served.push_back({now, at + 2 * Seconds{start.ttl}});
      now = step.records;
    }
    if (step.deed == TlsaDeed::change_key) in_use = kNext;
    CHECK(std::ranges::find(now, in_use) != now.end());
    for (const Served& cached : served)
      if (at < cached.until) CHECK(std::ranges::find(cached.records, in_use) != cached.records.end());
  }
  CHECK(in_use == kNext);
}

}  // namespace

TEST_CASE("publish, wait two TTLs, change, remove; safe for every cache, however late (RFC 7671 §8.1)") {
  const auto start = change({kOldKey}, {kOldKey});
  const auto steps = plan_key_change(start);
  REQUIRE(steps);
  CHECK(deeds(*steps) == "publish-tlsa+0 change-key+7200 remove-tlsa+0");
  CHECK(steps->at(1).not_before == kTlsaNow + Seconds{7200});
  CHECK(steps->back().records == std::vector{kNext});
  for (const int late : {0, 1, 3599, 7200, 1'000'000})
    check_caches(start, *steps, Seconds{late});
}

TEST_CASE("the next record stands there already: what is left of the wait") {
  auto start = change({kOldKey, kNext}, {kOldKey});
  CHECK(deeds(*plan_key_change(start)) == "change-key+7200 remove-tlsa+0");  // since when is not known
  start.published = kTlsaNow - Seconds{7000};
  CHECK(deeds(*plan_key_change(start)) == "change-key+200 remove-tlsa+0");
  start.published = kTlsaNow - Seconds{90'000};
  CHECK(deeds(*plan_key_change(start)) == "change-key+0 remove-tlsa+0");
}

TEST_CASE("an issuer's record stays") {
  const auto steps = plan_key_change(change({kOldKey, kIssuer}, {kOldKey, kIssuer}));
  REQUIRE(steps);
  CHECK(steps->back().records == std::vector{kIssuer, kNext});
}

TEST_CASE("no plan where it would not be safe, or is not needed") {
  const auto why = [](const KeyChange& c) { return plan_key_change(c).error(); };
  CHECK(why(change({}, {})).find("no TLSA records") != std::string::npos);
  CHECK(why(change({kOldKey}, {})).find("no TLSA record vouches") != std::string::npos);
  CHECK(why(change({kNext}, {kNext})).find("key in use") != std::string::npos);
  CHECK(why(change({kIssuer}, {kIssuer})).find("publish one of it first") != std::string::npos);
  auto unusable = change({kOldKey}, {kOldKey});
  unusable.next = {1, 1, 1, std::string(64, 'b')};
  CHECK(why(unusable).find("no sender can use") != std::string::npos);
  unusable.next = {3, 1, 1, "abcd"};
  CHECK(why(unusable).find("no sender can use") != std::string::npos);
}
