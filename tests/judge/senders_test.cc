// The sender simulation on worlds of our own: RULES 4, CONTRACT 4. Each row says what it is about.
#include <doctest/doctest.h>

#include "tests/judge/senders_world.h"

namespace stswatch::worlds {
namespace {
using Reason = std::vector<std::string>;

const SenderOutcome* sender(const Simulation& s, std::string_view holds) {
  const auto found = std::ranges::find_if(
      s.senders, [&](const SenderOutcome& sender) { return sender.holds.str() == holds; });
  return found == s.senders.end() ? nullptr : &*found;
}

std::string outcome(const Simulation& s, std::string_view holds) {
  const auto* found = sender(s, holds);
  return found ? found->outcome : "no such sender";
}

Reason words(const std::vector<WorldReason>& reasons) {
  Reason out;
  for (const auto& reason : reasons)
    out.push_back(reason.str());
  return out;
}

WorldAddress& first_address(World& w, std::size_t host) { return w.mx[host].addresses[0]; }

}  // namespace

TEST_CASE("reasons are from the closed set, the cause first (CONTRACT 4)") {
  SUBCASE("a later end of a certificate names host and address") {
    const auto s = simulate(steady());
    REQUIRE(s.rfc.degradation);
    CHECK(words(s.rfc.degradation->reason) == Reason{"certificate-expired mx2.example.com 192.0.2.20"});
    CHECK(s.rfc.degradation->policy == "P1");
    REQUIRE(s.rfc.breakage);
    CHECK(words(s.rfc.breakage->reason) == Reason{"certificate-expired mx1.example.com 192.0.2.10"});
  }
  SUBCASE("two certificates that end at one second are both named") {
    auto w = steady();
    w.mx[1] = mx(20, "mx2.example.com", kNow + days(70));
    const auto s = simulate(w);
    CHECK_FALSE(s.rfc.degradation);
    CHECK(words(s.rfc.breakage->reason) == Reason{"certificate-expired mx1.example.com 192.0.2.10",
                                                  "certificate-expired mx2.example.com 192.0.2.20"});
  }
  SUBCASE("now, and the policy lists no host of mx") {
    auto w = steady();
    w.policies[0].mx = {"mail.example.com"};
    CHECK(words(simulate(w).rfc.breakage->reason) == Reason{"mx-none-in-policy"});
  }
  SUBCASE("now, through certificates that have ended") {
    auto w = steady();
    w.mx = {mx(10, "mx1.example.com", kNow), mx(20, "mx2.example.com", kNow - days(2))};
    const auto s = simulate(w);
    CHECK(s.rfc.breakage->at == kNow);  // t < notAfter (RULES 4.2): the second itself is too late
    CHECK(words(s.rfc.breakage->reason) == Reason{"certificate-expired mx1.example.com 192.0.2.10",
                                                  "certificate-expired mx2.example.com 192.0.2.20"});
  }
  SUBCASE("now, for any other reason") {
    auto w = steady();
    first_address(w, 0).starttls = false;
    first_address(w, 1).trusted = false;
    CHECK(words(simulate(w).rfc.breakage->reason) == Reason{"already"});
  }
  SUBCASE("a policy host's certificate makes refreshable pairs bind (RULES 4.6 rule 2)") {
    const auto s = simulate(moved());
    CHECK(s.rfc.breakage->at == kNow + days(9));
    CHECK(words(s.rfc.breakage->reason) == Reason{"sts-webpki-cert-expired"});
    CHECK(s.rfc.breakage->policy == "P1");
  }
  SUBCASE("both at one second: the policy host's first, for the pair did not bind before") {
    auto w = moved();
    w.policies[0].mx = {"mx.new.example"};
    w.policies[1].mx = {"other.example", "mx.new.example"};
    w.mx[0] = mx(10, "mx.new.example", kNow + days(9));
    const auto s = simulate(w);
    CHECK(s.rfc.breakage->policy == "P2");  // in effect before, the same count: the first decides
    CHECK(words(s.rfc.breakage->reason) == Reason{"certificate-expired mx.new.example 192.0.2.10"});
  }
}

TEST_CASE("pairs: what could be seen at one moment (RULES 4.3)") {
  auto w = moved();
  w.policy_host_not_after.reset();
  SUBCASE("a single shared instant counts, the window is closed") {
    w.ids[1].first = w.policies[0].last_ub;  // B was first shown in the very second P1 was last served
    const auto s = simulate(w);
    CHECK(outcome(s, "B/P1") == "deferred");  // the id shown now: never refreshed
    CHECK(s.rfc.breakage->at == kNow);
    CHECK(s.rfc.recovery == w.policies[0].last_ub + days(30));
  }
  SUBCASE("a second later there is no such pair") {
    w.ids[1].first = w.policies[0].last_ub + 1s;
    CHECK_FALSE(sender(simulate(w), "B/P1"));
  }
  SUBCASE("the TTL lengthens the sight of an id, not of a policy") {
    w.ids[0].last_ub = w.policies[0].last_ub - days(1);
    w.ids[0].ttl = 7200;
    CHECK(sender(simulate(w), "A/P1")->live_until == w.ids[0].last_ub + 2h + days(30));
  }
  SUBCASE("a pair that ends now is gone") {
    w.policies[0].max_age = 6 * 86400;
    CHECK_FALSE(sender(simulate(w), "A/P1"));
  }
  SUBCASE("still served and still shown: no end is foreseen, whatever can be fetched") {
    w.policies[0].last_ub = kNow;
    w.ids[0].last_ub = kNow;
    const auto s = simulate(w);
    CHECK(sender(s, "A/P1")->live_until == std::nullopt);
    CHECK(s.safe_after == std::nullopt);
  }
}

TEST_CASE("refreshable or binding (RULES 4.3)") {
  auto w = moved();
  const auto a_p1 = [&] { return outcome(simulate(w), "A/P1"); };
  SUBCASE("another id, and the fetch works: the mail waits, then flows") {
    CHECK(a_p1() == "defer-then-deliver");
  }
  SUBCASE("the id went back to the one in the cache") {
    w.current_id = "A";
    CHECK(a_p1() == "deferred");
  }
  SUBCASE("no usable record") {
    w.current_id.reset();
    CHECK(a_p1() == "deferred");
  }
  SUBCASE("nothing can be fetched") {
    w.current_policy.reset();
    CHECK(a_p1() == "deferred");
  }
  SUBCASE("the policy host's certificate ends this second") {
    w.policy_host_not_after = kNow;
    CHECK(a_p1() == "deferred");
  }
  SUBCASE("a fresh policy without force lets the mail go in the end") {
    w.policies[1].mode = Mode::none;
    CHECK(a_p1() == "defer-then-deliver");
  }
}

TEST_CASE("what becomes of a message (RULES 4.4, CONTRACT 4)") {
  auto w = steady();
  SUBCASE("the best host") {
    const auto s = simulate(w);
    CHECK(outcome(s, "nothing") == "deliver");
    CHECK(sender(s, "nothing")->refreshable);
    CHECK(outcome(s, "current") == "deliver");
    CHECK(sender(s, "current")->hosts == Reason{"mx1.example.com", "mx2.example.com"});
    CHECK(s.senders.size() == 2);
  }
  SUBCASE("a better host is skipped") {
    first_address(w, 0).starttls = false;
    CHECK(outcome(simulate(w), "current") == "degraded");
  }
  SUBCASE("a host of equal preference is no better one") {
    w.mx[0].preference = 20;
    first_address(w, 0).starttls = false;
    CHECK(outcome(simulate(w), "current") == "deliver");
  }
  SUBCASE("a better host that is unknown is not skipped") {
    w.mx[0] = unknown_mx(10, "mx1.example.com");
    CHECK(outcome(simulate(w), "current") == "deliver");
  }
  SUBCASE("no host is certain, one is unknown") {
    w.mx = {unknown_mx(10, "mx1.example.com"), {20, "mx2.example.com", {}}};
    CHECK(outcome(simulate(w), "current") == "unknown");
  }
  SUBCASE("a host without addresses is unusable") {
    w.mx = {{10, "mx1.example.com", {}}};
    CHECK(outcome(simulate(w), "current") == "deferred");
  }
  SUBCASE("one good address of a host is enough (RFC 5321 §5.1)") {
    w.mx[0].addresses.insert(w.mx[0].addresses.begin(),
                             good("192.0.2.99", "mx1.example.com", kNow - days(1)));
    CHECK(outcome(simulate(w), "current") == "deliver");
    CHECK(simulate(w).rfc.usable == UsableMx{2, 2, 2});
  }
  SUBCASE("without a record a newcomer delivers unprotected, and a cache goes on") {
    w.current_id.reset();
    w.ids[0].last_ub = kNow - days(1);
    const auto s = simulate(w);
    CHECK(outcome(s, "nothing") == "deliver-unprotected");
    CHECK(outcome(s, "current") == "deliver");
    CHECK(sender(s, "current")->live_until == kNow - days(1) + 1h + days(7));
  }
  SUBCASE("testing") {
    w.policies[0].mode = Mode::testing;
    CHECK(outcome(simulate(w), "current") == "deliver-unprotected");
  }
}

TEST_CASE("usable is null where it does not apply (CONTRACT 4)") {
  auto w = steady();
  SUBCASE("testing") { w.policies[0].mode = Mode::testing; }
  SUBCASE("no MX hosts: the domain takes no mail") { w.mx.clear(); }
  SUBCASE("no record now, and no pair ever") {
    w.current_id.reset();
    w.ids.clear();
  }
  const auto s = simulate(w);
  CHECK_FALSE(s.rfc.usable);
  CHECK_FALSE(s.rfc.breakage);
  CHECK_FALSE(s.field.breakage);
  CHECK(s.status == Status::ok);
}

TEST_CASE("the level field (RULES 4.3)") {
  auto w = moved();
  w.policy_host_not_after.reset();
  SUBCASE("N: a refreshable pair stays in effect until its window's end + 30 d at most") {
    w.policies[0].max_age = 31557600;
    const auto s = simulate(w);
    CHECK_FALSE(s.rfc.breakage->at == kNow);
    CHECK(s.field.breakage->at == kNow);
    CHECK(s.field.recovery == kNow - days(6) + days(30));
  }
  SUBCASE("N: binding pairs are not shortened by it") {
    w.policies[0].max_age = 31557600;
    w.current_id.reset();
    w.mx[0] = mx(10, "mx.new.example", kNow + days(500));
    CHECK(simulate(w).field.recovery == kNow - days(6) + Seconds(31557600));
  }
  SUBCASE("N: an open pair's window ends now") {
    w.policies[0] = policy("P1", {"mx1.example.com"}, 86400, kNow - days(300), kNow);
    w.ids[0].last_ub = kNow;
    w.ids[1].first = kNow;  // B/P1 too: bound by the RFC already
    w.current_id = "C";
    const auto s = simulate(w);
    CHECK(s.rfc.usable == UsableMx{1, 1, 1});
    CHECK(s.field.breakage->at == kNow);
    CHECK(s.field.recovery == kNow + days(1));
  }
  SUBCASE("X: an expired pair with the id shown now never ends") {
    w.current_id = "A";
    w.policies[0].max_age = 86400;
    const auto s = simulate(w);
    CHECK(s.rfc.usable == UsableMx{1, 1, 1});
    CHECK(s.field.breakage->at == kNow);
    CHECK_FALSE(s.field.recovery);
    CHECK(s.status == Status::warning);
  }
}

TEST_CASE("the lapse of protection has its own figure and hides nothing (RULES 4.6 rule 1)") {
  auto w = steady();
  SUBCASE("the policy host's certificate + max_age") { CHECK(simulate(w).rfc.lapse == kNow + days(45 + 7)); }
  SUBCASE("the policy host's certificate is without end") {
    w.policy_host_not_after.reset();
    CHECK_FALSE(simulate(w).rfc.lapse);
  }
  SUBCASE("the certificate ends before the MX's: the breakage stays") {
    CHECK(simulate(w).rfc.breakage->at == kNow + days(70));
  }
  SUBCASE("nothing is announced any more: the latest end of what is cached") {
    w.current_id.reset();
    w.current_policy.reset();
    w.policies[0].last_ub = w.ids[0].last_ub = kNow - days(2);
    const auto s = simulate(w);
    CHECK(s.rfc.lapse == kNow + days(5));
    CHECK(s.safe_after == kNow + days(5));
  }
  SUBCASE("one is open") {
    w.current_id.reset();
    CHECK_FALSE(simulate(w).rfc.lapse);
  }
}

TEST_CASE("once the policy host's chain has ended, the last copy was fetched at that end (CONTRACT 4)") {
  auto w = steady();
  const TimePoint end = w.policy_host_not_after.emplace(kNow - 30min);
  const auto lapses = [&](std::optional<TimePoint> at) {
    const auto s = simulate(w);
    CHECK(s.rfc.lapse == at);
    CHECK(s.field.lapse == at);
  };
  SUBCASE("before it and after it the same date") {
    lapses(end + days(7));
    w.policy_host_not_after = kNow + 1s;
    lapses(kNow + 1s + days(7));
  }
  SUBCASE("in the very second it is too late to fetch") {
    w.policy_host_not_after = kNow;
    lapses(kNow + days(7));
  }
  SUBCASE("what a look has seen gone has the end that the look gave it") {
    w.policies[0].last_ub = end - 1h;
    w.current_policy.reset();
    lapses(end - 1h + days(7));
  }
  SUBCASE("an older id was shown until its TTL had passed, which may be before the end") {
    w.ids.insert(w.ids.begin(), {"Z", kNow - days(300), kNow - days(100), 3600});
    lapses(end + days(7));
  }
  SUBCASE("an older policy that lives longer decides") {
    w.policies.push_back(policy("P0", {"mx1.example.com"}, 2592000, kNow - days(300), kNow - days(6)));
    lapses(kNow + days(24));
  }
  SUBCASE("all copies have ended") {
    w.policy_host_not_after = kNow - days(7);
    lapses(std::nullopt);
  }
  SUBCASE("without a record that announces it nothing is counted that way: it is open") {
    w.current_id.reset();
    lapses(std::nullopt);
  }
}

TEST_CASE("safe_after goes by content, not by name (CONTRACT 4)") {
  auto w = moved();
  w.policies[0].max_age = w.policies[1].max_age;
  w.policies.push_back(
      policy("P3", {"mx.new.example"}, w.policies[1].max_age, kNow - days(9), kNow - days(7)));
  const TimePoint old_one_ends = kNow - days(6) + days(30);
  SUBCASE("an earlier service of what is served now agrees with it") {
    w.policies[0].last_ub = kNow - days(8);
    CHECK(simulate(w).safe_after == kNow - days(8) + days(30));
  }
  SUBCASE("its patterns in another order and twice are the same set") {
    w.policies[0].mx = w.policies[2].mx = {"a.example", "mx.new.example"};
    w.policies[1].mx = {"mx.new.example", "a.example", "mx.new.example"};
    CHECK(simulate(w).safe_after == kNow);
  }
  SUBCASE("another mode, max_age or set of mx differs") {
    CHECK(simulate(w).safe_after == old_one_ends);
    w.policies[0].mx = w.policies[1].mx;
    CHECK(simulate(w).safe_after == kNow);
    w.policies[0].mode = Mode::testing;
    CHECK(simulate(w).safe_after == old_one_ends);
    w.policies[0].mode = Mode::enforce;
    w.policies[0].max_age = 2592001;
    CHECK(simulate(w).safe_after == old_one_ends + 1s);
  }
  SUBCASE("with nothing to fetch every copy differs") {
    w.current_policy.reset();
    CHECK_FALSE(simulate(w).safe_after);
  }
}

TEST_CASE("status (CONTRACT 4)") {
  auto w = steady();
  const auto status = [&] { return simulate(w).status; };
  SUBCASE("ok") { CHECK(status() == Status::ok); }
  SUBCASE("critical: nothing is usable") {
    w.policies[0].mx = {"mail.example.com"};
    CHECK(status() == Status::critical);
  }
  SUBCASE("critical: breakage within a day") {
    w.mx = {mx(10, "mx1.example.com", kNow + days(1))};
    CHECK(status() == Status::critical);
  }
  SUBCASE("a healthy certificate's end in six days is no alarm: its start is not known") {
    w.mx = {mx(10, "mx1.example.com", kNow + days(6))};
    CHECK(status() == Status::ok);
  }
  SUBCASE("critical: within a week through a certificate past its renewal point") {
    w.mx = {mx(10, "mx1.example.com", kNow + days(6))};
    first_address(w, 0).not_before = kNow - days(84);
    CHECK(status() == Status::critical);
  }
  SUBCASE("a certificate of 160 hours with 100 left is healthy") {
    w.mx = {mx(10, "mx1.example.com", kNow + 100h)};
    first_address(w, 0).not_before = kNow - 60h;
    CHECK(status() == Status::ok);
  }
  SUBCASE("critical: within a week through the policy host's certificate, overdue") {
    w = moved();
    w.policy_host_not_after = kNow + days(5);
    CHECK(status() == Status::warning);  // at level field it is broken now
    w.policy_host_not_before = kNow - days(85);
    CHECK(status() == Status::critical);
  }
  SUBCASE("warning: fewer than all") {
    first_address(w, 1).trusted = false;
    CHECK(status() == Status::warning);
  }
  SUBCASE("unknown: possible, not provable from here") {
    w.mx = {unknown_mx(10, "mx1.example.com"), unknown_mx(20, "mx2.example.com")};
    CHECK(status() == Status::unknown);
  }
}

TEST_CASE("dates of certificates (RULES 4.2)") {
  auto w = steady();
  w.mx = {mx(10, "mx1.example.com", kNow + days(70))};
  SUBCASE("notBefore - 5 min <= t") {
    first_address(w, 0).not_before = kNow + 5min;
    CHECK(simulate(w).rfc.usable == UsableMx{1, 1, 1});
  }
  SUBCASE("a second too early: broken, and cured by itself") {
    first_address(w, 0).not_before = kNow + 5min + 1s;
    const auto s = simulate(w);
    CHECK(s.rfc.breakage->at == kNow);
    CHECK(s.rfc.recovery == kNow + 1s);
  }
  SUBCASE("a not_after of null never expires") {
    first_address(w, 0).not_after.reset();
    CHECK_FALSE(simulate(w).rfc.breakage);
  }
  SUBCASE("unknown, whatever the other fields say") {
    w.mx = {unknown_mx(10, "mx1.example.com")};
    first_address(w, 0).not_after = kNow - days(1);
    first_address(w, 0).starttls = false;
    CHECK(simulate(w).rfc.usable == UsableMx{0, 1, 1});
    CHECK_FALSE(simulate(w).rfc.breakage);
  }
}

}  // namespace stswatch::worlds
