// One cause, one critical finding, with its own advice, and its parts below it: set-ups in which several
// findings of one fault stood side by side, contradicted each other, or spoke of more than they knew.
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

bool tells(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

/// MX hosts in this order of preference, and a policy that lists these patterns.
Look hosts_and_policy(std::initializer_list<std::string> hosts,
                      std::initializer_list<std::string_view> patterns, std::string_view mode = "enforce") {
  auto look = base();
  look.mx.clear();
  look.domain.mx.records.clear();
  for (const auto& host : hosts) {
    const auto n = static_cast<std::uint16_t>(10 * (look.domain.mx.records.size() + 1));
    look.domain.mx.records.push_back({n, host});
    look.set_mx(mx_host(host, {probe("203.0.114." + std::to_string(n), host)}));
  }
  look.set_policy(policy(patterns, mode));
  return look;
}

void show(Look& look, const std::string& host, std::string_view at, PeerCertificates shown) {
  look.set_mx(mx_host(host, {probe_showing(at, host, std::move(shown))}));
}

std::size_t critical_causes(const Verdict& v) {
  return static_cast<std::size_t>(std::ranges::count_if(v.findings, [](const Finding& f) {
    return f.severity == Severity::critical && !nature_of(f).symptom();
  }));
}

}  // namespace

TEST_CASE(
    "a provider's host is left out beside one that is listed: one finding, no page, and it names the host") {
  const std::string other = "contoso-com.o-v1.mx.microsoft";
  const auto v = judged(hosts_and_policy({"contoso-com.mail.protection.outlook.com", other},
                                         {"contoso-com.mail.protection.outlook.com"}));
  const Finding* wrong = find(v, "provider-m365-pattern-wrong");
  REQUIRE(wrong);
  CHECK(wrong->severity == Severity::critical);
  CHECK(wrong->route == Route::ticket);
  CHECK(tells(wrong->effect, "skip " + other));
  CHECK(find(v, "mx-not-in-policy")->severity == Severity::warning);
  CHECK(critical_causes(v) == 1);
  const auto switched =
      judged(hosts_and_policy({"smtp.google.com", "aspmx.l.google.com"}, {"aspmx.l.google.com"}));
  REQUIRE(find(switched, "provider-google-mx-switched"));
  CHECK(find(switched, "provider-google-mx-switched")->route == Route::ticket);
  CHECK_FALSE(tells(find(switched, "provider-google-mx-switched")->effect, "No host"));
}

TEST_CASE(
    "a policy of another provider's hosts: the advice for the provider is the finding, the rest its parts") {
  struct One {
    std::string host;
    std::string_view pattern, code;
  };
  for (const One& one :
       {One{"smtp.google.com", "aspmx.l.google.com", "provider-google-mx-switched"},
        One{"contoso-com.mail.protection.outlook.com", "fabrikam-com.mail.protection.outlook.com",
            "provider-m365-pattern-wrong"},
        One{"contoso-com.o-v1.mx.microsoft", "*.mx.microsoft", "provider-m365-mx-microsoft-wildcard"},
        One{"mx0a-00123.pphosted.com", "*.mail.protection.outlook.com", "provider-gateway-mismatch"}}) {
    CAPTURE(one.code);
    const auto v = judged(hosts_and_policy({one.host}, {one.pattern}));
    CHECK(critical_causes(v) == 1);
    const Finding *provider = find(v, one.code), *generic = find(v, "mx-none-in-policy");
    REQUIRE(provider);
    REQUIRE(generic);
    CHECK(nature_of(*generic).symptom());
    CHECK(provider->refused_by == generic->refused_by);
    CHECK(provider->accepted_by == generic->accepted_by);
    CHECK(find(v, "enforce-breakage-now")->route == Route::page);
  }
}

