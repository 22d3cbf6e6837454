#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/remember/memory.h"

namespace stswatch {

/// What is remembered of an MX host; null of one that is not known.
using MxMemories = std::function<std::shared_ptr<const MxMemory>(const std::string& host)>;

/// When the fault began, as far as the facts tell: no later than it was seen. Pure.
TimePoint began(const Incident& incident, const DomainMemory& record, const MxMemories& hosts, TimePoint now);

}  // namespace stswatch
