#include "alerts/desk.h"

#include <algorithm>

#include "alerts/rows.h"

namespace stswatch {
namespace {

constexpr int kRefusedFirst =
    6;                        // of back_off(): what a receiver will not have is offered again after minutes
constexpr Seconds kRest{10};  // reminders and silences may be so much late

using Complain = std::function<void(const std::string&)>;

template <class T, class Read, class Keep>
void load(const Journal& journal, const char* table, Read read, Keep keep, const Complain& complain) {
  for (const auto& [key, text] : journal.all(table)) {
    auto row = read(text);
    if (row)
      keep(key, std::move(*row));
    else
      complain(std::string(table) + " " + key + ": " + row.error());
  }
}

/// What the receiver knows once this has arrived.
Said told_by(const Owed& owed, const Said* before) {
  const bool reminder = owed.notice.kind == NoticeKind::reminder;
  return {owed.notice, owed.codes, reminder && before != nullptr ? before->reminders + 1 : 0};
}

/// What the topic is once this has arrived.
void learn(Topic& topic, const Owed& owed) {
  const auto it = topic.said.find(owed.receiver);
  const Said* before = it == topic.said.end() ? nullptr : &it->second;
  if (owed.notice.kind != NoticeKind::resolved) {
    topic.said[owed.receiver] = told_by(owed, before);
    topic.changes.erase(owed.receiver);
    return;
  }
  if (before == nullptr) return;
  for (const auto& code : before->codes)
    if (is_change(code)) topic.changes[owed.receiver].insert(code);
  topic.said.erase(it);
}

bool same_news(const Owed& owed, const Decision& decision, const Standing& standing) {
  if (owed.notice.kind != decision.kind) return false;
  if (decision.kind == NoticeKind::resolved) return true;
  return owed.notice.route == standing.route && owed.notice.severity == standing.severity &&
         owed.codes == codes_of(standing);
}

}  // namespace

Desk::Desk(Journal& journal, const std::function<void(const std::string&)>& complain) : journal_(journal) {
  load<Topic>(
      journal, kTopicTable, topic_from_row, [&](const auto&, Topic t) { topics_[t.id] = std::move(t); },
      complain);
  load<Owed>(
      journal, kOwedTable, owed_from_row,
      [&](const auto&, Owed o) {
        if (topics_.contains(o.topic)) owed_[{o.receiver, o.topic}].owed = std::move(o);
      },
      complain);
  load<Silence>(
      journal, kSilenceTable, silence_from_row,
      [&](const auto& id, Silence s) { silences_[id] = std::move(s); }, complain);
}

void Desk::adopt(DeskRules rules) {
  const std::lock_guard lock(mutex_);
  for (const auto& domain : rules.watched)
    if (!rules_.watched.contains(domain)) unseen_.insert(domain);
  std::erase_if(unseen_, [&](const auto& domain) { return !rules.watched.contains(domain); });
  rules_ = std::move(rules);
  std::set<std::string> names;
  for (const auto& r : rules_.receivers)
    names.insert(r.name);
  for (auto& [id, topic] : topics_) {
    const auto gone = [&](const auto& entry) { return !names.contains(entry.first); };
    if (std::erase_if(topic.said, gone) + std::erase_if(topic.changes, gone) +
            std::erase_if(topic.notices, gone) >
        0)
      note(topic);
  }
  for (auto it = owed_.begin(); it != owed_.end();) {
    const bool keep = names.contains(it->first.first) || it->second.in_flight;
    if (!keep) edits_.push_back({kOwedTable, it->second.owed.id(), std::nullopt});
    it = keep ? std::next(it) : owed_.erase(it);
  }
  stirred_ = true;
  write();
}

void Desk::heed(std::shared_ptr<const DomainMemory> record) {
  const std::lock_guard lock(inbox_mutex_);
  auto& slot = inbox_[record->known->domain.str()];
  slot = std::move(record);
}

void Desk::take_in(TimePoint now) {
  std::unordered_map<std::string, std::shared_ptr<const DomainMemory>> inbox;
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox.swap(inbox_);
  }
  if (std::erase_if(items_, [&](const auto& entry) { return !rules_.watched.contains(entry.first); }) > 0)
    stirred_ = true;
  for (auto& [domain, record] : inbox) {
    if (!rules_.watched.contains(domain)) continue;
    unseen_.erase(domain);
    auto items = items_of(std::move(record), {}, now);
    if (items.empty() && !items_.contains(domain)) continue;
    stirred_ = true;
    if (items.empty())
      items_.erase(domain);
    else
      items_[domain] = std::move(items);
  }
}

