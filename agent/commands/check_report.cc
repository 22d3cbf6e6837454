#include "agent/commands/check_looks.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/tell/html.h"
#include "agent/tell/json.h"

namespace stswatch {
namespace {

/// One line, the last: what could not be seen from here, whichever domains it concerns.
std::string blind_in_words(const std::map<std::string, std::string>& blind) {
  std::string out;
  for (const auto& [code, detail] : blind) {
    const auto* entry = find_in_catalogue(code);
    out += (out.empty() ? "not seen from here: " : "; ") + std::string(entry->title) + " (" + code +
           (detail.empty() ? "" : ": " + detail) + ")";
  }
  return out.empty() ? out : out + "\n";
}

}  // namespace

CheckReport::CheckReport(const CheckCommand& command, std::ostream& out) : command_(command), out_(out) {
  if (command_.format == Format::json) out_ << "[";
}

std::string CheckReport::tell(const Verdict& verdict, std::size_t times) {
  worst_ = worse(worst_, verdict.status);
  for (const auto& f : verdict.findings)
    if (nature_of(f).aspect == Aspect::own) blind_.emplace(f.code, f.detail);
  std::string told;
  switch (command_.format) {
    case Format::json:
      told = to_json(verdict).dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
      break;
    case Format::text:
      told = to_text(verdict, {command_.colour, command_.explain, command_.width});
      break;
    case Format::nagios:  // one report at the end: order means nothing in it
      for (std::size_t i = 0; i < times; ++i)
        nagios_.add(verdict);
      break;
  }
  tell_again(told);
  return told;
}

void CheckReport::tell_again(const std::string& told) {
  if (command_.format == Format::json) out_ << (first_ ? "\n" : ",\n");
  out_ << told << std::flush;
  first_ = false;
}

void CheckReport::finish() {
  if (command_.format == Format::json) out_ << "\n]\n";
  if (command_.format == Format::nagios) out_ << nagios_.text();
  if (command_.format == Format::text) out_ << blind_in_words(blind_);
  out_.flush();
}

bool CheckReport::heard() const { return out_.good(); }

int CheckReport::exit_code() const {
  if (!heard()) return kExitOutput;
  return stswatch::exit_code(worst_);
}

int exit_code(Status status) {
  switch (status) {
    case Status::ok:
      return 0;
    case Status::warning:
      return 1;
    case Status::critical:
      return 2;
    case Status::unknown:
      break;
  }
  return 3;
}

}  // namespace stswatch
