#include "agent/tell/api.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/judge/facts_builder.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

ProbeAnswer answer_of(const facts::Look& look) {
  auto record = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                               judge(look.domain, look.mx, look.vantage, look.limits));
  return {std::move(record), 0.25};
}

double value_of(const ProbeAnswer& answer, const std::string& family) {
  for (const auto& f : probe_families(answer))
    if (f.name == family) return f.metric.at(0).gauge.value;
  return -1;
}

}  // namespace

TEST_CASE("a probe tells of its domain and MX hosts, and of nothing of the agent") {
  std::set<std::string> names;
  for (const auto& family : probe_families(answer_of(facts::base())))
    CHECK(names.insert(family.name).second);
  for (const auto* there : {"probe_success", "probe_duration_seconds", "stswatch_domain_status",
                            "stswatch_mx_outcome", "stswatch_policy_max_age_seconds"})
    CHECK(names.contains(there));
  for (const auto* absent : {"stswatch_build_info", "stswatch_workers", "stswatch_vantage_port25_ok"})
    CHECK_FALSE(names.contains(absent));
}

TEST_CASE("success is a look that found the mail safe") {
  auto broken = facts::base();
  broken.set_policy(facts::policy({"mail.example.net"}));
  CHECK(value_of(answer_of(facts::base()), "probe_success") == 1);
  CHECK(value_of(answer_of(broken), "probe_success") == 0);
  CHECK(value_of(answer_of(broken), "probe_duration_seconds") == 0.25);
}

TEST_CASE("for a person: the verdict, its JSON and the metrics") {
  const auto page = probe_in_words(answer_of(facts::base()), "probe_success 1\n");
  for (const auto* part : {"example.com", "\"findings\":", "probe_success 1"})
    CHECK(page.find(part) != std::string::npos);
}

TEST_CASE("the scrape timeout, less the way back") {
  CHECK(scrape_timeout("10") == 9500ms);
  CHECK(scrape_timeout("9.5") == 9000ms);
  CHECK(scrape_timeout("0.4") == 200ms);
  for (const auto* bad : {"", "0", "-1", "ten", "10s", "inf", "nan", "1e9", " 5"})
    CHECK_FALSE(scrape_timeout(bad));
}
