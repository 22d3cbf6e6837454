// A verdict for a person at a terminal: what is wrong, what it does to mail, how to mend it; one line when
// all is well.
#pragma once

#include <array>
#include <string>

#include "checks/judge/verdict.h"

namespace stswatch {

// Verdicts as a Nagios plugin prints them: a status line with performance data, then a line per problem.

class NagiosReport {
 public:
  void add(const Verdict& verdict);
  std::string text() const;

 private:
  std::array<std::size_t, 4> count_{};  // by Status
  std::size_t domains_ = 0;
  std::string first_problem_;  // of the worst status seen
  Status worst_ = Status::ok;
  std::string lines_;
  std::string perfdata_;
};

/// CONTRACT 1: of several domains critical over warning over unknown over ok.
Status worse(Status a, Status b);

struct TextStyle {
  bool colour = false;
  bool explain = false;  // effect, fix and reference of every finding, notes included
  int width = 100;       // columns to wrap at
};

std::string to_text(const Verdict& verdict, const TextStyle& style);

}  // namespace stswatch
