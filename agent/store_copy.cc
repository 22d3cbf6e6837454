// store copy: what is remembered, moved to another file.
#include <ostream>

#include "agent/commands.h"
#include "agent/remember/store.h"

namespace stswatch {

int store_copy(const StoreCopyCommand& command, Streams io) {
  const auto domains = copy_store(command.from, command.to);
  if (!domains) return complain(io, domains.error(), kExitOutput);
  io.out << command.to << ": the memory of " << *domains << (*domains == 1 ? " domain" : " domains")
         << " from " << command.from << "\n";
  return 0;
}

}  // namespace stswatch
