#include "config/reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "checks/facts/address.h"
#include "checks/facts/certificate.h"
#include "checks/facts/configured.h"
#include "checks/facts/domain.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "config/lists.h"

namespace stswatch::sections {

std::string complain_of_url(const std::string& text) {
  const auto fault = url_fault(text);
  if (fault.empty()) return {};
  // No more of it than its scheme: what follows may be a password or a token.
  const auto shown = text.substr(0, text.find_first_of(":/?#@"));
  return "\"" + printable(shown, 60) + (shown.size() < text.size() ? "...\" " : "\" ") + fault;
}

std::string read_name_glob(const std::string& text, std::string& into) {
  if (text.empty()) return "a name or a glob such as \"*.example.com\" is due";
  const auto glob = name_glob(text);
  into = glob.value_or(text);
  if (!glob)
    return text::quoted_as_typed(text) +
           " is no glob of names: a label that is not ASCII stands as a whole, or as its A-label";
  const bool plain = std::ranges::all_of(into, [](char c) {
    return text::is_alnum(c) || std::string_view("-.*?").find(c) != std::string_view::npos;
  });
  if (plain && !into.starts_with('.') && !into.ends_with('.') && into.find("..") == into.npos) return {};
  return text::quoted_as_typed(text) + " fits no domain; write \"example.com\", \"*.example.com\" or \"*\"";
}

std::string complain_of_secret_file(const std::string& path, bool shared) {
  struct stat s {};
  if (shared || path.empty() || ::stat(path.c_str(), &s) != 0 || (s.st_mode & 07) == 0) return {};
  return "everybody may read this secret: chmod o= " + path +
         ", or set agent.shared_secret_files = true where that is as it should be";
}

void read_secret_file(TableReader& r, std::string_view key, std::string& into, bool shared) {
  r.read_checked(key, [&](const std::string& text) {
    into = beside(r.file(), text);
    return complain_of_secret_file(into, shared);
  });
}

void read_url(TableReader& r, std::string_view key, std::string& into) {
  r.read_checked(key, [&](const std::string& text) {
    into = text;
    return complain_of_url(text);
  });
}

namespace {

/// "ADDR", "ADDR:PORT" or "[V6]:PORT", as c-ares takes servers.
std::string complain_of_server(const std::string& text) {
  if (Address::parse(text)) return {};
  if (const auto at = parse_listen(text); at && at->port != 0 && text.front() != ':') return {};
  return "\"" + text + "\" is no server; write an IP address, \"192.0.2.53:5300\" or \"[2001:db8::53]:5300\"";
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

}  // namespace

void agent(TableReader& r, AgentOptions& into) {
  r.read_checked("listen", [&](const std::string& text) -> std::string {
    auto listen = parse_listen(text);
    if (!listen) return listen.error();
    into.listen = *listen;
    return {};
  });
  r.read_checked("state", [&](const std::string& text) -> std::string {
    const bool file = text != ":memory:" && text.find("://") == text.npos;
    into.state = file ? beside(r.file(), text) : text;
    return text.empty() ? R"(expected a file, "postgresql://USER@HOST/NAME" or ":memory:", got "")" : "";
  });
  r.read_integer("workers", into.workers, 1, 1024);
  r.read_checked("external_url", [&](const std::string& text) {
    into.external_url = text;
    return text.empty() ? std::string() : complain_of_url(text);
  });
  r.read("vantage", into.vantage);
  r.read_path("web_config", into.web_config);
  r.read_each("hosts", [&](const std::string& text) {
    into.hosts.push_back(name_glob(text).value_or(text));
    return complain_of_host_and_port(text);
  });
  r.read("shared_secret_files", into.shared_secret_files);
  r.read("confine", into.confine);
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
  r.read_path("ca_file", into.ca_file);
  r.read_path("elder_ca_file", into.elder_ca_file);
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
  const bool here = r.has("warn_days") || r.has("crit_days");
  if (here && into.warn_before > Seconds{0} && into.warn_before <= into.crit_before)
    r.warn(r.has("warn_days") ? "warn_days" : "crit_days",
           "warn_days = " + std::to_string(into.warn_before.count() / 86400) +
               " has no effect: what ends so soon is critical already; make it more than crit_days");
}

void probe(TableReader& r, std::vector<std::string>& allow) {
  r.read_each("allow", [&](const std::string& text) -> std::string {
    allow.push_back(text);
    const bool glob = text.starts_with("*.");
    if (text == "*" || Domain::parse(glob ? text.substr(2) : text)) return {};
    if (glob && text.size() > 2 && text.find('.', 2) == text.npos)
      return "\"" + text +
             "\" is too wide: behind \"*.\" stand two labels at least, as in \"*.example.com\"; \"*\" is all";
    return "\"" + text + "\" is no target; write a domain, \"*.example.com\" or \"*\"";
  });
}

void badge(TableReader& r, BadgeOptions& into) {
  r.read_each("allow",
              [&](const std::string& text) { return read_name_glob(text, into.allow.emplace_back()); });
  r.read("public", into.open);
  if (into.open && into.allow.empty())
    r.warn("public", "has no effect without \"allow\", which names the domains that have a badge");
}

namespace {

/// Of one domain, or of each in a list.
void read_defaults(TableReader& r, DomainDefaults& into) {
  using Expect = Limits::Expect;
  r.read_word("expect", into.limits.expect,
              std::vector<std::pair<std::string_view, Expect>>{{"enforce", Expect::enforce},
                                                               {"testing", Expect::testing},
                                                               {"none", Expect::none},
                                                               {"absent", Expect::absent}});
  expiry(r, into.limits);
  r.read("labels", into.labels);
  for (const auto& [name, value] : into.labels)
    if (const auto why = complain_of_label(name, &value); !why.empty()) r.complain("labels", why);
  if (into.labels.size() > kMostLabels) r.complain("labels", "are over " + std::to_string(kMostLabels));
  r.read_integer("readiness_sessions", into.readiness_sessions, 0, 1'000'000'000);
}

}  // namespace

std::optional<DomainConfig> domain(TableReader& r, const Limits& defaults) {
  std::optional<Domain> name;
  read_domain(r, "name", name);
  DomainDefaults own{defaults};
  read_defaults(r, own);
  auto& limits = own.limits;
  r.read_each("standby_tlsa", [&](const std::string& text) -> std::string {
    const auto record = parse_tlsa(text);
    if (!record) return "\"" + text + "\" is no TLSA record; write it as in the zone: \"3 1 1 e3b0c4...\"";
    limits.standby_tlsa.push_back(*record);
    return {};
  });
  if (!name) return std::nullopt;
  return DomainConfig{*name, limits, std::move(own.labels), own.readiness_sessions};
}

void domains(TableReader& r, const Limits& defaults, std::vector<DomainsFile>& into) {
  DomainsFile list{"", {defaults}};
  r.require("file");
  r.read_checked("file", [&](const std::string& text) -> std::string {
    list.file = text;
    return text.empty() ? "a file is due" : "";
  });
  read_defaults(r, list.defaults);
  if (!list.file.empty()) into.push_back(std::move(list));
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
  r.read_checked("domain", [&](const std::string& text) { return read_name_glob(text, s.domain); });
  r.read("code", s.code);
  r.read("subject", s.subject);
  r.read("until", s.until);
  r.read("comment", s.comment);
  into.push_back(std::move(s));
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
  r.read_path("maildir", into.maildir);
  r.read("http", into.http);
  read_secret_file(r, "token_file", into.token_file, shared);
  r.read("authserv_id", into.authserv_id);
  r.read("probe_https", into.probe_https);
}

}  // namespace stswatch::sections
