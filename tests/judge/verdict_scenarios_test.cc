// The end-to-end scenarios of RULES 6 that a single look decides, as facts: the exact set of findings.
// Generic codes stand beside the provider's advice (RULES 3.1), which the table of RULES 6 leaves out.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {
using Told = std::vector<std::string>;

/// MX hosts with one good address each, at preferences 1, 5, 5, 10, 10.
Look hosted_at(std::initializer_list<std::string> hosts) {
  auto look = base();
  look.mx.clear();
  look.domain.mx.records.clear();
  std::uint16_t preference = 1;
  int last = 10;
  for (const auto& host : hosts) {
    look.domain.mx.records.push_back({preference, host});
    look.set_mx(mx_host(host, {probe("203.0.114." + std::to_string(last++), host)}));
    preference = static_cast<std::uint16_t>(preference < 5 ? 5 : preference + 1);
  }
  return look;
}

Look google_classic() {
  return hosted_at({"aspmx.l.google.com", "alt1.aspmx.l.google.com", "alt2.aspmx.l.google.com",
                    "alt3.aspmx.l.google.com", "alt4.aspmx.l.google.com"});
}

std::string host(std::string_view name) { return std::string(name); }

struct Scenario {
  const char* name;
  Look look;
  Told findings;  // "code subject severity", sorted
  Status status;
  std::optional<UsableMx> usable;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  const auto add = [&](const char* name, Look look, Told findings, Status status,
                       std::optional<UsableMx> usable) {
    std::ranges::sort(findings);
    all.push_back({name, std::move(look), std::move(findings), status, usable});
  };

  add("1 the base set-up: nothing to say", base(), {}, Status::ok, UsableMx{2, 2, 2});

  auto s18 = base();
  s18.set_policy(policy({kMx1}));
  add("18 mx2 missing in the policy", s18,
      {"mx-not-in-policy mx2.example.com critical", "mx-backup-invalid mx2.example.com critical"},
      Status::critical, UsableMx{1, 1, 2});

  auto s19 = base();
  s19.set_policy(policy({"mail.example.com"}));
  add("19 policy lists only mail.example.com", s19,
      {"mx-none-in-policy example.com critical", "enforce-breakage-now example.com critical"},
      Status::critical, UsableMx{0, 0, 2});

  auto s20 = base();
  s20.set_mx(mx_host(host(kMx1), {probe_showing(kMail1, host(kMx1), expired(host(kMx1)))}));
  add("20 mx1 certificate expired, mx2 good", s20, {"certificate-expired mx1.example.com critical"},
      Status::critical, UsableMx{1, 1, 2});

  auto s21 = s20;
  s21.set_mx(mx_host(host(kMx2), {probe_showing(kMail2, host(kMx2), expired(host(kMx2)))}));
  add("21 both expired", s21,
      {"certificate-expired mx1.example.com critical", "certificate-expired mx2.example.com critical",
       "enforce-breakage-now example.com critical"},
      Status::critical, UsableMx{0, 0, 2});

  auto s22 = base();
  s22.set_mx(mx_host(host(kMx2), {probe_showing(kMail2, host(kMx2), peer(host(kMx2), days(20)))}));
  add("22 mx2 certificate 20 d left of 90, not renewed", s22,
      {"certificate-renewal-overdue mx2.example.com warning",
       "enforce-degradation-predicted example.com warning"},
      Status::warning, UsableMx{2, 2, 2});

  auto s23 = base();
  s23.set_mx(mx_host(host(kMx1), {probe_showing(kMail1, host(kMx1), peer(host(kMx1), days(16), days(45)))}));
  add("23 mx1 with a 45-day certificate, 16 d left", s23, {}, Status::ok, UsableMx{2, 2, 2});

  auto s24 = base();
  s24.set_mx(mx_host(host(kMx1), {probe_showing(kMail1, host(kMx1), peer(host(kMx1), 45h, 160h))}));
  add("24 mx1 with a 160 h certificate, 45 h left", s24,
      {"certificate-renewal-overdue mx1.example.com warning",
       "enforce-degradation-predicted example.com warning"},
      Status::warning, UsableMx{2, 2, 2});

  auto s25 = base();
  s25.set_mx(mx_host(host(kMx2), {failed_probe(kMail2, Stage::starttls, Cause::not_offered)}));
  add("25 mx2 without STARTTLS", s25,
      {"starttls-not-supported mx2.example.com critical", "mx-backup-invalid mx2.example.com critical"},
      Status::critical, UsableMx{1, 1, 2});

  auto s26 = base();
  s26.set_mx(
      mx_host(host(kMx1), {failed_probe(kMail1, Stage::greeting, Cause::deferred, "451 try later", 451)}));
  add("26 mx1 greets with 451 for the probe", s26, {"mx-probe-deferred mx1.example.com info"}, Status::ok,
      UsableMx{1, 2, 2});

  auto s27 = base();
  s27.vantage = {.reached_443 = true, .reached_25 = false, .port25_blocked = true};
  s27.set_mx(mx_host(host(kMx1), {failed_probe(kMail1, Stage::connect, Cause::timeout)}));
  s27.set_mx(mx_host(host(kMx2), {failed_probe(kMail2, Stage::connect, Cause::timeout)}));
  add("27 port 25 closed at the vantage", s27, {"vantage-port25-blocked example.com info"}, Status::unknown,
      UsableMx{0, 2, 2});

