// The laws of telling: what is owed, to whom, how often.
#include <doctest/doctest.h>

#include <set>

#include "alerts/decide.h"
#include "tests/alerts/dispatcher_world.h"

using namespace stswatch;
using namespace stswatch::alerts;

TEST_CASE("a cause and what it does to mail are one page, and one resolve when it is over") {
  World world;
  break_mail(world);
  world.pass(1h);
  REQUIRE(world.kinds() == "new/page");
  const auto page = world.told()[0];
  CHECK(page.findings.size() == 2);
  CHECK(page.lead_code() == "enforce-breakage-now");
  CHECK(page.title ==
        "example.com: enforcing senders cannot deliver since 2026-12-01T00:00:00Z (mx1.example.com's "
        "certificate has "
        "expired)");
  mend_mail(world);
  world.pass(30 * kDay);
  REQUIRE(world.kinds() == "new/page resolved/page");
  CHECK(world.told()[1].thread() == page.thread());
  CHECK(world.told()[1].key != page.key);
}

TEST_CASE("nothing is told before group_wait, and nothing of what has healed by then") {
  World world;
  break_mail(world);
  world.pass(29s);
  CHECK(world.deliveries.empty());
  mend_mail(world);
  world.pass(kDay);
  CHECK(world.deliveries.empty());
}

TEST_CASE("a fault that may be over waits for the look that says so") {
  World world;
  world.open("example.com", "starttls-not-supported", kHost);
  world.doubt("example.com", "starttls-not-supported", kHost);
  world.pass(1h);
  CHECK(world.deliveries.empty());
  world.each("example.com", "starttls-not-supported", kHost, [](Incident& i) { i.good_looks = 0; });
  world.pass(1min);
  CHECK(world.kinds() == "new/ticket");
}

TEST_CASE("a host that 5,000 domains share breaks and heals: two messages for each receiver") {
  World world({{"mail", {}}, {"hook", {}}, {"chat", {.min_severity = Severity::critical}}});
  std::vector<std::string> names;
  for (int i = 0; i < 5000; ++i)
    names.push_back("d" + std::to_string(i) + ".example.com");
  world.watch(names);
  for (const auto& name : names)
    break_mail(world, name, "mx.provider.net");
  world.pass(5min);
  for (const auto& name : names)
    world.close(name, "enforce-breakage-now");
  for (const auto& name : names)
    world.doubt(name, "certificate-expired", "mx.provider.net");
  world.pass(1min);
  for (const auto& name : names)
    world.close(name, "certificate-expired", "mx.provider.net");
  world.pass(kDay);
  for (const auto* receiver : {"mail", "hook", "chat"}) {
    REQUIRE(world.kinds(receiver) == "new/page resolved/page");
    const auto page = world.told(receiver)[0];
    CHECK(page.domain_count == 5000);
    CHECK(page.domains.size() == 5000);
    CHECK(page.findings.size() == kMostFindings);
    CHECK(page.title ==
          "mx.provider.net: enforcing senders cannot deliver to 5000 domains since "
          "2026-12-01T00:00:00Z (certificate has expired)");
  }
}

