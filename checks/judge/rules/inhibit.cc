// One cause, one finding: RULES 5.5 (the rows that name codes) and 3.1. Rows that name alerts belong to the
// rule file.

#include <algorithm>
#include <array>
#include <span>

#include "checks/judge/case.h"

namespace stswatch {
namespace {

using Codes = std::span<const std::string_view>;

constexpr std::array<std::string_view, 2> kNoPolicyHost = {"sts-policy-host-no-address",
                                                           "sts-policy-connect-failed"};

/// "slow, certificate and content findings of PH": beside these all of groups C and D.
constexpr std::array<std::string_view, 10> kOfAnswer = {
    "sts-policy-fetch-slow",     "sts-policy-content-type", "sts-policy-html-body", "sts-policy-too-large",
    "sts-policy-body-truncated", "sts-policy-encoded",      "sts-policy-framing",   "sts-policy-end-unproven",
    "sts-policy-charset",        "sts-policy-non-ascii",
};

/// Each says precisely why a policy does not parse.
constexpr std::array<std::string_view, 13> kPreciseSyntax = {
    "sts-policy-html-body",          "sts-policy-version-invalid",   "sts-policy-mode-invalid",
    "sts-policy-max-age-invalid",    "sts-policy-max-age-too-large", "sts-policy-mx-missing",
    "sts-policy-mx-invalid-pattern", "sts-policy-mx-trailing-dot",   "sts-policy-mx-ulabel",
    "sts-policy-nonconforming-line", "sts-policy-line-ending",       "sts-policy-key-case",
    "sts-policy-control-characters",
};

constexpr std::array<std::string_view, 1> kUnreachable = {"mx-unreachable"};
constexpr std::array<std::string_view, 1> kAllDown = {"mx-all-down"};
/// Where nobody can deliver, what senders that enforce meet is no news, and no advice about the policy helps.
constexpr std::array<std::string_view, 3> kWithoutServer = {"enforce-breakage-now", "mx-backup-invalid",
                                                            "mx-single"};
constexpr std::array<std::string_view, 2> kMxGone = {"mx-became-null", "mx-vanished"};
constexpr std::array<std::string_view, 7> kWithoutMx = {
    "mx-null",           "mx-missing",          "mx-removed", "enforce-breakage-now",
    "mx-none-in-policy", "mx-provider-changed", "mx-added",
};
constexpr std::array<std::string_view, 1> kBogus = {"dnssec-invalid"};
constexpr std::array<std::string_view, 4> kDnsErrors = {"sts-txt-dns-error", "mx-dns-error",
                                                        "sts-policy-host-dns-error", "tlsa-lookup-error"};
constexpr std::array<std::string_view, 1> kTlsaInvalid = {"tlsa-invalid"};
constexpr std::array<std::string_view, 2> kOfTlsa = {"tlsa-address-inconsistent", "dane-sts-conflict"};

bool among(std::string_view code, Codes codes) { return std::ranges::find(codes, code) != codes.end(); }

char group_of(const Finding& finding) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  return entry ? entry->group : ' ';
}

/// The subject itself, or an address of it.
bool covers(std::string_view subject, std::string_view other) {
  return other == subject || (other.starts_with(subject) && other[subject.size()] == ' ');
}

bool covered(const std::vector<Finding>& all, const Finding& finding, Codes sources) {
  return std::ranges::any_of(
      all, [&](const Finding& f) { return among(f.code, sources) && covers(f.subject, finding.subject); });
}

bool there(const std::vector<Finding>& all, Codes sources) {
  return std::ranges::any_of(all, [&](const Finding& f) { return among(f.code, sources); });
}

/// RULES 3.1: "raised beside the precise code, never alone".
bool has_precise_cause(const std::vector<Finding>& all, const std::string& host) {
  return std::ranges::any_of(all, [&](const Finding& f) {
    const char group = group_of(f);
    return covers(host, f.subject) && (f.code == "mx-not-in-policy" || group == 'G' || group == 'H');
  });
}

/// RULES 3.1: mx-null "suppresses the findings that need an MX".
bool needs_mx(const Finding& finding) {
  constexpr std::string_view kGroups = "FGHIKMO";
  if (finding.code == "mx-null" || finding.code == "mx-became-null") return false;
  return kGroups.find(group_of(finding)) != kGroups.npos || finding.code == "sts-testing-without-tlsrpt";
}

bool suppressed(const Case& c, const std::vector<Finding>& all, const Finding& finding) {
  const char group = group_of(finding);
  if (c.null_mx && needs_mx(finding)) return true;
  if (group == 'C' || group == 'D' || among(finding.code, kOfAnswer)) {
    if (covered(all, finding, kNoPolicyHost)) return true;
  }
  if (finding.code == "sts-policy-invalid" && covered(all, finding, kPreciseSyntax)) return true;
  if ((group == 'G' || group == 'H') && covered(all, finding, kUnreachable)) return true;
  if (among(finding.code, kWithoutServer) && there(all, kAllDown)) return true;
  if (among(finding.code, kWithoutMx) && there(all, kMxGone)) return true;
  if (among(finding.code, kDnsErrors) && there(all, kBogus)) return true;
  if (among(finding.code, kOfTlsa) && covered(all, finding, kTlsaInvalid)) return true;
  return finding.code == "mx-backup-invalid" && !has_precise_cause(all, finding.subject);
}

}  // namespace

void inhibit(const Case& c, Findings& out) {
  std::vector<Finding> kept;
  for (const Finding& finding : out.all()) {
    if (!suppressed(c, out.all(), finding)) kept.push_back(finding);
  }
  out.all() = std::move(kept);
}

}  // namespace stswatch
