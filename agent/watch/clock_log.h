// What the clocks showed when the agent last ran, kept in its store: so that it is noticed when somebody
// has set the clock while it did not. Only within one boot, since the time in between is not known otherwise.
#pragma once

#include <optional>

#include "agent/remember/key_value_store.h"
#include "agent/watch/calendar.h"

namespace stswatch {

void log_clocks(KeyValueStore& store, const Hands& hands, const std::string& boot_id);
/// By how much the wall clock has jumped since; nullopt: by less than kClockStep, or nobody knows.
std::optional<Seconds> jumped_since_logged(const KeyValueStore& store, const Hands& hands,
                                           const std::string& boot_id);

/// "" where the system does not say.
std::string this_boot();

}  // namespace stswatch
