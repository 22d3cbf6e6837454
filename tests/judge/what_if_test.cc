#include "checks/judge/senders/what_if.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/judge/senders_world.h"

namespace stswatch {
namespace {

using namespace worlds;

Proposal move_to(const std::string& host) {
  Proposal p;
  p.policy = Policy{Mode::enforce, {host}, 604800, {}};
  p.mx = {mx(10, host, kNow + days(80))};
  return p;
}

std::string text(const std::vector<std::string>& steps) {
  std::string out;
  for (const auto& step : steps)
    out += step + "\n";
  return out;
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
  const auto held = std::ranges::find(new_id.senders, "A/P1", &SenderOutcome::holds);
  REQUIRE(held != new_id.senders.end());
  CHECK(held->refreshable);
  CHECK(held->outcome == "defer-then-deliver");
}

TEST_CASE("the safe order is file, id, new host, old host kept until the last cache ends (RFC 8461 §8.1)") {
  auto move = move_to("mx.new.example");
  move.id = "B";
  const auto steps = safe_order(steady(), move);
  REQUIRE(steps.size() == 5);
  CHECK(steps[0].starts_with("Serve the new policy file"));
  CHECK(steps[1].find("id=B") != std::string::npos);
  CHECK(steps[2].find("add MX mx.new.example") != std::string::npos);
  CHECK(steps[3].find("Keep MX mx1.example.com, mx2.example.com until 2026-12-08T00:00:00Z") == 0);
  CHECK(steps[4].find("remove MX mx1.example.com, mx2.example.com") != std::string::npos);
}

TEST_CASE("an id that was used before is named and a fresh one advised") {
  Proposal back;
  back.policy = Policy{Mode::testing, {"mx1.example.com"}, 604800, {}};
  back.id = "A";
  const auto steps = text(safe_order(moved(), back));
  CHECK(steps.find("the id A was used before") != std::string::npos);
  CHECK(steps.find("id=A;") == std::string::npos);
}

TEST_CASE("one more host beside those that the old policy allows needs no waiting for caches") {
  Proposal more;
  more.policy = Policy{Mode::enforce, {"mx1.example.com", "mx2.example.com", "mx3.example.com"}, 604800, {}};
  more.id = "B";
  more.mx = steady().mx;
  more.mx.push_back(mx(30, "mx3.example.com", kNow + days(80)));
  const auto steps = text(safe_order(steady(), more));
  CHECK(steps.find("add MX mx3.example.com") != std::string::npos);
  CHECK(steps.find("Keep MX") == std::string::npos);
  CHECK(steps.find("remove MX") == std::string::npos);
}

TEST_CASE("an MX host that no policy lists comes after the file and the id") {
  Proposal more;
  more.mx = steady().mx;
  more.mx.push_back(mx(30, "mx3.example.com", kNow + days(80)));
  more.mx.push_back(mx(40, "mx4.example.com", kNow + days(80)));
  const auto steps = safe_order(steady(), more);
  REQUIRE(steps.size() == 3);
  CHECK(
      steps[0].starts_with("Add \"mx: mx3.example.com\", \"mx: mx4.example.com\" to the policy file at every "
                           "address of mta-sts.example.com"));
  CHECK(steps[1].starts_with("Only then publish \"v=STSv1; id="));
  CHECK(steps[2].starts_with("From 2 h after the new id"));
  CHECK(steps[2].find("add MX mx3.example.com, mx4.example.com") != std::string::npos);
}

TEST_CASE("a proposed policy that forgets a proposed host is to list it first") {
  auto move = move_to("mx.new.example");
  move.id = "B";
  move.mx.push_back(mx(20, "mx2.new.example", kNow + days(80)));
  const auto steps = safe_order(steady(), move);
  REQUIRE(steps.size() == 5);
  CHECK(steps[0].starts_with("Add \"mx: mx2.new.example\" to the"));
  CHECK(steps[1].find("id=B") != std::string::npos);
  CHECK(steps[2].find("add MX mx.new.example, mx2.new.example") != std::string::npos);
}

TEST_CASE("a move to hosts that today's policy does not list keeps the old ones while caches last") {
  auto move = move_to("mx.new.example");
  move.policy.reset();
  const auto steps = safe_order(steady(), move);
  REQUIRE(steps.size() == 5);
  CHECK(steps[0].starts_with("Add \"mx: mx.new.example\" to the policy file"));
  CHECK(steps[3].starts_with("Keep MX mx1.example.com, mx2.example.com until 2026-12-08T00:00:00Z"));
}

TEST_CASE("where the policy is none, hosts need no listing") {
  auto move = move_to("mx.new.example");
  move.policy = Policy{Mode::none, {}, 86400, {}};
  CHECK(text(safe_order(steady(), move)).find("mx: ") == std::string::npos);
}

}  // namespace stswatch