TimePoint Desk::turn(TimePoint now) {
  const std::lock_guard lock(mutex_);
  take_in(now);
  if (stirred_ || now >= next_) decide_all(now);
  write();
  return next_;
}

void Desk::decide_all(TimePoint now) {
  stirred_ = false;
  next_ = now + kRest;
  std::vector<Silence> silences = rules_.silences;
  for (const auto& [_, s] : silences_)
    silences.push_back(s);
  std::vector<const Item*> items;
  for (auto& [domain, its] : items_) {
    for (Item& item : its) {
      item.silenced = std::ranges::any_of(
          silences, [&](const Silence& s) { return covers(s, domain, item.finding(), now); });
      items.push_back(&item);
    }
  }
  for (Cluster& cluster : gather(items, topics_)) {
    if (!cluster.is_new && cluster.items.empty() && waits_for_a_look(cluster.topic)) continue;
    Topic candidate = cluster.topic;
    if (cluster.is_new) candidate.id = topic_id(candidate, now);
    Topic& topic = cluster.is_new ? candidate : topics_.at(cluster.topic.id);
    for (const auto& receiver : rules_.receivers)
      decide_for(receiver, topic, cluster, now);
    if (cluster.is_new && !topic.notices.empty()) {
      note(topic);
      topics_.emplace(topic.id, std::move(topic));
    }
  }
  forget_what_is_over();
}

/// After a restart without memory nothing is known of its domains: neither that it is over.
bool Desk::waits_for_a_look(const Topic& topic) const {
  if (unseen_.empty()) return false;
  const auto unseen = [&](const Notice& notice) {
    return std::ranges::any_of(notice.domains, [&](const auto& d) { return unseen_.contains(d); });
  };
  return std::ranges::any_of(topic.said, [&](const auto& s) { return unseen(s.second.notice); }) ||
         std::ranges::any_of(owed_, [&](const auto& o) {
           return o.first.second == topic.id && unseen(o.second.owed.notice);
         });
}

const Said* Desk::said(const Topic& topic, const std::string& receiver) const {
  const auto it = topic.said.find(receiver);
  return it == topic.said.end() ? nullptr : &it->second;
}

void Desk::decide_for(const ReceiverRules& receiver, Topic& topic, const Cluster& cluster, TimePoint now) {
  const auto it = owed_.find({receiver.name, topic.id});
  if (it != owed_.end() && it->second.in_flight) return;
  const auto& rules = receiver.rules;
  const auto decided = [&](const Topic& by) {
    const Said* known = said(by, receiver.name);
    const auto changes = by.changes.find(receiver.name);
    const std::set<std::string> no_news = known != nullptr              ? known->codes
                                          : changes != by.changes.end() ? changes->second
                                                                        : std::set<std::string>{};
    const Standing standing = stand(cluster, no_news, rules.min_severity);
    return std::pair(standing, decide(standing, known, topic.acknowledged.has_value(), now, rules));
  };
  if (it != owed_.end() && it->second.owed.attempted) {
    // It may have arrived. It stays owed as it is, unless there is other news: that builds on it.
    Topic after = topic;
    learn(after, it->second.owed);
    const auto [standing, decision] = decided(after);
    if (!decision || decision->kind == NoticeKind::reminder) return;
    topic = std::move(after);
    note(topic);
    owed_.erase(it);
    return owe(receiver, topic, standing, *decision, now);
  }
  const Said* known = said(topic, receiver.name);
  const auto [standing, decision] = decided(topic);
  if (standing.news && *standing.news + rules.group_wait > now)
    next_ = std::min(next_, *standing.news + rules.group_wait);
  if (decision) {
    if (it == owed_.end() || !same_news(it->second.owed, *decision, standing))
      owe(receiver, topic, standing, *decision, now);
    return;
  }
  if (it != owed_.end()) {
    edits_.push_back({kOwedTable, it->second.owed.id(), std::nullopt});
    owed_.erase(it);
  }
  if (known != nullptr && ends_silently(standing, *known, rules))
    topic.said.erase(receiver.name);
  else if (known != nullptr || standing.any || topic.changes.erase(receiver.name) == 0)
    return;
  note(topic);
}

