// Prints verdicts as they come, in the format asked for, and knows the worst of them. One thread.
#pragma once

#include <iosfwd>
#include <map>
#include <string>

#include "agent/commands/commands.h"
#include "agent/tell/text.h"

namespace stswatch {

class CheckReport {
 public:
  CheckReport(const CheckCommand& command, std::ostream& out);

  /// Tells a verdict that was asked for `times` times, once now. Returns what tell_again() wants for the
  /// others: far smaller than the verdict.
  std::string tell(const Verdict& verdict, std::size_t times = 1);
  void tell_again(const std::string& told);
  void finish();

  /// False once the output cannot be written any more.
  bool heard() const;
  /// 0 ok, 1 warning, 2 critical, 3 unknown; 74 when the output was lost.
  int exit_code() const;

 private:
  const CheckCommand& command_;
  std::ostream& out_;
  NagiosReport nagios_;
  Status worst_ = Status::ok;
  std::map<std::string, std::string> blind_;  // what could not be seen from here: code -> an example
  bool first_ = true;
};

}  // namespace stswatch
