// Memory that outlives the process: everything is read from RAM, and one writer brings what is new to the
// disk in batches. What is lost by a crash is at most the last second, and nothing that opened, closed or
// changed: that is written at once. When the disk fails the agent goes on from RAM and writes later.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <tl/expected.hpp>

#include "agent/remember/fleet.h"
#include "agent/remember/key_value_store.h"
#include "agent/remember/memory.h"

namespace stswatch {

struct StoredTransition {
  TimePoint at{};  // when the look that brought it was made
  std::string domain;
  Transition transition;
};

/// A look as it was seen, and why it is kept: "last", "good", "failed", "changed".
template <class Look>
struct StoredLook {
  std::vector<std::string> kept_as;
  std::shared_ptr<const Look> look;
};

/// What a store has on its disk of a domain besides what is known now, oldest first.
struct StoredHistory {
  std::vector<StoredTransition> transitions;
  std::vector<StoredLook<DomainObservation>> looks;
  std::map<std::string, std::vector<StoredLook<MxHostObservation>>> mx;  // of hosts in those looks
};

struct StoreHealth {
  std::uint64_t errors = 0;              // since the start
  std::optional<std::string> trouble{};  // why the newest attempt failed, with how to mend it
};

class Store : public Memory {
 public:
  virtual KeyValueStore& key_values() = 0;

  /// The domains of the configuration. The others are remembered until the last cache that may hold a policy
  /// of theirs ends.
  virtual void watch(std::set<std::string> domains) = 0;

  /// True once everything that was remembered before is on the disk; false if the disk refuses it or the
  /// patience ends.
  virtual bool flush(Millis patience) = 0;
  /// Writes what is left, once, and ends the writer; false if the disk refuses it. Idempotent.
  virtual bool stop() = 0;
  virtual StoreHealth health() const = 0;
  /// This agent's part in the fleet on the same database; null where the store is its own.
  virtual Fleet* fleet() { return nullptr; }
};

struct StoreOptions {
  std::function<TimePoint()> now;
  /// Told by the writer when the disk begins to fail and, with an empty text, when it works again.
  std::function<void(const std::string& trouble)> on_trouble = [](const std::string&) {};
  Seconds keep_looks{90 * 86400};           // raw looks that changed something
  Seconds keep_history{400 * 86400};        // changes and transitions
  std::uint64_t most_octets = 4ULL << 30U;  // of a file; beyond it the oldest looks and history go first
  std::string agent{}, vantage{};           // in a fleet: the name of this one, and where it looks from
};

inline constexpr std::string_view kInRam = ":memory:";

/// `state`: a file, created with its folder when it is not there, "postgresql://…", or ":memory:". The error
/// says what is wrong and how to mend it; a store that is not understood is left as it is.
tl::expected<std::unique_ptr<Store>, std::string> open_store(const std::string& state, StoreOptions options);

/// The folder of a store that is a file, links followed, made where it is not there; empty: it is no file.
tl::expected<std::string, std::string> folder_of_store(const std::string& state);

/// Whether open_store would take up this file, which is there: nothing is written. The error as above.
tl::expected<void, std::string> is_store(const std::string& file);

/// For people: without a password.
std::string shown_store(const std::string& state);
/// One that several agents may share.
bool is_database(const std::string& state);

/// What the store remembers of these domains and their MX hosts, while its service may be running. Null:
/// there is no such file, or it is ":memory:".
tl::expected<std::unique_ptr<Memory>, std::string> read_store(const std::string& state,
                                                              const std::set<std::string>& domains);

/// The same for what was: what retention has dropped is missing. Null as above, or nothing is kept of it.
tl::expected<std::optional<StoredHistory>, std::string> read_history(const std::string& state,
                                                                     const Domain& domain);

/// The domains that something is remembered of, in a store that is there.
tl::expected<std::vector<std::string>, std::string> read_domain_names(const std::string& state);

/// A copy of what is committed in `from`, as a new file or in an empty database; answers how many domains it
/// remembers.
tl::expected<std::size_t, std::string> copy_store(const std::string& from, const std::string& to);

}  // namespace stswatch
