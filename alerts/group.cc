#include "alerts/decide.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <tuple>
#include <unordered_map>

namespace stswatch {
namespace {

constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

std::string family_name(const OpenFinding& item) {
  return std::to_string(static_cast<int>(Family(item.nature.family)));
}

/// The MX host or policy platform that the fault of this domain is shared through; empty: none known.
std::string platform_of(const OpenFinding& item) {
  const auto& facts = *item.record->confirmed;
  if (item.nature.family == Family::publication) {
    if (const auto cname = facts.policy_host.cname(); !cname.empty()) return cname.back().target;
    const auto addresses = facts.policy_host.all();
    return addresses.empty() ? std::string() : addresses.front().str();
  }
  std::string hosts;
  for (const auto& mx : facts.mx.records)
    hosts += mx.host + ' ';
  return hosts;
}

class Gathering {
 public:
  explicit Gathering(const std::map<std::string, Problem>& problems) {
    for (const auto& [id, problem] : problems) {
      for (const auto& key : problem.keys)
        told_.emplace(key, clusters_.size());
      clusters_.push_back({problem, false, {}});
    }
    first_new_ = clusters_.size();
  }

  void place_cause(const OpenFinding& item) {
    const auto key = item.key();
    std::size_t at = kNowhere;
    if (const auto it = told_.find(key); it != told_.end())
      at = it->second;
    else
      at = fresh(item);
    clusters_[at].items.push_back(&item);
    if (at >= first_new_) clusters_[at].problem.keys.insert(key);
    if (!item.nature.change()) causes_[item.domain() + ' ' + family_name(item)].push_back({&item, at});
  }

  void place_symptom(const OpenFinding& item) {
    std::size_t at = kNowhere;
    if (const auto it = told_.find(item.key()); it != told_.end()) at = it->second;
    if (at == kNowhere) at = cluster_of_cause(item);
    if (at != kNowhere && item.nature.headline == Headline::no_mail) join_causes(item, at);
    if (at == kNowhere && item.nature.aspect == Aspect::backup) return;  // RULES 3.1: never told by itself
    if (at == kNowhere) {
      at = fresh(item);
      clusters_[at].problem.keys.insert(item.key());
    }
    clusters_[at].items.push_back(&item);
  }

  std::vector<AlertGroup> take() {
    merge_what_is_shared();
    for (std::size_t i = first_new_; i < clusters_.size(); ++i)
      date(clusters_[i]);
    std::erase_if(clusters_, [](const AlertGroup& c) { return c.is_new && c.items.empty(); });
    return std::move(clusters_);
  }

 private:
  struct Cause {
    const OpenFinding* item;
    std::size_t group;
  };

  std::size_t fresh(const OpenFinding& item) {
    const auto name = item.own()                            ? "own " + item.key()
                      : item.nature.family == Family::agent ? std::string("agent")
                      : item.nature.of_host                 ? "host " + item.host()
                                                            : family_name(item) + ' ' + item.domain();
    const auto [it, added] = fresh_.emplace(name, clusters_.size());
    if (added) clusters_.push_back({{}, true, {}});
    return it->second;
  }

  /// What the forecast names, for what is still to come; else the last straw: of the gravest causes the
  /// newest that was there when the symptom came.
  std::size_t cluster_of_cause(const OpenFinding& symptom) const {
    const auto it = causes_.find(symptom.domain() + ' ' + family_name(symptom));
    if (it == causes_.end()) return kNowhere;
    const auto named = named_by(symptom);
    const auto rank = [&](const Cause& c) {
      const bool before = c.item->incident->opened <= symptom.incident->opened;
      return std::tuple(c.item->host() == named, c.item->finding().severity, before, c.item->incident->opened,
                        c.group);
    };
    const auto best = std::ranges::max_element(
        it->second, [&](const Cause& a, const Cause& b) { return rank(a) < rank(b); });
    if (symptom.nature.aspect == Aspect::backup && best->item->host() != named) return kNowhere;
    const auto moved = joined_.find(best->group);
    return moved == joined_.end() ? best->group : moved->second;
  }

