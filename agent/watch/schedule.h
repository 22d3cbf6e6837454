// Which subject is due next. Each subject stands in the schedule once, so a late schedule stretches instead
// of growing. No clock and no lock of its own: the caller brings the time, of the hand that never
// jumps, and guards it.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/watch/clock.h"
#include "checks/facts/address.h"

namespace stswatch {

/// `vantage`: this machine's own view, one subject.
enum class Kind { domain, mx, vantage };
inline constexpr std::size_t kKinds = 3;

struct LookSubject {
  Kind kind = Kind::domain;
  std::string name;
  auto operator<=>(const LookSubject&) const = default;
};

/// When to look again, after a restart, at what was due `left` from now before it: where there are many
/// domains not at all of them at once, but at some fifty a second, and no later than it would have been
/// without.
Seconds after_restart(Seconds left, Seconds interval, std::size_t domains);

class Schedule {
 public:
  explicit Schedule(std::uint32_t seed) : random_(seed) {}

  /// What there is room for besides domains and this machine's view, both where they are quick.
  struct Room {
    bool mx = true;
    bool slow = true;      // what a look has lately been slow at, whatever its kind
    bool mx_first = true;  // where domains have fallen behind; not where none would be left for them
  };

  void add(const LookSubject& subject, SteadyPoint due);  // no change when it is there already
  void remove(const LookSubject& subject);
  bool has(const LookSubject& subject) const;

  /// Takes the subject that is longest overdue at `now`. Where domains have fallen behind, what many of them
  /// are judged with comes first: this machine's view, then MX hosts. It stays out until done().
  std::optional<LookSubject> take(SteadyPoint now, Room room);
  bool is_slow(const LookSubject& subject) const;
  bool was_looked_at(const LookSubject& subject) const;
  /// Back in after its look, due `interval` from `now`, spread by a tenth either way. Nothing when it was
  /// removed. It counts as slow until it comes back after the latest moment that was given for it.
  void done(const LookSubject& subject, SteadyPoint now, Seconds interval,
            SteadyPoint slow_until = SteadyPoint::min());
  /// Due at once; when it is being looked at, due again as soon as that look is done.
  void hurry(const LookSubject& subject, SteadyPoint now);

  /// For a shorter interval than before: whatever is due later than that comes due within it.
  void shorten(Kind kind, SteadyPoint now, Seconds interval);

  std::optional<SteadyPoint> next_due(Room room) const;
  /// How long the subject of this kind that waits longest has been due.
  Seconds late(Kind kind, SteadyPoint now) const;
  std::size_t count(Kind kind) const { return counts_[index(kind)]; }
  /// Of all that there are.
  std::size_t count_slow() const { return slow_; }

 private:
  struct Entry {
    SteadyPoint due{};
    bool taken = false;
    bool hurried = false;
    bool gone = false;  // removed during its look
    bool looked = false;
    bool slow = false;
    SteadyPoint slow_until = SteadyPoint::min();
  };
  using Queue = std::set<std::pair<SteadyPoint, LookSubject>>;
  static constexpr Seconds kBehind{10};
  static std::size_t index(Kind kind) { return static_cast<std::size_t>(kind); }
  Queue& queue(const LookSubject& subject, const Entry& entry) {
    return queues_[index(subject.kind)][entry.slow];
  }
  const Queue* first_due(Room room) const;

  std::map<LookSubject, Entry> entries_;
  std::array<std::array<Queue, 2>, kKinds> queues_;  // those not taken: the quick, and the slow
  std::array<std::size_t, kKinds> counts_{};
  std::size_t slow_ = 0;
  std::mt19937 random_;
};

// Subjects that wait for an address: others of ours are talking to it, and no worker shall wait in a long
// queue for that. First come, first served; a subject waits for one address, the newest it came for.
// Thread-safe.

class AddressQueue {
 public:
  void wait_for_address(const LookSubject& subject, const Address& address, SteadyPoint now);
  /// It waits no more: it was looked at, or nobody wants it any longer.
  void forget(const LookSubject& subject);
  /// At most `most` of those that wait longest for the address; they wait no more.
  std::vector<LookSubject> leave(const Address& address, std::size_t most);
  /// How long the subject of this kind that waits longest has waited.
  Seconds longest(Kind kind, SteadyPoint now) const;

 private:
  struct Waiting {
    LookSubject subject;
    SteadyPoint since{};
  };
  using Queue = std::deque<Waiting>;
  void remove(std::map<LookSubject, Address>::iterator place);  // with mutex_ held

  mutable std::mutex mutex_;
  std::map<Address, Queue> queues_;          // guarded by mutex_, as is the next; none is empty
  std::map<LookSubject, Address> waits_at_;  // each that stands in a queue
};

// Which domain sends its mail to which MX host: a host is looked at as long as any domain uses it. Not
// thread-safe: its owner's lock guards it.

class MxUsers {
 public:
  using Names = std::set<std::string>;

  /// The domain's hosts from now on; an empty set when it leaves. Returns the hosts that nobody uses any
  /// more.
  std::vector<std::string> set(const std::string& domain, const Names& hosts);

  const Names& hosts_of(const std::string& domain) const { return of(hosts_, domain); }
  const Names& domains_of(const std::string& host) const { return of(domains_, host); }
  const std::map<std::string, Names>& domains_by_host() const { return domains_; }

 private:
  static const Names& of(const std::map<std::string, Names>& all, const std::string& key);

  std::map<std::string, Names> domains_;  // by host
  std::map<std::string, Names> hosts_;    // by domain
};

}  // namespace stswatch
