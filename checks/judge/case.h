// The case a rule judges: the facts of one look, with every text parsed once, and what senders may hold from
// before.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checks/judge/past.h"
#include "checks/judge/rules/readings.h"
#include "checks/judge/senders/simulation.h"
#include "checks/judge/verdict.h"

namespace stswatch {

// What senders may hold besides what they can fetch now (RULES 4.3), for the rules that speak of it: each
// live pair of an id and a policy with what it means for the MX hosts of today. Pure.

struct Held {
  WorldId id;
  WorldPolicy policy;
  std::optional<TimePoint> until;     // null: open, it can still be fetched under this id
  bool refreshable = false;           // now: another id is shown and the policy host answers
  bool shown_id = false;              // its id is the one shown now, in this window or an earlier one
  bool present = false;               // what is served now, or was last, says the same
  std::vector<std::string> unlisted;  // MX hosts of today that it does not list
  int usable_mx = 0;                  // MX hosts that may be usable under it now
};

/// Every pair that is live at the world's now.
std::vector<Held> held_now(const World& world);
/// Of each policy the copy that lives longest under the id shown now, and under another: as many as a rule
/// needs, of however many there are.
std::vector<Held> longest_held(const World& world);

/// The latest end among enforce pairs: what "senders enforce it until" means.
struct EnforcedUntil {
  bool any = false;
  std::optional<TimePoint> at{};  // null with `any`: no end is foreseen
  std::string words() const { return at ? to_utc(*at) : std::string(); }
};
EnforcedUntil enforced_until(const std::vector<Held>& held);

/// The policy served at present, else the last one; null when none was ever seen.
const SeenPolicy* last_served(const Past& past);
/// The record shown at present; null when there is no usable one.
const SeenId* shown_id(const Past& past);
/// Since when neither is there any more; null while one is, or when none ever was.
std::optional<TimePoint> record_gone_since(const Past& past);
std::optional<TimePoint> policy_gone_since(const Past& past);

/// One address of the policy host and what it proves.
struct PolicyCopy {
  const PolicyFetch* fetch = nullptr;
  Outcome outcome = Outcome::unknown;            // ok, invalid, absent (404/410), unreachable, unknown
  std::string result_type;                       // RFC 8460 §4.3: empty when ok or unknown
  std::shared_ptr<const PolicyReading> reading;  // when a body was read over a good connection, status 200
  std::string detail;                            // why it is not ok, with values; empty when ok
};

/// One address of an MX host and what it proves, by itself.
struct MxAddressCase {
  Address address;
  const SmtpProbe* probe = nullptr;  // null: not looked at
  HostOutcome outcome = HostOutcome::unknown;
  std::optional<Flapping> flapping{};  // it answers now so, now so: `outcome` is unknown
  std::string code;                    // the finding this address's fault is; empty when ok
  std::string result_type;
  std::string detail;
  Dane dane = Dane::unknown;
  DaneReading tlsa{};  // where the host has secure TLSA records
  /// Looks in a row have proved that nobody is served there: not merely unreachable for this one look.
  bool dead() const { return outcome == HostOutcome::unreachable && probe && probe->repeated; }
};

struct MxCase {
  std::string host;
  int preference = 0;
  const MxHostObservation* look = nullptr;  // null: not looked at yet
  bool literal = false;                     // the target is an address written as a name
  std::vector<MxAddressCase> addresses;
  bool dane = false;  // secure TLSA records of which some can be used: senders that do DANE go by them
  std::optional<bool> usable;  // by itself: some address ok; false: all proven bad; null: unknown
};

struct Case {
  const DomainObservation& facts;
  const Vantage& vantage;
  const Limits& limits;
  History history;
  TimePoint now;

  StsRecordReading record{};  // empty reading when the answer is unknown
  TlsrptReading tlsrpt{};
  bool announced = false;            // a record in any spelling exists, or _mta-sts is a CNAME
  bool synthesised = false;          // what stands there is a wildcard's, and announces nothing
  std::vector<PolicyCopy> copies{};  // one per address of the policy host
  std::vector<Policy> policies{};    // distinct readings that some sender would apply, most served first
  std::vector<Policy> in_effect{};   // those, when the record is usable, or leaves those that take it no host
  bool null_mx = false;
  std::vector<MxCase> mx{};  // by preference; the implicit MX (D itself) when there is none
  bool implicit_mx = false;
  World world{};              // of the memory, or of this look alone
  Simulation foreseen{};      // what follows from it
  std::vector<Held> held{};   // the live pairs in it
  Mode live = Mode::none;     // RULES 0.3; CONTRACT 2 without memory
  bool live_assumed = false;  // the worst case, because the announced policy cannot be read
  Mode asked = Mode::none;    // the strongest that any sender goes by, be it the last of two modes in a file

