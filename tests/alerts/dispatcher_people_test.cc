// The laws of telling where people have a say: reminders, acknowledgements, silences.
#include <doctest/doctest.h>

#include <set>

#include "alerts/decide.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;

TEST_CASE("reminders come further and further apart, up to seven days") {
  World world({{"mail", {.repeat_page = 2h, .repeat_ticket = 3 * kDay}}});
  break_mail(world);
  world.pass(31 * kDay);
  std::vector<std::int64_t> hours;
  for (std::size_t i = 1; i < world.deliveries.size(); ++i) {
    CHECK(world.deliveries[i].notice.kind == NoticeKind::reminder);
    hours.push_back(
        std::chrono::duration_cast<std::chrono::hours>(world.deliveries[i].at - world.deliveries[i - 1].at)
            .count());
  }
  CHECK(hours == std::vector<std::int64_t>{2, 4, 8, 16, 32, 64, 128, 168, 168});
  World tickets({{"mail", {.repeat_ticket = 3 * kDay}}});
  tickets.open("example.com", "sts-txt-missing");
  tickets.pass(31 * kDay);
  CHECK(tickets.kinds() ==
        "new/ticket reminder/ticket reminder/ticket reminder/ticket reminder/ticket reminder/ticket");
}

TEST_CASE("who has acknowledged is not reminded until it gets worse") {
  World world;
  world.open("example.com", "certificate-expired", kHost);
  world.pass(1h);
  CHECK(world.dispatcher->told() ==
        std::map<std::string, std::optional<TimePoint>>{{"example.com", std::nullopt}});
  const auto acknowledged = world.now;
  REQUIRE(world.dispatcher->acknowledge("example.com", acknowledged));
  CHECK_FALSE(world.dispatcher->acknowledge("example.net", acknowledged));
  CHECK(world.dispatcher->told().at("example.com") == acknowledged);
  world.pass(30 * kDay);
  CHECK(world.kinds() == "new/ticket");
  world.open("example.com", "enforce-breakage-now");
  world.pass(1h);
  CHECK(world.kinds() == "new/ticket worse/page");
  CHECK_FALSE(world.dispatcher->told().at("example.com"));
}

TEST_CASE("what is silenced is not told; once the silence ends what is left is") {
  World world;
  world.silences = {
      {.domain = "*.com", .code = "cert*", .subject = "mx1.*", .until = kStart + 2h, .comment = ""}};
  world.open("example.com", "certificate-expired", kHost);
  world.pass(1h);
  CHECK(world.deliveries.empty());
  world.pass(2h);
  CHECK(world.kinds() == "new/ticket");
  const auto id =
      world.dispatcher->silence(Silence{"example.com", "*", "*", std::nullopt, "in hand"}, world.now);
  world.pass(30 * kDay);
  CHECK(world.kinds() == "new/ticket");
  CHECK(world.dispatcher->silences().size() == 1);
  REQUIRE(id.has_value());
  CHECK(world.dispatcher->lift_silence(*id));
  CHECK_FALSE(world.dispatcher->lift_silence(*id));
  world.pass(1h);
  CHECK(world.kinds() == "new/ticket reminder/ticket");
}

TEST_CASE("silences of the same domain, code and subject are one, and a domain has so many") {
  World world;
  const auto make = [&](const std::string& domain, const std::string& subject, std::optional<TimePoint> until,
                        const std::string& comment) {
    return world.dispatcher->silence({domain, "certificate-expired", subject, until, comment, "somebody"},
                                     world.now);
  };
  const auto id = make("example.com", "mx1", world.now + 1h, "an hour");
  REQUIRE(id.has_value());
  CHECK(make("example.com", "mx1", std::nullopt, "longer") == id);
  const auto silences = world.dispatcher->silences();
  REQUIRE(silences.size() == 1);
  CHECK(silences.begin()->second.comment == "longer");
  CHECK(silences.begin()->second.until == std::nullopt);
  for (std::size_t i = 1; i < kSilencesOfDomain; ++i)
    REQUIRE(make("example.com", "h" + std::to_string(i), world.now + 1h, "").has_value());
  CHECK_FALSE(make("example.com", "one more", world.now + 1h, "").has_value());
  CHECK(make("example.com", "h1", std::nullopt, "again").has_value());
  CHECK(make("example.net", "one more", world.now + 1h, "").has_value());
  world.now += 2h;  // most are over
  CHECK(make("example.com", "one more", world.now + 1h, "").has_value());
}

TEST_CASE("what somebody wrote into a silence forges no line of the log") {
  const Silence s{"x\n2026-12-01T00:00:00Z error forged", "*", "\x1B[31m", std::nullopt, "", "a\rb"};
  CHECK(in_words(s) ==
        "of x\\x0A2026-12-01T00:00:00Z error forged, * at \\x1B[31m, until it is ended, by a\\x0Db");
}

TEST_CASE("silences made at the same moment have names of their own") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i)
    ids.insert(new_silence_id(kStart));
  CHECK(ids.size() == 1000);
  CHECK(ids.begin()->starts_with("2026-12-01T00:00:00Z-"));
}

TEST_CASE("a silence that is over is gone with the next, and its name is not used again") {
  World world;
  const Silence hour{"example.com", "*", "*", world.now + 1h, "", "somebody"};
  const auto first = world.dispatcher->silence(hour, world.now);
  world.now += 2h;
  const auto second =
      world.dispatcher->silence({"example.com", "*", "*", world.now + 1h, "", "somebody"}, world.now);
  REQUIRE((first && second));
  CHECK(*first != *second);  // somebody beside may be erasing the row
  CHECK(world.dispatcher->silences().size() == 1);
  CHECK(world.key_values->all(kSilenceTable).size() == 1);
}

TEST_CASE("what others edit is adopted, but not over what was edited here while it was read") {
  World world;
  const auto mine = [](const char* domain) { return Silence{domain, "*", "*", std::nullopt, "", "here"}; };
  const auto id = world.dispatcher->silence(mine("a.example"), world.now);
  REQUIRE(id.has_value());
  const std::map<std::string, std::string> theirs{{"1", to_row(mine("b.example"))}};
  world.dispatcher->adopt_silences([] { return std::nullopt; });
  CHECK(world.dispatcher->silences().contains(*id));
  world.dispatcher->adopt_silences([&] {
    CHECK(world.dispatcher->lift_silence(*id));
    return std::optional(std::map<std::string, std::string>{{*id, to_row(mine("a.example"))}});
  });
  CHECK(world.dispatcher->silences().empty());
  world.dispatcher->adopt_silences([&] { return std::optional(theirs); });
  CHECK(world.dispatcher->silences() == std::map<std::string, Silence>{{"1", mine("b.example")}});
}
