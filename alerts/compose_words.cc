// Parts of a notice's words: its title, what changed, and the command that verifies.
#include <algorithm>

#include "agent/remember/memory.h"
#include "alerts/compose.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kChanges = 3;

/// "An MX host's certificate has expired" -> "mx1.example.com's certificate has expired".
/// Where nobody is named, "an MX host".
std::string named_title(const Finding& finding, const std::string& host) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  std::string title(entry != nullptr ? std::string_view(entry->title) : finding.code);
  if (entry != nullptr && !host.empty() && entry->title.whom() != Whom::nobody)
    return host + std::string(entry->title.rest());
  if (title.size() > 1 && !(title[1] >= 'A' && title[1] <= 'Z')) title[0] = text::lower(title[0]);
  return title;
}

/// "mx1.example.com: certificate has expired": without the host that stands before the colon already.
std::string without_host(std::string title, const std::string& host) {
  if (!title.starts_with(host)) return title;
  title.erase(0, host.size());
  for (const std::string_view begin : {"'s ", " "})
    if (title.starts_with(begin)) return title.substr(begin.size());
  return title;
}

const OpenFinding* cause_in_title(const OpenFindings& items) {
  const OpenFinding* best = nullptr;
  for (const OpenFinding* item : items)
    if (item->domain() == items.front()->domain() && !item->nature.symptom() && !item->nature.change() &&
        (best == nullptr || item->finding().severity > best->finding().severity))
      best = item;
  return best;
}

/// What stops working, and when; empty where the catalogue's title says it.
std::string effect_in_title(const OpenFinding& lead, const std::string& whose, const ComposeContext& around) {
  const auto& forecast = lead.record->verdict.forecast;
  switch (lead.nature.headline) {
    case Headline::title:
      return {};
    case Headline::no_mail:
      return "enforcing senders cannot deliver" + whose + " since " + to_utc(began(lead, around));
    case Headline::no_mail_from:
      return "enforcing senders cannot deliver" + whose + " from " +
             (forecast.breakage ? to_utc(forecast.breakage->at) : "soon") + " on";
    case Headline::fewer_hosts_from:
      return "enforcing senders lose MX hosts" + whose + " from " +
             (forecast.degradation ? to_utc(forecast.degradation->at) : "soon") + " on";
    case Headline::no_mail_from_holders:
      return "senders that hold the earlier policy cannot deliver" + whose + " since " +
             to_utc(began(lead, around));
  }
  return {};
}

/// Only names that a shell takes as they are may stand in a command that people copy.
bool plain_name(std::string_view name) {
  return !name.empty() && name.front() != '-' && std::ranges::all_of(name, [](char c) {
    return text::is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
  });
}

std::string address_in(const Finding& finding) {
  const auto space = finding.subject.find(' ');
  return space == std::string::npos ? "" : finding.subject.substr(space + 1);
}

std::string without_slash(std::string url) {
  while (url.ends_with('/'))
    url.pop_back();
  return url;
}

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

std::string certificate_command(const OpenFinding& cause, std::uint16_t port) {
  const auto host = cause.host();
  const auto address = address_in(cause.finding());
  return "openssl s_client -starttls smtp -connect " + (address.empty() ? host : bracketed(address)) + ":" +
         std::to_string(port) + " -servername " + host +
         " </dev/null | openssl x509 -noout -dates -ext subjectAltName";
}

std::string policy_command(const OpenFinding& cause, std::uint16_t port) {
  const auto host = "mta-sts." + cause.domain();
  const auto address = address_in(cause.finding());
  const auto at = port == 443 ? std::string() : ":" + std::to_string(port);
  std::string out = "curl -sS -D- ";
  if (!address.empty())
    out += "--resolve " + host + ":" + std::to_string(port) + ":" + bracketed(address) + " ";
  return out + "https://" + host + at + "/.well-known/mta-sts.txt";
}

void add_changes(const std::vector<Change>& changes, std::optional<TimePoint> after,
                 std::vector<const Change*>& into) {
  for (const Change& c : changes)
    if (!after || c.at >= *after) into.push_back(&c);
}

