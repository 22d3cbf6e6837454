// When DNSSEC signatures are overdue for renewal, and which of a zone's servers lags behind with them (RFC
// 4035 §5.3.1, RFC 6781 §4.4). For the rules and the forecast; pure.
#pragma once

#include <string>

#include "checks/facts/result.h"
#include "checks/facts/source.h"
#include "checks/judge/case.h"

namespace stswatch {

/// The first of its signatures is about to end, and whoever signs should have renewed it by now.
bool signatures_lapse(const AnswerFacts& answer, TimePoint now);

/// The server that serves the records unsigned, or with signatures about to end, while another has newer
/// ones; empty where none is known to.
std::string lagging_signatures(const SourceAnswer& servers, TimePoint now);

}  // namespace stswatch
