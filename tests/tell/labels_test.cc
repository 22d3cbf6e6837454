#include <doctest/doctest.h>

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>

#include "agent/tell/metrics.h"
#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

using Names = std::vector<std::string>;
using LabelMap = std::map<std::string, std::string>;

/// Three domains, of which the middle one has labels.
Snapshot labelled(const LabelMap& labels) {
  Snapshot s;
  s.now = facts::kNow;
  for (const auto* name : {"a.example", "b.example", "c.example"}) {
    auto look = facts::base();
    look.domain.domain = facts::domain(name);
    s.domains.push_back(
        std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                       judge(look.domain, look.mx, look.vantage, look.limits, kNoHistory)));
  }
  const auto kept = std::make_shared<LabelMap>(labels);
  s.labels_of = [kept](const std::string& domain) { return domain == "b.example" ? kept.get() : nullptr; };
  return s;
}

/// "domain label=value ..." for each series.
Names series_of(const Snapshot& snapshot) {
  Names out;
  for (const auto& family : families_of(snapshot)) {
    if (family.name != "stswatch_domain_labels") continue;
    for (const auto& metric : family.metric) {
      CHECK(metric.gauge.value == 1);
      std::string line;
      for (const auto& label : metric.label)
        line += (line.empty() ? "" : " ") + label.name + "=" + label.value;
      out.push_back(line);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("names of labels are made fit for Prometheus, and no two are the same") {
  const struct {
    std::string why;
    LabelMap labels;
    Names names;
  } rows[] = {
      {"as it is", {{"team", ""}}, {"label_team"}},
      {"a digit first is none any more", {{"1st", ""}}, {"label_1st"}},
      {"each octet of what is no letter", {{"a.b/c\xC3\xBC", ""}}, {"label_a_b_c__"}},
      {"nothing", {{"", ""}}, {"label_"}},
      {"two that become one", {{"a-b", ""}, {"a.b", ""}}, {"label_a_b_conflict1", "label_a_b_conflict2"}},
      {"and one that looks like what they become",
       {{"a-b", ""}, {"a.b", ""}, {"a_b_conflict1", ""}},
       {"label_a_b_conflict2", "label_a_b_conflict3", "label_a_b_conflict1"}},
      {"of which there are two as well",
       {{"a-b", ""}, {"a.b", ""}, {"a_b_conflict1", ""}, {"a-b_conflict1", ""}},
       {"label_a_b_conflict1", "label_a_b_conflict1_conflict1", "label_a_b_conflict2",
        "label_a_b_conflict1_conflict2"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const auto names = metric_label_names(row.labels);
    CHECK(names == row.names);
    auto sorted = names;
    std::ranges::sort(sorted);
    CHECK(std::ranges::adjacent_find(sorted) == sorted.end());
  }
}

TEST_CASE("labels are a series of each domain, once any has some") {
  CHECK(
      series_of(labelled({{"team", "mail"}, {"cost centre", "7"}})) ==
      Names{"domain=a.example", "domain=b.example label_cost_centre=7 label_team=mail", "domain=c.example"});
  CHECK(series_of(labelled({})).empty());
  auto without = labelled({});
  without.labels_of = nullptr;
  CHECK(series_of(without).empty());
}

TEST_CASE("labels are told of domains that have series of their own, and hold what Prometheus takes") {
  auto snapshot = labelled({{"broken", "\xff"}, {"note", "B\xC3\xBCro \"1\"\n2"}});
  snapshot.metrics.per_domain = PerDomain::none;
  CHECK(series_of(snapshot).empty());
  snapshot.metrics.per_domain = PerDomain::all;
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families_of(snapshot));
  CHECK(out.str().find("stswatch_domain_labels{domain=\"b.example\",label_broken=\"\\\\xFF\","
                       "label_note=\"B\xC3\xBCro \\\"1\\\"\\n2\"} 1\n") != std::string::npos);
}