/// A renewal under the same key is no change that is told by itself, but it may be the cure. Only what took
/// the place of another in one look is called its successor: a host may show several at once.
std::vector<Change> renewals(const HostPast& past, const std::string& host, TimePoint after) {
  std::vector<Change> out;
  for (const auto& now : past.certificates) {
    if (now.seen.first < after) continue;
    const auto before = std::ranges::find_if(
        past.certificates, [&](const SeenCertificate& c) { return c.seen.gone == now.seen.first; });
    if (before != past.certificates.end())
      out.push_back({now.seen.first, "certificate", host, "until " + to_utc(before->not_after),
                     "until " + to_utc(now.not_after)});
  }
  return out;
}

std::string in_words(const Change& change) {
  std::string out = to_utc(change.at) + ' ' + change.code;
  if (!change.subject.empty()) out += ' ' + change.subject;
  if (!change.from.empty() || !change.to.empty())
    out += ": " + (change.from.empty() ? "nothing" : change.from) + " -> " +
           (change.to.empty() ? "nothing" : change.to);
  return out;
}

}  // namespace

std::string title_of(const OpenFindings& items, const std::vector<std::string>& domains,
                     const ComposeContext& around) {
  const OpenFinding& lead = *items.front();
  const OpenFinding* cause = cause_in_title(items);
  const auto count = std::to_string(domains.size()) + " domains";
  const OpenFinding& named = cause != nullptr ? *cause : lead;
  if (lead.nature.family == Family::agent) return "stswatch: " + named_title(lead.finding(), "");
  const bool by_host = domains.size() > 1 && named.nature.of_host;
  const std::string whom = by_host               ? named.host()
                           : domains.size() == 1 ? domains.front()
                           : domains.size() == 2 ? domains[0] + " and " + domains[1]
                                                 : count;
  const bool names_host = named.nature.of_host || named.host() != named.domain();
  auto what = named_title(named.finding(), names_host ? named.host() : "");
  if (by_host) what = without_host(what, whom);
  const auto effect = effect_in_title(lead, by_host ? " to " + count : "", around);
  if (effect.empty()) return whom + ": " + what + (by_host ? " (" + count + ")" : "");
  return whom + ": " + effect + (cause != nullptr ? " (" + what + ")" : "");
}

TimePoint began(const OpenFinding& item, const ComposeContext& around) {
  return item.own() ? item.incident->opened : began(*item.incident, *item.record, around.mx, around.now);
}

std::string changes_in_words(const std::string& domain, const std::string& host,
                             std::optional<TimePoint> after, const ComposeContext& around) {
  const auto record = around.domain ? around.domain(domain) : nullptr;
  const auto mx = around.mx && !host.empty() ? around.mx(host.substr(0, host.find(' '))) : nullptr;
  std::vector<const Change*> changes;
  if (record) add_changes(record->past.changes, after, changes);
  std::vector<Change> renewed;
  if (mx && after) renewed = renewals(*mx->past, mx->known->host, *after);
  if (mx) add_changes(mx->past->changes, after, changes);
  add_changes(renewed, after, changes);
  std::ranges::stable_sort(changes, [](const Change* a, const Change* b) { return a->at > b->at; });
  if (changes.size() > kChanges) changes.resize(kChanges);
  std::string out;
  for (const Change* c : changes)
    text::add(out, "\n", in_words(*c));
  if (!out.empty()) return out;
  if (after) return "nothing that was seen from here";
  if (record && record->past.began)
    return "nothing since " + to_utc(*record->past.began) + ", when watching began";
  return "nothing known";
}

std::string verify_command(const OpenFinding& cause, const ComposeContext& around) {
  if (cause.own())
    return around.external_url.empty() ? "" : "curl -sS " + without_slash(around.external_url) + "/-/healthy";
  const auto& domain = cause.domain();
  const auto address = address_in(cause.finding());
  if (!plain_name(cause.host()) || (!address.empty() && !plain_name(address)))
    return "stswatch check " + domain;
  const Aspect aspect = cause.nature.aspect;
  if (aspect == Aspect::certificate || aspect == Aspect::smtp || aspect == Aspect::reach)
    return certificate_command(cause, around.smtp_port);
  if (aspect == Aspect::record) return "dig +short TXT _mta-sts." + domain;
  if (aspect == Aspect::reports) return "dig +short TXT _smtp._tls." + domain;
  if (aspect == Aspect::policy || aspect == Aspect::semantics)
    return policy_command(cause, around.https_port);
  if (aspect == Aspect::match || aspect == Aspect::mx) return "dig +short MX " + domain;
  return "stswatch check " + domain + " --explain";
}

}  // namespace stswatch
