// One [[alerts.webhook]] without its name and what it is told of.
#pragma once

#include "config/reader.h"

namespace stswatch::sections {

void webhook(TableReader& r, WebhookReceiver& into, bool shared);

}  // namespace stswatch::sections