TEST_CASE("a provider's finding names who delivers all the same") {
  auto look = hosts_and_policy({"aspmx.l.google.com"}, {"smtp.google.com"});
  auto shown = peer("aspmx.l.google.com");
  shown.leaf = certificate({"aspmx.l.google.com", "smtp.google.com"});
  show(look, "aspmx.l.google.com", "203.0.114.10", shown);
  const auto v = judged(look);
  const Finding* provider = find(v, "provider-google-mx-switched");
  REQUIRE(provider);
  CHECK(provider->accepted_by == SenderNames{"postfix-mta-sts-resolver"});
  CHECK(provider->effect.ends_with("Not so postfix-mta-sts-resolver: it delivers there."));
}

TEST_CASE("no host is usable behind a record that all but one sender take: a page, as behind a good one") {
  auto look = base();
  look.set_record({"v=STSv1; id=2026-11-01;"});
  show(look, kHost, kMail1, expired(kHost));
  show(look, kOther, kMail2, expired(kOther));
  const auto v = judged(look);
  const Finding* now = find(v, "enforce-breakage-now");
  REQUIRE(now);
  CHECK(now->route == Route::page);
  CHECK(now->accepted_by == SenderNames{"mox"});
  CHECK(now->refused_by.size() == sender_names().size() - 1);
  CHECK(v.enforce_usable_mx == UsableMx{0, 0, 2});
  REQUIRE(v.forecast.breakage);
  CHECK(v.forecast.breakage->at == kNow);
  CHECK_FALSE(v.mode);  // CONTRACT 2: of a valid record
  look.limits.expect = Limits::Expect::enforce;
  CHECK(find(judged(look), "sts-mode-unexpected"));
}

TEST_CASE(
    "behind such a record a host that works is no breakage, and nothing is in effect as the RFC has it") {
  auto look = base();
  look.set_record({"v=STSv1; id=2026-11-01;"});
  show(look, kHost, kMail1, expired(kHost));
  const auto v = judged(look);
  CHECK_FALSE(find(v, "enforce-breakage-now"));
  CHECK_FALSE(v.enforce_usable_mx);
}

TEST_CASE("a record that more than half of the senders refuse stops nobody's mail") {
  auto look = base();
  look.set_record({"v=STSv1; ID=20261101;"});
  show(look, kHost, kMail1, expired(kHost));
  show(look, kOther, kMail2, expired(kOther));
  CHECK_FALSE(find(judged(look), "enforce-breakage-now"));
}

TEST_CASE("senders that refuse the record deliver to the hosts that its policy leaves out") {
  auto look = base();
  look.set_policy(policy({"old.example.com"}));
  look.set_record({"v=STSv1; id=1;", "v=STSv1; id=2;"});
  const auto v = judged(look);
  const SenderNames refuse{"mox", "postfix-mta-sts-resolver", "go-mtasts", "mailauth"};
  for (const auto* code : {"mx-none-in-policy", "enforce-breakage-now"}) {
    CAPTURE(code);
    REQUIRE(find(v, code));
    CHECK(find(v, code)->accepted_by == refuse);
    CHECK(find(v, code)->refused_by == SenderNames{"postfix-tlspol", "chasquid", "KumoMTA", "Stalwart"});
  }
}

TEST_CASE("a pattern that no host matches: the same senders refuse, whichever finding tells of it") {
  auto look = hosts_and_policy({"mx1.example.com"}, {".example.com"});
  const auto v = judged(look);
  REQUIRE(find(v, "mx-none-in-policy"));
  CHECK(find(v, "mx-none-in-policy")->refused_by == find(v, "enforce-breakage-now")->refused_by);
  CHECK(find(v, "mx-none-in-policy")->accepted_by == find(v, "enforce-breakage-now")->accepted_by);
}

