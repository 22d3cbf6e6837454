// Gates 5 and 6 of the readiness for enforce (RULES 3.3): what senders have reported in a week, and DANE.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "checks/judge/rules/rules.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
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
