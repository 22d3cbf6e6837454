// Laws of one turn: what is remembered, told and asked again.
#include "agent/remember/update.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

/// What a store keeps: all but the verdict, which is judged again.
std::shared_ptr<const DomainMemory> restarted(const DomainMemory& before) {
  auto after = std::make_shared<DomainMemory>(before.known, Verdict(before.known->domain));
  after->confirmed = before.confirmed;
  after->debounces = before.debounces;
  after->past = before.past;
  after->incidents = before.incidents;
  after->times = before.times;
  after->policy_fetched = before.policy_fetched;
  after->policy_last_success = before.policy_last_success;
  return after;
}

void blind(Timeline& t) {
  t.look.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
  t.look.domain.mx = unknown<MxAnswer>("example.com");
  t.look.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com");
  t.look.domain.policy_host = unknown_addresses("mta-sts.example.com");
  t.look.domain.fetches.clear();
}

}  // namespace

TEST_CASE("a healthy domain needs no confirmation") {
  Timeline t;
  t.run(1h, 5min);
  CHECK(t.record->debounces.empty());
  CHECK_FALSE(wants_confirmation(*t.record));
}

TEST_CASE("a missing record is told after three looks that say so, asked soon after one another") {
  Timeline t;
  t.see();
  t.look.no_record();
  t.see();
  CHECK_FALSE(t.find("sts-txt-missing"));
  CHECK(wants_confirmation(*t.record));
  t.see();
  CHECK_FALSE(t.find("sts-txt-missing"));
  t.see();
  CHECK(t.find("sts-txt-missing"));
  CHECK_FALSE(wants_confirmation(*t.record));  // known now: it is looked at in its turn again
}

TEST_CASE("a backup that the policy did not list ends with its cause, without a look at the host") {
  Timeline t;
  t.file({kMx1});
  t.see_well();
  REQUIRE(t.find("mx-not-in-policy"));
  CHECK(t.find("mx-backup-invalid"));
  t.file({kMx1, kMx2});
  t.id("B");
  t.see();
  t.see();
  CHECK_FALSE(t.find("mx-not-in-policy"));
  CHECK_FALSE(t.find("mx-backup-invalid"));
}

TEST_CASE("a fault that was proved is not asked about in haste for ever") {
  Timeline t;
  t.see();
  t.look.set_fetches({fetch(kWeb, "gone", 404)});
  t.see_well();
  CHECK(t.find("sts-policy-http-status"));
  CHECK_FALSE(wants_confirmation(*t.record));
  t.run(1h);
  CHECK_FALSE(wants_confirmation(*t.record));
  t.look.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com", "SERVFAIL");
  t.look.domain.sts.zone_error = "ns1.example.com 192.0.2.1: SERVFAIL";
  t.run(2h, 1min);
  CHECK(t.find("sts-txt-dns-error"));
  CHECK_FALSE(wants_confirmation(*t.record));
}

TEST_CASE("a restart in the middle of a confirmation loses nothing") {
  Timeline steady, restarting;
  for (auto* t : {&steady, &restarting}) {
    t->see();
    t->look.no_record();
    t->look.set_fetches({fetch(kWeb, "gone", 404)});
  }
  for (int i = 0; i < 6; ++i) {
    for (auto* t : {&steady, &restarting}) {
      t->wait(30s);
      if (i == 4) {
        t->look.set_record({kRecord});
        t->look.set_fetches({fetch()});
      }
      t->see();
    }
    restarting.record = restarted(*restarting.record);
    CHECK(steady.record->incidents == restarting.record->incidents);
    CHECK(steady.record->past == restarting.record->past);
    CHECK(steady.record->debounces == restarting.record->debounces);
  }
  CHECK(steady.told.size() == restarting.told.size());
}

TEST_CASE("six hours without any answer open and close nothing but what we say of ourselves") {
  Timeline t;
  t.look.set_mx(mx_host(std::string(kMx2), {failed_probe(kMail2, Stage::starttls, Cause::not_offered)}));
  t.run(1h);
  const auto before = t.open();
  CHECK_FALSE(before.empty());
  t.told.clear();
  const auto good = t.look;
  blind(t);
  const TimePoint end = t.now() + 6h;
  while (t.now() < end) {
    t.wait(5min);
    // Nothing anywhere answers: the times stay where they were.
    const JudgeInputs around{t.look.mx, t.look.mx, t.hosts, Vantage{}, t.look.limits};
    const auto turn = after_look(t.record.get(), t.look.domain, true, around);
    t.record = turn.record;
    for (const auto& told : turn.transitions)
      CHECK(told.incident.finding.of_the_agent);
  }
  CHECK(t.verdict().policy.outcome == Outcome::ok);
  CHECK(t.verdict().enforce_usable_mx);
  const auto at = t.now();
  t.look = good;
  t.look.domain.at = at;
  t.see_well();
  CHECK(t.open() == before);
}

