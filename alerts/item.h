// One open finding of one domain as the decider sees it: what it is about, and whether it is a cause, a
// symptom of one, or a change that is told once. RULES 5.5, 5.6.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/remember/memory.h"
#include "alerts/options.h"

namespace stswatch {

/// Findings of one family that come up together are told together.
enum class Family { delivery, publication, reports, agent };

struct Nature {
  Family family = Family::publication;
  std::string_view
      aspect;            // what of the domain or host it speaks of: the next finding on it continues this one
  bool of_host = false;  // the fault of a host, whichever domains use it
  bool symptom = false;  // follows from other findings: told with its cause
  bool change = false;   // something became something else: told once, never over
};

Nature nature_of(const Finding& finding);

struct Item {
  std::shared_ptr<const DomainMemory> record;
  const Incident* incident = nullptr;  // of `record`
  Nature nature;
  bool silenced = false;

  const Finding& finding() const { return incident->finding; }
  const std::string& domain() const { return record->known->domain.str(); }
  std::string host() const;  // the subject without its address
  /// What the item continues: the same for the next finding of this aspect. A change has one of its own.
  std::string key() const;
  /// Nothing has been seen of it in the newest look: it may be over.
  bool in_doubt() const { return incident->good_looks > 0; }
};

/// The agent's own faults are tickets though their severity is info (RULES 3.2 Q).
Severity severity_of(const Finding& finding);
/// RULES 3.1: what is for the log is sent only to receivers that ask for info.
bool wanted(const Finding& finding, Severity min_severity);

/// The open incidents that anyone could be told of.
std::vector<Item> items_of(std::shared_ptr<const DomainMemory> record, const std::vector<Silence>& silences,
                           TimePoint now);

}  // namespace stswatch
