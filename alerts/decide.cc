#include "alerts/decide.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <tuple>
#include <unordered_map>

namespace stswatch {
std::string OpenFinding::host() const { return finding().subject.substr(0, finding().subject.find(' ')); }

std::string OpenFinding::key() const {
  if (nature.family == Family::agent) return finding().code;
  std::string key(to_string(nature.aspect));
  if (nature.change()) {
    // Another change of the same kind while the first is still shown is told as well.
    TimePoint at = incident->opened;
    for (const Change& c : record->past.changes)
      if (c.code == finding().code) at = std::max(at, c.at);
    key = finding().code + '@' + to_utc(at);
  }
  return key + ' ' + (nature.of_host ? host() : domain());
}

Severity severity_of(const Finding& finding) {
  return finding.of_the_agent && finding.route >= Route::ticket
             ? std::max(finding.severity, Severity::warning)
             : finding.severity;
}

bool wanted(const Finding& finding, Severity min_severity) {
  if (min_severity == Severity::info) return true;
  return finding.route != Route::log && severity_of(finding) >= min_severity;
}

std::vector<OpenFinding> items_of(std::shared_ptr<const DomainMemory> record,
                                  const std::vector<Silence>& silences, TimePoint now) {
  std::vector<OpenFinding> out;
  for (const Incident& incident : record->incidents) {
    const Finding& finding = incident.finding;
    if (!incident.open() || (finding.of_the_agent && finding.route == Route::log)) continue;
    OpenFinding item{record, &incident, nature_of(finding)};
    if (told_of_agent(finding) && !item.own()) continue;
    item.silenced = std::ranges::any_of(
        silences, [&](const Silence& s) { return covers(s, item.domain(), finding, now); });
    out.push_back(std::move(item));
  }
  return out;
}

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

namespace {

constexpr Seconds kLongestRepeat{7 * 86400};
/// RULES 5.4, MtaStsVantageBlind: what the agent cannot see is worth a ticket only when it lasts.
constexpr Seconds kOwnFault{2 * 3600};

bool only_changes(const LastNotified& last_notified) {
  return std::ranges::all_of(last_notified.codes, is_change);
}

bool wants(const TellingRules& rules, const OpenFinding& item) {
  if (item.own()) return rules.wanted.own;
  const auto& domains = rules.wanted.domains;
  const auto covers = [&](const std::string& glob) { return glob_matches(glob, item.domain()); };
  if (!domains.empty() && std::ranges::none_of(domains, covers)) return false;
  const Finding& finding = item.finding();
  // Who asks for the log by name hears of it without asking for what is mere information.
  if (finding.route == Route::log && !rules.wanted.routes.empty() && rules.takes(Route::log))
    return severity_of(finding) >= rules.min_severity;
  return wanted(finding, rules.min_severity);
}

bool tells(const OpenFinding& item) { return !item.silenced && !item.in_doubt(); }

}  // namespace

bool TellingRules::takes(Route route) const {
  return wanted.routes.empty() || std::ranges::find(wanted.routes, route) != wanted.routes.end();
}

bool is_change(const std::string& code) {
  Finding finding;
  finding.code = code;
  return nature_of(finding).change();
}

GroupState stand(const AlertGroup& group, const std::set<std::string>& told, const TellingRules& rules) {
  GroupState out;
  for (const OpenFinding* item : group.items) {
    const Finding& finding = item->finding();
    if (!wants(rules, *item)) continue;
    out.any = true;
    out.state |= !item->nature.change();
    for (const Incident& i : item->record->incidents)
      if (!i.open() && told.contains(i.finding.code))
        out.eased = std::max(out.eased.value_or(*i.closed), *i.closed);
    if (item->silenced) continue;
    out.items.push_back(item);
    out.severity = std::max(out.severity, severity_of(finding));
    out.route = std::max(out.route, item->route());
    if (!tells(*item)) continue;
    out.awaited |= item->seen.awaited;
    if (item->seen.awaited) continue;
    out.sure_severity = std::max(out.sure_severity, severity_of(finding));
    out.sure_route = std::max(out.sure_route, item->route());
    if (told.contains(finding.code) || (!item->own() && !rules.takes(item->route()))) continue;
    out.own_news |= item->own();
    const TimePoint from =
        item->incident->opened + (finding.of_the_agent && !item->own() ? kOwnFault : Seconds{0});
    out.news = std::min(out.news.value_or(from), from);
    out.at_once |= item->own();
    out.new_cause |= !item->nature.symptom();
  }
  out.awaited &= out.sure_route < Route::page;
  return out;
}

Seconds reminder_after(Route route, int reminders, const TellingRules& rules) {
  Seconds after = route == Route::page ? rules.repeat_page : rules.repeat_ticket;
  for (int i = 0; i < reminders && after < kLongestRepeat; ++i)
    after *= 2;
  return std::min(after, std::max(kLongestRepeat, rules.repeat_ticket));
}

std::optional<Decision> decide(const GroupState& now_there, const LastNotified* last_notified,
                               bool acknowledged, TimePoint now, const TellingRules& rules) {
  const bool waited = now_there.news && (now_there.at_once || now - *now_there.news >= rules.group_wait);
  const bool for_me = rules.takes(now_there.sure_route) || now_there.own_news;
  // One notice, and not a ticket that a page follows within a minute.
  if (now_there.awaited && (last_notified == nullptr || last_notified->notice.route < Route::page))
    return std::nullopt;
  if (last_notified == nullptr) {
    if (!waited || !for_me) return std::nullopt;
    return Decision{NoticeKind::fresh, "nothing was told of it yet"};
  }
  if (!now_there.state && !only_changes(*last_notified)) {
    if (!rules.send_resolved) return std::nullopt;
    return Decision{NoticeKind::resolved, "it is over"};
  }
  const Notice& last = last_notified->notice;
  if (for_me && now_there.sure_route > last.route)
    return Decision{NoticeKind::worse, "it needs somebody sooner"};
  if (for_me && now_there.sure_severity > last.severity)
    return Decision{NoticeKind::worse, "it is more severe"};
  if (for_me && now_there.new_cause && waited) {
    // What was told before has gone meanwhile, if all that is there is less.
    if (now_there.severity < last.severity && now_there.route <= last.route)
      return Decision{NoticeKind::better, "a lesser fault has taken its place"};
    return Decision{NoticeKind::worse, "another fault has joined it"};
  }
  if (now_there.items.empty()) return std::nullopt;  // silenced
  // What is left may be on its way out as well: then one word at the end is enough.
  const bool settled =
      (!now_there.eased || now - *now_there.eased >= rules.group_wait) &&
      std::ranges::none_of(now_there.items, [](const OpenFinding* item) { return item->in_doubt(); });
  if (last.route == Route::page && now_there.route < last.route && settled)
    return Decision{NoticeKind::better, "mail flows again, a part of it is left"};
  if (!rules.reminders || acknowledged || last.route == Route::log || only_changes(*last_notified))
    return std::nullopt;
  const bool sure =
      std::ranges::any_of(now_there.items, [](const OpenFinding* item) { return tells(*item); });
  const bool mine = rules.takes(now_there.route) || now_there.items.front()->own();
  if (sure && mine && now - last.at >= reminder_after(last.route, last_notified->reminders, rules))
    return Decision{NoticeKind::reminder, "it has lasted"};
  return std::nullopt;
}

bool ends_silently(const GroupState& now_there, const LastNotified& last_notified,
                   const TellingRules& rules) {
  if (now_there.state) return false;
  return only_changes(last_notified) ? !now_there.any : !rules.send_resolved;
}

const Domain& agent_itself() {
  static const Domain name = *Domain::parse("stswatch.invalid");
  return name;
}

bool is_agent_itself(std::string_view domain) { return domain == agent_itself().str(); }

std::shared_ptr<const DomainMemory> record_of_agent(std::vector<Incident> incidents, TimePoint now) {
  DomainObservation facts(agent_itself());
  facts.at = now;
  auto record = std::make_shared<DomainMemory>(std::make_shared<const DomainObservation>(std::move(facts)),
                                               Verdict(agent_itself()));
  record->incidents = std::move(incidents);
  return record;
}

bool told_of_agent(const Finding& finding) { return nature_of(finding).aspect == Aspect::own; }

}  // namespace stswatch
