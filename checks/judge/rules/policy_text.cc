// Group D: the grammar of the policy file (RFC 8461 §3.2). One cause, one code.

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/rules.h"
#include "checks/judge/senders/by_pattern.h"

namespace stswatch {
namespace {

std::string_view code_of(PolicyFault fault) {
  switch (fault) {
    case PolicyFault::not_a_policy:
      return "sts-policy-invalid";
    case PolicyFault::html:
      return "sts-policy-html-body";
    case PolicyFault::version_invalid:
      return "sts-policy-version-invalid";
    case PolicyFault::version_not_first:
      return "sts-policy-version-not-first";
    case PolicyFault::mode_invalid:
      return "sts-policy-mode-invalid";
    case PolicyFault::max_age_invalid:
      return "sts-policy-max-age-invalid";
    case PolicyFault::max_age_too_large:
      return "sts-policy-max-age-too-large";
    case PolicyFault::mx_missing:
      return "sts-policy-mx-missing";
    case PolicyFault::mx_invalid_pattern:
      return "sts-policy-mx-invalid-pattern";
    case PolicyFault::mx_trailing_dot:
      return "sts-policy-mx-trailing-dot";
    case PolicyFault::mx_ulabel:
      return "sts-policy-mx-ulabel";
    case PolicyFault::duplicate_field:
      return "sts-policy-duplicate-field";
    case PolicyFault::nonconforming_line:
      return "sts-policy-nonconforming-line";
    case PolicyFault::line_ending:
      return "sts-policy-line-ending";
    case PolicyFault::key_case:
      return "sts-policy-key-case";
    case PolicyFault::control_characters:
      return "sts-policy-control-characters";
    case PolicyFault::unknown_field:
      return "sts-policy-unknown-field";
  }
  return "sts-policy-invalid";
}

/// The grammar allows these: they cannot be why a policy is refused.
bool allowed(PolicyFault fault) {
  return fault == PolicyFault::version_not_first || fault == PolicyFault::unknown_field ||
         fault == PolicyFault::duplicate_field;
}

std::string said(const PolicyDeparture& d) {
  return (d.line > 0 ? "line " + std::to_string(d.line) + ": " : "") + d.detail;
}

CopyFault fault_of(PolicyFault fault, const PolicyReading& reading, Mode live) {
  CopyFault out;
  out.code = code_of(fault);
  bool lost = false;
  for (const PolicyDeparture& d : reading.departures) {
    if (d.fault != fault) continue;
    text::add(out.detail, "; ", said(d));
    out.oddities.push_back(d.oddity);
    lost = lost || d.field_lost;
  }
  // RULES 3.1: "sts-policy-key-case is c only if the field is thereby missing, else w"
  if (fault == PolicyFault::key_case && !lost && live == Mode::enforce) out.severity = Severity::warning;
  return out;
}

/// One cause, one critical finding: the fields that are thereby missing stand below it.
void lower_parts(std::vector<CopyFault>& faults, std::string_view cause) {
  constexpr std::string_view kParts[] = {"sts-policy-version-invalid", "sts-policy-mode-invalid",
                                         "sts-policy-max-age-invalid", "sts-policy-mx-missing"};
  const auto is_cause = [&](const CopyFault& fault) { return fault.code == cause && !fault.severity; };
  if (std::ranges::none_of(faults, is_cause)) return;
  for (CopyFault& fault : faults)
    if (fault.code != cause && std::ranges::find(kParts, fault.code) != std::end(kParts))
      fault.severity = Severity::warning;
}

}  // namespace

std::vector<CopyFault> text_faults(const PolicyReading& reading, Mode live) {
  std::vector<CopyFault> out;
  bool explained = reading.valid();
  for (const PolicyDeparture& d : reading.departures) {
    if (d.fault == PolicyFault::not_a_policy) continue;
    explained = explained || !allowed(d.fault);
    if (std::ranges::find(out, code_of(d.fault), &CopyFault::code) == out.end())
      out.push_back(fault_of(d.fault, reading, live));
  }
  // RULES 3.2 D: "raised only where no precise code below says why"
  if (!explained) {
    auto fault = fault_of(PolicyFault::not_a_policy, reading, live);
    if (fault.detail.empty()) fault.detail = "the text is no policy";
    out.push_back(std::move(fault));
  }
  // RFC 8461 §3.2 allows 0; §10.2: what nobody keeps protects nobody.
  const Policy* policy = reading.applied();
  if (policy && policy->max_age == 0) out.push_back({"sts-policy-max-age-zero", nullptr, "max_age: 0"});
  if (live == Mode::enforce) lower_parts(out, "sts-policy-key-case");
  return out;
}

void judge_policy_text(const PolicyReading& reading, const std::string& subject, Findings& out) {
  for (const CopyFault& fault : text_faults(reading, out.live())) {
    const std::string detail = printable(fault.detail, bounds::kDetail);
    tell_senders(fault.severity ? out.raise_as(*fault.severity, fault.code, subject, detail)
                                : out.raise(fault.code, subject, detail),
                 fault.oddities);
  }
}

namespace {

/// All fields in one line: then the line ends are what is missing, and nothing else.
bool is_one_line(std::string_view body) {
  const auto last = body.find_last_not_of("\r\n");
  return last != body.npos && body.substr(0, last).find('\n') == body.npos;
}

constexpr std::string_view kPostfix = "Postfix with postfix-mta-sts-resolver";
constexpr std::string_view kCutsAtTenK = "chasquid";

std::string from_of(const std::string& subject) {
  const auto space = subject.find(' ');
  return space == subject.npos ? std::string() : " that fetched from " + subject.substr(space + 1);
}

/// RULES 5.1: a page where mail stops. Postfix's stops under a pattern that it cannot use, whatever else is
/// listed (RULES 0.4); the strict ones, who refuse the policy, deliver without.
void tell_who_stops(const Case& c, Findings& out) {
  if (!stops_postfix(c)) return;
  for (Finding& finding : out.all()) {
    if (finding.code != "sts-policy-mx-invalid-pattern" || out.live() != Mode::enforce) continue;
    if (std::ranges::find(finding.refused_by, kResolverName) == finding.refused_by.end()) continue;
    finding.severity = Severity::critical;
    finding.route = Route::page;
    say_for(Situation::stops_postfix, c.facts.domain, c.now, &finding,
            {{"who", std::string(kPostfix) + from_of(finding.subject)}});
  }
}

/// Some listed host is of use, or may be.
bool leaves_a_host(const Case& c, const Policy& policy) {
  return std::ranges::any_of(
      c.mx, [&](const MxCase& mx) { return mx.usable != false && matches_any(mx.host, policy.mx); });
}

/// chasquid cuts the file at 10 KiB without a word (RULES 0.4): where the MX hosts come after that, what it
/// applies leaves it none.
void tell_whom_a_cut_stops(const Case& c, Findings& out) {
  if (c.mx.empty() || c.null_mx || out.live() != Mode::enforce) return;
  const auto refuses = [](const Finding& f) {
    return f.code != codes::too_large && is_on_text(f) &&
           std::ranges::find(f.refused_by, kCutsAtTenK) != f.refused_by.end();
  };
  if (std::ranges::any_of(out.all(), refuses)) return;
  for (const PolicyCopy& copy : c.copies) {
    if (copy.fetch->body.size() <= bounds::kPolicyBodySmallReader || copy.fetch->status != 200) continue;
    const Policy* whole = copy.reading ? copy.reading->applied() : nullptr;
    const auto head =
        read_policy(std::string_view(copy.fetch->body).substr(0, bounds::kPolicyBodySmallReader));
    const Policy* cut = head.applied();
    if (!cut || cut->mode != Mode::enforce || leaves_a_host(c, *cut)) continue;
    if (whole && !leaves_a_host(c, *whole)) continue;  // of everybody's mail another finding tells
    Finding* finding = out.find(codes::too_large);
    if (!finding) return;
    finding->severity = Severity::critical;
    finding->route = Route::page;
    const std::string from = from_of(finding->subject);
    say_for(Situation::cut_off, c.facts.domain, c.now, finding,
            {{"who", std::string(kCutsAtTenK) +
                         (from.empty() ? from : ", where it" + from.substr(from.find(" fetched")) + ",")}});
  }
}

/// Of two modes some senders take the last (RULES 0.4): where it enforces and leaves no host, their mail
/// stops, whatever the mode that counts by RFC 8461 §3.2.
void tell_who_takes_the_last(const Case& c, Findings& out) {
  if (c.mx.empty() || c.null_mx) return;
  for (const PolicyCopy& copy : c.copies) {
    const Policy* policy = copy.reading ? copy.reading->applied() : nullptr;
    if (!policy || copy.reading->last_mode != Mode::enforce) continue;
    if (leaves_a_host(c, *policy)) continue;
    Finding* finding = out.find("sts-policy-duplicate-field");
    if (!finding) return;
    finding->severity = Severity::critical;
    finding->route = Route::page;
    const std::string from = from_of(finding->subject);
    say_for(Situation::last_enforces, c.facts.domain, c.now, finding,
            {{"who", from.empty() ? "Senders that" : "Senders" + from + " and"}});
  }
}

}  // namespace

void judge_policy_texts(const Case& c, Findings& out) {
  // RULES 3.2 A: groups B, C and D are judged only when a record exists in any spelling.
  if (!c.deployed()) return;
  std::vector<CopyFault> all;
  for (const PolicyCopy& copy : c.copies) {
    if (!copy.reading) continue;
    auto faults = text_faults(*copy.reading, out.live());
    if (out.live() == Mode::enforce && is_one_line(copy.fetch->body))
      lower_parts(faults, "sts-policy-version-invalid");
    for (CopyFault& fault : faults) {
      fault.copy = &copy;
      all.push_back(std::move(fault));
    }
  }
  raise_by_address(c, all, out);
  const auto odd = std::ranges::find_if(c.mx, [](const MxCase& mx) { return has_underscore(mx.host); });
  Finding* finding = odd == c.mx.end() ? nullptr : out.find("sts-policy-mx-invalid-pattern");
  say_for(Situation::underscore, c.facts.domain, c.now, finding,
          {{"value", odd == c.mx.end() ? "" : odd->host}});
  const bool one_line = !c.copies.empty() && std::ranges::all_of(c.copies, [](const PolicyCopy& copy) {
    return copy.reading && is_one_line(copy.fetch->body);
  });
  if (one_line) say_for(Situation::one_line, c.facts.domain, c.now, out.find("sts-policy-version-invalid"));
  const auto idle = [](const CopyFault& fault) {
    return fault.code != "sts-policy-key-case" ||
           std::ranges::count(fault.oddities, Oddity::key_beside) == std::ssize(fault.oddities);
  };
  if (std::ranges::all_of(all, idle))
    say_for(Situation::key_beside, c.facts.domain, c.now, out.find("sts-policy-key-case"));
  tell_who_stops(c, out);
  tell_whom_a_cut_stops(c, out);
  tell_who_takes_the_last(c, out);
}

}  // namespace stswatch
