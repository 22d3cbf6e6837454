// Which subject is due next. Each subject stands in the schedule once, so a late schedule stretches instead
// of growing. No clock and no lock of its own: the caller brings the time and guards it.
#pragma once

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "checks/facts/time.h"

namespace stswatch {

enum class Kind { domain, mx };

struct Subject {
  Kind kind = Kind::domain;
  std::string name;
  auto operator<=>(const Subject&) const = default;
};

class Schedule {
 public:
  explicit Schedule(std::uint32_t seed) : random_(seed) {}

  void add(const Subject& subject, TimePoint due);  // no change when it is there already
  void remove(const Subject& subject);
  bool has(const Subject& subject) const { return entries_.contains(subject); }

  /// Takes the subject that is longest overdue at `now`; MX hosts only when `mx_allowed`. It stays out until
  /// done().
  std::optional<Subject> take(TimePoint now, bool mx_allowed);
  /// Back in after its look, due `interval` from `now`, spread by a tenth either way. Nothing when it was
  /// removed.
  void done(const Subject& subject, TimePoint now, Seconds interval);
  /// Due at once; when it is being looked at, due again as soon as that look is done.
  void hurry(const Subject& subject, TimePoint now);

  std::optional<TimePoint> next_due(bool mx_allowed) const;
  /// How long the subject of this kind that waits longest has been due.
  Seconds late(Kind kind, TimePoint now) const;
  std::size_t count(Kind kind) const;

 private:
  struct Entry {
    TimePoint due{};
    bool taken = false;
    bool hurried = false;
  };
  using Queue = std::set<std::pair<TimePoint, Subject>>;
  Queue& queue(Kind kind) { return kind == Kind::mx ? mx_ : domains_; }
  const Queue& queue(Kind kind) const { return kind == Kind::mx ? mx_ : domains_; }

  std::map<Subject, Entry> entries_;
  Queue domains_, mx_;  // those not taken
  std::mt19937 random_;
};

}  // namespace stswatch
