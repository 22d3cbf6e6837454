// The words of a notice, from what stands open: effect first, the cause named once, how to mend it, one
// command to verify (RULES 5.6). Pure; what the network said is passed on as it is, for render to make
// harmless.
#pragma once

#include <functional>

#include "alerts/decide.h"

namespace stswatch {

/// What a notice needs to know besides the findings.
struct ComposeContext {
  TimePoint now{};
  std::string external_url, vantage;
  std::uint16_t https_port = 443, smtp_port = 25;
  std::function<std::shared_ptr<const DomainMemory>(const std::string& domain)> domain;
  std::function<std::shared_ptr<const MxMemory>(const std::string& host)> mx;
  std::function<std::map<std::string, std::string>(const std::string& domain)> labels;
};

/// Of a problem that is there: `standing` lists at least one item. The key is the caller's.
Notice compose(const GroupState& group_state, NoticeKind kind, const ComposeContext& around);
/// Of a problem that is over.
Notice compose_resolved(const LastNotified& last_notified, const ComposeContext& around);
/// All codes, listed or not.
std::set<std::string> codes_of(const GroupState& group_state);

// Parts, each in a file of its own; `items` are sorted, the lead first.
using OpenFindings = std::vector<const OpenFinding*>;
std::string title_of(const OpenFindings& items, const std::vector<std::string>& domains,
                     const ComposeContext& around);
/// When the fault began, as far as the facts tell: no later than it was seen.
TimePoint began(const OpenFinding& item, const ComposeContext& around);
std::string changes_in_words(const std::string& domain, const std::string& host,
                             std::optional<TimePoint> after, const ComposeContext& around);
std::string verify_command(const OpenFinding& cause, const ComposeContext& around);

}  // namespace stswatch
