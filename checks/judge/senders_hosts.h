// Which MX hosts are usable under which policy, and until when (RULES 4.2). Private to the sender simulation.
#pragma once

#include <cstddef>
#include <vector>

#include "checks/judge/senders.h"

namespace stswatch::senders {

/// One MX host at one moment, as an enforcing sender finds it.
enum class Usable { no, unknown, yes };

struct Count {
  int certain = 0;
  int possible = 0;
};

class Hosts {
 public:
  explicit Hosts(const World& world);

  std::size_t size() const { return world_.mx.size(); }
  bool listed(std::size_t policy, std::size_t host) const { return listed_[policy * size() + host]; }
  bool lists_any(std::size_t policy) const;
  /// The host by itself: some address passes RFC 8461 §4.2.
  Usable by_itself(std::size_t host, TimePoint t) const;
  /// All of them, each by itself.
  std::vector<Usable> at(TimePoint t) const;
  Count count(std::size_t policy, const std::vector<Usable>& at) const;
  /// Nothing but the dates of its certificate can make this address unusable.
  bool sound(std::size_t host, std::size_t address) const { return hosts_[host].addresses[address].sound; }
  /// Hosts by index, best preference first, as listed where equal.
  const std::vector<std::size_t>& order() const { return order_; }
  void add_events(std::vector<TimePoint>& events) const;

 private:
  struct Span {
    bool sound = false;  // reachable, STARTTLS, trusted, named: only the dates are left to hold
    TimePoint from = TimePoint::min();
    TimePoint until = TimePoint::max();
  };
  struct Host {
    bool maybe = false;  // some address is unknown
    std::vector<Span> addresses;
  };
  static Host read(const WorldMx& mx);

  const World& world_;
  std::vector<Host> hosts_;
  std::vector<bool> listed_;  // policy by host
  std::vector<std::size_t> order_;
};

}  // namespace stswatch::senders
