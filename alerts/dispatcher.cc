#include "alerts/dispatcher.h"

#include <algorithm>

#include "alerts/decide.h"

namespace stswatch {
namespace {

constexpr int kRefusedFirst =
    6;                         // of back_off(): what a receiver will not have is offered again after minutes
constexpr Seconds kRest{10};   // reminders and silences may be so much late
constexpr Seconds kGlance{2};  // as is what another agent has seen

using Complain = std::function<void(const std::string&)>;

template <class T, class Read, class Keep>
void load(const KeyValueStore& key_values, const char* table, Read read, Keep keep,
          const Complain& complain) {
  for (const auto& [key, text] : key_values.all(table)) {
    auto row = read(text);
    if (row)
      keep(key, std::move(*row));
    else
      complain(std::string(table) + " " + key + ": " + row.error());
  }
}

/// What the receiver knows once this has arrived.
LastNotified told_by(const PendingNotice& pending, const LastNotified* before) {
  const bool reminder = pending.notice.kind == NoticeKind::reminder;
  LastNotified out{pending.notice, pending.codes, reminder && before != nullptr ? before->reminders + 1 : 0};
  if (before != nullptr)
    out.notice.handle = before->notice.handle;  // the same message, until it is known better
  return out;
}

/// What the problem is once this has arrived.
void learn(Problem& problem, const PendingNotice& pending) {
  const auto it = problem.last_notified.find(pending.receiver);
  const LastNotified* before = it == problem.last_notified.end() ? nullptr : &it->second;
  if (pending.notice.kind != NoticeKind::resolved) {
    problem.last_notified[pending.receiver] = told_by(pending, before);
    problem.changes.erase(pending.receiver);
    return;
  }
  if (before == nullptr) return;
  for (const auto& code : before->codes)
    if (is_change(code)) problem.changes[pending.receiver].insert(code);
  problem.last_notified.erase(it);
}

bool same_news(const PendingNotice& pending, const Decision& decision, const GroupState& group_state) {
  if (pending.notice.kind != decision.kind) return false;
  if (decision.kind == NoticeKind::resolved) return true;
  return pending.notice.route == group_state.route && pending.notice.severity == group_state.severity &&
         pending.codes == codes_of(group_state);
}

}  // namespace

Dispatcher::Dispatcher(KeyValueStore& key_values, const std::function<void(const std::string&)>& complain)
    : key_values_(key_values) {
  read_again(complain);
}

void Dispatcher::read_again(const Complain& complain) {
  const std::lock_guard lock(mutex_);
  problems_.clear();
  pending_.clear();
  silences_.clear();
  edits_.clear();
  dirty_ = true;
  load<Problem>(
      key_values_, kTopicTable, topic_from_row,
      [&](const auto&, Problem t) { problems_[t.id] = std::move(t); }, complain);
  load<PendingNotice>(
      key_values_, kOwedTable, owed_from_row,
      [&](const auto&, PendingNotice o) {
        if (problems_.contains(o.problem)) pending_[{o.receiver, o.problem}].pending = std::move(o);
      },
      complain);
  load<Silence>(
      key_values_, kSilenceTable, silence_from_row,
      [&](const auto& id, Silence s) { silences_[id] = std::move(s); }, complain);
}

void Dispatcher::adopt(DispatchRules rules) {
  const std::lock_guard lock(mutex_);
  for (const auto& domain : rules.watched)
    if (!rules_.watched.contains(domain)) unseen_.insert(domain);
  std::erase_if(unseen_, [&](const auto& domain) { return !rules.watched.contains(domain); });
  rules_ = std::move(rules);
  std::set<std::string> names;
  for (const auto& r : rules_.receivers)
    names.insert(r.name);
  for (auto& [id, problem] : problems_) {
    const auto gone = [&](const auto& entry) { return !names.contains(entry.first); };
    if (std::erase_if(problem.last_notified, gone) + std::erase_if(problem.changes, gone) +
            std::erase_if(problem.notices, gone) >
        0)
      note(problem);
  }
  for (auto it = pending_.begin(); it != pending_.end();) {
    const bool keep = names.contains(it->first.first) || it->second.in_flight;
    if (!keep) edits_.push_back({kOwedTable, it->second.pending.id(), std::nullopt});
    it = keep ? std::next(it) : pending_.erase(it);
  }
  dirty_ = true;
  write();
}

void Dispatcher::on_update(std::shared_ptr<const DomainMemory> record) {
  const std::lock_guard lock(inbox_mutex_);
  auto& slot = inbox_[record->known->domain.str()];
  slot = std::move(record);
}

void Dispatcher::redate(TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto ahead = [&](TimePoint& t) { return t > now ? (t = now, true) : false; };
  for (auto& [_, problem] : problems_) {
    bool moved = ahead(problem.since);
    if (problem.acknowledged) moved |= ahead(*problem.acknowledged);
    for (auto& [receiver, last] : problem.last_notified) {
      moved |= ahead(last.notice.at);
      moved |= ahead(last.notice.since);
    }
    if (moved) note(problem);
  }
  for (auto& [_, out] : pending_) {
    ahead(out.not_before);
    bool moved = ahead(out.pending.notice.at);
    moved |= ahead(out.pending.notice.since);
    if (moved && !out.in_flight) note(out.pending);
  }
  next_ = std::min(next_, now);
  dirty_ = true;
  write();
}

void Dispatcher::take_in(TimePoint now) {
  std::unordered_map<std::string, std::shared_ptr<const DomainMemory>> inbox;
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox.swap(inbox_);
  }
  if (std::erase_if(items_, [&](const auto& entry) { return !rules_.watched.contains(entry.first); }) > 0)
    dirty_ = true;
  for (auto& [domain, record] : inbox) {
    if (!rules_.watched.contains(domain)) continue;
    unseen_.erase(domain);
    auto items = items_of(std::move(record), {}, now);
    if (items.empty() && !items_.contains(domain)) continue;
    dirty_ = true;
    if (items.empty())
      items_.erase(domain);
    else
      items_[domain] = std::move(items);
  }
}

