// The way to one receiver. A sink is used by one thread at a time; every call ends by its own deadline or
// soon after the stop is asked for.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "alerts/dispatcher.h"
#include "alerts/notice.h"
#include "alerts/options.h"
#include "checks/facts/configured.h"

namespace stswatch {

struct Digest;

// One HTTP request or one mail over libcurl, to a place the operator chose: verified TLS, a deadline for the
// whole, no redirect followed, an answer of bounded size. transfer.cc alone includes libcurl.

/// Gets what would be sent, instead of its receiver. What is secret is "***" in it from the start.
using Showing = std::function<void(const std::string& what)>;

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers{};  // "Name: value"
  std::optional<std::string> body{};   // POST; without one GET
  bool put = false;                    // PUT instead of POST
  std::string ca_file{};               // empty: the system's
  std::string user_agent{};
  Seconds patience{30};
  Secrets secrets{};  // beside those of the URL
  Showing show{};
};

/// Sent when the answer is 2xx. The detail holds no secret, in whatever spelling it is repeated.
/// `answer`: where to put the body of one that is 2xx, as far as it is kept.
SendResult request(const HttpRequest& what, const std::stop_token& stop, std::string* answer = nullptr);

struct MailRequest {
  std::string smarthost;  // "host:port", "[2001:db8::1]:587"
  SmtpTls tls = SmtpTls::starttls;
  std::string username{}, password{};  // no AUTH without a username
  SmtpAuth auth = SmtpAuth::automatic;
  std::string token{};            // of XOAUTH2 or OAUTHBEARER (RFC 7628), instead of a password
  std::string from{};             // addr-spec
  std::vector<std::string> to{};  // likewise
  std::string message{};          // with CRLF line ends
  std::string ca_file{};
  Seconds patience{60};
  Showing show{};
};

/// Sent when the server took the message for at least one of the recipients.
SendResult submit(const MailRequest& what, const std::stop_token& stop);

/// The first line of a file that holds a secret. The error names the file, never what is in it.
tl::expected<std::string, std::string> read_secret(const std::string& file);

/// The same where the secret is a URL, which has to be one.
tl::expected<std::string, std::string> read_secret_url(const std::string& file);

class Sink {
 public:
  virtual ~Sink() = default;
  /// `before`: what the receiver knows of this problem; null: nothing.
  virtual SendResult send(const Notice& notice, const Notice* before, const std::stop_token& stop) = 0;
  /// Only of receivers that have a schedule for it.
  virtual SendResult send_digest(const Digest& digest, const std::stop_token& stop);
  /// A receiver that forgets wants to be told again and again of what fires, this often.
  virtual std::optional<Seconds> refresh_every() const { return std::nullopt; }
  virtual SendResult refresh(const std::vector<Notice>& firing, const std::stop_token& stop);
};

struct SinkOptions {
  std::string ca_file;  // PEM; empty: the system's
  std::string version;  // of the agent
  std::function<TimePoint()> now;
  Showing show{};  // nothing is sent

  /// As read_secret() and read_secret_url(), but "***" where it would be shown.
  tl::expected<std::string, std::string> secret(const std::string& file) const;
  tl::expected<std::string, std::string> secret_url(const std::string& file) const;
};

struct Receiver {
  ReceiverRules rules;
  std::unique_ptr<Sink> sink;
  std::optional<WeeklyAt> digest{};  // when it gets one
};

/// All receivers of the configuration, in its order.
std::vector<Receiver> make_receivers(const AlertOptions& options, const SinkOptions& with);

std::unique_ptr<Sink> make_email_sink(const EmailReceiver& receiver, const SinkOptions& with);
std::unique_ptr<Sink> make_slack_sink(const SlackReceiver& receiver, const SinkOptions& with);
std::unique_ptr<Sink> make_slack_bot_sink(const SlackReceiver& receiver, const SinkOptions& with);
std::unique_ptr<Sink> make_webhook_sink(const WebhookReceiver& receiver, const SinkOptions& with);
std::unique_ptr<Sink> make_alertmanager_sink(const AlertmanagerReceiver& receiver, const SinkOptions& with);

// A notice as a mail message (RFC 5322, 2045, 2047): text and HTML, one thread for one problem. Pure.

/// CRLF line ends, ASCII only, no line over 998 octets. `from` and `to` are those of the receiver, parsed.
std::string to_mail(const Notice& notice, const std::string& receiver, const Mailbox& from,
                    const std::vector<Mailbox>& to, TimePoint sent);

/// The same of a digest; those of a receiver are a thread of their own.
std::string to_mail(const Digest& digest, const std::string& receiver, const Mailbox& from,
                    const std::vector<Mailbox>& to, TimePoint sent);

/// RFC 2045 §6.7.
std::string quoted_printable(std::string_view text);
/// A header's unstructured text: RFC 2047 where it is not plain ASCII, folded.
std::string header_text(std::string_view name, std::string_view text);

// HMAC-SHA256 (RFC 2104), in lower-case hex.

std::string hmac_sha256_hex(std::string_view secret, std::string_view message);

// Mail handed to a program of this machine, as Unix programs have always done: no smarthost, no password. The
// program is run directly, without a shell, and told when it takes too long.

struct SendmailRequest {
  std::string program;  // absolute path
  std::string from;     // addr-spec
  std::vector<std::string> to;
  std::string message;  // with CRLF line ends
  std::chrono::milliseconds patience{60'000};
  std::function<void(const std::string& what)> show{};  // gets it instead of the program
};

/// A message as programs of this machine take it.
std::string with_unix_lines(std::string_view message);

/// Sent when the program ends with 0; 75 (EX_TEMPFAIL of sysexits.h) is tried again soon.
SendResult hand_to_sendmail(const SendmailRequest& what, const std::stop_token& stop);

// What a receiver would get, for who wants to see it before it is sent. Pure.

struct SendmailRequest;

/// Request line, headers, an empty line, the body. Of the URL password and query are "***".
std::string as_shown(const HttpRequest& what);
/// By whom, from whom, to whom; then the message, with line ends of Unix.
std::string as_shown(const MailRequest& what);
std::string as_shown(const SendmailRequest& what);

}  // namespace stswatch
