// TXT record sets at _mta-sts and _smtp._tls (RFC 8461 §3.1, RFC 8460 §3), a record a line, its strings apart
// by NUL; and the same as a TLSA record in text form. A record that is usable has an id that senders take.
#include <algorithm>
#include <cstdlib>

#include "checks/facts/certificate.h"
#include "checks/facts/records.h"
#include "checks/facts/result.h"

namespace {

using namespace stswatch;

void must(bool so) {
  if (!so) std::abort();
}

std::vector<std::string> parts(std::string_view text, char at) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const auto to = std::min(text.find(at, from), text.size());
    out.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  std::vector<TxtRecord> rrset;
  for (const auto& line : parts(octets, '\n'))
    rrset.push_back({parts(line, '\0')});
  const auto sts = read_sts_records(rrset);
  if (sts.usable()) {
    must(!sts.id.empty() && sts.id.size() <= 32);
    must(std::ranges::all_of(sts.id, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }));
  }
  for (const auto& departure : sts.departures)
    must(printable(departure.detail, departure.detail.size()) == departure.detail);
  (void)read_tlsrpt_records(rrset);
  if (const auto record = parse_tlsa(octets)) (void)record->brief();
  return 0;
}
