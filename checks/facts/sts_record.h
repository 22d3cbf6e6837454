// The TXT record at _mta-sts.D: RFC 8461 §3.1, read strictly, with each departure from the grammar named.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "checks/facts/oddity.h"
#include "checks/facts/result.h"

namespace stswatch {

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

}  // namespace stswatch
