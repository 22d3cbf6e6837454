// Group J: removals and moves done wrong in each of its ways, as time-lines of made facts.
#include <doctest/doctest.h>

#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

const std::string kNew1 = "mx1.new-provider.example";

}  // namespace

TEST_CASE("the record is gone and the file still served: the cached policy binds") {
  auto t = steady();
  t.wait(1h);
  t.look.no_record();
  t.mx_set({kMx3});
  t.see_well();
  CHECK(t.find("sts-txt-missing"));
  CHECK_FALSE(t.find("sts-policy-without-txt"));
  CHECK(t.find("cached-policy-excludes-all-mx"));
  CHECK(t.find("enforce-breakage-now"));
  CHECK(t.verdict().enforce_usable_mx == UsableMx{0, 0, 1});
}

TEST_CASE("all hosts move to another provider at once") {
  auto t = steady();
  t.wait(1h);
  t.file({kNew1});
  t.id("20261202T010000Z");
  t.mx_set({kNew1});
  t.see();
  CHECK(joined(t.open()) == joined({"cached-policy-excludes-mx info log", "mx-added warning ticket",
                                    "mx-removed info log", "mx-provider-changed warning ticket",
                                    "mx-single info log", "sts-update-order-unknown info log"}));
  CHECK(t.find("mx-added")->detail.find("not listed by an earlier policy, id 20261101T000000Z with mx ") !=
        std::string::npos);
}

TEST_CASE("going back to an earlier id keeps the policy of then alive") {
  auto t = steady();
  t.file({kMx1, kMx2, kMx3});
  t.id("B");
  t.run(1h);
  t.id("20261101T000000Z");
  t.see();
  CHECK(t.find("sts-id-reused")->severity == Severity::warning);
  CHECK_FALSE(t.find("sts-policy-changed-id-unchanged"));
  t.id("C");
  t.see_well();
  CHECK_FALSE(t.find("sts-id-reused"));
}

TEST_CASE("a roll-back of file and id within the TTL is told too") {
  auto t = steady();
  t.file({kMx1, kMx2, kMx3});
  t.see();
  t.wait(5min);
  t.id("B");
  t.see();
  t.wait(5min);
  t.file({kMx1, kMx2});
  t.id("20261101T000000Z");
  t.see();
  CHECK(t.find("sts-id-reused"));
}

TEST_CASE("a new id while the policy cannot be fetched") {
  auto t = steady();
  t.look.set_fetches({fetch(kWeb, "gone", 404)});
  t.see_well();
  CHECK_FALSE(t.find("sts-id-changed-fetch-failing"));
  t.id("B");
  t.see();
  CHECK(t.find("sts-id-changed-fetch-failing")->severity == Severity::critical);
  t.file({kMx1, kMx2});
  t.see_well();
  CHECK_FALSE(t.find("sts-id-changed-fetch-failing"));
}

TEST_CASE("a new id for the same policy is told after an hour, as information") {
  auto t = steady();
  t.id("B");
  t.see();
  CHECK(joined(t.open()).empty());
  t.run(2h);
  CHECK(joined(t.open()) == joined({"sts-id-changed-policy-unchanged info log"}));
  t.run(days(8));
  CHECK(joined(t.open()).empty());
}

TEST_CASE("mode and max_age: up and down") {
  Timeline t;
  t.file({kMx1, kMx2}, "testing", "86400");
  t.look.limits.readiness_sessions = 0;
  t.run(days(1));
  t.file({kMx1, kMx2}, "enforce", "604800");
  t.id("B");
  t.see_well();
  CHECK(t.find("sts-mode-upgraded"));
  CHECK(t.find("sts-max-age-raised"));
  CHECK_FALSE(
      t.find("enforce-without-testing"));  // how long testing lasted is not known: it was the baseline
  t.wait(1h);
  t.file({kMx1, kMx2}, "testing", "604800");
  t.id("C");
  t.see_well();
  CHECK(t.find("sts-mode-downgraded"));
  t.wait(days(2));
  t.file({kMx1, kMx2}, "enforce", "604800");
  t.id("D");
  t.see_well();
  CHECK(t.find("enforce-without-testing"));
  CHECK(t.record->past.change_counts.at("sts-mode-upgraded") == 2);
  CHECK(t.times_told("sts-mode-upgraded") == 2);  // the second while the first was still open
}

