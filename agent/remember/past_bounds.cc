#include "agent/remember/past.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_set>

namespace stswatch {
namespace {

using namespace std::chrono_literals;
using namespace past_bounds;

constexpr const char* kSeveral = "several";  // in the place of a digest: no policy of its own says this

/// The last moment a sender could still act by it.
TimePoint live_until(const SeenPolicy& p) {
  return *p.seen.gone + Seconds{static_cast<std::int64_t>(p.policy.max_age)};
}

std::size_t octets_of(const std::vector<std::string>& patterns) {
  std::size_t octets = 0;
  for (const auto& pattern : patterns)
    octets += pattern.size() + 1;
  return octets;
}

std::size_t octets_of(const std::vector<SeenPolicy>& policies) {
  std::size_t octets = 0;
  for (const auto& p : policies) {
    octets += octets_of(p.policy.mx);
    for (const auto& [key, value] : p.policy.extensions)
      octets += key.size() + value.size();
  }
  return octets;
}

/// The hosts that the domain has and had.
class Hosts {
 public:
  Hosts(const Past& past, const Case& c) {
    for (const auto& mx : past.mx)
      add(mx.host);
    for (const auto& mx : c.mx)
      add(mx.host);
  }
  /// RFC 8461 §4.1, for patterns as a policy has them: lower case, and nothing but ASCII.
  bool listed_by(const std::string& pattern) const { return names_.contains(pattern); }

  std::vector<std::string> listed_by(const Policy& policy) const {
    std::set<std::string> out;
    for (const auto& pattern : policy.mx)
      if (listed_by(pattern)) out.insert(pattern);
    return {out.begin(), out.end()};
  }

 private:
  void add(const std::string& host) {
    names_.insert(host);
    if (const auto dot = host.find('.'); dot != host.npos) names_.insert("*" + host.substr(dot));
  }
  std::unordered_set<std::string> names_;
};

/// Of a long text what can list a host of the domain, and of the rest as much as there is room for.
void shorten(Policy& policy, const Hosts& hosts, std::size_t room) {
  policy.extensions.clear();
  if (octets_of(policy.mx) <= room) return;
  if (policy.mx_digest.empty()) policy.mx_digest = digest_of(policy.mx);
  std::vector<std::string> kept, others;
  std::set<std::string_view> seen;
  for (const auto& pattern : policy.mx)
    if (seen.insert(pattern).second) (hosts.listed_by(pattern) ? kept : others).push_back(pattern);
  std::size_t octets = octets_of(kept);
  for (const auto& pattern : others) {
    octets += pattern.size() + 1;
    if (octets > room) break;
    kept.push_back(pattern);
  }
  policy.more += static_cast<std::uint32_t>(seen.size() - kept.size());
  policy.mx = std::move(kept);
}

/// `later` becomes what covers both of the same mode: whoever holds either is no better off than one who
/// holds it.
void cover(const SeenPolicy& earlier, SeenPolicy& later) {
  later.seen.first = std::min(earlier.seen.first, later.seen.first);
  if (later.seen.gone) later.seen.gone = std::max(*earlier.seen.gone, *later.seen.gone);
  later.number = std::max(earlier.number, later.number);
  if (same_policy(earlier.policy, later.policy)) return;
  auto& to = later.policy;
  const std::set<std::string> of_earlier(earlier.policy.mx.begin(), earlier.policy.mx.end());
  std::erase_if(to.mx, [&](const std::string& pattern) { return !of_earlier.contains(pattern); });
  to.more = std::max({to.more, earlier.policy.more, 1U});
  to.mx_digest = kSeveral;
  to.max_age = std::max(to.max_age, earlier.policy.max_age);
  to.extensions.clear();
}

/// Two windows of one kind that have gone.
struct Match {
  std::size_t earlier = 0, later = 0;
  Seconds cost = Seconds::max();  // how much longer the two together seem to be held
};

/// The two of one kind whose ends lie closest; `kind_of` is null for those that are not to be touched.
Match closest(const std::vector<SeenPolicy>& all,
              const std::function<std::optional<std::string>(const SeenPolicy&)>& kind_of) {
  std::map<std::string, std::vector<std::size_t>> kinds;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (const auto kind = all[i].seen.gone ? kind_of(all[i]) : std::nullopt) kinds[*kind].push_back(i);
  Match best;
  for (auto& [kind, members] : kinds) {
    std::ranges::stable_sort(members, {}, [&](std::size_t i) { return *all[i].seen.gone; });
    for (std::size_t i = 1; i < members.size(); ++i) {
      const auto &a = all[members[i - 1]], &b = all[members[i]];
      const auto age = std::max(a.policy.max_age, b.policy.max_age);
      const TimePoint end = *b.seen.gone + Seconds{static_cast<std::int64_t>(age)};
      const Seconds cost = (end - live_until(a)) + (end - live_until(b));
      if (cost < best.cost) best = {members[i - 1], members[i], cost};
    }
  }
  return best;
}

class PolicyBounds {
 public:
  PolicyBounds(Past& past, const Case& c) : all_(past.policies), hosts_(past, c), now_(c.now) {}

