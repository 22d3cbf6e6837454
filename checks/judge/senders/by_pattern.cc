#include "checks/judge/senders/by_pattern.h"

#include <algorithm>

#include "checks/facts/policy.h"
#include "checks/judge/catalogue/catalogue.h"
#include "checks/judge/rules/readings.h"

namespace stswatch {
namespace {

bool postfix_matches(const std::string& name, std::string_view pattern) {
  if (pattern.starts_with("*.")) pattern.remove_prefix(1);
  if (pattern.ends_with('.')) return false;
  if (pattern.starts_with('.')) return name.size() > pattern.size() && name.ends_with(pattern);
  // A wildcard of the certificate stands for one label, as everywhere.
  return matches(pattern, name);
}

std::vector<const Policy*> enforced(const Case& c) {
  std::vector<const Policy*> out;
  for (const Policy& policy : c.in_effect)
    if (policy.mode == Mode::enforce) out.push_back(&policy);
  return out;
}

/// Handshake done, and nothing wrong with the certificate but the names in it.
bool wrong_by_name_alone(const MxCase& mx, const MxAddressCase& at, TimePoint now) {
  if (!at.probe || at.probe->failure || !at.probe->tls.peer) return false;
  return std::ranges::all_of(
      certificate_faults(*at.probe->tls.peer, mx.host, now), [](const CertificateFault& f) {
        return certificate_result_type(f.code) == to_string(ResultType::certificate_host_mismatch);
      });
}

/// Under every one of these policies the name stands there but for a final dot.
bool listed_with_dot(const std::string& host, const std::vector<const Policy*>& policies) {
  const auto dotted = [&](const std::string& pattern) {
    return pattern.ends_with('.') && matches(host, pattern.substr(0, pattern.size() - 1));
  };
  return !policies.empty() && std::ranges::all_of(policies, [&](const Policy* policy) {
    return std::ranges::any_of(policy->mx, dotted);
  });
}

Oddity both(bool listed, bool below) {
  if (listed) return below ? Oddity::listed_and_below : Oddity::certificate_listed;
  return below ? Oddity::below_wildcard : Oddity::none;
}

/// All that enforces is the first of two modes: senders that take the last ask less of the hosts (RULES 0.4).
bool last_mode_is_milder(const Case& c) {
  const auto by_first = [](const PolicyCopy& copy) {
    const Policy* policy = copy.reading ? copy.reading->applied() : nullptr;
    return !policy || policy->mode != Mode::enforce || copy.reading->last_mode;
  };
  const auto in_effect = [&](const Held& h) {
    return h.policy.mode != Mode::enforce || c.is_in_effect(h.policy);
  };
  return !enforced(c).empty() && std::ranges::all_of(c.copies, by_first) &&
         std::ranges::all_of(c.held, in_effect);
}

bool is_listed(Oddity o) { return o == Oddity::certificate_listed || o == Oddity::listed_and_below; }
bool is_below(Oddity o) { return o == Oddity::below_wildcard || o == Oddity::listed_and_below; }

}  // namespace

bool postfix_cannot_use(std::span<const std::string> patterns) {
  return std::ranges::any_of(patterns, is_list_or_address) || std::ranges::all_of(patterns, is_asterisks);
}

bool stops_postfix(const Case& c) {
  return std::ranges::any_of(enforced(c), [](const Policy* p) { return postfix_cannot_use(p->mx); });
}

StoppedByText stopped_by_text(const std::vector<Finding>& findings) {
  const auto stops = std::ranges::find_if(
      findings, [](const Finding& f) { return f.route == Route::page && is_on_text(f); });
  if (stops == findings.end()) return {};
  const auto space = stops->subject.find(' ');
  const std::string from =
      space == stops->subject.npos ? "" : " that fetched the policy from " + stops->subject.substr(space + 1);
  if (stops->code == codes::duplicate_field)
    return {(from.empty() ? "that" : from.substr(1) + " and") + " take the last of two modes, " +
                std::string(kResolverName) + ", chasquid and mailauth among them",
            "they enforce a policy under which no MX host can be used"};
  if (stops->code == codes::too_large)
    return {"with chasquid" + from, "they read no more than 10 KiB of the policy, which list no host of use"};
  return {"with Postfix and " + std::string(kResolverName) + from,
          "they cannot use an mx line of the policy"};
}

bool listed_by_certificate(const Certificate& leaf, std::span<const std::string> patterns) {
  if (postfix_cannot_use(patterns)) return false;
  const std::vector<std::string> names =
      leaf.dns_names.empty() ? std::vector{leaf.common_name} : leaf.dns_names;
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return std::ranges::any_of(names,
                               [&](const std::string& name) { return postfix_matches(name, pattern); });
  });
}

