#include "checks/facts/records.h"

#include <algorithm>
#include <unordered_set>

#include "checks/facts/bounds.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch {

namespace {

using Verdict = StsRecordReading::Verdict;

constexpr std::string_view kVersion = "v=STSv1";
constexpr std::ptrdiff_t kPerRecordFault = 4;  // one finding each: a handful of examples is enough

void note(StsRecordReading& out, StsRecordFault fault, const std::string& detail,
          Oddity oddity = Oddity::none) {
  const auto same = [&](const StsRecordDeparture& d) { return d.fault == fault; };
  const auto known = [&](const StsRecordDeparture& d) { return same(d) && d.oddity == oddity; };
  if (std::count_if(out.departures.begin(), out.departures.end(), same) >= kPerRecordFault &&
      std::any_of(out.departures.begin(), out.departures.end(), known))
    return;
  out.departures.push_back({fault, printable(detail, bounds::kDetail), oddity});
}

/// White space before the version, or its letters in another case: what a reader that folds both takes.
bool is_version_folded(std::string_view record) {
  record = text::ltrim(record);
  return text::istarts_with(record, kVersion) && record.substr(kVersion.size()).starts_with(';');
}

/// A record beside the one that counts: some readers filter by less than "v=STSv1;" and count it too.
Oddity beside(std::string_view record) {
  if (!record.starts_with(kVersion)) return Oddity::none;
  const std::string_view rest = record.substr(kVersion.size());
  if (text::ltrim(rest).starts_with(';')) return Oddity::spaced_version;
  return rest.empty() || !text::is_alnum(rest.front()) ? Oddity::bare_version : Oddity::longer_version;
}

bool is_id(std::string_view value) {
  // RFC 8461 §3.1: sts-id = %s"id=" 1*32(ALPHA / DIGIT)
  return !value.empty() && value.size() <= bounds::kIdLength &&
         std::all_of(value.begin(), value.end(), text::is_alnum);
}

/// Reads the fields of the one record that counts.
class StsRecordReader {
 public:
  StsRecordReader(std::string_view record, StsRecordReading& out) : record_(record), out_(out) {}

  void read() {
    if (record_[kVersion.size()] != ';') {
      note(out_, StsRecordFault::space_before_delimiter,
           at_offset(record_, kVersion.size()) + ", before the first \";\": \"v=STSv1;\" is due");
    }
    TxtFields fields(record_);
    while (const auto field = fields.next()) {
      take(*field);
    }
    // RFC 8461 §3.1: "Note that sts-id record is required."
    if (!id_named_) {
      bad(StsRecordFault::id_missing,
          wrong_case_.empty() ? "no \"id=\" in " + text::quoted(record_, 120)
                              : text::quoted(wrong_case_) + " is no id: field names are case-sensitive",
          wrong_case_.empty() ? Oddity::none : Oddity::id_case);
    }
    out_.verdict = usable_ ? Verdict::valid : Verdict::invalid;
    if (!usable_) out_.extensions.clear();
  }

 private:
  void bad(StsRecordFault fault, const std::string& detail, Oddity oddity = Oddity::none) {
    usable_ = false;
    note(out_, fault, detail, oddity);
  }

  void take(const TxtField& field) {
    if (field.text.empty()) {
      if (field.closed) bad(StsRecordFault::syntax, "empty field before " + at_offset(record_, field.offset));
      return;
    }
    if (field.blank_end) {
      // RFC 8461 §3.1: white space belongs to a delimiter, and none stands here.
      bad(StsRecordFault::trailing_data, "white space behind the last value, at offset " +
                                             std::to_string(field.offset + field.text.size()) +
                                             ", without a \";\"");
    }
    const bool is_id_field = text::trim(field.name()) == "id";
    if (const auto i = first_foreign(field.text)) {
      // RFC 8461 §3.1: "MTA-STS TXT records MUST be US-ASCII"
      bad(StsRecordFault::non_ascii, at_offset(record_, field.offset + *i) + " is not printable ASCII");
      if (is_id_field) name_id(field);
    } else if (!field.has_value() && !field.closed && id_named_) {
      bad(StsRecordFault::trailing_data,
          text::quoted(field.text) + " at offset " + std::to_string(field.offset) +
              ", behind the final \";\", is no field",
          Oddity::part_without_value);
    } else if (is_id_field && !id_named_) {
      take_id(field);
    } else {
      take_other(field);
    }
  }

  void name_id(const TxtField& field) {
    if (!id_named_) out_.id = printable(text::trim(field.value()), bounds::kDetail);
    id_named_ = true;
  }

