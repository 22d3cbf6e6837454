// Group K: the TLSRPT record at _smtp._tls.D (RFC 8460 §3).
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"

namespace stswatch {
namespace {

std::string_view code_of(TlsrptFault fault) {
  switch (fault) {
    case TlsrptFault::multiple:
      return "tlsrpt-multiple";
    case TlsrptFault::syntax:
      return "tlsrpt-syntax-invalid";
    case TlsrptFault::rua_missing:
      return "tlsrpt-rua-missing";
    case TlsrptFault::rua_scheme:
      return "tlsrpt-rua-scheme";
    case TlsrptFault::rua_encoding:
      return "tlsrpt-rua-encoding";
  }
  return "tlsrpt-syntax-invalid";
}

/// Every address of a mailto URI (RFC 6068 §2) is at the domain itself.
bool is_at(std::string_view uri, const std::string& domain) {
  constexpr std::string_view kMailto = "mailto:";
  if (!text::istarts_with(uri, kMailto)) return false;
  std::string_view to = uri.substr(kMailto.size());
  to = to.substr(0, to.find('?'));
  const auto at = to.rfind('@');
  return at != to.npos && to_a_labels(to.substr(at + 1)) == domain;
}

}  // namespace

void judge_tlsrpt(const Case& c, Findings& out) {
  const TxtAnswer& answer = c.facts.tlsrpt;
  const std::string subject = c.facts.domain.tlsrpt_name();
  if (answer.lookup == Lookup::unknown) return;
  for (const TlsrptDeparture& first : c.tlsrpt.departures) {
    std::string detail;
    for (const TlsrptDeparture& d : c.tlsrpt.departures)
      if (d.fault == first.fault) detail += (detail.empty() ? "" : "; ") + d.detail;
    out.raise(code_of(first.fault), subject, printable(detail, bounds::kDetail));
  }
  // RFC 8460 §3: "records that do not begin with "v=TLSRPTv1;" are discarded"; strangers are no record.
  if (c.tlsrpt.verdict == TlsrptReading::Verdict::none && c.tlsrpt.departures.empty()) {
    const std::string detail = answer.records.empty() ? (answer.nxdomain ? "NXDOMAIN" : "no TXT record")
                                                      : "none of the TXT records there is one of TLSRPT";
    if (c.history.past && c.history.past->tlsrpt_was_valid)
      out.raise("tlsrpt-removed", subject, detail + ", a valid one was seen before");
    if (!out.has("tlsrpt-removed")) out.raise("tlsrpt-missing", subject, detail);
  }
  const auto& rua = c.tlsrpt.deliverable;
  const auto at_home = [&](const std::string& uri) { return is_at(uri, c.facts.domain.str()); };
  if (!rua.empty() && std::ranges::all_of(rua, at_home))
    out.raise("tlsrpt-rua-same-domain", subject, printable("rua=" + rua.front(), bounds::kDetail));
}

}  // namespace stswatch
