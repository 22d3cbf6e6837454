// plan DOMAIN --key-of HOST --next-tlsa RECORD: the roll-over of an MX host's key under DANE, of what is
// remembered and seen of its TLSA records (RFC 7671 §8.1).
#pragma once

#include "agent/commands/commands.h"
#include "agent/commands/remembered.h"

namespace stswatch {

int plan_key(const PlanCommand& command, const Remembered& known, Streams io);

}  // namespace stswatch
