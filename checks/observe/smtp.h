// The SMTP dialogue with one address of an MX host: greeting, EHLO, STARTTLS, handshake, EHLO, QUIT. Never
// MAIL FROM.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/bounds.h"
#include "checks/facts/observation.h"
#include "checks/facts/result.h"
#include "checks/observe/tls/connection.h"

namespace stswatch {

// SMTP replies (RFC 5321 §4.2) read from octets as they come, and the name we say in EHLO. No I/O, no clock.

struct SmtpReply {
  int code = 0;
  std::vector<std::string> lines;  // the text behind each code, printable

  /// First line with its code: "454 4.7.0 TLS not available".
  std::string str() const;
  /// EHLO keyword among the lines after the first (RFC 5321 §4.1.1.1), in any case.
  bool offers(std::string_view keyword) const;
  /// Those keywords, as they are written.
  std::vector<std::string> keywords() const;
};

/// What stands in an EHLO reply where STARTTLS does not: the keywords, or the one that a device on the way
/// has written over ("XXXXXXXA").
std::string without_starttls(const SmtpReply& ehlo);

/// Deferred (4xx), rejected (5xx), or malformed for a code that does not belong here.
Failure refusal(Stage stage, const SmtpReply& reply);

/// Not thread-safe. Holds at most one reply and what came behind it.
class SmtpReplyReader {
 public:
  void feed(std::string_view octets) { pending_.append(octets); }

  /// The next complete reply; nullopt while more octets are needed. Cause::malformed for text that is no
  /// reply or codes that differ within one, Cause::over_budget past kSmtpLine, kSmtpReplyLines or
  /// kSmtpDialogue.
  Result<std::optional<SmtpReply>> next(Stage stage);

  /// Forgets what came behind the last reply. RFC 3207 §4.2: before the handshake it is anybody's.
  /// Returns how many octets that were.
  std::size_t discard();

 private:
  Result<bool> take_line(std::string_view line, Stage stage);

  std::string pending_;
  std::size_t scanned_ = 0;   // of pending_: no line end before here
  std::size_t consumed_ = 0;  // of the whole dialogue
  SmtpReply partial_;
};

/// What to say in EHLO: `configured`, else the machine's name where that is a full one, else the address
/// literal of our end. RFC 5321 §4.1.4 asks for the literal where there is no name; "localhost" is what spam
/// filters look for.
std::string ehlo_name(std::string_view configured, std::string_view machine,
                      const std::optional<Address>& ours);

struct SmtpOptions {
  std::uint16_t port = 25;
  std::string helo;                          // a name that resolves; empty: the machine's, made safe for EHLO
  Millis farewell = bounds::kSmtpFarewell;   // for all that follows the last fact
  Millis large_hello = bounds::kLargeHello;  // for the answer to one that is not usual
};

/// RFC 5321 §4.2, RFC 3207, RFC 8461 §4. Never throws; every failure is in the result: 4xx and 421 at any
/// stage are Cause::deferred, 5xx Cause::rejected, no STARTTLS Cause::not_offered.
/// `tlsa`: secure records of the host, held against the chain that it shows.
SmtpProbe probe_smtp(const std::string& host, const Address& address, const TrustStore& trust,
                     const SmtpOptions& options, TimePoint now, const Deadline& deadline,
                     const std::vector<TlsaRecord>& tlsa = {});

/// A way to come that is not our usual one.
struct SmtpWay {
  TlsOffer offer = TlsOffer::modern;
  bool sni = true;
  bool other_name = false;               // other_ehlo_name() in EHLO
  Millis patience = bounds::kHandshake;  // for the handshake alone
};

/// One connection in that way; its failure is in the result, Cause::local where there is no other name.
SmtpProbe try_smtp(const std::string& host, const Address& address, const TrustStore& trust,
                   const SmtpOptions& options, TimePoint now, const Deadline& deadline, const SmtpWay& way);

/// RFC 5321 §4.1.3: the address literal of our end towards `peer`, which every client may use.
std::string other_ehlo_name(const Address& peer);

/// Whether a mail server greets at this address: any reply of SMTP counts, 4xx and 5xx too. Then QUIT.
Result<void> hear_greeting(const Address& address, const SmtpOptions& options, const Deadline& deadline);

}  // namespace stswatch
