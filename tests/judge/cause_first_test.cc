// What everybody loses first, with what follows from it below; whom a fault really costs mail; and fixes that
// can be followed. Each case names what was wrong.
#include <doctest/doctest.h>

#include "checks/judge/catalogue/finding.h"
#include "tests/judge/exact.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

const std::string kOneMx(kMx1), kTwoMx(kMx2), kZone = "example.com";

const Finding& the(const Verdict& v, std::string_view code) {
  CAPTURE(code);
  const Finding* f = find(v, code);
  REQUIRE(f);
  return *f;
}

/// Its zone's own servers refuse the name.
AddressAnswer refused_by_zone(const std::string& name) {
  auto answer = unknown<AddressAnswer>(name, "REFUSED");
  answer.zone_error = "ns1.example.com 198.51.101.53: REFUSED";
  return answer;
}

void refuse_name(Look& look, const std::string& host) {
  MxHostObservation seen;
  seen.host = host;
  seen.at = kNow;
  seen.addresses = {refused_by_zone(host), refused_by_zone(host)};
  look.set_mx(seen);
}

SmtpProbe proven_down(std::string_view at) {
  auto p = failed_probe(at, Stage::connect, Cause::refused);
  p.repeated = true;
  return p;
}

/// Both hosts were there all the time, and this was served for two months.
Past long_served() {
  Past past;
  past.began = kNow - days(60);
  past.policies = {{{Mode::enforce, {kOneMx, kTwoMx}, 604800, {}}, "a", {kNow - days(60), {}}, 1, {}}};
  past.ids = {{"20261101T000000Z", 3600, {kNow - days(60), {}}, {}, {}}};
  past.mx = {{kOneMx, {kNow - days(60), {}}}, {kTwoMx, {kNow - days(60), {}}}};
  return past;
}

}  // namespace

TEST_CASE("an MX host whose zone refuses its name is a fault, not silence") {
  auto look = base();
  refuse_name(look, kOneMx);
  auto v = judged(look);
  CHECK(the(v, "mx-host-dns-error").subject == kOneMx);
  CHECK(the(v, "mx-host-dns-error").severity == Severity::critical);
  CHECK((v.enforce_usable_mx == UsableMx{1, 1, 2}));
  CHECK_FALSE(has(v, "observation-unknown"));
  refuse_name(look, kTwoMx);
  v = judged(look);
  CHECK(the(v, "mx-all-down").route == Route::page);
  CHECK(mentions(the(v, "mx-all-down").fix, "name service"));
  CHECK_FALSE(has(v, "enforce-breakage-now"));
}

TEST_CASE("what stops nobody, or only those who validate, is no such fault, and is told") {
  auto look = base();
  auto host = *look.mx.at(kOneMx);
  host.addresses.aaaa = refused_by_zone(kOneMx);
  look.set_mx(host);
  auto v = judged(look);
  CHECK_FALSE(has(v, "mx-host-dns-error"));
  CHECK(mentions(the(v, "observation-unknown").detail, "AAAA: ns1.example.com"));
  CHECK(v.status == Status::ok);
  refuse_name(look, kOneMx);
  host = *look.mx.at(kOneMx);
  host.addresses.a.bogus = host.addresses.aaaa.bogus = true;
  look.set_mx(host);
  v = judged(look);
  CHECK(has(v, "dnssec-invalid"));
  CHECK_FALSE(has(v, "mx-host-dns-error"));
}

TEST_CASE("a TLSRPT name that is refused is not known") {
  auto look = base();
  look.domain.tlsrpt = unknown<TxtAnswer>(look.domain.domain.tlsrpt_name(), "REFUSED");
  look.domain.tlsrpt.zone_error = "ns1.example.com 198.51.101.53: REFUSED";
  CHECK(the(judged(look), "observation-unknown").subject == "_smtp._tls.example.com");
}

