// What a digest is made of, from what the agent tells everybody else. Pure.
#pragma once

#include "agent/tell/snapshot.h"
#include "alerts/digest.h"
#include "config/config.h"

namespace stswatch {

/// Of the configured domains that a receiver wants.
DigestSource digest_source(const Snapshot& snapshot, const Config& config, const Wanted& wanted);

}  // namespace stswatch
