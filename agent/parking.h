// Subjects that wait for an address: others of ours are talking to it, and no worker shall wait in a long
// queue for that. First come, first served; a subject stands once for an address. Thread-safe.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "agent/schedule.h"
#include "checks/facts/address.h"

namespace stswatch {

class Parking {
 public:
  void park(const Subject& subject, const Address& address);
  /// At most `most` of those that wait longest for the address; they wait no more.
  std::vector<Subject> leave(const Address& address, std::size_t most);

 private:
  struct Queue {
    std::deque<Subject> order;
    std::set<Subject> there;
  };
  std::mutex mutex_;
  std::map<Address, Queue> queues_;  // guarded by mutex_
};

}  // namespace stswatch
