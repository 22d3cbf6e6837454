// The errors of a configuration as one text.
#pragma once

#include <string>

#include "config/load.h"

namespace stswatch {

inline std::string joined(const ConfigErrors& errors) {
  std::string out;
  for (const auto& e : errors)
    out += e.str() + "\n";
  return out;
}

}  // namespace stswatch