namespace {

/// Two hours ago file and MX set became this host's, and the id did not follow.
struct Moved {
  Look look = hosts_and_policy({"mx9.example.net"}, {"mx9.example.net"});
  Past past;
  Moved() {
    Policy old{Mode::enforce, {"mx1.example.com", "mx2.example.com"}, 604800, {}};
    Policy now{Mode::enforce, {"mx9.example.net"}, 604800, {}};
    past.began = kNow - days(60);
    past.policies = {{old, "a", {kNow - days(60), kNow - 2h}, 1, kNow - 2h},
                     {now, "b", {kNow - 2h, {}}, 2, {}}};
    past.ids = {{"20261101T000000Z", 3600, {kNow - days(60), {}}, {}, {}}};
    past.mx = {{"mx1.example.com", {kNow - days(60), kNow - 2h}},
               {"mx2.example.com", {kNow - days(60), kNow - 2h}},
               {"mx9.example.net", {kNow - 2h, {}}}};
  }
  Verdict verdict() const { return judged(look, {&past, {}}); }
};

}  // namespace

TEST_CASE("the policy held leaves no host: one cause, and whom it hits goes by what is held") {
  Moved moved;
  const auto v = moved.verdict();
  const Finding *now = find(v, "enforce-breakage-now"), *cause = find(v, "sts-policy-changed-id-unchanged");
  REQUIRE(now);
  REQUIRE(cause);
  CHECK(now->accepted_by.empty());
  CHECK_FALSE(tells(now->effect, "mailauth"));
  CHECK(cause->route == Route::page);
  const Finding* cached = find(v, "cached-policy-excludes-all-mx");
  REQUIRE(cached);
  CHECK(cached->route == Route::page);
  CHECK(nature_of(*cached).symptom());
  CHECK(critical_causes(v) == 1);
}

TEST_CASE("none of the MX hosts has an address: nothing waits, and the records are what is missing") {
  auto look = base();
  for (const auto& host : {kHost, kOther})
    look.set_mx(mx_host(host, {}));
  const auto v = judged(look);
  const Finding* down = find(v, "mx-all-down");
  REQUIRE(down);
  CHECK(tells(down->effect, "some senders return mail at once"));
  CHECK(tells(down->fix, "Correct the names in the MX records"));
  CHECK(tells(find(v, "mx-target-no-address")->effect, "some return the mail at once"));
  auto literal = base();
  literal.domain.mx = mx({{10, "203.0.114.1"}});
  literal.mx.clear();
  const auto as_address = judged(literal);
  REQUIRE(find(as_address, "mx-all-down"));
  CHECK(tells(find(as_address, "mx-all-down")->detail, "is an address and no name"));
}

TEST_CASE("what stands in the owner's zone is not for the provider to correct") {
  auto look = hosts_and_policy({"mx1.example.com", "mx1.lapsed.example.net"},
                               {"mx1.example.com", "*.lapsed.example.net"});
  look.set_mx(mx_host("mx1.lapsed.example.net", {}));
  const auto v = judged(look);
  const Finding* gone = find(v, "mx-target-no-address");
  REQUIRE(gone);
  CHECK(gone->fix.starts_with("Correct the name in the MX record of example.com"));
  CHECK(tells(gone->fix, "If example.net is your provider's"));
  show(look, "mx1.lapsed.example.net", kMail2, expired("mx1.lapsed.example.net"));
  CHECK(find(judged(look), "certificate-expired")->fix.starts_with("If example.net is your provider's, ask"));
}

TEST_CASE("an MX record left from Google's set-up is one finding, and is to be deleted") {
  const std::string left = "token.mx-verification.google.com";
  auto look = hosts_and_policy({"smtp.google.com", left}, {"smtp.google.com"});
  const auto check = [&](std::string_view code) {
    const auto v = judged(look);
    CHECK(std::ranges::count_if(v.findings, [&](const Finding& f) { return f.subject.starts_with(left); }) ==
          1);
    REQUIRE(find(v, code));
    CHECK(find(v, code)->fix.starts_with("Delete the MX record of " + left));
  };
  look.set_mx(mx_host(left, {}));
  check("mx-not-in-policy");
  show(look, left, kMail2, misnamed("mx.google.com"));
  check("mx-not-in-policy");
  look.no_record();
  look.no_policy_host();
  look.set_mx(mx_host(left, {}));
  check("mx-target-no-address");
}

