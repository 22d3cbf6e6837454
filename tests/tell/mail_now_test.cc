// The Mail line: whose mail stops or may, whose flows, and what could not be seen of it.
#include <doctest/doctest.h>

#include "agent/tell/html.h"
#include "agent/tell/pages.h"
#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

std::string mail_of(const facts::Look& look) { return mail_now(judged(look)).words; }

void shows_ended(facts::Look& look, const std::string& host, std::string_view at) {
  look.set_mx(facts::mx_host(host, {facts::probe_showing(at, host, facts::expired(host))}));
}

/// A host with secure TLSA records, of which the key shown fits one or none.
void with_tlsa(facts::Look& look, const std::string& host, std::string_view at, bool fits,
               PeerCertificates shown) {
  const TlsaRecord record{3, 1, 1, std::string(64, 'a')};
  auto probe = facts::probe_showing(at, host, std::move(shown));
  probe.tls.tlsa = {{.record = record, .matches = fits}};
  auto mx = facts::mx_host(host, {probe});
  mx.addresses.a.secure = mx.addresses.aaaa.secure = true;
  mx.tlsa = facts::found<TlsaAnswer>(tlsa_name(host, 25));
  mx.tlsa.secure = true;
  mx.tlsa.records = {record};
  look.set_mx(mx);
  look.domain.mx.secure = true;
}

}  // namespace

TEST_CASE("the second line says whether mail stops, and whose") {
  const auto second = [](const facts::Look& look) {
    const auto text = to_text(judged(look), {});
    const auto from = text.find('\n') + 1;
    return text.substr(from, text.find('\n', from) - from);
  };
  auto look = facts::base();
  look.set_policy(facts::policy({"mail.example.com"}));
  CHECK(second(look) ==
        "  Mail stops now for senders that enforce the policy; this keeps no others from delivering.");
  look = facts::base();
  look.set_mx(facts::mx_host(std::string(facts::kMx1),
                             {facts::failed_probe(facts::kMail1, Stage::starttls, Cause::not_offered)}));
  CHECK(second(look) == "  Mail flows; senders that enforce the policy skip mx1.example.com.");
}

TEST_CASE("the second line says no more of mail than what was seen") {
  const auto says = [](const facts::Look& look) { return mail_now(judged(look)).words; };
  const auto host = [](facts::Look& look, std::string_view name, std::string_view at, Stage stage,
                       Cause cause) {
    look.set_mx(facts::mx_host(std::string(name), {facts::failed_probe(at, stage, cause)}));
  };
  const auto expired = [](facts::Look& look, std::string_view name, std::string_view at) {
    look.set_mx(facts::mx_host(
        std::string(name),
        {facts::probe_showing(at, std::string(name), facts::peer(std::string(name), facts::days(-1)))}));
  };
  const auto short_lived = [] {  // a warning, so that the line is there
    auto look = facts::base();
    look.set_policy(facts::policy({facts::kMx1, facts::kMx2}, "enforce", "300"));
    return look;
  };
  auto look = short_lived();
  CHECK(says(look) == "flows");
  host(look, facts::kMx1, facts::kMail1, Stage::greeting, Cause::deferred);
  CHECK(says(look) ==
        "flows; whether senders that enforce the policy can use mx1.example.com could not be seen from here");
  SUBCASE("of no host") {
    host(look, facts::kMx2, facts::kMail2, Stage::greeting, Cause::deferred);
    CHECK(says(look) == "may flow or not: no MX host could be seen from here");
    CHECK(mail_now(judged(look)).state == MailNow::State::unseen);
  }
  SUBCASE("of the only host that might be good") {
    expired(look, facts::kMx2, facts::kMail2);
    CHECK(says(look) ==
          "may be stopping for senders that enforce the policy: they cannot use mx2.example.com, "
          "and whether they can use mx1.example.com could not be seen from here");
  }
  SUBCASE("a null MX beside others is no host") {
    look = short_lived();
    look.domain.mx.records.push_back({0, "."});
    CHECK(says(look) == "flows");
  }
  SUBCASE("a host that nobody reaches is nobody's, whatever its policy") {
    look = short_lived();
    auto silent = facts::failed_probe(facts::kMail1, Stage::connect, Cause::refused);
    silent.repeated = true;
    look.set_mx(facts::mx_host(std::string(facts::kMx1), {silent}));
    CHECK(says(look) == "flows; no sender reaches mx1.example.com");
  }
}

TEST_CASE("a record that most senders take leads them to the policy: so say both first lines") {
  auto look = facts::base();
  look.set_record({"v=STSv1; id=2026-11-01;"});
  auto text = to_text(judged(look), {});
  CHECK(
      text.starts_with("example.com  CRITICAL  an invalid record, which most senders take, 2 MX\n"
                       "  Mail flows; senders that refuse the record deliver without MTA-STS.\n"));
  look.set_mx(facts::mx_host(
      facts::kHost, {facts::probe_showing(facts::kMail1, facts::kHost, facts::expired(facts::kHost))}));
  text = to_text(judged(look), {});
  CHECK(text.find("\n  Mail flows; senders that enforce the policy skip mx1.example.com; senders that refuse "
                  "the record deliver without MTA-STS.\n") != text.npos);
}

