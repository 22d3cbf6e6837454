// A verdict for a person at a terminal: what is wrong, what it does to mail, how to mend it; one line when
// all is well.
#pragma once

#include <string>

#include "checks/judge/verdict.h"

namespace stswatch {

struct TextStyle {
  bool colour = false;
  bool explain = false;  // effect, fix and reference of every finding, notes included
  int width = 100;       // columns to wrap at
};

std::string to_text(const Verdict& verdict, const TextStyle& style);

}  // namespace stswatch
