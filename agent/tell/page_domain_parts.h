// The sections of a domain's page, each in the file of its theme. Private to page_domain*.cc.
#pragma once

#include <initializer_list>

#include "agent/tell/html.h"
#include "agent/tell/sight.h"
#include "agent/tell/timeline.h"
#include "checks/judge/senders/simulation.h"

namespace stswatch::domain_page {

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
// What senders hold, and what was: page_domain_past.cc
void senders(Html& page, const View& view);
void past_incidents(Html& page, const View& view);
void history(Html& page, const View& view);
// The plan that is followed, nothing where there is none: page_plan.cc
void plan(Html& page, const View& view);
std::vector<TimelineMark> marks_of_plan(const View& view);
// What senders report, nothing where they do not: page_reports.cc
void reported(Html& page, const View& view);
// What to publish: page_publish.cc
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
