// What people ask of the dispatcher: silences, acknowledgements, figures.

#include <algorithm>
#include <utility>

#include "alerts/decide.h"
#include "alerts/dispatcher.h"

namespace stswatch {

std::optional<std::string> Dispatcher::silence(const Silence& silence, TimePoint now) {
  const std::lock_guard lock(mutex_);
  auto id = place_of(silence, silences_, now);
  if (!id) return std::nullopt;
  if (id->empty()) id = new_silence_id(now);
  for (const auto& [old, s] : silences_)
    if (!stands(s, now)) edits_.push_back({kSilenceTable, old, std::nullopt});
  std::erase_if(silences_, [&](const auto& entry) { return !stands(entry.second, now); });
  silences_[*id] = silence;
  silences_edited_ = true;
  edits_.push_back({kSilenceTable, *id, to_row(silence)});
  dirty_ = true;
  write();
  return id;
}

bool Dispatcher::lift_silence(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (silences_.erase(id) == 0) return false;
  silences_edited_ = true;
  edits_.push_back({kSilenceTable, id, std::nullopt});
  dirty_ = true;
  write();
  return true;
}

void Dispatcher::adopt_silences(const ReadRows& read) {
  {
    const std::lock_guard lock(mutex_);
    silences_edited_ = false;
  }
  const auto rows = read();
  if (!rows) return;
  std::map<std::string, Silence> silences;
  for (const auto& [id, text] : *rows)
    if (auto silence = silence_from_row(text)) silences.emplace(id, std::move(*silence));
  const std::lock_guard lock(mutex_);
  if (silences_edited_ || silences == silences_) return;
  silences_ = std::move(silences);
  dirty_ = true;
}

std::map<std::string, Silence> Dispatcher::silences() const {
  const std::lock_guard lock(mutex_);
  return silences_;
}

bool Dispatcher::acknowledge(const std::string& domain, TimePoint now) {
  const std::lock_guard lock(mutex_);
  bool any = false;
  for (auto& [_, problem] : problems_) {
    const bool tells_of_it = std::ranges::any_of(problem.last_notified, [&](const auto& last_notified) {
      return std::ranges::find(last_notified.second.notice.domains, domain) !=
             last_notified.second.notice.domains.end();
    });
    if (!tells_of_it) continue;
    problem.acknowledged = now;
    note(problem);
    any = true;
  }
  if (any) write();
  return any;
}

std::map<std::string, std::optional<TimePoint>> Dispatcher::told() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::optional<TimePoint>> out;
  for (const auto& [_, problem] : problems_)
    for (const auto& [receiver, last_notified] : problem.last_notified)
      for (const auto& domain : last_notified.notice.domains) {
        auto& acknowledged = out.try_emplace(domain, problem.acknowledged).first->second;
        acknowledged = acknowledged && problem.acknowledged ? std::max(acknowledged, problem.acknowledged)
                                                            : std::optional<TimePoint>();
      }
  return out;
}

std::vector<Notice> Dispatcher::firing(const std::string& receiver) const {
  const std::lock_guard lock(mutex_);
  std::vector<Notice> out;
  for (const auto& [_, problem] : problems_)
    if (const LastNotified* known = last_notified(problem, receiver)) out.push_back(known->notice);
  return out;
}

std::vector<ReceiverState> Dispatcher::state() const {
  const std::lock_guard lock(mutex_);
  std::vector<ReceiverState> out;
  for (const auto& receiver : rules_.receivers) {
    ReceiverState s{receiver.name, 0, std::nullopt};
    for (auto it = pending_.lower_bound({receiver.name, ""});
         it != pending_.end() && it->first.first == receiver.name; ++it) {
      const auto at = it->second.pending.notice.at;
      ++s.pending;
      s.oldest = std::min(s.oldest.value_or(at), at);
    }
    out.push_back(std::move(s));
  }
  return out;
}

}  // namespace stswatch
