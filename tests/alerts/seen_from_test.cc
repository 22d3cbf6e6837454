// In a fleet a page waits a moment for a second look, names who saw it, and is a ticket while others do not.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "alerts/compose.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;

namespace {

/// A domain that pages, and what is known of from where it is seen.
struct Places {
  Places() {
    world.watch("example.com");
    world.seen_from = [this](const std::string&, const Incident& incident, TimePoint now) {
      SeenFrom out = known;
      out.awaited &= now < incident.opened + kSecondLookBy;
      return out;
    };
    world.adopt();
    world.open("example.com", "mx-vanished");
  }
  SeenFrom known{{"fra1"}, {}, true};
  World world;
};

}  // namespace

TEST_CASE("a page that another agent sees too names both, and waits for nothing more") {
  Places at;
  at.world.pass(35s);
  CHECK(at.world.kinds().empty());  // group_wait is over, the second look is not
  at.known = {{"fra1", "nyc2"}, {}, false};
  at.world.pass(3s);
  REQUIRE(at.world.kinds() == "new/page");
  const auto notice = at.world.told().at(0);
  CHECK(notice.seen.ends_with("\nseen from fra1 and nyc2"));
  const auto json = nlohmann::json::parse(to_webhook_json(notice));
  CHECK(json.at("seen_from") == nlohmann::json{"fra1", "nyc2"});
  CHECK_FALSE(json.contains("not_seen_from"));
  CHECK(template_values(notice).at("not_seen_from").empty());
}

TEST_CASE("a page goes out at the deadline whoever did not answer") {
  Places at;
  at.world.pass(59s);
  CHECK(at.world.kinds().empty());
  at.world.pass(3s);
  REQUIRE(at.world.kinds() == "new/page");
  CHECK(at.world.told()[0].seen.ends_with("\nseen from fra1"));
}

TEST_CASE("what only one place sees is a ticket, and a page as soon as another sees it") {
  Places at;
  at.known = {{"fra1"}, {"nyc2"}, false};
  at.world.pass(10min);
  REQUIRE(at.world.kinds() == "new/ticket");
  CHECK(at.world.told()[0].seen.ends_with("\nseen from fra1; not from nyc2"));
  CHECK(nlohmann::json::parse(to_webhook_json(at.world.told()[0])).at("not_seen_from") ==
        nlohmann::json{"nyc2"});
  at.world.restart();  // what was told is read again
  at.known = {{"fra1", "nyc2"}, {}, false};
  at.world.pass(1min);
  CHECK(at.world.kinds() == "new/ticket worse/page");
  at.world.close("example.com", "mx-vanished");
  at.world.pass(1min);
  REQUIRE(at.world.kinds() == "new/ticket worse/page resolved/page");
  CHECK(at.world.told()[2].seen_from.empty());
}

TEST_CASE(
    "a page that was told falls to a ticket when a late answer does not see it, and no page is held for "
    "another") {
  Places at;
  at.world.pass(2min);
  REQUIRE(at.world.kinds() == "new/page");
  at.known = {{"fra1"}, {"nyc2"}, false};
  at.world.pass(2min);
  CHECK(at.world.kinds() == "new/page better/ticket");

  Places two;
  two.world.pass(50s);
  two.world.open("example.com", "enforce-breakage-now");  // waits for itself
  two.world.pass(13s);
  CHECK(two.world.kinds() == "new/page");
}

TEST_CASE("without a fleet nothing waits, and the notice is as it was") {
  World world;
  world.open("example.com", "mx-vanished");
  world.pass(31s);
  REQUIRE(world.kinds() == "new/page");
  CHECK(world.told()[0].seen.ends_with("\nvantage: fra1"));
  CHECK_FALSE(nlohmann::json::parse(to_webhook_json(world.told()[0])).contains("seen_from"));
}