TEST_CASE("an unknown that follows a known state never changes what senders can use (RULES 4.7)") {
  std::mt19937 random(20261201);
  for (int run = 0; run < 60; ++run) {
    Timeline t;
    for (int i = 0; i < 12; ++i) {
      switch (random() % 5) {
        case 0:
          t.id("ID" + std::to_string(random() % 3));
          break;
        case 1:
          t.file({random() % 2 == 0 ? kMx1 : "mx3.example.com"});
          break;
        case 2:
          t.mx_set({random() % 2 == 0 ? std::string(kMx1) : "mx3.example.com", std::string(kMx2)});
          break;
        case 3:
          t.look.set_mx(
              mx_host(std::string(kMx2), {failed_probe(kMail2, Stage::starttls, Cause::not_offered)}));
          break;
        default:
          t.look.no_record();
      }
      t.see_well();
      const auto usable = t.verdict().enforce_usable_mx;
      const auto breakage = t.verdict().forecast.breakage;
      auto unseen = t;
      unseen.look.domain.at = t.record->confirmed->at;
      blind(unseen);
      unseen.see();
      REQUIRE(unseen.verdict().enforce_usable_mx == usable);
      REQUIRE(unseen.verdict().forecast.breakage == breakage);
    }
  }
}

TEST_CASE("a finding on a host closes by looks at the host, and asks for them") {
  Timeline t;
  t.look.set_mx(mx_host(std::string(kMx2), {failed_probe(kMail2, Stage::starttls, Cause::not_offered)}));
  t.see_well();
  REQUIRE(t.find("starttls-not-supported"));
  t.look.set_mx(mx_host(std::string(kMx2), {probe(kMail2, std::string(kMx2))}));
  const JudgeInputs around{t.look.mx, t.look.mx, t.hosts, t.look.vantage, t.look.limits};
  auto turn = after_mx_look(*t.record, std::string(kMx2), true, t.now() + 1min, around);
  CHECK(wants_confirmation(*turn.record, std::string(kMx2)));
  CHECK_FALSE(wants_confirmation(*turn.record, std::string(kMx1)));
  CHECK_FALSE(wants_confirmation(*turn.record));
  turn = after_mx_look(*turn.record, std::string(kMx2), true, t.now() + 2min, around);
  CHECK(turn.transitions.size() == 2);  // with mx-backup-invalid
  CHECK(open_findings(turn.record->incidents).empty());
}

TEST_CASE("what has not been seen for long is told as our own view, and only that") {
  Timeline t;
  t.see();
  JudgeInputs around{t.look.mx, t.look.mx, t.hosts, t.look.vantage, t.look.limits};
  around.stale_after = {{Part::sts_record, 15min}, {Part::mx, 15min}, {Part::policy, 3h}};
  around.host_stale_after = 3h;
  around.host_times[std::string(kMx1)].last_success = kNow;
  blind(t);
  auto turn = after_look(t.record.get(), t.look.domain, true, around);
  CHECK(std::ranges::none_of(turn.record->verdict.findings,
                             [](const Finding& f) { return f.code == "check-stale"; }));
  t.wait(4h);
  turn = after_look(turn.record.get(), t.look.domain, true, around);
  std::vector<std::string> stale;
  for (const auto& f : turn.record->verdict.findings)
    if (f.code == "check-stale") stale.push_back(f.subject);
  CHECK(stale == std::vector<std::string>{"example.com", std::string(kMx1)});
  CHECK(turn.record->verdict.status == Status::ok);
}

TEST_CASE("what no look has seen is said after one interval, and over with the first that sees it") {
  Timeline t;
  auto blind = t.look.domain;
  blind.mx = unknown<MxAnswer>("example.com");
  JudgeInputs around{t.look.mx, t.look.mx, {}, t.look.vantage, t.look.limits};
  for (const Part part : kParts)
    around.stale_after.emplace(part, Seconds{900});
  std::shared_ptr<const DomainMemory> record;
  const auto see = [&](Seconds later, const DomainObservation& facts) {
    auto look = facts;
    look.at = kNow + later;
    record = after_look(record.get(), look, true, around).record;
    for (const auto& f : record->verdict.findings)
      if (f.code == "check-stale") return f.detail;
    return std::string();
  };
  CHECK(see(Seconds{0}, blind).empty());
  CHECK(see(Seconds{300}, blind).empty());
  CHECK(see(Seconds{301}, blind) == "mx never seen, looked for since " + to_utc(kNow));
  CHECK(record->verdict.status == Status::unknown);
  see(Seconds{302}, t.look.domain);
  CHECK(see(Seconds{303}, t.look.domain).empty());
}

TEST_CASE("flapping is told") {
  Timeline t;
  for (int i = 0; i < 4; ++i) {
    t.look.domain.sts = txt("_mta-sts.example.com", {"v=STSv1; id=bad-id;"});
    t.see_well();
    t.look.set_record({kRecord});
    t.see_well();
    t.wait(10min);
  }
  CHECK(t.find("sts-txt-id-invalid"));  // held open
  REQUIRE(t.find("check-flapping"));
  CHECK(t.find("check-flapping")->detail.find("sts-txt-id-invalid") != std::string::npos);
  t.run(7h);
  CHECK_FALSE(t.find("check-flapping"));
}

TEST_CASE("states of group J count when they open, changes when they happen") {
  Timeline t;
  t.see();
  t.wait(1h);
  t.file({kMx1});
  t.see_well();
  CHECK(t.record->past.change_counts.at("sts-policy-changed-id-unchanged") == 1);
  t.id("B");
  t.run(1h);
  CHECK(t.record->past.change_counts.at("sts-policy-changed-id-unchanged") == 1);
  CHECK_FALSE(t.record->past.change_counts.contains("id"));
}

}  // namespace stswatch::facts
