// The two looks: at a domain (DNS, then the policy from each address) and at an MX host (each address).
// Gathers facts, has no opinions. Thread-safe: holds shared immutable parts, the pace, the source and a flag.
#pragma once

#include <atomic>
#include <memory>

#include "checks/facts/observation.h"
#include "checks/observe/dns/resolver.h"
#include "checks/observe/dns/source.h"
#include "checks/observe/http_response.h"
#include "checks/observe/net/address_limiter.h"
#include "checks/observe/revocation.h"
#include "checks/observe/second_probe.h"
#include "checks/observe/smtp.h"

namespace stswatch {

struct ObserveOptions {
  HttpsOptions https;
  SmtpOptions smtp;
  bool allow_private = false;
  bool post_to_rua = false;  // an empty report to https addresses of reports, to see who answers
  bool ipv6 = true;  // until use_ipv6(); false: IPv6 addresses are noted with Cause::no_route and not tried
};

class Observer {
 public:
  /// `pace` may be shared with other observers: an address is polite to all of them at once.
  Observer(Resolver& resolver, std::shared_ptr<const TrustStore> trust, ObserveOptions options,
           std::shared_ptr<AddressLimiter> address_limiter = std::make_shared<AddressLimiter>());

  /// All DNS questions of a domain: the records, the MX set, the policy host's addresses, and what the zone's
  /// own servers say where a source is used; `fetches` stays empty.
  DomainObservation look_at_names(const Domain& domain, TimePoint now, const Deadline& deadline,
                                  const dns::Beforehand& before = {});

  /// The policy from each address of the policy host found by look_at_names. An address that stalls costs
  /// only its share of the time left. Given `crowded`, an address that others of ours queue for
  /// (Pace::kQueue) is noted there instead.
  std::vector<PolicyFetch> fetch_policies(const Domain& domain, const HostAddresses& policy_host,
                                          TimePoint now, const Deadline& deadline,
                                          std::vector<Address>* crowded = nullptr);

  /// What is looked at rarely, after the fetches or probes: fills `seen.aside` or `seen.caa`, from `known`
  /// where nothing is due.
  void look_aside(DomainObservation& seen, const DomainObservation* known, const Deadline& deadline);
  void look_aside(MxHostObservation& seen, const MxHostObservation* known, const Deadline& deadline);

  /// Addresses of the host and an SMTP probe of each. An address literal written as a name is not looked up.
  /// `crowded` as above.
  MxHostObservation look_at_mx(const std::string& host, TimePoint now, const Deadline& deadline,
                               std::vector<Address>* crowded = nullptr);

  /// The second, rare probe of each address that the look reached: fills in `seen.second`. What there is no
  /// time for, and who is busy, is left for another day.
  void look_again(MxHostObservation& seen, const Deadline& deadline);

  /// Whether any address of this host, which the operator named, greets on the SMTP port; nothing when its
  /// addresses could not be found out, or our own means did not suffice to ask them. `host` may be an
  /// address.
  std::optional<bool> greets(const std::string& host, const Deadline& deadline);

  void use_ipv6(bool route);
  /// Before the first look. Without one the resolver is the only witness.
  void use_source(std::shared_ptr<dns::Source> source) { source_ = std::move(source); }
  /// Before the first look. Without them nothing is known of revocation.
  void use_revocation(std::shared_ptr<RevocationLists> lists) { revocation_ = std::move(lists); }

 private:
  void look_up_revocation(TlsFacts& tls, TimePoint now, const Deadline& deadline) const;
  std::optional<Failure> refused_by_us(const Address& address) const;
  void look_for_report_targets(DomainObservation& seen, const Deadline& deadline);
  RuaAnswer look_for_host(const std::string& uri, const Deadline& deadline);
  RuaAnswer post_empty(const std::string& uri, TimePoint now, const Deadline& deadline);
  void ask_as_browser(DomainObservation& seen, const Deadline& deadline);
  template <class Facts, class Dial>
  std::vector<Facts> each_address(const std::vector<Address>& addresses, const Deadline& deadline,
                                  Millis longest, std::vector<Address>* crowded, Dial dial);

  Resolver& resolver_;
  std::shared_ptr<const TrustStore> trust_;
  ObserveOptions options_;
  std::atomic<bool> ipv6_;
  std::shared_ptr<AddressLimiter> address_limiter_;
  std::shared_ptr<dns::Source> source_;          // may be null
  std::shared_ptr<RevocationLists> revocation_;  // may be null
};

/// Whether this machine has an IPv6 default route (or any route to `probe`); no packet is sent.
/// nullopt: there was no descriptor to ask the kernel with.
std::optional<bool> has_ipv6_route();

}  // namespace stswatch
