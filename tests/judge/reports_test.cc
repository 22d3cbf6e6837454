// Group L: what senders report, and how much of it is needed before anything is said.
#include "checks/judge/verdict.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "checks/judge/past.h"
#include "checks/judge/rules/rules.h"
#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

const TimePoint kReportedAt = *parse_utc("2026-11-28T10:00:00Z");

Policy policy(const std::string& mx) {
  Policy out;
  out.mode = Mode::enforce;
  out.mx = {mx};
  out.max_age = 86400;
  return out;
}
std::string policy_text(const std::string& mx) {
  return "version: STSv1\nmode: enforce\nmx: " + mx + "\nmax_age: 86400";
}

/// example.com with one good MX host, watched for a hundred days, and what is reported of it.
struct Reported {
  Reported() : verdict(*Domain::parse("example.com")) {
    verdict.checked_at = kReportedAt;
    verdict.live_mode = Mode::enforce;
    verdict.mx_lookup = Lookup::found;
    verdict.tlsrpt.outcome = Outcome::ok;
    MxVerdict mx{
        .host = "mx.example.com", .preference = 10, .allowed = true, .usable = true, .addresses = {}};
    MxAddressVerdict address;
    address.address = *Address::parse("192.0.2.1");
    address.outcome = HostOutcome::ok;
    mx.addresses = {address};
    verdict.mx = {mx};
    const Span always{kReportedAt - 100 * kDay};
    past.began = always.first;
    past.policies.push_back({.policy = policy("mx.example.com"), .sha256 = "", .seen = always});
    past.ids.push_back({.id = "1", .ttl = 300, .seen = always});
    past.mx.push_back({"mx.example.com", always});
    past.tlsrpt_valid_since = always.first;
    reports.last = kReportedAt - Seconds{3600};
  }

  /// Of the day that began so many days before this one.
  Reported& day(int ago, const std::string& who, std::uint64_t successful, std::uint64_t failed,
                const std::string& type = "sts", const std::string& applied = policy_text("mx.example.com")) {
    const auto start = *parse_utc("2026-11-28T00:00:00Z") - ago * kDay;
    reports.sessions.push_back({start, start + kDay - Seconds{1}, who, type, successful, failed, applied});
    return *this;
  }
  Reported& failure(int ago, const std::string& who, std::uint64_t sessions,
                    const std::string& mx = "mx.example.com",
                    const std::string& type = "certificate-expired") {
    const auto start = *parse_utc("2026-11-28T00:00:00Z") - ago * kDay;
    reports.failures.push_back({start, who, "sts", type, mx, "", "", sessions});
    return *this;
  }
  const Finding* find(std::string_view code) {
    found = judge_reports(verdict, past, reports);
    for (const auto& f : found)
      if (f.code == code) return &f;
    return nullptr;
  }
  bool has(std::string_view code) { return find(code) != nullptr; }

  Verdict verdict;
  Past past;
  DomainReports reports;
  std::vector<Finding> found;
};

}  // namespace

TEST_CASE("a domain without reports, and one whose reports are good, get nothing") {
  Reported nothing;
  nothing.reports = {};
  CHECK(judge_reports(nothing.verdict, nothing.past, nothing.reports).empty());
  Reported good;
  for (int ago = 1; ago < 20; ++ago)
    good.day(ago, "Google Inc.", 100, 0);
  CHECK(judge_reports(good.verdict, good.past, good.reports).empty());
}

