#include "checks/facts/records.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "checks/facts/address.h"
#include "checks/facts/bounds.h"
#include "checks/facts/domain.h"
#include "checks/facts/policy.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch {

namespace {

constexpr std::string_view kSubDelims = "!$&'()*+,;=";

bool is_unreserved(char c) { return text::is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
bool is_in(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// *( unreserved / pct-encoded / sub-delims / extra )
bool is_made_of(std::string_view s, std::string_view extra) {
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '%') {
      if (i + 2 >= s.size() || !text::is_hex(s[i + 1]) || !text::is_hex(s[i + 2])) return false;
      i += 2;
    } else if (!is_unreserved(s[i]) && !is_in(s[i], kSubDelims) && !is_in(s[i], extra)) {
      return false;
    }
  }
  return true;
}

bool is_scheme(std::string_view s) {
  return !s.empty() && text::is_alpha(s.front()) && std::all_of(s.begin(), s.end(), [](char c) {
    return text::is_alnum(c) || c == '+' || c == '-' || c == '.';
  });
}

// IP-literal = "[" ( IPv6address / IPvFuture ) "]", without the brackets
bool is_ip_literal(std::string_view s) {
  const auto address = Address::parse(s);
  if (address) return address->is_v6();
  if (s.size() < 4 || text::lower(s.front()) != 'v') return false;
  const std::size_t dot = s.find('.');
  if (dot == std::string_view::npos || dot < 2 || dot + 1 == s.size()) return false;
  const std::string_view version = s.substr(1, dot - 1);
  const std::string_view rest = s.substr(dot + 1);
  return std::all_of(version.begin(), version.end(), text::is_hex) &&
         rest.find('%') == std::string_view::npos && is_made_of(rest, ":");
}

struct Authority {
  std::string_view host;  // an IP literal keeps its brackets
  std::string_view port;
};

std::optional<Authority> parse_authority(std::string_view s) {
  if (const std::size_t at = s.find('@'); at != std::string_view::npos) {
    if (!is_made_of(s.substr(0, at), ":")) return std::nullopt;
    s.remove_prefix(at + 1);
  }
  const bool literal = s.starts_with('[');
  if (literal && s.find(']') == std::string_view::npos) return std::nullopt;
  const std::size_t end = literal ? s.find(']') + 1 : std::min(s.find(':'), s.size());
  const Authority out{s.substr(0, end), s.substr(std::min(end + 1, s.size()))};
  if (end < s.size() && s[end] != ':') return std::nullopt;
  if (!std::all_of(out.port.begin(), out.port.end(), text::is_digit)) return std::nullopt;
  if (literal ? !is_ip_literal(out.host.substr(1, out.host.size() - 2)) : !is_made_of(out.host, "")) {
    return std::nullopt;
  }
  return out;
}

std::string decode(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%' || i + 2 >= s.size()) {
      out += s[i];
      continue;
    }
    out += static_cast<char>(std::stoi(std::string(s.substr(i + 1, 2)), nullptr, 16));
    i += 2;
  }
  return out;
}

bool is_port(std::string_view port) {
  constexpr unsigned kMax = 65535;
  unsigned value = 0;
  for (const char c : port) {
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > kMax) return false;
  }
  return port.empty() || value != 0;
}

bool is_https_host(std::string_view authority) {
  const auto parts = parse_authority(authority);
  if (!parts || parts->host.empty() || !is_port(parts->port)) return false;
  return parts->host.starts_with('[') || to_a_labels(decode(parts->host)).has_value();
}

// RFC 5321 §4.1.2: Mailbox = Local-part "@" ( Domain / address-literal ), loosely on the left.
bool is_mailbox(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0) return false;
  const std::string_view local = address.substr(0, at);
  const std::string_view domain = address.substr(at + 1);
  const bool quoted = local.size() > 2 && local.front() == '"' && local.back() == '"';
  const auto odd = [&](char c) { return (c >= 0 && c <= ' ' && !(quoted && c == ' ')) || c == '\x7f'; };
  if (std::any_of(local.begin(), local.end(), odd)) return false;
  if (!quoted && local.find_first_of("@\"(),:;<>[]\\") != std::string_view::npos) return false;
  if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']') return true;
  const auto name = to_a_labels(domain);
  return name && is_mx_pattern(*name);
}

