// MX hosts that RFC 8461 §4 has a sender skip, and that some deployed senders deliver to: Postfix compares
// the certificate with the policy's patterns and not with the host's name, mailauth lets a wildcard stand for
// any number of labels (RULES 0.4). Pure.
#pragma once

#include <span>
#include <string>

#include "checks/judge/case.h"

namespace stswatch {

inline constexpr std::string_view kResolverName = "postfix-mta-sts-resolver";

/// Postfix cannot make a TLS policy of these patterns, and defers all mail under them, whatever host the good
/// ones among them list: "secure match=A:B" holds a list, an IPv4 address or nothing.
bool postfix_cannot_use(std::span<const std::string> patterns);
bool stops_postfix(const Case& c);  // one of the enforce policies in effect is of that kind

/// Whose mail stops at what a text says, whatever the hosts do, and why: "with Postfix and ...".
struct StoppedByText {
  std::string whose{};  // empty: nobody's
  std::string why{};
};
StoppedByText stopped_by_text(const std::vector<Finding>& findings);

/// What Postfix does with "secure match=PATTERN:PATTERN...": any name of the certificate, its CN where it has
/// no DNS name, against any pattern, "*.x" at any depth. False where it could not read one of the patterns.
bool listed_by_certificate(const Certificate& leaf, std::span<const std::string> patterns);

/// The host is named by a pattern if "*." may stand for several labels.
bool below_wildcard(const std::string& host, std::span<const std::string> patterns);

/// certificate_listed where this address's certificate is, under every enforce policy in effect, and nothing
/// but names is wrong with it; else none.
Oddity oddity_at(const Case& c, const MxCase& mx, const MxAddressCase& at);

/// The same of the host, and whether its name is below a wildcard: below_wildcard, listed_and_below. Before
/// all that last_mode_milder, where it holds.
Oddity oddity_of(const Case& c, const MxCase& mx);

/// new_id_unreadable where nobody can fetch what the id shown now is of, and some hold a policy of another.
Oddity oddity_of_id(const Case& c);

/// Of all MX hosts together: who delivers to some of them.
Oddity oddity_of_all(const Case& c);
/// The same under this policy, whoever holds it.
Oddity oddity_of_all(const Case& c, const Policy& policy);

}  // namespace stswatch
