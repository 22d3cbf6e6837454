#include <doctest/doctest.h>

#include "agent/remember/update.h"
#include "tests/judge/facts_builder.h"

using namespace stswatch;

TEST_CASE("after a restart the record is judged as it was, and nothing opens or closes") {
  const auto base = facts::base();
  JudgeInputs around;
  around.known = around.confirmed = base.mx;
  around.vantage = base.vantage;
  auto broken = base.domain;
  broken.sts = facts::txt("_mta-sts.example.com", {"v=STSv1; id=not-allowed;"});
  const auto turn = after_look(nullptr, broken, true, around);
  REQUIRE(!turn.record->incidents.empty());

  auto stored = *turn.record;
  stored.verdict = Verdict(base.domain.domain);  // it is not stored
  const auto now = broken.at + Seconds{7200};
  const auto again = judged_again(stored, now, around);
  CHECK(again->verdict.findings == turn.record->verdict.findings);
  CHECK(again->verdict.status == turn.record->verdict.status);
  CHECK(again->verdict.policy.outcome == Outcome::ok);
  CHECK(again->verdict.checked_at == now);
  CHECK(again->incidents == stored.incidents);
  CHECK(again->past == stored.past);
  CHECK(*again->known == *stored.known);
}