TimePoint Dispatcher::turn(TimePoint now) {
  const std::lock_guard lock(mutex_);
  take_in(now);
  if (dirty_ || now >= next_) decide_all(now);
  write();
  return next_;
}

void Dispatcher::decide_all(TimePoint now) {
  dirty_ = false;
  next_ = now + kRest;
  std::vector<Silence> silences = rules_.silences;
  for (const auto& [_, s] : silences_)
    silences.push_back(s);
  std::vector<const OpenFinding*> items;
  for (auto& [domain, its] : items_) {
    for (OpenFinding& item : its) {
      item.silenced = std::ranges::any_of(
          silences, [&](const Silence& s) { return covers(s, domain, item.finding(), now); });
      if (rules_.around.seen_from && item.finding().route == Route::page)
        item.seen = rules_.around.seen_from(domain, *item.incident, now);
      items.push_back(&item);
    }
  }
  for (AlertGroup& group : gather(items, problems_)) {
    if (!group.is_new && group.items.empty() && waits_for_a_look(group.problem)) continue;
    Problem candidate = group.problem;
    if (group.is_new) candidate.id = problem_id(candidate, now);
    Problem& problem = group.is_new ? candidate : problems_.at(group.problem.id);
    for (const auto& receiver : rules_.receivers)
      decide_for(receiver, problem, group, now);
    if (group.is_new && !problem.notices.empty()) {
      note(problem);
      problems_.emplace(problem.id, std::move(problem));
    }
  }
  forget_what_is_over();
}

/// After a restart without memory nothing is known of its domains: neither that it is over.
bool Dispatcher::waits_for_a_look(const Problem& problem) const {
  if (unseen_.empty()) return false;
  const auto unseen = [&](const Notice& notice) {
    return std::ranges::any_of(notice.domains, [&](const auto& d) { return unseen_.contains(d); });
  };
  return std::ranges::any_of(problem.last_notified, [&](const auto& s) { return unseen(s.second.notice); }) ||
         std::ranges::any_of(pending_, [&](const auto& o) {
           return o.first.second == problem.id && unseen(o.second.pending.notice);
         });
}

const LastNotified* Dispatcher::last_notified(const Problem& problem, const std::string& receiver) const {
  const auto it = problem.last_notified.find(receiver);
  return it == problem.last_notified.end() ? nullptr : &it->second;
}

void Dispatcher::decide_for(const ReceiverRules& receiver, Problem& problem, const AlertGroup& group,
                            TimePoint now) {
  const auto it = pending_.find({receiver.name, problem.id});
  if (it != pending_.end() && it->second.in_flight) return;
  const auto& rules = receiver.rules;
  const auto decided = [&](const Problem& by) {
    const LastNotified* known = last_notified(by, receiver.name);
    const auto changes = by.changes.find(receiver.name);
    const std::set<std::string> no_news = known != nullptr              ? known->codes
                                          : changes != by.changes.end() ? changes->second
                                                                        : std::set<std::string>{};
    const GroupState group_state = stand(group, no_news, rules);
    return std::pair(group_state, decide(group_state, known, problem.acknowledged.has_value(), now, rules));
  };
  if (it != pending_.end() && it->second.pending.attempted) {
    // It may have arrived. It stays owed as it is, unless there is other news: that builds on it.
    Problem after = problem;
    learn(after, it->second.pending);
    const auto [group_state, decision] = decided(after);
    if (!decision || decision->kind == NoticeKind::reminder) return;
    problem = std::move(after);
    note(problem);
    pending_.erase(it);
    return enqueue(receiver, problem, group_state, *decision, now);
  }
  const LastNotified* known = last_notified(problem, receiver.name);
  const auto [group_state, decision] = decided(problem);
  if (group_state.news && *group_state.news + rules.group_wait > now)
    next_ = std::min(next_, *group_state.news + rules.group_wait);
  if (group_state.awaited) next_ = std::min(next_, now + kGlance);
  if (decision) {
    if (it == pending_.end() || !same_news(it->second.pending, *decision, group_state))
      enqueue(receiver, problem, group_state, *decision, now);
    return;
  }
  if (it != pending_.end()) {
    edits_.push_back({kOwedTable, it->second.pending.id(), std::nullopt});
    pending_.erase(it);
  }
  if (known != nullptr && ends_silently(group_state, *known, rules))
    problem.last_notified.erase(receiver.name);
  else if (known != nullptr || group_state.any || problem.changes.erase(receiver.name) == 0)
    return;
  note(problem);
}

