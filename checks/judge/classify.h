// How a fetch of the policy ended, one cause each (RULES 5.7), and how its faults become findings. For the
// rules on the policy host; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/judge/case.h"

namespace stswatch {

enum class FetchEnd {
  complete,    // status 200 and a body that deployed senders read: the text decides
  unknown,     // says nothing of the peer
  no_connect,  // refused, reset before anything was said, or silent while others answered
  stalled,     // accepted, and had its time
  old_tls,     // only below TLS 1.2
  handshake,
  certificate,  // nothing was requested
  no_http,
  status,  // neither 200 nor a redirect
  redirect,
  encoded,  // in a coding that was not asked for, and that could not be undone
  too_large,
  truncated,
};

/// The peer took the connection and spoke no SMTP up to the answer to STARTTLS: silence, or a close.
bool no_smtp(const SmtpProbe& probe);

FetchEnd end_of(const PolicyFetch& fetch, const Vantage& vantage);

/// One fault of one address of the policy host; `severity` where it is not the catalogue's.
struct CopyFault {
  std::string_view code{};
  const PolicyCopy* copy = nullptr;
  std::string detail{};
  std::optional<Severity> severity = std::nullopt;
  std::vector<Oddity> oddities{};
};

inline constexpr Millis kSlowFetch{2000};  // RULES 0.4: postfix-tlspol gives up

/// The 95th percentile of the good fetches of the last day; of few the slowest but one, since one slow fetch
/// is not what is usual, and may have been slow for our own sake.
struct UsualFetch {
  Millis time{0};
  std::size_t of = 0;  // fetches: two at least
  std::string in_words() const;
};
std::optional<UsualFetch> usual_fetch(const Past& past);

/// Printable, short, and honest about a live mode that is only assumed: it sets the severities.
std::string in_detail(const Case& c, const std::string& seen);

/// A Diffie-Hellman key that OpenSSL's security level 2 refuses (RFC 9325 §4.2.1: at least 2048 bits).
bool is_small_dh(const TlsFacts& tls);
std::string small_dh(const TlsFacts& tls);  // in words

/// CONTRACT 2: "one finding a host when all its addresses agree, else one an address".
void raise_by_address(const Case& c, const std::vector<CopyFault>& faults, Findings& out);

/// D: what the text of one copy departs from (policy_text.cc).
std::vector<CopyFault> text_faults(const PolicyReading& reading, Mode live);

}  // namespace stswatch
