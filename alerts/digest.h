// The weekly mail: of the domains of one receiver what could not be seen, what is open, what changed, what
// comes and what is silenced. A plain value made from memory at one moment; nothing in it says "ok" of what
// was not seen lately (CONTRACT 2). Pure.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/remember/key_value_store.h"
#include "agent/remember/memory.h"
#include "alerts/options.h"
#include "checks/judge/claims.h"

namespace stswatch {

/// What is known of one domain, and how old that may be.
struct DigestDomain {
  std::string name;
  std::shared_ptr<const DomainMemory> memory;  // null: never looked at
  Claims claims;
};

struct DigestSource {
  std::vector<DigestDomain> domains;                       // in order
  std::vector<Incident> own;                               // of the agent itself
  std::vector<Silence> silences;                           // those of configuration and people
  std::vector<std::pair<TimePoint, std::string>> planned;  // what people have announced
  std::string external_url, vantage;
};

struct DigestLine {
  std::string domain;  // empty: the agent itself, or all
  std::string text;
  std::optional<TimePoint> at;
  std::optional<Severity> severity;
  bool operator==(const DigestLine&) const = default;
};

struct DigestPart {
  std::vector<DigestLine> lines;  // at most kMostDigestLines, the most important first
  std::size_t more = 0;           // beyond those
};

inline constexpr std::size_t kMostDigestLines = 100;

struct Digest {
  TimePoint from{}, to{};
  std::string key;                    // the same for each attempt to send it
  std::size_t watched = 0, good = 0;  // of `watched` so many were seen lately and have nothing open
  DigestPart unseen, open, over, changed, comes, silenced;
  std::string url, vantage;
};

/// What is to be told at `now` of the time since `since`.
Digest compose_digest(const DigestSource& source, TimePoint since, TimePoint now);
/// Whether a receiver is told of this domain.
bool is_for(const Wanted& wanted, const std::string& domain);

std::string digest_subject(const Digest& digest);
std::string digest_text(const Digest& digest);
std::string digest_html(const Digest& digest);

// When it is due, once a week, also across restarts.

/// The newest moment of the schedule that is not later than `now`.
TimePoint last_due(const WeeklyAt& at, TimePoint now);

class DigestSchedule {
 public:
  static constexpr Seconds kLate{3 * 86400};  // one that is older than this is left out
  static constexpr const char* kTable = "alert_digest";

  /// A receiver that has none yet waits for its first date. `key_values` outlives this.
  DigestSchedule(KeyValueStore& key_values, std::string receiver, WeeklyAt at, TimePoint now);

  /// The date of the digest that is owed; nullopt: none is.
  std::optional<TimePoint> due(TimePoint now);
  /// Since when it tells.
  TimePoint since() const { return last_; }
  TimePoint next(TimePoint now) const;
  void sent(TimePoint date);

 private:
  KeyValueStore& key_values_;
  const std::string receiver_;
  const WeeklyAt at_;
  TimePoint last_{};
};

}  // namespace stswatch
