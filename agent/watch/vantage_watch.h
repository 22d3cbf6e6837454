// What this vantage has reached lately: whether a peer's silence can mean anything (RULES 5.7). Thread-safe.
#pragma once

#include <array>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "agent/watch/clock_witness.h"
#include "agent/watch/resolver_watch.h"
#include "agent/watch/starttls_watch.h"
#include "checks/facts/observation.h"
#include "checks/observe/observer.h"

namespace stswatch {

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
  /// Whether it validates, where it is trusted to; see ResolverWatch. Null facts: it is not.
  void asked_to_validate(const AnswerFacts* root, const AnswerFacts* bogus);
  std::optional<std::string> resolver_not_validating() const;
  /// When the fetches were made, by the agent's clock.
  void heard_dates(const std::string& policy_host, const std::vector<PolicyFetch>& fetches, TimePoint began,
                   TimePoint ended);
  std::optional<std::string> clock_skewed(TimePoint now) const;

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
