// The two TXT records of a domain, and the fields that both are made of. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "checks/facts/oddity.h"
#include "checks/facts/result.h"

namespace stswatch {

// What the records of RFC 8461 §3.1 and RFC 8460 §3 share: `name "=" value` fields between `*WSP ";" *WSP`.

struct TxtField {
  std::string_view text;   // without the WSP that belongs to the delimiters
  std::size_t offset = 0;  // of text in the record, in octets from 0
  bool closed = false;     // a ";" stands behind it
  bool blank_end = false;  // not closed, and WSP behind it that belongs to no delimiter
  bool glued = false;      // nothing between the ";" before it and its first octet

  std::string_view name() const { return text.substr(0, text.find('=')); }
  bool has_value() const { return text.find('=') != std::string_view::npos; }
  std::string_view value() const {
    return has_value() ? text.substr(text.find('=') + 1) : std::string_view();
  }
  std::size_t value_offset() const { return offset + name().size() + 1; }
};

/// Hands out the fields behind the first ";" of a record, one by one.
class TxtFields {
 public:
  explicit TxtFields(std::string_view record);
  std::optional<TxtField> next();

 private:
  std::string_view record_;
  std::size_t at_;
  bool more_;
};

/// RFC 8461 §3.1: (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
bool is_extension_name(std::string_view name);
/// RFC 8461 §3.1: 1*(%x21-3A / %x3C / %x3E-7E)
bool is_extension_value(std::string_view value);
/// Why `field` is no extension: what stands where, in words; empty when it is one.
std::string extension_fault(const TxtField& field);
/// The offset of the first octet that is neither printable ASCII nor WSP.
std::optional<std::size_t> first_foreign(std::string_view text);
/// `octet 0xC2 at offset 17`, `"x" at offset 3`, or `the end` when there is none.
std::string at_offset(std::string_view record, std::size_t offset);

/// A record some way off the version ("v=stsv1", " v=STSv1", "\"v=STSv1", "v = STSv2"): the tag with case
/// folded behind at most eight octets that are no letters or digits. `tag` is "sts" or "tlsrpt".
bool resembles_version(std::string_view record, std::string_view tag);
/// The version is there, as a field behind another one.
bool has_later_version(std::string_view record, std::string_view version);

/// The TXT RRset by what the discard rule makes of it (RFC 8461 §3.1, RFC 8460 §3).
struct TxtSorted {
  std::vector<std::string> kept;   // begin with the version and ";"
  std::vector<std::string> other;  // discarded
};
/// Of `kept`, in words: a set is read up to bounds::kTxtRecords and one more.
std::string how_many(const TxtSorted& sorted);
TxtSorted discard_foreign(const std::vector<TxtRecord>& rrset, std::string_view version);

// The TXT record at _mta-sts.D: RFC 8461 §3.1, read strictly, with each departure from the grammar named.

enum class StsRecordFault {
  multiple,           // more than one record begins "v=STSv1;"
  syntax,             // outside the ABNF, no more precise fault below
  version_invalid,    // v=stsv1, V=STSv1, v=STSv2, a leading space or quote character
  version_not_first,  // v=STSv1 present, but behind another field
  id_missing,
  id_invalid,
  duplicate_field,         // only the first counts (§3.2)
  space_before_delimiter,  // "v=STSv1 ;": grammar and filter rule of §3.1 disagree
  trailing_data,           // white space or text behind the final delimiter
  non_ascii,
  other_records,  // foreign TXT records at the name: discarded
};

struct StsRecordDeparture {
  StsRecordFault fault;
  std::string detail;  // names the offending text, octet and offset; printable
  Oddity oddity = Oddity::none;
};

/// What a sender makes of the whole TXT RRset.
struct StsRecordReading {
  enum class Verdict { valid, none, invalid };
  Verdict verdict = Verdict::none;
  std::string id;  // of a valid record; of an invalid one the id that lenient senders would take, if any
  std::vector<std::pair<std::string, std::string>> extensions;
  std::vector<StsRecordDeparture> departures;  // also of a valid record (duplicate field, other records...)

  bool usable() const { return verdict == Verdict::valid; }
  bool has(StsRecordFault fault) const;
  /// A record "in any spelling" exists: valid, invalid, or a version variant that every sender discards.
  bool announced() const;
};

StsRecordReading read_sts_records(const std::vector<TxtRecord>& rrset);

// The TXT record at _smtp._tls.D: RFC 8460 §3.

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
