// The catalogue: its columns as types, the row that says all that is known of a code, and the codes that
// somebody besides their rule asks for.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "checks/facts/policy.h"

namespace stswatch {

// The columns of the catalogue as types: what a finding is about, on what it rests, how it is told, what
// stands above it. None of them has a default, so that a row that leaves one out does not compile. Constant
// data.

enum class Severity { info, warning, critical };  // ordered
enum class Route { log, ticket, page };           // ordered by how soon a human must look

std::string_view to_string(Severity severity);
std::string_view to_string(Route route);

/// What a finding is about, in the order of the catalogue.
enum class Theme {
  record,       // the TXT record at _mta-sts
  fetch,        // getting the policy over HTTPS, up to the bytes of the body
  policy_tls,   // TLS and certificate of the policy host
  policy_text,  // the grammar of the policy
  semantics,    // what the policy says
  mx,           // MX records and their hosts
  smtp,         // SMTP and STARTTLS
  certificate,  // certificates of MX hosts
  forecast,     // what will come
  drift,        // changes, and what senders still hold
  tlsrpt,       // the TLSRPT record
  reports,      // TLS reports
  dane,
  dnssec,
  readiness,  // from testing to enforce
  provider,   // mail providers
  agent,      // this monitor itself
  further,    // what is wrong before any MTA-STS begins
};

std::string_view title_of(Theme theme);  // as a heading: "The text of the policy"

/// A column of a type that would have a default of its own.
template <class T>
class Given {
 public:
  constexpr Given(T value) : value_(value) {}  // NOLINT(google-explicit-constructor): a column is its value
  constexpr operator const T&() const { return value_; }  // NOLINT(google-explicit-constructor)

 private:
  T value_;
};

/// A text that somebody reads; an empty one does not compile.
class Words : public std::string_view {
 public:
  consteval Words(const char* text) : std::string_view(text) {  // NOLINT(google-explicit-constructor)
    if (empty()) throw "a text of the catalogue is empty";
  }
};

/// Whom a title begins with, for a notice that names the one it is about.
enum class Whom { nobody, mx_host, policy_host };

/// One line without full stop: "An MX host's certificate has expired".
class Title : public Words {
 public:
  consteval Title(const char* text) : Words(text) {  // NOLINT(google-explicit-constructor)
    for (const auto whom : {Whom::mx_host, Whom::policy_host})
      if (starts_with(generic(whom))) whom_ = whom;
  }
  constexpr Whom whom() const { return whom_; }
  /// What follows the generic name: "'s certificate has expired".
  constexpr std::string_view rest() const { return substr(generic(whom_).size()); }

 private:
  static constexpr std::string_view generic(Whom whom) {
    return whom == Whom::mx_host ? "An MX host" : whom == Whom::policy_host ? "The policy host" : "";
  }
  Whom whom_ = Whom::nobody;
};

/// By live mode none, testing, enforce; nullopt: not raised in that mode.
class Severities {
 public:
  using One = std::optional<Severity>;
  constexpr Severities(One none, One testing, One enforce) : by_mode_{none, testing, enforce} {}
  constexpr One operator[](Mode live) const { return by_mode_[static_cast<std::size_t>(live)]; }
  constexpr bool in_any_mode() const { return by_mode_[0] || by_mode_[1] || by_mode_[2]; }

 private:
  std::array<One, 3> by_mode_;
};

/// The agent's own view: raised as info in every mode, changes no status.
inline constexpr Severities kOwnView{std::nullopt, std::nullopt, std::nullopt};

/// How soon a human must look, in live mode enforce.
class Routing {
 public:
  constexpr Routing(Route route) : route_(route) {}  // NOLINT(google-explicit-constructor)
  /// Mail stops whatever the policy says: a page in every live mode, where others are tickets outside
  /// enforce.
  constexpr Routing in_every_mode() const { return {route_, true, only_if_it_was_good_}; }
  /// What never worked wakes nobody: the route holds where it was good before, a ticket else.
  constexpr Routing only_if_it_was_good() const { return {route_, in_every_mode_, true}; }

  constexpr operator Route() const { return route_; }  // NOLINT(google-explicit-constructor)
  constexpr bool holds_in_every_mode() const { return in_every_mode_; }
  constexpr bool needs_it_was_good() const { return only_if_it_was_good_; }

 private:
  constexpr Routing(Route route, bool every, bool was_good)
      : route_(route), in_every_mode_(every), only_if_it_was_good_(was_good) {}
  Route route_;
  bool in_every_mode_ = false, only_if_it_was_good_ = false;
};

/// RFC 8460 §4.3: how a reporter names it.
enum class ResultType {
  none,
  starttls_not_supported,
  certificate_host_mismatch,
  certificate_not_trusted,
  certificate_expired,
  validation_failure,
  tlsa_invalid,
  dnssec_invalid,
  dane_required,
  sts_policy_fetch_error,
  sts_policy_invalid,
  sts_webpki_invalid,
  no_policy_found,  // §4.4, the policy type
};

std::string_view to_string(ResultType type);  // empty: none

/// What has to be seen anew before it can be said that a finding is over.
enum class Ground {
  sts_record,
  policy,
  mx_set,
  subject_host,  // the MX host that is the subject, or that the domain no longer uses it
  any_host,
  tlsrpt_record,
  reports,
  agent,  // the agent knows by itself
};

class Basis {
 public:
  using Grounds = std::initializer_list<Ground>;
  static constexpr Basis all_of(Grounds grounds) { return {grounds, true}; }
  static constexpr Basis any_of(Grounds grounds) { return {grounds, false}; }

