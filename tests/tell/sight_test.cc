// CONTRACT 2: what is told of a domain is as old as it is, also when nobody judges any more.
#include "agent/tell/json.h"

#include <doctest/doctest.h>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/tell/http.h"
#include "agent/tell/metrics.h"
#include "agent/tell/pages.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {
using Json = nlohmann::json;

/// All of the base set-up was seen at kNow; the snapshot is read later, and no look is made meanwhile.
Snapshot read_after(Seconds later, const Look& look = base()) {
  Snapshot s;
  s.now = kNow + later;
  s.fresh_for = {15min, 3h, 3h};
  auto record = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                               judge(look.domain, look.mx, look.vantage, look.limits));
  for (const auto part : kParts)
    note_look(record->times[part], kNow, true);
  s.domains.push_back(std::move(record));
  for (const auto& [host, seen] : look.mx) {
    auto mx = std::make_shared<MxMemory>();
    mx->known = mx->confirmed = seen;
    note_look(mx->times, kNow, true);
    s.mx.push_back(std::move(mx));
  }
  return s;
}

Json api(const Snapshot& s) { return Json::parse(*api_domain(s, "example.com")); }

double metric(const Snapshot& s, const std::string& name, const std::string& label) {
  for (const auto& family : families_of(s))
    for (const auto& one : family.metric)
      if (family.name == name &&
          std::ranges::any_of(one.label, [&](const auto& l) { return l.value == label; }))
        return one.gauge.value;
  return -1;
}

}  // namespace

TEST_CASE(
    "an open finding is told since its fault began, which its certificate says, and not since it was seen") {
  auto look = base();
  auto bad = probe(kMail1, "mx1.example.com");
  bad.tls.peer = expired("mx1.example.com", 20h);
  look.set_mx(mx_host("mx1.example.com", {bad}));
  auto s = read_after(1min, look);
  auto record = std::make_shared<DomainMemory>(*s.domains[0]);
  for (const Finding& f : record->verdict.findings) {
    record->incidents.push_back({.finding = f, .opened = kNow, .changes = {}});
    record->incidents.push_back(
        {.finding = f, .opened = kNow - days(2), .closed = kNow - days(1), .changes = {}});
  }
  s.domains[0] = record;
  const auto ended = to_utc(bad.tls.peer->leaf.not_after);
  REQUIRE(ended < to_utc(kNow));
  const auto incidents = api(s).at("incidents");
  REQUIRE(incidents.size() == 2);
  CHECK(incidents[0].at("opened") == to_utc(kNow));
  CHECK(incidents[0].at("since") == ended);
  CHECK(incidents[1].at("since") == incidents[1].at("opened"));
  const auto page = *page_of_domain(s, "example.com");
  CHECK(page.substr(page.find("<dt>Since</dt>")).find(ended) < 60);
}

TEST_CASE("what comes week by week leaves out what was not seen lately, and says so") {
  auto s = read_after(15min + 1s);
  const auto other = std::make_shared<DomainMemory>(*s.domains[0]);
  s.domains.push_back(other);
  CHECK(page_of_domains(s, {}).find("id=\"coming\"") == std::string::npos);  // nothing can be foretold
  for (const auto part : kParts)
    note_look(other->times[part], s.now, true);
  const auto page = page_of_domains(s, {});
  CHECK(page.find("id=\"coming\"") != std::string::npos);
  CHECK(page.find("One domain was not seen lately and is left out.") != std::string::npos);
}

TEST_CASE("an ok verdict is told while it is fresh, and unknown afterwards, though nobody judged again") {
  const auto fresh = read_after(15min), old = read_after(15min + 1s);
  CHECK(api(fresh)["status"] == "ok");
  CHECK(api(fresh)["enforce_usable_mx"]["min"] == 2);
  CHECK(api(fresh)["forecast"].is_object());
  CHECK(api(fresh)["not_seen_since"].is_null());
  CHECK(page_of_domain(fresh, "example.com")->find("Mail flows for") != std::string::npos);
  CHECK(page_of_domains(fresh, {}).find("Mail flows for") != std::string::npos);

  CHECK(api(old)["status"] == "unknown");
  CHECK(api(old)["enforce_usable_mx"].is_null());
  CHECK(api(old)["forecast"].is_null());
  CHECK(api(old)["mx"][0]["usable"].is_null());
  CHECK(api(old)["not_seen_since"] == to_utc(kNow));
  CHECK(api(old)["sight"]["sts_record"]["last_success"] == to_utc(kNow));
  const auto summary = Json::parse(api_domains(old))[0];
  CHECK(summary["status"] == "unknown");
  CHECK(summary["forecast"].is_null());
  for (const auto& page : {*page_of_domain(old, "example.com"), page_of_domains(old, {})}) {
    CHECK(page.find("Mail flows") == std::string::npos);
    CHECK(page.find("of 2 usable") == std::string::npos);
    CHECK(page.find("not seen since 2026-12-01 00:00 UTC") != std::string::npos);
  }
  CHECK(page_of_domains(old, {.status = "ok"}).find(">example.com<") == std::string::npos);
  CHECK(page_of_domains(old, {.status = "unknown"}).find(">example.com<") != std::string::npos);
}

TEST_CASE("metrics keep the last known values; only the status tells") {
  const auto old = read_after(16min);
  CHECK(metric(old, "stswatch_domain_status", "unknown") == 1);
  CHECK(metric(old, "stswatch_domain_status", "ok") == 0);
  CHECK(metric(old, "stswatch_enforce_usable_mx", "min") == 2);
  CHECK(metric(read_after(1min), "stswatch_domain_status", "ok") == 1);
}

TEST_CASE("what was wrong stays wrong, without a forecast") {
  auto look = base();
  look.set_policy(policy({"mail.example.com"}));
  const auto old = api(read_after(4h, look));
  CHECK(old["status"] == "critical");
  CHECK(old["forecast"].is_null());
  CHECK_FALSE(old["findings"].empty());
}

TEST_CASE("each address carries the look that its outcome comes from") {
  auto look = base();
  look.domain.fetches[0].held_from = kNow - 1h;
  const auto told = api(read_after(1min, look));
  CHECK(told["policy"]["addresses"][0]["seen_at"] == to_utc(kNow - 1h));
  CHECK(told["mx"][0]["addresses"][0]["seen_at"] == to_utc(kNow));
}

}  // namespace stswatch::facts
