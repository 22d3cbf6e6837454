// fleet: who of the agents on one database holds what. The exit code is the process's.
#pragma once

#include "agent/commands/commands.h"

namespace stswatch {

struct FleetCommand {
  std::string config_file, state;  // one of them names the store
  bool json = false;
};
/// 0: every shard is held by a living agent; 1: some are not, or not yet; kExitConfig, kExitOutput.
int fleet(const FleetCommand& command, Streams io);

}  // namespace stswatch