TEST_CASE("a host that 10,001 domains share: a notice names 10,000, and counts all") {
  World world;
  std::vector<std::string> names;
  for (int i = 0; i < 10'001; ++i)
    names.push_back("d" + std::to_string(i) + ".example.com");
  world.watch(names);
  for (const auto& name : names)
    break_mail(world, name, "mx.provider.net");
  world.pass(5min);
  const auto page = world.told().at(0);
  CHECK(page.domain_count == 10'001);
  CHECK(page.domains.size() == 10'000);
  CHECK(page.findings.size() == 1000);
}

TEST_CASE("a domain that comes to a known fault of its host later makes no message") {
  World world;
  break_mail(world, "a.example.com");
  world.pass(1h);
  break_mail(world, "b.example.com");
  world.pass(30min);
  CHECK(world.kinds() == "new/page");
  mend_mail(world, "a.example.com");
  world.pass(10min);
  CHECK(world.kinds() == "new/page");
  mend_mail(world, "b.example.com");
  world.pass(1h);
  CHECK(world.kinds() == "new/page resolved/page");
}

TEST_CASE("a certificate on its way to expiry is one thread that gets worse") {
  World world;
  world.open("example.com", "certificate-renewal-overdue", kHost);
  world.pass(1h);
  world.close("example.com", "certificate-renewal-overdue", kHost);
  world.open("example.com", "certificate-expiring", kHost);
  world.pass(1h);
  world.close("example.com", "certificate-expiring", kHost);
  break_mail(world);
  world.pass(1h);
  mend_mail(world);
  world.pass(1h);
  CHECK(world.kinds() == "new/ticket worse/ticket worse/page resolved/page");
  for (const auto& notice : world.told())
    CHECK(notice.thread() == world.told()[0].thread());
}

TEST_CASE("a lesser fault in the place of the one that was told is better, and the same thread") {
  World world;
  world.open("example.com", "certificate-expired", kHost);
  world.pass(1h);
  world.close("example.com", "certificate-expired", kHost);
  world.open("example.com", "certificate-renewal-overdue", kHost);
  world.pass(1h);
  REQUIRE(world.kinds() == "new/ticket better/ticket");
  CHECK(world.told()[1].severity < world.told()[0].severity);
  CHECK(world.told()[1].thread() == world.told()[0].thread());
}

TEST_CASE("the last straw carries the page; the earlier fault keeps its own ticket") {
  World world;
  world.open("example.com", "certificate-expired", "mx1.example.com");
  world.pass(1h);
  world.open("example.com", "starttls-not-supported", "mx2.example.com");
  world.open("example.com", "enforce-breakage-now");
  world.pass(1h);
  CHECK(world.kinds() == "new/ticket new/page");
  world.close("example.com", "starttls-not-supported", "mx2.example.com");
  world.close("example.com", "enforce-breakage-now");
  world.pass(1h);
  CHECK(world.kinds() == "new/ticket new/page resolved/page");
  CHECK(world.told()[2].thread() == world.told()[1].thread());
}

TEST_CASE("hosts that fail together stop mail together: one page, one resolve") {
  World world;
  for (const auto* name : {"a.example.com", "b.example.com"}) {
    world.open(name, "certificate-expired", "mx1.provider.net");
    world.open(name, "certificate-expired", "mx2.provider.net");
    world.open(name, "certificate-expired", "mx3.provider.net");
    world.open(name, "enforce-breakage-now");
  }
  world.pass(1h);
  REQUIRE(world.kinds() == "new/page");
  CHECK(world.told()[0].findings.size() == 8);
  for (const auto* name : {"a.example.com", "b.example.com"}) {
    world.close(name, "certificate-expired", "mx1.provider.net");
    world.close(name, "enforce-breakage-now");
  }
  world.pass(1h);
  CHECK(world.kinds() == "new/page better/ticket");
  for (const auto* name : {"a.example.com", "b.example.com"})
    for (const auto* host : {"mx2.provider.net", "mx3.provider.net"})
      world.close(name, "certificate-expired", host);
  world.pass(1h);
  CHECK(world.kinds() == "new/page better/ticket resolved/ticket");
}

TEST_CASE("hosts that heal shortly one after the other end in one word") {
  World world;
  for (const auto* host : {"mx1.example.com", "mx2.example.com"})
    world.open("example.com", "certificate-expired", host);
  world.open("example.com", "enforce-breakage-now");
  world.pass(1h);
  mend_mail(world, "example.com", "mx1.example.com");
  world.pass(20s);
  world.close("example.com", "certificate-expired", "mx2.example.com");
  world.pass(1h);
  CHECK(world.kinds() == "new/page resolved/page");
}

TEST_CASE("when mail flows again while the fault is left, the page turns into a ticket") {
  World world;
  break_mail(world);
  world.pass(1h);
  world.close("example.com", "enforce-breakage-now");
  world.pass(1h);
  CHECK(world.kinds() == "new/page better/ticket");
  world.close("example.com", "certificate-expired", kHost);
  world.pass(1h);
  CHECK(world.kinds() == "new/page better/ticket resolved/ticket");
}

TEST_CASE("an id race and the caches it leaves behind are one notice") {
  World world;
  world.open("example.com", "sts-update-order-race");
  world.open("example.com", "cached-policy-excludes-mx");
  world.open("example.com", "mx-added");
  world.pass(1h);
  REQUIRE(world.kinds() == "new/ticket");
  CHECK(world.told()[0].findings.size() == 3);
}

TEST_CASE("what follows from a told fault without making it worse is not told") {
  World world;
  world.open("example.com", "sts-txt-missing");
  world.pass(1h);
  world.open("example.com", "sts-policy-disappeared");
  world.pass(1h);
  CHECK(world.kinds() == "new/ticket");
  world.close("example.com", "sts-txt-missing");
  world.close("example.com", "sts-policy-disappeared");
  world.pass(1h);
  CHECK(world.kinds() == "new/ticket resolved/ticket");
}

TEST_CASE("a change is told once: no reminder, no resolve; another one is told again") {
  World world;
  world.open("example.com", "mx-added");
  world.pass(6 * kDay);
  world.change("example.com", [&](DomainMemory& record) {
    record.past.changes.push_back({world.now, "mx-added", "mx4.example.com", "", "mx4.example.com"});
  });
  world.pass(6 * kDay);
  world.close("example.com", "mx-added");
  world.pass(30 * kDay);
  CHECK(world.kinds() == "new/ticket new/ticket");
}

TEST_CASE("a change that was told with a problem is no news when the problem is over") {
  World world;
  const auto page = [&] { world.open("example.com", "enforce-breakage-now"); };
  page();
  world.open("example.com", "mx-added");
  world.pass(1h);
  CHECK(world.kinds() == "new/page");
  world.close("example.com", "enforce-breakage-now");
  world.pass(1h);
  world.restart();
  world.pass(1h);
  CHECK(world.kinds() == "new/page resolved/page");
  page();
  world.pass(1h);
  CHECK(world.kinds() == "new/page resolved/page new/page");
  CHECK(world.told()[2].key != world.told()[0].key);
  world.close("example.com", "enforce-breakage-now");
  world.pass(1h);
  CHECK(world.kinds() == "new/page resolved/page new/page resolved/page");
  CHECK_FALSE(world.key_values->all(kTopicTable).empty());
  world.close("example.com", "mx-added");
  world.pass(1h);
  CHECK(world.told().size() == 4);
  CHECK(world.key_values->all(kTopicTable).empty());
}

TEST_CASE("mx-backup-invalid is never told by itself") {
  World world;
  world.open("example.com", "mx-backup-invalid", "mx2.example.com");
  world.pass(kDay);
  CHECK(world.deliveries.empty());
  world.open("example.com", "certificate-expired", "mx2.example.com");
  world.pass(kDay);
  REQUIRE(world.kinds() == "new/ticket");
  CHECK(world.told()[0].findings.size() == 2);
}

TEST_CASE("info is told only to who asks for it, and what for the log only too") {
  World world({{"mail", {}},
               {"all", {.min_severity = Severity::info}},
               {"few", {.min_severity = Severity::critical}}});
  world.open("example.com", "mx-removed");
  world.open("example.com", "tlsrpt-missing", "_smtp._tls.example.com");
  world.pass(1h);
  CHECK(world.kinds("mail") == "new/ticket");
  CHECK(world.kinds("all") == "new/ticket new/log");  // the urgent one first
  CHECK(world.kinds("few").empty());
}

TEST_CASE("what the agent itself cannot see is a ticket only when it lasts, and one for all domains") {
  World world;
  for (const auto* name : {"a.example.com", "b.example.com", "c.example.com", "d.example.com"}) {
    world.open(name, "check-stale");
    world.open(name, "vantage-port25-blocked");  // told by the agent itself
    world.open(name, "observation-unknown", "mx1.example.com");
  }
  world.pass(119min);
  CHECK(world.deliveries.empty());
  world.pass(3min);
  REQUIRE(world.kinds() == "new/ticket");
  CHECK(world.told()[0].domain_count == 4);
  CHECK(world.told()[0].findings.at(0).code == "check-stale");
}

TEST_CASE("the agent's own trouble is told at once, to everybody but who declines, by itself, with its end") {
  World world(
      {{"mail", {}}, {"few", {.min_severity = Severity::critical}}, {"none", {.wanted = {.own = false}}}});
  const auto agent = agent_itself().str();
  world.open("example.com", "mx-none-in-policy");
  world.open(agent, "vantage-resources", "stswatch");
  world.pass(1s);
  CHECK(world.kinds("mail") == "new/ticket");
  CHECK(world.kinds("few") == "new/ticket");
  CHECK(world.kinds("none").empty());
  const Notice told = world.told("few").at(0);
  CHECK(told.domains.empty());
  CHECK(told.findings.at(0).domain.empty());
  CHECK(told.title.starts_with("stswatch: "));
  CHECK_FALSE(told.fix.empty());
  CHECK(told.verify == "curl -sS https://sts.example.net/-/healthy");

  world.open(agent, "vantage-clock-stepped", "stswatch");  // another trouble is another notice
  world.pass(1s);
  CHECK(world.kinds("few") == "new/ticket new/ticket");
  world.restart();  // nothing is told twice
  world.pass(10s);
  CHECK(world.kinds("few") == "new/ticket new/ticket");
  world.close(agent, "vantage-clock-stepped", "stswatch");
  world.pass(1s);
  CHECK(world.kinds("few") == "new/ticket new/ticket resolved/ticket");
  CHECK(world.told("few").back().findings.at(0).code == "vantage-clock-stepped");
}

TEST_CASE(
    "a calendar that was set back keeps no reminder and no attempt waiting for the day it showed before") {
  World world;
  world.open("example.com", "mx-none-in-policy");
  world.pass(1h);
  REQUIRE(world.kinds() == "new/page");
  world.set_calendar(world.now - Seconds{400 * 86400});
  world.pass(3h);
  CHECK(world.kinds() == "new/page reminder/page");

  World refused;
  refused.answer = [](const PendingNotice&) { return SendResult::Kind::refused; };
  refused.open("example.com", "mx-none-in-policy");
  refused.pass(1h);
  REQUIRE(refused.deliveries.empty());
  refused.set_calendar(refused.now - Seconds{400 * 86400});
  refused.answer = [](const PendingNotice&) { return SendResult::Kind::sent; };
  refused.pass(1min);
  CHECK(refused.kinds() == "new/page");
}

TEST_CASE("the same fault of three domains on one platform is one message; of two it is two") {
  const auto with = [](int domains) {
    World world;
    for (int i = 0; i < domains; ++i) {
      const auto name = "d" + std::to_string(i) + ".example.com";
      world.change(name, [](DomainMemory& record) {
        auto facts = std::make_shared<DomainObservation>(*record.known);
        facts->mx.records = {{10, "mx.provider.net"}};
        record.known = record.confirmed = facts;
      });
      world.open(name, "mx-not-in-policy", "mx.provider.net");
    }
    world.pass(1h);
    return world.told().size();
  };
  CHECK(with(2) == 2);
  CHECK(with(3) == 1);
  CHECK(with(40) == 1);
}

TEST_CASE("the same ticket for many unrelated domains at once is one message; pages stay apart") {
  World world;
  for (int i = 0; i < 20; ++i) {
    const auto name = "d" + std::to_string(i) + ".example.com";
    world.open(name, "tlsrpt-missing", "_smtp._tls." + name);
  }
  world.pass(1h);
  CHECK(world.kinds() == "new/ticket");
  for (int i = 0; i < 20; ++i)
    world.open("d" + std::to_string(i) + ".example.com", "mx-none-in-policy");
  world.pass(1h);
  CHECK(world.told().size() == 21);
}

TEST_CASE("a domain that is no longer watched is over") {
  World world;
  world.watch("other.example.com");
  break_mail(world);
  world.pass(1h);
  auto rules = DispatchRules{{{"mail", {}}}, {}, {"other.example.com"}, {}};
  world.dispatcher->adopt(rules);
  world.pass(1h);
  REQUIRE(world.kinds() == "new/page resolved/page");
  CHECK(world.told()[1].changed == "the domain is no longer watched");
}

TEST_CASE("labels on which all domains of a notice agree reach it") {
  World world;
  world.labels["a.example.com"] = {{"team", "mail"}, {"site", "fra"}};
  world.labels["b.example.com"] = {{"team", "mail"}, {"site", "ams"}};
  break_mail(world, "a.example.com");
  break_mail(world, "b.example.com");
  world.pass(1h);
  CHECK(world.told()[0].labels == std::map<std::string, std::string>{{"team", "mail"}});
}
