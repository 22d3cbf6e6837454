#include "agent/remember/store_backend.h"

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
                  gates, change_counts, forgotten_ids);
}

auto lasting(const Incident& incident) {
  const auto& [finding, opened, last_bad, closed, good_looks, bad_looks, changes, good_since, held_since,
               eased, swung] = incident;
  return std::tie(finding.code, finding.subject, finding.severity, finding.route, opened, closed, good_looks,
                  changes, held_since, eased);
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

/// Takes a look up under a role; it is written when it saw something else than the one kept there.
template <class Look>
bool keep(PendingWrite& write, KeptLooks& kept, Role role, const std::shared_ptr<const Look>& look,
          const FactsHash& hash) {
  auto& slot = kept[static_cast<std::size_t>(role)];
  const bool fresh = !slot || slot->hash != hash;
  const bool set_back = slot && look->at < slot->at;  // what was seen is dated anew, by a clock set right
  slot = KeptLook{hash, look->at};
  if (fresh || set_back) write.looks.push_back({role, *slot, look});
  if (set_back) write.sections |= kMoments;
  return fresh;
}

/// A look that asked for names only is kept with the policy as it was last fetched: whole, and no news while
/// nothing has changed.
std::shared_ptr<const DomainObservation> whole(const std::shared_ptr<const DomainObservation>& look,
                                               const DomainObservation& known) {
  if (look == nullptr || !look->fetches.empty() || known.fetches.empty()) return look;
  if (look->policy_host.all() != known.policy_host.all()) return look;
  auto out = std::make_shared<DomainObservation>(*look);
  out->fetches = known.fetches;
  for (auto& fetch : out->fetches)
    fetch.repeated = false;  // as the look saw it that asked for the policy
  return out;
}

template <class Record, class Look>
void keep_looks(PendingWrite& write, KeptLooks& kept, const Record& record,
                const std::shared_ptr<const Look>& look, const Record* before) {
  // Judged again, as all are at a start: what is known is what is kept, and need not be hashed.
  const auto& slot = kept[static_cast<std::size_t>(Role::known)];
  const bool kept_as_it_is = before != nullptr && before->known == record.known && slot;
  const auto known = kept_as_it_is ? slot->hash : hash_of(*record.known);
  bool changed = keep(write, kept, Role::known, record.known, known);
  const auto confirmed = record.confirmed == record.known ? known : hash_of(*record.confirmed);
  changed = keep(write, kept, Role::confirmed, record.confirmed, confirmed) || changed;
  if (look == nullptr) return;
  const auto seen = look == record.known || *look == *record.known ? known : hash_of(*look);
  keep(write, kept, Role::last, look, seen);
  keep(write, kept, good(*look) ? Role::good : Role::failed, look, seen);
  changed = changed || !write.changes.empty() || !write.transitions.empty() ||
            (write.sections & ~(kState | kMoments)) != 0;
  if (changed) write.looks.push_back({Role::changed, {seen, look->at}, look});
}

unsigned when(bool different, unsigned sections) { return different ? sections : 0U; }

}  // namespace

std::string_view to_string(Role role) {
  constexpr std::array<std::string_view, kSingleRoles + 1> kNames{"known", "confirmed", "last",
                                                                  "good",  "failed",    "changed"};
  return kNames[static_cast<std::size_t>(role)];
}

PendingWrite pending_write_of(const DomainMemory* before, std::shared_ptr<const DomainMemory> record,
                              const std::shared_ptr<const DomainObservation>& look,
                              std::vector<StoredTransition> transitions, KeptLooks& kept) {
  PendingWrite write;
  const auto& past = record->past;
  const Past* was = before != nullptr ? &before->past : nullptr;
  const auto windows = when(!was || was->policies != past.policies, kPolicies) |
                       when(!was || was->ids != past.ids, kIds) | when(!was || was->mx != past.mx, kMxHosts);
  write.sections =
      windows | when(!was || was->policy_host_certificates != past.policy_host_certificates, kCertificates) |
      when(!was || !same_incidents(before->incidents, record->incidents), kIncidents) |
      when(!was || lasting(*was) != lasting(past) || !same_doubts(before->debounces, record->debounces),
           kState) |
      when(!was || (windows & (kPolicies | kIds)) != 0, kMoments);  // what was seen of these goes with them
  write.changes = added(was ? &was->changes : nullptr, past.changes);
  write.transitions = std::move(transitions);
  // What a sender may hold from now on, and what people are told of, does not wait for company.
  write.urgent = windows != 0 || !write.transitions.empty();
  keep_looks(write, kept, *record, whole(look, *record->known), before);
  write.record = std::move(record);
  write.kept = kept;
  return write;
}

