#include "agent/watch/schedule.h"

#include <doctest/doctest.h>

using namespace stswatch;

namespace {

const Address kOne = *Address::parse("192.0.2.1");
const Address kTwo = *Address::parse("192.0.2.2");
const LookSubject kA{Kind::domain, "a.example"}, kB{Kind::domain, "b.example"}, kHost{Kind::mx, "a.example"};

}  // namespace

TEST_CASE("who came first leaves first, each once, and for its own address only") {
  AddressQueue parking;
  parking.wait_for_address(kB, kOne);
  parking.wait_for_address(kA, kOne);
  parking.wait_for_address(kB, kOne);
  parking.wait_for_address(kHost, kOne);
  parking.wait_for_address(kA, kTwo);
  CHECK(parking.leave(kOne, 2) == std::vector<LookSubject>{kB, kA});
  CHECK(parking.leave(kOne, 2) == std::vector<LookSubject>{kHost});
  CHECK(parking.leave(kOne, 2).empty());
  CHECK(parking.leave(kTwo, 2) == std::vector<LookSubject>{kA});
}

TEST_CASE("who has left may come again") {
  AddressQueue parking;
  parking.wait_for_address(kA, kOne);
  REQUIRE(parking.leave(kOne, 1).size() == 1);
  parking.wait_for_address(kA, kOne);
  CHECK(parking.leave(kOne, 1) == std::vector<LookSubject>{kA});
}
