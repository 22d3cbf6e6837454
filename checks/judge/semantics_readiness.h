// Group O: may a domain in testing go to enforce? From one look: what is false can be seen, 14 days cannot.
#pragma once

#include "checks/judge/case.h"

namespace stswatch {

/// The gates of RULES 3.3 that this look shows false, each in a few words with its number.
std::vector<std::string> closed_gates(const Case& c);

void judge_readiness(const Case& c, Findings& out);

}  // namespace stswatch
