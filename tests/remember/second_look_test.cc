// Who looks a second time, what is said of that, and how long a page waits for it. The rows of the database
// are tried in fleet_test.cc.
#include "agent/remember/second_look.h"

#include <doctest/doctest.h>

#include "agent/remember/saved_look.h"
#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

const FindingName kVanished{"mx-vanished", "example.com"}, kDown{"mx-all-down", "example.com"};

SecondLook row_of(FindingNames asked, Seconds ago) { return {7, "fra1", std::move(asked), ago}; }

SecondLook answered(SecondLook row, FindingNames seen, FindingNames not_seen) {
  row.taken_by = "b";
  row.open = false;
  row.answered_ago = Seconds{1};
  row.answered_from = "nyc2";
  row.seen = std::move(seen);
  row.not_seen = std::move(not_seen);
  return row;
}

Incident incident_of(const FindingName& name, TimePoint opened) {
  Incident out;
  out.finding.code = name.code;
  out.finding.subject = name.subject;
  out.finding.route = Route::page;
  out.opened = out.last_bad = opened;
  return out;
}

SavedLook look_of(const facts::Look& world) {
  SavedLook look(world.domain);
  look.mx = world.mx;
  look.vantage = world.vantage;
  return look;
}

}  // namespace

TEST_CASE("a second look is asked for once, again where it saw nothing, and never of too much at a time") {
  const SecondLookAsked asked{"example.com", 7, {kVanished}};
  const auto asks = [&](const SecondLook& row) {
    return to_be_asked({asked}, {{"example.com", row}}).size();
  };
  CHECK(to_be_asked({asked}, {}).size() == 1);
  CHECK(to_be_asked({{"example.com", 7, {}}}, {}).empty());  // its holder has not seen it itself
  CHECK(asks(row_of({kVanished}, Seconds{3})) == 0);
  CHECK(asks(answered(row_of({kVanished}, 2 * kLookedForAgain), {kVanished}, {})) == 0);
  CHECK(asks(answered(row_of({kVanished}, kLookedForAgain - Seconds{1}), {}, {kVanished})) == 0);
  CHECK(asks(answered(row_of({kVanished}, kLookedForAgain), {}, {kVanished})) == 1);
  CHECK(asks(row_of({kDown}, Seconds{3})) == 1);  // another finding
  auto of_before = row_of({kVanished}, Seconds{3});
  of_before.epoch = 6;
  CHECK(asks(of_before) == 1);

  std::vector<SecondLookAsked> many;
  for (int i = 0; i < 2000; ++i)
    many.push_back({"d" + std::to_string(i) + ".example", 7, {kVanished}});
  CHECK(to_be_asked(many, {}).size() == kMostAwaited);
  SecondLooks rows;
  for (std::size_t i = 0; i + 1 < kMostSecondLooks; ++i)
    rows["d" + std::to_string(i) + ".example"] = answered(row_of({kVanished}, Seconds{9}), {kVanished}, {});
  CHECK(to_be_asked(many, rows).size() == 1);
  rows.clear();
  for (std::size_t i = 0; i < kMostAwaited; ++i)
    rows["d" + std::to_string(i) + ".example"] = row_of({kVanished}, kSecondLookBy - Seconds{1});
  CHECK(to_be_asked(many, rows).empty());
  for (auto& [_, row] : rows)
    row.asked_ago = kSecondLookBy;  // whoever was to look is gone
  CHECK(to_be_asked(many, rows).size() == kMostAwaited);
}

TEST_CASE("who looks from the same place, or from nowhere, is no second pair of eyes") {
  const auto takes = [](const SecondLook& row, const char* vantage) {
    return to_be_taken({{"example.com", row}}, vantage).size();
  };
  auto row = row_of({kVanished}, Seconds{3});
  CHECK(takes(row, "nyc2") == 1);
  CHECK(takes(row, "fra1") == 0);
  CHECK(takes(row, "") == 0);
  CHECK(takes(row_of({kVanished}, kSecondLookBy), "nyc2") == 0);  // nobody waits for it any more
  row.taken_by = "c";
  CHECK(takes(row, "nyc2") == 0);
  CHECK(takes(answered(row_of({kVanished}, Seconds{3}), {kVanished}, {}), "nyc2") == 0);
}

