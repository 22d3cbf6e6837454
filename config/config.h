// The operator's wishes: one immutable value, checked whole. Units are in the types; ranges are enforced by
// load_config.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tell/metrics_options.h"
#include "alerts/options.h"
#include "checks/facts/domain.h"
#include "checks/judge/verdict.h"
#include "checks/observe/dns/resolver.h"

namespace stswatch {

struct ListenAddress {
  std::string host = "127.0.0.1";  // an IP address; "0.0.0.0" for ":PORT"
  std::uint16_t port = 9461;
};

struct AgentOptions {
  ListenAddress listen;
  std::string state = "/var/lib/stswatch/stswatch.db";  // or "postgresql://…", or ":memory:"
  int workers = 256;                                    // 1..1024
  std::string external_url;
  std::string vantage;
  std::string web_config;
  std::vector<std::string> hosts;    // names of this service, besides that in external_url
  bool shared_secret_files = false;  // secrets in files that everybody may read are taken
  bool confine = true;               // give up rights that the service does not need
};

/// Pictures of a domain's status for other people's pages.
struct BadgeOptions {
  std::vector<std::string> allow;  // globs of those that have one; none: nobody
  bool open = false;               // without the users of web_config
};

struct ScheduleOptions {
  Seconds dns{300};
  Seconds policy{3600};
  Seconds mx{3600};
  Seconds confirm_after{30};
  int confirmations = 3;        // 1..10
  Seconds second_probe{86400};  // of an MX host in other ways than the usual one; 0: never

  /// Two looks at a domain lie at most so far apart, but for what the schedule does not explain: an interval
  /// with its spread and what a look may take.
  Seconds grain(Seconds look_timeout) const { return dns * 3 / 2 + look_timeout; }
};

enum class Ipv6 { automatic, on, off };

struct NetworkOptions {
  std::string ca_file;        // empty: the system's store
  std::string elder_ca_file;  // that of senders who have not updated for years; empty: none
  bool crl = true;            // ask the lists that certificates name whether they are revoked
  std::uint16_t https_port = 443;
  std::uint16_t smtp_port = 25;
  std::string helo;
  Ipv6 ipv6 = Ipv6::automatic;
  bool allow_private = false;
  Seconds look_timeout{60};
  std::vector<std::string> port25_canary;
};

struct DomainConfig {
  Domain name;
  Limits limits;
  std::map<std::string, std::string> labels;
  int readiness_sessions = 100;
};

/// What names of a list have that do not say otherwise.
struct DomainDefaults {
  Limits limits;
  std::map<std::string, std::string> labels{};
  int readiness_sessions = 100;
  bool operator==(const DomainDefaults&) const = default;
};

/// [[domains]]: a list of names.
struct DomainsFile {
  std::string file;  // as written; relative to the config's folder
  DomainDefaults defaults;
};

inline constexpr std::string_view kCommandOutput = "domains_command";  // as a source of names

struct PlannedChange {
  Domain domain;
  TimePoint from{}, until{};
};

struct TlsrptIntake {
  std::string maildir;
  bool http = false;
  std::string token_file;
  std::string authserv_id;
  bool probe_https = false;  // post an empty report to https addresses in TLSRPT records, to see who answers
};

struct Config {
  AgentOptions agent;
  ScheduleOptions schedule;
  DnsOptions dns;
  bool dns_source = true;  // ask the zones' own servers too
  NetworkOptions network;
  Limits expiry;  // defaults of the domains' limits
  std::vector<std::string> probe_allow;
  BadgeOptions badge;
  std::vector<std::string> domains_files;     // as written; relative to the config's folder
  std::vector<DomainsFile> lists;             // [[domains]]
  std::vector<std::string> domains_command;   // a program and its arguments; empty: none
  std::map<std::string, std::size_t> listed;  // how many names each list has, by its path or kCommandOutput
  std::vector<DomainConfig> domains;          // [[domain]] first, then those of the lists; no duplicates
  std::vector<PlannedChange> planned;
  std::vector<Silence> silences;
  AlertOptions alerts;
  TlsrptIntake tlsrpt;
  MetricsOptions metrics;
};

}  // namespace stswatch
