// What is said, of what, to whom: set-ups in which a sentence used to say more than the facts, or gave advice
// that would have made things worse. Each case names what was wrong.
#include <doctest/doctest.h>

#include "checks/judge/catalogue/deployed.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/senders/by_pattern.h"
#include "tests/judge/exact.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {

TEST_CASE("no text of the catalogue speaks of all senders, of all mail, or in this program's own words") {
  constexpr std::string_view kNever[] = {"every sender", "Every sender", "no sender",       "No sender",
                                         "all senders",  "All senders",  "all mail",        "All mail",
                                         "already",      "in the field", "Remove the cause"};
  const auto clean = [&](std::string_view code, std::string_view text) {
    CAPTURE(code);
    for (const auto words : kNever)
      CHECK_MESSAGE(text.find(words) == text.npos, words);
  };
  for (const CatalogueEntry& entry : catalogue()) {
    for (const std::string_view text :
         {std::string_view(entry.title), std::string_view(entry.effect), std::string_view(entry.fix)})
      if (!entry.of_the_agent()) clean(entry.code, text);
  }
  for (const SituationTexts& texts : situations()) {
    CHECK(find_in_catalogue(texts.code) != nullptr);
    CHECK(texts.fix.size() <= 420);
    clean(texts.code, texts.effect);
    clean(texts.code, texts.fix);
  }
}

TEST_CASE("a breakage names the cause for each host, and no policy by this program's name for it") {
  auto look = serving({"mx1.example.com", "mx2.example.com"}, {"mx1.example.com"});
  look.set_mx(mx_host("mx1.example.com",
                      {failed_probe("203.0.114.10", Stage::starttls, Cause::not_offered, "no STARTTLS")}));
  const auto v = judged(look);
  const Finding* now = find(v, "enforce-breakage-now");
  REQUIRE(now);
  CHECK(mentions(now->detail, "mx1.example.com: starttls: no STARTTLS"));
  CHECK(mentions(now->detail, "mx2.example.com: not listed"));
  CHECK_FALSE(mentions(now->detail, "already"));
  CHECK_FALSE(mentions(now->detail, "P1"));
  CHECK(mentions(now->effect, "from one day on"));
}

TEST_CASE("m365both: both names of one tenant, both listed: nothing above info") {
  const auto v = judged(serving({"contoso-com.o-v1.mx.microsoft", "contoso-com.mail.protection.outlook.com"},
                                {"*.mail.protection.outlook.com", "*.o-v1.mx.microsoft"}));
  CHECK(v.status == Status::ok);
  REQUIRE(find(v, "provider-m365-migration"));
  CHECK(find(v, "provider-m365-migration")->severity == Severity::info);
  CHECK(find(v, "provider-m365-migration")->route == Route::log);
}

TEST_CASE("m365: one of both names is not listed: a ticket") {
  const auto v = judged(serving({"contoso-com.o-v1.mx.microsoft", "contoso-com.mail.protection.outlook.com"},
                                {"*.mail.protection.outlook.com"}));
  REQUIRE(find(v, "provider-m365-migration"));
  CHECK(find(v, "provider-m365-migration")->severity == Severity::warning);
}

TEST_CASE("national clouds and new zones of Microsoft 365 are known, each by its own pattern") {
  for (const std::string zone :
       {"mail.protection.office365.us", "mail.protection.partner.outlook.cn", "p-v1.mx.microsoft"}) {
    CAPTURE(zone);
    const auto right = judged(serving({"contoso." + zone}, {std::string_view("*." + zone)}));
    CHECK_FALSE(find(right, "provider-m365-pattern-wrong"));
    CHECK_FALSE(find(right, "provider-policy-mismatch"));
    const auto wrong = judged(serving({"contoso." + zone}, {"*.mail.protection.outlook.com"}));
    REQUIRE(find(wrong, "provider-m365-pattern-wrong"));
    CHECK(
        mentions(find(wrong, "provider-m365-pattern-wrong")->fix, "the full name that your MX record shows"));
  }
}

TEST_CASE("filters are known: the policy names the mailbox behind them") {
  for (const std::string host :
       {"mx01.hornetsecurity.com", "mx-01-eu-central-1.prod.hydra.sophos.com",
        "za-smtp-inbound-1.mimecast.co.za", "je-smtp-inbound-1.mimecast-offshore.com"}) {
    CAPTURE(host);
    CHECK(find(judged(serving({host}, {"*.mail.protection.outlook.com"})), "provider-gateway-mismatch"));
  }
}

