// From one look to the world of the sender simulation, and from its result to group I and the forecast of
// CONTRACT 2.
#include "checks/judge/senders/forecast.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/judge/facts_builder.h"
#include "tests/judge/senders_world.h"

namespace stswatch::facts {
namespace {
using Told = std::vector<std::string>;

/// One MX host, mx1, whose certificate has `left` of `life`.
void alone(Look& look, Seconds left, Seconds life = days(90)) {
  look.domain.mx = mx({{10, kHost}});
  look.mx.clear();
  look.set_mx(mx_host(kHost, {probe_showing(kMail1, kHost, peer(kHost, left, life))}));
}

struct Foretold {
  Forecast forecast;
  std::vector<Finding> findings;
};

Foretold foretell(const World& world, Limits limits = {}) {
  const Simulation result = simulate(world);
  Findings out(domain(), Mode::enforce, world.now);
  judge_forecast(world, result, limits, {}, out);
  return {forecast_of(world, result, limits), out.all()};
}

Foretold foretell(const Look& look) { return foretell(world_of(look.prepared()), look.limits); }

struct Notice {
  const char* why;
  Seconds left, life;
  Told told;
  Route route;
};

/// RULES 4.7, example 3: a move in the right order; the policy host's certificate ends in `left`.
World moved(Seconds left) {
  World w = world_of(base().prepared());
  w.policies = {{"P1", Mode::enforce, {"old.example.com"}, 2592000, kNow - days(300), kNow - days(6)},
                {"P2", Mode::enforce, {kHost, kOther}, 604800, kNow - days(6), kNow}};
  w.ids = {{"A", kNow - days(300), kNow - days(6), 3600}, {"B", kNow - days(6) + 1h, kNow, 3600}};
  w.current_policy = "P2";
  w.current_id = "B";
  w.policy_host_not_after = kNow + left;
  w.policy_host_not_before = kNow - days(1);
  return w;
}

}  // namespace

TEST_CASE("the world of one look (CONTRACT 2, 4)") {
  auto look = base();
  SUBCASE("policies, id, policy host, MX hosts") {
    const World w = world_of(look.prepared());
    CHECK(w.current_policy == "P1");
    CHECK(w.current_id == "20261101T000000Z");
    REQUIRE(w.policies.size() == 1);
    CHECK(w.policies[0].last_ub == kNow);
    CHECK(w.ids[0].ttl == 3600);
    CHECK(w.policy_host_not_after == kNow + days(60));
    CHECK(w.policy_host_not_before == kNow - days(30));
    REQUIRE(w.mx.size() == 2);
    const WorldAddress& a = w.mx[0].addresses[0];
    CHECK(a.reachable == true);
    CHECK(a.starttls);
    CHECK(a.trusted);
    CHECK(a.dns_names == Told{kHost});
    CHECK(a.not_after == kNow + days(60));
  }
  SUBCASE("no usable record: no id, and no policy in effect") {
    look.no_record();
    const World w = world_of(look.prepared());
    CHECK_FALSE(w.current_id);
    CHECK(w.policies.empty());
    CHECK_FALSE(simulate(w).rfc.usable);
  }
  SUBCASE("two addresses of the policy host that differ: both policies are in effect") {
    look.set_fetches({fetch(kWeb), fetch(kWeb2, policy({"mail.example.com"}))});
    CHECK((foretell(look).forecast.breakage == ForecastPoint{kNow, Why::mx_none_in_policy, {"example.com"}}));
  }
  SUBCASE("the earliest end among the policy host's good certificates") {
    auto second = fetch(kWeb2);
    second.tls = tls(peer("mta-sts.example.com", days(20)));
    look.set_fetches({fetch(kWeb), second, distrusted_fetch(expired("mta-sts.example.com"), "198.51.101.3")});
    CHECK(world_of(look.prepared()).policy_host_not_after == kNow + days(20));
  }
  SUBCASE("what cannot be reached in one look is unknown, and creates no breakage") {
    look.set_mx(mx_host(kHost, {failed_probe(kMail1, Stage::connect, Cause::refused)}));
    look.mx.erase(kOther);
    const auto r = simulate(world_of(look.prepared())).rfc;
    CHECK((r.usable == UsableMx{0, 2, 2}));
    CHECK_FALSE(r.breakage);
  }
  SUBCASE("an unknown family beside a bad address may hold a good one") {
    auto seen = mx_host(kHost, {probe_showing(kMail1, kHost, expired(kHost))});
    seen.addresses.aaaa = unknown<AddressAnswer>(kHost);
    look.set_mx(seen);
    CHECK((simulate(world_of(look.prepared())).rfc.usable == UsableMx{1, 2, 2}));
  }
  SUBCASE("a proven fault without a date is a fault all the same") {
    auto shown = peer(kHost);
    shown.faults = {{ChainFault::Kind::expired, 2, "certificate has expired"}};  // a root that was not sent
    look.set_mx(mx_host(kHost, {probe_showing(kMail1, kHost, shown)}));
    CHECK((simulate(world_of(look.prepared())).rfc.usable == UsableMx{1, 1, 2}));
  }
  SUBCASE("the unknown count agrees with `usable` of each host") {
    look.set_mx(mx_host(kHost, {failed_probe(kMail1, Stage::handshake, Cause::timeout)}));
    const Case c = look.prepared();
    CHECK(c.mx[0].usable == std::nullopt);
    CHECK((simulate(world_of(c)).rfc.usable == UsableMx{1, 2, 2}));
  }
}

TEST_CASE("group I: breakage by its distance and its cause") {
  const Notice rows[] = {
      {"ended: now", 0s, days(90), {"enforce-breakage-now example.com critical"}, Route::page},
      {"within 24 h", 24h, days(90), {"enforce-breakage-predicted example.com critical"}, Route::page},
      {"within 7 d, past its renewal point",
       days(7),
       days(90),
       {"enforce-breakage-predicted example.com critical"},
       Route::ticket},
      {"beyond 7 d, past its renewal point: the certificate's own finding is enough",
       days(7) + 1s,
       days(90),
       {},
       Route::log},
      {"a healthy certificate's end is a figure, never a finding", 100h, 160h, {}, Route::log},
      {"healthy, far away", days(60), days(90), {}, Route::log},
  };
  for (const Notice& row : rows) {
    CAPTURE(row.why);
    auto look = base();
    alone(look, row.left, row.life);
    const auto got = foretell(look);
    CHECK(told(got.findings) == row.told);
    if (!row.told.empty()) CHECK(got.findings[0].route == row.route);
    REQUIRE(got.forecast.breakage);
    CHECK((got.forecast.breakage->at == kNow + row.left));
    CHECK(got.forecast.breakage->reason == Why::certificate_expired);
  }
}

TEST_CASE("group I: degradation") {
  const auto with_mx2 = [](Seconds left, Seconds life) {
    auto look = base();
    look.set_mx(mx_host(kOther, {probe_showing(kMail2, kOther, peer(kOther, left, life))}));
    return foretell(look);
  };
  CHECK(told(with_mx2(days(20), days(90)).findings) ==
        Told{"enforce-degradation-predicted example.com warning"});
  CHECK(with_mx2(days(30), days(90)).findings.empty());
  CHECK(with_mx2(100h, 160h).findings.empty());
  const auto overdue_at_a_distance = with_mx2(days(20), days(398));
  CHECK(told(overdue_at_a_distance.findings) == Told{"enforce-degradation-predicted example.com warning"});
}

TEST_CASE("group I: a policy-host event counts by its distance, healthy or not") {
  SUBCASE("within 7 d") {
    const auto got = foretell(moved(days(5)));
    CHECK(told(got.findings) == Told{"enforce-breakage-predicted example.com critical"});
    CHECK(got.findings[0].route == Route::ticket);
    CHECK((got.forecast.breakage ==
           ForecastPoint{kNow + days(5), Why::policy_host_certificate_expired, {"mta-sts.example.com"}}));
    CHECK_FALSE(got.forecast.overdue);  // 5 d of 6 are left: healthy (RULES 5.2)
  }
  SUBCASE("beyond") { CHECK(foretell(moved(days(8))).findings.empty()); }
  SUBCASE("within 24 h") { CHECK(foretell(moved(20h)).findings[0].route == Route::page); }
}

TEST_CASE("forecast: subjects and the overdue flag (CONTRACT 2)") {
  auto look = base();
  SUBCASE("a host with several addresses is named with the one") {
    look.domain.mx = mx({{10, kHost}});
    look.set_mx(mx_host(kHost, {probe(kMail1, kHost), probe_showing(kMail6, kHost, peer(kHost, days(70)))}));
    CHECK((foretell(look).forecast.breakage ==
           ForecastPoint{kNow + days(70), Why::certificate_expired, {"mx1.example.com", "2001:67c::25"}}));
  }
  SUBCASE("overdue") {
    alone(look, days(10));
    CHECK(foretell(look).forecast.overdue);
    alone(look, days(40));
    CHECK_FALSE(foretell(look).forecast.overdue);
    look.limits.warn_before = days(50);
    CHECK(foretell(look).forecast.overdue);
  }
  SUBCASE("lapse: the policy host's end + max_age") {
    CHECK(foretell(look).forecast.lapse == kNow + days(67));
  }
  SUBCASE("testing foresees nothing") {
    look.set_policy(policy({kMx1, kMx2}, "testing"));
    const auto f = foretell(look).forecast;
    CHECK_FALSE(f.breakage);
    CHECK_FALSE(f.lapse);
  }
}

}  // namespace stswatch::facts

