// What the records of RFC 8461 §3.1 and RFC 8460 §3 share: `name "=" value` fields between `*WSP ";" *WSP`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/result.h"

namespace stswatch {

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

}  // namespace stswatch