void Desk::owe(const ReceiverRules& receiver, Topic& topic, const Standing& standing,
               const Decision& decision, TimePoint now) {
  Surround around = rules_.around;
  around.now = now;
  Owed owed{receiver.name, topic.id, {}, codes_of(standing)};
  const Said* known = said(topic, receiver.name);
  owed.notice = decision.kind == NoticeKind::resolved ? compose_resolved(*known, around)
                                                      : compose(standing, decision.kind, around);
  auto& slot = owed_[{receiver.name, topic.id}];
  // What has never left keeps its number.
  owed.notice.key = slot.owed.notice.key;
  if (owed.notice.key.empty())
    owed.notice.key = topic.id + '.' + std::to_string(++topic.notices[receiver.name]);
  if (!slot.owed.notice.key.empty()) owed.notice.at = slot.owed.notice.at;
  if (decision.kind == NoticeKind::worse && topic.acknowledged) topic.acknowledged.reset();
  slot.owed = std::move(owed);
  note(slot.owed);
  note(topic);
}

std::optional<Parcel> Desk::take(const std::string& receiver, TimePoint now) {
  const std::lock_guard lock(mutex_);
  take_in(now);
  if (stirred_) decide_all(now);  // the check right before a notice is sent
  Out* best = nullptr;
  for (auto it = owed_.lower_bound({receiver, ""}); it != owed_.end() && it->first.first == receiver; ++it) {
    Out& out = it->second;
    if (out.in_flight || now < out.not_before) continue;
    const auto rank = [](const Out& o) {
      return std::pair(o.owed.notice.route, -o.owed.notice.at.time_since_epoch());
    };
    if (best == nullptr || rank(out) > rank(*best)) best = &out;
  }
  if (best == nullptr) {
    write();
    return std::nullopt;
  }
  best->in_flight = true;
  Parcel parcel{best->owed, std::nullopt};
  if (const Said* known = said(topics_.at(best->owed.topic), receiver)) parcel.before = known->notice;
  best->owed.attempted = true;
  note(best->owed);
  write();
  return parcel;
}

void Desk::settle(const Owed& owed, SendResult::Kind kind, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto it = owed_.find({owed.receiver, owed.topic});
  if (it == owed_.end()) return;
  it->second.in_flight = false;
  stirred_ = true;
  if (kind == SendResult::Kind::sent) {
    count_as_told(it->second.owed, now);
    edits_.push_back({kOwedTable, owed.id(), std::nullopt});
    owed_.erase(it);
    forget_what_is_over();
  } else {
    // What was in doubt before stays so.
    it->second.owed.attempted = owed.attempted || kind == SendResult::Kind::doubtful;
    if (kind == SendResult::Kind::refused)
      it->second.not_before = now + back_off(kRefusedFirst + it->second.refusals++, std::nullopt, 0.5);
    note(it->second.owed);
  }
  write();
}

void Desk::count_as_told(const Owed& owed, TimePoint now) {
  const auto it = topics_.find(owed.topic);
  if (it == topics_.end()) return;
  Topic& topic = it->second;
  learn(topic, owed);
  if (const auto told = topic.said.find(owed.receiver); told != topic.said.end())
    told->second.notice.at = now;  // reminders count from when it arrived
  note(topic);
}

void Desk::forget_what_is_over() {
  std::set<std::string> owing;
  for (const auto& [key, _] : owed_)
    owing.insert(key.second);
  for (auto it = topics_.begin(); it != topics_.end();) {
    if (!it->second.said.empty() || !it->second.changes.empty() || owing.contains(it->first)) {
      ++it;
      continue;
    }
    edits_.push_back({kTopicTable, it->first, std::nullopt});
    it = topics_.erase(it);
  }
}

void Desk::note(const Topic& topic) { edits_.push_back({kTopicTable, topic.id, to_row(topic)}); }

void Desk::note(const Owed& owed) { edits_.push_back({kOwedTable, owed.id(), to_row(owed)}); }

void Desk::write() {
  if (edits_.empty()) return;
  journal_.apply(std::move(edits_));
  edits_.clear();
}

}  // namespace stswatch
