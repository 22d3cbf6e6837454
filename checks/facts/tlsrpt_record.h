// The TXT record at _smtp._tls.D: RFC 8460 §3.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "checks/facts/lookup.h"

namespace stswatch {

enum class TlsrptFault { multiple, syntax, rua_missing, rua_scheme, rua_encoding };

struct TlsrptDeparture {
  TlsrptFault fault;
  std::string detail;  // printable
};

struct TlsrptReading {
  enum class Verdict { valid, none, invalid };
  Verdict verdict = Verdict::none;
  std::vector<std::string> rua;          // as published, still percent-encoded
  std::vector<std::string> deliverable;  // the mailto and https ones a reporter can use
  std::vector<std::pair<std::string, std::string>> extensions;
  std::vector<TlsrptDeparture> departures;

  bool usable() const { return verdict == Verdict::valid; }
  bool has(TlsrptFault fault) const;
};

TlsrptReading read_tlsrpt_records(const std::vector<TxtRecord>& rrset);

}  // namespace stswatch
