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
  CHECK(v.record.most_take());
  CHECK_FALSE(v.mode);
  look.set_record({"v=STSv1; ID=20261101;"});  // most refuse this one
  v = judged(look);
  CHECK_FALSE(find(v, "enforce-breakage-predicted"));
  CHECK_FALSE(v.record.most_take());
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
  CHECK(
      f->effect.starts_with("Senders that never compare ids (postfix-tlspol) go on with an earlier policy"));
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

namespace {

/// The MX hosts became another one; what was served before lists the two of old.
Look moved_to(const std::string& host, Mode mode) {
  auto look = base();
  look.mx.clear();
  look.domain.mx.records = {{10, host}};
  look.set_mx(mx_host(host, {probe(kMail1, host)}));
  look.set_policy(policy({host}, to_string(mode), "2592000"));
  return look;
}

Past since(Policy now, TimePoint file_changed, std::optional<TimePoint> id_changed) {
  Past past;
  const Policy was{Mode::enforce, {kHost, kOther}, 30 * 86400, {}};
  past.began = kNow - days(200);
  past.policies = {{was, "a", {kNow - days(200), file_changed}, 1, file_changed},
                   {std::move(now), "b", {file_changed, {}}, 2, {}}};
  past.ids = {{"20261101T000000Z", 3600, {id_changed.value_or(kNow - days(200)), {}}, {}, {}}};
  if (id_changed)
    past.ids.insert(past.ids.begin(), {"20260401T000000Z", 3600, {kNow - days(200), *id_changed}, {}, {}});
  return past;
}

}  // namespace

TEST_CASE(
    "the id never followed the file: some senders hold the earlier policy for ever, and it is told for "
    "ever") {
  const Policy now{Mode::enforce, {"mx9.example.net"}, 30 * 86400, {}};
  const Past past = since(now, kNow - days(90), {});
  const auto v = judged(moved_to("mx9.example.net", Mode::enforce), {&past, {}});
  const Finding* f = find(v, "cached-policy-breakage-now");
  REQUIRE(f);
  CHECK(f->severity == Severity::warning);
  CHECK(f->effect.find("had the id of now") != std::string::npos);
  CHECK(f->effect.find("until a new id is published") != std::string::npos);
  CHECK(f->fix.find("v=STSv1; id=") != std::string::npos);
}

TEST_CASE("a removal is not complete while the id of now stood for an enforce policy") {
  const Policy none{Mode::none, {"mx9.example.net"}, 30 * 86400, {}};
  const auto look = moved_to("mx9.example.net", Mode::none);
  const Past same_id = since(none, kNow - days(90), {}),
             new_id = since(none, kNow - days(90), kNow - days(89));
  CHECK_FALSE(find(judged(look, {&same_id, {}}), "sts-removal-complete"));
  CHECK(find(judged(look, {&same_id, {}}), "cached-policy-breakage-now"));
  CHECK(find(judged(look, {&new_id, {}}), "sts-removal-complete"));
  CHECK_FALSE(find(judged(look, {&new_id, {}}), "cached-policy-breakage-now"));
}

TEST_CASE("hosts replaced in the right order: who still holds the old policy is named, as information") {
  const Policy now{Mode::enforce, {"mx9.example.net"}, 30 * 86400, {}};
  const Past past = since(now, kNow - days(3), kNow - days(3) + 1h);
  const auto v = judged(moved_to("mx9.example.net", Mode::enforce), {&past, {}});
  const Finding* f = find(v, "cached-policy-breakage-now");
  REQUIRE(f);
  CHECK(f->severity == Severity::info);
  CHECK(f->effect.starts_with(
      "Senders that never compare ids (postfix-tlspol) may hold an earlier policy, which lists none"));
  CHECK(v.status == Status::ok);
}

TEST_CASE("a file of mode none without mx lines: chasquid goes on with the enforce policy, and is named") {
  Past past = rolled_back(Mode::none);
  past.policies.back().policy.mx.clear();
  auto look = both_ended();
  look.set_policy("version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n");
  auto v = judged(look, {&past, {}});
  CHECK(effect_at(v, "cached-policy-breakage-now").find("(chasquid)") != std::string::npos);
  CHECK(effect_at(v, "cached-policy-breakage-now").find("(postfix-tlspol)") != std::string::npos);
  auto good = base();
  good.set_policy("version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n");
  CHECK_FALSE(find(judged(good, {&past, {}}), "cached-policy-breakage-now"));
}

