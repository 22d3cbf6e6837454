#include "agent/parking.h"

namespace stswatch {

void Parking::park(const Subject& subject, const Address& address) {
  const std::lock_guard lock(mutex_);
  auto& queue = queues_[address];
  if (queue.there.insert(subject).second) queue.order.push_back(subject);
}

std::vector<Subject> Parking::leave(const Address& address, std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<Subject> out;
  const auto it = queues_.find(address);
  if (it == queues_.end()) return out;
  auto& queue = it->second;
  while (out.size() < most && !queue.order.empty()) {
    queue.there.erase(queue.order.front());
    out.push_back(std::move(queue.order.front()));
    queue.order.pop_front();
  }
  if (queue.order.empty()) queues_.erase(it);
  return out;
}

}  // namespace stswatch
