#include "checks/facts/tlsrpt_record.h"

#include <algorithm>
#include <string_view>

#include "checks/facts/bounds.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "checks/facts/txt_fields.h"
#include "checks/facts/uri.h"

namespace stswatch {

namespace {

using Fault = TlsrptFault;
using Verdict = TlsrptReading::Verdict;

constexpr std::string_view kVersion = "v=TLSRPTv1";
constexpr std::ptrdiff_t kPerFault = 4;

void note(TlsrptReading& out, Fault fault, const std::string& detail) {
  const auto same = [&](const TlsrptDeparture& d) { return d.fault == fault; };
  if (std::count_if(out.departures.begin(), out.departures.end(), same) >= kPerFault) return;
  out.departures.push_back({fault, printable(detail, bounds::kDetail)});
}

/// Reads the fields of the one record that counts.
class Reader {
 public:
  Reader(std::string_view record, TlsrptReading& out) : record_(record), out_(out) {}

  void read() {
    TxtFields fields(record_);
    while (const auto field = fields.next()) {
      take(*field);
    }
    if (!rua_named_) bad(Fault::rua_missing, "no \"rua=\" in " + text::quoted(record_, 120));
    out_.verdict = usable_ ? Verdict::valid : Verdict::invalid;
    if (usable_) return;
    out_.rua.clear();
    out_.deliverable.clear();
    out_.extensions.clear();
  }

 private:
  void bad(Fault fault, const std::string& detail) {
    usable_ = false;
    note(out_, fault, detail);
  }

  void take(const TxtField& field) {
    const bool after_rua = was_rua_;
    was_rua_ = false;
    if (field.text.empty()) {
      if (field.closed) bad(Fault::syntax, "empty field before " + at_offset(record_, field.offset));
      return;
    }
    const bool is_rua = text::trim(field.name()) == "rua";
    rua_named_ = rua_named_ || is_rua;
    if (field.blank_end) {
      bad(Fault::syntax, "white space behind the last value, at offset " +
                             std::to_string(field.offset + field.text.size()) + ", without a \";\"");
    }
    if (const auto i = first_foreign(field.text)) {
      bad(Fault::syntax, at_offset(record_, field.offset + *i) + " is not printable ASCII");
    } else if (field.name() == "rua" && field.has_value()) {
      was_rua_ = true;
      take_rua(field);
    } else if (const std::string fault = extension_fault(field); fault.empty()) {
      out_.extensions.emplace_back(field.name(), field.value());
    } else if (after_rua && field.glued && !field.has_value()) {
      bad(Fault::rua_encoding, "\";\" at offset " + std::to_string(field.offset - 1) +
                                   " ends the URI: inside one it is written %3B");
    } else {
      bad(Fault::syntax, fault);
    }
  }

  // RFC 8460 §3: tlsrpt-rua = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri)
  void take_rua(const TxtField& field) {
    std::string_view rest = field.value();
    if (rest.empty()) return bad(Fault::rua_missing, "\"rua=\" is empty");
    bool first = true;
    while (true) {
      const std::size_t comma = rest.find(',');
      const std::string_view piece = rest.substr(0, comma);
      // The grammar has no white space behind "=", nor behind the last URI (that was stripped with the
      // delimiter).
      std::string_view uri = text::rtrim(piece);
      if (!first) uri = text::ltrim(uri);
      take_uri(uri, !first && uri.size() == piece.size());
      if (comma == std::string_view::npos) return;
      rest.remove_prefix(comma + 1);
      first = false;
    }
  }

