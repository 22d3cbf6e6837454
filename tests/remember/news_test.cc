#include "agent/remember/news.h"

#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"
#include "tests/remember/random_record.h"

using namespace stswatch;

namespace {

using Record = std::shared_ptr<DomainMemory>;

Record base_record() {
  const auto look = facts::base().domain;
  auto record =
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look), Verdict(look.domain));
  record->past.policies = {{{Mode::enforce, {"mx1.example.com"}, 604800, {}}, "ab", {facts::kNow, {}}}};
  Incident incident;
  incident.finding.code = "mx-unreachable";
  record->incidents = {incident};
  return record;
}

/// What is news when `alter` has been at the record.
template <class Alter>
News after(Alter alter) {
  const auto before = base_record();
  KeptLooks kept;
  (void)news_of(nullptr, before, before->known, {}, kept);
  auto record = std::make_shared<DomainMemory>(*before);
  alter(*record);
  return news_of(before.get(), record, nullptr, {}, kept);
}

template <class Alter>
void see(DomainMemory& record, Alter alter) {
  auto look = *record.known;
  alter(look);
  record.known = record.confirmed = std::make_shared<DomainObservation>(look);
}

}  // namespace

TEST_CASE("two looks have the same key when only the clock differs") {
  const auto base = facts::base().domain;
  const auto same = [&](auto alter) {
    auto look = base;
    alter(look);
    return key_of(look) == key_of(base);
  };
  CHECK(same([](auto& l) { l.at += Seconds{1}; }));
  CHECK(same([](auto& l) { l.sts.ttl = 7; }));
  CHECK(same([](auto& l) { l.fetches[0].duration = Millis{77}; }));
  CHECK(same([](auto& l) { l.fetches[0].date = "now"; }));
  CHECK_FALSE(same([](auto& l) { l.sts.records[0].strings.push_back(""); }));
  CHECK_FALSE(same([](auto& l) { l.sts.lookup = Lookup::absent; }));
  CHECK_FALSE(same([](auto& l) { l.fetches[0].body += " "; }));
  CHECK_FALSE(same([](auto& l) { l.fetches[0].tls.peer->leaf.not_after += Seconds{1}; }));
  CHECK_FALSE(same([](auto& l) { l.fetches.clear(); }));
  CHECK_FALSE(same([](auto& l) { l.mx.records[0].preference += 1; }));
}

TEST_CASE("different looks have different keys") {
  std::set<FactsKey> keys;
  for (unsigned seed = 0; seed < 300; ++seed) {
    keys.insert(key_of(RandomLook(seed).domain()));
    keys.insert(key_of(RandomLook(seed).host()));
  }
  CHECK(keys.size() == 600);
}

TEST_CASE("of a new subject everything is news") {
  const auto record = base_record();
  KeptLooks kept;
  const auto news = news_of(nullptr, record, record->known, {}, kept);
  CHECK(news.pieces == (kState | kPolicies | kIds | kMxHosts | kCertificates | kIncidents));
  CHECK(news.looks.size() == 5);  // known, confirmed, last, good, changed
  CHECK(news.urgent);
}

TEST_CASE("time alone is no news") {
  CHECK(after([](auto&) {}).empty());
  CHECK(after([](auto& r) { see(r, [](auto& l) { l.at += Seconds{300}; }); }).empty());
  CHECK(after([](auto& r) { r.incidents[0].last_bad = facts::kNow; }).empty());
  CHECK(after([](auto& r) { r.incidents[0].finding.detail = "12 d 3 h left"; }).empty());
  CHECK(after([](auto& r) { r.times[Part::mx].last_look = facts::kNow; }).empty());
  CHECK(after([](auto& r) { r.past.fetches.push_back({facts::kNow, true, Millis{5}}); }).empty());
  CHECK(after([](auto& r) { r.past.policy_ok_last = facts::kNow; }).empty());
}

