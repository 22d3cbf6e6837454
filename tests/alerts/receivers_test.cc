// What each receiver is told of, and that worse is never told as over (CONTRACT 5).
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "alerts/compose.h"
#include "tests/alerts/dispatcher_world.h"

namespace stswatch::alerts {
namespace {

using Json = nlohmann::json;

ReceiverRules of_routes(const std::string& name, std::vector<Route> routes) {
  return {name, {.wanted = {.routes = std::move(routes)}}};
}

/// First one certificate is a ticket, then mail stops: a page; then it is a ticket again, then over.
void course(World& world) {
  world.open("example.com", "certificate-expired", kHost);
  world.pass(5min);
  world.open("example.com", "enforce-breakage-now");
  world.pass(5min);
  world.close("example.com", "enforce-breakage-now");
  world.pass(5min);
  world.close("example.com", "certificate-expired", kHost);
  world.pass(5min);
}

Json alerts_of(const Notice& notice) { return Json::parse(to_alertmanager_json({notice}, kStart)); }

std::string routes_in(const Json& alerts) {
  std::string out;
  for (const auto& alert : alerts)
    out += (out.empty() ? "" : " ") + alert["labels"]["route"].get<std::string>();
  return out;
}

}  // namespace

TEST_CASE("routes-page: pages and what becomes of them, and no ticket") {
  World world({{"all", {}}, of_routes("pager", {Route::page}), of_routes("desk", {Route::ticket})});
  course(world);
  CHECK(world.kinds("all") == "new/ticket worse/page better/ticket resolved/ticket");
  CHECK(world.kinds("pager") == "new/page better/ticket resolved/ticket");
  CHECK(world.kinds("desk") == "new/ticket resolved/ticket");
}

TEST_CASE("a ticket that has passed a pager by is not told as over") {
  World world({of_routes("pager", {Route::page})});
  world.open("example.com", "certificate-expired", kHost);
  world.pass(5min);
  world.close("example.com", "certificate-expired", kHost);
  world.pass(5min);
  CHECK(world.kinds("pager").empty());
}

TEST_CASE("a pager is not reminded of what has become a ticket") {
  World world({of_routes("pager", {Route::page})});
  break_mail(world);
  world.pass(5min);
  world.close("example.com", "enforce-breakage-now");
  world.pass(10 * kDay);
  CHECK(world.kinds("pager") == "new/page better/ticket");
}

TEST_CASE("the agent's own trouble comes whatever the routes and domains") {
  World world({{"pager", {.wanted = {.routes = {Route::page}, .domains = {"*.example.net"}}}}});
  world.open(agent_itself().str(), "vantage-resources", "stswatch");
  world.pass(5min);
  CHECK(world.kinds("pager") == "new/ticket");
}

TEST_CASE("globs of domains: a receiver hears of its own") {
  World world({{"net", {.wanted = {.domains = {"*.example.net", "example.net"}}}}, {"all", {}}});
  world.open("example.com", "mx-none-in-policy");
  world.open("mail.example.net", "mx-none-in-policy");
  world.pass(5min);
  REQUIRE(world.told("net").size() == 1);
  CHECK(world.told("net")[0].domains == std::vector<std::string>{"mail.example.net"});
  CHECK(world.told("all").size() == 2);
}

TEST_CASE("expiring-then-expired: the first alert keeps firing, the worse one joins it, all end together") {
  World world;
  world.labels["example.com"] = {{"team", "mail"}};
  course(world);
  const auto told = world.told();
  REQUIRE(told.size() == 4);
  CHECK(routes_in(alerts_of(told[0])) == "ticket");
  CHECK(routes_in(alerts_of(told[1])) == "ticket page");
  CHECK(routes_in(alerts_of(told[2])) == "ticket");
  CHECK(ended(told[1], told[2]) == std::vector<AlertIdentity::Level>{{Route::page, Severity::critical}});
  CHECK(routes_in(alerts_of(told[3])) == "ticket");
  for (std::size_t i = 0; i < told.size(); ++i) {
    CHECK(told[i].thread() == told[0].thread());
    for (const auto& alert : alerts_of(told[i])) {
      const Json& labels = alert["labels"];
      CHECK(labels["alertname"] == "StswatchProblem");
      CHECK(labels["domain"] == "example.com");
      CHECK(labels["team"] == "mail");
      CHECK(labels.size() == 6);  // and problem, severity, route: nothing that can change
      CHECK((alert["endsAt"] > alert["startsAt"]) == (i == 3));
    }
  }
}

TEST_CASE("a page that gets better where no ticket was before: the ticket begins as the page ends") {
  World world;
  break_mail(world);
  world.pass(5min);
  world.close("example.com", "enforce-breakage-now");
  world.pass(5min);
  const auto told = world.told();
  REQUIRE(told.size() == 2);
  CHECK(routes_in(alerts_of(told[0])) == "page");
  CHECK(routes_in(alerts_of(told[1])) == "ticket");
  CHECK(ended(told[0], told[1]).size() == 1);
}

TEST_CASE("what fires is the same after a restart") {
  World world;
  world.open("example.com", "certificate-expired", kHost);
  world.pass(5min);
  world.open("example.com", "enforce-breakage-now");
  world.pass(5min);
  const auto before = world.dispatcher->firing("mail");
  world.restart();
  REQUIRE(before.size() == 1);
  CHECK(before == world.dispatcher->firing("mail"));
  CHECK(routes_in(alerts_of(before[0])) == "ticket page");
}

TEST_CASE("reminders keep their subject") {
  World world;
  world.open("example.com", "certificate-expired", kHost);
  world.pass(4 * kDay);
  REQUIRE(world.kinds() == "new/ticket reminder/ticket");
  CHECK(subject_line(world.told()[0]) == subject_line(world.told()[1]));
}

TEST_CASE("bounce-text: first bounces after a day, not after four") {
  World world;
  break_mail(world);
  world.pass(5min);
  const std::string effect = world.told().at(0).effect;
  CHECK(effect.find("from one day on") != std::string::npos);
  CHECK(effect.find("from 2026-12-02T00:00:00Z on") != std::string::npos);
}

TEST_CASE("since: a certificate says when it ended, however late the agent came") {
  World world;
  world.open("example.com", "certificate-expired", kHost);
  world.change("example.com", [&](DomainMemory& record) {
    PeerCertificates peer;
    peer.leaf.not_after = kStart - 5 * kDay;
    MxAddressVerdict at;
    at.certificate = peer;
    MxVerdict mx;
    mx.host = kHost;
    mx.addresses.push_back(at);
    record.verdict.mx.push_back(mx);
  });
  world.pass(5min);
  CHECK(world.told().at(0).since == kStart - 5 * kDay);
}

TEST_CASE("a provider's advice reaches the notice") {
  World world;
  world.open("example.com", "mx-not-in-policy", "alt1.aspmx.l.google.com");
  world.open("example.com", "provider-google-mx-incomplete");
  world.pass(5min);
  CHECK(world.told().at(0).fix.find("*.aspmx.l.google.com") != std::string::npos);
}

}  // namespace stswatch::alerts
