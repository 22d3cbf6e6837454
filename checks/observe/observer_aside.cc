// The observer's rare looks: what is due of them at this look, over DNS and HTTPS.
#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/facts/tlsrpt_record.h"
#include "checks/observe/observer.h"
#include "checks/observe/second_probe.h"

namespace stswatch {
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
