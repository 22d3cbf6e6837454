// Several agents on one database. Domains fall in fixed shards; a shard is leased by a row with holder, epoch
// and the database's own time, and whoever takes it raises its epoch. What is written of a domain carries the
// epoch it was seen under and is refused under another, so an agent that lost its lease writes nothing,
// whenever it wakes up. One further lease, the desk, is that of who tells: it alone has the outbox.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "agent/remember/second_look.h"
#include "checks/facts/text.h"

namespace stswatch {

using Shard = std::int64_t;
inline constexpr Shard kDesk = 0;
inline constexpr Shard kShards = 64;  // of domains, from 1; fixed for ever, as it is in every row
inline constexpr Seconds kLease{10};

Shard shard_of(std::string_view domain);

/// What this agent holds, as it last heard from the database. Thread-safe.
class Leases {
 public:
  /// Under which epoch we write of it; null: others do.
  std::optional<std::int64_t> epoch(Shard shard) const;
  bool holds(Shard shard) const { return epoch(shard).has_value(); }
  /// Held, and for so long that nobody else can hold it now, by a clock that also counts while this machine
  /// or process sleeps.
  bool certain(Shard shard) const;
  /// How often it was taken for dead and came back.
  std::int64_t life() const;

  void hold(Shard shard, std::int64_t epoch);
  void let_go(const std::set<Shard>& shards);
  /// Counted from before the database was asked.
  void renewed(std::chrono::nanoseconds asked_at);
  void reborn();
  /// Until the first renewal, or so long: a store that is written to at the start waits for it. False: none
  /// came.
  bool await_first(std::chrono::milliseconds patience) const;
  static std::chrono::nanoseconds boot_time();

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable born_;
  std::map<Shard, std::int64_t> epochs_;  // guarded by mutex_, as is all below
  std::chrono::nanoseconds until_{0};     // zero: before the first renewal
  std::int64_t life_ = 1;
};

struct FleetAgent {
  std::string name, vantage;
  TimePoint started{}, heard{};  // heard: when it last said that it is alive, by the database's time
  bool alive = false;
  std::int64_t late_seconds = 0;  // the schedule's, as it said last
};

struct FleetShard {
  Shard shard = 0;
  std::string holder;  // empty: nobody yet, or it was given back
  std::int64_t epoch = 0;
  TimePoint since{};
  std::int64_t left_seconds = 0;  // of its lease; negative: it is over
};

struct FleetView {
  std::vector<FleetAgent> agents;
  std::vector<FleetShard> shards;
};

/// One agent's part in it. Its thread calls back, with no lock held.
class Fleet {
 public:
  struct Events {
    std::function<void(const std::set<Shard>&)> gained, lost;  // memory is loaded, or about to be dropped
    /// What others have remembered anew.
    std::function<void(const std::vector<std::string>& domains)> news;
    std::function<void(const std::string& trouble)> trouble;  // empty: it is over
    std::function<std::int64_t()> late_seconds = [] { return 0; };
    SecondEyes* eyes = nullptr;  // null: nothing is looked at for others
  };
  virtual ~Fleet() = default;
  virtual void start(Events events) = 0;
  virtual const std::string& name() const = 0;
  virtual const Leases& leases() const = 0;
  /// Who holds the domain's shard, as last read; empty: nobody.
  virtual std::string holder_of(std::string_view domain) const = 0;
  virtual FleetView view() const = 0;
  /// From where a finding of the domain that pages is seen, as last read.
  virtual SeenFrom seen_from(const std::string& domain, const Incident& incident, TimePoint now) const = 0;
};

/// As the database has it now.
tl::expected<FleetView, std::string> read_fleet(const std::string& state);

}  // namespace stswatch
