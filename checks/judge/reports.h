// What senders report, held against what was seen here: RULES 3.2 L, 5.3. Pure. A domain of which there are
// no reports gets none of these findings.
#pragma once

#include <vector>

#include "checks/facts/reported.h"
#include "checks/judge/verdict.h"

namespace stswatch {

/// Reports that began within so long are what the findings rest on; older ones are not asked for.
inline constexpr Seconds kReportsJudged{31 * 86400};

/// `verdict` is on what looks have confirmed, `past` is what is remembered of the domain.
std::vector<Finding> judge_reports(const Verdict& verdict, const Past& past, const DomainReports& reports);

}  // namespace stswatch
