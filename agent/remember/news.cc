#include "agent/remember/news.h"

#include <algorithm>
#include <tuple>

namespace stswatch {
namespace {

constexpr std::size_t kUnwrittenLooks = 8;    // of one subject, should the disk fail for long
constexpr std::size_t kUnwrittenRows = 1000;  // changes, transitions: likewise
constexpr int kDoubtsTold = 10;               // more looks than any configuration asks for say nothing new

auto lasting(const Past& past) {
  const auto& [began, policies, ids, mx, certificates, addresses, record_cname, policy_host_cname,
               tlsrpt_valid_since, tlsrpt_was_valid, policy_ok_last, fetches, fetch_days, gates, changes,
               change_counts, sight, forgotten_ids] = past;
  return std::tie(began, addresses, record_cname, policy_host_cname, tlsrpt_valid_since, tlsrpt_was_valid,
                  gates, change_counts);
}

auto lasting(const Incident& incident) {
  const auto& [finding, opened, last_bad, closed, good_looks, bad_looks, changes] = incident;
  return std::tie(finding.code, finding.subject, finding.severity, finding.route, opened, closed, good_looks,
                  changes);
}

bool same_doubts(const Debounces& a, const Debounces& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.since == y.second.since &&
           std::min(x.second.looks, kDoubtsTold) == std::min(y.second.looks, kDoubtsTold);
  });
}

bool same_incidents(const std::vector<Incident>& a, const std::vector<Incident>& b) {
  return std::ranges::equal(a, b,
                            [](const Incident& x, const Incident& y) { return lasting(x) == lasting(y); });
}

/// Histories grow at the end and are cut at the front.
std::vector<Change> added(const std::vector<Change>* before, const std::vector<Change>& now) {
  if (before == nullptr || before->empty()) return now;
  for (auto it = now.rbegin(); it != now.rend(); ++it)
    if (*it == before->back()) return {it.base(), now.end()};
  return now;
}

bool answered(const AnswerFacts& answer) { return answer.lookup != Lookup::unknown; }

bool good(const DomainObservation& look) {
  return answered(look.sts) && answered(look.mx) && answered(look.tlsrpt) &&
         look.policy_host.lookup() != Lookup::unknown &&
         std::ranges::none_of(look.fetches, [](const PolicyFetch& f) { return f.failure.has_value(); });
}

bool good(const MxHostObservation& look) {
  return look.addresses.lookup() != Lookup::unknown &&
         std::ranges::none_of(look.probes, [](const SmtpProbe& p) { return p.failure.has_value(); });
}

/// Takes a look up under a role; it is news when it saw something else than the one kept there.
template <class Look>
bool keep(News& news, KeptLooks& kept, Role role, const std::shared_ptr<const Look>& look,
          const FactsKey& key) {
  auto& slot = kept[static_cast<std::size_t>(role)];
  const bool fresh = !slot || slot->key != key;
  slot = KeptLook{key, look->at};
  if (fresh) news.looks.push_back({role, *slot, look});
  return fresh;
}

template <class Record, class Look>
void keep_looks(News& news, KeptLooks& kept, const Record& record, const std::shared_ptr<const Look>& look) {
  const auto known = key_of(*record.known);
  bool changed = keep(news, kept, Role::known, record.known, known);
  const auto confirmed = record.confirmed == record.known ? known : key_of(*record.confirmed);
  changed = keep(news, kept, Role::confirmed, record.confirmed, confirmed) || changed;
  if (look == nullptr) return;
  const auto seen = look == record.known ? known : key_of(*look);
  keep(news, kept, Role::last, look, seen);
  keep(news, kept, good(*look) ? Role::good : Role::failed, look, seen);
  changed = changed || !news.changes.empty() || !news.transitions.empty() || (news.pieces & ~kState) != 0;
  if (changed) news.looks.push_back({Role::changed, {seen, look->at}, look});
}

unsigned when(bool different, Piece piece) { return different ? piece : 0U; }

}  // namespace

std::string_view to_string(Role role) {
  constexpr std::array<std::string_view, kSingleRoles + 1> kNames{"known", "confirmed", "last",
                                                                  "good",  "failed",    "changed"};
  return kNames[static_cast<std::size_t>(role)];
}

News news_of(const DomainMemory* before, std::shared_ptr<const DomainMemory> record,
             const std::shared_ptr<const DomainObservation>& look, std::vector<StoredTransition> transitions,
             KeptLooks& kept) {
  News news;
  const auto& past = record->past;
  const Past* was = before != nullptr ? &before->past : nullptr;
  const auto windows = when(!was || was->policies != past.policies, kPolicies) |
                       when(!was || was->ids != past.ids, kIds) | when(!was || was->mx != past.mx, kMxHosts);
  news.pieces =
      windows | when(!was || was->policy_host_certificates != past.policy_host_certificates, kCertificates) |
      when(!was || !same_incidents(before->incidents, record->incidents), kIncidents) |
      when(!was || lasting(*was) != lasting(past) || !same_doubts(before->debounces, record->debounces),
           kState);
  news.changes = added(was ? &was->changes : nullptr, past.changes);
  news.transitions = std::move(transitions);
  // What a sender may hold from now on, and what people are told of, does not wait for company.
  news.urgent = windows != 0 || !news.transitions.empty();
  keep_looks(news, kept, *record, look);
  news.record = std::move(record);
  news.kept = kept;
  return news;
}

News news_of(const MxMemory* before, std::shared_ptr<const MxMemory> record,
             const std::shared_ptr<const MxHostObservation>& look, KeptLooks& kept) {
  News news;
  const HostPast* was = before != nullptr ? before->past.get() : nullptr;
  news.pieces = when(!was || was->certificates != record->past->certificates, kCertificates) |
                when(!was || !same_doubts(before->debounces, record->debounces), kState);
  news.changes = added(was ? &was->changes : nullptr, record->past->changes);
  keep_looks(news, kept, *record, look);
  news.record = std::move(record);
  news.kept = kept;
  return news;
}

News refresh(AnyRecord record, const KeptLooks& kept) {
  News news;
  // Texts and times of incidents move with each look; the rest is on the disk already.
  news.pieces =
      kState | (std::holds_alternative<std::shared_ptr<const DomainMemory>>(record) ? kIncidents : 0U);
  news.record = std::move(record);
  news.kept = kept;
  return news;
}

News merge(News older, News newer) {
  newer.pieces |= older.pieces;
  newer.urgent = newer.urgent || older.urgent;
  const auto put_before = [](auto& first, auto& second) {
    first.insert(first.end(), std::make_move_iterator(second.begin()), std::make_move_iterator(second.end()));
    if (first.size() > kUnwrittenRows)
      first.erase(first.begin(), first.end() - static_cast<std::ptrdiff_t>(kUnwrittenRows));
    second = std::move(first);
  };
  put_before(older.changes, newer.changes);
  put_before(older.transitions, newer.transitions);
  put_before(older.looks, newer.looks);
  // Of the roles that keep one look the newest counts.
  auto& looks = newer.looks;
  for (std::size_t i = looks.size(); i-- > 0;) {
    const bool replaced = looks[i].role != Role::changed &&
                          std::any_of(looks.begin() + static_cast<std::ptrdiff_t>(i) + 1, looks.end(),
                                      [&](const NewLook& l) { return l.role == looks[i].role; });
    if (replaced) looks.erase(looks.begin() + static_cast<std::ptrdiff_t>(i));
  }
  while (looks.size() > kUnwrittenLooks)
    looks.erase(std::ranges::find(looks, Role::changed, &NewLook::role));
  return newer;
}

}  // namespace stswatch
