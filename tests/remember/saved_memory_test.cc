#include "agent/remember/saved_look.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/remember/random_record.h"

using namespace stswatch;

namespace {

std::string state_complaint(const std::string& state) {
  DomainMemory record(std::make_shared<DomainObservation>(*Domain::parse("example.com")),
                      Verdict(*Domain::parse("example.com")));
  const auto read = read_state(*parse_saved(state), record);
  return read ? "none" : read.error();
}

}  // namespace

TEST_CASE("an incident comes back as it was") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const auto was = RandomRecord(seed).incident();
    const auto is = read_incident(*parse_saved(to_json(was).dump()));
    REQUIRE_MESSAGE(is.has_value(), is.error());
    CHECK(*is == was);
  }
}

TEST_CASE("state and moments of a record are all of it but looks, incidents and the lists of its past") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const auto was = RandomRecord(seed).domain_record("example.com");
    auto is = std::make_shared<DomainMemory>(was->known, Verdict(was->known->domain));
    is->confirmed = was->confirmed;
    is->incidents = was->incidents;
    is->past.policies = was->past.policies;
    is->past.ids = was->past.ids;
    is->past.mx = was->past.mx;
    is->past.policy_host_certificates = was->past.policy_host_certificates;
    is->past.changes = was->past.changes;
    const LookTimesByRole looks{{"known", was->known->at}};
    LookTimesByRole looks_read;
    const auto state = read_state(*parse_saved(state_of(*was).dump()), *is);
    REQUIRE_MESSAGE(state.has_value(), state.error());
    const auto moments = read_moments(*parse_saved(moments_of(*was, looks).dump()), *is, looks_read);
    REQUIRE_MESSAGE(moments.has_value(), moments.error());
    CHECK(looks_read == looks);
    CHECK(is->past == was->past);
    CHECK(is->debounces == was->debounces);
    CHECK(is->times == was->times);
    CHECK(is->policy_fetched == was->policy_fetched);
    CHECK(is->policy_last_success == was->policy_last_success);
  }
}

TEST_CASE("a state that cannot be is named by its place") {
  CHECK(state_complaint("{}") == "none");
  CHECK(state_complaint("[]").starts_with("state: "));
  CHECK(
      state_complaint(R"({"doubts":{"sts":{"looks":"two"}}})").starts_with("state.doubts.sts.looks: string"));
  CHECK(state_complaint(R"({"times":{"soup":{}}})")
            .starts_with("state.times.soup: \"soup\" is none of sts_record"));
  CHECK(state_complaint(R"({"gates":{"g":"yesterday"}})")
            .starts_with("state.gates.g: \"yesterday\" is no time"));
  CHECK(state_complaint(R"({"fetches":[{"ok":true}]})").starts_with("state.fetches[0].at: is missing"));
}