TEST_CASE("what could not be seen is said of the mail, and not passed over") {
  const auto says = [](const facts::Look& look) { return mail_now(judged(look)).words; };
  auto look = facts::base();
  look.set_policy(facts::policy({"old.example.com"}));
  look.domain.sts = facts::unknown<TxtAnswer>(look.domain.domain.sts_record_name());
  CHECK(says(look) ==
        "may be stopping for senders that enforce a policy: they can use no MX host under the one that is "
        "served, "
        "and whether a record announces it could not be seen from here");
  look.set_policy(facts::policy());
  CHECK(says(look) == "flows; whether a policy keeps senders from some hosts could not be seen from here");
}

TEST_CASE("senders that take a record which others refuse are named where their mail stops") {
  auto look = facts::base();
  look.set_policy(facts::policy({"old.example.com"}));
  look.set_record({"v=STSv1;"});
  const auto words = mail_now(judged(look)).words;
  CHECK(words.starts_with("stops now for senders that take the record all the same ("));
  CHECK(words.find("chasquid") != words.npos);
  CHECK(forecast_in_words(judged(look), {}, facts::kNow).what == "Mail of some senders stops now");
}

TEST_CASE("mail of senders that keep a policy for longer waits, beside that of others which flows") {
  auto look = facts::base();
  look.set_policy(facts::policy({facts::kMx1, facts::kMx2}, "enforce", "300"));
  auto v = judged(look);
  v.findings.emplace_back();
  v.findings.back().code = "cached-policy-breakage-now";
  CHECK(mail_now(v).words == "flows");  // as information it is nobody's trouble
  v.findings.back().severity = Severity::warning;
  CHECK(mail_now(v).words == "flows; that of senders that keep an earlier policy for longer waits");
}

TEST_CASE("of two modes the last stops some: the second line names whom the finding names") {
  auto look = facts::base();
  look.set_policy("version: STSv1\nmode: testing\nmode: enforce\nmx: old.example.com\nmax_age: 604800\n");
  const auto text = to_text(judged(look), {.width = 1000});
  const std::string whose =
      "enders that take the last of two modes, postfix-mta-sts-resolver, chasquid and "
      "mailauth among them";
  CHECK(text.find("  Mail stops now for s" + whose + "; this keeps no others") != text.npos);
  CHECK(text.find("Mail  S" + whose + ", enforce a policy") != text.npos);
  CHECK(text.find("Postfix") == text.npos);
}

TEST_CASE(
    "servers of the zone that fail for MX: mail stops, whether the domain is known from before or not") {
  for (const bool before : {true, false}) {
    auto look = facts::base();
    if (!before) look.domain.mx = facts::unknown<MxAnswer>("example.com", "SERVFAIL");
    look.domain.mx.zone_error = "ns1.example.com 198.51.101.53: SERVFAIL";
    const auto text = to_text(judged(look), {});
    CHECK(text.find("\n  Mail stops now for all senders, as far as can be seen from here.\n") != text.npos);
  }
}

TEST_CASE("senders that alone read a file are not told to go without, and may be the ones that stop") {
  auto look = facts::base();
  look.set_policy("mode: enforce\nmx: mx1.example.com\nmx: mx2.example.com\nmax_age: 604800\n");
  CHECK(mail_of(look) ==
        "flows; senders that hold no policy deliver without MTA-STS, but for those that read the policy file "
        "all the same (Stalwart)");
  shows_ended(look, facts::kHost, facts::kMail1);
  shows_ended(look, facts::kOther, facts::kMail2);
  CHECK(mail_of(look) ==
        "may be stopping for senders that read the policy file all the same (Stalwart): they cannot use "
        "mx1.example.com and mx2.example.com if it asks them to enforce");
}

TEST_CASE("a list of hosts below the first 10 KiB stops who reads no more") {
  const std::string rest = "mx: mx1.example.com\nmx: mx2.example.com\n";
  std::string text = "version: STSv1\nmode: enforce\nmax_age: 604800\n";
  for (int n = 0; n < 800; ++n)
    text += "mx: old" + std::to_string(n) + ".example.com\n";
  auto look = facts::base();
  look.set_policy(text + rest);
  auto v = judged(look);
  CHECK(mail_now(v).words == "stops now for senders with chasquid; this keeps no others from delivering");
  CHECK(v.status == Status::critical);
  look.set_policy("version: STSv1\nmode: enforce\nmax_age: 604800\n" + rest + text.substr(45));
  v = judged(look);
  CHECK(mail_now(v).state != MailNow::State::stops);
  look.set_policy(text + rest);
  look.domain.fetches.front().content_type = "text/html";  // chasquid takes no such file
  CHECK(mail_of(look).find("chasquid") == std::string::npos);
}

