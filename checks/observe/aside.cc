#include "checks/facts/join.h"
#include "checks/observe/second_probe.h"

#include <algorithm>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/domain.h"
#include "checks/facts/policy.h"

namespace stswatch {
namespace {

constexpr Seconds kDaily{24 * 3600}, kHourly{3600};
constexpr std::size_t kPatterns = 32, kRecipients = 4, kCertificates = 8;

const AnswerFacts& facts_of(const DnsAnswer& answer) {
  return std::visit([](const auto& a) -> const AnswerFacts& { return a; }, answer);
}

/// The name itself is not there. One whose alias leads nowhere is.
Lookup existence(const DnsAnswer& answer) {
  const AnswerFacts& facts = facts_of(answer);
  if (facts.lookup == Lookup::unknown) return Lookup::unknown;
  return facts.lookup == Lookup::absent && facts.nxdomain && facts.cname.empty() ? Lookup::absent
                                                                                 : Lookup::found;
}

template <class Kind>
Kind taken(const std::vector<DnsAnswer>& answers, std::size_t at) {
  if (at < answers.size())
    if (const auto* answer = std::get_if<Kind>(&answers[at])) return *answer;
  return {};
}

std::vector<std::string> leaves_of(const std::vector<const PeerCertificates*>& shown) {
  std::set<std::string> out;
  for (const auto* peer : shown)
    if (!caa_identifiers(peer->leaf.issuer).empty() && out.size() < kCertificates)
      out.insert(peer->leaf.sha256);
  return {out.begin(), out.end()};
}

bool caa_is_due(const CaaLook& look, const std::vector<std::string>& leaves, TimePoint now) {
  if (leaves.empty()) return false;
  const bool asked = std::ranges::includes(look.certificates, leaves);
  return !asked || is_due({look.at, look.tried, 0}, false, now);
}

}  // namespace

bool is_due(const Rarely& when, bool bad, TimePoint now) {
  if (when.tried == TimePoint{} || when.tried > now) return true;
  if (when.at != when.tried) return now - when.tried >= kHourly;
  if (bad) return when.times < kSureOf || now - when.tried >= kHourly;
  return now - when.tried >= kDaily;
}

void note(Rarely& when, bool answered, bool same, TimePoint now) {
  when.tried = now;
  if (!answered) return;
  when.at = now;
  when.times = same ? std::min(when.times + 1, kSureOf) : 1;
}

CaaLook look_at_caa(Resolver& resolver, const std::string& host,
                    const std::vector<const PeerCertificates*>& shown, const CaaLook* before, TimePoint now,
                    const Deadline& deadline) {
  CaaLook out = before ? *before : CaaLook{};
  const auto leaves = leaves_of(shown);
  if (!caa_is_due(out, leaves, now)) return out;
  std::vector<DnsQuestion> questions;
  for (const auto& name : caa_names(host))
    questions.push_back({name, RecordType::caa});
  if (questions.empty()) return out;
  const auto answers = resolver.ask(questions, deadline);
  out.tried = now;
  out.certificates = leaves;
  std::vector<CaaAnswer> sets;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    sets.push_back(taken<CaaAnswer>(answers, i));
    sets.back().name = questions[i].name;
    // What lies above does not count; but one that only the host has says nothing of its parent.
    if (i > 0 && !sets.back().records.empty()) break;
  }
  const auto unknown = [](const CaaAnswer& a) { return a.lookup == Lookup::unknown; };
  if (std::ranges::any_of(sets, unknown)) return out;
  out.at = now;
  out.sets = std::move(sets);
  return out;
}

RuaAnswer look_for_mailbox(Resolver& resolver, std::string_view mailto_path, const Deadline& deadline) {
  RuaAnswer out;
  std::size_t recipients = 0;
  for (std::string_view left = mailto_path; !left.empty();) {
    const auto one = left.substr(0, left.find(','));
    left = one.size() == left.size() ? std::string_view() : left.substr(one.size() + 1);
    const auto at = one.rfind('@');
    const auto domain = Domain::parse(at == one.npos ? std::string_view() : one.substr(at + 1));
    if (!domain || one.find('%', at) != one.npos || ++recipients > kRecipients) return {};
    const auto answers = resolver.ask(
        {{domain->str(), RecordType::mx}, {domain->str(), RecordType::a}, {domain->str(), RecordType::aaaa}},
        deadline);
    const auto mx = taken<MxAnswer>(answers, 0);
    const HostAddresses addresses{taken<AddressAnswer>(answers, 1), taken<AddressAnswer>(answers, 2)};
    const bool null_mx = mx.records.size() == 1 && mx.records.front().host.empty();
    if (mx.lookup == Lookup::unknown) return {};
    if (mx.lookup == Lookup::found && !null_mx) return {Lookup::found, {}};
    if (mx.lookup == Lookup::absent && !mx.nxdomain && addresses.lookup() != Lookup::absent)
      return {addresses.lookup(), {}};
    out.lookup = Lookup::absent;
    text::add(out.detail, "; ",
              domain->str() + " has " +
                  (null_mx       ? "a null MX"
                   : mx.nxdomain ? "no DNS entry (NXDOMAIN)"
                                 : "neither MX nor address"));
  }
  return out;
}

std::vector<PatternName> look_for_patterns(Resolver& resolver, const std::vector<PolicyFetch>& fetches,
                                           const std::vector<PatternName>& before, TimePoint now,
                                           const Deadline& deadline) {
  std::set<std::string> patterns;
  for (const auto& fetch : fetches) {
    if (fetch.failure || fetch.status != 200 || fetch.body.empty()) continue;
    const auto reading = read_policy(fetch.body);
    if (const auto* policy = reading.applied())
      for (const auto& pattern : policy->mx)
        if (patterns.size() < kPatterns && is_mx_pattern(pattern)) patterns.insert(pattern);
  }
  // Without a policy in this look it lists what it listed last.
  if (patterns.empty())
    for (const auto& name : before)
      patterns.insert(name.pattern);
  std::vector<PatternName> out;
  std::vector<DnsQuestion> questions;
  std::vector<std::size_t> asked;
  for (const auto& pattern : patterns) {
    const auto known = std::ranges::find(before, pattern, &PatternName::pattern);
    out.push_back(known == before.end() ? PatternName{.pattern = pattern} : *known);
    const auto& name = out.back();
    if (!is_due(name.when, name.host == Lookup::absent || name.owner == Lookup::absent, now)) continue;
    const bool wildcard = pattern.starts_with("*.");
    const auto host = wildcard ? pattern.substr(2) : pattern;
    asked.push_back(out.size() - 1);
    questions.push_back({host, RecordType::a});
    questions.push_back({registrable_domain(host).value_or(host), RecordType::a});
  }
  if (questions.empty()) return out;
  const auto answers = resolver.ask(questions, deadline);
  for (std::size_t i = 0; i < asked.size() && 2 * i + 1 < answers.size(); ++i) {
    auto& name = out[asked[i]];
    const bool wildcard = name.pattern.starts_with("*.");
    const Lookup host = wildcard ? Lookup::found : existence(answers[2 * i]);
    const Lookup owner = existence(answers[2 * i + 1]);
    const bool answered = host != Lookup::unknown && owner != Lookup::unknown;
    note(name.when, answered, host == name.host && owner == name.owner, now);
    if (!answered) continue;
    name.host = host;
    name.owner = owner;
  }
  return out;
}

}  // namespace stswatch
