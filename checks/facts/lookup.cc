#include "checks/facts/lookup.h"

namespace stswatch {

std::string TxtRecord::joined() const {
  std::string out;
  for (const std::string& s : strings) {
    out += s;
  }
  return out;
}

}  // namespace stswatch
