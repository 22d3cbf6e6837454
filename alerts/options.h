// What the operator asks of the notices: who receives them, how often, and what is not to be told. Filled in
// by the configuration, ranges checked there.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/remember/dated.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/catalogue.h"

namespace stswatch {

struct Heartbeat {
  std::string name, url;
  Seconds interval{300};
  bool operator==(const Heartbeat&) const = default;
};

/// Of every receiver: what it is told of.
struct Wanted {
  std::vector<Route> routes{};         // empty: all
  std::vector<std::string> domains{};  // globs; empty: all
  bool own = true;  // the agent's own trouble too, whatever its min_severity, routes and domains
  bool operator==(const Wanted&) const = default;
};

enum class SmtpTls { starttls, implicit, none };
enum class SmtpAuth { automatic, plain, login, xoauth2, oauthbearer };  // RFC 4954; RFC 7628

/// When a digest is due: every week at this time of UTC.
struct WeeklyAt {
  std::chrono::weekday day = std::chrono::Monday;
  Seconds time{8 * 3600};  // since midnight
  bool operator==(const WeeklyAt&) const = default;
};

struct EmailReceiver {
  std::string name, smarthost, username, password_file, from;
  SmtpTls tls = SmtpTls::starttls;
  std::vector<std::string> to;
  Severity min_severity = Severity::warning;
  Wanted wanted{};
  SmtpAuth auth = SmtpAuth::automatic;
  std::string oauth_token_file{};  // instead of a password; read at each mail, since tokens are short-lived
  std::string sendmail{};          // a local program takes the mail instead of a smarthost
  std::optional<WeeklyAt> digest{};
  bool operator==(const EmailReceiver&) const = default;
};

struct SlackReceiver {
  std::string name, api_url_file, channel;
  Severity min_severity = Severity::warning;
  Wanted wanted{};
  std::string bot_token_file{};  // instead of api_url_file: its messages can be updated
  std::string api_url = "https://slack.com/api";
  bool operator==(const SlackReceiver&) const = default;
};

enum class WebhookMethod { post, put };

struct WebhookReceiver {
  std::string name, url, hmac_secret_file;
  Severity min_severity = Severity::warning;
  Wanted wanted{};
  std::string url_file{};  // holds the whole URL, where that is a secret; instead of `url`
  WebhookMethod method = WebhookMethod::post;
  // Templates, as are `url` and the values of `headers`; no body: the notice's own JSON.
  std::optional<std::string> body{};
  std::string content_type = "application/json";
  std::map<std::string, std::string> headers{};
  std::map<std::string, std::string> secret_files{};  // by the name under which templates know the secret
  bool operator==(const WebhookReceiver&) const = default;
};

struct AlertmanagerReceiver {
  std::string name, url;
  Wanted wanted{};
  bool operator==(const AlertmanagerReceiver&) const = default;
};

struct AlertOptions {
  bool send_resolved = true;
  Seconds group_wait{30};
  Seconds repeat_page{7200};
  Seconds repeat_ticket{3 * 86400};
  std::vector<Heartbeat> heartbeats;
  std::vector<EmailReceiver> emails;
  std::vector<SlackReceiver> slacks;
  std::vector<WebhookReceiver> webhooks;
  std::vector<AlertmanagerReceiver> alertmanagers;
  bool operator==(const AlertOptions&) const = default;
};

}  // namespace stswatch
