// What this vantage has reached lately: whether a peer's silence can mean anything (RULES 5.7). Thread-safe.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/watch/calendar.h"
#include "checks/facts/observation.h"
#include "checks/observe/observer.h"

namespace stswatch {

// Whether the configured resolver is at fault (RULES 5.8, vantage-resolver-blind): it is a suspect before
// any domain is. Counts looks, knows no clock: RFC 9520 lets a resolver keep a failure for five minutes, so
// that asking it again is no second proof. Not thread-safe.

class ResolverWatch {
 public:
  void saw(const DomainObservation& look);
  /// What one look by itself proves: the resolver fails where the zone answers, or answers for nothing at
  /// all.
  static std::string proved_by(const DomainObservation& look);
  void forget(const std::string& domain) { failing_.erase(domain); }
  /// Why it is; empty: it is not, as far as is known.
  std::string blind() const;

  /// Where it is trusted to validate (dns.trust_ad): what it says of the root, which is signed, and of a name
  /// whose signatures are wrong on purpose.
  void asked_to_validate(const AnswerFacts& root, const AnswerFacts& bogus);
  /// Whether it is to be asked at `now`: once an hour, and at each turn while it is in doubt.
  bool validation_is_due(TimePoint now);
  /// It was not asked: it need not validate.
  void need_not_validate() { unvalidated_ = 0; }
  /// How it shows that it does not validate (vantage-resolver-not-validating); empty: nothing speaks for it.
  std::string not_validating() const;

 private:
  enum class Proof { none, bogus, contradicted, dead };
  struct Failing {
    Proof proof = Proof::none;
    int looks = 0;            // in a row
    std::uint64_t since = 0;  // the first of them
    std::string detail{};
  };
  bool together(std::vector<std::uint64_t> since, std::size_t needed) const;
  static Proof proof_of(const DomainObservation& look, std::string& detail);

  std::map<std::string, Failing> failing_;  // by domain: those whose newest look it failed
  std::uint64_t looks_ = 0;
  std::optional<TimePoint> validation_asked_;
  int unvalidated_ = 0;  // times in a row that it showed no validation
  std::string unvalidated_by_;
  bool secure_seen_ = false;        // it has called some name secure
  std::deque<std::uint64_t> good_;  // the newest looks without a failure, kGood at most
};

// Whether something near this agent takes STARTTLS out of SMTP sessions (vantage-starttls-stripped): hosts of
// several owners, or a canary, that offered it have all lost it, and nobody has offered it since. One owner's
// hosts alone are that owner's fault. Not thread-safe.

class StarttlsWatch {
 public:
  void saw(const MxHostObservation& look, bool canary);
  /// How it shows; empty: nothing speaks for it.
  std::string stripped() const;
  /// Some host has just lost it, and whether others have too is not known: none of another owner that offered
  /// it was looked at since. For some minutes at most.
  bool undecided(TimePoint now) const;

 private:
  /// What all that have lost it have in common.
  struct Loss {
    std::optional<TimePoint> first{};
    std::set<std::string> owners{};
    std::string names{};  // of three
    std::size_t hosts = 0;
    bool canary = false;
  };
  Loss loss() const;
  bool offered_since(TimePoint at) const;

  struct Seen {
    bool canary = false;
    TimePoint offered{};              // last
    std::optional<TimePoint> lost{};  // the first look without it since; null while it is offered
  };
  static constexpr std::size_t kMost = 10'000;  // hosts remembered; those offering longest ago go first
  std::map<std::string, Seen> hosts_;           // that have ever offered it
};

class VantageWatch {
 public:
  VantageWatch(bool ipv6, bool allow_private) : ipv6_(ipv6), allow_private_(allow_private) {}
  void configure(bool ipv6, bool allow_private);

  void saw(const MxHostObservation& look, bool canary = false);
  void saw(const std::string& policy_host, const std::vector<PolicyFetch>& fetches, TimePoint at);

