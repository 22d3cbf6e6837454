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

// What a finding says in place of its row's texts where these would mislead: of a domain that takes no mail,
// of a policy that only tests, of a name that no policy can hold. Constant data, kept apart from the rows
// since few have it; a rule that has raised a finding says which situation it is in.

enum class Situation {
  takes_no_mail,   // the domain has a null MX
  tests,           // the strongest mode that anybody may hold is testing
  underscore,      // {value}: the host whose name neither policy nor certificate can hold
  dangling_alias,  // {value}: where the CNAME leads to
  gates_pass,      // nothing stands in the way of enforce
  some_copies,     // {value}: the addresses of the policy host that serve this policy; others serve another
  stops_postfix,   // a pattern in effect that Postfix cannot use
  unreadable,      // the odd copies are no policy that anybody applies
  no_other_copy,   // {value}: the addresses of the policy host that serve this policy; no other serves one
  not_mail,        // {value}: a name that cannot be looked up, of the policy and not of the mail
  last_enforces,   // of two modes the last is enforce, under which no MX host is listed
  implicit_mx,     // there is no MX record: the host is the domain itself
  no_host_name,    // {value}: an MX target that no policy and no certificate for the world can name
  backup,          // better hosts of the domain are listed and work
  below_wildcard,  // {value}: a host more than one label below a wildcard of the policy
  one_line,        // the whole policy file is one line
  not_a_pattern,   // {value}: what the policy lists and no host is called
  asks_nothing,    // nobody may hold a policy that asks for anything
  no_address,      // none of the MX hosts has an address
  foreign,         // {value}: the domain that the host is under, which is not the owner's
  left_over,       // {value}: an MX record of a verification that is over
  no_mail,         // nobody can deliver to the domain, whatever it publishes
  existed,         // a domain that was there, and is no more
  no_hosts,        // it is there, with neither MX nor address
  hangs_up,        // the peer closes at once, where another is silent for minutes
  no_other,        // none of the hosts that are listed works
  no_policy,       // what is served there is no policy, whatever its type
  one_address,     // {address}: one that does so, while another one serves
  same_id,         // the earlier policy had the id of now
  other_hosts,     // the MX hosts are others than those of the earlier policy
  intermediate,    // {value}: the certificate of a CA that the host sends and that has ended
  unlisted,        // no policy in effect lists the host
  tests_implicit,  // as implicit_mx, where the policy only tests
  had_records,     // as implicit_mx, of a domain whose MX records are remembered
  compressed,      // the body is whole, in a coding that nobody undoes
  spaced_version,  // a blank before the ";" that ends the version
  cut_off,         // {who}: what reads the first 10 KiB of the policy, in which no host of use is listed
  binds_by_dane,   // the host has TLSA records that can be used, and no address of it serves TLS
  no_fetch,        // no address of the policy host serves a policy, and a new one would reach nobody
  none_listed,     // none of the MX hosts of now stands in the earlier policy
  former_hosts,    // {value}: MX hosts of before that the earlier policy lists
  never_listed,    // the earlier policy lists no host that was ever seen in the MX set
  key_beside,      // the key stands there in its right spelling too
  on_bad_line,     // the host stands on a line of the policy that is no host name
  host_gone,       // the policy host has no address either
  was_retired,     // a record was there, and went in order
  no_lookup,       // the name service of every MX host fails
  foreign_no_address,  // as foreign, of hosts of which none has an address
  others_listed,       // {value}: the hosts that are left out; the policy lists others of the MX set
};

struct SituationTexts {
  std::string_view code;
  Situation situation;
  std::string_view effect, fix;  // empty: the row's
};

std::span<const SituationTexts> situations();
const SituationTexts* texts_in(std::string_view code, Situation situation);

/// The finding (null: nothing to do) says what fits this situation, where its code has a text for it.
void say_for(Situation situation, const Domain& domain, TimePoint now, Finding* finding,
             std::initializer_list<Fill> fills = {});

}  // namespace stswatch
