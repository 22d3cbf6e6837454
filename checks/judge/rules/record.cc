// Group A: the TXT record at _mta-sts.D (RFC 8461 §3.1).

#include <algorithm>
#include <array>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/rules.h"
#include "checks/judge/senders/by_pattern.h"

namespace stswatch {

// Group K: the TLSRPT record at _smtp._tls.D (RFC 8460 §3).

namespace {

std::string_view code_of(TlsrptFault fault) {
  switch (fault) {
    case TlsrptFault::multiple:
      return "tlsrpt-multiple";
    case TlsrptFault::syntax:
      return "tlsrpt-syntax-invalid";
    case TlsrptFault::rua_missing:
      return "tlsrpt-rua-missing";
    case TlsrptFault::rua_scheme:
      return "tlsrpt-rua-scheme";
    case TlsrptFault::rua_encoding:
      return "tlsrpt-rua-encoding";
  }
  return "tlsrpt-syntax-invalid";
}

/// Every address of a mailto URI (RFC 6068 §2) is at the domain itself.
bool is_mailbox_at(std::string_view uri, const std::string& domain) {
  constexpr std::string_view kMailto = "mailto:";
  if (!text::istarts_with(uri, kMailto)) return false;
  std::string_view to = uri.substr(kMailto.size());
  to = to.substr(0, to.find('?'));
  const auto at = to.rfind('@');
  return at != to.npos && to_a_labels(to.substr(at + 1)) == domain;
}

}  // namespace

void judge_tlsrpt(const Case& c, Findings& out) {
  const TxtAnswer& answer = c.facts.tlsrpt;
  const std::string subject = c.facts.domain.tlsrpt_name();
  if (answer.lookup == Lookup::unknown) return;
  for (const TlsrptDeparture& first : c.tlsrpt.departures) {
    std::string detail;
    for (const TlsrptDeparture& d : c.tlsrpt.departures)
      if (d.fault == first.fault) text::add(detail, "; ", d.detail);
    out.raise(code_of(first.fault), subject, printable(detail, bounds::kDetail));
  }
  // RFC 8460 §3: field-delim = *WSP ";" *WSP, and yet "records that do not begin with "v=TLSRPTv1;" are
  // discarded" where there are several, by some senders also where there is one.
  if (c.tlsrpt.usable() && answer.records.size() == 1 &&
      !answer.records.front().joined().starts_with("v=TLSRPTv1;"))
    say_for(Situation::spaced_version, c.facts.domain, c.now,
            out.raise_as(Severity::info, "tlsrpt-syntax-invalid", subject,
                         "white space between \"v=TLSRPTv1\" and \";\""));
  // Strangers are no record.
  if (c.tlsrpt.verdict == TlsrptReading::Verdict::none && c.tlsrpt.departures.empty()) {
    const std::string detail = answer.records.empty() ? (answer.nxdomain ? "NXDOMAIN" : "no TXT record")
                                                      : "none of the TXT records there is one of TLSRPT";
    if (c.history.past && c.history.past->tlsrpt_was_valid)
      out.raise("tlsrpt-removed", subject, detail + ", a valid one was seen before");
    // In testing the reports are the point of it: sts-testing-without-tlsrpt asks for the record.
    const bool said =
        std::ranges::any_of(c.in_effect, [](const Policy& p) { return p.mode == Mode::testing; });
    if (!out.has("tlsrpt-removed") && said) out.raise_as(Severity::info, "tlsrpt-missing", subject, detail);
    if (!out.has("tlsrpt-removed") && !said) out.raise("tlsrpt-missing", subject, detail);
  }
  const auto& rua = c.tlsrpt.deliverable;
  const auto at_home = [&](const std::string& uri) { return is_mailbox_at(uri, c.facts.domain.str()); };
  if (!rua.empty() && std::ranges::all_of(rua, at_home))
    out.raise("tlsrpt-rua-same-domain", subject, printable("rua=" + rua.front(), bounds::kDetail));
}

namespace {

constexpr std::uint32_t kTtlWarning = 86400, kTtlInfo = 3600;  // RULES 3.2, sts-txt-ttl-long

std::string_view code_of(StsRecordFault fault) {
  switch (fault) {
    case StsRecordFault::multiple:
      return "sts-txt-multiple";
    case StsRecordFault::syntax:
      return "sts-txt-syntax-invalid";
    case StsRecordFault::version_invalid:
      return "sts-txt-version-invalid";
    case StsRecordFault::version_not_first:
      return "sts-txt-version-not-first";
    case StsRecordFault::id_missing:
      return "sts-txt-id-missing";
    case StsRecordFault::id_invalid:
      return "sts-txt-id-invalid";
    case StsRecordFault::duplicate_field:
      return "sts-txt-duplicate-field";
    case StsRecordFault::space_before_delimiter:
      return "sts-txt-space-before-delimiter";
    case StsRecordFault::trailing_data:
      return "sts-txt-trailing-data";
    case StsRecordFault::non_ascii:
      return "sts-txt-non-ascii";
    case StsRecordFault::other_records:
      return "sts-txt-other-records-present";
  }
  return "sts-txt-syntax-invalid";
}

}  // namespace

namespace {

SenderNames refusing(const StsRecordReading& record) {
  std::set<std::string> without;
  for (const StsRecordDeparture& d : record.departures)
    without.merge([&] {
      const SenderNames names = senders_of(code_of(d.fault), std::array{d.oddity}).refuse;
      return std::set<std::string>(names.begin(), names.end());
    }());
  return {without.begin(), without.end()};
}

}  // namespace

void let_off_refusing(const Case& c, Finding* finding) {
  if (!c.record.usable()) let_off(finding, refusing(c.record));
}

SenderNames taken_by(const StsRecordReading& record) {
  SenderNames out;
  if (record.verdict == StsRecordReading::Verdict::none) return out;
  const SenderNames without = refusing(record);
  for (const std::string_view name : sender_names())
    if (std::ranges::find(without, name) == without.end()) out.emplace_back(name);
  return out;
}

/// Postfix stands behind one of the names, and counts by itself (RULES 5.1: a page where mail
/// stops).
bool widely_taken(const StsRecordReading& record) {
  const SenderNames with = taken_by(record);
  return 2 * with.size() >= sender_names().size() || std::ranges::find(with, kResolverName) != with.end();
}

namespace {

/// A record that widespread senders count beside the good one, and then see no policy: no mere remark.
bool is_counted(Oddity oddity) {
  return oddity == Oddity::longer_version || oddity == Oddity::bare_version ||
         oddity == Oddity::spaced_version;
}

void judge_text(const Case& c, Findings& out) {
  for (const StsRecordDeparture& first : c.record.departures) {
    std::string detail;
    std::vector<Oddity> oddities;
    for (const StsRecordDeparture& d : c.record.departures) {
      if (d.fault != first.fault) continue;
      text::add(detail, "; ", d.detail);
      oddities.push_back(d.oddity);
    }
    const bool harmless = first.fault == StsRecordFault::other_records;
    Finding* finding = out.raise(code_of(first.fault), c.facts.domain.str(),
                                 harmless ? printable(detail, bounds::kDetail) : in_detail(c, detail));
    tell_senders(finding, oddities);
    if (finding && harmless && out.live() != Mode::none && std::ranges::any_of(oddities, is_counted)) {
      finding->severity = Severity::warning;
      finding->route = Route::ticket;
    }
    if (finding && !c.deployed()) finding->refused_by.clear();  // there is nothing to refuse
  }
  // One cause: what is no blank and no letter hides the id behind it, and is mended with it.
  Finding* id = out.find("sts-txt-id-missing");
  if (id != nullptr) id->part = out.has("sts-txt-non-ascii");
}

std::string chain_of(const AnswerFacts& answer) {
  std::string out = answer.name;
  for (const CnameLink& link : answer.cname)
    out += " -> " + link.target;
  return out;
}

/// RFC 8461 §3.1: CNAMEs are followed; where they lead to nothing there is no record.
bool judge_cname(const Case& c, Findings& out) {
  const TxtAnswer& sts = c.facts.sts;
  if (c.synthesised) return false;
  if (sts.cname_loop) {
    out.raise(
        "sts-txt-cname-chain", c.facts.domain.str(),
        in_detail(c, "a loop, or over " + std::to_string(bounds::kCnameChain) + " links: " + chain_of(sts)));
    return true;
  }
  if (sts.cname.empty() || sts.lookup == Lookup::unknown || c.record.announced()) return false;
  std::string why = sts.nxdomain ? "NXDOMAIN: " : "no TXT record: ";
  if (!sts.records.empty()) why = "no record of MTA-STS: ";
  out.raise("sts-txt-cname-dangling", c.facts.domain.str(), in_detail(c, why + chain_of(sts)));
  return true;
}

void judge_ttl(const Case& c, Findings& out) {
  const TxtAnswer& sts = c.facts.sts;
  if (!c.record.announced() || sts.ttl <= kTtlInfo) return;
  const std::string detail = "TTL " + std::to_string(sts.ttl) + " s";
  if (sts.ttl > kTtlWarning) {
    out.raise("sts-txt-ttl-long", c.facts.domain.str(), detail);
  } else {
    out.raise_as(Severity::info, "sts-txt-ttl-long", c.facts.domain.str(), detail);
  }
}

/// Every name, besides the right one, that shows a record beginning with the version.
std::string wrong_names(const Case& c) {
  std::string out;
  for (const TxtAnswer& answer : c.facts.misplaced) {
    if (answer.lookup != Lookup::found) continue;
    if (read_sts_records(answer.records).verdict == StsRecordReading::Verdict::none) continue;
    out += (out.empty() ? "found at " : ", ") + answer.name;
  }
  return out;
}

/// What mends the record puts the policy into effect: one that leaves hosts out has senders skip them.
void put_policy_first(const Case& c, Findings& out) {
  const Policy* policy = c.shown();
  if (!policy || policy->mode != Mode::enforce || c.record.usable() || widely_taken(c.record)) return;
  std::string unlisted;
  for (const MxCase& mx : c.mx)
    if (mx.host != "." && !matches_any(mx.host, policy->mx)) text::add(unlisted, ", ", mx.host);
  if (unlisted.empty()) return;
  for (Finding& finding : out.all()) {
    if (nature_of(finding).aspect != Aspect::record || finding.severity == Severity::info) continue;
    finding.fix = "First mend the policy file, which does not list " + printable(unlisted, bounds::kDetail) +
                  ": in effect as it is, it has enforcing senders skip them. Then: " + finding.fix;
  }
}

/// Nothing at the name that any sender would take for a record, and that is proven.
void judge_absence(const Case& c, Findings& out) {
  const std::string& domain = c.facts.domain.str();
  const std::string wrong = wrong_names(c);
  if (!wrong.empty()) out.raise("sts-txt-wrong-name", domain, printable(wrong, bounds::kDetail));
  const Past* past = c.history.past;
  const bool was_there = past && !past->ids.empty();
  if (was_there && !retired(c)) {
    const SeenId& last = past->ids.back();
    std::string detail = c.facts.sts.nxdomain ? "NXDOMAIN" : "no record";
    detail += ", last seen: id " + last.id;
    if (last.last_seen) detail += ' ' + to_utc(*last.last_seen);
    if (last.seen.gone) detail += ", gone " + to_utc(*last.seen.gone);
    Finding* finding = out.raise("sts-txt-missing", domain, printable(detail, bounds::kDetail));
    if (c.facts.policy_host.lookup() == Lookup::absent)
      say_for(Situation::host_gone, c.facts.domain, c.now, finding,
              {{"until", enforced_until(c.held).words()}});
  } else if (c.shown() && !was_there) {
    out.raise("sts-policy-without-txt", domain,
              "a policy with mode " + std::string(to_string(c.shown()->mode)) +
                  " is served, no MTA-STS record at " + c.facts.domain.sts_record_name());
  } else if (wrong.empty()) {
    Finding* finding = out.raise("sts-not-deployed", domain,
                                 (c.synthesised          ? "no record but what a wildcard makes of any name: "
                                  : c.facts.sts.nxdomain ? "NXDOMAIN: "
                                                         : "no record: ") +
                                     c.facts.domain.sts_record_name());
    if (was_there) say_for(Situation::was_retired, c.facts.domain, c.now, finding);
    if (c.null_mx) say_for(Situation::takes_no_mail, c.facts.domain, c.now, finding);
  }
}

}  // namespace

void judge_record(const Case& c, Findings& out) {
  const std::string error = c.facts.sts.proven_error();
  raise_disagreement(c, "sts-txt-ns-inconsistent", c.facts.source.sts, out);
  if (!error.empty()) out.raise("sts-txt-dns-error", c.facts.domain.str(), in_detail(c, error));
  if (judge_cname(c, out)) {
    judge_text(c, out);
    return;
  }
  // Silence is not absence: an unknown answer accuses nobody.
  if (c.facts.sts.lookup == Lookup::unknown) return;
  judge_text(c, out);
  judge_ttl(c, out);
  if (!c.announced) judge_absence(c, out);
  put_policy_first(c, out);
}

}  // namespace stswatch
