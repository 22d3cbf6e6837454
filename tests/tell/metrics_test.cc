#include "agent/tell/metrics.h"

#include <doctest/doctest.h>

#include <prometheus/text_serializer.h>
#include <fstream>
#include <sstream>

#include "agent/remember/past.h"
#include "agent/tell/openmetrics.h"
#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

/// The base set-up, one domain that is broken, and one that does not exist: every family has a sample.
Snapshot sample() {
  Snapshot s;
  s.now = facts::kNow;
  const auto add = [&](const facts::Look& look) {
    const auto past = remember_look({}, look.domain, look.mx, look.vantage, look.limits, &look.domain);
    auto record =
        std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                       judge(look.domain, look.mx, look.vantage, look.limits, {&past, {}}));
    record->past = past;
    record->past.change_counts["mx-added"] = 2;
    for (const auto part : kParts)
      record->times[part] = {facts::kNow, facts::kNow};
    record->policy_last_success = facts::kNow;
    s.domains.push_back(std::move(record));
  };
  auto sound = facts::base();
  sound.domain.fetches[0].sha256 = std::string(64, 'c');
  add(sound);
  auto broken = sound;
  broken.domain.domain = facts::domain("example.net");
  broken.set_policy(facts::policy({"mail.example.net"}));
  broken.domain.fetches[0].sha256 = std::string(64, 'd');
  add(broken);
  s.kinds = {{"domain", Seconds{300}, Seconds{0}, 1},
             {"policy", Seconds{3600}, Seconds{0}, 1},
             {"mx", Seconds{3600}, Seconds{7}, 2}};
  s.workers_busy = 1;
  s.workers_idle = 3;
  s.trust_store_file = "/etc/ssl/certs/ca-certificates.crt";
  s.trust_store_sha256 = "ab";
  s.reload_success_at = facts::kNow;
  return s;
}

std::string text_of(const Snapshot& s) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families_of(s));
  return out.str();
}

}  // namespace

TEST_CASE("the whole exposition is the golden one") {
  const std::string path = SOURCE_DIR "/tests/tell/exposition.txt";
  std::ifstream in(path);
  std::ostringstream golden;
  golden << in.rdbuf();
  const auto got = text_of(sample());
  if (got != golden.str()) std::ofstream("exposition.got.txt") << got;
  CHECK_MESSAGE(got == golden.str(), "differs from " << path << "; see exposition.got.txt");
}

TEST_CASE("OpenMetrics ends with EOF, names counters without _total, escapes labels") {
  std::vector<prometheus::MetricFamily> families(2);
  families[0] = {"a_total", "Help \"quoted\"", prometheus::MetricType::Counter, {}};
  families[0].metric.resize(1);
  families[0].metric[0].label = {{"x", "a\"b\\c\nd"}};
  families[0].metric[0].counter.value = 3;
  families[1] = {"b", "B", prometheus::MetricType::Gauge, {}};
  families[1].metric.resize(1);
  families[1].metric[0].gauge.value = std::numeric_limits<double>::infinity();
  std::ostringstream out;
  write_openmetrics(out, families);
  CHECK(out.str() ==
        "# TYPE a counter\n# HELP a Help \\\"quoted\\\"\na_total{x=\"a\\\"b\\\\c\\nd\"} 3\n"
        "# TYPE b gauge\n# HELP b B\nb +Inf\n# EOF\n");
}

TEST_CASE("look counters are born at 0 with every label set") {
  LookMetrics looks;
  looks.looked(LookKind::mx, LookOutcome::failed, 0.5);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, looks.registry()->Collect());
  const auto text = out.str();
  CHECK(text.find("stswatch_looks_total{kind=\"mx\",outcome=\"failed\"} 1") != std::string::npos);
  CHECK(text.find("stswatch_looks_total{kind=\"domain\",outcome=\"ok\"} 0") != std::string::npos);
  CHECK(text.find("stswatch_look_duration_seconds_count{kind=\"mx\"} 1") != std::string::npos);
}
