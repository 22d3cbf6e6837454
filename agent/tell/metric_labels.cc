// The labels of the configuration as a series that others are joined with, in the manner of
// kube-state-metrics: names that Prometheus does not have are made fit, and stay apart.
#include <algorithm>
#include <set>

#include "agent/tell/families.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

const std::map<std::string, std::string>* labels_of(const Snapshot& snapshot, const DomainMemory& memory) {
  return snapshot.labels_of ? snapshot.labels_of(memory.verdict.domain.str()) : nullptr;
}

}  // namespace

std::vector<std::string> metric_label_names(const std::map<std::string, std::string>& labels) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> times;
  for (const auto& [name, value] : labels) {
    std::string fit = "label_";
    for (const char c : name)
      fit += text::is_alnum(c) ? c : '_';
    ++times[fit];
    names.push_back(std::move(fit));
  }
  std::set<std::string> taken;
  for (const auto& [name, n] : times)
    if (n == 1) taken.insert(name);
  // "a.b" and "a-b" are label_a_b_conflict1 and label_a_b_conflict2, in the order of their own names.
  std::map<std::string, std::size_t> next;
  for (auto& name : names) {
    if (times.at(name) == 1) continue;
    std::string apart;
    do
      apart = name + "_conflict" + std::to_string(++next[name]);
    while (!taken.insert(apart).second);
    name = std::move(apart);
  }
  return names;
}

void tell_labels(Exposition& out, const Snapshot& snapshot, const std::vector<const DomainMemory*>& shown) {
  const auto labelled = [&](const DomainMemory* memory) {
    const auto* labels = labels_of(snapshot, *memory);
    return labels != nullptr && !labels->empty();
  };
  if (std::ranges::none_of(shown, labelled)) return;
  // One without labels has a series too: a join would lose it otherwise.
  for (const auto* memory : shown) {
    std::vector<std::pair<std::string, std::string>> series{{"domain", memory->verdict.domain.str()}};
    if (const auto* labels = labels_of(snapshot, *memory)) {
      auto name = metric_label_names(*labels);
      std::size_t i = 0;
      for (const auto& [own, value] : *labels)
        series.emplace_back(std::move(name[i++]), value);
    }
    // Both formats of the configuration are UTF-8 or refused; line ends and quotes are the exposition's to
    // escape.
    std::vector<Label> shown;
    for (auto& [name, value] : series) {
      if (!text::is_utf8(value) && !is_fit(value)) value = printable(value, kLabel);
      shown.push_back({name, value});
    }
    out.own_gauge("stswatch_domain_labels", shown, 1);
  }
}

}  // namespace stswatch
