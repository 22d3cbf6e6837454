// The judgement of one domain from facts: what `check --json` prints (CONTRACT 2) and every metric is made
// of.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checks/facts/observation.h"
#include "checks/facts/policy.h"
#include "checks/facts/records.h"
#include "checks/facts/tls_report.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/past.h"

namespace stswatch {

enum class Outcome { ok, invalid, absent, unreachable, unknown };
enum class HostOutcome { ok, failed, unreachable, unknown };
enum class Status { ok, warning, critical, unknown };
/// What a sender that does DANE makes of an address; none: it has no TLSA records, or none that can be used.
enum class Dane { unknown, none, matched, mismatched };

std::string_view to_string(Outcome outcome);
std::string_view to_string(HostOutcome outcome);
std::string_view to_string(Status status);
std::string_view to_string(Dane dane);

struct RecordVerdict {
  Outcome outcome = Outcome::unknown;
  std::string id;
  SenderNames taken_by{};  // deployed senders that it leads to the policy, where it is not valid (RULES 0.4)
  bool most_take() const { return 2 * taken_by.size() > sender_names().size(); }
  std::vector<std::string> texts;
  std::vector<std::string> cname;
};

struct PolicyAddressVerdict {
  Address address;
  Outcome outcome = Outcome::unknown;
  std::optional<int> http_status;
  std::string result_type;  // RFC 8460 §4.3; empty: none
  std::string detail;
  Shared<PeerCertificates> certificate;
  std::optional<TimePoint> held_from;  // the look that this is of; null: the newest that asked for the policy
};

struct PolicyVerdict {
  Outcome outcome = Outcome::unknown;
  std::optional<Policy> shown;  // strict, else lenient reading, of the copy most addresses serve
  std::string sha256;
  std::vector<PolicyAddressVerdict> addresses;
};

struct MxAddressVerdict {
  Address address;
  HostOutcome outcome = HostOutcome::unknown;
  std::optional<Stage> stage;  // where it ended, unless ok
  std::string result_type;
  std::string detail;
  std::string tls_version;
  std::string cipher;
  std::string group;  // of the key exchange
  Shared<PeerCertificates> certificate;
  Dane dane = Dane::unknown;
  std::optional<TimePoint> seen_at;  // the look that the outcome comes from; null: none asked this address
  bool operator==(const MxAddressVerdict&) const = default;
};

struct MxVerdict {
  std::string host;
  int preference = 0;
  std::optional<bool> allowed;  // the shown policy lists it; null without a policy
  bool copies_differ = false;   // of the copies that are served some leave it out by enforce, some do not
  std::optional<bool> usable;   // null: unknown. Judges the host by itself; a sender needs allowed and usable
  SharedList<MxAddressVerdict> addresses;
};

struct TlsrptVerdict {
  Outcome outcome = Outcome::unknown;
  std::vector<std::string> rua;
};

struct UsableMx {
  int min = 0;
  int max = 0;
  int of = 0;
  bool operator==(const UsableMx&) const = default;
};
std::string in_words(const UsableMx& usable);  // "1 of 2", "0 to 2 of 2"

/// What makes MX hosts drop out at a moment.
enum class Why {
  already,
  mx_none_in_policy,
  certificate_expired,
  policy_host_certificate_expired,
  signatures_ended,  // DNSSEC: no sender that validates finds the host any more
};

std::string_view to_string(Why why);  // the word of CONTRACT 4: "certificate-expired"

struct ForecastPoint {
  TimePoint at{};
  Why reason = Why::already;  // of the world result's first reason
  Subject subject;            // MX host (with address if it has several), policy host, or the domain
  bool operator==(const ForecastPoint&) const = default;
};

struct Forecast {
  std::optional<ForecastPoint> breakage;
  std::optional<ForecastPoint> degradation;
  std::optional<TimePoint> lapse;
  bool overdue = false;  // breakage comes from a certificate past its renewal point
};

struct Foresight;  // senders/simulation.h
/// What comes for senders of one kind that do DANE (RULES 4.5).
struct DaneOutlook {
  std::optional<ForecastPoint> breakage, degradation;
};

struct Verdict {
  explicit Verdict(Domain d) : domain(std::move(d)) {}
  Domain domain;
  TimePoint checked_at{};
  Status status = Status::unknown;
  std::optional<Mode> mode;  // of the policy in effect now
  Mode live_mode = Mode::none;
  RecordVerdict record;
  PolicyVerdict policy;
  Lookup mx_lookup = Lookup::unknown;
  bool null_mx = false;
  std::vector<MxVerdict> mx;
  TlsrptVerdict tlsrpt;
  std::optional<UsableMx> enforce_usable_mx;
  bool earlier_policy_works = false;  // some hold one that they cannot refresh, and use an MX host under it
  Forecast forecast;
  std::shared_ptr<const Foresight> foresight;  // what those two follow from; null before a judgement
  // Senders that do DANE alone, and both; only where a host has TLSA records that can be used.
  Shared<DaneOutlook> dane, dane_and_sts;
  std::vector<Finding> findings;  // most severe first, then in catalogue order
  bool undecided = false;         // with nothing worse found, the status is unknown
  // From memory; without one there is nothing to say.
  std::optional<UsableMx> field_usable_mx;
  std::optional<ForecastPoint> field_breakage, field_degradation;
  std::optional<TimePoint> safe_after;           // null also when a cache has no foreseeable end
  std::vector<std::string> readiness_open;       // gates that do not hold, each with why
  std::optional<TimePoint> testing_clean_since;  // all gates but time have held since
};

/// CONTRACT 2: critical, else warning, if a finding of that severity is there; else unknown where something
/// could not be judged; else ok.
Status status_of(const std::vector<Finding>& findings, bool undecided);

/// What a verdict says of more than what one look saw: mode, usable hosts, forecast, readiness and whether it
/// can be decided. `at_face_value` takes them from the verdict on what is confirmed, so that one doubtful
/// look moves no figure.
void take_figures(Verdict& at_face_value, const Verdict& confirmed);

/// What the operator expects and how early a certificate's end must be told.
struct Limits {
  enum class Expect { nothing, enforce, testing, none, absent };
  Expect expect = Expect::nothing;
  Seconds warn_before{0};  // besides the lifetime-relative thresholds: the larger counts
  Seconds crit_before{0};
  bool change_planned = false;             // a change window is open: change findings become info
  int readiness_sessions = 100;            // RULES 3.3, gate 5
  std::vector<TlsaRecord> standby_tlsa{};  // of keys that are kept for later
  int confirmations = 3;
  /// A watched domain that this one lies below, and that has a policy: none of its own (RFC 8461 §3.4).
  struct Above {
    std::string domain;
    Mode live = Mode::none;
    bool operator==(const Above&) const = default;
  };
  std::optional<Above> above{};
  /// Two looks at most so far apart leave no room that the schedule does not explain.
  Seconds grain{10 * 60};
  bool operator==(const Limits&) const = default;
};

/// What is remembered besides the newest look; all of it may be missing: then one look is judged by itself.
struct History {
  const Past* past = nullptr;
  std::map<std::string, std::shared_ptr<const HostPast>> hosts;  // by MX host
  const DomainReports* reports = nullptr;  // what senders have reported; null: nothing has ever come
};

inline const History kNoHistory{};

/// The newest look at each MX host; a host that is missing has not been looked at yet: unknown.
using MxLooks = std::map<std::string, std::shared_ptr<const MxHostObservation>>;

/// Pure: the same facts give the same verdict next year. The time judged at is `domain.at`.
Verdict judge(const DomainObservation& domain, const MxLooks& mx, const Vantage& vantage,
              const Limits& limits, const History& history = kNoHistory);

// What senders report, held against what was seen here: RULES 3.2 L, 5.3. Pure. A domain of which there are
// no reports gets none of these findings.

/// Reports that began within so long are what the findings rest on; older ones are not asked for.
inline constexpr Seconds kReportsJudged{31 * 86400};

/// `verdict` is on what looks have confirmed, `past` is what is remembered of the domain.
std::vector<Finding> judge_reports(const Verdict& verdict, const Past& past, const DomainReports& reports);

}  // namespace stswatch
