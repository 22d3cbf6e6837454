#include "agent/watch/schedule.h"

#include <algorithm>

namespace stswatch {

Seconds after_restart(Seconds left, Seconds interval, std::size_t domains) {
  constexpr Seconds::rep kAtOnce = 50;  // a second
  const auto all = static_cast<Seconds::rep>(domains) / kAtOnce;
  return std::max(left, Seconds{0}) * std::min(all, interval.count()) / interval.count();
}

void AddressQueue::wait_for_address(const LookSubject& subject, const Address& address, SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  if (const auto place = waits_at_.find(subject); place != waits_at_.end()) {
    if (place->second == address) return;
    remove(place);
  }
  waits_at_.emplace(subject, address);
  queues_[address].push_back({subject, now});
}

void AddressQueue::forget(const LookSubject& subject) {
  const std::lock_guard lock(mutex_);
  if (const auto place = waits_at_.find(subject); place != waits_at_.end()) remove(place);
}

void AddressQueue::remove(std::map<LookSubject, Address>::iterator place) {
  const auto queue = queues_.find(place->second);
  std::erase_if(queue->second, [&](const Waiting& w) { return w.subject == place->first; });
  if (queue->second.empty()) queues_.erase(queue);
  waits_at_.erase(place);
}

std::vector<LookSubject> AddressQueue::leave(const Address& address, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<LookSubject> out;
  const auto it = queues_.find(address);
  if (it == queues_.end()) return out;
  auto& queue = it->second;
  while (out.size() < most && !queue.empty()) {
    waits_at_.erase(queue.front().subject);
    out.push_back(std::move(queue.front().subject));
    queue.pop_front();
  }
  if (queue.empty()) queues_.erase(it);
  return out;
}

Seconds AddressQueue::longest(Kind kind, SteadyPoint now) const {
  const std::lock_guard lock(mutex_);
  Seconds most{0};
  for (const auto& [_, queue] : queues_) {
    const auto first = std::ranges::find(queue, kind, [](const Waiting& w) { return w.subject.kind; });
    if (first != queue.end()) most = std::max(most, now - first->since);
  }
  return most;
}

std::vector<std::string> MxUsers::set(const std::string& domain, const Names& hosts) {
  std::vector<std::string> unused;
  for (const auto& host : hosts)
    domains_[host].insert(domain);
  for (const auto& host : hosts_of(domain)) {
    if (hosts.contains(host)) continue;
    auto& users = domains_.at(host);
    users.erase(domain);
    if (!users.empty()) continue;
    domains_.erase(host);
    unused.push_back(host);
  }
  if (hosts.empty())
    hosts_.erase(domain);
  else
    hosts_[domain] = hosts;
  return unused;
}

const MxUsers::Names& MxUsers::of(const std::map<std::string, Names>& all, const std::string& key) {
  static const Names none;
  const auto it = all.find(key);
  return it == all.end() ? none : it->second;
}

void Schedule::add(const LookSubject& subject, SteadyPoint due) {
  const auto [it, fresh] = entries_.emplace(subject, Entry{});
  auto& entry = it->second;
  if (!fresh && !entry.gone) return;
  ++counts_[index(subject.kind)];
  if (!fresh) {
    entry.gone = false;
    entry.hurried = true;
    return;
  }
  entry.due = due;
  queue(subject, entry).emplace(due, subject);
}

void Schedule::remove(const LookSubject& subject) {
  const auto it = entries_.find(subject);
  if (it == entries_.end() || it->second.gone) return;
  --counts_[index(subject.kind)];
  if (it->second.taken) {
    it->second.gone = true;
    return;
  }
  slow_ -= it->second.slow;
  queue(subject, it->second).erase({it->second.due, subject});
  entries_.erase(it);
}

bool Schedule::has(const LookSubject& subject) const {
  const auto it = entries_.find(subject);
  return it != entries_.end() && !it->second.gone;
}

bool Schedule::is_slow(const LookSubject& subject) const {
  const auto it = entries_.find(subject);
  return it != entries_.end() && it->second.slow;
}

bool Schedule::was_looked_at(const LookSubject& subject) const {
  const auto it = entries_.find(subject);
  return it != entries_.end() && it->second.looked;
}

const Schedule::Queue* Schedule::first_due(Room room) const {
  const Queue* best = nullptr;
  for (const Kind kind : {Kind::domain, Kind::mx, Kind::vantage}) {
    if (kind == Kind::mx && !room.mx) continue;
    for (const bool slow : {false, true}) {
      const Queue& q = queues_[index(kind)][slow];
      if (q.empty() || (slow && !room.slow)) continue;
      if (best == nullptr || q.begin()->first < best->begin()->first) best = &q;
    }
  }
  return best;
}

std::optional<LookSubject> Schedule::take(SteadyPoint now, Room room) {
  const auto is_due = [&](const Queue& q) { return !q.empty() && q.begin()->first <= now; };
  const auto quick = [&](Kind kind) -> const Queue& { return queues_[index(kind)][0]; };
  const Queue* first = first_due(room);
  if (const auto& domains = quick(Kind::domain); is_due(domains) && now - domains.begin()->first > kBehind) {
    if (room.mx && room.mx_first && is_due(quick(Kind::mx))) first = &quick(Kind::mx);
    if (is_due(quick(Kind::vantage))) first = &quick(Kind::vantage);
  }
  if (first == nullptr || !is_due(*first)) return std::nullopt;
  const LookSubject subject = first->begin()->second;
  auto& entry = entries_.at(subject);
  queue(subject, entry).erase({entry.due, subject});
  entry.taken = true;
  return subject;
}

void Schedule::done(const LookSubject& subject, SteadyPoint now, Seconds interval, SteadyPoint slow_until) {
  const auto it = entries_.find(subject);
  if (it == entries_.end() || !it->second.taken) return;
  slow_ -= it->second.slow;
  if (it->second.gone) {
    entries_.erase(it);
    return;
  }
  const auto tenth = interval.count() / 10;
  const Seconds spread{std::uniform_int_distribution<std::int64_t>(-tenth, tenth)(random_)};
  const auto until = std::max(it->second.slow_until, slow_until);
  it->second = {.due = it->second.hurried ? now : now + interval + spread,
                .looked = true,
                .slow = now < until,
                .slow_until = until};
  slow_ += it->second.slow;
  queue(subject, it->second).emplace(it->second.due, subject);
}

void Schedule::hurry(const LookSubject& subject, SteadyPoint now) {
  const auto it = entries_.find(subject);
  if (it == entries_.end()) return;
  if (it->second.taken) {
    it->second.hurried = true;
    return;
  }
  auto& q = queue(subject, it->second);
  q.erase({it->second.due, subject});
  it->second.due = std::min(it->second.due, now);
  q.emplace(it->second.due, subject);
}

void Schedule::shorten(Kind kind, SteadyPoint now, Seconds interval) {
  std::uniform_int_distribution<std::int64_t> within(0, interval.count());
  const auto latest = now + interval + interval / 10;
  for (auto& q : queues_[index(kind)]) {
    while (!q.empty() && q.rbegin()->first > latest) {
      const auto last = std::prev(q.end());
      const LookSubject subject = last->second;
      q.erase(last);
      entries_.at(subject).due = now + Seconds{within(random_)};
      q.emplace(entries_.at(subject).due, subject);
    }
  }
}

std::optional<SteadyPoint> Schedule::next_due(Room room) const {
  const Queue* first = first_due(room);
  return first == nullptr ? std::nullopt : std::optional(first->begin()->first);
}

Seconds Schedule::late(Kind kind, SteadyPoint now) const {
  Seconds most{0};
  for (const auto& q : queues_[index(kind)])
    if (!q.empty()) most = std::max(most, now - q.begin()->first);
  return most;
}

}  // namespace stswatch