void Dispatcher::enqueue(const ReceiverRules& receiver, Problem& problem, const GroupState& group_state,
                         const Decision& decision, TimePoint now) {
  ComposeContext around = rules_.around;
  around.now = now;
  PendingNotice pending{receiver.name, problem.id, {}, codes_of(group_state)};
  const LastNotified* known = last_notified(problem, receiver.name);
  pending.notice = decision.kind == NoticeKind::resolved ? compose_resolved(*known, around)
                                                         : compose(group_state, decision.kind, around);
  continue_alert(known != nullptr ? &known->notice : nullptr, pending.notice);
  if (decision.kind == NoticeKind::reminder) pending.notice.title = known->notice.title;
  auto& slot = pending_[{receiver.name, problem.id}];
  // What has never left keeps its number.
  pending.notice.key = slot.pending.notice.key;
  if (pending.notice.key.empty())
    pending.notice.key = problem.id + '.' + std::to_string(++problem.notices[receiver.name]);
  if (!slot.pending.notice.key.empty()) pending.notice.at = slot.pending.notice.at;
  if (decision.kind == NoticeKind::worse && problem.acknowledged) problem.acknowledged.reset();
  slot.pending = std::move(pending);
  note(slot.pending);
  note(problem);
}

std::optional<OutgoingNotice> Dispatcher::take(const std::string& receiver, TimePoint now) {
  const std::lock_guard lock(mutex_);
  take_in(now);
  if (dirty_) decide_all(now);  // the check right before a notice is sent
  Out* best = nullptr;
  for (auto it = pending_.lower_bound({receiver, ""}); it != pending_.end() && it->first.first == receiver;
       ++it) {
    Out& out = it->second;
    if (out.in_flight || now < out.not_before) continue;
    const auto rank = [](const Out& o) {
      return std::pair(o.pending.notice.route, -o.pending.notice.at.time_since_epoch());
    };
    if (best == nullptr || rank(out) > rank(*best)) best = &out;
  }
  if (best == nullptr) {
    write();
    return std::nullopt;
  }
  best->in_flight = true;
  OutgoingNotice parcel{best->pending, std::nullopt};
  if (const LastNotified* known = last_notified(problems_.at(best->pending.problem), receiver))
    parcel.before = known->notice;
  best->pending.attempted = true;
  note(best->pending);
  write();
  return parcel;
}

void Dispatcher::settle(const PendingNotice& pending, SendResult::Kind kind, TimePoint now,
                        const std::string& handle) {
  const std::lock_guard lock(mutex_);
  const auto it = pending_.find({pending.receiver, pending.problem});
  if (it == pending_.end()) return;
  it->second.in_flight = false;
  dirty_ = true;
  if (kind == SendResult::Kind::sent) {
    count_as_told(it->second.pending, now, handle);
    edits_.push_back({kOwedTable, pending.id(), std::nullopt});
    pending_.erase(it);
    forget_what_is_over();
  } else {
    // What was in doubt before stays so.
    it->second.pending.attempted = pending.attempted || kind == SendResult::Kind::doubtful;
    if (kind == SendResult::Kind::refused)
      it->second.not_before = now + back_off(kRefusedFirst + it->second.refusals++, std::nullopt, 0.5);
    note(it->second.pending);
  }
  write();
}

void Dispatcher::count_as_told(const PendingNotice& pending, TimePoint now, const std::string& handle) {
  const auto it = problems_.find(pending.problem);
  if (it == problems_.end()) return;
  Problem& problem = it->second;
  learn(problem, pending);
  if (const auto told = problem.last_notified.find(pending.receiver); told != problem.last_notified.end()) {
    told->second.notice.at = now;  // reminders count from when it arrived
    if (!handle.empty()) told->second.notice.handle = handle;
  }
  note(problem);
}

void Dispatcher::forget_what_is_over() {
  std::set<std::string> owing;
  for (const auto& [key, _] : pending_)
    owing.insert(key.second);
  for (auto it = problems_.begin(); it != problems_.end();) {
    if (!it->second.last_notified.empty() || !it->second.changes.empty() || owing.contains(it->first)) {
      ++it;
      continue;
    }
    edits_.push_back({kTopicTable, it->first, std::nullopt});
    it = problems_.erase(it);
  }
}

void Dispatcher::note(const Problem& problem) {
  edits_.push_back({kTopicTable, problem.id, to_row(problem)});
}

void Dispatcher::note(const PendingNotice& pending) {
  edits_.push_back({kOwedTable, pending.id(), to_row(pending)});
}

void Dispatcher::write() {
  if (edits_.empty()) return;
  key_values_.apply(std::move(edits_));
  edits_.clear();
}

}  // namespace stswatch