TEST_CASE("the MX set has vanished and the web server refuses: that is first, and no policy is to blame") {
  auto look = base();
  look.mx.clear();
  look.domain.mx = absent<MxAnswer>(kZone, false);
  look.domain.apex = addresses(kZone, {kMail1});
  look.set_mx(mx_host(kZone, {proven_down(kMail1)}));
  look.vantage.reached_25 = true;
  look.set_fetches({fetch(kWeb, "", 404)});
  Past past = long_served();
  past.policies.front().seen.gone = kNow;
  for (SeenHost& mx : past.mx)
    mx.seen.gone = kNow;
  const auto v = judged(look, {&past, {}});
  CHECK(the(v, "mx-all-down").part);  // and so told below it
  CHECK(nature_of(the(v, "mx-all-down")).symptom());
  CHECK_FALSE(has(v, "mx-unreachable"));
  CHECK_FALSE(has(v, "cached-policy-excludes-all-mx"));
  CHECK(the(v, "sts-policy-http-status").effect.starts_with("This matters once mail can be delivered"));
}

namespace {

void bind_by_dane(Look& look, const std::string& host, SmtpProbe seen) {
  auto answer = mx_host(host, {std::move(seen)});
  answer.addresses.a.secure = answer.addresses.aaaa.secure = true;
  answer.tlsa = found<TlsaAnswer>(tlsa_name(host, 25));
  answer.tlsa.secure = true;
  answer.tlsa.records = {{3, 1, 1, std::string(64, 'a')}};
  look.domain.mx.secure = true;
  look.set_mx(answer);
}

}  // namespace

TEST_CASE("no TLS where TLSA records bind: who does DANE has no host, and that is a page which says so") {
  for (const auto mode : {"none", "testing", "enforce"}) {
    CAPTURE(mode);
    auto look = base();
    look.set_policy(policy({kMx1, kMx2}, mode));
    bind_by_dane(look, kOneMx, failed_probe(kMail1, Stage::starttls, Cause::not_offered));
    bind_by_dane(look, kTwoMx, failed_probe(kMail2, Stage::handshake, Cause::tls_alert));
    auto v = judged(look);
    CHECK(the(v, "starttls-not-supported").route == Route::page);
    CHECK(the(v, "starttls-handshake-failure").route == Route::page);
    CHECK(the(v, "starttls-not-supported").effect.starts_with("Senders that do DANE"));
    look.set_mx(mx_host(kTwoMx, {probe(kMail2, kTwoMx)}));
    v = judged(look);  // the other takes them
    CHECK(the(v, "starttls-not-supported").severity == Severity::critical);
    CHECK(the(v, "starttls-not-supported").route == Route::ticket);
  }
}

TEST_CASE("no advice to relax a policy that nobody can fetch") {
  auto look = base();
  look.set_fetches({distrusted_fetch(expired("mta-sts.example.com"))});
  Past past = long_served();
  past.policies.front().seen.gone = kNow - 1h;
  for (const Seconds left : {Seconds(-1h), Seconds(12h)}) {
    look.set_mx(
        mx_host(kOneMx, {probe_showing(kMail1, kOneMx, left < 0s ? expired(kOneMx) : peer(kOneMx, left))}));
    look.set_mx(
        mx_host(kTwoMx, {probe_showing(kMail2, kTwoMx, left < 0s ? expired(kTwoMx) : peer(kTwoMx, left))}));
    const auto v = judged(look, {&past, {}});
    const Finding& f = the(v, left < 0s ? "enforce-breakage-now" : "enforce-breakage-predicted");
    CHECK(mentions(f.fix, "before mta-sts.example.com serves it again"));
  }
}

namespace {

/// Somebody else's list stood in the file until then; the hosts never moved.
Past repaired(TimePoint at, std::uint64_t max_age) {
  Past past = long_served();
  past.policies = {{{Mode::enforce, {"mail.other.example"}, max_age, {}},
                    "b",
                    {kNow - days(9), at - 10min},
                    1,
                    at - 10min},
                   {{Mode::enforce, {kOneMx, kTwoMx}, 604800, {}}, "a", {at - 10min, {}}, 2, {}}};
  past.ids = {{"20261020T000000Z", 3600, {kNow - days(60), at}, {}, {}},
              {"20261101T000000Z", 3600, {at, {}}, {}, {}}};
  return past;
}

}  // namespace

TEST_CASE(
    "a wrong list that was repaired still costs mail where ids are not compared, and nobody can help it") {
  const Past past = repaired(kNow - days(1), 30 * 86400);
  const auto v = judged(base(), {&past, {}});
  const Finding& f = the(v, "cached-policy-breakage-now");
  CHECK(f.severity == Severity::info);  // a repaired fault is told as resolved
  CHECK(mentions(f.effect, "postfix-tlspol"));
  CHECK_FALSE(mentions(f.fix, "keep an MX host"));
}

