#include "checks/judge/senders_hosts.h"

#include <algorithm>
#include <numeric>

#include "checks/facts/bounds.h"
#include "checks/facts/mx_pattern.h"

namespace stswatch::senders {

Hosts::Hosts(const World& world) : world_(world), order_(world.mx.size()) {
  for (const WorldMx& mx : world.mx)
    hosts_.push_back(read(mx));
  listed_.reserve(world.policies.size() * world.mx.size());
  for (const WorldPolicy& policy : world.policies) {
    // RFC 8461 §4.1: the name of the MX record is compared with the patterns of the policy.
    for (const WorldMx& mx : world.mx)
      listed_.push_back(matches_any(mx.host, policy.mx));
  }
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::ranges::stable_sort(order_, {}, [&](std::size_t i) { return world_.mx[i].preference; });
}

Hosts::Host Hosts::read(const WorldMx& mx) {
  Host host;
  for (const WorldAddress& address : mx.addresses) {
    Span span;
    // Unknown, whatever its other fields say (CONTRACT 4).
    host.maybe |= !address.reachable;
    // RFC 8461 §4.2: STARTTLS, a chain to a trusted root, and a DNS-ID equal to the host's name.
    span.sound = address.reachable.value_or(false) && address.starttls && address.trusted &&
                 matches_any(mx.host, address.dns_names);
    if (address.not_before) span.from = *address.not_before - bounds::kClockTolerance;
    if (address.not_after) span.until = *address.not_after;
    host.addresses.push_back(span);
  }
  return host;
}

bool Hosts::lists_any(std::size_t policy) const {
  for (std::size_t host = 0; host < size(); ++host) {
    if (listed(policy, host)) return true;
  }
  return false;
}

Usable Hosts::by_itself(std::size_t host, TimePoint t) const {
  const Host& of = hosts_[host];
  // RFC 5321 §5.1: a sender tries all addresses of a host, so one good address is enough.
  const bool good = std::ranges::any_of(
      of.addresses, [t](const Span& span) { return span.sound && span.from <= t && t < span.until; });
  return good ? Usable::yes : of.maybe ? Usable::unknown : Usable::no;
}

std::vector<Usable> Hosts::at(TimePoint t) const {
  std::vector<Usable> all(size());
  for (std::size_t host = 0; host < size(); ++host)
    all[host] = by_itself(host, t);
  return all;
}

Count Hosts::count(std::size_t policy, const std::vector<Usable>& at) const {
  Count count;
  for (std::size_t host = 0; host < size(); ++host) {
    // RFC 8461 §4: both must hold, the name is listed and the host authenticates itself.
    if (!listed(policy, host)) continue;
    count.certain += at[host] == Usable::yes;
    count.possible += at[host] != Usable::no;
  }
  return count;
}

void Hosts::add_events(std::vector<TimePoint>& events) const {
  for (const Host& host : hosts_) {
    for (const Span& span : host.addresses) {
      if (!span.sound) continue;
      events.push_back(span.from);
      events.push_back(span.until);
    }
  }
}

}  // namespace stswatch::senders
