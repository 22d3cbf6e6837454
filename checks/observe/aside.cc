#include <algorithm>
#include <set>

#include "checks/facts/bounds.h"
#include "checks/facts/domain.h"
#include "checks/facts/policy.h"
#include "checks/facts/records.h"
#include "checks/facts/text.h"
#include "checks/observe/observer.h"
#include "checks/observe/second_probe.h"

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

// The observer's rare looks: what is due of them at this look, over DNS and HTTPS.

namespace {

// What large browsers send; a policy host that refuses our name and takes this one refuses senders too.
constexpr std::string_view kBrowser =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
constexpr std::size_t kTargets = 8;
constexpr Millis kPostTime{10'000};
constexpr std::string_view kNoAddress = " has no address";

/// Of this look, or of the last one that fetched.
const std::vector<PolicyFetch>& newest_fetches(const DomainObservation& seen,
                                               const DomainObservation* known) {
  return seen.fetches.empty() && known ? known->fetches : seen.fetches;
}

bool is_refusal(int status) {
  return status == 401 || status == 403 || status == 406 || status == 429 || status == 503;
}

/// Host, port and request target of an https URI; nullopt where it has no name to ask.
struct HttpsUri {
  std::string host, target;
  std::uint16_t port = 443;
};
std::optional<HttpsUri> read_https(const std::string& text) {
  const auto uri = parse_uri(text);
  if (!uri || !uri->authority) return std::nullopt;
  HttpsUri out;
  auto authority = *uri->authority;
  authority = authority.substr(authority.rfind('@') + 1);  // npos + 1: all of it
  if (const auto colon = authority.find(':'); colon != authority.npos) {
    int port = 0;
    for (const char c : authority.substr(colon + 1))
      port = c >= '0' && c <= '9' && port < 100'000 ? port * 10 + (c - '0') : 100'000;
    if (port < 1 || port > 65'535) return std::nullopt;
    out.port = static_cast<std::uint16_t>(port);
    authority = authority.substr(0, colon);
  }
  const auto name = Domain::parse(authority);
  if (!name || Address::parse(name->str())) return std::nullopt;
  out.host = name->str();
  const auto from = static_cast<std::size_t>(uri->path.data() - text.data());
  out.target = text.substr(from, text.find('#', from) - from);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  return out;
}

HostAddresses ask_for_addresses(Resolver& resolver, const std::string& host, const Deadline& deadline) {
  auto answers = resolver.ask({{host, RecordType::a}, {host, RecordType::aaaa}}, deadline);
  if (answers.size() != 2) return {};
  return {std::get<AddressAnswer>(answers[0]), std::get<AddressAnswer>(answers[1])};
}

/// What was learnt by a POST is not held against an https address without leave to post; and one of which
/// only the name was looked up is asked as soon as there is leave.
bool depends_on_leave(const ReportTarget& target, bool leave) {
  if (leave) return target.lookup == Lookup::found && !target.answered;
  return target.lookup == Lookup::absent && !target.detail.ends_with(kNoAddress);
}

}  // namespace

void Observer::look_aside(MxHostObservation& seen, const MxHostObservation* known, const Deadline& deadline) {
  std::vector<const PeerCertificates*> shown;
  for (const auto& probe : seen.probes)
    if (probe.tls.peer) shown.push_back(&*probe.tls.peer);
  seen.caa = look_at_caa(resolver_, seen.host, shown, known ? &known->caa : nullptr, seen.at, deadline);
}

void Observer::look_aside(DomainObservation& seen, const DomainObservation* known, const Deadline& deadline) {
  const AsideFacts before = known ? known->aside : AsideFacts{};
  seen.aside = before;
  const auto share = deadline.within(deadline.left() / 2);
  std::vector<const PeerCertificates*> shown;
  for (const auto& fetch : newest_fetches(seen, known))
    if (fetch.tls.peer) shown.push_back(&*fetch.tls.peer);
  seen.aside.caa = look_at_caa(resolver_, seen.domain.policy_host(), shown, &before.caa, seen.at, share);
  seen.aside.patterns = look_for_patterns(resolver_, seen.fetches, before.patterns, seen.at, share);
  look_for_report_targets(seen, share);
  ask_as_browser(seen, share);
}

/// Unknown records leave what was known of their targets.
void Observer::look_for_report_targets(DomainObservation& seen, const Deadline& deadline) {
  if (seen.tlsrpt.lookup == Lookup::unknown) return;
  const auto before = std::move(seen.aside.report_targets);
  seen.aside.report_targets.clear();
  for (const auto& uri : read_tlsrpt_records(seen.tlsrpt.records).deliverable) {
    if (seen.aside.report_targets.size() == kTargets) return;
    const auto last = std::ranges::find(before, uri, &ReportTarget::uri);
    auto& target =
        seen.aside.report_targets.emplace_back(last == before.end() ? ReportTarget{.uri = uri} : *last);
    const auto parts = parse_uri(uri);
    if (!parts) continue;
    const bool mail = text::iequals(parts->scheme, "mailto");
    const bool by_name = !mail && !options_.post_to_rua;
    if (!mail && depends_on_leave(target, options_.post_to_rua)) target = {.uri = uri};
    if (!is_due(target.when, target.lookup == Lookup::absent, seen.at)) continue;
    const RuaAnswer box = mail      ? look_for_mailbox(resolver_, parts->path, deadline)
                          : by_name ? look_for_host(uri, deadline)
                                    : post_empty(uri, seen.at, deadline);
    note(target.when, box.lookup != Lookup::unknown, box.lookup == target.lookup, seen.at);
    if (box.lookup == Lookup::unknown) continue;
    target.lookup = box.lookup;
    target.detail = box.detail;
    target.answered = box.answered;
  }
}

/// Nobody can post to a host that has no address: DNS alone says so.
RuaAnswer Observer::look_for_host(const std::string& uri, const Deadline& deadline) {
  const auto to = read_https(uri);
  if (!to) return {};
  const auto lookup = ask_for_addresses(resolver_, to->host, deadline).lookup();
  if (lookup == Lookup::absent) return {lookup, to->host + std::string(kNoAddress)};
  return {.lookup = lookup, .answered = false};
}

/// RFC 8460 §5.4: reports are posted there. An empty one changes nothing, and shows whether anybody listens;
/// §3: what the certificate says does not matter.
RuaAnswer Observer::post_empty(const std::string& uri, TimePoint now, const Deadline& deadline) {
  const auto to = read_https(uri);
  if (!to) return {};
  const auto share = deadline.within(std::min(kPostTime, deadline.left()));
  const auto addresses = ask_for_addresses(resolver_, to->host, share);
  if (addresses.lookup() == Lookup::absent) return {Lookup::absent, to->host + std::string(kNoAddress)};
  RuaAnswer out{.answered = false};
  bool tried_all = true;
  for (const auto& address : addresses.all()) {
    const auto turn = refused_by_us(address) ? std::nullopt : address_limiter_->take(address, share);
    if (!turn) tried_all = false;
    if (!turn) continue;
    const auto status = post_nothing({to->host, to->target, to->port}, address, *trust_, now, share);
    if (!status && is_our_own(status.error().cause)) {
      tried_all = false;
      continue;
    }
    if (status && *status != 404 && *status != 405) return {Lookup::found, {}};
    out.lookup = Lookup::absent;
    out.detail = address.str() + (status ? " answers a POST with " + std::to_string(*status)
                                         : " does not take a POST: " + status.error().detail);
    out.answered |= status.has_value();
  }
  // An address that nobody asked may take them, unless somebody there has said that it takes none.
  return tried_all || out.answered ? out : RuaAnswer{};
}

void Observer::ask_as_browser(DomainObservation& seen, const Deadline& deadline) {
  std::vector<OtherAgent> out;
  const auto addresses = seen.policy_host.all();
  for (const auto& last : seen.aside.agents)
    if (std::ranges::find(addresses, last.address) != addresses.end() ||
        seen.policy_host.lookup() == Lookup::unknown)
      out.push_back(last);
  auto browser = options_.https;
  browser.user_agent = kBrowser;
  for (const auto& fetch : seen.fetches) {
    const auto at = std::ranges::find(out, fetch.address, &OtherAgent::address);
    const bool refused = !fetch.failure && is_refusal(fetch.status);
    if (!refused) {
      // It was heard now; a fetch that never got so far proves nothing of it.
      if (!fetch.failure && at != out.end()) out.erase(at);
      continue;
    }
    auto other = at == out.end() ? OtherAgent{.address = fetch.address} : *at;
    if (!is_due(other.when, other.status == 200, seen.at)) continue;
    const auto turn = address_limiter_->take(fetch.address, deadline);
    if (!turn) continue;
    const auto answer = fetch_policy(seen.domain, fetch.address, *trust_, browser, seen.at, deadline);
    const bool same = fetch.status == other.refused && answer.status == other.status;
    note(other.when, !answer.failure, same, seen.at);
    if (!answer.failure) {
      other.refused = fetch.status;
      other.status = answer.status;
    }
    if (at == out.end())
      out.push_back(std::move(other));
    else
      *at = std::move(other);
  }
  seen.aside.agents = std::move(out);
}

}  // namespace stswatch
