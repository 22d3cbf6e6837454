// What of a record the disk does not have yet: the difference between two records, without what only says
// that time has passed. Pure.
#pragma once

#include <map>
#include <variant>

#include "agent/remember/facts_key.h"
#include "agent/remember/store.h"

namespace stswatch {

enum class SubjectKind { domain, mx };
using SubjectName = std::pair<SubjectKind, std::string>;

/// What is stored of a record besides its looks.
enum Piece : unsigned {
  kState = 1,
  kPolicies = 2,
  kIds = 4,
  kMxHosts = 8,
  kCertificates = 16,
  kIncidents = 32,
};

/// Why a look is kept. All but `changed` are one per subject.
enum class Role { known, confirmed, last, good, failed, changed };
inline constexpr std::size_t kSingleRoles = 5;
std::string_view to_string(Role role);

struct KeptLook {
  FactsKey key{};
  TimePoint at{};
};
/// By role: what is kept, or on its way to the disk.
using KeptLooks = std::array<std::optional<KeptLook>, kSingleRoles>;

using LookFacts =
    std::variant<std::shared_ptr<const DomainObservation>, std::shared_ptr<const MxHostObservation>>;

struct NewLook {
  Role role = Role::last;
  KeptLook kept;
  LookFacts facts;
};

using AnyRecord = std::variant<std::shared_ptr<const DomainMemory>, std::shared_ptr<const MxMemory>>;

struct News {
  std::int64_t subject = 0;  // its id
  AnyRecord record;
  unsigned pieces = 0;
  KeptLooks kept;               // for their times, when the state is written
  std::vector<NewLook> looks;   // facts that are not on the disk under this role
  std::vector<Change> changes;  // those that are new
  std::vector<StoredTransition> transitions;
  bool urgent = false;

  bool empty() const { return pieces == 0 && looks.empty() && changes.empty() && transitions.empty(); }
};

/// `before` is null for a new subject; `kept` moves on to what is kept once the news is written.
News news_of(const DomainMemory* before, std::shared_ptr<const DomainMemory> record,
             const std::shared_ptr<const DomainObservation>& look, std::vector<StoredTransition> transitions,
             KeptLooks& kept);
News news_of(const MxMemory* before, std::shared_ptr<const MxMemory> record,
             const std::shared_ptr<const MxHostObservation>& look, KeptLooks& kept);
/// When nothing happened but time.
News refresh(AnyRecord record, const KeptLooks& kept);

/// `older` has not reached the disk when `newer` comes.
News merge(News older, News newer);

}  // namespace stswatch
