
#include <algorithm>
#include <map>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/judge/rules/rules.h"
#include "checks/judge/senders/forecast.h"

namespace stswatch {
namespace {

// --- The policy

struct Served {
  Policy policy;
  std::size_t copies = 0;
  bool strict = false;
};

}  // namespace

std::vector<Policy> distinct_policies(const std::vector<PolicyCopy>& copies) {
  std::vector<Served> all;
  for (const PolicyCopy& copy : copies) {
    const Policy* policy = copy.reading ? copy.reading->applied() : nullptr;
    if (!policy) continue;
    auto known = std::ranges::find_if(all, [&](const Served& s) { return same_policy(s.policy, *policy); });
    if (known == all.end()) known = all.insert(all.end(), {*policy});
    ++known->copies;
    known->strict = known->strict || copy.reading->valid();
  }
  std::ranges::stable_sort(all, [](const Served& a, const Served& b) {
    if (a.copies != b.copies) return a.copies > b.copies;
    if (a.strict != b.strict) return a.strict;
    return a.policy.mode > b.policy.mode;
  });
  std::vector<Policy> out;
  for (Served& s : all)
    out.push_back(std::move(s.policy));
  return out;
}

std::vector<PolicyCopy> copies_of(const DomainObservation& look, const Vantage& vantage) {
  std::vector<PolicyCopy> out;
  for (const PolicyFetch& fetch : look.fetches)
    out.push_back(classify(fetch, vantage, look.at));
  return out;
}

namespace {

/// RULES 0.3: the strongest that is current or that some sender may still hold. CONTRACT 2: failing that, the
/// mode of a policy that was read; with memory, of the last one.
void set_live_mode(Case& c) {
  const auto raise_to = [&](Mode mode) { c.live = std::max(c.live, mode); };
  for (const Policy& policy : c.in_effect)
    raise_to(policy.mode);
  // RULES 0.4: of two modes most deployed senders take the last.
  for (const PolicyCopy& copy : c.copies)
    if (!c.in_effect.empty() && c.live == Mode::none && copy.reading && copy.reading->last_mode)
      raise_to(*copy.reading->last_mode);
  for (const Held& held : c.held)
    raise_to(held.policy.mode);
  if (!c.in_effect.empty() || !c.held.empty()) return;
  for (const Policy& policy : c.policies)
    raise_to(policy.mode);
  if (!c.policies.empty() || !c.announced) return;
  const SeenPolicy* last = c.history.past ? last_served(*c.history.past) : nullptr;
  c.live = last ? last->policy.mode : Mode::enforce;
  c.live_assumed = !last;
}

/// Of a file that no record announces, and that nobody holds, no sender knows. Of two modes deployed senders
/// take the last (RULES 0.4), whatever counts by RFC 8461 §3.2.
void set_asked_mode(Case& c) {
  const bool known = c.announced || c.facts.sts.lookup == Lookup::unknown;
  c.asked = known || !c.held.empty() ? c.live : Mode::none;
  for (const PolicyCopy& copy : c.copies)
    if (!c.in_effect.empty() && copy.reading && copy.reading->last_mode)
      c.asked = std::max(c.asked, *copy.reading->last_mode);
}

/// RFC 4592: a name that nobody made answers alike, so that a wildcard made both. An alias is compared by
/// where it leads first; what stands there may be told in another order.
bool is_synthesised(const TxtAnswer& answer, const TxtAnswer& sibling) {
  if (answer.lookup == Lookup::unknown || sibling.lookup == Lookup::unknown) return false;
  if (answer.cname.empty() != sibling.cname.empty()) return false;
  if (!answer.cname.empty()) return answer.cname.front().target == sibling.cname.front().target;
  return !answer.records.empty() && std::ranges::is_permutation(answer.records, sibling.records);
}

/// What a wildcard makes announces nothing, unless a sender can use it.
void read_texts(Case& c) {
  const TxtAnswer &sts = c.facts.sts, &tlsrpt = c.facts.tlsrpt;
  if (sts.lookup == Lookup::found) c.record = read_sts_records(sts.records);
  c.synthesised = !c.record.usable() && is_synthesised(sts, c.facts.sts_sibling);
  if (c.synthesised) c.record = {};
  c.announced = c.record.announced() || (!sts.cname.empty() && !c.synthesised);
  if (tlsrpt.lookup == Lookup::found) c.tlsrpt = read_tlsrpt_records(tlsrpt.records);
  if (!c.tlsrpt.usable() && is_synthesised(tlsrpt, c.facts.tlsrpt_sibling)) c.tlsrpt = {};
}

// --- The MX hosts

bool reached_on_25(const MxHostObservation& look) {
  return std::ranges::any_of(
      look.probes, [](const SmtpProbe& p) { return !p.failure || p.failure->stage > Stage::connect; });
}

/// RULES 5.7: silence means something once this vantage has reached *another* host on the port; one that the
/// same look reached counts too.
Vantage vantage_for(const std::string& host, const MxLooks& looks, const Vantage& known) {
  Vantage v = known;
  const bool another = std::ranges::any_of(looks, [&](const auto& entry) {
    return entry.first != host && entry.second && reached_on_25(*entry.second);
  });
  if (another) {
    v.reached_25 = true;
    v.reached_25_only.clear();
  }
  return v;
}

/// CONTRACT 2, `mx[].usable`; unknown unless something is proven.
std::optional<bool> usable(const MxCase& mx) {
  // RFC 5321 §5.1: an MX record holds a host name; an address in its place leads nowhere.
  if (mx.literal) return false;
  if (!mx.look) return std::nullopt;
  const auto is = [](HostOutcome outcome) {
    return [outcome](const MxAddressCase& a) { return a.outcome == outcome; };
  };
  if (std::ranges::any_of(mx.addresses, is(HostOutcome::ok))) return true;
  const HostAddresses& found = mx.look->addresses;
  if (found.lookup() == Lookup::absent || !unresolvable(found).empty()) return false;
  // A family that could not be looked up, or an address beyond the bound, may hold a good one.
  const bool complete = found.a.lookup != Lookup::unknown && found.aaaa.lookup != Lookup::unknown;
  if (!complete || found.too_many() || mx.addresses.empty()) return std::nullopt;
  const auto bad = [](const MxAddressCase& a) { return a.outcome == HostOutcome::failed || a.dead(); };
  if (std::ranges::all_of(mx.addresses, bad)) return false;
  return std::nullopt;
}

MxCase mx_case(const Case& c, const MxLooks& looks, const std::string& host, int preference) {
  MxCase out;
  out.host = host;
  out.preference = preference;
  out.literal = Address::parse(host).has_value();
  const auto look = looks.find(host);
  if (look != looks.end()) out.look = look->second.get();
  if (out.look) {
    const Vantage vantage = vantage_for(host, looks, c.vantage);
    for (const Address& address : out.look->addresses.all()) {
      const auto probe = std::ranges::find(out.look->probes, address, &SmtpProbe::address);
      if (probe != out.look->probes.end()) {
        out.addresses.push_back(classify(*probe, host, vantage, c.now));
      } else {
        MxAddressCase unseen;
        unseen.address = address;
        out.addresses.push_back(std::move(unseen));
      }
    }
  }
  out.usable = usable(out);
  read_tlsa(c, out);
  return out;
}

/// Each host once, at its best preference, best first.
std::vector<MxRecord> ordered_hosts(const MxAnswer& answer) {
  std::vector<MxRecord> all = answer.records;
  std::ranges::sort(all, [](const MxRecord& a, const MxRecord& b) {
    return a.preference != b.preference ? a.preference < b.preference : a.host < b.host;
  });
  std::set<std::string> seen;
  std::erase_if(all, [&](const MxRecord& r) { return !seen.insert(r.host).second; });
  if (all.size() > bounds::kMxHosts) all.resize(bounds::kMxHosts);
  return all;
}

void set_mx(Case& c, const MxLooks& looks) {
  const MxAnswer& answer = c.facts.mx;
  if (answer.lookup == Lookup::found) {
    // RFC 7505 §3: a single MX with "." for a host. The preference should be 0, but no other leads to a host.
    c.null_mx = answer.records.size() == 1 && answer.records.front().host.empty();
    if (c.null_mx) return;
    for (const MxRecord& record : ordered_hosts(answer)) {
      // RFC 7505 §3 forbids "." beside other hosts; it has no address there.
      c.mx.push_back(mx_case(c, looks, record.host.empty() ? "." : record.host, record.preference));
      if (record.host.empty()) c.mx.back().usable = false;
    }
  } else if (answer.lookup == Lookup::absent && c.facts.apex.lookup() == Lookup::found) {
    // RFC 5321 §5.1: without MX the domain is treated as if it had one of preference 0 pointing to itself.
    c.implicit_mx = true;
    c.mx.push_back(mx_case(c, looks, c.facts.domain.str(), 0));
  }
}

void consider_pool(const HostPast& past, MxAddressCase& at) {
  at.flapping = flapping_at(past, at.address.str());
  if (!at.flapping) return;
  at.outcome = HostOutcome::unknown;
  at.code = "smtp-flapping";
  at.result_type.clear();
  at.detail =
      std::to_string(at.flapping->bad) + " of the last " + std::to_string(at.flapping->of) + " connections";
  for (const std::string& fault : at.flapping->faults)
    at.detail += (&fault == &*at.flapping->faults.begin() ? ": " : ", ") + fault;
}

/// A pool is neither good nor bad: what its bad attempts were is named by the finding that tells of it.
/// Whether it is one, the history of the host knows.
void consider_pools(Case& c) {
  for (MxCase& mx : c.mx) {
    const auto past = c.history.hosts.find(mx.host);
    if (past == c.history.hosts.end() || !past->second) continue;
    for (MxAddressCase& at : mx.addresses)
      if (at.probe) consider_pool(*past->second, at);
    mx.usable = mx.host == "." ? false : usable(mx);
  }
}

}  // namespace

Case read_case(const DomainObservation& facts, const MxLooks& mx, const Vantage& vantage,
               const Limits& limits) {
  Case c{.facts = facts, .vantage = vantage, .limits = limits, .history = {}, .now = facts.at};
  read_texts(c);
  c.copies = copies_of(facts, vantage);
  c.policies = distinct_policies(c.copies);
  if (c.record.usable()) c.in_effect = c.policies;
  set_mx(c, mx);
  return c;
}

namespace {

bool breaks_now(const Case& c) { return c.foreseen.rfc.breakage && c.foreseen.rfc.breakage->at <= c.now; }

/// A record that RFC 8461 §3.1 refuses and most senders take (RULES 0.4): they enforce what it leads to.
/// Where that leaves them no MX host, now or soon, a policy is in effect; else none is, as the RFC has it.
void heed_those_that_take_it(Case& c) {
  if (c.record.usable() || c.policies.empty() || breaks_now(c) || !widely_taken(c.record)) return;
  World world = c.world;
  Simulation foreseen = c.foreseen;
  c.in_effect = c.policies;
  c.world = world_of(c);
  c.foreseen = simulate_figures(c.world);
  if (foresees_breakage(c.world, c.foreseen, c.limits)) return;
  c.in_effect.clear();
  c.world = std::move(world);
  c.foreseen = std::move(foreseen);
}

}  // namespace

void foresee(Case& c, const History& history) {
  c.history = history;
  consider_pools(c);
  if (!c.record.usable()) c.in_effect.clear();
  c.world = world_of(c);
  c.foreseen = simulate_figures(c.world);
  heed_those_that_take_it(c);
  c.held = longest_held(c.world);
  set_live_mode(c);
  set_asked_mode(c);
}

Case make_case(const DomainObservation& facts, const MxLooks& mx, const Vantage& vantage,
               const Limits& limits, const History& history) {
  Case c = read_case(facts, mx, vantage, limits);
  foresee(c, history);
  return c;
}

bool Case::deployed() const {
  return announced || std::ranges::any_of(held, [](const Held& h) { return h.policy.mode != Mode::none; });
}

bool Case::is_in_effect(const WorldPolicy& policy) const {
  return std::ranges::any_of(in_effect, [&](const Policy& p) { return same_policy(policy, p); });
}

}  // namespace stswatch
