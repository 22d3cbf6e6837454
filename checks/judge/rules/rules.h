// What the rules of one theme share with those of another: hosts, DNSSEC, drift, readiness. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/observation.h"
#include "checks/facts/result.h"
#include "checks/judge/case.h"

namespace stswatch {

// How the faults of an MX host's addresses become findings: one for the host when all its addresses agree,
// else one an address (CONTRACT 2). For the rules on MX hosts; pure.

struct AddressFault {
  std::string_view code;
  const MxAddressCase* at = nullptr;
  std::string detail;
  std::vector<Oddity> oddities{};
};

void raise_by_address(const Case& c, const MxCase& mx, const std::vector<AddressFault>& faults,
                      Findings& out);

/// What a second, rare probe showed of an address (group G).
void add_second_probe(const Case& c, const MxCase& mx, const MxAddressCase& at,
                      std::vector<AddressFault>& faults);

/// At least half of the deployed senders find the policy by this record, or Postfix does, though RFC 8461
/// §3.1 may not have it (RULES 0.4).
bool widely_taken(const StsRecordReading& record);
SenderNames taken_by(const StsRecordReading& record);  // none: where it is no record at all
/// The others find none, and so nothing that a policy does to a host is said of them.
void let_off_refusing(const Case& c, Finding* finding);

/// Policies that senders apply to MX hosts now: those in effect, and those behind a record that most of them
/// take. Mode none asks for nothing (RFC 8461 §5).
std::vector<const Policy*> demanding_policies(const Case& c);

/// How many of the MX hosts a policy lists: of copies that differ, the one that lists most is taken to be the
/// right one, however few addresses serve it.
std::ptrdiff_t hosts_listed(const Case& c, const Policy& policy);

/// The patterns of a policy as it names them, what is no pattern in quotes; "no host" where there is none.
std::string pattern_list(const std::vector<std::string>& patterns);

/// Every one of these policies lists the host (CONTRACT 2: "by every policy in effect").
bool listed_by_all(const std::string& host, const std::vector<const Policy*>& policies);

/// The MX record by which Google once verified a domain: it takes no mail (RULES 3.4).
bool is_left_over(const std::string& host);

/// Neither policies (RFC 5321 §4.1.2) nor public certificates hold such a name.
bool has_underscore(const std::string& host);

/// Why nobody gets an address of the host: what its zone says of itself. Empty where a family that was not
/// seen may have one, and where only those who validate get none (dnssec-invalid tells that).
std::string unresolvable(const HostAddresses& addresses);

/// The host itself, or an address of it.
bool is_at(std::string_view subject, std::string_view host);

/// The domain that the host is registered under, where that is not the owner's: somebody else runs it, as a
/// rule. Empty for a host of the owner's.
std::string foreign_domain(const Domain& owner, const std::string& host);

/// Every IPv6 address of the host is dead while IPv4 works, seen from where IPv6 works.
bool ipv6_broken(const Case& c, const MxCase& mx);

// When DNSSEC signatures are overdue for renewal, and which of a zone's servers lags behind with them (RFC
// 4035 §5.3.1, RFC 6781 §4.4). For the rules and the forecast; pure.

/// The first of its signatures is about to end, and whoever signs should have renewed it by now.
bool signatures_lapse(const AnswerFacts& answer, TimePoint now);

/// The server that serves the records unsigned, or with signatures about to end, while another has newer
/// ones; empty where none is known to.
std::string lagging_signatures(const SourceAnswer& servers, TimePoint now);

// What the rules of group J share: how a held policy reads in a detail, and the state of a removal. Pure.

/// "id A with mx mx1.example.com, mx2.example.com".
std::string in_words(const Held& held);
std::string listed(const std::vector<std::string>& words);
/// The id of now was shown beside an enforce policy: senders that renew a copy without fetching keep that
/// one.
bool id_stood_for_enforce(const Past& past);
/// The latest end; null when one is open or there is none.
std::optional<TimePoint> latest_end(const std::vector<const Held*>& held);
std::string words_of(const std::optional<TimePoint>& at);

/// MX hosts of before that such a policy lists: those that could be brought back for whoever holds it.
std::vector<std::string> former_hosts(const Past& past, const std::vector<std::string>& patterns);

/// RFC 8461 §8.3: mode none was the last thing served, and whatever was served before has ended everywhere.
bool retired(const Case& c);
/// The same, while something else was served in the time that is remembered.
bool removal_complete(const Case& c);

inline constexpr Seconds kTold{7 * 24 * 3600};  // RULES 5.3: changes "stay visible 7 days"

void judge_ids(const Case& c, Findings& out);      // drift.cc
void judge_caches(const Case& c, Findings& out);   // drift_caches.cc
void judge_removal(const Case& c, Findings& out);  // likewise

// Group O: may a domain in testing go to enforce? What is false can be seen in one look; that the gates of
// RULES 3.3 have held for 14 days only a memory knows.

inline constexpr int kReadinessGates = 8;             // RULES 3.3
inline constexpr Seconds kReadinessHeld{14 * 86400};  // "when all of these have held for 14 days"

/// A gate that does not hold, and why.
struct ClosedGate {
  int number = 0;
  std::string why;
  std::string str() const { return std::to_string(number) + ": " + why; }
  bool operator==(const ClosedGate&) const = default;
};

/// The gates that this look shows false; one may be there for several reasons.
std::vector<ClosedGate> closed_gates(const Case& c);

/// What one look says of a gate; null: nothing, so that its streak neither grows nor ends.
std::optional<bool> gate_holds(const Case& c, int gate, const std::vector<ClosedGate>& closed);

struct Readiness {
  std::vector<ClosedGate> open;          // gates that do not hold yet, each with why
  std::vector<std::string> held;         // the others, each with its date
  std::optional<TimePoint> clean_since;  // all that a look can show has held since
};

/// Of a memory: without one there are no dates.
Readiness readiness_of(const Case& c);

void judge_readiness(const Case& c, Findings& out);

}  // namespace stswatch
