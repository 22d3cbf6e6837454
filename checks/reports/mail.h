// The report that a mail message carries: RFC 8460 §5.3. Found by its type and, where senders or gateways
// changed that, by its name. Says too whom the mail shows as its signer, where an MTA of the operator's
// own verified that. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch::reports {

struct MailFacts {
  std::string from_domain;    // of From, lower case
  std::string submitter;      // TLS-Report-Submitter, lower case
  std::string report_domain;  // TLS-Report-Domain, lower case
  // Domains whose DKIM signatures the MTA called `authserv_id` found good (RFC 8601 §2.7.1).
  std::vector<std::string> signers;
  bool verified_here = false;  // that MTA said something about this message

  /// RFC 8460 §3: the signature is the reporting domain's own, or its parent's or child's.
  bool authenticated() const;
};

struct ReportPart {
  std::string octets;     // decoded
  std::string file_name;  // may be empty
};

struct MailReading {
  MailFacts facts;
  std::vector<ReportPart> reports;  // the likeliest first; empty: this mail carries none
};

/// Does it begin as a message does, with a header field?
bool is_mail(std::string_view octets);

/// The error: no message at all, or one beyond the bounds. `authserv_id` empty: nobody's word is taken.
tl::expected<MailReading, std::string> read_mail(std::string_view octets, std::string_view authserv_id);

/// Of one Authentication-Results field, unfolded: the signers that it calls good, if it is `authserv_id`'s.
struct AuthenticationResults {
  bool ours = false;
  std::vector<std::string> signers;
};
AuthenticationResults read_authentication_results(std::string_view value, std::string_view authserv_id);

}  // namespace stswatch::reports
