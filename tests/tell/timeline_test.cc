#include "agent/tell/pages.h"

#include <doctest/doctest.h>

namespace stswatch {
namespace {

const TimePoint kPictureNow = *parse_utc("2026-12-01T00:00:00Z");

World with_hosts(int count) {
  World world;
  world.now = kPictureNow;
  world.domain = "example.com";
  for (int n = 0; n < count; ++n) {
    WorldAddress address;
    address.address = "192.0.2.1";
    address.not_before = kPictureNow - kDay;
    address.not_after = kPictureNow + kDay * (count - n);
    world.mx.push_back({n, "mx" + std::to_string(n) + ".example.com", {address}});
  }
  return world;
}

std::string drawn(const World& world, const Simulation& result = {}) {
  Html page;
  write_timeline(page, world, result);
  return page.take();
}

std::size_t count_of(const std::string& page, std::string_view words) {
  std::size_t n = 0;
  for (auto at = page.find(words); at != page.npos; at = page.find(words, at + 1))
    ++n;
  return n;
}

bool has(const std::string& page, std::string_view words) { return page.find(words) != page.npos; }

}  // namespace

TEST_CASE("every certificate is a bar and a row; what is over and what is late look so") {
  auto world = with_hosts(3);
  world.mx[0].addresses[0].not_after = kPictureNow - kDay;
  world.mx[1].addresses[0].not_before = kPictureNow - 80 * kDay;
  world.mx[1].addresses[0].not_after = kPictureNow + 10 * kDay;
  const auto page = drawn(world);
  CHECK(count_of(page, "<rect") == 3);
  CHECK(count_of(page, "<rect class=\"over\"") == 1);
  CHECK(count_of(page, "<rect class=\"late\"") == 1);
  CHECK(count_of(page, "<th scope=\"row\">") == 3);
  CHECK(has(page, "over since 2026-11-30 00:00 UTC"));
  CHECK(has(page, "until 2026-12-11 00:00 UTC"));
}

TEST_CASE("breakage, degradation and the end of protection are marked; what senders hold lasts until then") {
  Simulation result;
  result.rfc.breakage = WorldPoint{kPictureNow + 5 * kDay, {WorldReason{}}, "P1"};
  result.rfc.degradation = WorldPoint{kPictureNow + 2 * kDay, {WorldReason{}}, "P1"};
  result.rfc.lapse = kPictureNow + 9 * kDay;
  result.senders = {
      {Holds{}, {}, true, "deliver", {}},
      {Holds{Holds::What::current}, {}, true, "deliver", {}},
      {Holds{Holds::What::pair, "20261101", "P0"}, kPictureNow + 4 * kDay, true, "deliver", {}}};
  const auto page = drawn(with_hosts(1), result);
  CHECK(has(page, "some MX hosts drop out 2026-12-03 00:00 UTC"));
  CHECK(has(page, "mail of enforcing senders stops 2026-12-06 00:00 UTC"));
  CHECK(has(page, "protection ends 2026-12-10 00:00 UTC"));
  CHECK(count_of(page, "<rect class=\"cache\"") == 2);
  CHECK(has(page, ">Caches hold 20261101/P0</text>"));
  CHECK(has(page, ">until 2026-12-05 00:00 UTC</text>"));
  CHECK(has(page, ">until 2026-12-10 00:00 UTC</text>"));
}

TEST_CASE("what a renewal in time will put off does not stand out, what is near does") {
  Simulation result;
  result.rfc.breakage =
      WorldPoint{kPictureNow + 60 * kDay, {{Why::certificate_expired, "mx.example.com"}}, "P1"};
  auto page = drawn(with_hosts(1), result);
  CHECK(has(page, ">unless renewed, mail of enforcing senders stops 2027-01-30 00:00 UTC</text>"));
  CHECK(has(page, "<text class=\"marktext far\""));
  CHECK_FALSE(has(page, "<text class=\"marktext\""));
  result.rfc.breakage->at = kPictureNow + 6 * kDay;
  page = drawn(with_hosts(1), result);
  CHECK(has(page, ">mail of enforcing senders stops 2026-12-07 00:00 UTC</text>"));
  CHECK(has(page, "<text class=\"marktext\""));
}

TEST_CASE("of many bars those that end first are drawn, and the table has all of them") {
  const auto page = drawn(with_hosts(50));
  CHECK(count_of(page, "<rect") == 40);
  CHECK_FALSE(has(page, ">Certificate of mx9.example.com 192.0.2.1</text>"));
  CHECK(has(page, ">Certificate of mx10.example.com 192.0.2.1</text>"));
  CHECK(has(page, ">Certificate of mx49.example.com 192.0.2.1</text>"));
  CHECK(has(page, "10 more, which end later, are in the table."));
  CHECK(count_of(page, "<th scope=\"row\">") == 50);
}

TEST_CASE("nothing that ends is no picture") {
  CHECK(has(drawn(with_hosts(0)), "Nothing with an end is known"));
}

}  // namespace stswatch
