// A TLS report in whatever it comes: JSON, gzip, zip, or a mail (RFC 8460 §4, §5). What can be counted is
// bounded, and what cannot says why.
#include <cstdlib>

#include "checks/facts/result.h"
#include "checks/reports/read.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stswatch::reports;
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  for (const std::string_view type : {std::string_view{}, std::string_view{"message/rfc822"}}) {
    const auto reading = read_tls_report(octets, {.media_type = type, .file_name = "a!b!1!2.json.gz"});
    if (reading.parse != Reading::Parse::ok && reading.why.empty()) std::abort();
    if (stswatch::printable(reading.why, reading.why.size()) != reading.why) std::abort();
  }
  return 0;
}
