// What is looked at rarely: CAA sets (H), where reports go (K), hosts that patterns name (E), what a browser
// gets (B); and domains that another's policy seems to cover (E). What was not answered accuses nobody.
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

/// One look alone is taken at its word, as in `check`; beside a memory looks in a row have to agree.
bool is_sure(const Case& c, const Rarely& when) {
  return !c.history.past || when.times >= std::min(c.limits.confirmations, kSureOf);
}

// --- CAA (RFC 8659)

/// Where a CA would look for the set, and as what, to issue the certificate anew for this host.
struct Request {
  std::string name;
  bool wildcard = false;
};
std::optional<Request> request_for(const std::string& host, const Certificate& leaf) {
  const auto named = [&](const std::string& name) {
    return std::ranges::find(leaf.dns_names, name) != leaf.dns_names.end();
  };
  if (named(host)) return Request{host};
  const auto dot = host.find('.');
  if (dot == host.npos) return std::nullopt;
  const std::string parent = host.substr(dot + 1);
  return named("*." + parent) ? std::optional(Request{parent, true}) : std::nullopt;
}

std::string in_words(const CaaAnswer& set) {
  std::string out;
  for (const CaaRecord& record : set.records)
    text::add(out, ", ",
              std::to_string(record.flags) + ' ' + record.tag + ' ' + text::quoted(record.value, 60));
  return set.name + " has CAA " + out;
}

/// How the set forbids the CA of this certificate; empty where it does not, or nobody knows.
std::string forbidden(const std::string& host, const CaaLook& caa, const Certificate& leaf) {
  const auto identifiers = caa_identifiers(leaf.issuer);
  const auto request = request_for(host, leaf);
  if (!request) return {};
  const CaaAnswer* set = governing_set(caa.sets, request->name);
  if (set == nullptr || allows(set->records, identifiers, request->wildcard) != false) return {};
  return printable(
      in_words(*set) + "; the certificate, valid until " + to_utc(leaf.not_after) + ", comes from " +
          leaf.issuer +
          (identifiers.empty() ? std::string() : ", which is " + std::string(identifiers.front())),
      bounds::kDetail);
}

void judge_caa(const Case& c, Findings& out) {
  const std::string host = c.facts.domain.policy_host();
  if (c.deployed()) {
    for (const PolicyFetch& fetch : c.facts.fetches) {
      const auto how =
          fetch.tls.peer ? forbidden(host, c.facts.aside.caa, fetch.tls.peer->leaf) : std::string();
      if (!how.empty()) out.raise("caa-blocks-renewal", host, how);
    }
  }
  for (const MxCase& mx : c.mx) {
    if (!mx.look) continue;
    for (const SmtpProbe& probe : mx.look->probes) {
      const auto how =
          probe.tls.peer ? forbidden(mx.host, mx.look->caa, probe.tls.peer->leaf) : std::string();
      if (!how.empty()) out.raise("caa-blocks-renewal", mx.host, how);
    }
  }
}

// --- Where reports go (RFC 8460 §3, §5)

/// Nothing takes reports there, as far as that can be known from here.
bool is_bad(const Case& c, const ReportTarget& target) {
  if (target.lookup != Lookup::absent || !is_sure(c, target.when)) return false;
  return target.answered ? c.vantage.resolver_blind.empty() : c.vantage.reached_443;
}

void judge_targets(const Case& c, Findings& out) {
  if (!c.tlsrpt.usable()) return;
  std::string mail, web;
  bool any_other = false;
  for (const std::string& uri : c.tlsrpt.deliverable) {
    const auto target = std::ranges::find(c.facts.aside.report_targets, uri, &ReportTarget::uri);
    if (target == c.facts.aside.report_targets.end() || !is_bad(c, *target)) {
      any_other = true;
      continue;
    }
    std::string& detail = text::istarts_with(uri, "mailto:") ? mail : web;
    text::add(detail, "; ", uri + ": " + target->detail);
  }
  // RFC 8460 §3: a report is delivered once one of them takes it.
  const Severity most = any_other ? Severity::info : Severity::critical;
  const std::string domain = c.facts.domain.tlsrpt_name();
  if (!mail.empty())
    out.raise_at_most(most, "tlsrpt-rua-mail-undeliverable", domain, printable(mail, bounds::kDetail));
  if (!web.empty())
    out.raise_at_most(most, "tlsrpt-rua-https-failing", domain, printable(web, bounds::kDetail));
}

// --- Hosts that patterns name (RFC 8461 §10.3, §10.4)

