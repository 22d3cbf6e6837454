#include "config/reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "checks/facts/address.h"
#include "checks/facts/result.h"
#include "checks/facts/tlsa.h"

namespace stswatch::sections {
namespace {

/// "ADDR", "ADDR:PORT" or "[V6]:PORT", as c-ares takes servers.
std::string complain_of_server(const std::string& text) {
  if (Address::parse(text)) return {};
  if (const auto at = parse_listen(text); at && at->port != 0 && text.front() != ':') return {};
  return "\"" + text + "\" is no server; write an IP address, \"192.0.2.53:5300\" or \"[2001:db8::53]:5300\"";
}

std::string complain_of_url(const std::string& text) {
  if (text.starts_with("http://") || text.starts_with("https://")) return {};
  return "\"" + text + "\" is no URL; it starts with https:// or http://";
}

std::string complain_of_host(const std::string& text) {
  if (Address::parse(text) || to_a_labels(text)) return {};
  return "\"" + text + "\" is neither a host name nor an address";
}

/// As in a Host header.
std::string complain_of_host_and_port(const std::string& text) {
  if (parse_listen(text) && text.front() != ':') return {};
  const auto colon = text.rfind(':');
  const bool port = colon != text.npos && text.find_first_not_of("0123456789", colon + 1) == text.npos;
  return complain_of_host(port && text.find(':') == colon ? text.substr(0, colon) : text);
}

/// A file that holds a secret; one that is not there is complained of by whoever reads it.
void read_secret_file(TableReader& r, std::string_view key, std::string& into, bool shared) {
  r.read_checked(key, [&](const std::string& text) -> std::string {
    into = text;
    struct stat s {};
    if (shared || text.empty() || ::stat(text.c_str(), &s) != 0 || (s.st_mode & 07) == 0) return {};
    return "everybody may read this secret: chmod o= " + text +
           ", or set agent.shared_secret_files = true where that is as it should be";
  });
}

void read_url(TableReader& r, std::string_view key, std::string& into) {
  r.read_checked(key, [&](const std::string& text) {
    into = text;
    return text.empty() ? std::string() : complain_of_url(text);
  });
}

void read_domain(TableReader& r, std::string_view key, std::optional<Domain>& into) {
  r.require(key);
  r.read_checked(key, [&](const std::string& text) -> std::string {
    auto parsed = Domain::parse(text);
    if (!parsed) return parsed.error();
    into = *parsed;
    return {};
  });
}

void read_days(TableReader& r, std::string_view key, Seconds& into) {
  std::int64_t days = into.count() / 86400;
  r.read_integer(key, days, 0, 366);
  into = Seconds{days * 86400};
}

/// What a receiver is told of.
void read_wanted(TableReader& r, Wanted& into) {
  r.read_each("routes", [&](const std::string& text) -> std::string {
    constexpr std::pair<std::string_view, Route> kRoutes[] = {
        {"page", Route::page}, {"ticket", Route::ticket}, {"log", Route::log}};
    for (const auto& [word, route] : kRoutes) {
      if (word != text) continue;
      into.routes.push_back(route);
      return {};
    }
    return "\"" + printable(text, 60) + "\" is no route; write \"page\", \"ticket\" or \"log\"";
  });
  r.read_each("domains", [&](const std::string& text) -> std::string {
    into.domains.push_back(text);
    return text.empty() ? "a name or a glob such as \"*.example.com\" is due" : "";
  });
  r.read("own", into.own);
  if (r.has("routes") && into.routes.empty())
    r.complain("routes", "none: the receiver would be told nothing");
  if (r.has("domains") && into.domains.empty())
    r.complain("domains", "none: the receiver would be told nothing");
}

void read_severity(TableReader& r, Severity& into) {
  r.read_word(
      "min_severity", into,
      std::vector<std::pair<std::string_view, Severity>>{
          {"info", Severity::info}, {"warning", Severity::warning}, {"critical", Severity::critical}});
}

using Names = std::set<std::string>;

/// One name, one receiver: what a receiver is owed is kept under its name.
void read_name(TableReader& r, Names& names, std::string& into) {
  r.require("name");
  r.read_checked("name", [&](const std::string& text) -> std::string {
    into = text;
    if (text.empty()) return "a receiver needs a name";
    return names.insert(text).second ? ""
                                     : "\"" + printable(text, 60) + "\" is another receiver's name already";
  });
}

/// "a@example.com" or "Name <a@example.com>".
std::string complain_of_mailbox(const std::string& text) {
  const auto open = text.find('<');
  const auto address = open == std::string::npos ? text : text.substr(open + 1, text.rfind('>') - open - 1);
  const auto at = address.rfind('@');
  const bool plain = std::ranges::none_of(address, [](unsigned char c) { return c <= ' ' || c >= 0x7f; });
  const bool closed = open == std::string::npos || text.ends_with('>');
  if (at != std::string::npos && at > 0 && at + 1 < address.size() && plain && closed) return {};
  return "\"" + printable(text, 80) + "\" is no mail address; write \"postmaster@example.com\"";
}

void email(TableReader& r, Names& names, AlertOptions& into, bool shared) {
  EmailReceiver e;
  read_name(r, names, e.name);
  for (const auto* key : {"smarthost", "from", "to"})
    r.require(key);
  r.read_checked("smarthost", [&](const std::string& text) -> std::string {
    e.smarthost = text;
    return text.rfind(':') != std::string::npos
               ? std::string()
               : "\"" + text + "\" has no port; write \"smtp.example.com:587\"";
  });
  r.read_word("tls", e.tls,
              std::vector<std::pair<std::string_view, SmtpTls>>{
                  {"starttls", SmtpTls::starttls}, {"implicit", SmtpTls::implicit}, {"none", SmtpTls::none}});
  r.read("username", e.username);
  read_secret_file(r, "password_file", e.password_file, shared);
  r.read_checked("from", [&](const std::string& text) {
    e.from = text;
    return complain_of_mailbox(text);
  });
  r.read_each("to", [&](const std::string& text) {
    e.to.push_back(text);
    return complain_of_mailbox(text);
  });
  read_severity(r, e.min_severity);
  read_wanted(r, e.wanted);
  if (r.has("to") && e.to.empty()) r.complain("to", "nobody: name at least one mail address");
  if (e.username.empty() != e.password_file.empty())
    r.complain(e.username.empty() ? "password_file" : "username",
               "\"username\" and \"password_file\" go together");
  if (!e.username.empty() && e.tls == SmtpTls::none)
    r.complain("tls", "\"none\" would send the password in the clear; write \"starttls\" or \"implicit\"");
  into.emails.push_back(std::move(e));
}

}  // namespace

void agent(TableReader& r, AgentOptions& into) {
  r.read_checked("listen", [&](const std::string& text) -> std::string {
    auto listen = parse_listen(text);
    if (!listen) return listen.error();
    into.listen = *listen;
    return {};
  });
  r.read("state", into.state);
  r.read_integer("workers", into.workers, 1, 1024);
  read_url(r, "external_url", into.external_url);
  r.read("vantage", into.vantage);
  r.read("web_config", into.web_config);
  r.read_each("hosts", [&](const std::string& text) {
    into.hosts.push_back(text);
    return complain_of_host_and_port(text);
  });
  r.read("shared_secret_files", into.shared_secret_files);
}

void schedule(TableReader& r, ScheduleOptions& into) {
  r.read("dns", into.dns);
  r.read("policy", into.policy);
  r.read("mx", into.mx);
  r.read("confirm_after", into.confirm_after);
  r.read_integer("confirmations", into.confirmations, 1, 10);
  r.read_checked("second_probe", [&](const std::string& text) -> std::string {
    const auto span = text == "off" ? std::optional(Seconds{0}) : parse_duration(text);
    if (!span || (*span > Seconds{0} && *span < Seconds{3600}))
      return "\"" + text + "\" is neither \"off\" nor an hour or more; write \"1d\"";
    into.second_probe = *span;
    return {};
  });
}

void dns(TableReader& r, DnsOptions& into, bool& source) {
  r.read_each("servers", [&](const std::string& text) {
    into.servers.push_back(text);
    return complain_of_server(text);
  });
  Seconds timeout{into.timeout.count() / 1000};
  r.read("timeout", timeout, Seconds{60});
  into.timeout = timeout;
  r.read_integer("tries", into.tries, 1, 10);
  r.read("trust_ad", into.trust_ad);
  r.read_word("source", source,
              std::vector<std::pair<std::string_view, bool>>{{"auto", true}, {"off", false}});
}

void network(TableReader& r, NetworkOptions& into) {
  r.read("ca_file", into.ca_file);
  r.read("elder_ca_file", into.elder_ca_file);
  r.read("crl", into.crl);
  r.read_integer("https_port", into.https_port, 1, 65535);
  r.read_integer("smtp_port", into.smtp_port, 1, 65535);
  r.read_checked("helo", [&](const std::string& text) {
    into.helo = text;
    return text.empty() ? std::string() : complain_of_host(text);
  });
  r.read_word("ipv6", into.ipv6,
              std::vector<std::pair<std::string_view, Ipv6>>{
                  {"auto", Ipv6::automatic}, {"on", Ipv6::on}, {"off", Ipv6::off}});
  r.read("allow_private", into.allow_private);
  r.read("look_timeout", into.look_timeout, Seconds{600});
  r.read_each("port25_canary", [&](const std::string& text) {
    into.port25_canary.push_back(text);
    return complain_of_host(text);
  });
}

void expiry(TableReader& r, Limits& into) {
  read_days(r, "warn_days", into.warn_before);
  read_days(r, "crit_days", into.crit_before);
}

void probe(TableReader& r, std::vector<std::string>& allow) {
  r.read_each("allow", [&](const std::string& text) -> std::string {
    allow.push_back(text);
    if (text == "*" || Domain::parse(text.starts_with("*.") ? text.substr(2) : text)) return {};
    return "\"" + text + "\" is no target; write a domain, \"*.example.com\" or \"*\"";
  });
}

std::optional<DomainConfig> domain(TableReader& r, const Limits& defaults) {
  std::optional<Domain> name;
  read_domain(r, "name", name);
  Limits limits = defaults;
  r.read_word("expect", limits.expect,
              std::vector<std::pair<std::string_view, Limits::Expect>>{{"enforce", Limits::Expect::enforce},
                                                                       {"testing", Limits::Expect::testing},
                                                                       {"none", Limits::Expect::none},
                                                                       {"absent", Limits::Expect::absent}});
  expiry(r, limits);
  std::map<std::string, std::string> labels;
  r.read("labels", labels);
  int sessions = 100;
  r.read_integer("readiness_sessions", sessions, 0, 1'000'000'000);
  r.read_each("standby_tlsa", [&](const std::string& text) -> std::string {
    const auto record = parse_tlsa(text);
    if (!record) return "\"" + text + "\" is no TLSA record; write it as in the zone: \"3 1 1 e3b0c4...\"";
    limits.standby_tlsa.push_back(*record);
    return {};
  });
  if (!name) return std::nullopt;
  return DomainConfig{*name, limits, std::move(labels), sessions};
}

void planned(TableReader& r, std::vector<PlannedChange>& into) {
  std::optional<Domain> name;
  read_domain(r, "domain", name);
  for (const auto* key : {"from", "until"})
    r.require(key);
  TimePoint from{}, until{};
  r.read("from", from);
  r.read("until", until);
  if (from != TimePoint{} && until != TimePoint{} && until <= from) r.complain("until", "not after \"from\"");
  if (name) into.push_back({*name, from, until});
}

void silence(TableReader& r, std::vector<Silence>& into) {
  Silence s;
  r.read("domain", s.domain);
  r.read("code", s.code);
  r.read("subject", s.subject);
  r.read("until", s.until);
  r.read("comment", s.comment);
  into.push_back(std::move(s));
}

void alerts(TableReader& r, AlertOptions& into, bool shared) {
  r.read("send_resolved", into.send_resolved);
  r.read("group_wait", into.group_wait);
  r.read("repeat_page", into.repeat_page);
  r.read("repeat_ticket", into.repeat_ticket);
  Names heartbeats, names;
  r.each_table("heartbeat", [&](TableReader& t) {
    Heartbeat h;
    read_name(t, heartbeats, h.name);
    t.require("url");
    read_url(t, "url", h.url);
    t.read("interval", h.interval);
    into.heartbeats.push_back(std::move(h));
  });
  r.each_table("email", [&](TableReader& t) { email(t, names, into, shared); });
  r.each_table("slack", [&](TableReader& t) {
    SlackReceiver s;
    read_name(t, names, s.name);
    t.require("api_url_file");
    read_secret_file(t, "api_url_file", s.api_url_file, shared);
    t.read("channel", s.channel);
    read_severity(t, s.min_severity);
    read_wanted(t, s.wanted);
    into.slacks.push_back(std::move(s));
  });
  r.each_table("webhook", [&](TableReader& t) {
    WebhookReceiver w;
    read_name(t, names, w.name);
    t.require("url");
    read_url(t, "url", w.url);
    read_secret_file(t, "hmac_secret_file", w.hmac_secret_file, shared);
    read_severity(t, w.min_severity);
    read_wanted(t, w.wanted);
    into.webhooks.push_back(std::move(w));
  });
  r.each_table("alertmanager", [&](TableReader& t) {
    AlertmanagerReceiver a;
    read_name(t, names, a.name);
    t.require("url");
    read_url(t, "url", a.url);
    read_wanted(t, a.wanted);
    into.alertmanagers.push_back(std::move(a));
  });
}

void metrics(TableReader& r, MetricsOptions& into) {
  r.read_word("per_domain", into.per_domain,
              std::vector<std::pair<std::string_view, PerDomain>>{
                  {"all", PerDomain::all}, {"failing", PerDomain::failing}, {"none", PerDomain::none}});
  r.read_word("state_sets", into.state_sets,
              std::vector<std::pair<std::string_view, StateSets>>{{"all", StateSets::all},
                                                                  {"current", StateSets::current}});
}

void tlsrpt(TableReader& r, TlsrptIntake& into, bool shared) {
  r.read("maildir", into.maildir);
  r.read("http", into.http);
  read_secret_file(r, "token_file", into.token_file, shared);
  r.read("authserv_id", into.authserv_id);
  r.read("probe_https", into.probe_https);
}

}  // namespace stswatch::sections
