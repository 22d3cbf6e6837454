#include "agent/remember/store_backend.h"

#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"
#include "tests/remember/random_record.h"

using namespace stswatch;

namespace {

using Record = std::shared_ptr<DomainMemory>;

Record first_record() {
  const auto look = facts::base().domain;
  auto record =
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look), Verdict(look.domain));
  record->past.policies = {{{Mode::enforce, {"mx1.example.com"}, 604800, {}}, "ab", {facts::kNow, {}}}};
  Incident incident;
  incident.finding.code = "mx-unreachable";
  record->incidents = {incident};
  return record;
}

/// What is to be written when `alter` has been at the record.
template <class Alter>
PendingWrite after(Alter alter) {
  const auto before = first_record();
  KeptLooks kept;
  (void)pending_write_of(nullptr, before, before->known, {}, kept);
  auto record = std::make_shared<DomainMemory>(*before);
  alter(*record);
  return pending_write_of(before.get(), record, nullptr, {}, kept);
}

template <class Alter>
void see(DomainMemory& record, Alter alter) {
  auto look = *record.known;
  alter(look);
  record.known = record.confirmed = std::make_shared<DomainObservation>(look);
}

}  // namespace

TEST_CASE("two looks have the same hash when only the clock differs") {
  const auto base = facts::base().domain;
  const auto same = [&](auto alter) {
    auto look = base;
    alter(look);
    return hash_of(look) == hash_of(base);
  };
  CHECK(same([](auto& l) { l.at += Seconds{1}; }));
  CHECK(same([](auto& l) { l.sts.ttl = 7; }));
  CHECK(same([](auto& l) { l.fetches[0].duration = Millis{77}; }));
  CHECK(same([](auto& l) { l.fetches[0].date = "now"; }));
  CHECK_FALSE(same([](auto& l) { l.sts.records[0].strings.push_back(""); }));
  CHECK_FALSE(same([](auto& l) { l.sts.lookup = Lookup::absent; }));
  CHECK_FALSE(same([](auto& l) { l.fetches[0].body += " "; }));
  CHECK_FALSE(same([](auto& l) { l.fetches[0].tls.peer.change().leaf.not_after += Seconds{1}; }));
  CHECK_FALSE(same([](auto& l) { l.fetches.clear(); }));
  CHECK_FALSE(same([](auto& l) { l.mx.records[0].preference += 1; }));
}

TEST_CASE("different looks have different hashes") {
  std::set<FactsHash> hashes;
  for (unsigned seed = 0; seed < 300; ++seed) {
    hashes.insert(hash_of(RandomLook(seed).domain()));
    hashes.insert(hash_of(RandomLook(seed).host()));
  }
  CHECK(hashes.size() == 600);
}

TEST_CASE("of a new subject everything is to be written") {
  const auto record = first_record();
  KeptLooks kept;
  const auto write = pending_write_of(nullptr, record, record->known, {}, kept);
  CHECK(write.sections == (kState | kPolicies | kIds | kMxHosts | kCertificates | kIncidents | kMoments));
  CHECK(write.looks.size() == 5);  // known, confirmed, last, good, changed
  CHECK(write.urgent);
}

TEST_CASE("time alone is nothing to write") {
  CHECK(after([](auto&) {}).empty());
  CHECK(after([](auto& r) { see(r, [](auto& l) { l.at += Seconds{300}; }); }).empty());
  CHECK(after([](auto& r) { r.incidents[0].last_bad = facts::kNow; }).empty());
  CHECK(after([](auto& r) { r.incidents[0].finding.detail = "12 d 3 h left"; }).empty());
  CHECK(after([](auto& r) { r.times[Part::mx].last_look = facts::kNow; }).empty());
  CHECK(after([](auto& r) { r.past.fetches.push_back({facts::kNow, true, Millis{5}}); }).empty());
  CHECK(after([](auto& r) { r.past.policy_ok_last = facts::kNow; }).empty());
  CHECK(after([](auto& r) { r.past.sight.record = facts::kNow; }).empty());
}

