// The pages for people (CONTRACT 6): the domains by urgency, and one domain whole. Pure renderings of a
// snapshot; they work without scripts, and what the network said stands in them as text only.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "agent/remember/memory.h"
#include "agent/tell/html.h"
#include "agent/tell/json.h"
#include "agent/tell/snapshot.h"
#include "checks/facts/text.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch {

struct ListQuery {
  std::string search{};          // part of a name or of a finding's code
  std::string status{};          // "ok", "warning", ...; empty: all
  std::string sort = "urgency";  // or "breakage", "name", "mode", "look"
  std::size_t page = 1;
};

std::string page_of_domains(const Snapshot& snapshot, const ListQuery& query);

/// null: not watched, or not looked at yet.
const DomainMemory* find_domain(const Snapshot& snapshot, const std::string& name);
/// `asked`: when somebody asked for a look on this page. nullopt: likewise.
std::optional<std::string> page_of_domain(const Snapshot& snapshot, const std::string& name,
                                          std::optional<TimePoint> asked = {});

/// For whatever else there is to say to a person.
std::string page_of_message(const std::string& title, const std::string& words, const std::string& up,
                            const std::vector<Incident>& own = {});

// Words that the pages share.

/// "enforce", "no MTA-STS", "unknown", and what older caches may still hold where that differs.
std::string mode_in_words(const Verdict& verdict);

/// What comes for the domain's mail, in the words of someone who has to act on it.
struct ForecastWords {
  std::string_view kind = "dim";  // a class of the style sheet: how it looks
  std::string what;               // "Mail of enforcing senders stops in 5 d 23 h"
  std::optional<TimePoint> at;    // its date, unless it is now
  std::string why;                // "the certificate of mx1.example.com expires"
};
ForecastWords forecast_in_words(const Verdict& verdict, const Claims& claims, TimePoint now);
/// "not seen since 2026-12-01 00:00 UTC"; empty while all is fresh.
std::string age_in_words(const Claims& claims);

/// The newest look at any part of it.
std::optional<TimePoint> last_look(const DomainMemory& memory);

/// "3 min ago", "just now".
std::string ago(TimePoint at, TimePoint now);
/// "2026-12-01 00:00 UTC"
std::string in_minutes(TimePoint at);
/// The same, for machines too.
void write_time(Html& page, TimePoint at);
/// "in 3 d 4 h (2026-12-01 00:00 UTC)"; "3 min ago (…)" for what is past.
void write_when(Html& page, TimePoint at, TimePoint now);

/// On top of every page: what the agent cannot see or do at present, and what to do about it.
void write_own_trouble(Html& page, const std::vector<Incident>& own);
/// What ails the agent itself, a line each, for those who ask by HTTP; empty: nothing.
std::string own_trouble_in_words(const std::vector<Incident>& own);

/// What a change, or a finding, is called: the catalogue's title, or words for plain facts.
std::string title_of(std::string_view code);

// Silences and acknowledgements on a domain's page: what is silenced, the form that silences, and what a form
// that was sent asks for.

/// The fields of the form, as they were sent.
struct SilenceForm {
  std::string code, subject;  // of an open finding; both "*": the whole domain
  std::string span;           // one of those that the form offers
  std::string comment;
};

/// Only what is open on this domain can be silenced, so that nobody silences more than he sees. The error is
/// for the sender.
tl::expected<Silence, std::string> silence_of(const SilenceForm& form, const DomainMemory& memory,
                                              TimePoint now);

/// The button for who is at what was told of the domain, or the word that somebody is.
void acknowledgement(Html& page, const DomainMemory& memory, const Snapshot& snapshot);
/// All that stand, with who made them and until when; nothing where there is none.
void all_silences(Html& page, const Snapshot& snapshot);
/// The form for all of the domain, and the silences that touch it.
void silence_of_domain(Html& page, const DomainMemory& memory, const Snapshot& snapshot);
/// The form for one finding, or the word that it is silenced.
void silence_of_finding(Html& page, const DomainMemory& memory, const Finding& finding,
                        const Snapshot& snapshot);

// The picture of what comes: what expires when, what caches hold until when, where breakage falls. SVG, with
// the same facts as a table for those who do not see it.

struct TimelineBar {
  enum class Kind { certificate, cache };
  Kind kind = Kind::certificate;
  std::string label;               // host and address, or what a sender holds
  std::optional<TimePoint> until;  // null: no end is foreseen
  bool late = false;               // past its renewal point
};

struct TimelineMark {
  TimePoint at{};
  std::string words;
  bool urgent = false;  // stands out
};

/// Bars of the certificates and caches of `world`; marks of the simulation, and those that are given.
void write_timeline(Html& page, const World& world, const Simulation& result,
                    std::vector<TimelineMark> marks = {});

}  // namespace stswatch

namespace stswatch::domain_page {

// The sections of a domain's page, each in the file of its theme. Private to page_domain*.cc.

/// What the pictures and tables of one domain are made of.
struct View {
  const DomainMemory& memory;
  const Verdict& verdict;
  const Snapshot& snapshot;
  const World& world;
  const Simulation simulation;
  Claims claims;
  const FollowedPlan* plan = nullptr;  // null: none is followed

  TimePoint now() const { return snapshot.now; }
};

// What was seen: page_domain_seen.cc
void record_and_policy(Html& page, const View& view);
void mx_hosts(Html& page, const View& view);
// What senders hold, and what was: page_domain_seen.cc
void senders(Html& page, const View& view);
void past_incidents(Html& page, const View& view);
void history(Html& page, const View& view);
// The plan that is followed, nothing where there is none: page_domain.cc
void plan(Html& page, const View& view);
std::vector<TimelineMark> marks_of_plan(const View& view);
// What senders report, nothing where they do not: page_reports.cc
void reported(Html& page, const View& view);
// What to publish: page_domain.cc
void publish(Html& page, const View& view);

/// A table that scrolls by itself where it is too wide. On a narrow screen its cells stand below each other,
/// each behind the name of its column.
class Table {
 public:
  Table(Html& page, const char* name, std::initializer_list<const char*> columns);
  ~Table() { page_.raw("</tbody></table></div>"); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  /// Begins a row, and its first cell, which names it.
  Html& row();
  /// Ends the cell before, and begins the next.
  Html& cell(std::string_view kind = {});
  void end_row() { page_.raw("</td></tr>"); }

 private:
  Html& page_;
  const std::vector<const char*> columns_;
  std::size_t column_ = 0;
};

}  // namespace stswatch::domain_page
