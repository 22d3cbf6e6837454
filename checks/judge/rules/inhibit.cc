// One cause, one finding: RULES 5.5 (what stands above what is in the catalogue) and 3.1. Rows of RULES that
// name alerts belong to the rule file.

#include <algorithm>
#include <array>

#include "checks/judge/catalogue/finding.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

bool covered(const std::vector<Finding>& all, const Finding& finding, Codes sources) {
  return std::ranges::any_of(all, [&](const Finding& f) {
    return std::ranges::find(sources, f.code) != sources.end() && is_at(finding.subject, f.subject);
  });
}

bool there(const std::vector<Finding>& all, Codes sources) {
  return std::ranges::any_of(
      all, [&](const Finding& f) { return std::ranges::find(sources, f.code) != sources.end(); });
}

bool says_why_skipped(const std::vector<Finding>& all, const std::string& host) {
  return std::ranges::any_of(all, [&](const Finding& f) {
    const CatalogueEntry* entry = find_in_catalogue(f.code);
    return entry && entry->beside.is_why_skipped() && is_at(f.subject, host);
  });
}

bool suppressed(const Case& c, const std::vector<Finding>& all, const Finding& finding) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  if (!entry) return false;
  const Beside& beside = entry->beside;
  if (c.null_mx && beside.is_of_mx()) return true;
  if (covered(all, finding, beside.suppressed_by())) return true;
  if (there(all, beside.suppressed_from_elsewhere_by())) return true;
  return beside.wants_why_skipped() && !says_why_skipped(all, finding.subject);
}

/// One record that is left from a set-up is one finding, and its fix is to delete that (RULES 3.4).
void tell_left_over(const Case& c, const MxCase& mx, Findings& out) {
  constexpr std::array<std::string_view, 2> kLeading = {"mx-not-in-policy", "mx-target-no-address"};
  const auto leads =
      std::ranges::find_if(kLeading, [&](std::string_view code) { return out.has(code, mx.host); });
  if (!is_left_over(mx.host) || leads == kLeading.end()) return;
  std::erase_if(out.all(), [&](const Finding& f) {
    const Nature nature = nature_of(f);
    return is_at(f.subject, mx.host) && f.code != *leads &&
           (nature.of_host || nature.aspect == Aspect::backup);
  });
  for (Finding& finding : out.all())
    if (finding.code == *leads && finding.subject == mx.host)
      say_for(Situation::left_over, c.facts.domain, c.now, &finding, {{"value", mx.host}});
}

constexpr std::string_view kNotFound[] = {"domain-not-found"};
constexpr std::string_view kMxGone[] = {"mx-vanished", "mx-became-null"};
constexpr std::string_view kNobodyDelivers[] = {"domain-not-found", "mx-all-down", "mx-vanished",
                                                "mx-became-null"};
constexpr std::string_view kZoneFails[] = {"mx-dns-error"};
constexpr std::string_view kOfTheZone[] = {"sts-txt-dns-error", "sts-policy-host-dns-error"};
constexpr std::string_view kWithoutMail[] = {"sts-not-deployed", "tlsrpt-missing", "sts-removal-complete"};

bool is_among(Codes codes, const Finding& f) { return std::ranges::find(codes, f.code) != codes.end(); }

/// The zone's own word that it does not serve the MX set; what fails validation others still get.
bool zone_fails(const Case& c, const Findings& out) {
  return there(out.all(), kZoneFails) && !out.has("dnssec-invalid", c.facts.domain.str());
}

/// What is wrong with other names of a zone that fails, and with a web server that stands in for a mail
/// server since the MX set has gone, follows from that.
void tell_below_cause(const Case& c, Findings& out) {
  const std::string& domain = c.facts.domain.str();
  const bool zone = zone_fails(c, out), gone = there(out.all(), kMxGone);
  if (gone && c.implicit_mx)
    std::erase_if(out.all(), [&](const Finding& f) {
      const Nature nature = nature_of(f);
      return nature.of_host && !nature.change() && !f.of_the_agent && is_at(f.subject, domain);
    });
  for (Finding& f : out.all())
    f.part = f.part || (zone && is_among(kOfTheZone, f)) || (gone && f.code == "mx-all-down");
}

/// Where no mail can be delivered at all, what to publish for it is no advice for now.
void no_advice_without_mail(const Case& c, Findings& out) {
  if (!there(out.all(), kNobodyDelivers) && !zone_fails(c, out)) return;
  const bool not_found = there(out.all(), kNotFound);
  // RFC 8020: below a name that does not exist there is nothing. What went with it is no fault of its own.
  const bool all_gone = not_found && c.facts.mx.nxdomain && c.facts.sts.lookup != Lookup::found &&
                        c.facts.policy_host.lookup() != Lookup::found;
  std::erase_if(out.all(), [&](const Finding& f) {
    const Nature nature = nature_of(f);
    const bool published = nature.family == Family::publication || nature.family == Family::reports;
    return all_gone && published && !nature.change() && !is_among(kWithoutMail, f);
  });
  for (Finding& finding : out.all()) {
    const Nature nature = nature_of(finding);
    if (!is_among(kWithoutMail, finding) || (!not_found && finding.severity != Severity::info)) {
      // Who delivers, and how, is true of the time after.
      if (nature.family == Family::publication && !nature.change() && finding.severity != Severity::info)
        finding.effect = "This matters once mail can be delivered to " + c.facts.domain.str() + " again. " +
                         finding.effect;
      continue;
    }
    finding.severity = Severity::info;
    finding.route = Route::log;
    say_for(Situation::no_mail, c.facts.domain, c.now, &finding);
  }
}

}  // namespace

void inhibit(const Case& c, Findings& out) {
  for (const MxCase& mx : c.mx)
    tell_left_over(c, mx, out);
  tell_below_cause(c, out);
  no_advice_without_mail(c, out);
  std::vector<Finding> kept;
  for (const Finding& finding : out.all()) {
    if (!suppressed(c, out.all(), finding)) kept.push_back(finding);
  }
  out.all() = std::move(kept);
}

}  // namespace stswatch