TEST_CASE("a host of worse preference shows nothing while one that is listed is up") {
  const auto v = judged(
      hosts_and_policy({"mx1.example.com", "mx2.example.com", "mx3.example.com"}, {"mx1.example.com"}));
  for (const Finding& f : v.findings)
    if (f.code == "mx-not-in-policy")
      CHECK(f.effect.starts_with("Nothing shows while a host of better preference"));
}

TEST_CASE("the only host that works is not listed: there are no other hosts to turn to") {
  auto look = hosts_and_policy({"mx1.example.com", "mx2.example.com"}, {"mx1.example.com"});
  show(look, "mx1.example.com", kMail1, expired("mx1.example.com"));
  const Verdict v = judged(look);
  CHECK(tells(find(v, "mx-not-in-policy")->effect, "none of the hosts that are listed works"));
}

TEST_CASE("a breakage names all that keeps a host from use") {
  auto look = base();
  look.set_policy(policy({"old.example.com"}));
  show(look, kHost, kMail1, expired(kHost));
  const std::string detail = find(judged(look), "enforce-breakage-now")->detail;
  CHECK(tells(detail, "mx1.example.com: not listed, and "));
  CHECK(tells(detail, "mx2.example.com: not listed"));
  CHECK_FALSE(tells(detail, "mx2.example.com: not listed, and"));
}

TEST_CASE("hosts are not said to be skipped where nobody enforces") {
  struct One {
    const char* mode;
    const char* words;
  };
  for (const One& one : {One{"none", "no MTA-STS policy asks senders for a good certificate"},
                         One{"testing", "senders that test the policy report it"}}) {
    CAPTURE(one.mode);
    auto look = base();
    look.set_policy(policy({kMx1, kMx2}, one.mode));
    for (auto shown : {expired(kHost), self_signed(kHost), misnamed("www.example.com"), leaf_only(kHost)}) {
      show(look, kHost, kMail1, shown);
      for (const Finding& f : judged(look).findings) {
        if (f.subject != kHost || nature_of(f).aspect != Aspect::certificate) continue;
        CAPTURE(f.code);
        CHECK(tells(f.effect, one.words));
        CHECK_FALSE(tells(f.effect, "Senders that enforce"));
        CHECK_FALSE(tells(f.effect, "mail waits"));
      }
    }
    look.set_mx(mx_host(kHost, {failed_probe(kMail1, Stage::starttls, Cause::not_offered)}));
    const auto v = judged(look);
    CHECK(
        find(v, "starttls-not-supported")->effect.starts_with("Mail to mx1.example.com comes in clear text"));
  }
}

TEST_CASE(
    "a single host leaves mail waiting for all, not for those that enforce a policy that is not there") {
  auto look = hosts_and_policy({"mx1.example.com"}, {"mx1.example.com"}, "none");
  CHECK_FALSE(tells(find(judged(look), "mx-single")->effect, "enforce"));
  look.set_policy(policy({kMx1}));
  CHECK(tells(find(judged(look), "mx-single")->effect, "enforce"));
}

TEST_CASE("who hangs up does not let senders wait") {
  const auto effect = [](Cause cause) {
    auto look = base();
    auto silent = failed_probe(kMail2, Stage::greeting, cause);
    silent.repeated = true;
    look.set_mx(mx_host(kOther, {silent}));
    return find(judged(look), "smtp-silent")->effect;
  };
  CHECK(effect(Cause::closed).starts_with("Senders are turned away at once at mx2.example.com"));
  CHECK(effect(Cause::timeout).starts_with("Senders wait for minutes"));
}

