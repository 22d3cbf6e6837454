// The commands behind the command line. Each returns the process's exit code and prints what it has to say.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "config/config.h"

namespace stswatch {

// sysexits(3)
inline constexpr int kExitUsage = 64;
inline constexpr int kExitOutput = 74;
inline constexpr int kExitConfig = 78;

struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

/// Flags that stand in for config keys; unset ones leave the config's value.
struct LookFlags {
  std::string config_file;
  std::vector<std::string> resolvers;
  std::string dns_source;  // "auto" or "off"; empty: as configured
  std::optional<std::string> ca_file;
  bool allow_private = false;
  bool trust_ad = false;  // believe AD from resolvers that are not on this machine too
  std::optional<std::uint16_t> https_port, smtp_port;
  std::string timeout;  // a duration, or plain seconds
};

enum class Format { text, json, nagios };

struct CheckCommand {
  LookFlags flags;
  std::vector<std::string> domains;
  std::string domains_file;
  std::vector<std::string> replay;  // files of saved looks, judged instead of looking
  std::string save;                 // folder that gets every look as a file; empty: none
  std::size_t jobs = 16;
  Format format = Format::text;
  bool explain = false;
  bool colour = false;
  bool progress = false;  // stderr is a terminal
  int width = 100;
};
/// 0 ok, 1 warning, 2 critical, 3 unknown (the Nagios meaning), kExitUsage, kExitConfig, kExitOutput.
int check(const CheckCommand& command, Streams io);

struct LintCommand {
  std::string kind;  // sts-record, policy, policy-fetch, mx, tlsrpt-record, tlsrpt-report, tlsa
  std::vector<std::string> arguments;
  std::vector<std::string> mx;  // lint policy --mx
  bool json = false;
  bool batch = false;
};
/// 0 valid, 1 valid with departures, 2 invalid; with batch 0 when every line was answered.
int lint(const LintCommand& command, Streams io);

struct ConfigCheckCommand {
  std::string file;
  bool run_command = false;  // domains_command too, for its names
};
/// 0 valid, 1 not.
int config_check(const ConfigCheckCommand& command, Streams io);

struct RunCommand {
  std::vector<std::string> domains;
  std::string config_file;
  std::string listen, state;  // stand in for the config's when not empty
  std::string log_format = "text";
  std::string log_level = "info";  // what is less is left out
};
int run(const RunCommand& command, Streams io);

struct HealthCommand {
  std::string url = "http://127.0.0.1:9461/-/healthy";
  std::string ca_file;
  int timeout = 5;  // seconds
};
/// 0 when the service answers that it is well, else 1.
int health(const HealthCommand& command, Streams io);

struct StoreCopyCommand {
  std::string from, to;
};
/// Memory as a new file, also while the service writes the old one. 0, or kExitOutput.
int store_copy(const StoreCopyCommand& command, Streams io);

struct AlertsTestCommand {
  std::string config_file;
  std::string receiver;  // empty: all
  bool all = false;      // each kind of notice, not only the first
  bool dry_run = false;  // prints what would be sent, with "***" for what is secret
};
/// Sends a clearly marked test notice through each receiver: 0 when all of them took it, else 1.
int alerts_test(const AlertsTestCommand& command, Streams io);

struct SilenceCommand {
  enum class Action { add, list, remove };
  Action action = Action::list;
  std::string config_file, state;     // one of them names the store
  std::string domain, code, subject;  // globs; empty: all
  std::string duration, until;
  bool forever = false;  // neither of those: until it is removed
  bool all = false;      // no glob: everything
  std::string comment;
  std::string id;  // of the one to remove
  bool json = false;
};
int silence(const SilenceCommand& command, Streams io);

struct IngestCommand {
  std::string config_file;
  std::vector<std::string> files;  // Maildirs too
};
/// TLS reports into the store (RFC 8460). 0: all were read; 1: some could not be counted; kExitOutput: the
/// disk refused.
int ingest(const IngestCommand& command, Streams io);

struct GenerateCommand {
  LookFlags flags;
  std::string domain;
  std::string mode;                      // empty: as served, else testing
  std::optional<std::uint64_t> max_age;  // seconds; empty: as served, else by the mode
  std::string rua;              // TLSRPT destination; empty: the published one, else mailto:tlsrpt@DOMAIN
  std::string format = "text";  // or zone, nginx, caddy, dnscontrol
  bool json = false;
};
/// The exact policy file and TXT records for the MX set as it is now (RFC 8461 §3, RFC 8460 §3), and what
/// they change: mode, max_age, and the id of an unchanged policy stay as they are published. 0: printed; 1:
/// printed, but enforcing senders would skip a host, or it could not be judged; 2: there is nothing to
/// publish; 3: the MX set is unknown.
int generate(const GenerateCommand& command, Streams io);

struct SimulateCommand {
  LookFlags flags;
  std::string world;   // file, - for standard input; or else:
  std::string domain;  // what if these parts were replaced
  std::string policy, id;
  std::vector<std::string> mx;
  bool json = false;
};
/// Exit codes of check: by the simulation's status.
int simulate(const SimulateCommand& command, Streams io);

struct PlanCommand {
  LookFlags flags;
  std::string world, goal;  // files, - for standard input (one of them); or else:
  std::string domain;       // from what is remembered and seen of it to these parts
  std::vector<std::string> mx;
  std::string mode, policy;
  std::optional<std::uint64_t> max_age;
  bool retire = false;
  bool json = false;
  bool follow = false, show = false, drop = false;  // the plan that the service follows
  std::string key_of, next_tlsa;                    // the roll-over of this MX host's key
};
/// The steps to a goal. 0 safe, 2 unsafe, 3 unknown.
int plan(const PlanCommand& command, Streams io);

struct HistoryCommand {
  std::string domain, config_file, state;
  bool json = false;
  bool world = false;
};
/// 3 where nothing is remembered.
int history(const HistoryCommand& command, Streams io);

struct ReplayCommand {
  std::string domain, config_file, state;
  bool json = false;
};
/// Today's rules over the looks that the store has kept. 3 where nothing is kept.
int replay(const ReplayCommand& command, Streams io);

/// The exit code of a status: 0 ok, 1 warning, 2 critical, 3 unknown.
int exit_code(Status status);

struct ExplainCommand {
  std::string what;  // a finding's code or the name of an alert of contrib/prometheus; with `all` the folder
  bool all = false, markdown = false, html = false, table = false;
};
/// A finding's page, offline; without a code the list of all, or all of them as one page. With `all`: every
/// page as a file of its own in a folder, or a table of severities and routes. 0, kExitUsage, kExitOutput.
int explain(const ExplainCommand& command, Streams io);
/// Why a silence of this code (a glob) could touch nothing; empty where some finding has it.
std::string unknown_code(const std::string& glob);

/// "stswatch: what is wrong: how to mend it" on io.err; returns `code`.
int complain(Streams io, const std::string& what, int code);

// fleet: who of the agents on one database holds what. The exit code is the process's.

struct FleetCommand {
  std::string config_file, state;  // one of them names the store
  bool json = false;
};
/// 0: every shard is held by a living agent; 1: some are not, or not yet; kExitConfig, kExitOutput.
int fleet(const FleetCommand& command, Streams io);

}  // namespace stswatch
