// A notice as each kind of receiver takes it (RULES 5.6, CONTRACT 5). What came from the network or the
// configuration is harmless in every rendering: no control characters, no markup, no header of its own. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alerts/notice.h"

namespace stswatch {

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

}  // namespace stswatch
