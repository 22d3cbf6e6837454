// One finding as a user reads it, and the collector that rules raise findings into.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checks/facts/domain.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/catalogue.h"
#include "checks/judge/catalogue/deployed.h"

namespace stswatch {

/// Whom a finding or forecast speaks of: a domain or host, or one address of a host.
struct Subject {
  std::string name;
  std::string address{};  // empty: all of them
  std::string str() const { return address.empty() ? name : name + ' ' + address; }
  bool operator==(const Subject&) const = default;
};

struct Finding {
  std::string code;
  Severity severity = Severity::info;
  Route route = Route::log;
  std::string subject;  // the domain, policy host, MX host, or "HOST ADDRESS"
  std::string detail;   // what was seen, with values
  std::string effect;   // what it does to mail
  std::string fix;
  std::string reference;      // "RFC 8461 §4.1"
  bool of_the_agent = false;  // speaks of our own view: changes no status
  bool part = false;          // of a cause with a finding of its own: told below that
  SenderNames refused_by{};   // deployed senders that refuse or misread this (CONTRACT 2)
  SenderNames accepted_by{};  // those that apply it, or deliver there, all the same (CONTRACT 2)
  std::optional<TimePoint> held_since{}, good_since{};  // of one that is fine now and held open
  bool operator==(const Finding&) const = default;
};

using Fill = std::pair<std::string_view, std::string>;  // placeholder without braces, value

class Findings {
 public:
  /// `until`: when the last enforce policy that senders hold ends; empty where that is not known. `asked`:
  /// the strongest mode that any sender goes by, where severities follow another; the texts speak of it.
  Findings(const Domain& domain, Mode live, TimePoint now, std::string until = {},
           std::optional<Mode> asked = {})
      : domain_(domain), live_(live), asked_(asked.value_or(live)), now_(now), until_(std::move(until)) {}

  /// Each raise hands out the finding, null where none was raised; it is good until the next one.
  /// Raises a code of the catalogue (unknown codes are a bug: assertion). Dropped when the catalogue does not
  /// raise it in the live mode, or when the same code and subject is there already (the first detail stays).
  Finding* raise(std::string_view code, std::string subject, std::string detail,
                 std::initializer_list<Fill> fills = {});
  /// As raise, with a severity other than the catalogue's where RULES says so (e.g. info below a threshold).
  Finding* raise_as(Severity severity, std::string_view code, std::string subject, std::string detail,
                    std::initializer_list<Fill> fills = {});

  /// Of a code whose row asks whether it was good before: only then does its route hold, else it is a ticket,
  /// which it is also when raised without telling.
  Finding* raise_known(bool was_good, std::string_view code, std::string subject, std::string detail,
                       std::initializer_list<Fill> fills = {});

  /// As raise, at most this severe: what fails is a part, and the rest still serves.
  Finding* raise_at_most(Severity most, std::string_view code, std::string subject, std::string detail,
                         std::initializer_list<Fill> fills = {});
  /// As raise, told as `route` where the severity allows it (RULES 5.1).
  Finding* raise_routed(Route route, std::string_view code, std::string subject, std::string detail,
                        std::initializer_list<Fill> fills = {});

  bool has(std::string_view code) const;
  Finding* find(std::string_view code);  // the first of this code, null without one
  bool has(std::string_view code, std::string_view subject) const;
  Mode live() const { return live_; }
  const std::vector<Finding>& all() const { return all_; }
  std::vector<Finding>& all() { return all_; }

 private:
  Domain domain_;
  Mode live_, asked_;
  TimePoint now_;
  std::string until_;
  std::vector<Finding> all_;
};

/// How it is told, by its row, a part as a symptom; what the catalogue no longer knows is a cause of no
/// particular kind.
Nature nature_of(const Finding& finding);

/// A change of the MX set.
bool is_of_mx_set(std::string_view code);

/// Whom exactly this concerns: the finding (null: nothing to do) names the deployed senders of these oddities
/// in place of those of its code's plain row, and its effect those that deliver or fetch all the same.
void tell_senders(Finding* finding, std::span<const Oddity> oddities);
/// The same by the rows of another code, whose matter this finding tells in other words.
void tell_senders_as(Finding* finding, std::string_view code, std::span<const Oddity> oddities);
/// These have nothing to do with what the finding (null: nothing to do) says: they deliver all the same.
void let_off(Finding* finding, const SenderNames& senders);

/// The finding stands on a record or a policy, and so has a list of those that refuse it, if an empty one.
bool is_on_text(const Finding& finding);

/// Most severe first, then in catalogue order, then by subject.
std::vector<Finding> sorted(std::vector<Finding> findings);

/// A fresh id for a record, from the time of the look: "20261123T160000Z" (RFC 8461 §3.1: letters and
/// digits).
std::string fresh_id(TimePoint now);

}  // namespace stswatch
