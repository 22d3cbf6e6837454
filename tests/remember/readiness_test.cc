// What only time shows (groups B, E, K, O, P): the readiness gate of RULES 3.3 and its neighbours.
#include <doctest/doctest.h>

#include "tests/remember/timeline.h"

namespace stswatch::facts {
namespace {

Timeline in_testing() {
  Timeline t;
  t.file({kMx1, kMx2}, "testing");
  t.look.limits.readiness_sessions = 0;
  return t;
}

std::string detail(const Timeline& t, std::string_view code) {
  const auto* f = t.find(code);
  return f ? f->detail : std::string("(not raised)");
}

bool says(const Timeline& t, std::string_view code, const std::string& words) {
  return detail(t, code).find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("ready after fourteen clean days, not an hour sooner; the detail has a date for each gate") {
  auto t = in_testing();
  t.run(days(14) - 1h);
  CHECK(t.find("enforce-not-ready"));
  CHECK_FALSE(t.find("enforce-ready"));
  CHECK(says(t, "enforce-not-ready", "3: holds since 2026-12-01T00:00:00Z, 14 days on 2026-12-15"));
  CHECK(t.verdict().testing_clean_since == kNow);
  t.run(3h);
  REQUIRE(t.find("enforce-ready"));
  CHECK_FALSE(t.find("enforce-not-ready"));
  for (int gate = 1; gate <= 8; ++gate)
    CHECK(says(t, "enforce-ready", std::to_string(gate) + " since 2026-12-01"));
  CHECK(says(t, "enforce-ready", "the reports of 5 are waived"));
  CHECK(t.verdict().readiness_open.empty());
}

TEST_CASE("without reports it is not ready, and the detail says what is known and what is not") {
  auto t = in_testing();
  t.look.limits.readiness_sessions = 100;
  t.run(days(16));
  CHECK_FALSE(t.find("enforce-ready"));
  CHECK(says(t, "enforce-not-ready", "5: no TLS reports seen here, 100 sessions are wanted"));
  REQUIRE(t.verdict().readiness_open.size() == 1);
}

TEST_CASE("a host that fails starts its gate again") {
  auto t = in_testing();
  t.run(days(16));
  REQUIRE(t.find("enforce-ready"));
  const auto good = t.look.mx;
  t.look.set_mx(mx_host(std::string(kMx2), {failed_probe(kMail2, Stage::starttls, Cause::not_offered)}));
  t.see_well();
  CHECK_FALSE(t.verdict().testing_clean_since);
  t.look.mx = good;
  t.renew();
  t.see();
  const auto again = t.now();
  t.run(days(1));
  CHECK(says(t, "enforce-not-ready", "3: holds since " + to_utc(again)));
  CHECK(t.verdict().testing_clean_since == again);
  t.run(days(15));
  CHECK(t.find("enforce-ready"));
}

TEST_CASE("one failed fetch in a hundred is borne, more are not") {
  auto t = in_testing();
  t.run(days(15));
  REQUIRE(t.find("enforce-ready"));
  const auto fail = [&] {
    const auto good = t.look.domain.fetches;
    t.look.set_fetches({fetch(kWeb, "busy", 503)});
    t.see();
    t.look.set_fetches(good);
    t.wait(1h);
    t.run(2h);
  };
  fail();
  CHECK(t.find("enforce-ready"));
  for (int i = 0; i < 4; ++i)
    fail();
  CHECK(says(t, "enforce-not-ready", "fetches in 14 days were good"));
}

TEST_CASE("one slow fetch is borne, a day of them is not") {
  auto t = in_testing();
  t.run(days(15));
  REQUIRE(t.find("enforce-ready"));
  t.look.domain.fetches[0].duration = 3s;
  t.see();
  CHECK(t.find("enforce-ready"));
  t.run(6h);
  CHECK(says(t, "enforce-not-ready", "2: 95 % of the fetches in 24 h took up to 3000 ms"));
  t.look.domain.fetches[0].duration = 80ms;
  t.run(days(1) + 2h);
  CHECK(t.find("enforce-ready"));
}

TEST_CASE("a new id and another MX set are waited for") {
  auto t = in_testing();
  t.run(days(16));
  t.id("B");
  t.mx_set({std::string(kMx1), "mx3.example.com"});
  t.file({kMx1, "mx3.example.com"}, "testing");
  t.see_well();
  CHECK(says(t, "enforce-not-ready", "1: the id is new since"));
  CHECK(says(t, "enforce-not-ready", "7: the MX set is as it is since"));
  t.run(days(3));
  CHECK_FALSE(says(t, "enforce-not-ready", "1: the id is new"));
}

TEST_CASE("a short certificate must have been seen to renew once") {
  auto t = in_testing();
  const auto short_lived = [&](std::string_view sha) {
    auto p = peer(std::string(kMx1), days(25) + (t.now() - kNow), days(90));
    p.leaf.sha256 = sha;
    t.look.set_mx(mx_host(std::string(kMx1), {probe_showing(kMail1, std::string(kMx1), p)}));
  };
  short_lived("first");
  t.run(1h);
  CHECK(says(t, "enforce-not-ready", "4: the certificate of mx1.example.com was not yet seen to renew"));
  short_lived("second");
  t.run(1h);
  CHECK_FALSE(says(t, "enforce-not-ready", "not yet seen to renew"));
}

TEST_CASE("testing for over 90 days with every gate held") {
  auto t = in_testing();
  for (int i = 0; i < 8; ++i) {
    t.run(days(11), 6h);
    t.renew();
  }
  CHECK(t.find("enforce-ready"));
  CHECK_FALSE(t.find("sts-testing-too-long"));
  t.run(days(5), 6h);
  CHECK(says(t, "sts-testing-too-long", "since 2026-12-01T00:00:00Z"));
}

TEST_CASE("a pattern that no host has needed for 30 days") {
  Timeline t;
  t.file({kMx1, kMx2, "old.example.com"});
  t.run(days(29), 6h);
  CHECK_FALSE(t.find("sts-mx-pattern-unused"));
  t.renew();
  t.run(days(2), 6h);
  CHECK(says(t, "sts-mx-pattern-unused", "old.example.com"));
  CHECK_FALSE(says(t, "sts-mx-pattern-unused", "mx1.example.com"));
}

TEST_CASE("a pattern whose host left a week ago is kept for the caches") {
  Timeline t;
  t.run(days(29), 6h);
  t.renew();
  t.mx_set({std::string(kMx1)});
  t.run(days(7), 6h);
  CHECK_FALSE(t.find("sts-mx-pattern-unused"));
}

TEST_CASE("a long max_age while the MX set changes") {
  Timeline t;
  t.file({kMx1, kMx2}, "enforce", "31557600");
  t.run(1h);
  CHECK_FALSE(t.find("sts-max-age-long"));
  t.mx_set({std::string(kMx1)});
  t.see();
  CHECK(t.find("sts-max-age-long")->severity == Severity::info);
}

TEST_CASE("the TLSRPT record was there and is gone") {
  Timeline t;
  t.see();
  t.look.no_tlsrpt();
  t.see_well();
  CHECK(t.find("tlsrpt-removed"));
  CHECK_FALSE(t.find("tlsrpt-missing"));
}

TEST_CASE("fetches that fail now and then over a day") {
  Timeline t;
  t.run(days(1));
  for (int i = 0; i < 12; ++i) {
    t.look.set_fetches({i % 3 == 0 ? fetch(kWeb, "busy", 503) : fetch()});
    t.see();
    t.wait(1h);
  }
  REQUIRE(t.find("sts-policy-fetch-flapping"));
  CHECK(t.find("sts-policy-fetch-flapping")->severity == Severity::warning);
  t.look.set_fetches({fetch()});
  t.run(days(1) + 2h);
  CHECK_FALSE(t.find("sts-policy-fetch-flapping"));
}

TEST_CASE("a switch between the two families of Microsoft 365") {
  Timeline t;
  t.file({"*.mail.protection.outlook.com", "*.o-v1.mx.microsoft"});
  t.mx_set({"example-com.mail.protection.outlook.com"});
  t.run(1h);
  CHECK_FALSE(t.find("provider-m365-migration"));
  t.mx_set({"example-com.o-v1.mx.microsoft"});
  t.run(days(1));
  CHECK(t.find("provider-m365-migration"));
  t.run(days(7));
  CHECK_FALSE(t.find("provider-m365-migration"));
}

}  // namespace stswatch::facts
