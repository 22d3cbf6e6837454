#include "alerts/open_finding.h"

#include <algorithm>
#include <array>

namespace stswatch {
namespace {

using Codes = std::initializer_list<std::string_view>;

bool among(std::string_view code, Codes codes) { return std::ranges::find(codes, code) != codes.end(); }

constexpr Nature host_of(std::string_view aspect) {
  return {.family = Family::delivery, .aspect = aspect, .of_host = true};
}

/// RULES 5.3: "change findings (id, mode, MX, CNAME, issuer) are events".
std::optional<Nature> change(std::string_view code) {
  const auto of = [&](Family family, bool host) {
    return Nature{.family = family, .aspect = "change", .of_host = host, .change = true};
  };
  if (among(code, {"certificate-issuer-changed", "certificate-key-changed"}))
    return of(Family::delivery, true);
  if (among(code, {"mx-added", "mx-removed", "mx-provider-changed"})) return of(Family::delivery, false);
  if (among(code,
            {"sts-id-changed-policy-unchanged", "sts-mode-downgraded", "sts-mode-upgraded",
             "sts-max-age-lowered", "sts-max-age-raised", "sts-removal-complete", "sts-cname-target-changed",
             "sts-policy-host-address-changed", "sts-webpki-issuer-changed"}))
    return of(Family::publication, false);
  return std::nullopt;
}

std::optional<Nature> symptom(std::string_view code) {
  const auto of = [](Family family, std::string_view aspect) {
    return Nature{.family = family, .aspect = aspect, .symptom = true};
  };
  if (among(code, {"enforce-breakage-now", "enforce-breakage-predicted", "enforce-degradation-predicted"}))
    return of(Family::delivery, "breakage");
  if (code == "mx-backup-invalid") return of(Family::delivery, "backup");
  if (among(code, {"sts-policy-disappeared", "sts-id-changed-fetch-failing", "protection-lapse-predicted",
                   "sts-mode-unexpected"}))
    return of(Family::publication, "protection");
  return std::nullopt;
}

Nature of_drift(std::string_view code) {
  if (code == "mx-became-null" || code == "mx-vanished") return {.family = Family::delivery, .aspect = "mx"};
  if (code == "sts-removal-unsafe") return {.family = Family::publication, .aspect = "retirement"};
  // A policy of somebody else lists no MX host of here, so that its fault is that mail stops.
  if (code == "sts-policy-unexpected-appearance") return {.family = Family::delivery, .aspect = "stranger"};
  return {.family = Family::delivery, .aspect = "caches"};
}

Nature of_mx(std::string_view code) {
  if (among(code, {"mx-not-in-policy", "mx-none-in-policy"}))
    return {.family = Family::delivery, .aspect = "match"};
  if (code.starts_with("mx-target-") ||
      among(code, {"mx-unreachable", "mx-address-inconsistent", "mx-ipv6-broken"}))
    return host_of("reach");
  return {.family = Family::delivery, .aspect = "mx"};
}

Nature of_others(const Finding& finding) {
  if (finding.code == "sts-policy-http-invalid") return {.aspect = "policy"};
  if (finding.code == "smtp-invalid") return host_of("smtp");
  if (finding.code == "address-not-public")
    return finding.subject.starts_with("mta-sts.") ? Nature{.aspect = "policy"} : host_of("reach");
  return {.family = Family::delivery, .aspect = "mx"};
}

}  // namespace

Nature nature_of(const Finding& finding) {
  const std::string_view code = finding.code;
  if (const auto special = change(code)) return *special;
  if (const auto special = symptom(code)) return *special;
  if (code == "sts-testing-without-tlsrpt") return {.family = Family::reports, .aspect = "reports"};
  const CatalogueEntry* entry = find_in_catalogue(code);
  switch (entry != nullptr ? entry->group : ' ') {
    case 'A':
      return {.aspect = "record"};
    case 'B':
    case 'C':
    case 'D':
      return {.aspect = "policy"};
    case 'F':
      return of_mx(code);
    case 'G':
      return host_of("smtp");
    case 'H':
      return host_of("certificate");
    case 'J':
      return of_drift(code);
    case 'K':
    case 'L':
      return {.family = Family::reports, .aspect = "reports"};
    case 'M':
      return code == "tlsa-partial" ? Nature{.family = Family::delivery, .aspect = "dane"} : host_of("dane");
    case 'N':
      return {.family = Family::delivery, .aspect = "dane"};
    case 'P':
      return {.family = Family::delivery, .aspect = "match"};
    case 'Q':
      return {.family = Family::agent, .aspect = entry->code};
    case 'R':
      return of_others(finding);
    default:
      return {.aspect = "semantics"};
  }
}

std::string OpenFinding::host() const { return finding().subject.substr(0, finding().subject.find(' ')); }

std::string OpenFinding::key() const {
  std::string key(nature.aspect);
  if (nature.change) {
    // Another change of the same kind while the first is still shown is told as well.
    TimePoint at = incident->opened;
    for (const Change& c : record->past.changes)
      if (c.code == finding().code) at = std::max(at, c.at);
    key = finding().code + '@' + to_utc(at);
  }
  if (nature.family == Family::agent) return key;
  return key + ' ' + (nature.of_host ? host() : domain());
}

Severity severity_of(const Finding& finding) {
  return finding.of_the_agent && finding.route >= Route::ticket
             ? std::max(finding.severity, Severity::warning)
             : finding.severity;
}

bool wanted(const Finding& finding, Severity min_severity) {
  if (min_severity == Severity::info) return true;
  return finding.route != Route::log && severity_of(finding) >= min_severity;
}

std::vector<OpenFinding> items_of(std::shared_ptr<const DomainMemory> record,
                                  const std::vector<Silence>& silences, TimePoint now) {
  std::vector<OpenFinding> out;
  for (const Incident& incident : record->incidents) {
    const Finding& finding = incident.finding;
    if (!incident.open() || (finding.of_the_agent && finding.route == Route::log)) continue;
    OpenFinding item{record, &incident, nature_of(finding)};
    if (told_of_agent(finding) && !item.own()) continue;
    item.silenced = std::ranges::any_of(
        silences, [&](const Silence& s) { return covers(s, item.domain(), finding, now); });
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace stswatch
