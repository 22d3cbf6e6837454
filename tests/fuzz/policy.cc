// The octets of a policy file (RFC 8461 §3.2). A strict reading is within the grammar's bounds, and whatever
// a strict sender takes a lenient one takes too.
#include "checks/facts/policy.h"

#include <cstdlib>

#include "checks/facts/result.h"

namespace {

void must(bool so) {
  if (!so) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stswatch;
  const auto reading = read_policy({reinterpret_cast<const char*>(data), size});
  must(!reading.strict || reading.lenient);
  if (reading.strict) {
    must(reading.strict->max_age <= 31557600);
    must(reading.strict->mode == Mode::none || !reading.strict->mx.empty());
    for (const auto& pattern : reading.strict->mx)
      must(is_mx_pattern(pattern));
  }
  for (const auto& departure : reading.departures)
    must(printable(departure.detail, departure.detail.size()) == departure.detail);
  return 0;
}