  // What the newest look itself saw, where `facts` holds more: what it could not see is our own view (group
  // Q). Null: `facts` is that look.
  const DomainObservation* newest = nullptr;
  std::vector<PolicyCopy> newest_copies{};

  /// RULES 3.2 A: "a record exists in any spelling or a policy is remembered", one that asks for something.
  bool deployed() const;
  /// The record leads senders to a policy: by RFC 8461 §3.1, or most of them all the same.
  bool announces() const { return record.usable() || !in_effect.empty(); }
  /// Somebody without a cache gets a policy of this content now.
  bool is_in_effect(const WorldPolicy& policy) const;
  const Policy* shown() const { return policies.empty() ? nullptr : &policies.front(); }
};

/// The case refers to all that it was prepared from.
Case make_case(const DomainObservation& facts, const MxLooks& mx, const Vantage& vantage,
               const Limits& limits, const History& history = kNoHistory);
/// The same in two steps: what the facts say by themselves, for those who fold it into the history first,
/// and what follows from both.
Case read_case(const DomainObservation& facts, const MxLooks& mx, const Vantage& vantage,
               const Limits& limits);
void foresee(Case& c, const History& history);

/// The case goes into its verdict: what was foreseen is kept there.
Verdict judge(Case c);

/// What the copies of one fetch came to (CONTRACT 2, `policy.outcome`).
Outcome outcome_of(const std::vector<PolicyCopy>& copies, const HostAddresses& policy_host);
/// The distinct policies among them that some sender would apply, most served first.
std::vector<Policy> distinct_policies(const std::vector<PolicyCopy>& copies);
std::vector<PolicyCopy> copies_of(const DomainObservation& look, const Vantage& vantage);

// What one fetch or one probe proves (RULES 5.7); used by prepare.
PolicyCopy classify(const PolicyFetch& fetch, const Vantage& vantage, TimePoint now);
MxAddressCase classify(const SmtpProbe& probe, const std::string& host, const Vantage& vantage,
                       TimePoint now);

/// Fills in what DANE says of a host and its addresses (RFC 7672 §2.2).
void read_tlsa(const Case& c, MxCase& mx);

/// Servers that differ: a remark at first, `code`'s severity once no transfer explains it.
void raise_disagreement(const Case& c, std::string_view code, const SourceAnswer& answer, Findings& out);

// The rules, one theme each; order does not matter, inhibit() comes last.
void judge_record(const Case& c, Findings& out);      // A
void judge_fetch(const Case& c, Findings& out);       // B
void judge_policy_tls(const Case& c, Findings& out);  // C
void judge_policy_text(const PolicyReading& reading, const std::string& subject,
                       Findings& out);  // D, one copy
void judge_policy_texts(const Case& c,
                        Findings& out);  // D, every copy, each with its subject: judge() calls this one
void judge_semantics(const Case& c, Findings& out);       // E, O
void judge_mx(const Case& c, Findings& out);              // F
void judge_smtp(const Case& c, Findings& out);            // G
void judge_certificates(const Case& c, Findings& out);    // H
void judge_tlsrpt(const Case& c, Findings& out);          // K
void judge_drift(const Case& c, Findings& out);           // J, what holds now
void judge_changes(const Case& c, Findings& out);         // J, what happened in the last days
void judge_with_time(const Case& c, Findings& out);       // E, O: what needs a memory
void judge_dane(const Case& c, Findings& out);            // M, after G: a fault of STARTTLS is worse then
void judge_dane_over_time(const Case& c, Findings& out);  // M, what needs a memory or looks ahead
void judge_dnssec(const Case& c, Findings& out);          // N
void judge_provider(const Case& c, Findings& out);        // P
void judge_aside(const Case& c, Findings& out);           // B, E, H, K: what is looked at rarely
void judge_vantage(const Case& c, Findings& out);         // Q, R

/// RULES 5.5 and 3.1: consequences of a named cause are dropped; null MX silences what needs an MX.
void inhibit(const Case& c, Findings& out);

}  // namespace stswatch