  void apply() {
    forget_dead(kDead);
    std::size_t whole = 2;  // of those served now as many are kept as they are
    for (auto& p : all_)
      if (p.seen.gone || whole == 0)
        shorten(p.policy, hosts_, kPatternOctets);
      else
        --whole;
    if (octets_of(all_) > kPolicyOctets)
      for (auto& p : all_)
        if (p.seen.gone) shorten(p.policy, hosts_, 0);
    while (all_.size() > kWindows || octets_of(all_) > kPolicyOctets)
      if (!forget_dead(0) && !join()) return;
  }

 private:
  /// 24 h: a sender's clock, and one that fetched at the last moment.
  bool forget_dead(std::size_t most) {
    const auto dead = [&](const SeenPolicy& p) { return p.seen.gone && live_until(p) + 24h < now_; };
    auto count = static_cast<std::size_t>(std::ranges::count_if(all_, dead));
    return std::erase_if(all_, [&](const SeenPolicy& p) { return dead(p) && count-- > most; }) > 0;
  }

  bool join() {
    const auto mode = [](const SeenPolicy& p) { return std::string(to_string(p.policy.mode)); };
    const auto text = [](const std::vector<std::string>& words) {
      std::string out;
      for (const auto& word : words)
        out += ' ' + word;
      return out;
    };
    const auto content = [&](const SeenPolicy& p) {
      if (p.policy.mx_digest == kSeveral) return std::optional<std::string>();
      const std::set<std::string> mx(p.policy.mx.begin(), p.policy.mx.end());
      return std::optional(mode(p) + std::to_string(p.policy.max_age) +
                           (p.policy.mx_digest.empty() ? text({mx.begin(), mx.end()}) : p.policy.mx_digest));
    };
    const auto hosts = [&](const SeenPolicy& p) {
      return std::optional(mode(p) + text(hosts_.listed_by(p.policy)));
    };
    return join(closest(all_, content)) || join(closest(all_, hosts)) ||
           join(closest(all_, [&](const SeenPolicy& p) { return std::optional(mode(p)); }));
  }

  bool join(const Match& match) {
    if (match.cost == Seconds::max()) return false;
    cover(all_[match.earlier], all_[match.later]);
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(match.earlier));
    return true;
  }

  std::vector<SeenPolicy>& all_;
  const Hosts hosts_;
  const TimePoint now_;
};

std::uint32_t hash_of(const std::string& id) {
  std::uint32_t hash = 2166136261U;
  for (const char c : id)
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

/// One window that covers two.
void cover(const SeenId& earlier, SeenId& later) {
  later.seen.first = std::min(earlier.seen.first, later.seen.first);
  later.ttl = std::max(earlier.ttl, later.ttl);
  later.sighted = earlier.sighted;
  later.absent = earlier.absent;
}

}  // namespace

void note_digest(Policy& policy) {
  if (policy.mx_digest.empty() && octets_of(policy.mx) > kPatternOctets)
    policy.mx_digest = digest_of(policy.mx);
}

void bound_policies(Past& past, const Case& c) { PolicyBounds(past, c).apply(); }

void bound_ids(Past& past) {
  auto& ids = past.ids;
  while (ids.size() > kWindows) {
    // Two windows of one id first: the closest in the order of time.
    std::map<std::string_view, std::size_t> last;
    std::optional<std::pair<std::size_t, std::size_t>> same;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto [known, fresh] = last.try_emplace(ids[i].id, i);
      if (!fresh && (!same || i - known->second < same->second - same->first)) same = {known->second, i};
      known->second = i;
    }
    if (!same) {
      // Never forgotten early: the oldest window becomes part of the next one.
      past.forgotten_ids.push_back(hash_of(ids[0].id));
      same = {0, 1};
    }
    cover(ids[same->first], ids[same->second]);
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(same->first));
  }
  auto& forgotten = past.forgotten_ids;
  if (forgotten.size() > kForgottenIds)
    forgotten.erase(forgotten.begin(), forgotten.end() - static_cast<std::ptrdiff_t>(kForgottenIds));
}

bool is_forgotten(const Past& past, const std::string& id) {
  return std::ranges::find(past.forgotten_ids, hash_of(id)) != past.forgotten_ids.end();
}

void bound_changes(std::vector<Change>& changes) {
  std::size_t octets = 0, kept = 0;
  for (auto it = changes.rbegin(); it != changes.rend() && kept < kChanges; ++it, ++kept) {
    octets += it->from.size() + it->to.size() + it->subject.size();
    if (octets > kChangeOctets && kept > 0) break;
  }
  changes.erase(changes.begin(), changes.end() - static_cast<std::ptrdiff_t>(kept));
}

}  // namespace stswatch