  void take_uri(std::string_view uri, bool glued) {
    if (uri.empty()) return bad(Fault::syntax, "an empty URI beside a comma in \"rua=\"");
    // RFC 8460 §3: commas, exclamation points and semicolons MUST be encoded
    if (uri.find('!') != std::string_view::npos) {
      return bad(Fault::rua_encoding,
                 text::quoted(uri) + ": \"!\" is written %21, and there is no size suffix");
    }
    if (uri.find_first_of(" \t") != std::string_view::npos) {
      return bad(Fault::rua_encoding,
                 text::quoted(uri) + ": a blank is written %20, URIs are separated by commas");
    }
    const auto parts = parse_uri(uri);
    if (!parts) return no_uri(uri, glued);
    out_.rua.emplace_back(uri);
    if (is_report_address(*parts)) {
      out_.deliverable.emplace_back(uri);
    } else if (text::iequals(parts->scheme, "mailto") || text::iequals(parts->scheme, "https")) {
      note(out_, Fault::rua_scheme,
           text::quoted(uri) + " names no address or host that a report could go to");
    } else {
      note(out_, Fault::rua_scheme, text::quoted(uri) + ": only mailto: and https: are defined");
    }
  }

  void no_uri(std::string_view uri, bool glued) {
    const bool has_scheme = uri.find(':') != std::string_view::npos;
    const bool odd = uri.find_first_of("\"<>\\^`{|}%") != std::string_view::npos;
    if (has_scheme || odd) return bad(Fault::syntax, text::quoted(uri) + " is no URI (RFC 3986)");
    if (glued && uri.find('@') == std::string_view::npos) {
      return bad(Fault::rua_encoding,
                 text::quoted(uri) + " behind a comma is no URI: inside one \",\" is written %2C");
    }
    bad(Fault::rua_scheme, text::quoted(uri) + " has no scheme: mailto: or https: is due");
  }

  std::string_view record_;
  TlsrptReading& out_;
  bool rua_named_ = false;
  bool was_rua_ = false;
  bool usable_ = true;
};

// A record that the discard rule drops, or would drop if it were not alone.
void read_dropped(const std::string& record, bool alone, TlsrptReading& out) {
  const bool begins = record.starts_with(kVersion);
  const std::string_view rest =
      begins ? std::string_view(record).substr(kVersion.size()) : std::string_view();
  if (begins && alone && text::ltrim(rest).starts_with(';')) {
    // RFC 8460 §3: field-delim = *WSP ";" *WSP, and only several records are filtered by "v=TLSRPTv1;".
    return Reader(record, out).read();
  }
  if (begins && (rest.empty() || !text::is_alnum(rest[0]))) {
    note(out, Fault::syntax,
         at_offset(record, kVersion.size()) + " where \";\" is due, in " + text::quoted(record, 100));
    if (alone) out.verdict = Verdict::invalid;
  } else if (resembles_version(record, "tlsrpt") || has_later_version(record, kVersion)) {
    note(out, Fault::syntax, "begins " + text::quoted(record, 60) + ": exactly \"v=TLSRPTv1;\" is due");
  }
}

}  // namespace

bool TlsrptReading::has(TlsrptFault fault) const {
  return std::any_of(departures.begin(), departures.end(), [&](const auto& d) { return d.fault == fault; });
}

TlsrptReading read_tlsrpt_records(const std::vector<TxtRecord>& rrset) {
  TlsrptReading out;
  // RFC 8460 §3: "records that do not begin with "v=TLSRPTv1;" are discarded"
  const TxtSorted sorted = discard_foreign(rrset, kVersion);
  if (sorted.kept.size() > 1) {
    // RFC 8460 §3: "If the number of resulting records is not one, senders MUST assume the recipient domain
    // does not implement TLSRPT."
    out.verdict = Verdict::invalid;
    note(out, TlsrptFault::multiple,
         std::to_string(sorted.kept.size()) + " records begin \"v=TLSRPTv1;\": " +
             text::quoted(sorted.kept[0]) + ", " + text::quoted(sorted.kept[1]));
  } else if (sorted.kept.size() == 1) {
    Reader(sorted.kept.front(), out).read();
  } else {
    for (const std::string& record : sorted.other) {
      read_dropped(record, rrset.size() == 1, out);
    }
  }
  return out;
}

}  // namespace stswatch
