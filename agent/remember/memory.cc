#include "agent/remember/memory.h"

namespace stswatch {

std::string_view to_string(Part part) {
  switch (part) {
    case Part::sts_record:
      return "sts_record";
    case Part::policy:
      return "policy";
    case Part::mx:
      return "mx";
    case Part::tlsrpt_record:
      break;
  }
  return "tlsrpt_record";
}

}  // namespace stswatch