TEST_CASE("nullplus: a null MX beside another is to be deleted, and needs no address") {
  auto look = base();
  look.domain.mx = mx({{0, "."}, {10, std::string(kMx1)}});
  const auto v = judged(look);
  const Finding* beside = find(v, "mx-beside-null");
  REQUIRE(beside);
  CHECK(mentions(beside->fix, "Delete the null MX"));
  CHECK_FALSE(find(v, "mx-target-no-address"));
  for (const Finding& f : v.findings)
    CHECK_FALSE(mentions(f.detail, "\\x"));
}

TEST_CASE("a domain that takes no mail is not told to deploy MTA-STS") {
  auto look = base();
  look.null_mx();
  look.no_record();
  look.no_policy_host();
  const auto v = judged(look);
  REQUIRE(find(v, "sts-not-deployed"));
  CHECK(find(v, "sts-not-deployed")->fix.starts_with("nothing to do"));
}

TEST_CASE("in testing a policy that lists no host stops nothing, and says so") {
  const auto v = judged(serving({"mx1.example.com"}, {"mail.example.com"}, "testing"));
  const Finding* none = find(v, "mx-none-in-policy");
  REQUIRE(none);
  CHECK(none->effect.starts_with("Mail is delivered"));
  CHECK_FALSE(mentions(none->fix, "mode: testing"));
}

TEST_CASE("testing without TLSRPT is one warning, and asks for an address elsewhere") {
  auto look = base();
  look.set_policy(policy({kMx1, kMx2}, "testing"));
  look.no_tlsrpt();
  const auto v = judged(look);
  CHECK(std::ranges::count(v.findings, Severity::warning, &Finding::severity) == 1);
  REQUIRE(find(v, "sts-testing-without-tlsrpt"));
  CHECK(mentions(find(v, "sts-testing-without-tlsrpt")->fix, "not under example.com"));
}

TEST_CASE("a host with an underscore is to be renamed: no policy can list it") {
  const auto v = judged(serving({"mail_1.example.com", "mx1.example.com"}, {"mx1.example.com"}));
  const Finding* unlisted = find(v, "mx-not-in-policy");
  REQUIRE(unlisted);
  CHECK(mentions(unlisted->fix, "without an underscore"));
  CHECK_FALSE(mentions(unlisted->fix, "add \"mx: mail_1"));
}

TEST_CASE("a certificate of a provider's host is for the provider to renew") {
  auto look = serving({"mx.provider.net"}, {"mx.provider.net"});
  look.set_mx(mx_host("mx.provider.net",
                      {probe_showing("203.0.114.10", "mx.provider.net", expired("mx.provider.net"))}));
  const auto v = judged(look);
  REQUIRE(find(v, "certificate-expired"));
  CHECK(find(v, "certificate-expired")
            ->fix.starts_with("If provider.net is your provider's, ask the provider"));
  auto own = base();
  own.set_mx(
      mx_host("mx1.example.com", {probe_showing(kMail1, "mx1.example.com", expired("mx1.example.com"))}));
  CHECK_FALSE(mentions(find(judged(own), "certificate-expired")->fix, "provider"));
}

TEST_CASE("a policy host whose CNAME leads nowhere may be taken over") {
  auto look = base();
  look.no_policy_host();
  point_cname(look.domain.policy_host.a, {"tenant.provider.net"});
  const auto v = judged(look);
  REQUIRE(find(v, "sts-policy-host-no-address"));
  CHECK(mentions(find(v, "sts-policy-host-no-address")->fix, "whoever takes it can get a certificate"));
}

TEST_CASE("Cloudflare's own recipe is no half delegation") {
  auto look = base();
  point_cname(look.domain.sts, {"_mta-sts.mx.cloudflare.net"});
  look.domain.sts.records = txt("x", {kRecord}).records;
  point_cname(look.domain.policy_host.a, {"worker.example.net"});
  CHECK_FALSE(find(judged(look), "sts-delegation-incomplete"));
}