TEST_CASE(
    "tlsrpt-failure-rate: over one in a hundred, by two reporters, or by one that met twenty (RULES 5.3)") {
  CHECK(!Reported().day(1, "A", 10, 5).has("tlsrpt-failure-rate"));
  CHECK(!Reported().day(1, "A", 10, 19).has("tlsrpt-failure-rate"));
  CHECK(Reported().day(1, "A", 10, 20).has("tlsrpt-failure-rate"));
  CHECK(Reported().day(1, "A", 10, 1).day(2, "B", 10, 1).has("tlsrpt-failure-rate"));
  CHECK(!Reported().day(1, "A", 990, 5).day(2, "B", 1000, 5).has("tlsrpt-failure-rate"));
  CHECK(!Reported().day(6, "A", 10, 5).day(7, "B", 10, 5).has("tlsrpt-failure-rate"));  // long over
  CHECK(!Reported().day(1, "A", 0, 50, "no-policy-found").has("tlsrpt-failure-rate"));
  Reported world;
  world.day(1, "A", 10, 20).failure(1, "A", 20);
  const auto* finding = world.find("tlsrpt-failure-rate");
  REQUIRE(finding);
  CHECK(finding->severity == Severity::critical);
  CHECK(finding->detail == "20 of 30 sessions of late failed, by A: certificate-expired at mx.example.com");
  world.verdict.live_mode = Mode::none;
  CHECK(!world.has("tlsrpt-failure-rate"));
}

TEST_CASE("tlsrpt-new-failure-type: of a reporter that did not have it before") {
  const auto fresh = [](std::uint64_t sessions) {
    Reported world;
    world.day(20, "A", 100, 0).day(1, "A", 100, sessions).failure(1, "A", sessions);
    return world;
  };
  CHECK(fresh(5).has("tlsrpt-new-failure-type"));
  CHECK(!fresh(4).has("tlsrpt-new-failure-type"));
  CHECK(!fresh(5).failure(20, "A", 1).has("tlsrpt-new-failure-type"));
  CHECK(fresh(5).failure(20, "A", 1, "mx.example.com", "validation-failure").has("tlsrpt-new-failure-type"));
  CHECK(
      !Reported().day(1, "A", 100, 5).failure(1, "A", 5).has("tlsrpt-new-failure-type"));  // its first report
}

TEST_CASE("tlsrpt-policy-stale: an earlier policy, day after day") {
  Reported world;
  world.past.policies.insert(world.past.policies.begin(),
                             {.policy = policy("old.example.com"),
                              .sha256 = "",
                              .seen = {kReportedAt - 200 * kDay, kReportedAt - 100 * kDay}});
  world.day(1, "A", 9, 0, "sts", policy_text("old.example.com"));
  CHECK(!world.has("tlsrpt-policy-stale"));  // one day: its cache ended within it
  world.day(2, "A", 9, 0, "sts", policy_text("old.example.com"));
  CHECK(world.has("tlsrpt-policy-stale"));
  CHECK(!world.has("tlsrpt-policy-unknown"));
}

TEST_CASE("tlsrpt-policy-unknown: none that was served since memory began") {
  Reported world;
  world.day(1, "A", 9, 0, "sts", policy_text("evil.example"));
  const auto* finding = world.find("tlsrpt-policy-unknown");
  REQUIRE(finding);
  CHECK(finding->detail == "A on 2026-11-27: mode enforce, mx evil.example, max_age 86400");
  world.past.began = kReportedAt - kDay;  // it may be from before, and cached
  CHECK(!world.has("tlsrpt-policy-unknown"));
  CHECK(!Reported().day(1, "A", 9, 0, "sts", "not a policy").has("tlsrpt-policy-unknown"));
  CHECK(!Reported().day(1, "A", 9, 0, "tlsa", "3 1 1 00").has("tlsrpt-policy-unknown"));
}

TEST_CASE("tlsrpt-no-policy-found: by two, or by one that knows better, while the policy was fine here") {
  const auto blind = [](const char* a, const char* b) {
    Reported world;
    for (const int ago : {1, 2})
      world.day(ago, a, 9, 0, "no-policy-found", "").day(ago, b, 9, 0, "no-policy-found", "");
    return world;
  };
  CHECK(!blind("A", "A").has("tlsrpt-no-policy-found"));
  CHECK(blind("A", "B").has("tlsrpt-no-policy-found"));
  CHECK(blind("A", "A").day(20, "A", 9, 0).has("tlsrpt-no-policy-found"));
  auto away = blind("A", "B");
  away.past.ids[0].seen.gone = kReportedAt - 3 * kDay;
  CHECK(!away.has("tlsrpt-no-policy-found"));
}

