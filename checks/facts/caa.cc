#include "checks/facts/caa.h"

#include <algorithm>
#include <array>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kDepth = 16;  // no host of mail lies deeper

bool is_label_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string_view trimmed(std::string_view value) {
  const auto first = value.find_first_not_of(" \t");
  if (first == value.npos) return {};
  return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

/// RFC 8659 §4.2: the CA that an issue or issuewild property names; empty where it names none, or where its
/// value is malformed, which comes to the same. What parameters ask for is between the owner and the CA.
std::string issuer_of(std::string_view value) {
  const auto name = trimmed(value.substr(0, value.find(';')));
  const bool good =
      std::ranges::all_of(name, [](char c) { return is_label_octet(c) || c == '-' || c == '.'; });
  return good ? text::lower(name) : std::string();
}

enum class Tag { issue, issuewild, other, maybe_unknown, unknown };

/// Every CA has to know the three of RFC 8659; those registered since, some do.
Tag tag_of(const CaaRecord& record) {
  const std::string tag = text::lower(record.tag);
  if (tag == "issue") return Tag::issue;
  if (tag == "issuewild") return Tag::issuewild;
  if (tag == "iodef" || !record.critical()) return Tag::other;
  constexpr std::array kRegistered{"contactemail", "contactphone", "issuemail", "issuevmc",
                                   "auth",         "path",         "policy"};
  return std::ranges::find(kRegistered, tag) != kRegistered.end() ? Tag::maybe_unknown : Tag::unknown;
}

}  // namespace

std::vector<std::string> caa_names(const std::string& host) {
  std::vector<std::string> out;
  for (std::string_view name = host; !name.empty();) {
    if (out.size() == kDepth) return {};
    out.emplace_back(name);
    const auto dot = name.find('.');
    name = dot == name.npos ? std::string_view() : name.substr(dot + 1);
  }
  return out;
}

const CaaAnswer* governing_set(std::span<const CaaAnswer> sets, std::string_view name) {
  auto at = std::ranges::find(sets, name, &CaaAnswer::name);
  for (; at != sets.end(); ++at) {
    if (at->lookup == Lookup::unknown) return nullptr;
    if (!at->records.empty()) return &*at;
  }
  return nullptr;
}

std::optional<bool> allows(std::span<const CaaRecord> set, std::span<const std::string_view> identifiers,
                           bool wildcard) {
  bool in_doubt = false, any_issue = false, any_wild = false, by_issue = false, by_wild = false;
  for (const CaaRecord& record : set) {
    const Tag tag = tag_of(record);
    // RFC 8659 §4.1: a CA that does not know a critical property must not issue.
    if (tag == Tag::unknown) return false;
    in_doubt |= tag == Tag::maybe_unknown;
    if (tag != Tag::issue && tag != Tag::issuewild) continue;
    const std::string who = issuer_of(record.value);
    const bool ours =
        identifiers.empty() ? !who.empty() : std::ranges::find(identifiers, who) != identifiers.end();
    (tag == Tag::issue ? any_issue : any_wild) = true;
    (tag == Tag::issue ? by_issue : by_wild) |= ours;
  }
  // RFC 8659 §4.3: issuewild takes the place of issue for a wildcard, and means nothing otherwise. A set that
  // has neither restricts nobody (§4.2).
  const bool restricted = wildcard && any_wild ? true : any_issue;
  const bool allowed = !restricted || (wildcard && any_wild ? by_wild : by_issue);
  if (!allowed) return false;
  return in_doubt ? std::nullopt : std::optional(true);
}

}  // namespace stswatch
