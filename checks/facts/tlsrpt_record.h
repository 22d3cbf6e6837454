// The TXT record at _smtp._tls.D: RFC 8460 §3.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checks/facts/result.h"

namespace stswatch {

// RFC 3986, as far as a TLSRPT `rua` needs it.

struct Uri {
  std::string_view scheme;
  std::optional<std::string_view> authority;  // between "//" and the path
  std::string_view path;
};

/// The parts of `text` if it matches URI of RFC 3986 appendix A; views into `text`.
std::optional<Uri> parse_uri(std::string_view text);

/// An https URI with a host to ask, or a mailto URI (RFC 6068) with an address to write to.
bool is_report_address(const Uri& uri);

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
