// The SMTP dialogue with one address of an MX host: greeting, EHLO, STARTTLS, handshake, EHLO, QUIT. Never
// MAIL FROM.
#pragma once

#include "checks/facts/bounds.h"
#include "checks/facts/observation.h"
#include "checks/observe/connection.h"

namespace stswatch {

struct SmtpOptions {
  std::uint16_t port = 25;
  std::string helo;                         // a name that resolves; empty: the machine's, made safe for EHLO
  Millis farewell = bounds::kSmtpFarewell;  // for all that follows the last fact
};

/// RFC 5321 §4.2, RFC 3207, RFC 8461 §4. Never throws; every failure is in the result: 4xx and 421 at any
/// stage are Cause::deferred, 5xx Cause::rejected, no STARTTLS Cause::not_offered.
SmtpProbe probe_smtp(const std::string& host, const Address& address, const TrustStore& trust,
                     const SmtpOptions& options, TimePoint now, const Deadline& deadline);

/// Whether a mail server greets at this address: any reply of SMTP counts, 4xx and 5xx too. Then QUIT.
Result<void> hear_greeting(const Address& address, const SmtpOptions& options, const Deadline& deadline);

}  // namespace stswatch