TEST_CASE("tlsrpt-unknown-mx: outside all that were MX hosts within thirty days, or that the policy allows") {
  const auto at = [](const std::string& mx) {
    Reported world;
    world.day(1, "A", 9, 1).failure(1, "A", 1, mx);
    return world;
  };
  CHECK(at("evil.example").has("tlsrpt-unknown-mx"));
  CHECK(!at("MX.Example.com.").has("tlsrpt-unknown-mx"));
  CHECK(!at("example.com").has("tlsrpt-unknown-mx"));  // what some reporters write for any host
  CHECK(!at("<b>").has("tlsrpt-unknown-mx"));
  CHECK(!at("").has("tlsrpt-unknown-mx"));
  auto former = at("former.example.com");
  former.past.mx.push_back({"former.example.com", {kReportedAt - 90 * kDay, kReportedAt - 29 * kDay}});
  CHECK(!former.has("tlsrpt-unknown-mx"));
  former.past.mx.back().seen.gone = kReportedAt - 31 * kDay;
  CHECK(former.has("tlsrpt-unknown-mx"));
  auto young = at("evil.example");
  young.past.began = kReportedAt - Seconds{3600};
  CHECK(!young.has("tlsrpt-unknown-mx"));
}

TEST_CASE("tlsrpt-probe-disagrees: two days of failures at a host whose addresses all look good") {
  const auto failing = [] {
    Reported world;
    world.day(1, "A", 900, 15).day(2, "A", 900, 15).failure(1, "A", 15).failure(2, "A", 15);
    return world;
  };
  auto world = failing();
  const auto* finding = world.find("tlsrpt-probe-disagrees");
  REQUIRE(finding);
  CHECK(finding->subject == "mx.example.com");
  auto one_day = Reported().day(1, "A", 900, 30).failure(1, "A", 30);
  CHECK(!one_day.has("tlsrpt-probe-disagrees"));
  world.verdict.mx[0].addresses.change()[0].outcome = HostOutcome::failed;  // so it is, then
  CHECK(!world.has("tlsrpt-probe-disagrees"));
  auto policy_only = Reported().day(1, "A", 900, 30).day(2, "A", 900, 30);
  for (const int ago : {1, 2})
    policy_only.failure(ago, "A", 30, "mx.example.com", "sts-policy-fetch-error");
  CHECK(!policy_only.has("tlsrpt-probe-disagrees"));
}

TEST_CASE("tlsrpt-reports-absent: while they used to come, and by the usual interval") {
  Reported world;
  for (int ago = 20; ago > 4; --ago)
    world.day(ago, "A", 9, 0);
  world.reports.last = kReportedAt - 4 * kDay;
  CHECK(world.has("tlsrpt-reports-absent"));
  world.reports.last = kReportedAt - 2 * kDay;
  CHECK(!world.has("tlsrpt-reports-absent"));
  Reported small;
  small.day(30, "A", 9, 0).day(15, "A", 9, 0);  // every second week
  small.reports.last = kReportedAt - 14 * kDay;
  CHECK(!small.has("tlsrpt-reports-absent"));
  world.reports.last = kReportedAt - 4 * kDay;
  world.verdict.tlsrpt.outcome = Outcome::absent;  // that is why
  CHECK(!world.has("tlsrpt-reports-absent"));
}

TEST_CASE("what came in and was not counted is told for some days, with who and when") {
  const struct {
    NotCounted::Kind kind;
    const char* code;
    Severity severity;
  } rows[] = {{NotCounted::Kind::malformed, "tlsrpt-report-malformed", Severity::info},
              {NotCounted::Kind::unauthenticated, "tlsrpt-report-unauthenticated", Severity::warning},
              {NotCounted::Kind::duplicate, "tlsrpt-report-duplicate", Severity::info}};
  for (const auto& row : rows) {
    CAPTURE(row.code);
    Reported w;
    w.reports = {};
    w.reports.not_counted = {{row.kind, "sender.example", kReportedAt - kDay, 2, "no JSON"}};
    const auto* found = w.find(row.code);
    REQUIRE(found);
    CHECK(w.found.size() == 1);
    CHECK(found->severity == row.severity);
    CHECK(found->route == Route::log);
    CHECK(found->detail == "sender.example at 2026-11-27T10:00:00Z (2 times): no JSON");
    w.reports.not_counted[0].at = kReportedAt - 4 * kDay;
    CHECK_FALSE(w.has(row.code));
    w.reports.not_counted.assign(5, {row.kind, "sender.example", kReportedAt, 1, std::string(300, 'x')});
    CHECK(w.find(row.code)->detail.size() <= 203);
  }
}

