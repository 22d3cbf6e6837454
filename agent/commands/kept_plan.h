// The plan that the service follows, as the command keeps, shows and drops it in the store.
#pragma once

#include <tl/expected.hpp>

#include "agent/commands/commands.h"
#include "agent/remember/plan_row.h"
#include "config/config.h"

namespace stswatch {

/// A service with this configuration would see the plan. The error says what is missing.
tl::expected<void, std::string> can_follow(const Config& config, const Domain& domain);

/// In place of an earlier one. A plan that is unknown, or has no step, is not kept.
tl::expected<void, std::string> keep_plan(const Config& config, const Domain& domain, const Plan& plan,
                                          TimePoint now);

/// 0; 3 where none is followed.
int show_plan(const Config& config, const Domain& domain, bool json, Streams io);
int drop_plan(const Config& config, const Domain& domain, Streams io);

}  // namespace stswatch
