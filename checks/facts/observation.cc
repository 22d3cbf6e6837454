#include "checks/facts/observation.h"

#include <algorithm>
#include <initializer_list>
#include <map>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"

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

namespace {

bool same(const SourceReply& a, const SourceReply& b) {
  return a.records == b.records && a.nxdomain == b.nxdomain;
}

std::string shown(const SourceReply& reply) {
  std::string out = reply.detail;
  if (reply.said == SourceSaid::answered) {
    out = reply.nxdomain ? "NXDOMAIN" : reply.records.empty() ? "no record" : "";
    for (const std::string& record : reply.records)
      out += (out.empty() ? "\"" : ", \"") + record + '"';
  }
  return reply.serial ? out + " (serial " + std::to_string(*reply.serial) + ')' : out;
}

/// Whether two servers that answered the same name differ, and `such` a pair.
template <class Such>
bool any_differ(const std::vector<SourceReply>& replies, Such such) {
  for (auto a = replies.begin(); a != replies.end(); ++a) {
    if (a->said != SourceSaid::answered) continue;
    for (auto b = a + 1; b != replies.end(); ++b)
      if (b->said == SourceSaid::answered && a->name == b->name && !same(*a, *b) && such(*a, *b)) return true;
  }
  return false;
}

}  // namespace

bool SourceAnswer::answered() const {
  // Of an alias only its end is an answer: the last name asked.
  return trouble.empty() && std::ranges::any_of(replies, [&](const SourceReply& r) {
           return r.said == SourceSaid::answered && r.name == replies.back().name;
         });
}

bool SourceAnswer::zone_at_fault() const {
  if (replies.empty() || !trouble.empty()) return false;
  std::map<std::string, SourceSaid> by_server;  // the best that any of its addresses said
  for (const SourceReply& reply : replies) {
    if (reply.name != replies.back().name) continue;
    auto& best = by_server.try_emplace(reply.server, reply.said).first->second;
    best = std::max(best, reply.said);
  }
  return std::ranges::all_of(by_server, [](const auto& server) {
    return server.second == SourceSaid::refused || server.second == SourceSaid::lame;
  });
}

bool SourceAnswer::differs() const {
  return any_differ(replies, [](const SourceReply&, const SourceReply&) { return true; });
}

bool SourceAnswer::signed_apart() const {
  using namespace std::chrono_literals;
  constexpr Seconds kSigned = 24h;  // whoever signs for each answer does so now here, now there
  const SourceReply* first = nullptr;
  for (const SourceReply& reply : replies) {
    if (reply.said != SourceSaid::answered || reply.records.empty()) continue;
    if (first == nullptr) first = &reply;
    if (first->signed_until.has_value() != reply.signed_until.has_value()) return true;
    if (reply.signed_until && std::chrono::abs(*reply.signed_until - *first->signed_until) > kSigned)
      return true;
  }
  return false;
}

bool SourceAnswer::differs_at_one_serial() const {
  return any_differ(replies, [](const SourceReply& a, const SourceReply& b) {
    return a.serial && b.serial && *a.serial == *b.serial;
  });
}

std::string SourceAnswer::str() const {
  std::string out = trouble;
  for (const SourceReply& reply : replies)
    text::add(out, "; ", reply.server + ' ' + reply.address.str() + ": " + shown(reply));
  return out;
}

}  // namespace stswatch
