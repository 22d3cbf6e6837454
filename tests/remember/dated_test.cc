// What a clock that was ahead has left behind: nothing of it lies ahead any more, and nothing of it is lost.
#include "agent/remember/dated.h"

#include <doctest/doctest.h>

#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

/// A domain with a history: policies that came and went, a fault that was told, one in doubt.
Timeline lived() {
  Timeline t;
  t.run(24h);
  t.id("20270101T000000Z");
  t.look.set_policy(policy({"mx1.example.com", "mx2.example.com", "mx3.example.com"}));
  t.run(24h);
  t.look.set_fetches({fetch(kWeb, "gone", 404)});
  t.see_well();
  t.look.domain.mx = absent<MxAnswer>("example.com");
  t.see();
  return t;
}

}  // namespace

TEST_CASE("a record of a clock that was ahead is one of now; its policies and findings stay") {
  const auto t = lived();
  const TimePoint now = t.now() - Seconds{400 * 86400};
  const auto dated = dated_by(t.record, now);
  CHECK(dated.ahead == Seconds{400 * 86400});
  const auto& was = *t.record;
  const auto& is = *dated.record;
  CHECK(is.known->at == now);
  CHECK(is.confirmed->at == now);
  CHECK(is.known->fetches == was.known->fetches);
  REQUIRE(is.past.policies.size() == was.past.policies.size());
  REQUIRE(was.past.policies.size() == 2);
  for (std::size_t i = 0; i < is.past.policies.size(); ++i) {
    CHECK(is.past.policies[i].policy == was.past.policies[i].policy);
    CHECK(is.past.policies[i].seen.first == now);
    CHECK(is.past.policies[i].seen.gone.has_value() == was.past.policies[i].seen.gone.has_value());
    CHECK(is.past.policies[i].seen.gone.value_or(now) == now);
  }
  CHECK(is.past.changes == was.past.changes);
  CHECK(is.past.policy_host_certificates.size() == was.past.policy_host_certificates.size());
  CHECK(is.past.policy_host_certificates.at(0).not_after ==
        was.past.policy_host_certificates.at(0).not_after);
  REQUIRE(is.incidents.size() == was.incidents.size());
  REQUIRE_FALSE(was.incidents.empty());
  for (std::size_t i = 0; i < is.incidents.size(); ++i) {
    CHECK(is.incidents[i].finding == was.incidents[i].finding);
    CHECK(is.incidents[i].opened == now);
    CHECK(is.incidents[i].open() == was.incidents[i].open());
  }
  REQUIRE_FALSE(was.debounces.empty());
  for (const auto& [key, doubt] : is.debounces) {
    CHECK(doubt.looks == was.debounces.at(key).looks);
    CHECK(doubt.since == now);
  }
  for (const auto& [part, times] : is.times)
    CHECK(times.last_look == now);
  CHECK(is.policy_fetched == now);
  CHECK(dated_by(dated.record, now).ahead == Seconds{0});
}

TEST_CASE("a record of a clock that was right is left as it is") {
  const auto t = lived();
  const auto dated = dated_by(t.record, t.now());
  CHECK(dated.record == t.record);
  CHECK(dated.ahead == Seconds{0});
}

TEST_CASE("an MX host likewise") {
  auto host = std::make_shared<MxMemory>();
  auto look = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
  look.at = kNow;
  host->known = host->confirmed = std::make_shared<MxHostObservation>(look);
  host->past = std::make_shared<HostPast>(remember_look(HostPast{}, look));
  host->times = {kNow, kNow - Seconds{60}};
  host->debounces["192.0.2.1 silent"] = {2, kNow};
  const std::shared_ptr<const MxMemory> was = host;
  CHECK(dated_by(was, kNow).record == was);
  const auto dated = dated_by(was, kNow - Seconds{3600});
  CHECK(dated.ahead == Seconds{3600});
  CHECK(dated.record->known->at == kNow - Seconds{3600});
  CHECK(dated.record->known == dated.record->confirmed);
  CHECK(dated.record->known->probes == look.probes);
  CHECK(dated.record->times.last_success == kNow - Seconds{3600});
  CHECK(dated.record->debounces.at("192.0.2.1 silent").since == kNow - Seconds{3600});
  CHECK(dated.record->past->certificates.at(0).seen.first == kNow - Seconds{3600});
  CHECK(was->known->at == kNow);
}

}  // namespace stswatch::facts
