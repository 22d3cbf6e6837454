// One HTTP request or one mail over libcurl, to a place the operator chose: verified TLS, a deadline for the
// whole, no redirect followed, an answer of bounded size. transfer.cc alone includes libcurl.
#pragma once

#include <stop_token>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "alerts/notice.h"
#include "alerts/options.h"

namespace stswatch {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers{};  // "Name: value"
  std::optional<std::string> body{};   // POST; without one GET
  std::string ca_file{};               // empty: the system's
  std::string user_agent{};
  Seconds patience{30};
};

/// Sent when the answer is 2xx. The detail never holds the URL's path, which may be a secret.
SendResult request(const HttpRequest& what, const std::stop_token& stop);

struct MailRequest {
  std::string smarthost;  // "host:port", "[2001:db8::1]:587"
  SmtpTls tls = SmtpTls::starttls;
  std::string username{}, password{};  // no AUTH without a username
  std::string from{};                  // addr-spec
  std::vector<std::string> to{};       // likewise
  std::string message{};               // with CRLF line ends
  std::string ca_file{};
  Seconds patience{60};
};

/// Sent when the server took the message for at least one of the recipients.
SendResult submit(const MailRequest& what, const std::stop_token& stop);

/// The first line of a file that holds a secret. The error names the file, never what is in it.
tl::expected<std::string, std::string> read_secret(const std::string& file);

}  // namespace stswatch
