// Group G: STARTTLS on each address of each MX host (RFC 8461 §4, RFC 3207).
#include <algorithm>
#include <array>

#include "checks/judge/mx_faults.h"

namespace stswatch {
namespace {

constexpr std::array<std::string_view, 6> kCodes = {
    "starttls-not-supported",  "starttls-refused",  "starttls-handshake-failure",
    "tls-version-unsupported", "mx-probe-deferred", "mx-probe-rejected",
};

}  // namespace

void judge_smtp(const Case& c, Findings& out) {
  for (const MxCase& mx : c.mx) {
    std::vector<AddressFault> faults;
    for (const MxAddressCase& at : mx.addresses) {
      const auto code = std::ranges::find(kCodes, at.code);
      if (code != kCodes.end()) faults.push_back({*code, &at, at.detail});
    }
    raise_by_address(c, mx, faults, out);
  }
}

}  // namespace stswatch