TEST_CASE("a change window turns changes into information, then and later") {
  auto t = steady();
  t.look.limits.change_planned = true;
  t.file({kMx1, kMx2, kMx3});
  t.id("B");
  t.mx_set({std::string(kMx1), std::string(kMx2), kMx3});
  t.see();
  CHECK(t.find("mx-added")->severity == Severity::info);
  t.look.limits.change_planned = false;
  t.run(days(1));
  CHECK(t.find("mx-added")->severity == Severity::info);
  CHECK(t.times_told("mx-added", Transition::Kind::worse) == 0);
}

TEST_CASE("the names point elsewhere") {
  auto t = steady();
  point_cname(t.look.domain.sts, {"sts.provider.example"});
  point_cname(t.look.domain.policy_host.a, {"web.provider.example"});
  t.run(1h);
  CHECK_FALSE(t.find("sts-cname-target-changed"));  // there was none to change from
  point_cname(t.look.domain.sts, {"sts.other.example"});
  t.see();
  CHECK(t.find("sts-cname-target-changed")->severity == Severity::warning);
  CHECK(t.find("sts-cname-target-changed")->detail.find("sts.provider.example") != std::string::npos);
}

TEST_CASE("other addresses and another issuer of the policy host are information") {
  auto t = steady();
  t.look.set_fetches({fetch(kWeb2)});
  t.look.domain.fetches[0].tls.peer.change().leaf.sha256 = "another";
  t.look.domain.fetches[0].tls.peer.change().leaf.issuer = "CN=Other CA";
  t.see();
  CHECK(joined(t.open()) ==
        joined({"sts-policy-host-address-changed info log", "sts-webpki-issuer-changed info log"}));
}

TEST_CASE("an MX host's new issuer and key are information; its renewal alone is none for the issuer") {
  auto t = steady();
  auto shown = peer(std::string(kMx1));
  shown.leaf.sha256 = "another";
  shown.leaf.spki_sha256 = "another key";
  t.look.set_mx(mx_host(std::string(kMx1), {probe_showing(kMail1, std::string(kMx1), shown)}));
  t.see();
  CHECK(joined(t.open()) == joined({"certificate-key-changed info log"}));
  shown.leaf.sha256 = "a third";
  shown.leaf.issuer = "CN=Other CA";
  t.look.set_mx(mx_host(std::string(kMx1), {probe_showing(kMail1, std::string(kMx1), shown)}));
  t.see();
  CHECK(t.find("certificate-issuer-changed"));
}

TEST_CASE("a policy appears that lists none of the known hosts") {
  Timeline t;
  t.look.no_record();
  t.look.no_policy_host();
  t.run(1h, 10min);
  CHECK(joined(t.open()) == joined({"sts-not-deployed info log"}));
  t.file({"mx.stranger.example"}, "enforce", "31557600");
  t.id("X");
  t.see();
  CHECK(t.find("sts-policy-unexpected-appearance")->severity == Severity::warning);
  CHECK(t.find("mx-none-in-policy"));
}

TEST_CASE("two nodes with different files are told as that, not as a race") {
  auto t = steady();
  t.look.set_fetches({fetch(kWeb), fetch(kWeb2)});
  t.run(1h);
  t.id("B");
  t.look.set_fetches({fetch(kWeb), fetch(kWeb2, policy({kMx1, kMx2, kMx3}))});
  t.see();
  CHECK(t.find("sts-policy-address-inconsistent"));
  CHECK_FALSE(t.find("sts-update-order-race"));
  t.wait(20min);
  t.look.set_fetches({fetch(kWeb, policy({kMx1, kMx2, kMx3})), fetch(kWeb2, policy({kMx1, kMx2, kMx3}))});
  t.see_well();
  CHECK_FALSE(t.find("sts-policy-address-inconsistent"));
  CHECK(t.find("sts-update-order-race")->route == Route::ticket);  // it costs no host of today
}

}  // namespace stswatch::facts