namespace stswatch::facts {

// Gates 5 and 6 of the readiness for enforce (RULES 3.3): what senders have reported in a week, and DANE.

namespace {

ReportedSessions session(std::string who, int days_ago, std::uint64_t good, std::uint64_t bad,
                         std::string type = "sts") {
  const TimePoint start = kNow - days(days_ago);
  return {start, start + days(1), std::move(who), std::move(type), good, bad, ""};
}

/// What stands of gate 5; empty: nothing of the reports keeps it closed.
std::string gate(const std::vector<ReportedSessions>& sessions, int wanted = 100) {
  auto look = base();
  look.set_policy(policy({kMx1, kMx2}, "testing"));
  look.limits.readiness_sessions = wanted;
  Past past;
  past.began = kNow - days(30);
  past.gates["5"] = kNow - days(20);
  DomainReports reports;
  reports.sessions = sessions;
  History history{&past, {}, &reports};
  const auto verdict = judged(look, history);
  std::string out;
  for (const std::string& open : verdict.readiness_open)
    if (open.starts_with("5")) out += open;
  return out;
}

}  // namespace

TEST_CASE("gate 5: two reporters, enough sessions, hardly a failure (RULES 3.3)") {
  CHECK(gate({session("a.example", 1, 90, 0), session("b.example", 2, 10, 0)}).empty());
  CHECK(gate({}).find("no TLS reports") != std::string::npos);
  CHECK(gate({session("a.example", 1, 89, 0), session("b.example", 2, 10, 0)}).find("99 sessions") !=
        std::string::npos);
  CHECK(gate({session("a.example", 1, 500, 0)}).find("one reporter") != std::string::npos);
  CHECK(gate({session("a.example", 1, 999, 1), session("b.example", 2, 10, 0)}).empty());
  CHECK(gate({session("a.example", 1, 989, 1), session("b.example", 2, 10, 0)}).find("1 of 1000") !=
        std::string::npos);
}

TEST_CASE("gate 5: what is older than a week, or not of MTA-STS, counts for nothing; 0 waives it") {
  CHECK(gate({session("a.example", 9, 900, 0), session("b.example", 9, 900, 0)}).find("0 sessions") !=
        std::string::npos);
  CHECK(gate({session("a.example", 1, 900, 0, "tlsa"), session("b.example", 1, 900, 0, "no-policy-found")})
            .find("0 sessions") != std::string::npos);
  CHECK(gate({}, 0).empty());
  const std::uint64_t most = UINT64_MAX;
  CHECK(gate({session("a.example", 1, most, 0), session("b.example", 1, most, 0)}).empty());
}

TEST_CASE("gate 6: DANE fails at no address; what was not held against a chain opens nothing") {
  const TlsaRecord key{3, 1, 1, std::string(64, 'a')};
  auto look = base();
  look.set_policy(policy({kMx1, kMx2}, "testing"));
  auto host = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
  host.addresses.a.secure = host.addresses.aaaa.secure = true;
  host.tlsa = found<TlsaAnswer>(tlsa_name(kMx1, 25));
  host.tlsa.secure = true;
  host.tlsa.records = {key};
  const auto holds = [&](std::vector<TlsaMatch> matches) {
    host.probes[0].tls.tlsa = std::move(matches);
    look.set_mx(host);
    const Case c = look.prepared();
    return gate_holds(c, 6, closed_gates(c));
  };
  CHECK(holds({{.record = key, .matches = true}}) == true);
  CHECK(holds({{.record = key}}) == false);
  CHECK(holds({}) == std::nullopt);
  look.set_mx(mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))}));
  CHECK(gate_holds(look.prepared(), 6, {}) == true);  // no records: nothing that could fail
}

}  // namespace stswatch::facts
