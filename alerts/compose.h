// The words of a notice, from what stands open: effect first, the cause named once, how to mend it, one
// command to verify (RULES 5.6). Pure; what the network said is passed on as it is, for render to make
// harmless.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "alerts/decide.h"
#include "alerts/notice.h"

namespace stswatch {

// A notice as each kind of receiver takes it (RULES 5.6, CONTRACT 5). What came from the network or the
// configuration is harmless in every rendering: no control characters, no markup, no header of its own. Pure.

/// "[PAGE] example.com: enforcing senders cannot deliver since …": one line, at most 200 octets.
std::string subject_line(const Notice& notice);

/// Label and text, in the order of RULES 5.6; lines of a text are parted by '\n'.
using Fields = std::vector<std::pair<std::string, std::string>>;
Fields fields_of(const Notice& notice);

std::string to_plain_text(const Notice& notice);
std::string to_html(const Notice& notice);
std::string to_webhook_json(const Notice& notice);
/// The same, and what templates may put in besides.
nlohmann::json template_values(const Notice& notice);
std::string to_slack_json(const Notice& notice, const std::string& channel);

/// Alertmanager API v2. A firing alert is over at `ends_at` unless it is posted again.
std::string to_alertmanager_json(const std::vector<Notice>& notices, TimePoint ends_at);

/// Valid UTF-8 without control characters but '\n'; what is not becomes '?'.
std::string clean(std::string_view text);
/// At most `max` octets, cut between characters, with "…".
std::string cut(std::string text, std::size_t max);
std::string escape_html(std::string_view text);
/// For Slack's mrkdwn: no mention, link or command can be made of it.
std::string escape_slack(std::string_view text);

/// What a notice needs to know besides the findings.
struct ComposeContext {
  TimePoint now{};
  std::string external_url, vantage;
  std::uint16_t https_port = 443, smtp_port = 25;
  std::function<std::shared_ptr<const DomainMemory>(const std::string& domain)> domain;
  std::function<std::shared_ptr<const MxMemory>(const std::string& host)> mx;
  std::function<std::map<std::string, std::string>(const std::string& domain)> labels;
  /// In a fleet, of what pages.
  std::function<SeenFrom(const std::string& domain, const Incident& incident, TimePoint now)> seen_from{};
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
