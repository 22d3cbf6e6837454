// What would be sent, in words: of "alerts test --dry-run".
#include <string_view>

#include "alerts/sendmail.h"
#include "alerts/show.h"
#include "checks/facts/join.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::string_view kMasked = "***";

/// Some are not read from a file of their own.
std::string masked_header(const std::string& line) {
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  if (colon == line.npos || !(text::iequals(name, "Authorization") || text::iequals(name, "Cookie")))
    return line;
  const auto scheme = line.find(' ', line.find_first_not_of(' ', colon + 1));
  return (scheme == line.npos ? name + ": " : line.substr(0, scheme + 1)) + std::string(kMasked);
}

}  // namespace

tl::expected<std::string, std::string> SinkOptions::secret(const std::string& file) const {
  auto read = read_secret(file);
  if (read && show) *read = kMasked;
  return read;
}

tl::expected<std::string, std::string> SinkOptions::secret_url(const std::string& file) const {
  auto read = read_secret_url(file);
  if (read && show) *read = kMasked;
  return read;
}

std::string as_shown(const HttpRequest& what) {
  Secrets secrets = what.secrets;
  secrets.add_url(what.url);
  std::string out = (what.put ? "PUT " : what.body ? "POST " : "GET ") + secrets.hide(what.url) + "\n";
  for (const auto& header : what.headers)
    out += masked_header(header) + "\n";
  out += "User-Agent: " + what.user_agent + "\n";
  if (what.body) out += "\n" + *what.body + (what.body->ends_with('\n') ? "" : "\n");
  return out;
}

std::string as_shown(const MailRequest& what) {
  const std::string tls = what.tls == SmtpTls::none       ? "without TLS"
                          : what.tls == SmtpTls::implicit ? "implicit TLS"
                                                          : "STARTTLS";
  return "by " + what.smarthost + ", " + tls +
         (what.username.empty() ? "" : ", as " + what.username + " with " + std::string(kMasked)) +
         ", from " + what.from + " to " + text::joined(what.to) + "\n" + with_unix_lines(what.message);
}

std::string as_shown(const SendmailRequest& what) {
  return "by " + what.program + ", from " + what.from + " to " + text::joined(what.to) + "\n" +
         with_unix_lines(what.message);
}

}  // namespace stswatch
