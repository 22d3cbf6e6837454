#include "checks/facts/observation.h"

#include <algorithm>
#include <initializer_list>

#include "checks/facts/bounds.h"

namespace stswatch {

std::vector<Address> HostAddresses::all() const {
  std::vector<Address> out;
  for (const AddressAnswer* answer : {&a, &aaaa}) {
    for (const Address& address : answer->records) {
      if (out.size() == bounds::kHostAddresses) return out;
      out.push_back(address);
    }
  }
  return out;
}

bool HostAddresses::too_many() const {
  return a.records.size() + aaaa.records.size() > bounds::kHostAddresses;
}

Lookup HostAddresses::lookup() const {
  if (!a.records.empty() || !aaaa.records.empty()) return Lookup::found;
  if (a.lookup == Lookup::absent && aaaa.lookup == Lookup::absent) return Lookup::absent;
  return Lookup::unknown;
}

const std::vector<CnameLink>& HostAddresses::cname() const { return a.cname.empty() ? aaaa.cname : a.cname; }

bool HostAddresses::secure() const {
  const auto fine = [](const AddressAnswer& answer) { return answer.records.empty() || answer.secure; };
  return lookup() == Lookup::found && fine(a) && fine(aaaa);
}

bool spoke(const SmtpProbe& probe) {
  return !probe.failure || probe.failure->stage > Stage::ehlo || probe.failure->cause == Cause::deferred ||
         probe.failure->cause == Cause::rejected;
}

namespace {

std::string exhausted_in(std::initializer_list<const AnswerFacts*> answers) {
  for (const AnswerFacts* answer : answers)
    if (answer->exhausted) return answer->name + ": " + answer->detail;
  return {};
}

/// Of dialogues: fetches or probes.
template <class Dialogues>
std::string exhausted_among(const Dialogues& dialogues) {
  for (const auto& d : dialogues)
    if (d.failure && d.failure->cause == Cause::exhausted) return d.address.str() + ": " + d.failure->detail;
  return {};
}

template <class Dialogue>
bool is_dated(const Dialogue& d) {
  return d.tls.peer && d.tls.peer->bad_by_dates_alone();
}

template <class Dialogues>
void withdraw_dated_among(Dialogues& dialogues, std::string_view why) {
  for (auto& d : dialogues) {
    if (!is_dated(d)) continue;
    d.failure = Failure{Stage::certificate, Cause::local,
                        "the certificate is bad by this agent's date, and " + std::string(why)};
    d.tls.peer.reset();
  }
}

}  // namespace

bool has_dated(const DomainObservation& look) {
  return std::ranges::any_of(look.fetches, is_dated<PolicyFetch>);
}
bool has_dated(const MxHostObservation& look) {
  return std::ranges::any_of(look.probes, is_dated<SmtpProbe>);
}
void withdraw_dated(DomainObservation& look, std::string_view why) {
  withdraw_dated_among(look.fetches, why);
}
void withdraw_dated(MxHostObservation& look, std::string_view why) { withdraw_dated_among(look.probes, why); }

std::string exhausted_in(const DomainObservation& look) {
  const auto names = exhausted_in({&look.sts, &look.mx, &look.tlsrpt, &look.policy_host.a,
                                   &look.policy_host.aaaa, &look.apex.a, &look.apex.aaaa});
  return names.empty() ? exhausted_among(look.fetches) : names;
}

std::string exhausted_in(const MxHostObservation& look) {
  const auto names = exhausted_in({&look.addresses.a, &look.addresses.aaaa, &look.tlsa});
  return names.empty() ? exhausted_among(look.probes) : names;
}

}  // namespace stswatch
