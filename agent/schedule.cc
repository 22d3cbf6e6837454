#include "agent/schedule.h"

#include <algorithm>

namespace stswatch {

void Schedule::add(const Subject& subject, TimePoint due) {
  if (entries_.emplace(subject, Entry{due, false, false}).second) queue(subject.kind).emplace(due, subject);
}

void Schedule::remove(const Subject& subject) {
  const auto it = entries_.find(subject);
  if (it == entries_.end()) return;
  if (!it->second.taken) queue(subject.kind).erase({it->second.due, subject});
  entries_.erase(it);
}

std::optional<Subject> Schedule::take(TimePoint now, bool mx_allowed) {
  Queue* best = nullptr;
  for (auto* q : {&domains_, &mx_}) {
    if ((q == &mx_ && !mx_allowed) || q->empty() || q->begin()->first > now) continue;
    if (best == nullptr || q->begin()->first < best->begin()->first) best = q;
  }
  if (best == nullptr) return std::nullopt;
  Subject subject = best->begin()->second;
  best->erase(best->begin());
  entries_.at(subject).taken = true;
  return subject;
}

void Schedule::done(const Subject& subject, TimePoint now, Seconds interval) {
  const auto it = entries_.find(subject);
  if (it == entries_.end() || !it->second.taken) return;
  const auto tenth = interval.count() / 10;
  const Seconds spread{std::uniform_int_distribution<std::int64_t>(-tenth, tenth)(random_)};
  it->second = {it->second.hurried ? now : now + interval + spread, false, false};
  queue(subject.kind).emplace(it->second.due, subject);
}

void Schedule::hurry(const Subject& subject, TimePoint now) {
  const auto it = entries_.find(subject);
  if (it == entries_.end()) return;
  if (it->second.taken) {
    it->second.hurried = true;
    return;
  }
  queue(subject.kind).erase({it->second.due, subject});
  it->second.due = std::min(it->second.due, now);
  queue(subject.kind).emplace(it->second.due, subject);
}

std::optional<TimePoint> Schedule::next_due(bool mx_allowed) const {
  std::optional<TimePoint> due;
  if (!domains_.empty()) due = domains_.begin()->first;
  if (mx_allowed && !mx_.empty() && (!due || mx_.begin()->first < *due)) due = mx_.begin()->first;
  return due;
}

Seconds Schedule::late(Kind kind, TimePoint now) const {
  const auto& q = queue(kind);
  return q.empty() ? Seconds{0} : std::max(Seconds{0}, now - q.begin()->first);
}

std::size_t Schedule::count(Kind kind) const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.first.kind == kind; }));
}

}  // namespace stswatch
