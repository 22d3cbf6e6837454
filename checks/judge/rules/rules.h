// What is wrong with the certificate an MX host shows (RFC 8461 §4.2), each fault by its own code. Pure;
// shared by the weighing of a probe, the rules of group H and the world of the sender simulation.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/certificate.h"
#include "checks/facts/result.h"
#include "checks/facts/source.h"
#include "checks/facts/tlsa.h"
#include "checks/judge/case.h"
#include "checks/judge/past.h"

namespace stswatch {

// How much life left is too little: relative to the certificate's own lifetime (RULES 5.2).

enum class Life { healthy, overdue, critical, expired };

struct ExpiryLimits {
  Seconds warn{0};  // absolute floors; the larger of relative and absolute counts
  Seconds crit{0};
};

/// overdue: left < min(L/4, 21 d); L < 10 d: 0.375 L. critical: left < 0.10 L, at least 24 h, at most 7 d; L
/// < 10 d: 0.25 L, at least 24 h. expired: left <= 0. L = not_after - not_before.
Life judge_life(TimePoint not_before, TimePoint not_after, TimePoint now, const ExpiryLimits& limits);

struct CertificateFault {
  std::string_view code;
  std::string detail;
};

/// The faults for which enforcing senders skip the host, in the order of RFC 8460 §4.3 result types as
/// CONTRACT 2 asks for them: expired, host-mismatch, not-trusted. Dates are judged at `now`: the look may be
/// older.
std::vector<CertificateFault> certificate_faults(const PeerCertificates& peer, const std::string& host,
                                                 TimePoint now);

/// Why an older trust store, which the operator named, does not verify a chain that today's does.
std::string in_elder_words(const PeerCertificates& peer);

/// RFC 8460 §4.3 for a code of group H.
std::string_view certificate_result_type(std::string_view code);

/// Chain, purpose, strength and notBefore hold: only its end and its names are left to judge (CONTRACT 4,
/// `trusted`).
bool trusted_until_its_end(const PeerCertificates& peer, TimePoint now);

// DANE for SMTP (RFC 7672) as a sender sees one host and one chain: which TLSA records it can use, whether
// one of them vouches for the chain, and what it does then. For the rules and for lint; pure.

/// What the records of a host say of one chain.
struct DaneReading {
  std::vector<bool> usable;          // by record
  std::vector<std::size_t> matched;  // indices of those that vouch for the chain, names included
  bool known = false;                // every usable record was held against the chain
  bool misnamed = false;             // usage 2 would vouch, but the leaf names none of the reference names
  bool ta_missing = false;           // only usage 2 can be used, and no certificate that it names was sent

  bool any_usable() const;
  bool authenticated() const { return !matched.empty(); }
};

/// `leaf` null: no chain was shown. `names`: the reference names of RFC 7672 §3.2.2.
DaneReading read_dane(std::span<const TlsaRecord> records, std::span<const TlsaMatch> matches,
                      const Certificate* leaf, std::span<const std::string> names);

/// RFC 7672 §3.2.3: a DNS-ID names it, the common name only where there is no DNS-ID; a wildcard stands for
/// the whole left-most label.
bool dane_names(const Certificate& leaf, std::string_view name);

/// RFC 7671 §9: a record beside one of the same usage and selector with a stronger digest is not looked at.
bool is_outdone(std::span<const TlsaRecord> records, std::size_t index);

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
/// The latest end; null when one is open or there is none.
std::optional<TimePoint> latest_end(const std::vector<const Held*>& held);
std::string words_of(const std::optional<TimePoint>& at);

/// RFC 8461 §8.3: mode none was the last thing served, and whatever was served before has ended everywhere.
bool retired(const Case& c);
/// The same, while something else was served in the time that is remembered.
bool removal_complete(const Case& c);

inline constexpr Seconds kTold{7 * 24 * 3600};  // RULES 5.3: changes "stay visible 7 days"

void judge_ids(const Case& c, Findings& out);      // drift.cc
void judge_caches(const Case& c, Findings& out);   // drift_caches.cc
void judge_removal(const Case& c, Findings& out);  // drift_removal.cc

// A pool behind one address: STARTTLS or the certificate answers differently from one connection to the next.
// The last attempts tell it from a fault that has come to stay and from one that has gone. Pure.

inline constexpr std::size_t kAttempts = 20;  // that are remembered of one address

struct Flapping {
  std::size_t bad = 0, of = 0;  // attempts
  std::string faults;           // the codes of the bad ones, joined
  bool mostly_bad() const { return 2 * bad >= of; }
};

/// A bad attempt at this address has followed a good one at least three times among those remembered.
std::optional<Flapping> flapping_at(const HostPast& past, const std::string& address);

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

/// Policies in effect that a sender would apply to MX hosts: those of mode none ask for nothing (RFC 8461
/// §5).
std::vector<const Policy*> demanding_policies(const Case& c);

/// Every one of these policies lists the host (CONTRACT 2: "by every policy in effect").
bool listed_by_all(const std::string& host, const std::vector<const Policy*>& policies);

/// Neither policies (RFC 5321 §4.1.2) nor public certificates hold such a name.
bool has_underscore(const std::string& host);

/// Every IPv6 address of the host is dead while IPv4 works, seen from where IPv6 works.
bool ipv6_broken(const Case& c, const MxCase& mx);

// Group O: may a domain in testing go to enforce? What is false can be seen in one look; that the gates of
// RULES 3.3 have held for 14 days only a memory knows.

inline constexpr int kReadinessGates = 8;  // RULES 3.3

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