  /// A round of the port-25 canaries (network.port25_canary): the one that answered, "" when none did. None:
  /// what was reached before proves nothing any more.
  void asked_canaries(const std::string& answered, TimePoint at);
  /// A resolver gave an answer that proves something, for a look at this policy host's domain or MX host.
  void resolved(const std::string& subject, TimePoint at);

  /// What a look says of the resolver itself, beside the zone's own servers (RULES 5.8). `port53_blocked`:
  /// those cannot be asked from here.
  void saw_resolver(const DomainObservation& look, bool port53_blocked);
  /// The domain is no longer looked at: what was held against the resolver by it goes too.
  void forget(const std::string& domain);
  /// Why the configured resolver, or the way to all mail hosts, is at fault; null: it is not, as far as is
  /// known.
  std::optional<std::string> resolver_blind() const;
  std::optional<std::string> starttls_stripped() const;
  /// See StarttlsWatch::undecided.
  bool starttls_undecided(TimePoint now) const;
  /// Whether it validates, where it is trusted to; see ResolverWatch. Null facts: it is not.
  void asked_to_validate(const AnswerFacts* root, const AnswerFacts* bogus);
  bool validation_is_due(TimePoint now);
  std::optional<std::string> resolver_not_validating() const;
  /// When the fetches were made, by the agent's clock.
  void heard_dates(const std::string& policy_host, const std::vector<PolicyFetch>& fetches, TimePoint began,
                   TimePoint ended);
  std::optional<std::string> clock_skewed(TimePoint now) const;
  /// See ClockWitness::awaited.
  bool awaits_dates(TimePoint now, SteadyPoint steady);

  /// As it stands for a domain with this policy host: "another host" is any other than it.
  Vantage now(const std::string& policy_host, TimePoint at) const;

  /// Whether MX hosts can be looked at from here: CONTRACT 7, stswatch_vantage_port25_ok.
  bool port25_ok(TimePoint at) const;
  /// Anybody was asked there yet.
  bool port25_tried() const;

 private:
  struct Reach {
    std::string host;
    TimePoint at{};
  };
  struct Port {
    std::array<Reach, 2> last;  // of two different hosts, newest first
    TimePoint tried{};
    TimePoint void_before{};
    void reached(const std::string& host, TimePoint at);
    bool other_than(const std::string& host, TimePoint at) const;
    TimePoint newest_besides(const std::string& host) const;
  };

  bool port25_blocked(TimePoint at) const;  // with mutex_ held

  mutable std::mutex mutex_;
  ResolverWatch resolver_;  // guarded by mutex_
  StarttlsWatch starttls_;  // likewise
  ClockWitness dates_;      // likewise
  bool port53_blocked_ = false;
  bool ipv6_, allow_private_;  // guarded by mutex_, as are the next two
  bool canaries_silent_ = false;
  Port https_, smtp_, spoke_, dns_;
};

/// The peer's TCP end answered: whatever came after.
bool answered(const std::optional<Failure>& failure);

// The port-25 canaries: hosts that the operator knows to answer on port 25 (network.port25_canary). When none
// of them does, port 25 is closed at this vantage, and the silence of MX hosts means nothing. Thread-safe.

class Canaries {
 public:
  Canaries(std::vector<std::string> hosts, Observer& observer, VantageWatch& vantage)
      : hosts_(std::move(hosts)), observer_(observer), vantage_(vantage) {}

  /// Asks one after the other until one greets, and tells the vantage; half a minute at most. Nothing when
  /// that was done a moment ago, or when no name could be looked up; whoever comes during a round waits for
  /// its end. No-op without hosts.
  void ask(TimePoint now, const Cancel& cancel);

 private:
  bool begin_round(TimePoint now, const Deadline& deadline);

  const std::vector<std::string> hosts_;
  Observer& observer_;
  VantageWatch& vantage_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool under_way_ = false;  // guarded by mutex_, as is the next
  TimePoint asked_{};
};

/// Some address of the host gave no answer at all on port 25, spoke no SMTP, or offered no STARTTLS: whether
/// that is the host or this vantage, a canary and other hosts tell.
bool dubious(const MxHostObservation& look);

}  // namespace stswatch
