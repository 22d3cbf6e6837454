#include "checks/facts/records.h"

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"

namespace stswatch {

TxtFields::TxtFields(std::string_view record)
    : record_(record), at_(record.find(';')), more_(at_ != std::string_view::npos) {
  if (more_) ++at_;
}

std::optional<TxtField> TxtFields::next() {
  if (!more_) return std::nullopt;
  const std::size_t end = record_.find(';', at_);
  more_ = end != std::string_view::npos;
  const std::string_view raw = record_.substr(at_, more_ ? end - at_ : std::string_view::npos);
  const std::string_view left = text::ltrim(raw);
  TxtField field;
  field.text = text::rtrim(left);
  field.offset = at_ + (raw.size() - left.size());
  field.closed = more_;
  field.blank_end = !more_ && !field.text.empty() && field.text.size() != left.size();
  field.glued = raw.size() == left.size();
  at_ = more_ ? end + 1 : record_.size();
  return field;
}

namespace {

bool is_field_name_char(char c) { return text::is_alnum(c) || c == '_' || c == '-' || c == '.'; }
bool is_value_char(char c) { return c > ' ' && c < '\x7f' && c != ';' && c != '='; }
constexpr std::size_t kNameLength = 32;

}  // namespace

bool is_extension_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameLength && text::is_alnum(name.front()) &&
         std::all_of(name.begin(), name.end(), is_field_name_char);
}

bool is_extension_value(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), is_value_char);
}

std::string extension_fault(const TxtField& field) {
  const std::string_view name = field.name();
  const std::string where = " at offset ";
  if (!field.has_value()) {
    return text::quoted(field.text) + where + std::to_string(field.offset) +
           " has no \"=\": a field is name=value";
  }
  if (name.empty()) return "\"=\"" + where + std::to_string(field.offset) + " has no name before it";
  const auto bad = std::find_if_not(name.begin(), name.end(), is_field_name_char);
  if (bad != name.end() || !text::is_alnum(name.front())) {
    const auto i = text::is_alnum(name.front()) ? static_cast<std::size_t>(bad - name.begin()) : 0;
    return text::octet(name[i]) + where + std::to_string(field.offset + i) +
           " cannot be part of a field name";
  }
  if (name.size() > kNameLength) {
    return "the field name " + text::quoted(name) + where + std::to_string(field.offset) +
           " is longer than 32";
  }
  const std::string_view value = field.value();
  if (value.empty()) return text::quoted(field.text) + where + std::to_string(field.offset) + " has no value";
  const auto odd = std::find_if_not(value.begin(), value.end(), is_value_char);
  if (odd == value.end()) return {};
  const std::size_t offset = field.value_offset() + static_cast<std::size_t>(odd - value.begin());
  std::string out = text::octet(*odd) + where + std::to_string(offset);
  if (text::is_wsp(*odd)) return out + ": a \";\" is missing before it, or a blank stands in a value";
  return out + " cannot be part of a value";
}

std::optional<std::size_t> first_foreign(std::string_view text) {
  const auto it = std::find_if(text.begin(), text.end(), text::is_foreign);
  if (it == text.end()) return std::nullopt;
  return static_cast<std::size_t>(it - text.begin());
}

std::string at_offset(std::string_view record, std::size_t offset) {
  if (offset >= record.size()) return "the end (offset " + std::to_string(record.size()) + ")";
  return text::octet(record[offset]) + " at offset " + std::to_string(offset);
}

bool resembles_version(std::string_view record, std::string_view tag) {
  constexpr std::size_t kJunk = 8;
  std::size_t n = 0;
  while (n < record.size() && n < kJunk && !text::is_alnum(record[n])) {
    ++n;
  }
  record.remove_prefix(n);
  if (!text::istarts_with(record, "v")) return false;
  record = text::ltrim(record.substr(1));
  if (!record.empty() && (record[0] == '=' || record[0] == ':' || record[0] == '-')) {
    record = text::ltrim(record.substr(1));
  } else {
    return false;
  }
  if (!record.empty() && (record[0] == '"' || record[0] == '\'')) record.remove_prefix(1);
  return text::istarts_with(record, tag);
}

bool has_later_version(std::string_view record, std::string_view version) {
  TxtFields fields(record);
  while (const auto field = fields.next()) {
    if (field->text == version) return true;
  }
  return false;
}

std::string how_many(const TxtSorted& sorted) {
  const auto n = sorted.kept.size();
  return n > bounds::kTxtRecords ? "over " + std::to_string(bounds::kTxtRecords) : std::to_string(n);
}

TxtSorted discard_foreign(const std::vector<TxtRecord>& rrset, std::string_view version) {
  TxtSorted out;
  for (const TxtRecord& record : rrset) {
    std::string text = record.joined();
    const bool keep =
        text.size() > version.size() && text.starts_with(version) && text[version.size()] == ';';
    (keep ? out.kept : out.other).push_back(std::move(text));
  }
  return out;
}

}  // namespace stswatch