  /// `seen`: whether a ground was.
  template <class F>
  constexpr bool is_seen(F&& seen) const {
    for (unsigned i = 0; i <= static_cast<unsigned>(Ground::agent); ++i) {
      if ((grounds_ >> i & 1U) == 0) continue;
      if (seen(static_cast<Ground>(i)) != all_) return !all_;
    }
    return all_;
  }
  /// There is no saying that it is over without it.
  constexpr bool needs(Ground ground) const {
    const unsigned one = 1U << static_cast<unsigned>(ground);
    return all_ ? (grounds_ & one) != 0 : grounds_ == one;
  }

  /// Looks at the MX host show it, not those at the domain.
  constexpr Basis shown_at_host() const { return {grounds_, all_, true, by_repetition_}; }
  /// One look proves nothing, looks in a row do: silence, or an error of somebody's servers (RULES 5.3).
  constexpr Basis by_repetition() const { return {grounds_, all_, at_host_, true}; }
  constexpr bool is_shown_at_host() const { return at_host_; }
  constexpr bool needs_repetition() const { return by_repetition_; }

 private:
  constexpr Basis(Grounds grounds, bool all) : all_(all) {
    for (const auto ground : grounds)
      grounds_ |= 1U << static_cast<unsigned>(ground);
  }
  constexpr Basis(unsigned grounds, bool all, bool at_host, bool by_repetition)
      : grounds_(grounds), all_(all), at_host_(at_host), by_repetition_(by_repetition) {}
  unsigned grounds_ = 0;
  bool all_, at_host_ = false, by_repetition_ = false;
};

/// Findings of one family that come up together are told together.
enum class Family { delivery, publication, reports, agent };

/// What of the domain or host it speaks of: the next finding on it continues this one.
enum class Aspect {
  record,
  policy,
  semantics,
  protection,  // what senders that hold a policy still have of it
  retirement,
  match,  // of MX hosts and policy
  mx,
  reach,
  smtp,
  certificate,
  dane,
  breakage,
  backup,
  caches,
  stranger,  // a policy that nobody here wrote
  change,
  plan,  // what the owner has planned
  reports,
  agent,
  own,  // the agent's own trouble, which it tells once and not of each domain
};

std::string_view to_string(Aspect aspect);

enum class Claim {
  cause,
  symptom,  // follows from other findings: told with its cause
  change,   // something became something else: told once, never over
};

/// What a notice's title says of mail.
enum class Headline {
  title,                 // nothing beyond the catalogue's title
  no_mail,               // enforcing senders cannot deliver
  no_mail_from,          // nor will they, from the time that the forecast gives
  fewer_hosts_from,      // they lose hosts then
  no_mail_from_holders,  // those that hold the earlier policy cannot deliver
};

struct Nature {
  Given<Family> family;
  Given<Aspect> aspect;
  Given<Claim> claim;
  Given<bool> of_host;  // the fault of a host, whichever domains use it
  Given<Headline> headline;

  constexpr bool symptom() const { return claim == Claim::symptom; }
  constexpr bool change() const { return claim == Claim::change; }
};

/// How a finding is told. Where the same may be wrong with the policy host and with an MX host, of the former
/// otherwise.
class Telling {
 public:
  constexpr Telling(Nature nature) : nature_(nature), at_policy_host_(nature) {}  // NOLINT
  constexpr Telling but_of_policy_host(Nature other) const {
    Telling out(nature_);
    out.at_policy_host_ = other;
    return out;
  }
  constexpr const Nature& of(bool policy_host) const { return policy_host ? at_policy_host_ : nature_; }

 private:
  Nature nature_, at_policy_host_;
};

using Codes = std::span<const std::string_view>;

/// Whether it is said beside others (RULES 3.1, 5.5).
class Beside {
 public:
  /// Telling, whatever else there is.
  static constexpr Beside anything() { return {}; }
  /// Not told beside one of these on the same subject, or on the host whose address the subject is.
  static constexpr Beside anything_but(Codes suppressed_by) {
    Beside out;
    out.suppressed_by_ = suppressed_by;
    return out;
  }
  /// Nor where one of these stands, whatever its subject.
  constexpr Beside and_not_where(Codes elsewhere) const {
    Beside out = *this;
    out.elsewhere_ = elsewhere;
    return out;
  }
  /// "Suppresses the findings that need an MX": nor of a domain that takes no mail.
  constexpr Beside needs_mx() const {
    Beside out = *this;
    out.needs_mx_ = true;
    return out;
  }
  /// It says why senders that enforce skip a host; what needs such a reason is told only beside it.
  constexpr Beside says_why_skipped() const {
    Beside out = *this;
    out.says_why_skipped_ = true;
    return out;
  }
  constexpr Beside needs_why_skipped() const {
    Beside out = *this;
    out.needs_why_skipped_ = true;
    return out;
  }