TEST_CASE("a look from elsewhere says what it saw, and what is not there only where it saw everything") {
  const auto answer = [](const facts::Look& world, const FindingNames& asked) {
    return answer_of({"example.com", 7, asked}, look_of(world), {});
  };
  const FindingName breakage{"enforce-breakage-now", "example.com"}, dnssec{"dnssec-invalid", "example.com"};
  const auto healthy = answer(facts::base(), {breakage, dnssec});
  CHECK(healthy.seen.empty());
  CHECK(healthy.not_seen == FindingNames{breakage});  // of the other only a resolver that validates can tell
  auto broken = facts::base();
  for (const auto& [host, at] : {std::pair(facts::kHost, facts::kMail1), {facts::kOther, facts::kMail2}})
    broken.set_mx(facts::mx_host(host, {facts::failed_probe(at, Stage::starttls, Cause::not_offered)}));
  CHECK(answer(broken, {breakage}).seen == FindingNames{breakage});
  auto blind = facts::base();
  blind.mx.clear();
  CHECK(answer(blind, {breakage}).seen.empty());
  CHECK(answer(blind, {breakage}).not_seen.empty());
  auto half = facts::base();
  half.domain.sts = facts::unknown<TxtAnswer>("_mta-sts.example.com");
  CHECK(answer(half, {breakage}).not_seen.empty());
}

TEST_CASE("a page waits for the second look until its deadline, and not where nobody looks") {
  const auto opened = facts::kNow;
  const auto incident = incident_of(kVanished, opened);
  const Holding by{"fra1", opened - Seconds{100}, true};
  const auto at = [&](Seconds age, const SecondLook* row, const Holding& held) {
    return seen_by(incident, held, row, opened + age);
  };
  const auto asked = row_of({kVanished}, Seconds{1});
  CHECK(at(Seconds{0}, nullptr, by) == SeenFrom{{"fra1"}, {}, true});
  CHECK(at(kAskedBy, nullptr, by) == SeenFrom{{"fra1"}, {}, false});
  CHECK(at(kSecondLookBy - Seconds{1}, &asked, by).awaited);
  CHECK_FALSE(at(kSecondLookBy, &asked, by).awaited);
  CHECK_FALSE(at(Seconds{-1}, nullptr, by).awaited);  // by a clock that is ahead
  CHECK(at(Seconds{0}, nullptr, {"fra1", {}, false}) == SeenFrom{{"fra1"}, {}, false});
  CHECK(at(Seconds{0}, nullptr, {"", {}, true}) == SeenFrom{});

  const auto too = answered(asked, {kVanished}, {}), not_there = answered(asked, {}, {kVanished});
  CHECK(at(Seconds{9}, &too, by) == SeenFrom{{"fra1", "nyc2"}, {}, false});
  CHECK(at(Seconds{9}, &not_there, by) == SeenFrom{{"fra1"}, {"nyc2"}, false});
  CHECK(at(Seconds{9}, &not_there, by).disputed());
  const auto untold = answered(asked, {}, {});
  CHECK(at(Seconds{9}, &untold, by) == SeenFrom{{"fra1"}, {}, false});
  auto old = not_there;
  old.answered_ago = kNotSeenHolds;  // whoever said so says no more
  CHECK_FALSE(at(Seconds{900}, &old, by).disputed());
  // Another has taken it over: until it has seen it, and after.
  CHECK(at(Seconds{9}, &too, {"nyc2", opened + Seconds{5}, true}) == SeenFrom{{"fra1", "nyc2"}, {}, false});
  CHECK(at(Seconds{9}, &not_there, {"nyc2", opened + Seconds{5}, true}).disputed());
  CHECK(at(Seconds{9}, &not_there, {"nyc2", opened, true}) == SeenFrom{{"nyc2", "fra1"}, {}, false});
}

TEST_CASE("findings are texts of the database, and what is none is not read") {
  CHECK(findings_in(to_text({kVanished, kDown})) == FindingNames{kVanished, kDown});
  for (const char* text : {"", "{}", "[1]", "[[1,2]]", "[[\"a\"]]", "[[\"a\",\"b\"", "nothing"})
    CHECK(findings_in(text).empty());
  CHECK(findings_in(to_text(FindingNames(99, kDown))).size() == kMostAskedOfADomain);
}

TEST_CASE("places in words") {
  CHECK(in_words({}, {}).empty());
  CHECK(in_words({"fra1"}, {}) == "seen from fra1");
  CHECK(in_words({"fra1", "nyc2"}, {}) == "seen from fra1 and nyc2");
  CHECK(in_words({"fra1"}, {"nyc2"}) == "seen from fra1; not from nyc2");
  CHECK(in_words({"a", "b", "c"}, {}) == "seen from a, b and c");
}