// RFC 6068 §2: to = addr-spec *("," addr-spec), each percent-encoded; RFC 8460 §3 wants the comma encoded as
// well.
bool is_mailto_path(std::string_view path) {
  const std::string all = decode(path);
  std::string_view rest = all;
  while (true) {
    const std::size_t comma = rest.find(',');
    if (!is_mailbox(rest.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<Uri> parse_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !is_scheme(text.substr(0, colon))) return std::nullopt;
  Uri uri;
  uri.scheme = text.substr(0, colon);
  std::string_view rest = text.substr(colon + 1);
  for (const char mark : {'#', '?'}) {
    const std::size_t at = rest.find(mark);
    if (at == std::string_view::npos) continue;
    if (!is_made_of(rest.substr(at + 1), ":@/?")) return std::nullopt;
    rest = rest.substr(0, at);
  }
  if (rest.starts_with("//")) {
    const std::size_t end = std::min(rest.find('/', 2), rest.size());
    uri.authority = rest.substr(2, end - 2);
    if (!parse_authority(*uri.authority)) return std::nullopt;
    rest = rest.substr(end);
  }
  uri.path = rest;
  if (!is_made_of(uri.path, ":@/")) return std::nullopt;
  return uri;
}

bool is_report_address(const Uri& uri) {
  // RFC 3986 §3.1: schemes are case-insensitive. RFC 8460 §3: "Two URI schemes are supported: "mailto" and
  // "https""
  if (text::iequals(uri.scheme, "https")) return uri.authority && is_https_host(*uri.authority);
  if (text::iequals(uri.scheme, "mailto")) return !uri.authority && is_mailto_path(uri.path);
  return false;
}

namespace {

using TlsrptVerdict = TlsrptReading::Verdict;

constexpr std::string_view kTlsrptVersion = "v=TLSRPTv1";
constexpr std::ptrdiff_t kPerTlsrptFault = 4;

void note(TlsrptReading& out, TlsrptFault fault, const std::string& detail) {
  const auto same = [&](const TlsrptDeparture& d) { return d.fault == fault; };
  if (std::count_if(out.departures.begin(), out.departures.end(), same) >= kPerTlsrptFault) return;
  out.departures.push_back({fault, printable(detail, bounds::kDetail)});
}

/// Reads the fields of the one record that counts.
class TlsrptReader {
 public:
  TlsrptReader(std::string_view record, TlsrptReading& out) : record_(record), out_(out) {}

  void read() {
    TxtFields fields(record_);
    while (const auto field = fields.next()) {
      take(*field);
    }
    if (!rua_named_) bad(TlsrptFault::rua_missing, "no \"rua=\" in " + text::quoted(record_, 120));
    out_.verdict = usable_ ? TlsrptVerdict::valid : TlsrptVerdict::invalid;
    if (usable_) return;
    out_.rua.clear();
    out_.deliverable.clear();
    out_.extensions.clear();
  }

 private:
  void bad(TlsrptFault fault, const std::string& detail) {
    usable_ = false;
    note(out_, fault, detail);
  }

  void take(const TxtField& field) {
    const bool after_rua = was_rua_;
    was_rua_ = false;
    if (field.text.empty()) {
      if (field.closed) bad(TlsrptFault::syntax, "empty field before " + at_offset(record_, field.offset));
      return;
    }
    const bool is_rua = text::trim(field.name()) == "rua";
    rua_named_ = rua_named_ || is_rua;
    if (field.blank_end) {
      bad(TlsrptFault::syntax, "white space behind the last value, at offset " +
                                   std::to_string(field.offset + field.text.size()) + ", without a \";\"");
    }
    if (const auto i = first_foreign(field.text)) {
      bad(TlsrptFault::syntax, at_offset(record_, field.offset + *i) + " is not printable ASCII");
    } else if (field.name() == "rua" && field.has_value()) {
      was_rua_ = true;
      take_rua(field);
    } else if (const std::string fault = extension_fault(field); fault.empty()) {
      out_.extensions.emplace_back(field.name(), field.value());
    } else if (after_rua && field.glued && !field.has_value()) {
      bad(TlsrptFault::rua_encoding, "\";\" at offset " + std::to_string(field.offset - 1) +
                                         " ends the URI: inside one it is written %3B");
    } else {
      bad(TlsrptFault::syntax, fault);
    }
  }

  // RFC 8460 §3: tlsrpt-rua = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri)
  void take_rua(const TxtField& field) {
    std::string_view rest = field.value();
    if (rest.empty()) return bad(TlsrptFault::rua_missing, "\"rua=\" is empty");
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
    if (uri.empty()) return bad(TlsrptFault::syntax, "an empty URI beside a comma in \"rua=\"");
    // RFC 8460 §3: commas, exclamation points and semicolons MUST be encoded
    if (uri.find('!') != std::string_view::npos) {
      return bad(TlsrptFault::rua_encoding,
                 text::quoted(uri) + ": \"!\" is written %21, and there is no size suffix");
    }
    if (uri.find_first_of(" \t") != std::string_view::npos) {
      return bad(TlsrptFault::rua_encoding,
                 text::quoted(uri) + ": a blank is written %20, URIs are separated by commas");
    }
    const auto parts = parse_uri(uri);
    if (!parts) return no_uri(uri, glued);
    out_.rua.emplace_back(uri);
    if (is_report_address(*parts)) {
      out_.deliverable.emplace_back(uri);
    } else if (text::iequals(parts->scheme, "mailto") || text::iequals(parts->scheme, "https")) {
      note(out_, TlsrptFault::rua_scheme,
           text::quoted(uri) + " names no address or host that a report could go to");
    } else {
      note(out_, TlsrptFault::rua_scheme, text::quoted(uri) + ": only mailto: and https: are defined");
    }
  }

  void no_uri(std::string_view uri, bool glued) {
    const bool has_scheme = uri.find(':') != std::string_view::npos;
    const bool odd = uri.find_first_of("\"<>\\^`{|}%") != std::string_view::npos;
    if (has_scheme || odd) return bad(TlsrptFault::syntax, text::quoted(uri) + " is no URI (RFC 3986)");
    if (glued && uri.find('@') == std::string_view::npos) {
      return bad(TlsrptFault::rua_encoding,
                 text::quoted(uri) + " behind a comma is no URI: inside one \",\" is written %2C");
    }
    bad(TlsrptFault::rua_scheme, text::quoted(uri) + " has no scheme: mailto: or https: is due");
  }

  std::string_view record_;
  TlsrptReading& out_;
  bool rua_named_ = false;
  bool was_rua_ = false;
  bool usable_ = true;
};

// A record that the discard rule drops, or would drop if it were not alone.
void read_dropped(const std::string& record, bool alone, TlsrptReading& out) {
  const bool begins = record.starts_with(kTlsrptVersion);
  const std::string_view rest =
      begins ? std::string_view(record).substr(kTlsrptVersion.size()) : std::string_view();
  if (begins && alone && text::ltrim(rest).starts_with(';')) {
    // RFC 8460 §3: field-delim = *WSP ";" *WSP, and only several records are filtered by "v=TLSRPTv1;".
    return TlsrptReader(record, out).read();
  }
  if (begins && (rest.empty() || !text::is_alnum(rest[0]))) {
    note(out, TlsrptFault::syntax,
         at_offset(record, kTlsrptVersion.size()) + " where \";\" is due, in " + text::quoted(record, 100));
    if (alone) out.verdict = TlsrptVerdict::invalid;
  } else if (resembles_version(record, "tlsrpt") || has_later_version(record, kTlsrptVersion)) {
    note(out, TlsrptFault::syntax, "begins " + text::quoted(record, 60) + ": exactly \"v=TLSRPTv1;\" is due");
  }
}

}  // namespace

bool TlsrptReading::has(TlsrptFault fault) const {
  return std::any_of(departures.begin(), departures.end(), [&](const auto& d) { return d.fault == fault; });
}

TlsrptReading read_tlsrpt_records(const std::vector<TxtRecord>& rrset) {
  TlsrptReading out;
  // RFC 8460 §3: "records that do not begin with "v=TLSRPTv1;" are discarded"
  const TxtSorted sorted = discard_foreign(rrset, kTlsrptVersion);
  if (sorted.kept.size() > 1) {
    // RFC 8460 §3: "If the number of resulting records is not one, senders MUST assume the recipient domain
    // does not implement TLSRPT."
    out.verdict = TlsrptVerdict::invalid;
    note(out, TlsrptFault::multiple,
         how_many(sorted) + " records begin \"v=TLSRPTv1;\": " + text::quoted(sorted.kept[0]) + ", " +
             text::quoted(sorted.kept[1]));
  } else if (sorted.kept.size() == 1) {
    TlsrptReader(sorted.kept.front(), out).read();
  } else {
    for (const std::string& record : sorted.other) {
      read_dropped(record, rrset.size() == 1, out);
    }
  }
  return out;
}

}  // namespace stswatch