  /// Hosts that fail one after the other before anything is told stop mail together: one notice.
  void join_causes(const OpenFinding& symptom, std::size_t into) {
    if (into < first_new_) return;
    const auto it = causes_.find(symptom.domain() + ' ' + family_name(symptom));
    if (it == causes_.end()) return;
    for (Cause& cause : it->second) {
      if (cause.group < first_new_ || cause.item->finding().severity != Severity::critical) continue;
      if (clusters_[cause.group].items.empty()) cause.group = joined_.at(cause.group);
      if (cause.group == into) continue;
      move(cause.group, into);
      joined_[cause.group] = into;
      for (auto& [_, to] : joined_)
        if (to == cause.group) to = into;
      cause.group = into;
    }
  }

  void move(std::size_t from, std::size_t into) {
    auto& source = clusters_[from];
    auto& target = clusters_[into];
    target.items.insert(target.items.end(), source.items.begin(), source.items.end());
    target.problem.keys.merge(source.problem.keys);
    source.items.clear();
  }

  static std::string named_by(const OpenFinding& symptom) {
    const Nature& nature = symptom.nature;
    if (nature.aspect == Aspect::backup) return symptom.host();
    const auto& forecast = symptom.record->verdict.forecast;
    const auto& point =
        nature.headline == Headline::fewer_hosts_from ? forecast.degradation : forecast.breakage;
    if (nature.headline == Headline::no_mail || !point) return {};
    return point->subject.name;
  }

  using Groups = std::map<std::string, std::vector<std::size_t>>;

  /// New problems of single domains that are the same.
  void merge_what_is_shared() {
    Groups shared, same;
    std::vector<std::size_t> candidates;
    for (std::size_t i = first_new_; i < clusters_.size(); ++i) {
      const auto& items = clusters_[i].items;
      if (items.empty() || items.front()->nature.of_host || items.front()->nature.family == Family::agent)
        continue;
      candidates.push_back(i);
      if (const auto platform = platform_of(*items.front()); !platform.empty())
        shared[faults(clusters_[i]) + platform].push_back(i);
    }
    const auto merged = merge(shared, kSharedBy);
    for (const auto i : candidates)
      if (!merged.contains(i) && !pages(clusters_[i])) same[faults(clusters_[i])].push_back(i);
    merge(same, kSameFault);
  }

  static std::string faults(const AlertGroup& group) {
    std::set<std::string> codes;
    for (const OpenFinding* item : group.items)
      codes.insert(item->finding().code);
    std::string out;
    for (const auto& code : codes)
      out += code + ' ';
    return out + '\n';
  }

  static bool pages(const AlertGroup& group) {
    return std::ranges::any_of(group.items,
                               [](const OpenFinding* i) { return i->finding().route == Route::page; });
  }

  /// All that took part.
  std::set<std::size_t> merge(const Groups& groups, std::size_t at_least) {
    std::set<std::size_t> merged;
    for (const auto& [_, members] : groups) {
      if (members.size() < at_least) continue;
      merged.insert(members.begin(), members.end());
      for (std::size_t m = 1; m < members.size(); ++m)
        move(members[m], members.front());
    }
    return merged;
  }

  static void date(AlertGroup& group) {
    if (group.items.empty()) return;
    auto since = TimePoint::max();
    for (const OpenFinding* item : group.items)
      since = std::min(since, item->incident->opened);
    group.problem.since = since;
  }

  std::vector<AlertGroup> clusters_;
  std::size_t first_new_ = 0;
  std::unordered_map<std::string, std::size_t> told_, fresh_;
  std::unordered_map<std::string, std::vector<Cause>> causes_;  // by domain and family
  std::map<std::size_t, std::size_t> joined_;                   // new clusters that were moved into others
};

}  // namespace

std::string problem_id(const Problem& problem, TimePoint now) {
  const std::string text = to_utc(now) + ' ' + *problem.keys.begin();
  // FNV-1a
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : text) {
    h ^= static_cast<unsigned char>(c);
    h *= 0x100000001b3;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4)
    out += kHex[(h >> shift) & 15U];
  return out;
}

std::vector<AlertGroup> gather(const std::vector<const OpenFinding*>& items,
                               const std::map<std::string, Problem>& problems) {
  Gathering gathering(problems);
  for (const OpenFinding* item : items)
    if (!item->nature.symptom()) gathering.place_cause(*item);
  for (const OpenFinding* item : items)
    if (item->nature.symptom()) gathering.place_symptom(*item);
  return gathering.take();
}

}  // namespace stswatch
