// A TLS report in whatever it comes: JSON, gzip, zip, or a mail that carries one (RFC 8460 §5). What it is,
// its octets say; types and names are only hints, since senders and gateways change them. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "checks/facts/tls_report.h"
#include "checks/reports/mail.h"

namespace stswatch::reports {

struct Reading {
  enum class Parse {
    ok,
    reject,     // meant as a report, and none that can be counted
    no_report,  // a mail without one
  };
  Parse parse = Parse::reject;
  TlsReport report;               // with ok
  std::string why;                // without; printable, bounded
  std::optional<MailFacts> mail;  // where it came in one
  /// The domain the report is about where it does not say so itself: of the mail, or of the file's name
  /// (RFC 8460 §5.1). May be empty.
  std::string about;
};

struct Hints {
  std::string_view media_type{};  // message/rfc822 makes it a mail whatever it begins with
  std::string_view file_name{};
  std::string_view authserv_id{};
};

Reading read_tls_report(std::string_view octets, const Hints& hints);

std::string_view to_string(Reading::Parse parse);

}  // namespace stswatch::reports
