// Group F: the MX set, its names and its addresses (RFC 5321 §5.1, RFC 8461 §4.1).
#include "checks/facts/text.h"
#include "checks/judge/rules/rules.h"

#include <algorithm>
#include <array>
#include <set>

#include "checks/facts/policy.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/classify.h"
#include "checks/judge/senders/by_pattern.h"

namespace stswatch {

// Group G: STARTTLS on each address of each MX host (RFC 8461 §4, RFC 3207).

namespace {

constexpr std::array<std::string_view, 6> kCodes = {
    "starttls-not-supported",  "starttls-refused",  "starttls-handshake-failure",
    "tls-version-unsupported", "mx-probe-deferred", "mx-probe-rejected",
};

/// One finding for all the addresses of the host that answer now so, now so.
void judge_pool(const Case& c, const MxCase& mx, Findings& out) {
  std::vector<std::string> pools;  // their addresses
  bool mostly_bad = false;
  std::string detail;
  for (const MxAddressCase& at : mx.addresses) {
    if (!at.flapping) continue;
    mostly_bad |= at.flapping->mostly_bad();
    text::add(detail, "; ", at.address.str() + ": " + at.detail);
    pools.push_back(at.address.str());
  }
  if (pools.empty()) return;
  const std::string subject = pools.size() == mx.addresses.size() ? mx.host : mx.host + ' ' + pools.front();
  if (mostly_bad && c.live == Mode::enforce) {
    out.raise_as(Severity::critical, "smtp-flapping", subject, in_detail(c, detail));
  } else {
    out.raise("smtp-flapping", subject, in_detail(c, detail));
  }
}

}  // namespace

void judge_smtp(const Case& c, Findings& out) {
  for (const MxCase& mx : c.mx) {
    std::vector<AddressFault> faults;
    for (const MxAddressCase& at : mx.addresses) {
      const auto code = std::ranges::find(kCodes, at.code);
      if (code != kCodes.end()) faults.push_back({*code, &at, at.detail});
      if (at.probe && is_small_dh(at.probe->tls))
        faults.push_back({"starttls-dh-small", &at, small_dh(at.probe->tls)});
      if (at.probe && !at.probe->failure && at.probe->tls.asks_certificate)
        faults.push_back({"tls-client-certificate-requested", &at, "the handshake ends well without one"});
      if (at.probe && at.probe->injected > 0)
        faults.push_back(
            {"starttls-injected", &at,
             std::to_string(at.probe->injected) + " octets in clear behind the 220, which were discarded"});
      add_second_probe(c, mx, at, faults);
    }
    raise_by_address(c, mx, faults, out);
    judge_pool(c, mx, out);
  }
}

namespace {

std::vector<const AddressFault*> of_code(const std::vector<AddressFault>& faults, std::string_view code) {
  std::vector<const AddressFault*> out;
  for (const AddressFault& fault : faults) {
    if (fault.code == code && std::ranges::find(out, fault.at, &AddressFault::at) == out.end())
      out.push_back(&fault);
  }
  return out;
}

/// The addresses beside each detail where these differ.
std::string merged(const std::vector<const AddressFault*>& all) {
  const std::string& first = all.front()->detail;
  if (std::ranges::all_of(all, [&](const AddressFault* f) { return f->detail == first; })) return first;
  std::string out;
  for (const AddressFault* f : all)
    text::add(out, "; ", f->at->address.str() + ": " + f->detail);
  return out;
}

/// The peer does not let its senders wait.
bool hangs_up(const AddressFault* f) {
  const auto* failure = f->at->probe && f->at->probe->failure ? &*f->at->probe->failure : nullptr;
  return failure && (failure->cause == Cause::closed || failure->cause == Cause::reset);
}

/// Those of every address; plain where an address has none.
std::vector<Oddity> oddities_of(const std::vector<const AddressFault*>& all) {
  std::vector<Oddity> out;
  for (const AddressFault* f : all) {
    if (f->oddities.empty()) out.push_back(Oddity::none);
    out.insert(out.end(), f->oddities.begin(), f->oddities.end());
  }
  return out;
}

}  // namespace

void raise_by_address(const Case& c, const MxCase& mx, const std::vector<AddressFault>& faults,
                      Findings& out) {
  std::vector<std::string_view> done;
  for (const AddressFault& fault : faults) {
    if (std::ranges::find(done, fault.code) != done.end()) continue;
    done.push_back(fault.code);
    const auto all = of_code(faults, fault.code);
    if (all.size() == mx.addresses.size()) {
      Finding* finding = out.raise(fault.code, mx.host, in_detail(c, merged(all)));
      if (has_underscore(mx.host))
        say_for(Situation::underscore, c.facts.domain, c.now, finding, {{"value", mx.host}});
      if (std::ranges::all_of(all, hangs_up)) say_for(Situation::hangs_up, c.facts.domain, c.now, finding);
      tell_senders(finding, oddities_of(all));
      continue;
    }
    // RFC 5321 §5.1: senders try the other addresses of the host; whom nobody answers at one, at any that
    // does.
    const bool unreached = std::ranges::all_of(
        all, [](const AddressFault* f) { return f->at->outcome == HostOutcome::unreachable; });
    const bool others = std::ranges::any_of(mx.addresses, [&](const MxAddressCase& at) {
      return at.outcome == HostOutcome::ok || (unreached && at.outcome == HostOutcome::failed);
    });
    for (const AddressFault* one : all) {
      Finding* finding = out.raise_at_most(others ? Severity::warning : Severity::critical, fault.code,
                                           mx.host + ' ' + one->at->address.str(), in_detail(c, one->detail));
      if (hangs_up(one)) say_for(Situation::hangs_up, c.facts.domain, c.now, finding);
      if (others)
        say_for(Situation::one_address, c.facts.domain, c.now, finding,
                {{"address", one->at->address.str()}});
      tell_senders(finding, one->oddities);
    }
  }
}

std::vector<const Policy*> demanding_policies(const Case& c) {
  std::vector<const Policy*> out;
  for (const Policy& policy : widely_taken(c.record) ? c.policies : c.in_effect) {
    if (policy.mode != Mode::none) out.push_back(&policy);
  }
  return out;
}

std::string pattern_list(const std::vector<std::string>& patterns) {
  std::string out;
  for (const std::string& pattern : patterns)
    text::add(out, ", ", is_mx_pattern(pattern) ? pattern : text::quoted(pattern, 100));
  return out.empty() ? "no host" : out;
}

std::ptrdiff_t hosts_listed(const Case& c, const Policy& policy) {
  return std::ranges::count_if(c.mx, [&](const MxCase& mx) { return matches_any(mx.host, policy.mx); });
}

bool listed_by_all(const std::string& host, const std::vector<const Policy*>& policies) {
  return std::ranges::all_of(policies, [&](const Policy* policy) { return matches_any(host, policy->mx); });
}

bool has_underscore(const std::string& host) { return host.find('_') != host.npos; }

std::string unresolvable(const HostAddresses& addresses) {
  if (addresses.lookup() != Lookup::unknown) return {};
  std::string why;
  for (const auto* answer : {&addresses.a, &addresses.aaaa}) {
    if (answer->lookup != Lookup::unknown) continue;
    if (answer->zone_error.empty() || answer->bogus) return {};
    if (why.empty()) why = answer->zone_error;
  }
  return why;
}

bool is_at(std::string_view subject, std::string_view host) {
  return subject.starts_with(host) && (subject.size() == host.size() || subject[host.size()] == ' ');
}

std::string foreign_domain(const Domain& owner, const std::string& host) {
  const auto own = registrable_domain(owner.str()), theirs = registrable_domain(host);
  return own && theirs && *theirs != *own ? *theirs : std::string();
}

bool ipv6_broken(const Case& c, const MxCase& mx) {
  if (!c.vantage.ipv6) return false;
  const auto v6 = [](const MxAddressCase& at) { return at.address.is_v6(); };
  const auto dead = [](const MxAddressCase& at) { return at.outcome == HostOutcome::unreachable; };
  const auto good = [](const MxAddressCase& at) { return at.outcome == HostOutcome::ok; };
  return std::ranges::any_of(mx.addresses, v6) &&
         std::ranges::all_of(mx.addresses, [&](const MxAddressCase& at) { return !v6(at) || dead(at); }) &&
         std::ranges::any_of(mx.addresses, [&](const MxAddressCase& at) { return !v6(at) && good(at); });
}

namespace {

constexpr std::uint32_t kLongTtl = 86400;  // RULES 3.2 F, mx-ttl-long

// --- The set

void judge_set(const Case& c, Findings& out) {
  const std::string& domain = c.facts.domain.str();
  // RFC 7505 §3: "MX 0 ." says that the domain accepts no mail.
  if (c.null_mx)
    out.raise("mx-null", domain, "MX " + std::to_string(c.facts.mx.records.front().preference) + " .");
  // RFC 5321 §5.1: without MX the domain's own address takes its place.
  if (c.implicit_mx) out.raise("mx-missing", domain, "no MX record, but an address");
  if (c.facts.mx.lookup == Lookup::found && !c.null_mx && c.facts.mx.ttl > kLongTtl) {
    out.raise("mx-ttl-long", domain, "TTL " + std::to_string(c.facts.mx.ttl) + " s");
  }
}

/// The target says already what is wrong with it: no policy can list it, no certificate name it.
bool is_no_host(const MxCase& mx) { return mx.literal || mx.host == "."; }

// --- Against the policies in effect

/// No public name: what it means depends on who looks it up.
bool is_no_host_name(const std::string& host) {
  return host.find('.') == host.npos || host.ends_with(".localhost") || host.ends_with(".localdomain") ||
         host.ends_with(".local") || host.ends_with(".internal");
}

/// A better host is listed and works: senders turn to this one when it is down.
bool is_backup(const Case& c, const MxCase& mx, const Policy& policy) {
  return std::ranges::any_of(c.mx, [&](const MxCase& other) {
    return other.preference < mx.preference && other.usable == true && matches_any(other.host, policy.mx);
  });
}

/// It works, and none of those that the policy lists does.
bool is_all_that_works(const Case& c, const MxCase& mx, const Policy& policy) {
  return mx.usable == true && std::ranges::none_of(c.mx, [&](const MxCase& other) {
           return other.usable != false && matches_any(other.host, policy.mx);
         });
}

/// The fix where it is not simply another "mx:" line: a name that cannot be listed, a wildcard that is too
/// short, a line that is no host name.
void say_what_to_list(const Case& c, const Policy& policy, const std::vector<std::string>& unlisted,
                      Finding* finding) {
  const auto say = [&](Situation situation, const std::string& value) {
    say_for(situation, c.facts.domain, c.now, finding, {{"value", value}});
  };
  const auto first = [&](const auto& is) {
    const auto found = std::ranges::find_if(unlisted, is);
    return found == unlisted.end() ? std::string() : *found;
  };
  const auto below = [&](const std::string& host) { return below_wildcard(host, policy.mx); };
  const auto no_pattern =
      std::ranges::find_if(policy.mx, [](const std::string& pattern) { return !is_mx_pattern(pattern); });
  if (const auto host = first(has_underscore); !host.empty())
    say(Situation::underscore, host);
  else if (const auto name = first(is_no_host_name); !name.empty())
    say(Situation::no_host_name, name);
  else if (const auto deep = first(below); !deep.empty())
    say(Situation::below_wildcard, deep);
  else if (no_pattern != policy.mx.end())
    say(Situation::not_a_pattern, text::quoted(*no_pattern, 100));
}

constexpr std::array<std::string_view, 2> kLineCodes = {"sts-policy-mx-invalid-pattern",
                                                        "sts-policy-mx-trailing-dot"};

/// It stands in the file, on a line that is no host name, and that line has a finding.
bool is_meant_by_bad_line(const std::string& host, const Policy& policy, const Findings& out) {
  return std::ranges::any_of(kLineCodes, [&](std::string_view code) { return out.has(code); }) &&
         std::ranges::any_of(policy.mx, [&](const std::string& pattern) {
           return !is_mx_pattern(pattern) && pattern.find(host) != pattern.npos;
         });
}

/// One cause, one critical finding: none of its lines is a host name, which stands below what comes of it.
void lower_lines(const Policy& policy, Findings& out) {
  const auto names_a_host = [](const std::string& p) { return is_mx_pattern(p) && !is_list_or_address(p); };
  if (std::ranges::any_of(policy.mx, names_a_host)) return;
  for (Finding& line : out.all()) {
    if (std::ranges::find(kLineCodes, line.code) == kLineCodes.end()) continue;
    line.severity = std::min(line.severity, Severity::warning);
    line.route = std::min(line.route, Route::ticket);
  }
}

/// RFC 8461 §4.1, §5: hosts no pattern names are skipped. Each policy in effect is somebody's (CONTRACT 2).
void judge_match(const Case& c, const Policy& policy, Findings& out) {
  std::vector<std::string> listed, unlisted;
  for (const MxCase& mx : c.mx)
    if (!is_no_host(mx)) (matches_any(mx.host, policy.mx) ? listed : unlisted).push_back(mx.host);
  if (unlisted.empty()) return;
  const std::string patterns = pattern_list(policy.mx);
  if (listed.empty()) {
    Finding* finding =
        out.raise("mx-none-in-policy", c.facts.domain.str(),
                  in_detail(c, "the policy lists " + patterns +
                                   (c.implicit_mx ? "; no MX record, the address of " : "; MX: ") +
                                   text::joined(unlisted)));
    if (out.live() == Mode::testing) say_for(Situation::tests, c.facts.domain, c.now, finding);
    if (c.implicit_mx) {
      const auto say = [&](Situation situation) { say_for(situation, c.facts.domain, c.now, finding); };
      say(Situation::implicit_mx);
      if (c.asked == Mode::testing) say(Situation::tests_implicit);
      if (c.history.past && !c.history.past->mx.empty()) say(Situation::had_records);
    } else
      say_what_to_list(c, policy, unlisted, finding);
    tell_senders(finding, std::array{oddity_of_all(c)});
    let_off_refusing(c, finding);
    if (finding && finding->severity == Severity::critical) lower_lines(policy, out);
    return;
  }
  for (const MxCase& mx : c.mx) {
    if (is_no_host(mx) || matches_any(mx.host, policy.mx)) continue;
    Finding* finding = out.raise("mx-not-in-policy", mx.host, in_detail(c, "the policy lists " + patterns));
    if (is_backup(c, mx, policy)) say_for(Situation::backup, c.facts.domain, c.now, finding);
    if (is_all_that_works(c, mx, policy)) say_for(Situation::no_other, c.facts.domain, c.now, finding);
    if (out.live() == Mode::testing) say_for(Situation::tests, c.facts.domain, c.now, finding);
    say_what_to_list(c, policy, {mx.host}, finding);
    if (finding && is_meant_by_bad_line(mx.host, policy, out)) {
      finding->part = true;
      say_for(Situation::on_bad_line, c.facts.domain, c.now, finding);
    }
    tell_senders(finding, std::array{oddity_of(c, mx)});
    let_off_refusing(c, finding);
  }
}

bool failed_somewhere(const MxCase& mx) {
  return std::ranges::any_of(mx.addresses,
                             [](const MxAddressCase& a) { return a.outcome == HostOutcome::failed; });
}

/// RFC 8461 §8.4: a fault of a backup stays hidden until the best hosts are down.
void judge_backups(const Case& c, const std::vector<const Policy*>& policies, Findings& out) {
  const int best = c.mx.front().preference;
  const bool best_is_good = std::ranges::all_of(c.mx, [&](const MxCase& mx) {
    return mx.preference != best || (mx.usable == true && listed_by_all(mx.host, policies));
  });
  if (!best_is_good) return;
  for (const MxCase& mx : c.mx) {
    if (mx.preference == best || is_no_host(mx)) continue;
    const bool fails = mx.usable == false && failed_somewhere(mx);
    const bool listed = listed_by_all(mx.host, policies);
    if (listed && !fails) continue;
    const std::string why = listed ? mx.addresses.front().detail : "not in the policy";
    Finding* finding = out.raise("mx-backup-invalid", mx.host,
                                 in_detail(c, "preference " + std::to_string(mx.preference) + ": " + why));
    if (out.live() == Mode::testing) say_for(Situation::tests, c.facts.domain, c.now, finding);
  }
}

/// One host, one address or one certificate for all: nothing stands by when it fails.
void judge_single(const Case& c, const std::vector<const Policy*>& policies, Findings& out) {
  if (c.mx.size() != 1 || c.implicit_mx) return;
  const MxCase& mx = c.mx.front();
  if (mx.usable != true || !listed_by_all(mx.host, policies)) return;
  std::set<std::string> shown;
  std::size_t with = 0;  // addresses that show one
  for (const MxAddressCase& at : mx.addresses) {
    if (!at.probe || !at.probe->tls.peer) continue;
    shown.insert(at.probe->tls.peer->leaf.sha256);
    ++with;
  }
  if (mx.addresses.size() > 1 && shown.size() > 1) return;
  out.raise("mx-single", mx.host,
            mx.addresses.size() == 1 ? "one host with one address"
            : with == mx.addresses.size()
                ? std::to_string(with) + " addresses, one certificate"
                : std::to_string(mx.addresses.size()) + " addresses, one certificate, seen at " +
                      std::to_string(with));
}

// --- Each host

void judge_target(const Case& c, const MxCase& mx, Findings& out) {
  if (mx.literal) {
    // RFC 5321 §5.1: an MX record names a host.
    out.raise("mx-target-is-address", mx.host,
              in_detail(c, "MX " + std::to_string(mx.preference) + ' ' + mx.host));
    return;
  }
  if (mx.host == ".") {
    out.raise("mx-beside-null", c.facts.domain.str(),
              in_detail(c, "MX " + std::to_string(mx.preference) + " . beside other hosts"));
    return;
  }
  if (!mx.look) return;
  const HostAddresses& found = mx.look->addresses;
  if (found.lookup() == Lookup::absent) {
    out.raise("mx-target-no-address", mx.host,
              in_detail(c, found.a.nxdomain || found.aaaa.nxdomain ? "NXDOMAIN" : "neither A nor AAAA"));
  }
  if (const std::string error = unresolvable(found); !error.empty())
    out.raise("mx-host-dns-error", mx.host, in_detail(c, printable(error, bounds::kDetail)));
  // RFC 2181 §10.3, RFC 5321 §5.1: the target of an MX must not be an alias.
  if (!found.cname().empty()) out.raise("mx-target-cname", mx.host, "CNAME " + found.cname().front().target);
}

/// The result must not depend on the address a sender happens to choose.
void judge_addresses(const Case& c, const MxCase& mx, Findings& out) {
  std::string good, bad;
  for (const MxAddressCase& at : mx.addresses) {
    if (at.outcome == HostOutcome::ok) text::add(good, ", ", at.address.str());
    if (at.outcome == HostOutcome::failed) text::add(bad, "; ", at.address.str() + ": " + at.detail);
  }
  if (good.empty() || bad.empty()) return;
  out.raise_at_most(Severity::warning, "mx-address-inconsistent", mx.host,
                    in_detail(c, "good: " + good + "; not: " + bad));
}

/// Silence that several looks have met, while this vantage reached others (RULES 5.7).
void judge_silence(const Case& c, const MxCase& mx, Findings& out) {
  std::vector<AddressFault> faults;
  for (const MxAddressCase& at : mx.addresses) {
    if (at.dead()) faults.push_back({at.code, &at, at.detail});
  }
  raise_by_address(c, mx, faults, out);
}

/// Nobody can deliver to any of the hosts, whatever the policy says. What a look by itself cannot prove is
/// unknown.
void judge_all_down(const Case& c, Findings& out) {
  std::vector<std::string> words;
  bool no_addresses = true, no_lookups = true, foreign = true;
  for (const MxCase& mx : c.mx) {
    if (mx.host == "." && c.mx.size() > 1) continue;  // RFC 7505 §3: no host
    const bool no_address =
        mx.literal || mx.host == "." || (mx.look && mx.look->addresses.lookup() == Lookup::absent);
    const bool no_lookup = mx.look && !unresolvable(mx.look->addresses).empty();
    const bool dead = mx.usable == false && !mx.addresses.empty() &&
                      std::ranges::all_of(mx.addresses, [](const MxAddressCase& at) { return at.dead(); });
    if (!no_address && !no_lookup && !dead) return;
    no_addresses = no_addresses && no_address;
    no_lookups = no_lookups && no_lookup;
    foreign = foreign && !foreign_domain(c.facts.domain, mx.host).empty();
    words.push_back(mx.host + (mx.literal   ? " is an address and no name"
                               : no_address ? " has no address"
                               : no_lookup  ? " cannot be looked up"
                                            : ": " + mx.addresses.front().detail));
  }
  Finding* finding = out.raise("mx-all-down", c.facts.domain.str(), in_detail(c, text::joined(words)));
  const auto say = [&](Situation situation) {
    say_for(situation, c.facts.domain, c.now, finding,
            {{"value", foreign_domain(c.facts.domain, c.mx.front().host)}});
  };
  // RFC 5321 §5.1: "this situation MUST be reported as an error". Nothing is to be waited for.
  if (no_addresses) say(Situation::no_address);
  if (no_lookups) say(Situation::no_lookup);
  if (foreign && !no_lookups) say(no_addresses ? Situation::foreign_no_address : Situation::foreign);
}

/// The MX set that mail went to has gone, and nobody said that it would.
void judge_set_gone(const Case& c, Findings& out) {
  if (!c.history.past || (!c.null_mx && !c.implicit_mx)) return;
  const Past& past = *c.history.past;
  std::vector<std::string> hosts;
  for (const SeenHost& seen : past.mx)
    if (seen.host != c.facts.domain.str() && seen.seen.gone) hosts.push_back(seen.host);
  const auto removed =
      std::ranges::find(past.changes.rbegin(), past.changes.rend(), "mx-removed", &Change::code);
  if (hosts.empty() || (removed != past.changes.rend() && removed->planned) || c.limits.change_planned)
    return;
  if (removed != past.changes.rend()) hosts = {removed->from};
  const std::string& domain = c.facts.domain.str();
  const std::string before = "until now mail went to " + text::joined(hosts);
  if (c.null_mx) {
    out.raise("mx-became-null", domain, in_detail(c, "MX 0 .; " + before), {{"value", text::joined(hosts)}});
  } else {
    out.raise("mx-vanished", domain, in_detail(c, "no MX record, but an address; " + before),
              {{"value", text::joined(hosts)}});
  }
}

/// A bad certificate there is mx-address-inconsistent.
void judge_ipv6(const Case& c, const MxCase& mx, Findings& out) {
  if (!ipv6_broken(c, mx)) return;
  std::string detail;
  for (const MxAddressCase& at : mx.addresses) {
    if (at.address.is_v6()) text::add(detail, "; ", at.address.str() + ": " + at.detail);
  }
  out.raise("mx-ipv6-broken", mx.host, in_detail(c, detail));
}

/// RULES 5.8: no sender gets an answer. A page where mail came before, in whichever mode.
void judge_mx_lookup(const Case& c, Findings& out) {
  const std::string error = c.facts.mx.proven_error();
  const bool came_before = c.facts.mx.lookup == Lookup::found;
  if (!error.empty()) out.raise_known(came_before, "mx-dns-error", c.facts.domain.str(), in_detail(c, error));
  raise_disagreement(c, "mx-ns-inconsistent", c.facts.source.mx, out);
}

/// Copies of one policy that differ are one cause, which sts-policy-address-inconsistent names: hosts are
/// compared with the right copy alone, or with all together where none lists more than the others.
std::optional<Policy> without_odd_copies(const Case& c, const std::vector<const Policy*>& policies) {
  const auto listed = [&](const Policy* policy) { return hosts_listed(c, *policy); };
  if (policies.size() < 2) return std::nullopt;
  const Policy* right = *std::ranges::max_element(policies, {}, listed);  // of equals the one served most
  Policy out = *right;
  for (const Policy* policy : policies)
    if (policy != right && listed(policy) == listed(right))
      out.mx.insert(out.mx.end(), policy->mx.begin(), policy->mx.end());
  return out;
}

}  // namespace

void judge_mx(const Case& c, Findings& out) {
  judge_mx_lookup(c, out);
  judge_set(c, out);
  judge_set_gone(c, out);
  if (c.mx.empty()) return;
  judge_all_down(c, out);
  auto policies = demanding_policies(c);
  const auto right = without_odd_copies(c, policies);
  if (right) policies = {&*right};
  for (const Policy* policy : policies)
    judge_match(c, *policy, out);
  judge_backups(c, policies, out);
  judge_single(c, policies, out);
  for (const MxCase& mx : c.mx) {
    judge_target(c, mx, out);
    judge_addresses(c, mx, out);
    judge_silence(c, mx, out);
    judge_ipv6(c, mx, out);
  }
}

}  // namespace stswatch
