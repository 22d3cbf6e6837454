// What people ask of the desk: silences, acknowledgements, figures.
#include <algorithm>
#include <utility>

#include "alerts/desk.h"
#include "alerts/rows.h"

namespace stswatch {

std::string Desk::silence(const Silence& silence, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto id = new_silence_id(now, [&](const std::string& i) { return silences_.contains(i); });
  silences_[id] = silence;
  silences_edited_ = true;
  edits_.push_back({kSilenceTable, id, to_row(silence)});
  stirred_ = true;
  write();
  return id;
}

bool Desk::lift_silence(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (silences_.erase(id) == 0) return false;
  silences_edited_ = true;
  edits_.push_back({kSilenceTable, id, std::nullopt});
  stirred_ = true;
  write();
  return true;
}

bool Desk::silences_edited() {
  const std::lock_guard lock(mutex_);
  return std::exchange(silences_edited_, false);
}

void Desk::adopt_silences(const std::map<std::string, std::string>& rows) {
  std::map<std::string, Silence> silences;
  for (const auto& [id, text] : rows)
    if (auto silence = silence_from_row(text)) silences.emplace(id, std::move(*silence));
  const std::lock_guard lock(mutex_);
  if (silences_edited_ || silences == silences_) return;
  silences_ = std::move(silences);
  stirred_ = true;
}

std::map<std::string, Silence> Desk::silences() const {
  const std::lock_guard lock(mutex_);
  return silences_;
}

bool Desk::acknowledge(const std::string& domain, TimePoint now) {
  const std::lock_guard lock(mutex_);
  bool any = false;
  for (auto& [_, topic] : topics_) {
    const bool tells_of_it = std::ranges::any_of(topic.said, [&](const auto& said) {
      return std::ranges::find(said.second.notice.domains, domain) != said.second.notice.domains.end();
    });
    if (!tells_of_it) continue;
    topic.acknowledged = now;
    note(topic);
    any = true;
  }
  if (any) write();
  return any;
}

std::map<std::string, std::optional<TimePoint>> Desk::told() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::optional<TimePoint>> out;
  for (const auto& [_, topic] : topics_)
    for (const auto& [receiver, said] : topic.said)
      for (const auto& domain : said.notice.domains) {
        auto& acknowledged = out.try_emplace(domain, topic.acknowledged).first->second;
        acknowledged = acknowledged && topic.acknowledged ? std::max(acknowledged, topic.acknowledged)
                                                          : std::optional<TimePoint>();
      }
  return out;
}

std::vector<Notice> Desk::firing(const std::string& receiver) const {
  const std::lock_guard lock(mutex_);
  std::vector<Notice> out;
  for (const auto& [_, topic] : topics_)
    if (const Said* known = said(topic, receiver)) out.push_back(known->notice);
  return out;
}

std::vector<ReceiverState> Desk::state() const {
  const std::lock_guard lock(mutex_);
  std::vector<ReceiverState> out;
  for (const auto& receiver : rules_.receivers) {
    ReceiverState s{receiver.name, 0, std::nullopt};
    for (auto it = owed_.lower_bound({receiver.name, ""});
         it != owed_.end() && it->first.first == receiver.name; ++it) {
      const auto at = it->second.owed.notice.at;
      ++s.pending;
      s.oldest = std::min(s.oldest.value_or(at), at);
    }
    out.push_back(std::move(s));
  }
  return out;
}

}  // namespace stswatch
