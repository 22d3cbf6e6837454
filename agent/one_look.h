// The whole of one look at a domain, now: its names, its policy and its MX hosts. What `check` and /probe do.
#pragma once

#include "agent/mx_desk.h"
#include "agent/remember/saved_look.h"

namespace stswatch {

/// What is not there when the deadline passes is left out.
SavedLook look_once(const Outlook& outlook, MxDesk& mx, const Domain& domain, TimePoint now,
                    const Deadline& deadline);

}  // namespace stswatch
