// What is remembered when the clock was wrong: nothing can have been seen later than now. A record that says
// so was made by a clock that was ahead, and would not be looked at, confirmed or let go of until that day
// comes. Pure.
#pragma once

#include <memory>

#include "agent/remember/memory.h"

namespace stswatch {

template <class Record>
struct Dated {
  std::shared_ptr<const Record> record;  // the one given where nothing in it lies ahead
  Seconds ahead{0};                      // how far its latest date did
};

/// Each time at which something was seen, opened or asked for is now at the latest. Dates that others have
/// set, as those of certificates, stay; so does the history of changes, which is only ever added to.
Dated<DomainMemory> dated_by(std::shared_ptr<const DomainMemory> record, TimePoint now);
Dated<MxMemory> dated_by(std::shared_ptr<const MxMemory> record, TimePoint now);

}  // namespace stswatch
