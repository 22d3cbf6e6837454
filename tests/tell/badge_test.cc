#include "agent/tell/badge.h"

#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

Snapshot of(const facts::Look& look) {
  Snapshot s;
  s.now = facts::kNow;
  s.fresh_for = {Seconds{900}, Seconds{10800}, Seconds{10800}};
  auto record =
      std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                     judge(look.domain, look.mx, look.vantage, look.limits, kNoHistory));
  for (const auto part : kParts)
    record->times[part] = {facts::kNow, facts::kNow};
  for (const auto& mx : record->verdict.mx) {
    auto host = std::make_shared<MxMemory>();
    auto known = std::make_shared<MxHostObservation>();
    known->host = mx.host;
    host->known = known;
    host->times = {facts::kNow, facts::kNow};
    s.mx.push_back(std::move(host));
  }
  s.domains.push_back(std::move(record));
  return s;
}

std::string badge(const Snapshot& s) { return badge_svg(s, *s.domains.at(0)); }

bool says(const std::string& svg, const std::string& words) {
  return svg.find("aria-label=\"MTA-STS of example.com: " + words + "\"") != std::string::npos &&
         svg.find("<title>MTA-STS of example.com: " + words + "</title>") != std::string::npos &&
         svg.find(">" + words + "</text>") != std::string::npos;
}

}  // namespace

TEST_CASE("a badge says the status in words") {
  const auto sound = of(facts::base());
  CHECK_MESSAGE(says(badge(sound), "enforce, ok"), badge(sound));
  auto broken = facts::base();
  broken.set_policy(facts::policy({"mail.example.net"}));
  CHECK(says(badge(of(broken)), "critical"));
  auto testing = facts::base();
  testing.set_policy(facts::policy({facts::kMx1, facts::kMx2}, "testing"));
  CHECK_MESSAGE(says(badge(of(testing)), "testing, ok"), badge(of(testing)));
}

TEST_CASE("a badge of what was not seen lately is unknown") {
  auto old = of(facts::base());
  old.now += Seconds{30 * 86400};
  CHECK_MESSAGE(says(badge(old), "unknown"), badge(old));
}

TEST_CASE("a badge loads nothing") {
  const auto svg = badge(of(facts::base()));
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  CHECK(svg.find("http", svg.find("http") + 1) == std::string::npos);
  for (const auto* active : {"<script", "<style", "url(", "href", "@import"})
    CHECK(svg.find(active) == std::string::npos);
  CHECK(svg.size() < 1000);
}
