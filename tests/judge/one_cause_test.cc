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
    CHECK(v.findings.front().code != "mx-none-in-policy");
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

}  // namespace stswatch::facts
