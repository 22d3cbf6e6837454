// What is remembered of a subject, as JSON in the manner of saved_look.h: what the store keeps beside its
// columns. Pure; nothing in the text is trusted when it is read.
#pragma once

#include "agent/remember/memory.h"
#include "agent/remember/saved_look.h"

namespace stswatch {

nlohmann::ordered_json to_json(const Incident& incident);
Read<Incident> read_incident(const nlohmann::json& json);

/// All of a record but its looks, its incidents, and the lists of its past, which have tables of their own.
nlohmann::ordered_json state_of(const DomainMemory& record);
nlohmann::ordered_json state_of(const MxMemory& record);

/// Lays a state over the record; the error is a place and what would be right there.
tl::expected<void, std::string> read_state(const nlohmann::json& json, DomainMemory& record);
tl::expected<void, std::string> read_state(const nlohmann::json& json, MxMemory& record);

}  // namespace stswatch