TEST_CASE("who holds a list without any of the hosts is told of none, and not to keep a stranger's host") {
  const Past past = repaired(kNow - 20min, 30 * 86400);
  const auto v = judged(base(), {&past, {}});
  const Finding& f = the(v, "cached-policy-excludes-mx");
  CHECK(f.severity == Severity::info);
  CHECK(mentions(f.effect, "defer the mail"));
  CHECK_FALSE(mentions(f.effect, "skip that host"));
  CHECK_FALSE(mentions(f.fix, "MX set"));
  CHECK_FALSE(has(v, "cached-policy-breakage-now"));
  auto moved = past;
  moved.policies.front().policy.mx = {"mx0.example.com"};
  moved.mx.push_back({"mx0.example.com", {kNow - days(60), kNow - 20min}});
  CHECK(mentions(the(judged(base(), {&moved, {}}), "cached-policy-excludes-mx").fix,
                 "can still take mail (mx0.example.com)"));
}

TEST_CASE("names of a zone that fails are parts of that, and nobody delivers without a policy meanwhile") {
  auto look = base();
  look.domain.mx = unknown<MxAnswer>(kZone, "REFUSED");
  look.domain.sts = unknown<TxtAnswer>(look.domain.domain.sts_record_name(), "REFUSED");
  look.domain.mx.zone_error = look.domain.sts.zone_error = "ns1.example.com 198.51.101.53: REFUSED";
  const Past past = long_served();
  auto v = judged(look, {&past, {}});
  CHECK(nature_of(the(v, "sts-txt-dns-error")).symptom());
  CHECK(the(v, "sts-txt-dns-error").effect.starts_with("This matters once"));
  look.domain.mx = base().domain.mx;
  v = judged(look, {&past, {}});
  CHECK_FALSE(nature_of(the(v, "sts-txt-dns-error")).symptom());
  CHECK_FALSE(the(v, "sts-txt-dns-error").effect.starts_with("This matters once"));
}

TEST_CASE("where the MX set has become null by mistake nothing is to be retired") {
  auto look = base();
  look.null_mx();
  look.no_record();
  look.no_policy_host();
  Past past = long_served();
  past.policies.front().policy.mode = Mode::none;
  past.ids.front().seen.gone = kNow - days(20);
  for (SeenHost& mx : past.mx)
    mx.seen.gone = kNow;
  const auto v = judged(look, {&past, {}});
  REQUIRE(has(v, "mx-became-null"));
  CHECK(mentions(the(v, "sts-not-deployed").fix, "first mend what keeps mail away"));
  CHECK(mentions(the(v, "sts-not-deployed").effect, "as seen from here"));
}

TEST_CASE("all of a provider's hosts are down: the provider is to be asked") {
  auto look = serving({"route1.mx.example.net", "route2.mx.example.net"}, {"*.mx.example.net"});
  look.set_mx(mx_host("route1.mx.example.net", {proven_down("203.0.114.10")}));
  look.set_mx(mx_host("route2.mx.example.net", {proven_down("203.0.114.11")}));
  CHECK(mentions(the(judged(look), "mx-all-down").fix, "If example.net is your provider's"));
  look.set_mx(mx_host("route1.mx.example.net", {}));
  look.set_mx(mx_host("route2.mx.example.net", {}));
  CHECK(mentions(the(judged(look), "mx-all-down").fix, "ask which names"));
}

TEST_CASE("another spelling beside the right key is refused by nobody; of mx each line counts") {
  auto look = base();
  std::string text = policy({kMx1, kMx2});
  look.set_policy(text + "max-age: 86400\r\n");
  auto v = judged(look);
  CHECK(the(v, "sts-policy-key-case").refused_by.empty());
  CHECK(the(v, "sts-policy-key-case").effect.starts_with("none as a rule"));
  look.set_policy(text + "MX: mx3.example.com\r\n");
  v = judged(look);
  CHECK_FALSE(the(v, "sts-policy-key-case").refused_by.empty());
  CHECK_FALSE(the(v, "sts-policy-key-case").effect.starts_with("none as a rule"));
}