TEST_CASE("what one copy lists is not what senders that enforce use") {
  auto look = facts::base();
  look.set_fetches({facts::fetch(facts::kWeb, facts::policy({facts::kMx1})),
                    facts::fetch(facts::kWeb2, facts::policy({facts::kMx2}))});
  auto v = judged(look);
  CHECK(mail_now(v).words ==
        "flows; which of mx1.example.com and mx2.example.com senders that enforce use depends on the copy of "
        "the policy they fetched");
  const auto raised = [&](std::string_view code) {
    return std::ranges::any_of(v.findings, [&](const Finding& f) { return f.code == code; });
  };
  CHECK_FALSE(raised("mx-not-in-policy"));
  CHECK(raised("sts-policy-address-inconsistent"));
  look.domain.mx.records.push_back({30, "mx3.example.com"});
  look.set_mx(facts::mx_host("mx3.example.com", {facts::probe("203.0.114.3", "mx3.example.com")}));
  v = judged(look);
  CHECK(raised("mx-not-in-policy"));  // neither lists it
  look = facts::base();
  look.set_fetches(
      {facts::fetch(facts::kWeb), facts::fetch(facts::kWeb2, facts::policy({"old.example.com"}, "testing"))});
  CHECK(mail_of(look) == "flows");  // who tests that list delivers
}

TEST_CASE("two modes in one copy stop those who fetched that one") {
  auto look = facts::base();
  look.set_fetches(
      {facts::fetch(facts::kWeb,
                    "version: STSv1\nmode: none\nmode: enforce\nmx: old.example.com\nmax_age: 604800\n"),
       facts::fetch(facts::kWeb2)});
  CHECK(mail_of(look).starts_with(
      "stops now for senders that fetched the policy from 198.51.101.1 and take the last of two modes, "));
}

TEST_CASE("senders that do both have no host where each of the two leaves another") {
  auto look = facts::base();
  look.set_policy(facts::policy({facts::kMx1}));
  with_tlsa(look, facts::kHost, facts::kMail1, false, facts::peer(facts::kHost));
  CHECK(mail_of(look) ==
        "stops now for senders that do DANE and enforce the policy; this keeps no others from delivering");
  const auto headline_says = [&] {
    return to_text(judged(look), {}).find("senders that do DANE and enforce reach no MX now") !=
           std::string::npos;
  };
  CHECK(headline_says());
  with_tlsa(look, facts::kOther, facts::kMail2, false, facts::peer(facts::kOther));
  CHECK(mail_of(look) == "stops now for senders that do DANE; this keeps no others from delivering");
  CHECK_FALSE(headline_says());  // nor do those that do DANE alone
}

TEST_CASE("TLSA records vouch for a host to senders that do both") {
  auto look = facts::base();
  look.domain.mx.records = {{10, facts::kHost}};
  look.mx.clear();
  with_tlsa(look, facts::kHost, facts::kMail1, true, facts::self_signed(facts::kHost));
  CHECK(mail_of(look).starts_with(
      "stops now for senders that enforce the policy (unless they do DANE as well)"));
}

TEST_CASE("addresses that fail validation stop those whose resolver validates") {
  auto look = facts::base();
  const auto bogus = [&](const std::string& host) {
    auto mx = facts::mx_host(host, {});
    mx.addresses = facts::unknown_addresses(host);
    for (auto* answer : {&mx.addresses.a, &mx.addresses.aaaa}) {
      answer->detail = "SERVFAIL";
      answer->bogus = true;
    }
    look.set_mx(mx);
  };
  bogus(facts::kOther);
  CHECK(mail_of(look) == "flows; senders whose resolver validates do not find mx2.example.com");
  bogus(facts::kHost);
  CHECK(mail_of(look) ==
        "stops now for senders whose resolver validates; this keeps no others from delivering");
}

TEST_CASE("a bad file of now stops those who fetched it, not those who hold the one before") {
  auto look = facts::base();
  look.set_policy(facts::policy({"old.example.com"}));
  const auto changed = facts::kNow - std::chrono::minutes{10};
  const auto began = facts::kNow - facts::days(60);
  Past past;
  past.began = began;
  past.policies = {
      {{Mode::enforce, {facts::kHost, facts::kOther}, 604800, {}}, "a", {began, changed}, 1, changed},
      {{Mode::enforce, {"old.example.com"}, 604800, {}}, "b", {changed, {}}, 1, facts::kNow}};
  past.policy_ok_last = facts::kNow;
  past.ids = {{"20261101T000000Z", 3600, {began, {}}, {}, {}}};
  CHECK(mail_now(judged(look, {&past, {}}))
            .words.starts_with("stops now for senders that have fetched the policy of now; "));
}

TEST_CASE("a policy that only some read is in effect to these, whatever its mode") {
  auto look = facts::base();
  look.set_policy(facts::policy({"*"}, "testing"));
  const auto text = to_text(judged(look), {});
  CHECK(text.find("an invalid policy, mode testing to some senders") != text.npos);
  CHECK(text.find("senders that refuse the policy deliver without MTA-STS") != text.npos);
}
