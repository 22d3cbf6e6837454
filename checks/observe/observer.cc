#include "checks/observe/observer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/facts/records.h"
#include "checks/facts/text.h"
#include "checks/observe/net/tcp.h"
#include "checks/observe/second_probe.h"

namespace stswatch {
namespace {

/// The answer at `index`, as the kind that was asked for; unknown where the resolver gave none.
template <class Wanted>
Wanted take_answer(std::vector<DnsAnswer>& answers, std::size_t index, const std::string& name) {
  if (index < answers.size())
    if (auto* answer = std::get_if<Wanted>(&answers[index])) return std::move(*answer);
  Wanted unknown;
  unknown.name = name;
  unknown.detail = "the resolver gave no answer";
  return unknown;
}

HostAddresses take_addresses(std::vector<DnsAnswer>& answers, std::size_t index, const std::string& name) {
  return {take_answer<AddressAnswer>(answers, index, name),
          take_answer<AddressAnswer>(answers, index + 1, name)};
}

/// A record "in any spelling": what begins with the version is at its right place, however wrong it is
/// otherwise.
bool announces_sts(const TxtRecord& record) {
  constexpr std::string_view kVersion = "v=stsv1";
  const std::string text = record.joined();
  return text.size() >= kVersion.size() &&
         std::equal(kVersion.begin(), kVersion.end(), text.begin(), [](char want, char have) {
           return want == (have >= 'A' && have <= 'Z' ? static_cast<char>(have - 'A' + 'a') : have);
         });
}

/// Names where the record ends up by mistake: the policy host, a mistyped underscore, the domain itself, and
/// the domain appended twice by a control panel.
std::vector<std::string> usual_wrong_names(const Domain& domain) {
  std::vector<std::string> names = {domain.policy_host(), "_mta_sts." + domain.str(), domain.str(),
                                    domain.sts_record_name() + "." + domain.str()};
  std::erase_if(names, [](const std::string& name) { return name.size() > 253; });
  return names;
}

/// A name beside `name` that nobody would make, and the same at every look, so that the facts of two looks
/// are alike: its first label is the FNV-1a sum of the whole.
std::string sibling_of(const std::string& name) {
  constexpr std::uint64_t kBasis = 14695981039346656037U, kPrime = 1099511628211U;
  std::uint64_t sum = kBasis;
  for (const char c : name)
    sum = (sum ^ static_cast<unsigned char>(c)) * kPrime;
  std::string label = "_";
  for (int nibble = 0; nibble < 16; ++nibble, sum >>= 4U)
    label += "0123456789abcdef"[sum & 15U];
  const std::string out = label + name.substr(name.find('.'));
  constexpr std::size_t kLongestName = 253;
  return out.size() > kLongestName ? std::string() : out;
}

/// RFC 4592: a wildcard answers for every name that is not there. What it makes of a name is told from what
/// somebody put there by asking for another.
bool may_be_synthesised(const TxtAnswer& answer, bool usable) {
  return answer.lookup != Lookup::unknown && !usable && !(answer.records.empty() && answer.cname.empty());
}

void ask_siblings(Resolver& resolver, DomainObservation& seen, const Deadline& deadline) {
  std::vector<std::pair<TxtAnswer*, std::string>> wanted;
  if (may_be_synthesised(seen.sts, read_sts_records(seen.sts.records).usable()))
    wanted.emplace_back(&seen.sts_sibling, sibling_of(seen.domain.sts_record_name()));
  if (may_be_synthesised(seen.tlsrpt, read_tlsrpt_records(seen.tlsrpt.records).usable()))
    wanted.emplace_back(&seen.tlsrpt_sibling, sibling_of(seen.domain.tlsrpt_name()));
  std::erase_if(wanted, [](const auto& w) { return w.second.empty(); });
  if (wanted.empty()) return;
  std::vector<DnsQuestion> questions;
  for (const auto& [answer, name] : wanted)
    questions.push_back({name, RecordType::txt});
  auto answers = resolver.ask(questions, deadline);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    *wanted[i].first = take_answer<TxtAnswer>(answers, i, wanted[i].second);
}

/// What only the first answers make worth asking, in one more batch.
void ask_further(Resolver& resolver, DomainObservation& seen, const Deadline& deadline) {
  std::vector<std::string> elsewhere;
  if (seen.sts.lookup != Lookup::unknown &&
      std::none_of(seen.sts.records.begin(), seen.sts.records.end(), announces_sts))
    elsewhere = usual_wrong_names(seen.domain);
  // RFC 5321 §5.1: without MX the domain itself is its only, implicit MX host.
  const bool implicit_mx = seen.mx.lookup == Lookup::absent;
  std::vector<DnsQuestion> questions;
  for (const std::string& name : elsewhere)
    questions.push_back({name, RecordType::txt});
  if (implicit_mx) {
    questions.push_back({seen.domain.str(), RecordType::a});
    questions.push_back({seen.domain.str(), RecordType::aaaa});
  }
  if (questions.empty()) return;
  auto answers = resolver.ask(questions, deadline);
  for (std::size_t i = 0; i < elsewhere.size(); ++i)
    seen.misplaced.push_back(take_answer<TxtAnswer>(answers, i, elsewhere[i]));
  if (implicit_mx) seen.apex = take_addresses(answers, elsewhere.size(), seen.domain.str());
}

/// RFC 7672 §2.2.2: no TLSA records are asked for where the addresses are not secure. §2.2.3: at the name
/// that the aliases lead to first, then at the host's own; whatever comes of a name that may hold some ends
/// it.
TlsaAnswer ask_tlsa(Resolver& resolver, const std::string& host, const HostAddresses& addresses,
                    std::uint16_t port, const Deadline& deadline) {
  std::vector<AliasState> aliases;
  for (const CnameLink& link : addresses.cname())
    aliases.push_back({link.target, addresses.secure()});
  TlsaAnswer out;
  for (const std::string& base : tlsa_bases(host, aliases, addresses.secure())) {
    const std::string name = tlsa_name(base, port);
    auto answers = resolver.ask({{name, RecordType::tlsa}}, deadline);
    out = take_answer<TlsaAnswer>(answers, 0, name);
    const bool none = out.lookup == Lookup::absent || (out.lookup == Lookup::found && !out.secure);
    if (!none) break;
  }
  return out;
}

/// `name` and what is above it, nearest first, without the root.
std::vector<std::string> up_from(std::string name) {
  constexpr std::size_t kLevels = 6;
  std::vector<std::string> out;
  while (!name.empty() && out.size() < kLevels) {
    const auto dot = name.find('.');
    out.push_back(std::exchange(name, dot == name.npos ? std::string() : name.substr(dot + 1)));
  }
  return out;
}

/// RFC 4035 §4.3: the lowest zone above the name whose own NS records are secure, and the one below it whose
/// are not. No secure zone among them proves nothing: this resolver may not validate at all.
TrustEnd trust_end_of(Resolver& resolver, const std::string& name, const Deadline& deadline) {
  std::vector<DnsQuestion> questions;
  for (const std::string& zone : up_from(name))
    questions.push_back({zone, RecordType::ns});
  TrustEnd out;
  for (const DnsAnswer& answer : resolver.ask(questions, deadline)) {
    const auto* ns = std::get_if<NsAnswer>(&answer);
    if (ns == nullptr || ns->lookup == Lookup::unknown) return {};
    if (ns->lookup != Lookup::found || !ns->cname.empty()) continue;  // no zone begins here
    if (!ns->secure) {
      out.zone = ns->name;
      continue;
    }
    out.parent = ns->name;
    return out.zone.empty() ? TrustEnd{} : out;
  }
  return {};
}

/// No sender goes by TLSA records of a host whose addresses are not secure (RFC 7672 §2.2.2), and whoever
/// published them thinks otherwise. A server that leaves such questions unanswered is not waited for.
TrustEnd ask_unprotected(Resolver& resolver, const MxHostObservation& seen, std::uint16_t port,
                         const Deadline& deadline) {
  constexpr Millis kLongest{2000};
  const HostAddresses& addresses = seen.addresses;
  if (addresses.lookup() != Lookup::found || addresses.secure() || !addresses.cname().empty()) return {};
  const Deadline end = deadline.within(std::min(kLongest, deadline.left() / 8));
  const std::string name = tlsa_name(seen.host, port);
  auto answers = resolver.ask({{name, RecordType::tlsa}}, end);
  const auto tlsa = take_answer<TlsaAnswer>(answers, 0, name);
  if (tlsa.lookup != Lookup::found || tlsa.secure || !tlsa.cname.empty()) return {};
  TrustEnd out = trust_end_of(resolver, seen.host, end);
  for (const TlsaRecord& record : tlsa.records) {
    if (!out.proved() || out.tlsa.size() > bounds::kDetail) break;
    text::add(out.tlsa, ", ", record.brief());
  }
  return out;
}

/// RFC 8020: below a name that does not exist there is nothing, so that "_tcp" over TLSA records must exist,
/// empty as it is (RFC 4592 §2.2.2). RFC 9156: resolvers ask for it on the way.
std::string tlsa_denial_of(Resolver& resolver, const TlsaAnswer& tlsa, const Deadline& deadline) {
  if (tlsa.lookup != Lookup::found || !tlsa.secure || !tlsa.cname.empty()) return {};
  const std::string above = tlsa.name.substr(tlsa.name.find('.') + 1);
  auto answers = resolver.ask({{above, RecordType::tlsa}}, deadline);
  const auto denial = take_answer<TlsaAnswer>(answers, 0, above);
  if (denial.lookup == Lookup::absent && denial.nxdomain) return above + ": NXDOMAIN";
  if (denial.lookup == Lookup::unknown && denial.bogus) return above + ": " + denial.detail;
  return {};
}

Failure out_of_time(const Deadline& deadline, const char* why) {
  if (deadline.cancelled()) return {Stage::connect, Cause::cancelled, "told to stop"};
  return {Stage::connect, Cause::local, why};
}

template <class Facts>
Facts untried(const Address& address, Failure failure) {
  Facts facts;
  facts.address = address;
  facts.failure = std::move(failure);
  return facts;
}

}  // namespace

Observer::Observer(Resolver& resolver, std::shared_ptr<const TrustStore> trust, ObserveOptions options,
                   std::shared_ptr<AddressLimiter> address_limiter)
    : resolver_(resolver),
      trust_(std::move(trust)),
      options_(std::move(options)),
      ipv6_(options_.ipv6),
      address_limiter_(std::move(address_limiter)) {}

/// Why an address must not be dialled at all.
std::optional<Failure> Observer::refused_by_us(const Address& address) const {
  if (const auto reason = address.not_public_reason(); !reason.empty() && !options_.allow_private)
    return Failure{Stage::connect, Cause::not_public, std::string(reason)};
  if (address.is_v6() && !ipv6_) return Failure{Stage::connect, Cause::no_route, "no IPv6 route from here"};
  return std::nullopt;
}

/// Each address in turn, each with an equal share of the time that is left, so that one that stalls costs
/// only its own.
template <class Facts, class Dial>
std::vector<Facts> Observer::each_address(const std::vector<Address>& addresses, const Deadline& deadline,
                                          Millis longest, std::vector<Address>* crowded, Dial dial) {
  std::vector<Facts> all;
  auto to_try = std::count_if(addresses.begin(), addresses.end(),
                              [&](const Address& address) { return !refused_by_us(address); });
  for (const Address& address : addresses) {
    if (auto refusal = refused_by_us(address)) {
      all.push_back(untried<Facts>(address, std::move(*refusal)));
      continue;
    }
    const Deadline share =
        deadline.within(std::min(longest, deadline.left() / std::max<std::ptrdiff_t>(1, to_try--)));
    bool is_crowded = false;
    const auto turn = address_limiter_->take(address, share, crowded != nullptr ? &is_crowded : nullptr);
    if (is_crowded)
      crowded->push_back(address);
    else if (!turn)
      all.push_back(
          untried<Facts>(address, out_of_time(deadline, "another look at this address took all the time")));
    else if (share.passed() || share.cancelled())
      all.push_back(untried<Facts>(address, out_of_time(deadline, "no time was left for this address")));
    else
      all.push_back(dial(address, share));
  }
  return all;
}

void Observer::use_ipv6(bool route) {
  ipv6_ = route;
  if (source_) source_->use_ipv6(route);
}

DomainObservation Observer::look_at_names(const Domain& domain, TimePoint now, const Deadline& deadline,
                                          const dns::Beforehand& before) {
  DomainObservation seen(domain);
  seen.at = now;
  const std::string host = domain.policy_host();
  auto answers = resolver_.ask({{domain.sts_record_name(), RecordType::txt},
                                {domain.str(), RecordType::mx},
                                {domain.tlsrpt_name(), RecordType::txt},
                                {host, RecordType::a},
                                {host, RecordType::aaaa}},
                               deadline);
  seen.sts = take_answer<TxtAnswer>(answers, 0, domain.sts_record_name());
  seen.mx = take_answer<MxAnswer>(answers, 1, domain.str());
  seen.tlsrpt = take_answer<TxtAnswer>(answers, 2, domain.tlsrpt_name());
  seen.policy_host = take_addresses(answers, 3, host);
  if (source_)
    dns::hear_source(*source_, seen, before, deadline);
  else
    dns::believe_resolver(seen);
  ask_further(resolver_, seen, deadline);
  ask_siblings(resolver_, seen, deadline);
  return seen;
}

std::vector<PolicyFetch> Observer::fetch_policies(const Domain& domain, const HostAddresses& policy_host,
                                                  TimePoint now, const Deadline& deadline,
                                                  std::vector<Address>* crowded) {
  return each_address<PolicyFetch>(policy_host.all(), deadline, bounds::kPolicyFetch, crowded,
                                   [&](const Address& address, const Deadline& share) {
                                     auto seen =
                                         fetch_policy(domain, address, *trust_, options_.https, now, share);
                                     look_up_revocation(seen.tls, now, share);
                                     return seen;
                                   });
}

void Observer::look_up_revocation(TlsFacts& tls, TimePoint now, const Deadline& deadline) const {
  if (revocation_ && tls.peer) revocation_->look_up(tls.peer.change(), trust_->issuers(), now, deadline);
}

MxHostObservation Observer::look_at_mx(const std::string& host, TimePoint now, const Deadline& deadline,
                                       std::vector<Address>* crowded) {
  MxHostObservation seen;
  seen.host = host;
  seen.at = now;
  seen.addresses.a.name = seen.addresses.aaaa.name = host;
  // RFC 5321 §5.1: an MX record holds a name. An address there has none to verify and nothing to look up.
  if (host.empty() || Address::parse(host)) return seen;
  auto answers = resolver_.ask({{host, RecordType::a}, {host, RecordType::aaaa}}, deadline);
  seen.addresses = take_addresses(answers, 0, host);
  seen.tlsa =
      ask_tlsa(resolver_, host, seen.addresses, options_.smtp.port, deadline.within(deadline.left() / 4));
  seen.tlsa_denial = tlsa_denial_of(resolver_, seen.tlsa, deadline.within(deadline.left() / 8));
  seen.trust_end = ask_unprotected(resolver_, seen, options_.smtp.port, deadline);
  const auto secure_tlsa = seen.tlsa.secure ? seen.tlsa.records : std::vector<TlsaRecord>{};
  seen.probes = each_address<SmtpProbe>(seen.addresses.all(), deadline, deadline.left(), crowded,
                                        [&](const Address& address, const Deadline& share) {
                                          auto probe = probe_smtp(host, address, *trust_, options_.smtp, now,
                                                                  share, secure_tlsa);
                                          look_up_revocation(probe.tls, now, share);
                                          return probe;
                                        });
  return seen;
}

void Observer::look_again(MxHostObservation& seen, const Deadline& deadline) {
  std::vector<const SmtpProbe*> usual;
  for (const SmtpProbe& probe : seen.probes)
    if (wants_second_probe(probe)) usual.push_back(&probe);
  for (std::size_t i = 0; i < usual.size() && !deadline.passed() && !deadline.cancelled(); ++i) {
    const auto share = deadline.within(deadline.left() / static_cast<Millis::rep>(usual.size() - i));
    bool crowded = false;
    const auto turn = address_limiter_->take(usual[i]->address, share, &crowded);
    if (!turn) continue;
    seen.second.push_back(probe_again(seen.host, *usual[i], *trust_, options_.smtp, seen.at, share));
  }
}

std::optional<bool> Observer::greets(const std::string& host, const Deadline& deadline) {
  std::vector<Address> addresses;
  if (const auto literal = Address::parse(host)) {
    addresses = {*literal};
  } else {
    auto answers = resolver_.ask({{host, RecordType::a}, {host, RecordType::aaaa}}, deadline);
    const auto found = take_addresses(answers, 0, host);
    if (found.lookup() == Lookup::unknown) return std::nullopt;
    addresses = found.all();
  }
  bool untried = false;
  for (std::size_t i = 0; i < addresses.size() && !deadline.cancelled(); ++i) {
    if (addresses[i].is_v6() && !ipv6_) continue;
    const auto share = deadline.within(deadline.left() / static_cast<Millis::rep>(addresses.size() - i));
    const auto turn = address_limiter_->take(addresses[i], share);
    const auto heard = turn ? hear_greeting(addresses[i], options_.smtp, share) : Result<void>{};
    if (turn && heard) return true;
    untried |= !heard && heard.error().cause == Cause::exhausted;
  }
  if (untried) return std::nullopt;
  return false;
}

std::optional<bool> has_ipv6_route() {
  // f.root-servers.net: an address that a default route is needed for.
  const auto probe = Address::parse("2001:500:2f::f");
  const auto ours = source_address(*probe);
  if (!ours && ours.error().cause == Cause::exhausted) return std::nullopt;
  // A host without a global address may still route towards one, from fe80::/10, and never hear an answer.
  return ours && !(ours->octets()[0] == 0xfe && (ours->octets()[1] & 0xc0) == 0x80);
}

}  // namespace stswatch