void judge_pattern_names(const Case& c, Findings& out) {
  if (!c.announced || !c.shown() || c.shown()->mode == Mode::none) return;
  if (!c.vantage.resolver_blind.empty()) return;
  std::string detail;
  for (const PatternName& name : c.facts.aside.patterns) {
    const auto& listed = c.shown()->mx;
    if (Address::parse(name.pattern))
      continue;  // nobody can register it; sts-policy-mx-invalid-pattern says what it is
    if (std::ranges::find(listed, name.pattern) == listed.end() || !is_sure(c, name.when)) continue;
    const bool of_an_mx =
        std::ranges::any_of(c.mx, [&](const MxCase& mx) { return mx.host == name.pattern; });
    const bool nobodys = name.owner == Lookup::absent;
    // Of an MX host that does not exist it is said already.
    if (!nobodys && (name.host != Lookup::absent || of_an_mx)) continue;
    detail +=
        (detail.empty() ? "mx: " : "; mx: ") + text::quoted(name.pattern, 100) +
        (nobodys ? " lies in a domain that is not registered (NXDOMAIN)" : " does not exist (NXDOMAIN)");
  }
  if (!detail.empty())
    out.raise("sts-mx-pattern-dangling", c.facts.domain.str(), printable(detail, bounds::kDetail));
}

// --- What a browser gets (RFC 8461 §3.3)

void judge_agents(const Case& c, Findings& out) {
  if (!c.deployed()) return;
  std::vector<CopyFault> faults;
  for (const PolicyCopy& copy : c.copies) {
    const auto other = std::ranges::find(c.facts.aside.agents, copy.fetch->address, &OtherAgent::address);
    if (other == c.facts.aside.agents.end() || other->status != 200 || !is_sure(c, other->when)) continue;
    if (copy.fetch->failure || copy.fetch->status != other->refused) continue;
    faults.push_back({"sts-policy-agent-blocked", &copy,
                      "status " + std::to_string(other->refused) + " to a program, 200 to a browser"});
  }
  raise_by_address(c, faults, out);
}

// --- What lies below a domain with a policy (RFC 8461 §3.4)

void judge_uncovered(const Case& c, Findings& out) {
  if (!c.limits.above || c.limits.expect == Limits::Expect::absent) return;
  const bool none = c.facts.sts.lookup != Lookup::unknown && !c.announced && c.policies.empty();
  if (!none || c.deployed() || c.null_mx || c.facts.mx.lookup != Lookup::found) return;
  out.raise_as(c.limits.above->live == Mode::enforce ? Severity::warning : Severity::info,
               "sts-subdomain-uncovered", c.facts.domain.str(),
               "MX records and no policy; that of " + c.limits.above->domain + " (" +
                   std::string(to_string(c.limits.above->live)) + ") does not cover it");
}

}  // namespace

void judge_aside(const Case& c, Findings& out) {
  judge_caa(c, out);
  judge_targets(c, out);
  judge_pattern_names(c, out);
  judge_agents(c, out);
  judge_uncovered(c, out);
}

// Group G, what other clients than our usual one meet: a large ClientHello, no SNI, old TLS versions, another
// EHLO name (RFC 8461 §7.1, RFC 8446 §4.1.2, RFC 7672 §9.2).

namespace {

/// Nobody has looked for so long, since second probes were switched off or never came through: what was so
/// then says nothing of now.
constexpr Seconds kWorthTelling{8 * 86400};

struct TrialCode {
  Trial SecondProbe::*trial;
  std::string_view code;
};
constexpr TrialCode kTrials[] = {
    {&SecondProbe::large_hello, "starttls-large-hello"},
    {&SecondProbe::without_sni, "sni-required"},
    {&SecondProbe::default_certificate, "sni-certificate-differs"},
    {&SecondProbe::legacy, "tls-legacy-offered"},
    {&SecondProbe::starttls, "starttls-selective"},
};

}  // namespace

void add_second_probe(const Case& c, const MxCase& mx, const MxAddressCase& at,
                      std::vector<AddressFault>& faults) {
  if (!mx.look) return;
  const auto probe = std::ranges::find(mx.look->second, at.address, &SecondProbe::address);
  if (probe == mx.look->second.end()) return;
  for (const auto& [member, code] : kTrials) {
    const Trial& trial = (*probe).*member;
    if (trial.good != false || c.now - trial.at > kWorthTelling) continue;
    faults.push_back({code, &at, trial.detail + " (seen " + to_utc(trial.at) + ")"});
  }
}

}  // namespace stswatch