TEST_CASE("a record that was not seen is no record that is missing") {
  auto look = both_ended();
  look.domain.sts = unknown<TxtAnswer>(look.domain.domain.sts_record_name());
  CHECK(effect_at(judged(look), "certificate-expired").starts_with("Senders that enforce skip "));
}

TEST_CASE("a record that Postfix takes counts, however many others refuse it") {
  auto look = base();
  look.set_policy(policy({"old.example.com"}));
  look.set_record({"v=STSv1; id=;"});
  auto v = judged(look);
  REQUIRE(find(v, "enforce-breakage-now"));
  CHECK(find(v, "enforce-breakage-now")->route == Route::page);
  CHECK(std::ranges::find(v.record.taken_by, "postfix-mta-sts-resolver") != v.record.taken_by.end());
  look.set_record({"v=STSv1;"});
  v = judged(look);
  CHECK_FALSE(find(v, "enforce-breakage-now"));
  CHECK_FALSE(v.record.taken_by.empty());
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

TEST_CASE("where one address refuses and another answers with a bad certificate, senders go on to that one") {
  auto look = base();
  auto refused = failed_probe(kMail1, Stage::connect, Cause::refused);
  refused.repeated = true;
  look.set_mx(mx_host(kHost, {refused, probe_showing(kMail2, kHost, expired(kHost))}));
  const auto v = judged(look);
  const Finding* f = find(v, "mx-unreachable");
  REQUIRE(f);
  CHECK(f->severity == Severity::warning);
  CHECK(f->fix.find("take it out of the MX set") == std::string::npos);
}

TEST_CASE("where no record leads there nobody looks for the policy host") {
  auto look = base();
  look.no_policy_host();
  CHECK(find(judged(look), "sts-policy-host-no-address"));
  look.domain.sts = absent<TxtAnswer>(look.domain.domain.sts_record_name());
  look.domain.sts.cname = {{"gone.example.net", 3600}};
  const auto v = judged(look);
  CHECK(find(v, "sts-txt-cname-dangling"));
  CHECK_FALSE(find(v, "sts-policy-host-no-address"));
}

TEST_CASE("the date of a certificate changes nothing for senders that skip the host as it is") {
  auto look = base();
  look.set_policy(policy({kMx1}));
  shows(look, kOther, kMail2, peer(kOther, 12h));
  const auto v = judged(look);
  const Finding* f = find(v, "certificate-expiring");
  REQUIRE(f);
  CHECK(f->severity == Severity::warning);
  CHECK(f->effect.find("skip mx2.example.com as it is") != std::string::npos);
}

TEST_CASE("an intermediate that has ended is named, and the host's own certificate need not be renewed") {
  auto look = base();
  auto shown = peer(kHost);
  REQUIRE_FALSE(shown.chain.empty());
  shown.chain.change().front().not_after = kNow - days(5);
  shown.faults = {{ChainFault::Kind::expired, 1, "certificate has expired"}};
  shows(look, kHost, kMail1, shown);
  const auto v = judged(look);
  const Finding* f = find(v, "certificate-expired");
  REQUIRE(f);
  CHECK(f->detail.starts_with(shown.chain.front().subject + ", which the host sends, expired "));
  CHECK(f->fix.starts_with("Send the current intermediate certificates"));
  CHECK(f->fix.find(shown.chain.front().subject) != std::string::npos);
}

TEST_CASE("a compressed body is whole: one finding, which says so") {
  auto look = base();
  auto coded = fetch(kWeb, "\xc2\xa1\x0b\x02\x80", 200);
  coded.content_encoding = "br";
  look.set_fetches({coded});
  const auto v = judged(look);
  CHECK(effect_at(v, "sts-policy-body-truncated").starts_with("The body is whole"));
  CHECK_FALSE(find(v, "sts-policy-non-ascii"));
}

}  // namespace stswatch::facts
