// What people may ask of the agent over HTTP: each act is done by the part that it concerns, and logged with
// who asked and from where.
#pragma once

#include "agent/tell/http.h"
#include "agent/watch/notifier.h"
#include "agent/watch/reload.h"

namespace stswatch {

/// The acts among the parts of the server, and who may ask for them; all that is given outlives it.
HttpParts acts_of(Service& service, Notifier& notifier, Reloader& reloader, Clock& clock);

}  // namespace stswatch