TEST_CASE("the attempts at an MX host are written with its doubts, and by themselves once an hour") {
  const auto before = RandomRecord(1).mx_record("mx1.example.com");
  KeptLooks kept;
  (void)pending_write_of(nullptr, before, nullptr, kept);
  auto record = std::make_shared<MxMemory>(*before);
  record->attempts.push_back({facts::kNow, "198.51.101.25", ""});
  CHECK(pending_write_of(before.get(), record, nullptr, kept).empty());
  record->debounces["198.51.101.25"] = {1, facts::kNow};
  CHECK(pending_write_of(before.get(), record, nullptr, kept).sections == (kState | kMoments));
  CHECK(refresh(std::shared_ptr<const MxMemory>(record), kept).sections == kMoments);
}

TEST_CASE("a look that is dated anew, since the clock was ahead, is written with its date") {
  const auto set_back = after([](auto& r) { see(r, [](auto& l) { l.at -= Seconds{86400}; }); });
  CHECK(set_back.sections == kMoments);
  CHECK(set_back.looks.size() == 2);  // known, confirmed
}

TEST_CASE("a look that asked for names only is whole with the policy as last fetched, and nothing to write") {
  const auto record = first_record();
  KeptLooks kept;
  (void)pending_write_of(nullptr, record, record->known, {}, kept);
  auto names = std::make_shared<DomainObservation>(*record->known);
  names->fetches.clear();
  CHECK(pending_write_of(record.get(), record, names, {}, kept).empty());
  names->tlsrpt.records.clear();
  const auto write = pending_write_of(record.get(), record, names, {}, kept);
  REQUIRE(write.looks.size() == 2);  // last, good
  CHECK(std::get<std::shared_ptr<const DomainObservation>>(write.looks[0].facts)->fetches ==
        record->known->fetches);
}

TEST_CASE(
    "a policy host that never answers is written once, whatever looks ask for and however long they wait") {
  const auto failing = [](const char* detail) {
    PolicyFetch fetch{*Address::parse("192.0.2.1")};
    fetch.failure = Failure{Stage::connect, Cause::timeout, detail};
    return std::vector{fetch};
  };
  const auto record = first_record();
  see(*record, [&](auto& look) {
    look.fetches = failing("no answer within 59.8 s");
    look.fetches[0].repeated = true;
  });
  auto look = std::make_shared<DomainObservation>(*record->known);
  look->fetches = failing("no answer within 59.9 s");
  const auto names = std::make_shared<DomainObservation>(*look);
  names->fetches.clear();
  KeptLooks kept;
  (void)pending_write_of(nullptr, record, look, {}, kept);
  CHECK(pending_write_of(record.get(), record, names, {}, kept).empty());
  CHECK(pending_write_of(record.get(), record, look, {}, kept).empty());
  look->fetches[0].failure->cause = Cause::refused;
  CHECK_FALSE(pending_write_of(record.get(), record, look, {}, kept).empty());
}

TEST_CASE("whatever else moves is written, and only that") {
  CHECK(after([](auto& r) { r.past.policies[0].seen.gone = facts::kNow; }).sections ==
        (kPolicies | kMoments));  // what looks saw of them is in the moments
  CHECK(after([](auto& r) {
          r.past.ids.push_back({"A", 60, {facts::kNow, {}}});
        }).sections == (kIds | kMoments));
  CHECK(after([](auto& r) { r.past.mx.push_back({"mx", {facts::kNow, {}}}); }).sections == kMxHosts);
  CHECK(after([](auto& r) { r.incidents[0].good_looks = 1; }).sections == kIncidents);
  CHECK(after([](auto& r) { r.incidents.clear(); }).sections == kIncidents);
  CHECK(after([](auto& r) { r.debounces["sts"] = {1, facts::kNow}; }).sections == kState);
  CHECK(after([](auto& r) { r.past.gates["1"] = facts::kNow; }).sections == kState);
  CHECK(after([](auto& r) { r.past.change_counts["mx-added"] = 1; }).sections == kState);
  CHECK(after([](auto& r) { r.past.forgotten_ids.push_back(1); }).sections == kState);
  CHECK(after([](auto& r) { r.past.changes.push_back({}); }).changes.size() == 1);
  const auto seen = after([](auto& r) { see(r, [](auto& l) { l.mx.records.pop_back(); }); });
  CHECK(seen.sections == 0);
  CHECK(seen.looks.size() == 2);
}

