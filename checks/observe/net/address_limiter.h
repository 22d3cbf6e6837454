// Politeness: one connection to an address at a time, however many workers, and few to the addresses of one
// operator. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "checks/facts/address.h"
#include "checks/observe/net/deadline.h"

namespace stswatch {

class AddressLimiter {
 public:
  class DomainUpdate {
   public:
    DomainUpdate(DomainUpdate&& other) noexcept;
    DomainUpdate& operator=(DomainUpdate&&) = delete;
    ~DomainUpdate();

   private:
    friend class AddressLimiter;
    DomainUpdate(AddressLimiter* address_limiter, Address address)
        : address_limiter_(address_limiter), address_(address) {}
    AddressLimiter* address_limiter_;
    Address address_;
  };
  /// Waits for the address to be free, and for one of the places of its block; nullopt when the deadline
  /// passes first. Given `crowded`, it does not join a queue of kQueue or more either: nullopt at once, and
  /// *crowded is set.
  std::optional<DomainUpdate> take(const Address& address, const Deadline& deadline, bool* crowded = nullptr);

  /// How many could come now: one to talk to the address, the others to wait.
  std::size_t room(const Address& address);

  /// Calls `tell` at the end of each turn, with how many could come now: in the thread that had the turn,
  /// with no lock held. An empty one ends that.
  using Tell = std::function<void(const Address&, std::size_t room)>;
  void tell_of_room(Tell tell);

  /// So many wait, at most, that the next is there when a turn ends.
  static constexpr std::size_t kQueue = 2;

  /// So many at a time to all addresses of an IPv4 /24 or IPv6 /48, which mostly are one operator's; not
  /// where they are private: those are the operator's who runs this.
  static constexpr std::size_t kOfBlock = 8;
  /// The first address of the block, which stands for it.
  static Address block_of(const Address& address);

 private:
  void leave(const Address& address);
  bool begin(const Address& address);  // with mutex_ held

  std::mutex mutex_;
  std::condition_variable freed_;
  std::set<Address> busy_;                  // guarded by mutex_, as are the next three
  std::map<Address, std::size_t> blocks_;   // how many connections there are to each that has some
  std::map<Address, std::size_t> waiting_;  // where anybody waits
  Tell tell_;
};

}  // namespace stswatch
