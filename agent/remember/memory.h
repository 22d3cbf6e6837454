// What the agent knows of its subjects between looks: the one place that remembers. Records are immutable
// values; a new one replaces the old, so readers never wait for writers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/remember/confirm.h"
#include "agent/remember/incident.h"
#include "checks/judge/claims.h"
#include "checks/judge/verdict.h"

namespace stswatch {

/// The parts of a domain that are looked at by themselves (metric label "what").
enum class Part { sts_record, policy, mx, tlsrpt_record };
inline constexpr std::array kParts{Part::sts_record, Part::policy, Part::mx, Part::tlsrpt_record};
std::string_view to_string(Part part);

struct DomainMemory {
  DomainMemory(std::shared_ptr<const DomainObservation> k, Verdict v)
      : known(std::move(k)), confirmed(known), verdict(std::move(v)) {}

  // Facts. The newest of each part; a part that a look could not see keeps its last known value.
  std::shared_ptr<const DomainObservation> known;      // at face value: what metrics and pages show
  std::shared_ptr<const DomainObservation> confirmed;  // what findings and history are made of; never null
  Debounces debounces;
  Past past;
  std::vector<Incident> incidents;

  // Of `known`, its findings the open ones of `incidents`. Not stored: judged again after a restart.
  Verdict verdict;

  std::map<Part, LookTimes> times;
  std::optional<TimePoint> policy_fetched;       // the last time any address was asked for the policy
  std::optional<TimePoint> policy_last_success;  // the last good fetch of a valid policy
};

struct MxMemory {
  std::shared_ptr<const MxHostObservation> known;      // merged per address, as above; never null
  std::shared_ptr<const MxHostObservation> confirmed;  // never null
  Debounces debounces;
  std::shared_ptr<const HostPast> past = std::make_shared<HostPast>();
  std::vector<Attempt> attempts{};  // those of `past`, as the store keeps them
  TlsaPast tlsa{};                  // so too
  LookTimes times;
};

class Memory {
 public:
  virtual ~Memory() = default;
  virtual std::shared_ptr<const DomainMemory> domain(const Domain& name) const = 0;  // null: never looked at
  virtual std::shared_ptr<const MxMemory> mx(const std::string& host) const = 0;
  /// `look` is this look by itself, as it was seen; null when the subject was only judged again.
  /// The transitions belong to the record: both are kept, or neither.
  virtual void remember(std::shared_ptr<const DomainMemory> record,
                        std::shared_ptr<const DomainObservation> look,
                        const std::vector<Transition>& transitions) = 0;
  virtual void remember(std::shared_ptr<const MxMemory> record,
                        std::shared_ptr<const MxHostObservation> look) = 0;
};

/// Memory that ends with the process. Thread-safe.
std::unique_ptr<Memory> make_ram_memory();

/// What many subjects show alike is in memory once: the chains of those certificates, and what is said of a
/// host's addresses to each domain that uses it.
void share_parts(DomainObservation& look);
void share_parts(MxHostObservation& look);
void share_parts(Verdict& verdict);

/// For work on many subjects that know nothing of each other: each number below `count` once, on as many
/// threads as can run at once. `work` must not throw.
void side_by_side(std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace stswatch