TEST_CASE("record and policy host are gone: the record is the cause, with both in its fix") {
  auto look = base();
  look.no_record();
  look.no_policy_host();
  Past past = long_served();
  past.policies.front().seen.gone = past.ids.front().seen.gone = kNow - days(2);
  const auto v = judged(look, {&past, {}});
  CHECK(nature_of(the(v, "sts-policy-host-no-address")).symptom());
  CHECK(the(v, "sts-txt-missing").fix.starts_with("Give mta-sts.example.com an address again"));
}

TEST_CASE("one cause, one critical finding: a filter in front, a misspelt line, a stray octet") {
  const auto gateway = judged(serving({"eu-smtp-inbound-1.mimecast.com", "eu-smtp-inbound-2.mimecast.com"},
                                      {"*.mail.protection.outlook.com"}));
  CHECK(the(gateway, "provider-gateway-mismatch").route == Route::page);
  CHECK(nature_of(the(gateway, "mx-none-in-policy")).symptom());
  const auto dotted = judged(serving({kOneMx, kTwoMx}, {"mx1.example.com.", kMx2}));
  CHECK(nature_of(the(dotted, "mx-not-in-policy")).symptom());
  CHECK(mentions(the(dotted, "mx-not-in-policy").fix, "write mx1.example.com there by itself"));
  auto look = base();
  look.set_record({"v=STSv1;\xC2\xA0id=20261101T000000Z;"});
  const auto odd = judged(look);
  CHECK(nature_of(the(odd, "sts-txt-id-missing")).symptom());
  CHECK_FALSE(nature_of(the(odd, "sts-txt-non-ascii")).symptom());
}

TEST_CASE("Microsoft 365: what is served lists one of both names, so no date and no id ends it") {
  const auto v = judged(serving({"contoso-com.o-v1.mx.microsoft", "contoso-com.mail.protection.outlook.com"},
                                {"*.mail.protection.outlook.com"}));
  const Finding& f = the(v, "provider-m365-migration");
  CHECK(mentions(f.effect, "skip contoso-com.o-v1.mx.microsoft"));
  CHECK_FALSE(mentions(f.effect, "until 20"));
  CHECK(nature_of(f).symptom());
  CHECK(nature_of(the(v, "mx-not-in-policy")).symptom());
  CHECK(criticals(v) == 1);
}

TEST_CASE("one address of a provider's host is down: the address is meant, not the host") {
  auto look = serving({"mx.example.net"}, {"mx.example.net"});
  look.set_mx(
      mx_host("mx.example.net", {probe("203.0.114.10", "mx.example.net"), proven_down("203.0.114.11")}));
  const auto v = judged(look);
  const Finding& f = the(v, "mx-unreachable");
  CHECK(f.fix.starts_with("If example.net is your provider's"));
  CHECK(mentions(f.fix, "withdraw that address record"));
  CHECK_FALSE(mentions(f.fix, "MX set"));
}

TEST_CASE("a single host's addresses are counted by what they showed") {
  auto look = serving({kOneMx}, {kMx1});
  look.set_mx(mx_host(kOneMx, {probe("203.0.114.10", kOneMx), proven_down("203.0.114.11")}));
  CHECK(the(judged(look), "mx-single").detail == "2 addresses, one certificate, seen at 1");
}

TEST_CASE("after a retirement in order nobody is told to begin, and a roll-back is no beginning") {
  auto look = base();
  look.no_record();
  look.no_policy_host();
  Past past = long_served();
  past.policies.front().policy.mode = Mode::none;
  past.ids.front().seen.gone = kNow - days(20);
  CHECK(the(judged(look, {&past, {}}), "sts-not-deployed").fix.starts_with("Nothing to do if it was to go"));
  Past back = long_served();
  const Policy enforce = back.policies.front().policy, testing{Mode::testing, enforce.mx, 604800, {}};
  back.policies = {{enforce, "a", {kNow - days(60), kNow - 3h}, 1, kNow - 3h},
                   {testing, "b", {kNow - 3h, kNow - 2h}, 2, kNow - 2h},
                   {enforce, "a", {kNow - 2h, {}}, 3, {}}};
  CHECK_FALSE(has(judged(base(), {&back, {}}), "enforce-without-testing"));
}

}  // namespace stswatch::facts