  constexpr Codes suppressed_by() const { return suppressed_by_; }
  constexpr Codes suppressed_from_elsewhere_by() const { return elsewhere_; }
  constexpr bool is_of_mx() const { return needs_mx_; }
  constexpr bool is_why_skipped() const { return says_why_skipped_; }
  constexpr bool wants_why_skipped() const { return needs_why_skipped_; }

 private:
  constexpr Beside() = default;
  Codes suppressed_by_, elsewhere_;
  bool needs_mx_ = false, says_why_skipped_ = false, needs_why_skipped_ = false;
};

/// The published text that a finding is on: senders may refuse it, each in its own way.
enum class OnText { neither, record, policy };

// The catalogue: one row a finding says all that is known of its code. Constant data, one table per theme or
// pair of themes in the files beside this one; share freely. Codes are an outside interface: never rename
// one.

/// Texts may hold these placeholders, filled in by the rule that raises the code: {domain}, {policy_host},
/// {record}
/// (_mta-sts.D), {subject}, {host} (the subject without its address), {address}, {until} (a date from the
/// facts), {who} (the senders concerned), {new_id} (a fresh id from the time of the look), {value} (the
/// offending text).
struct CatalogueEntry {
  Words code;
  Given<Theme> theme;
  Severities severity;
  Routing route;  // in live mode enforce; see route_in()
  Given<ResultType> reported_as;
  Title title;
  Words effect;     // what senders do, a sentence or two
  Words fix;        // what to do, one to three sentences
  Words reference;  // "RFC 8461 §3.1"
  Basis rests_on;
  Telling told;
  Beside beside;
  Given<OnText> on_text;
  Given<Theme> advice;  // whose commands help to look at it by hand

  bool of_the_agent() const { return !severity.in_any_mode(); }
  /// nullopt: not raised in this live mode.
  std::optional<Severity> severity_in(Mode live) const;
  /// A page outside live mode enforce is a ticket, unless the row says otherwise; info is always log.
  Route route_in(Mode live) const;
};

std::span<const CatalogueEntry> catalogue();  // by theme, in the order of the tables
const CatalogueEntry* find_in_catalogue(std::string_view code);

namespace catalogue_tables {  // joined by catalogue.cc
std::span<const CatalogueEntry> record();
std::span<const CatalogueEntry> rare();  // of many themes
std::span<const CatalogueEntry> fetch();
std::span<const CatalogueEntry> policy_tls();
std::span<const CatalogueEntry> policy_text();
std::span<const CatalogueEntry> semantics();
std::span<const CatalogueEntry> mx();
std::span<const CatalogueEntry> smtp();
std::span<const CatalogueEntry> certificate();
std::span<const CatalogueEntry> forecast();  // and readiness
std::span<const CatalogueEntry> plans();
std::span<const CatalogueEntry> caches();  // the first part of drift
std::span<const CatalogueEntry> drift();
std::span<const CatalogueEntry> tlsrpt();
std::span<const CatalogueEntry> reports();
std::span<const CatalogueEntry> dane();  // and dnssec
std::span<const CatalogueEntry> provider();
std::span<const CatalogueEntry> agent();  // and further
}  // namespace catalogue_tables

}  // namespace stswatch

namespace stswatch::codes {

// Codes that somebody besides the rule that raises them asks for, as constants: whoever needs one more, asks
// first whether a column of the catalogue can say it. A test holds them against the catalogue.

inline constexpr std::string_view not_deployed = "sts-not-deployed";
inline constexpr std::string_view enforce_ready = "enforce-ready";
inline constexpr std::string_view breakage_now = "enforce-breakage-now";
inline constexpr std::string_view breakage_predicted = "enforce-breakage-predicted";
inline constexpr std::string_view none_listed = "mx-none-in-policy";
inline constexpr std::string_view duplicate_field = "sts-policy-duplicate-field";
inline constexpr std::string_view too_large = "sts-policy-too-large";
inline constexpr std::string_view resolver_blind = "vantage-resolver-blind";
inline constexpr std::string_view starttls_stripped = "vantage-starttls-stripped";
inline constexpr std::string_view resources = "vantage-resources";
inline constexpr std::string_view clock_stepped = "vantage-clock-stepped";
inline constexpr std::string_view clock_skew = "vantage-clock-skew";
inline constexpr std::string_view reports_failing = "agent-reports-failing";
inline constexpr std::string_view probe_disagrees = "tlsrpt-probe-disagrees";

inline constexpr std::array all = {none_listed,     duplicate_field,   not_deployed,      enforce_ready,
                                   breakage_now,    resolver_blind,    starttls_stripped, resources,
                                   clock_stepped,   clock_skew,        probe_disagrees,   too_large,
                                   reports_failing, breakage_predicted};

}  // namespace stswatch::codes