TEST_CASE(
    "a domain that is not there gets no advice on what to publish, and its absent records are one cause") {
  auto look = base();
  look.domain.mx = absent<MxAnswer>("example.com");
  look.mx.clear();
  look.no_record();
  look.no_policy_host();
  look.no_tlsrpt();
  const auto never = judged(look);
  CHECK(find(never, "sts-not-deployed")->fix.starts_with("nothing to do now"));
  CHECK(find(never, "tlsrpt-missing")->fix.starts_with("nothing to do now"));
  CHECK(find(never, "domain-not-found")->fix.starts_with("Check how example.com is spelt"));
  Moved moved;
  moved.past.ids.back().seen.gone = kNow;
  moved.past.policies.back().seen.gone = kNow;
  const auto v = judged(look, {&moved.past, {}});
  CHECK(
      find(v, "domain-not-found")->fix.starts_with("See whether the registration of example.com has lapsed"));
  CHECK_FALSE(find(v, "sts-txt-missing"));
  CHECK_FALSE(find(v, "sts-policy-host-no-address"));
  CHECK(critical_causes(v) == 1);
  const Finding* reports = find(v, "tlsrpt-missing");
  CHECK((!reports || reports->severity == Severity::info));
  look.domain.mx.nxdomain = false;
  look.domain.apex = addresses("example.com", {});
  look.domain.apex.a.nxdomain = look.domain.apex.aaaa.nxdomain = false;
  CHECK(tells(find(judged(look), "domain-not-found")->fix, "exists, without MX and address"));
}

TEST_CASE("a null MX that may be a mistake is no reason to retire the policy") {
  Moved moved;
  moved.look.null_mx();
  moved.past.mx.back().seen.gone = kNow;
  const auto v = moved.verdict();
  CHECK(find(v, "mx-became-null"));
  CHECK_FALSE(find(v, "sts-tld-or-nonmail-domain"));
}

TEST_CASE("a web page is read as a policy by nobody, whoever looks at its type") {
  auto look = base();
  auto page = fetch(kWeb, "<html><body>Welcome</body></html>");
  page.content_type = "text/html";
  look.set_fetches({page});
  const auto v = judged(look);
  const Finding* type = find(v, "sts-policy-content-type");
  REQUIRE(type);
  CHECK(type->accepted_by.empty());
  CHECK_FALSE(tells(type->effect, "The others read it"));
  page = fetch(kWeb);
  page.content_type = "text/html";
  look.set_fetches({page});
  const auto read = judged(look);
  CHECK_FALSE(find(read, "sts-policy-content-type")->accepted_by.empty());
}

TEST_CASE("nobody fetches from an address that refuses: clients go on to the next") {
  auto look = base();
  look.set_fetches({fetch(kWeb), failed_fetch(Stage::connect, Cause::refused, 1ms, kWeb2)});
  const auto v = judged(look);
  REQUIRE(find(v, "sts-policy-connect-failed"));
  CHECK(find(v, "sts-policy-connect-failed")->effect.starts_with("Senders that meet 198.51.101.2 go on"));
}

TEST_CASE(
    "MX hosts that come a TTL after the id that announces them are no ticket; with it at once they are") {
  Moved moved;
  moved.past.policies.front().seen.gone = moved.past.policies.back().seen.first = kNow - days(1);
  moved.past.ids.front().seen.gone = kNow - 23h;
  moved.past.ids.push_back({"20261130T010000Z", 3600, {kNow - 23h, {}}, {}, {}});
  moved.past.mx.back().seen.first = kNow;
  moved.past.changes = {{kNow, "mx-added", "example.com", "", "mx9.example.net"}};
  moved.look.set_record({"v=STSv1; id=20261130T010000Z;"});
  const auto severity = [&] {
    const auto v = moved.verdict();
    REQUIRE(find(v, "mx-added"));
    return find(v, "mx-added")->severity;
  };
  CHECK(severity() == Severity::info);
  moved.past.ids.front().seen.gone = moved.past.ids.back().seen.first = kNow - 10min;
  CHECK(severity() == Severity::warning);
}

}  // namespace stswatch::facts
