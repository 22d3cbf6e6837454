// History from looks: what was there before and what is there now become windows and changes (RULES 4.1).
// Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "checks/judge/case.h"
#include "checks/judge/past.h"

namespace stswatch {

/// `confirmed` holds what is confirmed now, known parts of earlier looks included; its time is now. Its own
/// history is not asked. `seen`: this look by itself; `fetched`: what it saw of the policy, null if it did
/// not ask. The first look that knows a part is its baseline.
Past remember_look(Past past, const Case& confirmed, const DomainObservation& seen,
                   const std::vector<PolicyCopy>* fetched);
/// The same from the facts.
Past remember_look(Past past, const DomainObservation& confirmed, const MxLooks& mx, const Vantage& vantage,
                   const Limits& limits, const DomainObservation& seen, bool fetched);

/// What this look proved of each address, as it was seen and before any confirmation: what tells a pool from
/// a fault.
HostPast note_attempts(HostPast past, const MxHostObservation& look, const Vantage& vantage);

/// The same of its TLSA records: since when each is there, vouches, or is idle.
HostPast note_tlsa(HostPast past, const MxHostObservation& look);

/// Certificates of an MX host as a set, so that several nodes with keys of their own do not flap.
HostPast remember_look(HostPast past, const MxHostObservation& confirmed);

// What a memory may hold of one domain, however restless it is: a live window is never dropped, and where
// room must be made two become one that covers both, so that the result errs towards what may still be held.
// Internal to the fold; pure.

namespace past_bounds {
inline constexpr std::size_t kWindows = 256;             // of policies, and of ids
inline constexpr std::size_t kDead = 64;                 // policies that nobody can hold any more
inline constexpr std::size_t kPatternOctets = 1024;      // of one policy that has gone
inline constexpr std::size_t kPolicyOctets = 144 << 10;  // of all of them
inline constexpr std::size_t kChanges = 1000, kChangeOctets = 48 << 10;
inline constexpr std::size_t kForgottenIds = 2048;
}  // namespace past_bounds

/// A long list of patterns is told apart by its digest, not each time by all of its text.
void note_digest(Policy& policy);

void bound_policies(Past& past, const Case& c);
void bound_ids(Past& past);
void bound_changes(std::vector<Change>& changes);

/// Its window may have become part of another's: nobody can say under which id a sender holds what.
bool is_forgotten(const Past& past, const std::string& id);

// The windows of records and policies (RULES 4.1): from when to when a sender could have fetched each, as far
// as looks can tell. What was not seen is possible: a new id and an old policy are kept apart only by looks
// that lie no further apart than the schedule explains. Internal to the fold; pure.

struct LookAtWindows {
  const Case& confirmed;                             // its time is now
  const DomainObservation& seen;                     // this look by itself
  const std::vector<PolicyCopy>* fetched = nullptr;  // what it saw of the policy; null: it did not ask
};

/// Tells a change: its code, what was, what is.
using TellChange = std::function<void(std::string code, std::string from, std::string to)>;

void fold_record(Past& past, const LookAtWindows& look, const TellChange& changed);
/// After the record, so that what both became at once is known.
void fold_policies(Past& past, const LookAtWindows& look, const TellChange& changed);

// Certificates over time, as the set that a host shows: several nodes with keys of their own do not flap
// (RULES 5.7). Internal to the fold.

/// Those shown now are there, absent ones end.
void fold_certificates(std::vector<SeenCertificate>& known, const std::vector<const Certificate*>& shown,
                       TimePoint now);

/// What `shown` brings that none of the certificates of the last month had; from the first look nothing.
struct Novelty {
  std::set<std::string> before, fresh;
};
Novelty novelty(const std::vector<SeenCertificate>& known, const std::vector<const Certificate*>& shown,
                std::string SeenCertificate::*of_known, std::string Certificate::*of_shown, TimePoint now);

/// The first of them, and how many more there are.
std::string told(const std::set<std::string>& words);

}  // namespace stswatch