  void take_id(const TxtField& field) {
    name_id(field);
    const std::string_view value = field.value();
    if (field.name() != "id" || !field.has_value() || value.find_first_of(" \t") != std::string_view::npos) {
      bad(StsRecordFault::syntax, extension_fault(field), Oddity::id_spaced);
    } else if (!is_id(value)) {
      const auto odd = std::find_if_not(value.begin(), value.end(), text::is_alnum);
      std::string why = "is " + std::to_string(value.size()) + " long";
      if (value.empty()) why = "is empty";
      if (odd != value.end()) {
        why =
            "has " + at_offset(record_, field.value_offset() + static_cast<std::size_t>(odd - value.begin()));
      }
      bad(StsRecordFault::id_invalid,
          text::quoted(value) + ' ' + why + ": 1 to 32 letters and digits are due",
          value.empty() ? Oddity::id_empty : Oddity::none);
    }
    seen_.insert("id");
  }

  void take_other(const TxtField& field) {
    if (const std::string fault = extension_fault(field); !fault.empty()) {
      bad(StsRecordFault::syntax, fault);
      return;
    }
    // RFC 8461 §3.2: "If any non-repeated field ... is duplicated, all entries except for the first SHALL be
    // ignored."
    if (!seen_.insert(field.name()).second) {
      note(out_, StsRecordFault::duplicate_field,
           text::quoted(field.text) + " at offset " + std::to_string(field.offset) + " repeats \"" +
               printable(field.name(), 40) + "\": only the first counts",
           field.name() == "id" ? Oddity::id_repeated : Oddity::none);
      return;
    }
    if (text::iequals(field.name(), "id")) wrong_case_ = field.text;
    out_.extensions.emplace_back(field.name(), field.value());
  }

  std::string_view record_;
  StsRecordReading& out_;
  std::unordered_set<std::string_view> seen_{"v"};
  std::string_view wrong_case_;
  bool id_named_ = false;
  bool usable_ = true;
};

// A record that the discard rule drops, or would drop if it were not alone.
void read_dropped(const std::string& record, bool alone, StsRecordReading& out) {
  const bool begins = record.starts_with(kVersion);
  const std::string_view rest =
      begins ? std::string_view(record).substr(kVersion.size()) : std::string_view();
  if (begins && text::ltrim(rest).starts_with(';')) {
    // RFC 8461 §3.1: sts-field-delim = *WSP ";" *WSP, and only several records are filtered by "v=STSv1;".
    if (alone) return StsRecordReader(record, out).read();
    note(out, StsRecordFault::space_before_delimiter,
         at_offset(record, kVersion.size()) + " where \";\" is due");
  } else if (begins && (rest.empty() || !text::is_alnum(rest[0]))) {
    const bool foreign = !rest.empty() && text::is_foreign(rest[0]);
    note(out, foreign ? StsRecordFault::non_ascii : StsRecordFault::syntax,
         at_offset(record, kVersion.size()) + " where \";\" is due, in " + text::quoted(record, 100),
         Oddity::no_semicolon);
    if (alone) out.verdict = Verdict::invalid;
  } else if (resembles_version(record, "sts")) {
    const bool foreign = !text::is_ascii(record[0]);
    note(out, foreign ? StsRecordFault::non_ascii : StsRecordFault::version_invalid,
         "begins " + text::quoted(record, 40) + (foreign ? ", " + at_offset(record, 0) : "") +
             ": exactly \"v=STSv1;\" is due",
         is_version_folded(record) ? Oddity::version_case : Oddity::none);
  } else if (has_later_version(record, kVersion)) {
    note(out, StsRecordFault::version_not_first,
         text::quoted(record, 100) + ": \"v=STSv1;\" belongs to the front");
  } else {
    note(out, StsRecordFault::other_records, text::quoted(record, 100));
  }
}

}  // namespace

bool StsRecordReading::has(StsRecordFault fault) const {
  return std::any_of(departures.begin(), departures.end(), [&](const auto& d) { return d.fault == fault; });
}

bool StsRecordReading::announced() const {
  return verdict != Verdict::none || std::any_of(departures.begin(), departures.end(), [](const auto& d) {
           return d.fault != StsRecordFault::other_records;
         });
}

StsRecordReading read_sts_records(const std::vector<TxtRecord>& rrset) {
  StsRecordReading out;
  // RFC 8461 §3.1: "records that do not begin with "v=STSv1;" are discarded"
  const TxtSorted sorted = discard_foreign(rrset, kVersion);
  if (sorted.kept.empty()) {
    for (const std::string& record : sorted.other) {
      read_dropped(record, rrset.size() == 1, out);
    }
    return out;
  }
  for (const std::string& record : sorted.other) {
    note(out, StsRecordFault::other_records, text::quoted(record, 100), beside(record));
  }
  if (sorted.kept.size() == 1) {
    StsRecordReader(sorted.kept.front(), out).read();
    return out;
  }
  // RFC 8461 §3.1: "If the number of resulting records is not one ... senders MUST assume the recipient
  // domain does not have an available MTA-STS Policy"
  out.verdict = Verdict::invalid;
  note(out, StsRecordFault::multiple,
       how_many(sorted) + " records begin \"v=STSv1;\": " + text::quoted(sorted.kept[0]) + ", " +
           text::quoted(sorted.kept[1]));
  return out;
}

}  // namespace stswatch
