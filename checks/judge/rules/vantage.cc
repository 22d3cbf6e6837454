// Groups Q and R: what this vantage could not see, and what is wrong before any MTA-STS begins. What is
// unknown accuses nobody (RULES 0.3, 5.7).

#include <algorithm>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/rules.h"

namespace stswatch {
namespace {

// --- Names

void raise_unknown(const std::string& name, const std::string& detail, Findings& out) {
  out.raise("observation-unknown", name, printable(detail.empty() ? "no answer" : detail, bounds::kDetail));
}

std::string why(const AnswerFacts& answer) {
  const std::string error = answer.proven_error();
  return error.empty() ? answer.detail : error;
}

/// What is proved has a finding of its own, which the rules on record and MX set raise.
void judge_answer(const AnswerFacts& answer, const std::string& name, Findings& out) {
  if (answer.lookup == Lookup::unknown && answer.proven_error().empty())
    raise_unknown(name, answer.detail, out);
}

/// `told`: another finding says already that this answer is missing, and why.
template <class Told>
std::string why_unknown(const HostAddresses& addresses, Told&& told) {
  std::string out;
  for (const auto* answer : {&addresses.a, &addresses.aaaa}) {
    if (answer->lookup != Lookup::unknown || told(*answer)) continue;
    const std::string seen = why(*answer);
    text::add(out, "; ",
              std::string(answer == &addresses.a ? "A: " : "AAAA: ") + (seen.empty() ? "no answer" : seen));
  }
  return out;
}

/// What the newest look itself saw.
const DomainObservation& newest(const Case& c) { return c.newest ? *c.newest : c.facts; }

void judge_names(const Case& c, Findings& out) {
  const DomainObservation& facts = newest(c);
  judge_answer(facts.sts, facts.domain.sts_record_name(), out);
  judge_answer(facts.mx, facts.domain.str(), out);
  // Where the zone itself fails, each name in it does.
  if (facts.tlsrpt.lookup == Lookup::unknown && facts.mx.proven_error().empty())
    raise_unknown(facts.domain.tlsrpt_name(), why(facts.tlsrpt), out);
  if (facts.mx.lookup == Lookup::absent && !facts.mx.nxdomain && facts.apex.lookup() == Lookup::unknown) {
    raise_unknown(facts.domain.str(), why_unknown(facts.apex, [](const AnswerFacts&) { return false; }), out);
  }
}

/// RFC 5321 §5.1: neither MX nor address, so there is nowhere to deliver to.
void judge_domain(const Case& c, Findings& out) {
  if (c.facts.mx.lookup != Lookup::absent) return;
  if (!c.facts.mx.nxdomain && c.facts.apex.lookup() != Lookup::absent) return;
  // One that took mail before has lapsed or was withdrawn; one that never did may be misspelt here.
  const Past* past = c.history.past;
  const bool existed = past && (!past->mx.empty() || !past->ids.empty());
  std::string detail = c.facts.mx.nxdomain ? "NXDOMAIN" : "neither MX nor address", before;
  if (past)
    for (const SeenHost& mx : past->mx)
      text::add(before, ", ", mx.host);
  if (!before.empty()) detail += "; mail went to " + before;
  Finding* finding =
      out.raise_known(existed, "domain-not-found", c.facts.domain.str(), printable(detail, bounds::kDetail));
  if (!c.facts.mx.nxdomain)
    say_for(Situation::no_hosts, c.facts.domain, c.now, finding);
  else if (existed)
    say_for(Situation::existed, c.facts.domain, c.now, finding);
}

// --- Addresses

bool not_public(const Address& address, const std::optional<Failure>& failure, const Vantage& vantage) {
  if (failure && failure->cause == Cause::not_public) return true;
  return !vantage.allow_private && !address.not_public_reason().empty();
}

std::string described(const Address& address) {
  const std::string_view reason = address.not_public_reason();
  return address.str() + (reason.empty() ? "" : " (" + std::string(reason) + ")");
}

bool skipped_for_ipv6(const Address& address, const std::optional<Failure>& failure, const Vantage& vantage) {
  return address.is_v6() && !vantage.ipv6 && failure && failure->cause == Cause::no_route;
}

void judge_policy_host(const Case& c, Findings& out) {
  // RULES 3.2 A: an address of mta-sts.D where nothing is announced proves nothing.
  if (!c.deployed()) return;
  const std::string host = c.facts.domain.policy_host();
  const auto addresses = c.facts.policy_host.all();
  const auto failure_at = [&](const Address& at) {
    const auto fetch = std::ranges::find(c.facts.fetches, at, &PolicyFetch::address);
    return fetch == c.facts.fetches.end() ? std::nullopt : fetch->failure;
  };
  std::vector<Address> hidden;
  const HostAddresses& asked = newest(c).policy_host;
  std::string unknown = why_unknown(asked, [&](const AnswerFacts& answer) {
    return !answer.proven_error().empty() && asked.lookup() != Lookup::found;
  });
  for (const Address& at : addresses) {
    if (not_public(at, failure_at(at), c.vantage)) hidden.push_back(at);
  }
  for (const PolicyCopy& copy : c.newest ? c.newest_copies : c.copies) {
    const PolicyFetch& fetch = *copy.fetch;
    const bool known_why = not_public(fetch.address, fetch.failure, c.vantage) ||
                           skipped_for_ipv6(fetch.address, fetch.failure, c.vantage);
    if (copy.outcome != Outcome::unknown || known_why) continue;
    text::add(unknown, "; ", fetch.address.str() + ": " + copy.detail);
  }
  for (const Address& at : hidden) {
    const bool all = hidden.size() == addresses.size();
    out.raise("address-not-public", all ? host : host + ' ' + at.str(), in_detail(c, described(at)),
              {{"address", at.str()}});
  }
  if (!unknown.empty()) raise_unknown(host, unknown, out);
}

/// Codes of unknown outcomes that say themselves why.
bool says_why(const MxAddressCase& at) { return at.code != "observation-unknown" && !at.code.empty(); }

std::string why_unknown(const Case& c, const MxCase& mx) {
  if (!mx.look) return "not looked at yet";
  const HostAddresses& asked = mx.look->addresses;
  std::string unknown = why_unknown(asked, [&](const AnswerFacts& answer) {
    return answer.bogus ? c.vantage.resolver_blind.empty() : !unresolvable(asked).empty();
  });
  const bool broken = ipv6_broken(c, mx);
  for (const MxAddressCase& at : mx.addresses) {
    if (at.outcome != HostOutcome::unknown && at.outcome != HostOutcome::unreachable) continue;
    const bool skipped = at.probe && skipped_for_ipv6(at.address, at.probe->failure, c.vantage);
    if (says_why(at) || skipped || (broken && at.address.is_v6())) continue;
    text::add(unknown, "; ", at.address.str() + ": " + (at.probe ? at.detail : "not looked at"));
  }
  return unknown;
}

void judge_host(const Case& c, const MxCase& mx, Findings& out) {
  if (mx.literal || mx.host == ".") return;
  std::vector<AddressFault> faults;
  for (const MxAddressCase& at : mx.addresses) {
    if (at.code == "smtp-invalid") faults.push_back({"smtp-invalid", &at, at.detail});
    if (not_public(at.address, at.probe ? at.probe->failure : std::nullopt, c.vantage)) {
      faults.push_back({"address-not-public", &at, described(at.address)});
    }
  }
  raise_by_address(c, mx, faults, out);
  if (mx.look && mx.look->addresses.too_many()) {
    out.raise("mx-too-many", mx.host,
              in_detail(c, "over " + std::to_string(bounds::kHostAddresses) +
                               " addresses; the rest was not looked at"));
  }
  // RULES 5.7: vantage-port25-blocked says it once for all hosts.
  if (c.vantage.port25_blocked) return;
  const std::string unknown = why_unknown(c, mx);
  if (!unknown.empty()) raise_unknown(mx.host, unknown, out);
}

// --- The vantage itself

std::vector<std::string> skipped_addresses(const Case& c) {
  std::vector<std::string> out;
  for (const PolicyFetch& fetch : newest(c).fetches) {
    if (skipped_for_ipv6(fetch.address, fetch.failure, c.vantage)) out.push_back(fetch.address.str());
  }
  for (const MxCase& mx : c.mx) {
    for (const MxAddressCase& at : mx.addresses) {
      if (at.probe && skipped_for_ipv6(at.address, at.probe->failure, c.vantage))
        out.push_back(at.address.str());
    }
  }
  return out;
}

/// What this machine's own lack of descriptors or buffers kept from us: the first of it.
std::string why_exhausted(const Case& c) {
  std::string why = exhausted_in(newest(c));
  for (const MxCase& mx : c.mx)
    if (why.empty() && mx.look) why = exhausted_in(*mx.look);
  return why;
}

void judge_view(const Case& c, Findings& out) {
  const std::string& domain = c.facts.domain.str();
  if (!c.vantage.resolver_blind.empty())
    out.raise("vantage-resolver-blind", domain, printable(c.vantage.resolver_blind, bounds::kDetail));
  if (!c.vantage.clock_doubted.empty())
    out.raise("vantage-clock-skew", domain, printable(c.vantage.clock_doubted, bounds::kDetail));
  if (c.vantage.port53_blocked)
    out.raise("vantage-port53-blocked", domain, "no name server of any zone answers this agent directly");
  if (c.vantage.port25_blocked && !c.mx.empty()) {
    out.raise("vantage-port25-blocked", domain, "no host answers on port 25, while port 443 works");
  }
  if (const auto exhausted = why_exhausted(c); !exhausted.empty())
    out.raise("vantage-resources", domain, printable(exhausted, bounds::kDetail));
  const auto skipped = skipped_addresses(c);
  if (skipped.empty()) return;
  std::string detail = "skipped:";
  for (const std::string& address : skipped)
    detail += ' ' + address;
  out.raise("vantage-no-ipv6", domain, printable(detail, bounds::kDetail));
}

void judge_size(const Case& c, Findings& out) {
  std::set<std::string> hosts;
  for (const MxRecord& record : c.facts.mx.records)
    hosts.insert(record.host);
  if (hosts.size() <= bounds::kMxHosts) return;
  out.raise("mx-too-many", c.facts.domain.str(),
            in_detail(c, "over " + std::to_string(bounds::kMxHosts) + " MX hosts; the best " +
                             std::to_string(bounds::kMxHosts) + " are looked at"));
}

}  // namespace

void judge_vantage(const Case& c, Findings& out) {
  judge_names(c, out);
  judge_domain(c, out);
  judge_policy_host(c, out);
  judge_view(c, out);
  judge_size(c, out);
  for (const MxCase& mx : c.mx)
    judge_host(c, mx, out);
}

}  // namespace stswatch