PendingWrite pending_write_of(const MxMemory* before, std::shared_ptr<const MxMemory> record,
                              const std::shared_ptr<const MxHostObservation>& look, KeptLooks& kept) {
  PendingWrite write;
  const HostPast* was = before != nullptr ? before->past.get() : nullptr;
  const bool doubted = !was || !same_doubts(before->debounces, record->debounces);
  // The attempts tell a pool, and where it answers now so, now so, doubts come and go.
  const bool rolled = !was || was->tlsa.records != record->past->tlsa.records;
  write.sections = when(!was || was->certificates != record->past->certificates, kCertificates) |
                   when(doubted, kState | kMoments) | when(rolled, kState);
  write.changes = added(was ? &was->changes : nullptr, record->past->changes);
  keep_looks(write, kept, *record, look, before);
  write.record = std::move(record);
  write.kept = kept;
  return write;
}

PendingWrite refresh(AnyRecord record, const KeptLooks& kept) {
  PendingWrite write;
  write.sections = kMoments;
  // Texts and times of open findings move with each look; the rest is on the disk already.
  if (const auto* domain = std::get_if<std::shared_ptr<const DomainMemory>>(&record))
    write.sections |= when(!(*domain)->incidents.empty(), kIncidents);
  write.record = std::move(record);
  write.kept = kept;
  return write;
}

PendingWrite merge(PendingWrite older, PendingWrite newer) {
  newer.sections |= older.sections;
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

// --- The queue

namespace {

using namespace std::chrono_literals;

constexpr auto kGather = 1s;           // what a crash may cost of what is not urgent
constexpr std::size_t kEnough = 1000;  // subjects that are worth a transaction by themselves

}  // namespace

void WriteQueue::note(Steady now, bool urgent) {
  if (!since_) since_ = now;
  urgent_ = urgent_ || urgent;
}

void WriteQueue::add(PendingWrite write, Steady now) {
  note(now, write.urgent);
  const auto subject = write.subject;
  const auto it = writes_.find(subject);
  if (it == writes_.end())
    writes_.emplace(subject, std::move(write));
  else
    it->second = merge(std::move(it->second), std::move(write));
}

void WriteQueue::add(std::vector<KeyValueEdit> edits, Steady now) {
  note(now, true);
  for (auto& edit : edits)
    edits_.insert_or_assign({edit.table, edit.key}, std::move(edit));
}

void WriteQueue::drop(std::int64_t subject, Steady now) {
  note(now, false);
  writes_.erase(subject);
  dropped_.insert(subject);
}

std::optional<WriteQueue::Steady> WriteQueue::due() const {
  if (!since_) return std::nullopt;
  return urgent_ || writes_.size() >= kEnough ? *since_ : *since_ + kGather;
}

Batch WriteQueue::take() {
  Batch out;
  out.urgent = urgent_;
  out.dropped.assign(dropped_.begin(), dropped_.end());
  for (auto& [_, write] : writes_)
    out.writes.push_back(std::move(write));
  for (auto& [_, edit] : edits_)
    out.edits.push_back(std::move(edit));
  *this = {};
  return out;
}

void WriteQueue::put_back(Batch batch, Steady now) {
  note(now, batch.urgent);
  dropped_.insert(batch.dropped.begin(), batch.dropped.end());
  for (auto& write : batch.writes) {
    const auto subject = write.subject;
    if (dropped_.contains(subject)) continue;
    const auto it = writes_.find(subject);
    if (it == writes_.end())
      writes_.emplace(subject, std::move(write));
    else
      it->second = merge(std::move(write), std::move(it->second));
  }
  for (auto& edit : batch.edits)
    edits_.emplace(std::pair{edit.table, edit.key}, std::move(edit));
}

std::vector<KeyValueEdit> WriteQueue::edits_of(const std::string& table) const {
  std::vector<KeyValueEdit> out;
  for (auto it = edits_.lower_bound({table, ""}); it != edits_.end() && it->first.first == table; ++it)
    out.push_back(it->second);
  return out;
}

void WriteQueue::drop_if(const std::function<bool(const PendingWrite&)>& write,
                         const std::function<bool(const KeyValueEdit&)>& edit) {
  std::erase_if(writes_, [&](const auto& entry) { return write(entry.second); });
  std::erase_if(edits_, [&](const auto& entry) { return edit(entry.second); });
}

}  // namespace stswatch