bool below_wildcard(const std::string& host, std::span<const std::string> patterns) {
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return pattern.starts_with("*.") && host.ends_with(pattern.substr(1));
  });
}

namespace {

using Policies = std::vector<const Policy*>;

Oddity oddity_at(const Case& c, const MxCase& mx, const MxAddressCase& at, const Policies& policies) {
  if (policies.empty() || !wrong_by_name_alone(mx, at, c.now)) return Oddity::none;
  const Certificate& leaf = at.probe->tls.peer->leaf;
  const bool listed = std::ranges::all_of(
      policies, [&](const Policy* policy) { return listed_by_certificate(leaf, policy->mx); });
  return listed ? Oddity::certificate_listed : Oddity::none;
}

Oddity oddity_of(const Case& c, const MxCase& mx, const Policies& policies) {
  const bool listed = std::ranges::any_of(
      mx.addresses, [&](const MxAddressCase& at) { return is_listed(oddity_at(c, mx, at, policies)); });
  const bool below =
      !policies.empty() && mx.usable == true && std::ranges::all_of(policies, [&](const Policy* policy) {
        return matches_any(mx.host, policy->mx) || below_wildcard(mx.host, policy->mx);
      });
  const Oddity oddity = both(listed, below);
  return oddity == Oddity::none && mx.usable == true && listed_with_dot(mx.host, policies) ? Oddity::final_dot
                                                                                           : oddity;
}

Oddity oddity_of_all(const Case& c, const Policies& policies) {
  bool listed = false, below = false, dotted = false;
  for (const MxCase& mx : c.mx) {
    const Oddity oddity = oddity_of(c, mx, policies);
    dotted = dotted || oddity == Oddity::final_dot;
    listed = listed || is_listed(oddity);
    below = below || is_below(oddity);
  }
  const Oddity oddity = both(listed, below);
  return oddity == Oddity::none && dotted ? Oddity::final_dot : oddity;
}

}  // namespace

Oddity oddity_at(const Case& c, const MxCase& mx, const MxAddressCase& at) {
  return oddity_at(c, mx, at, enforced(c));
}
Oddity oddity_of(const Case& c, const MxCase& mx) {
  return last_mode_is_milder(c) ? Oddity::last_mode_milder : oddity_of(c, mx, enforced(c));
}
Oddity oddity_of_id(const Case& c) {
  const auto under_another = [](const Held& h) { return h.policy.mode == Mode::enforce && !h.shown_id; };
  const bool unreadable = c.record.usable() && c.policies.empty();
  return unreadable && std::ranges::any_of(c.held, under_another) ? Oddity::new_id_unreadable : Oddity::none;
}
Oddity oddity_of_all(const Case& c) {
  return last_mode_is_milder(c) ? Oddity::last_mode_milder : oddity_of_all(c, enforced(c));
}
Oddity oddity_of_all(const Case& c, const Policy& policy) {
  if (const Oddity unreadable = oddity_of_id(c); unreadable != Oddity::none) return unreadable;
  return last_mode_is_milder(c) ? Oddity::last_mode_milder : oddity_of_all(c, Policies{&policy});
}

}  // namespace stswatch
