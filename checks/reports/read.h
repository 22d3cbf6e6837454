// A TLS report in whatever it comes: JSON, gzip, zip, or a mail that carries one (RFC 8460 §5). What it is,
// its octets say; types and names are only hints, since senders and gateways change them. Thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "checks/facts/tls_report.h"

namespace stswatch::reports {

// What a report that somebody sends may cost, each with its reason. A mailbox and an open door take them from
// anybody.

inline constexpr std::size_t kPacked = 16U << 20;    // as received: what the door takes of one
inline constexpr std::size_t kUnpacked = 10U << 20;  // all of it together; the largest real ones are a tenth
inline constexpr std::size_t kLayers = 3;            // a gzip in a zip in a mail
inline constexpr std::size_t kNesting = 32;          // RFC 8460's own JSON is six deep
inline constexpr std::size_t kValues = 400'000;      // some 40,000 rows of failure-details
inline constexpr std::size_t kPolicies = 1000;       // reporters send one for each domain and type
inline constexpr std::size_t kRows = 4000;  // of all policies that are kept as they are; others are summed up
inline constexpr std::size_t kZipMembers = 16;  // archives of reporters hold one
inline constexpr std::size_t kMailParts = 100;  // RFC 8460 §5.3: two
inline constexpr std::size_t kMailNesting = 16;

// Reports as they are packed: gzip (RFC 1952), and the zip files that some reporters send instead. What
// unfolds beyond its bound is refused while it unfolds, so that a bomb costs no more than the bound. Pure.

bool is_gzip(std::string_view octets);
bool is_zip(std::string_view octets);

/// All members joined (RFC 1952 §2.2), their checksums verified.
tl::expected<std::string, std::string> gunzipped(std::string_view octets, std::size_t most);

struct ZipMember {
  std::string name, octets;
};
/// The files in it, which together may have `most` octets; at most kZipMembers of them.
tl::expected<std::vector<ZipMember>, std::string> unzipped(std::string_view octets, std::size_t most);

// The JSON of a TLS report: RFC 8460 §4.4, I-JSON (RFC 7493). Tolerant of what real reporters leave out or
// write otherwise, strict in numbers: a count that is none makes the whole report void. Pure.

/// The error says what is wrong, for the operator; it may quote the text.
tl::expected<TlsReport, std::string> read_report_json(std::string_view text);

// The report that a mail message carries: RFC 8460 §5.3. Found by its type and, where senders or gateways
// changed that, by its name. Says too whom the mail shows as its signer, where an MTA of the operator's
// own verified that. Thread-safe.

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
  std::vector<Reading> further{};  // of the same file or mail, where it carries more than one; they have none
};

struct Hints {
  std::string_view media_type{};  // message/rfc822 makes it a mail whatever it begins with
  std::string_view file_name{};
  std::string_view authserv_id{};
};

Reading read_tls_report(std::string_view octets, const Hints& hints);

std::string_view to_string(Reading::Parse parse);

}  // namespace stswatch::reports
