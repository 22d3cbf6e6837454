#include "checks/judge/senders/forecast.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/judge/senders_world.h"

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
