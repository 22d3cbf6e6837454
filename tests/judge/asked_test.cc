// Whom it asks: texts speak of the senders that go by what was published, which are not always those of the
// RFC. A file that no record announces, two modes, a record that most take, a policy kept for longer.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

void shows(Look& look, const std::string& host, std::string_view at, PeerCertificates shown) {
  look.set_mx(mx_host(host, {probe_showing(at, host, std::move(shown))}));
}

Look both_ended() {
  auto look = base();
  shows(look, kHost, kMail1, expired(kHost));
  shows(look, kOther, kMail2, expired(kOther));
  return look;
}

std::string effect_at(const Verdict& v, std::string_view code) {
  const Finding* f = find(v, code);
  REQUIRE(f);
  return f->effect;
}

}  // namespace

TEST_CASE("of a file that no record announces no sender knows") {
  auto look = both_ended();
  look.no_record();
  const auto v = judged(look);
  CHECK(find(v, "certificate-expired")->severity ==
        Severity::critical);  // CONTRACT 2: by the mode that was read
  CHECK(effect_at(v, "certificate-expired").find("no MTA-STS policy asks senders") != std::string::npos);
}

TEST_CASE("of two modes the last is what most senders ask by, whatever mode severities follow") {
  auto look = both_ended();
  std::string text = policy({kMx1, kMx2}, "testing");
  text.insert(text.find("max_age"), "mode: enforce\r\n");
  look.set_policy(text);
  const auto v = judged(look);
  CHECK(v.live_mode == Mode::testing);
  CHECK(effect_at(v, "certificate-expired").starts_with("Senders that enforce skip "));
}

TEST_CASE("behind a record that most senders take a breakage is foretold") {
  auto look = base();
  look.set_record({"v=STSv1; id=2026-11-01;"});
  shows(look, kHost, kMail1, peer(kHost, 12h));
  shows(look, kOther, kMail2, peer(kOther, 12h));
  auto v = judged(look);
  REQUIRE(find(v, "enforce-breakage-predicted"));
  CHECK(find(v, "enforce-breakage-predicted")->route == Route::page);
  CHECK(v.record.most_take);
  CHECK_FALSE(v.mode);
  look.set_record({"v=STSv1; ID=20261101;"});  // most refuse this one
  v = judged(look);
  CHECK_FALSE(find(v, "enforce-breakage-predicted"));
  CHECK_FALSE(v.record.most_take);
}

namespace {

/// Three hours ago the enforce policy gave way to this one, the file first and the id after it.
Past rolled_back(Mode mode) {
  Past past;
  const Policy was{Mode::enforce, {kHost, kOther}, 30 * 86400, {}};
  const Policy now{mode, {kHost, kOther}, 86400, {}};
  past.began = kNow - days(60);
  past.policies = {{was, "a", {kNow - days(60), kNow - 3h}, 1, kNow - 3h},
                   {now, "b", {kNow - 3h, {}}, 2, {}}};
  past.ids = {{"20261001T000000Z", 3600, {kNow - days(60), kNow - 2h}, {}, {}},
              {"20261101T000000Z", 3600, {kNow - 2h, {}}, {}, {}}};
  past.mx = {{kHost, {kNow - days(60), {}}}, {kOther, {kNow - days(60), {}}}};
  return past;
}

Look testing_now(Look look) {
  look.set_policy(policy({kMx1, kMx2}, "testing", "86400"));
  return look;
}

}  // namespace

TEST_CASE(
    "after a roll-back some senders go on with the enforce policy: told where no host can be used under it") {
  const Past past = rolled_back(Mode::testing);
  const auto v = judged(testing_now(both_ended()), {&past, {}});
  CHECK_FALSE(find(v, "enforce-breakage-now"));
  const Finding* f = find(v, "cached-policy-breakage-now");
  REQUIRE(f);
  CHECK(f->severity == Severity::warning);
  CHECK(f->route == Route::ticket);
  CHECK(f->effect.starts_with("Senders that never compare ids (postfix-tlspol) apply an earlier policy"));
  CHECK(f->effect.find("until 2026-12-") != std::string::npos);
  CHECK(f->detail.find("mx1.example.com: expired ") != std::string::npos);
}

TEST_CASE("nothing is said of them while one of the hosts can be used") {
  const Past past = rolled_back(Mode::testing);
  auto look = base();
  shows(look, kHost, kMail1, expired(kHost));
  CHECK_FALSE(find(judged(testing_now(look), {&past, {}}), "cached-policy-breakage-now"));
  CHECK_FALSE(find(judged(testing_now(base()), {&past, {}}), "cached-policy-breakage-now"));
}

TEST_CASE("hosts of two providers, none of them listed: one cause") {
  auto look = base();
  look.mx.clear();
  look.domain.mx.records = {{10, "smtp.google.com"}, {20, "contoso-com.mail.protection.outlook.com"}};
  look.set_mx(mx_host("smtp.google.com", {probe(kMail1, "smtp.google.com")}));
  look.set_mx(mx_host("contoso-com.mail.protection.outlook.com",
                      {probe(kMail2, "contoso-com.mail.protection.outlook.com")}));
  look.set_policy(policy({"aspmx.l.google.com", "fabrikam-com.mail.protection.outlook.com"}));
  const auto v = judged(look);
  const auto causes = std::ranges::count_if(v.findings, [](const Finding& f) {
    return f.severity == Severity::critical && !nature_of(f).symptom();
  });
  CHECK(causes == 1);
  CHECK_FALSE(nature_of(*find(v, "mx-none-in-policy")).symptom());
  CHECK(nature_of(*find(v, "provider-google-mx-switched")).symptom());
  CHECK(nature_of(*find(v, "provider-m365-pattern-wrong")).symptom());
}

TEST_CASE("a blank before the semicolon of TLSRPT's version: some senders find no record") {
  auto look = base();
  look.domain.tlsrpt = txt(look.domain.domain.tlsrpt_name(), {"v=TLSRPTv1 ; rua=mailto:r@example.net"});
  const auto v = judged(look);
  CHECK(v.tlsrpt.outcome == Outcome::ok);
  REQUIRE(find(v, "tlsrpt-syntax-invalid"));
  CHECK(find(v, "tlsrpt-syntax-invalid")->severity == Severity::info);
  CHECK(find(v, "tlsrpt-syntax-invalid")->effect.find("find no record") != std::string::npos);
  look.domain.tlsrpt = txt(look.domain.domain.tlsrpt_name(), {"v=TLSRPTv1; rua=mailto:r@example.net"});
  CHECK_FALSE(find(judged(look), "tlsrpt-syntax-invalid"));
}

}  // namespace stswatch::facts