namespace stswatch::worlds {
namespace {

Proposal move_to(const std::string& host) {
  Proposal p;
  p.policy = Policy{Mode::enforce, {host}, 604800, {}};
  p.mx = {mx(10, host, kNow + days(80))};
  return p;
}

}  // namespace

TEST_CASE("nothing proposed, nothing changed: the simulation a second later is the same") {
  const auto now = simulate(steady()), then = simulate(after(steady(), {}));
  CHECK(then.rfc.usable == now.rfc.usable);
  CHECK(then.rfc.breakage->at == now.rfc.breakage->at);
  CHECK(then.safe_after == kNow + 1s);
}

TEST_CASE("a move under the old id breaks mail at once, under a new one only for those who cannot refresh") {
  auto move = move_to("mx.new.example");
  const auto old_id = simulate(after(steady(), move));
  REQUIRE(old_id.rfc.breakage.has_value());
  CHECK(old_id.rfc.breakage->at == kNow + 1s);
  CHECK(old_id.status == Status::critical);

  move.id = "B";
  const auto new_id = simulate(after(steady(), move));
  CHECK(new_id.rfc.usable == UsableMx{1, 1, 1});
  const auto held =
      std::ranges::find(new_id.senders, Holds{Holds::What::pair, "A", "P1"}, &SenderOutcome::holds);
  REQUIRE(held != new_id.senders.end());
  CHECK(held->refreshable);
  CHECK(held->outcome == "defer-then-deliver");
}

}  // namespace stswatch::worlds
