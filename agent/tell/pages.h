// The pages for people (CONTRACT 6): the domains by urgency, and one domain whole. Pure renderings of a
// snapshot; they work without scripts, and what the network said stands in them as text only.
#pragma once

#include <optional>
#include <string>

#include "agent/tell/snapshot.h"

namespace stswatch {

struct ListQuery {
  std::string search{};          // part of a name or of a finding's code
  std::string status{};          // "ok", "warning", ...; empty: all
  std::string sort = "urgency";  // or "breakage", "name", "mode", "look"
  std::size_t page = 1;
};

std::string page_of_domains(const Snapshot& snapshot, const ListQuery& query);

/// null: not watched, or not looked at yet.
const DomainMemory* find_domain(const Snapshot& snapshot, const std::string& name);
/// `asked`: when somebody asked for a look on this page. nullopt: likewise.
std::optional<std::string> page_of_domain(const Snapshot& snapshot, const std::string& name,
                                          std::optional<TimePoint> asked = {});

/// For whatever else there is to say to a person.
std::string page_of_message(const std::string& title, const std::string& words, const std::string& up,
                            const std::vector<Incident>& own = {});

}  // namespace stswatch