  auto s28 = base();
  s28.set_mx(mx_host(host(kMx1),
                     {probe(kMail1, host(kMx1)), probe_showing(kMail6, host(kMx1), expired(host(kMx1)))}));
  add("28 mx1 IPv6 has an expired certificate, IPv4 good", s28,
      {"mx-address-inconsistent mx1.example.com warning",
       "certificate-expired mx1.example.com 2001:67c::25 warning"},
      Status::warning, UsableMx{2, 2, 2});

  auto s38 = google_classic();
  s38.set_policy(policy({"aspmx.l.google.com"}));
  Told f38 = {"provider-google-mx-incomplete example.com critical"};
  for (const char* n : {"1", "2", "3", "4"}) {
    f38.push_back("mx-not-in-policy alt" + std::string(n) + ".aspmx.l.google.com warning");
    f38.push_back("mx-backup-invalid alt" + std::string(n) + ".aspmx.l.google.com warning");
  }
  add("38 Google classic MX, policy only aspmx.l.google.com", s38, f38, Status::critical, UsableMx{1, 1, 5});

  auto s39 = hosted_at({"smtp.google.com"});
  s39.set_policy(policy({"aspmx.l.google.com", "*.aspmx.l.google.com"}));
  add("39 Google MX smtp.google.com, policy aspmx lines", s39,
      {"provider-google-mx-switched example.com critical", "mx-none-in-policy example.com critical",
       "enforce-breakage-now example.com critical"},
      Status::critical, UsableMx{0, 0, 1});

  auto s40 = hosted_at({"contoso-com.o-v1.mx.microsoft"});
  s40.set_policy(policy({"*.mx.microsoft"}));
  add("40 M365 contoso-com.o-v1.mx.microsoft, policy *.mx.microsoft", s40,
      {"provider-m365-mx-microsoft-wildcard example.com critical", "mx-none-in-policy example.com critical",
       "enforce-breakage-now example.com critical"},
      Status::critical, UsableMx{0, 0, 1});

  auto s41 = hosted_at({"example-com.mail.protection.outlook.com"});
  s41.set_policy(policy({"*.mail.protection.outlook.com"}));
  add("41 M365 classic, policy *.mail.protection.outlook.com", s41,
      {"mx-single example-com.mail.protection.outlook.com info"}, Status::ok, UsableMx{1, 1, 1});

  auto s42 = hosted_at({"mx0a-00123.pphosted.com"});
  s42.set_policy(policy({"*.mail.protection.outlook.com"}));
  add("42 MX to Proofpoint, policy names outlook.com", s42,
      {"provider-gateway-mismatch example.com critical", "mx-none-in-policy example.com critical",
       "enforce-breakage-now example.com critical"},
      Status::critical, UsableMx{0, 0, 1});

  auto s49 = base();
  auto aliased = mx_host(host(kMx1), {probe(kMail1, host(kMx1))});
  point_cname(aliased.addresses.a, {"mail.example.net"});
  s49.set_mx(aliased);
  add("49 MX target is a CNAME", s49, {"mx-target-cname mx1.example.com warning"}, Status::warning,
      UsableMx{2, 2, 2});
  return all;
}

}  // namespace

TEST_CASE("scenarios of RULES 6: the exact findings, the status, the usable MX") {
  for (const Scenario& s : scenarios()) {
    const Verdict v = judged(s.look);
    CAPTURE(s.name);
    CHECK(told(v.findings) == s.findings);
    CHECK(to_string(v.status) == to_string(s.status));
    CHECK((v.enforce_usable_mx == s.usable));
  }
}

TEST_CASE("every finding has an effect, a fix and a reference (CONTRACT 2)") {
  for (const Scenario& s : scenarios()) {
    for (const Finding& f : judged(s.look).findings) {
      CAPTURE(f.code);
      CHECK_FALSE(f.detail.empty());
      CHECK_FALSE(f.effect.empty());
      CHECK_FALSE(f.fix.empty());
      CHECK_FALSE(f.reference.empty());
      CHECK(f.effect.find('{') == std::string::npos);
    }
  }
}

TEST_CASE("the same facts give the same verdict, and the most severe finding stands first") {
  for (const Scenario& s : scenarios()) {
    const auto first = judged(s.look), second = judged(s.look);
    CHECK((first.findings == second.findings));
    CHECK(std::ranges::is_sorted(first.findings, std::ranges::greater{}, &Finding::severity));
  }
}

TEST_CASE("forecasts of RULES 6: dates, causes and subjects (CONTRACT 2)") {
  const auto by_number = [](std::string_view number) {
    const auto all = scenarios();
    const auto found = std::ranges::find_if(all, [&](const Scenario& s) {
      return std::string_view(s.name).starts_with(std::string(number) + ' ');
    });
    return judged(found->look).forecast;
  };
  SUBCASE("22: degradation at the end of mx2's certificate, breakage at mx1's") {
    const auto f = by_number("22");
    CHECK((f.degradation == ForecastPoint{kNow + days(20), Why::certificate_expired, {"mx2.example.com"}}));
    CHECK((f.breakage == ForecastPoint{kNow + days(60), Why::certificate_expired, {"mx1.example.com"}}));
    CHECK_FALSE(f.overdue);
    CHECK(f.lapse == kNow + days(60 + 7));
  }
  SUBCASE("19: now") {
    CHECK((by_number("19").breakage == ForecastPoint{kNow, Why::mx_none_in_policy, {"example.com"}}));
  }
  SUBCASE("21: now, through mx1's certificate") {
    CHECK((by_number("21").breakage == ForecastPoint{kNow, Why::certificate_expired, {"mx1.example.com"}}));
  }
  SUBCASE("28: a host with several addresses is named with the one") {
    CHECK((by_number("28").degradation == std::nullopt));
  }
}

}  // namespace stswatch::facts