TEST_CASE("who refused EHLO may mind the agent's name") {
  auto look = base();
  auto refused = failed_probe(kMail1, Stage::starttls, Cause::not_offered, "502 5.5.1 not implemented");
  refused.helo_only = true;
  refused.banner = "220 mx1 ready";
  look.set_mx(mx_host("mx1.example.com", {refused}));
  const auto v = judged(look);
  REQUIRE(find(v, "starttls-not-supported"));
  CHECK(mentions(find(v, "starttls-not-supported")->detail, "network.helo"));
  CHECK(mentions(find(v, "starttls-not-supported")->detail, "EHLO was refused (502 5.5.1 not implemented)"));
  CHECK(mentions(find(v, "starttls-not-supported")->detail, "220 mx1 ready"));
}

TEST_CASE("without an MX record the cause is that, and not the policy") {
  auto look = serving({"mx1.example.com"}, {"mx1.example.com"});
  look.domain.mx = absent<MxAnswer>("example.com", false);
  look.domain.apex = addresses("example.com", {"203.0.114.9"});
  look.set_mx(mx_host("example.com", {probe("203.0.114.9", "example.com")}));
  const auto v = judged(look);
  const Finding* none = find(v, "mx-none-in-policy");
  REQUIRE(none);
  CHECK(mentions(none->detail, "no MX record, the address of example.com"));
  CHECK(none->fix.starts_with("If other hosts take the mail of example.com, publish MX records"));
}

TEST_CASE("a host that is no public name is for the MX set to drop") {
  const auto v = judged(serving({"mx1.example.com", "localhost"}, {"mx1.example.com"}));
  REQUIRE(find(v, "mx-not-in-policy"));
  CHECK(find(v, "mx-not-in-policy")->fix.starts_with("Take localhost out of the MX set"));
}

TEST_CASE("an unlisted backup is told as a backup") {
  const auto v = judged(serving({"mx1.example.com", "mx2.example.com"}, {"mx1.example.com"}));
  REQUIRE(find(v, "mx-not-in-policy"));
  CHECK(find(v, "mx-not-in-policy")->effect.starts_with("Nothing shows while a host of better preference"));
}

TEST_CASE("a certificate that ends soon at one of two policy addresses is a warning, as one that has ended") {
  auto look = base();
  auto soon = fetch(kWeb);
  soon.tls = tls(peer("mta-sts.example.com", 5h));
  look.set_fetches({soon, fetch(kWeb2)});
  const auto v = judged(look);
  REQUIRE(find(v, "sts-webpki-cert-expiring"));
  CHECK(find(v, "sts-webpki-cert-expiring")->severity == Severity::warning);
}

TEST_CASE("where no mail comes, nothing of record and policy is urgent") {
  auto look = base();
  look.null_mx();
  look.no_policy_host();
  const auto v = judged(look);
  CHECK(criticals(v) == 0);
  CHECK(v.status == Status::ok);
}

TEST_CASE("who fetched the copy that tests reaches every host") {
  auto look = base();
  look.set_fetches({fetch(kWeb, policy({"old.example.com"})), fetch(kWeb2, policy({kMx1, kMx2}, "testing"))});
  CHECK(judged(look).enforce_usable_mx == UsableMx{0, 2, 2});
}

TEST_CASE("a breakage names each address by its own cause where these differ") {
  auto look = serving({"mx1.example.com"}, {"mx1.example.com"});
  look.set_mx(mx_host("mx1.example.com",
                      {failed_probe("203.0.114.10", Stage::starttls, Cause::not_offered, "no STARTTLS"),
                       probe_showing("203.0.114.11", "mx1.example.com", expired("mx1.example.com"))}));
  const Verdict v = judged(look);
  const Finding* now = find(v, "enforce-breakage-now");
  REQUIRE(now);
  CHECK(mentions(now->detail, "mx1.example.com: 203.0.114.10 starttls: no STARTTLS, 203.0.114.11 "));
}

TEST_CASE("who drops a final dot delivers, and each finding says so") {
  const auto v = judged(serving({"mx1.example.com"}, {"mx1.example.com."}));
  for (const auto code : {"mx-none-in-policy", "enforce-breakage-now"}) {
    CAPTURE(code);
    REQUIRE(find(v, code));
    CHECK(find(v, code)->accepted_by == SenderNames{"chasquid", "go-mtasts"});
  }
}

TEST_CASE("a null MX beside hosts is none of them") {
  auto look = serving({"mx1.example.com"}, {"mx1.example.com"});
  look.domain.mx.records.push_back({0, ""});
  CHECK(judged(look).enforce_usable_mx == UsableMx{1, 1, 1});
}

}  // namespace stswatch::facts
