// Politeness: one connection to an address at a time, however many workers. Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>

#include "checks/facts/address.h"
#include "checks/observe/deadline.h"

namespace stswatch {

class Pace {
 public:
  class Turn {
   public:
    Turn(Turn&& other) noexcept;
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    friend class Pace;
    Turn(Pace* pace, Address address) : pace_(pace), address_(address) {}
    Pace* pace_;
    Address address_;
  };
  /// Waits for the address to be free; nullopt when the deadline passes first.
  std::optional<Turn> take(const Address& address, const Deadline& deadline);

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::set<Address> busy_;
};

}  // namespace stswatch