TEST_CASE("whatever else moves is news, and only that") {
  CHECK(after([](auto& r) { r.past.policies[0].seen.gone = facts::kNow; }).pieces == kPolicies);
  CHECK(after([](auto& r) { r.past.ids.push_back({"A", 60, {facts::kNow, {}}}); }).pieces == kIds);
  CHECK(after([](auto& r) { r.past.mx.push_back({"mx", {facts::kNow, {}}}); }).pieces == kMxHosts);
  CHECK(after([](auto& r) { r.incidents[0].good_looks = 1; }).pieces == kIncidents);
  CHECK(after([](auto& r) { r.incidents.clear(); }).pieces == kIncidents);
  CHECK(after([](auto& r) { r.debounces["sts"] = {1, facts::kNow}; }).pieces == kState);
  CHECK(after([](auto& r) { r.past.gates["1"] = facts::kNow; }).pieces == kState);
  CHECK(after([](auto& r) { r.past.change_counts["mx-added"] = 1; }).pieces == kState);
  CHECK(after([](auto& r) { r.past.changes.push_back({}); }).changes.size() == 1);
  const auto seen = after([](auto& r) { see(r, [](auto& l) { l.mx.records.pop_back(); }); });
  CHECK(seen.pieces == 0);
  CHECK(seen.looks.size() == 2);
}

TEST_CASE("what a sender may hold from now on, and what is told, waits for nobody") {
  CHECK(after([](auto& r) { r.past.policies[0].seen.gone = facts::kNow; }).urgent);
  CHECK(after([](auto& r) { r.past.ids.push_back({"A", 60, {facts::kNow, {}}}); }).urgent);
  CHECK_FALSE(after([](auto& r) { r.debounces["sts"] = {1, facts::kNow}; }).urgent);
  KeptLooks kept;
  const auto record = base_record();
  (void)news_of(nullptr, record, nullptr, {}, kept);
  CHECK(news_of(record.get(), record, nullptr, {{1, facts::kNow, "example.com", {}}}, kept).urgent);
}

TEST_CASE("of a history only what is new is news, also when the oldest went") {
  const auto change = [](int n) {
    return Change{facts::kNow + Seconds{n}, "mx-added", "example.com", "", ""};
  };
  auto before = base_record();
  before->past.changes = {change(1), change(2), change(3)};
  auto record = std::make_shared<DomainMemory>(*before);
  record->past.changes = {change(2), change(3), change(4), change(5)};
  KeptLooks kept;
  const auto news = news_of(before.get(), record, nullptr, {}, kept);
  CHECK(news.changes == std::vector{change(4), change(5)});
}

TEST_CASE("news that has not been written yet is joined by what comes after it") {
  const auto record = base_record();
  KeptLooks kept;
  auto first = news_of(nullptr, record, record->known, {{1, facts::kNow, "example.com", {}}}, kept);
  auto next = std::make_shared<DomainMemory>(*record);
  see(*next, [](auto& l) { l.mx.records.pop_back(); });
  next->debounces["sts"] = {1, facts::kNow};
  auto second = news_of(record.get(), next, next->known, {{2, facts::kNow, "example.com", {}}}, kept);
  const auto both = merge(std::move(first), std::move(second));
  CHECK(std::get<std::shared_ptr<const DomainMemory>>(both.record) == next);
  CHECK((both.pieces & kPolicies) != 0);
  REQUIRE(both.transitions.size() == 2);
  CHECK(both.transitions[0].id == 1);
  std::map<Role, int> roles;
  for (const auto& look : both.looks)
    ++roles[look.role];
  CHECK(roles ==
        std::map<Role, int>{
            {Role::known, 1}, {Role::confirmed, 1}, {Role::last, 1}, {Role::good, 1}, {Role::changed, 2}});
  for (const auto& look : both.looks)
    if (look.role == Role::last) CHECK(look.kept.key == key_of(*next->known));
}

TEST_CASE("however long the disk fails, what waits for it stays small") {
  const auto record = base_record();
  KeptLooks kept;
  News all = news_of(nullptr, record, record->known, {}, kept);
  std::shared_ptr<const DomainMemory> before = record;
  for (int i = 0; i < 3000; ++i) {
    auto next = std::make_shared<DomainMemory>(*before);
    see(*next, [&](auto& l) { l.fetches[0].body = std::to_string(i); });
    all = merge(std::move(all), news_of(before.get(), next, next->known, {{i, facts::kNow, "d", {}}}, kept));
    before = next;
  }
  CHECK(all.looks.size() <= 8);
  CHECK(all.transitions.size() <= 1001);
}
