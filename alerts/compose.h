// The words of a notice, from what stands open: effect first, the cause named once, how to mend it, one
// command to verify (RULES 5.6). Pure; what the network said is passed on as it is, for render to make
// harmless.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "agent/remember/memory.h"
#include "alerts/decide.h"
#include "alerts/notice.h"
#include "alerts/open_finding.h"
#include "alerts/options.h"

namespace stswatch {

// The agent itself among those that people are told of: a record like a domain's, under a name that no domain
// has (RFC 6761 §6.4), so that its troubles are confirmed, kept, repeated and resolved as everything else is.
// What concerns it is told by itself and names no domain.

/// "stswatch.invalid"
const Domain& agent_itself();
bool is_agent_itself(std::string_view domain);

std::shared_ptr<const DomainMemory> record_of_agent(std::vector<Incident> incidents, TimePoint now);

/// Findings of domains that say what the agent itself says once for all of them.
bool told_of_agent(const Finding& finding);

// Topics, notices owed and silences as rows of the key-value store. What cannot be read is an error, never a
// crash.

inline constexpr const char* kTopicTable = "alert_topic";
inline constexpr const char* kOwedTable = "alert_owed";
inline constexpr const char* kSilenceTable = "alert_silence";

std::string to_row(const Problem& problem);
std::string to_row(const PendingNotice& pending);
std::string to_row(const Silence& silence);
tl::expected<Problem, std::string> topic_from_row(std::string_view text);
tl::expected<PendingNotice, std::string> owed_from_row(std::string_view text);
tl::expected<Silence, std::string> silence_from_row(std::string_view text);

/// A name for a silence that begins now.
std::string new_silence_id(TimePoint now, const std::function<bool(const std::string&)>& taken);

// One notice for one cause, however many domains it hits (RULES 5.5, 5.6): findings on the same host are one
// problem; symptoms go with their cause; what comes up together in one domain is told together; and the same
// fault of many domains at once is one message with the list of them. Pure.

struct AlertGroup {
  Problem problem;
  bool is_new = false;
  std::vector<const OpenFinding*> items;  // none: it is over
};

/// `topics`: those told of, by id. All of them are in the result, then the new ones, without an id.
std::vector<AlertGroup> gather(const std::vector<const OpenFinding*>& items,
                               const std::map<std::string, Problem>& problems);

/// For a new one that is told at `now`: no two are alike, since each begins with a key of its own.
std::string problem_id(const Problem& problem, TimePoint now);

inline constexpr std::size_t kSharedBy = 3;  // RULES 5.6: so many domains with the same fault on one platform
inline constexpr std::size_t kSameFault = 10;  // so many tickets that read the same, whatever they share

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
