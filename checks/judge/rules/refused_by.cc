// A sender is listed where it ends without a policy, or with another one than the text means to an ordinary
// reader. Read from: mox mtasts/{parse,mtasts}.go; postfix-mta-sts-resolver resolver.py, utils.py;
// postfix-tlspol internal/mta-sts.go; chasquid internal/sts/sts.go; maddy's go-mtasts mtasts.go, cache.go;
// KumoMTA crates/mta-sts; Stalwart outbound/mta_sts and mail-auth mta_sts/parse.rs; mailauth lib/mta-sts.js.
// Commits: RULES 0.4, which decides where a version read differs.
#include "checks/judge/rules/refused_by.h"

#include <algorithm>
#include <array>
#include <span>

namespace stswatch {
namespace {

enum : unsigned {
  kMox = 1U,
  kResolver = 2U,
  kTlspol = 4U,
  kChasquid = 8U,
  kMaddy = 16U,
  kKumo = 32U,
  kStalwart = 64U,
  kMailauth = 128U,
  kNobody = 0U,
  kAll = 255U,
  kStrict = kMox | kTlspol,  // the ABNF to the letter
};

constexpr std::array<std::string_view, 8> kNames{
    "mox",     "postfix-mta-sts-resolver", "postfix-tlspol", "chasquid", "maddy", "KumoMTA", "Stalwart",
    "mailauth"};

/// Where several rows of a code fit a detail they add up; the row without words is for a detail that none
/// fits.
struct Row {
  std::string_view code;
  std::string_view words;  // of the detail
  unsigned senders;
};

constexpr Row kRecord[] = {
    // Kumo joins the records, Stalwart takes one that parses, chasquid and tlspol look for any and ignore
    // ids.
    {"sts-txt-multiple", "", kMox | kResolver | kMaddy | kMailauth},
    {"sts-txt-syntax-invalid", "", kStrict},
    {"sts-txt-syntax-invalid", "where \";\" is due", kAll & ~kTlspol},  // tlspol: prefix "v=STSv1"
    {"sts-txt-version-invalid", "", kAll},
    // Fields in any order: maddy, Kumo, Stalwart.
    {"sts-txt-version-not-first", "", kMox | kResolver | kTlspol | kChasquid | kMailauth},
    {"sts-txt-id-missing", "", kAll & ~kChasquid},  // chasquid ignores the id
    {"sts-txt-id-invalid", "", kStrict},
    {"sts-txt-id-invalid", "\"\" is empty", kAll & ~kChasquid},
    {"sts-txt-duplicate-field", "repeats \"id\"", kResolver | kMaddy | kKumo | kStalwart},  // the last counts
    {"sts-txt-space-before-delimiter", "", kChasquid},  // prefix "v=STSv1;"
    {"sts-txt-trailing-data", "", kStrict},
    {"sts-txt-trailing-data", "is no field", kStrict | kMaddy | kKumo},  // a part without "="
    {"sts-txt-non-ascii", "", kStrict | kResolver},                      // resolver.py drops what is no ASCII
    // go-mtasts counts all records, Kumo reads all of them as one.
    {"sts-txt-other-records-present", "", kMaddy | kKumo},
};

constexpr Row kFetch[] = {
    {"sts-policy-fetch-timeout", "", kAll},
    {"sts-policy-fetch-slow", "", kTlspol},  // 2 s; RULES 0.4
    {"sts-policy-fetch-slow", "more than 4 s", kTlspol | kResolver},
    {"sts-policy-http-invalid", "", kAll},
    {"sts-policy-http-status", "", kAll},
    {"sts-policy-http-status", "status 20", kAll & ~kMailauth},  // any 2xx
    {"sts-policy-http-redirect", "", kAll},
    {"sts-policy-content-type", "", kResolver | kTlspol | kChasquid | kMaddy | kKumo},
    {"sts-policy-html-body", "", kAll},
    {"sts-policy-too-large", "", kMox | kResolver | kTlspol | kChasquid},
    {"sts-policy-too-large", "chasquid reads", kChasquid},
    {"sts-policy-body-truncated", "", kAll},
    {"sts-policy-charset", "", kResolver},  // decodes by it; one that Python does not know is an error
};

constexpr Row kText[] = {
    // chasquid, the resolver and mailauth skip a line without a colon; Stalwart takes it into the next key.
    {"sts-policy-invalid", "", kStrict | kMaddy | kKumo | kStalwart},
    {"sts-policy-invalid", "the file holds no field", kAll},
    {"sts-policy-version-invalid", "", kAll},
    {"sts-policy-version-invalid", "no \"version\" line", kAll & ~kStalwart},
    {"sts-policy-mode-invalid", "", kAll},     // where it is missing mailauth and Stalwart assume none
    {"sts-policy-max-age-invalid", "", kAll},  // Stalwart assumes 86400
    {"sts-policy-max-age-too-large", "", kResolver | kTlspol | kChasquid | kStalwart | kMailauth},
    {"sts-policy-max-age-zero", "", kChasquid | kStalwart},
    {"sts-policy-mx-missing", "", kAll},
    {"sts-policy-mx-invalid-pattern", "", kStrict},  // the others keep a pattern that nothing matches
    {"sts-policy-mx-trailing-dot", "", kAll & ~(kChasquid | kMaddy)},  // these two drop the dot
    {"sts-policy-mx-ulabel", "", kAll & ~(kChasquid | kMaddy)},        // these two convert
    // The last counts; Kumo refuses the file. Of other fields nobody cares.
    {"sts-policy-duplicate-field", "repeats \"version\"", kAll & ~kStrict},
    {"sts-policy-duplicate-field", "repeats \"mode\"", kAll & ~kStrict},
    {"sts-policy-duplicate-field", "repeats \"max_age\"", kAll & ~kStrict},
    {"sts-policy-nonconforming-line", "", kStrict},
    {"sts-policy-nonconforming-line", "a blank line", kStrict | kMaddy},  // maddy: one colon in each line
    {"sts-policy-nonconforming-line", "is a comment", kStrict | kMaddy | kKumo | kStalwart},
    {"sts-policy-nonconforming-line", "a byte order mark", kStrict | kResolver | kChasquid | kMaddy},
    {"sts-policy-nonconforming-line", "begins with white space", kStrict | kResolver | kMaddy},
    {"sts-policy-nonconforming-line", "has white space before the colon", kStrict | kResolver | kMaddy},
    {"sts-policy-line-ending", "", kAll & ~kResolver},  // str.splitlines() knows a bare CR
    {"sts-policy-key-case", "", kAll & ~kMailauth},     // folds the case of keys
    {"sts-policy-control-characters", "", kStrict},     // in a field that the others pass over
    {"sts-policy-control-characters", "is not UTF-8", kResolver | kTlspol | kStalwart},
    {"sts-policy-control-characters", " in the field \"", kAll},
    {"sts-max-age-under-hour", "", kStalwart},  // keeps it for 86400 s
    {"sts-none-without-mx", "", kChasquid | kStalwart},
    {"sts-wildcard-broad", "", kMailauth},  // its wildcard covers several labels
};

constexpr std::array<std::span<const Row>, 3> kTables{kRecord, kFetch, kText};

template <class F>
void for_each_row(std::string_view code, F f) {
  for (const auto table : kTables)
    for (const Row& row : table)
      if (row.code == code) f(row);
}

unsigned senders_of(std::string_view code, std::string_view detail) {
  unsigned fitting = kNobody, otherwise = kNobody;
  bool fits = false;
  for_each_row(code, [&](const Row& row) {
    if (row.words.empty()) {
      otherwise = row.senders;
    } else if (detail.find(row.words) != detail.npos) {
      fitting |= row.senders;
      fits = true;
    }
  });
  return fits ? fitting : otherwise;
}

SenderNames names_of(unsigned senders) {
  SenderNames names;
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if ((senders >> i & 1U) != 0) names.push_back(kNames[i]);
  return names;
}

bool on_text(char group) { return std::string_view("ABDE").find(group) != std::string_view::npos; }

}  // namespace

std::optional<SenderNames> refused_by(std::string_view code, std::string_view detail) {
  const CatalogueEntry* entry = find_in_catalogue(code);
  if (!entry || !on_text(entry->group)) return std::nullopt;
  return names_of(senders_of(code, detail));
}

SenderNames ever_refused_by(std::string_view code) {
  unsigned senders = kNobody;
  for_each_row(code, [&](const Row& row) { senders |= row.senders; });
  return names_of(senders);
}

std::string joined(const SenderNames& names) {
  std::string out;
  for (const auto name : names)
    out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

}  // namespace stswatch