TEST_CASE("what a sender may hold from now on, and what is told, waits for nobody") {
  CHECK(after([](auto& r) { r.past.policies[0].seen.gone = facts::kNow; }).urgent);
  CHECK(after([](auto& r) { r.past.ids.push_back({"A", 60, {facts::kNow, {}}}); }).urgent);
  CHECK_FALSE(after([](auto& r) { r.debounces["sts"] = {1, facts::kNow}; }).urgent);
  KeptLooks kept;
  const auto record = first_record();
  (void)pending_write_of(nullptr, record, nullptr, {}, kept);
  CHECK(pending_write_of(record.get(), record, nullptr, {{facts::kNow, "example.com", {}}}, kept).urgent);
}

TEST_CASE("of a history only what is new is written, also when the oldest went") {
  const auto change = [](int n) {
    return Change{facts::kNow + Seconds{n}, "mx-added", "example.com", "", ""};
  };
  auto before = first_record();
  before->past.changes = {change(1), change(2), change(3)};
  auto record = std::make_shared<DomainMemory>(*before);
  record->past.changes = {change(2), change(3), change(4), change(5)};
  KeptLooks kept;
  const auto write = pending_write_of(before.get(), record, nullptr, {}, kept);
  CHECK(write.changes == std::vector{change(4), change(5)});
}

TEST_CASE("what has not been written yet is joined by what comes after it") {
  const auto record = first_record();
  KeptLooks kept;
  auto first = pending_write_of(nullptr, record, record->known, {{facts::kNow, "example.com", {}}}, kept);
  auto next = std::make_shared<DomainMemory>(*record);
  see(*next, [](auto& l) { l.mx.records.pop_back(); });
  next->debounces["sts"] = {1, facts::kNow};
  auto second = pending_write_of(record.get(), next, next->known,
                                 {{facts::kNow + Seconds{1}, "example.com", {}}}, kept);
  const auto both = merge(std::move(first), std::move(second));
  CHECK(std::get<std::shared_ptr<const DomainMemory>>(both.record) == next);
  CHECK((both.sections & kPolicies) != 0);
  REQUIRE(both.transitions.size() == 2);
  CHECK(both.transitions[0].at < both.transitions[1].at);
  std::map<Role, int> roles;
  for (const auto& look : both.looks)
    ++roles[look.role];
  CHECK(roles ==
        std::map<Role, int>{
            {Role::known, 1}, {Role::confirmed, 1}, {Role::last, 1}, {Role::good, 1}, {Role::changed, 2}});
  for (const auto& look : both.looks)
    if (look.role == Role::last) CHECK(look.kept.hash == hash_of(*next->known));
}

TEST_CASE("however long the disk fails, what waits for it stays small") {
  const auto record = first_record();
  KeptLooks kept;
  PendingWrite all = pending_write_of(nullptr, record, record->known, {}, kept);
  std::shared_ptr<const DomainMemory> before = record;
  for (int i = 0; i < 3000; ++i) {
    auto next = std::make_shared<DomainMemory>(*before);
    see(*next, [&](auto& l) { l.fetches[0].body = std::to_string(i); });
    all = merge(std::move(all),
                pending_write_of(before.get(), next, next->known, {{facts::kNow, "d", {}}}, kept));
    before = next;
  }
  CHECK(all.looks.size() <= 8);
  CHECK(all.transitions.size() <= 1001);
}
