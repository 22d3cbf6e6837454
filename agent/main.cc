// The command line. The only file that includes CLI11 (seven seconds of compiling).
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "agent/commands/commands.h"
#include "agent/version.h"
#include "agent/watch/means.h"

namespace {

using namespace stswatch;

int terminal_width() {
  const char* columns = std::getenv("COLUMNS");
  const int width = columns != nullptr ? std::atoi(columns) : 0;
  return width >= 40 ? width : 100;
}

bool terminal_colours() { return isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr; }

void add_look_flags(CLI::App& sub, LookFlags& f) {
  sub.add_option("--config", f.config_file, "Take options from this file");
  sub.add_option("--resolver", f.resolvers, "DNS server ADDR[:PORT], repeatable (default: /etc/resolv.conf)")
      ->allow_extra_args(false);
  sub.add_option("--ca-file", f.ca_file, "PEM file that replaces the system's trust store");
  sub.add_option("--dns-source", f.dns_source, "Ask the zones' own servers too: auto (default) or off")
      ->check(CLI::IsMember({"auto", "off"}));
  sub.add_flag("--trust-ad", f.trust_ad,
               "The resolver validates, and nobody can change its answers on the way");
  sub.add_flag("--allow-private", f.allow_private, "Look at private and loopback addresses too");
  sub.add_option("--https-port", f.https_port, "Port of policy hosts (443)")->check(CLI::Range(1, 65535));
  sub.add_option("--smtp-port", f.smtp_port, "Port of MX hosts (25)")->check(CLI::Range(1, 65535));
  sub.add_option("--timeout", f.timeout, "Bound on the whole look at a domain, its MX hosts included (60s)");
}

void add_check(CLI::App& app, CheckCommand& c) {
  auto* sub = app.add_subcommand(
      "check", "Look at domains once, now, and judge (exit: 0 ok, 1 warning, 2 critical, 3 unknown)");
  sub->add_option("DOMAIN", c.domains, "Domains to look at (default: those of --config)");
  sub->add_option("--domains-file", c.domains_file, "File with one name a line, # comments");
  sub->add_option("--jobs", c.jobs, "Domains looked at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  sub->add_flag_function(
      "--json", [&c](std::int64_t) { c.format = Format::json; }, "Same as --format json");
  sub->add_option_function<std::string>(
         "--format",
         [&c](const std::string& word) {
           c.format = word == "json" ? Format::json : word == "nagios" ? Format::nagios : Format::text;
         },
         "text, json or nagios")
      ->check(CLI::IsMember({"text", "json", "nagios"}));
  sub->add_option("--save", c.save, "Keep every look in this folder, one file a domain")
      ->allow_extra_args(false);
  sub->add_option("--replay", c.replay, "Judge looks that --save kept, without a look: FILE...");
  sub->add_flag("--explain", c.explain, "With effect, fix and RFC section of every finding");
  add_look_flags(*sub, c.flags);
}

void add_simulate(CLI::App& app, SimulateCommand& c) {
  auto* sub = app.add_subcommand(
      "simulate",
      "What senders do, now and later: of a world file, or of a domain if these parts were changed");
  sub->add_option("DOMAIN", c.domain, "The domain whose parts are replaced");
  sub->add_option("--world", c.world, "World file, - for standard input");
  sub->add_option("--policy", c.policy, "Policy file to publish");
  sub->add_option("--mx", c.mx, "MX host, best first, repeatable: the whole set")->allow_extra_args(false);
  sub->add_option("--id", c.id, "Id to publish");
  sub->add_flag("--json", c.json, "One JSON document on stdout");
  add_look_flags(*sub, c.flags);
}

void add_plan(CLI::App& app, PlanCommand& c) {
  auto* sub = app.add_subcommand(
      "plan",
      "The steps from a domain as it is to a goal, in the order and with the waits that lose no mail");
  sub->add_option("--world", c.world, "World file, - for standard input");
  sub->add_option("--goal", c.goal, "Goal file, - for standard input");
  sub->add_option("DOMAIN", c.domain, "The domain that is to change, as it is remembered and seen now");
  sub->add_option("--mx", c.mx, "MX host of the goal, best first, repeatable: the whole set")
      ->allow_extra_args(false);
  sub->add_option("--mode", c.mode, "Mode of the goal")->check(CLI::IsMember({"none", "testing", "enforce"}));
  sub->add_option("--max-age", c.max_age, "max_age of the goal, in seconds")->check(CLI::Range(0, 31557600));
  sub->add_option("--policy", c.policy, "Policy file of the goal");
  sub->add_flag("--retire", c.retire, "In the end neither record nor policy (RFC 8461 section 8.3)");
  auto* key_of = sub->add_option("--key-of", c.key_of, "MX host whose key is to change under DANE");
  auto* next = sub->add_option("--next-tlsa", c.next_tlsa,
                               "Its next key's TLSA record, as in the zone: \"3 1 1 ...\"");
  key_of->needs(next);
  next->needs(key_of);
  sub->add_flag("--follow", c.follow,
                "Keep the plan: the service ticks its steps off and says when the next is safe");
  sub->add_flag("--show", c.show, "The plan that is followed, and how far it has come");
  sub->add_flag("--drop", c.drop, "Follow it no longer");
  sub->add_flag("--json", c.json, "One JSON document on stdout");
  add_look_flags(*sub, c.flags);
}

void add_history(CLI::App& app, HistoryCommand& c) {
  auto* sub = app.add_subcommand("history", "What was seen of a domain, and what changed");
  sub->add_option("DOMAIN", c.domain, "The domain")->required();
  sub->add_option("--config", c.config_file, "Configuration whose store is read")->envname("STSWATCH_CONFIG");
  sub->add_option("--state", c.state, "The store")->envname("STSWATCH_STATE");
  sub->add_flag("--json", c.json, "One JSON document on stdout");
  sub->add_flag("--world", c.world, "The world file of the sender simulation");
}

void add_replay(CLI::App& app, ReplayCommand& c) {
  auto* sub = app.add_subcommand(
      "replay", "What today's rules say of the looks that the store has kept of a domain, without a look");
  sub->add_option("DOMAIN", c.domain, "The domain")->required();
  sub->add_option("--config", c.config_file, "Configuration whose store is read")->envname("STSWATCH_CONFIG");
  sub->add_option("--state", c.state, "The store")->envname("STSWATCH_STATE");
  sub->add_flag("--json", c.json, "One JSON document on stdout");
}

void add_generate(CLI::App& app, GenerateCommand& c) {
  auto* sub = app.add_subcommand(
      "generate", "The policy file and TXT records to publish for a domain's MX as they are now");
  sub->footer(
      "Exit: 0 printed, 1 printed with warnings of hosts that are not usable, 2 nothing to publish, 3 MX "
      "unknown");
  sub->add_option("DOMAIN", c.domain, "The domain")->required();
  sub->add_option("--mode", c.mode, "testing, enforce or none (default: as served, else testing)")
      ->check(CLI::IsMember({"testing", "enforce", "none"}));
  sub->add_option(
         "--max-age", c.max_age,
         "Seconds a sender may cache the policy (default: as served, else 604800; for mode none 86400)")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{31557600}));
  sub->add_option("--rua", c.rua,
                  "Where TLS reports go: mailto:… or https://… (default: as published, else "
                  "mailto:tlsrpt@DOMAIN)");
  auto* json = sub->add_flag("--json", c.json, "One JSON document on stdout");
  sub->add_option("--format", c.format,
                  "text, or what to paste: zone (a zone file), nginx, caddy (a web server), dnscontrol")
      ->check(CLI::IsMember({"text", "zone", "nginx", "caddy", "dnscontrol"}))
      ->capture_default_str()
      ->excludes(json);
  add_look_flags(*sub, c.flags);
}

void add_explain(CLI::App& app, ExplainCommand& c) {
  auto* sub = app.add_subcommand("explain", "What a finding means, what it does to mail, how to mend it");
  sub->add_option("CODE", c.what,
                  "The finding's code, or an alert's name; without one: all codes. With --all: the folder");
  auto* all = sub->add_flag("--all", c.all, "A page for each finding and alert, and an index, into a folder");
  auto* markdown = sub->add_flag("--markdown", c.markdown, "As Markdown; without CODE and --all as one page");
  auto* html = sub->add_flag("--html", c.html, "As HTML")->excludes(markdown);
  sub->add_flag("--table", c.table, "With --all, on stdout: severity and route of each finding by mode")
      ->needs(all)
      ->excludes(markdown)
      ->excludes(html);
}

void add_lint(CLI::App& app, LintCommand& c) {
  auto* sub = app.add_subcommand(
      "lint", "Judge a text without any network (exit: 0 valid, 1 with departures, 2 invalid)");
  sub->add_option("KIND", c.kind,
                  "sts-record, policy, policy-fetch, mx, tlsrpt-record, tlsrpt-report or tlsa")
      ->required()
      ->check(CLI::IsMember(
          {"sts-record", "policy", "policy-fetch", "mx", "tlsrpt-record", "tlsrpt-report", "tlsa"}));
  sub->add_option("TEXT", c.arguments,
                  "sts-record, tlsrpt-record, tlsa: one argument a record; policy: FILE or -; mx: HOST "
                  "PATTERN...; tlsrpt-report: FILE");
  sub->add_option("--mx", c.mx, "policy: an MX host that the policy must list, repeatable")
      ->allow_extra_args(false);
  sub->add_flag("--json", c.json, "One JSON document on stdout");
  sub->add_flag("--batch", c.batch, "JSON lines on stdin, one result line each on stdout");
}

void add_run(CLI::App& app, RunCommand& c) {
  auto* sub = app.add_subcommand("run", "The service: look on schedule, serve /metrics");
  sub->add_option("DOMAIN", c.domains, "Without --config: domains to watch on defaults");
  sub->add_option("--config", c.config_file, "Configuration (TOML)")->envname("STSWATCH_CONFIG");
  sub->add_option("--listen", c.listen, "ADDR:PORT of /metrics (127.0.0.1:9461)")->envname("STSWATCH_LISTEN");
  sub->add_option("--state", c.state, "Where memory is kept")->envname("STSWATCH_STATE");
  sub->add_option("--log-format", c.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  sub->add_option("--log-level", c.log_level, "debug, info, warning or error: what is less is left out")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
}

void add_health(CLI::App& app, HealthCommand& c) {
  auto* sub = app.add_subcommand("health", "Ask a running service whether it is well (exit: 0 it is, 1 not)");
  sub->add_option("--url", c.url, "Where it is asked; /-/ready: whether it has started")
      ->envname("STSWATCH_HEALTH_URL")
      ->capture_default_str();
  sub->add_option("--ca-file", c.ca_file, "PEM file that replaces the system's trust store");
  sub->add_option("--timeout", c.timeout, "Seconds to wait")
      ->check(CLI::Range(1, 300))
      ->capture_default_str();
}

void add_store(CLI::App& app, StoreCopyCommand& c) {
  auto* store = app.add_subcommand("store", "What the service remembers")->require_subcommand(1);
  auto* copy = store->add_subcommand(
      "copy", "Copy the memory into a new file or an empty database, also while the service runs");
  copy->add_option("--from", c.from, "The file or database of agent.state")->required();
  copy->add_option("--to", c.to, "A file that is not there yet, or a database that remembers nothing")
      ->required();
}

void add_fleet(CLI::App& app, FleetCommand& c) {
  auto* sub = app.add_subcommand(
      "fleet", "Who of the agents on one database holds what (exit: 0 all is held by a living one, 1 not)");
  sub->add_option("--config", c.config_file, "The configuration, which names the database")
      ->envname("STSWATCH_CONFIG");
  sub->add_option("--state", c.state, "The database, instead of the configuration's")
      ->envname("STSWATCH_STATE");
  sub->add_flag("--json", c.json, "As JSON");
}

void add_tlsrpt(CLI::App& app, IngestCommand& c) {
  auto* tlsrpt = app.add_subcommand("tlsrpt", "TLS reports of senders (RFC 8460)")->require_subcommand(1);
  auto* sub = tlsrpt->add_subcommand(
      "ingest", "Count reports, also while the service runs (exit: 0 all, 1 some could not be counted)");
  sub->add_option("--config", c.config_file, "The configuration, which names domains and store")
      ->envname("STSWATCH_CONFIG")
      ->required();
  sub->add_option("FILE", c.files, "JSON, gzip, zip, a mail message, or a Maildir")->required();
}

void add_silence(CLI::App& app, SilenceCommand& c) {
  using Action = SilenceCommand::Action;
  auto* silence = app.add_subcommand("silence", "What is not to be told")->require_subcommand(1);
  const auto sub = [&](const char* name, const char* what, Action action) {
    auto* s = silence->add_subcommand(name, what)->callback([&c, action] { c.action = action; });
    s->add_option("--config", c.config_file, "The configuration, which names the store")
        ->envname("STSWATCH_CONFIG");
    s->add_option("--state", c.state, "The store, instead of the configuration's")->envname("STSWATCH_STATE");
    return s;
  };
  auto* add = sub("add", "Tell nothing of what fits", Action::add);
  add->add_option("--domain", c.domain, "Domains, e.g. \"*.example.com\"");
  add->add_option("--code", c.code, "Codes of findings, e.g. \"certificate-*\"");
  add->add_option("--subject", c.subject, "Hosts, e.g. \"mx1.*\"");
  add->add_flag("--all", c.all, "Everything, where none of those is named");
  auto* duration = add->add_option("--for", c.duration, "How long, e.g. 2h");
  auto* until =
      add->add_option("--until", c.until, "Until when, e.g. 2026-12-01T00:00:00Z")->excludes(duration);
  add->add_flag("--forever", c.forever, "Until it is removed")->excludes(duration)->excludes(until);
  add->add_option("--comment", c.comment, "Why");
  sub("list", "What is silenced now", Action::list)->add_flag("--json", c.json, "One JSON document");
  sub("remove", "Tell of it again", Action::remove)->add_option("ID", c.id, "From silence list")->required();
}

void add_alerts(CLI::App& app, AlertsTestCommand& c) {
  auto* alerts = app.add_subcommand("alerts", "The receivers of notices")->require_subcommand(1);
  auto* test = alerts->add_subcommand("test", "Send a marked test notice through each receiver");
  test->add_option("--config", c.config_file, "The configuration file")
      ->required()
      ->envname("STSWATCH_CONFIG");
  test->add_option("--receiver", c.receiver, "Only this one");
  test->add_flag("--all", c.all, "Each kind of notice in turn: new to resolved, and one of the agent itself");
  test->add_flag("--dry-run", c.dry_run, "Print what would be sent, secrets as ***, and send nothing");
}

/// CLI11's own complaint in our form.
int usage(const CLI::App& app, const CLI::ParseError& e, const std::vector<std::string>& words) {
  if (e.get_exit_code() == 0) return app.exit(e);
  std::string what = e.what();
  if (what == "A subcommand is required" && !words.empty() && !words.back().starts_with("-")) {
    const auto& group = words.front();
    const bool grouped = group == "config" || group == "store";
    if (!grouped) what = "\"" + group + "\" is no command";
    if (grouped && words.size() > 1) what = "\"" + words[1] + "\" is no command of " + group;
  }
  std::cerr << "stswatch: " << what << ": see stswatch --help\n";
  return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  if (!open_standard_streams()) return kExitConfig;  // there is nobody to tell
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);  // a peer that goes away is an error value, not the end of the process
  std::signal(SIGXFSZ, SIG_IGN);  // so is a file that must not grow any more
  CLI::App app{
      "Watches the MTA-STS (RFC 8461) set-up of mail domains and says so before mail stops arriving.",
      "stswatch"};
  app.set_version_flag("--version", std::string("stswatch ") + kVersion + " (" + kRevision + ")");
  app.require_subcommand(1);

  CheckCommand check_command;
  check_command.colour = terminal_colours();
  check_command.width = terminal_width();
  check_command.progress = isatty(STDERR_FILENO) != 0;
  GenerateCommand generate_command;
  SimulateCommand simulate_command;
  PlanCommand plan_command;
  HistoryCommand history_command;
  ReplayCommand replay_command;
  ExplainCommand explain_command;
  LintCommand lint_command;
  RunCommand run_command;
  HealthCommand health_command;
  StoreCopyCommand copy_command;
  FleetCommand fleet_command;
  AlertsTestCommand alerts_command;
  ConfigCheckCommand config_check_command;
  SilenceCommand silence_command;
  IngestCommand ingest_command;
  add_tlsrpt(app, ingest_command);
  add_alerts(app, alerts_command);
  add_silence(app, silence_command);
  add_check(app, check_command);
  add_lint(app, lint_command);
  add_run(app, run_command);
  add_health(app, health_command);
  add_generate(app, generate_command);
  add_store(app, copy_command);
  add_fleet(app, fleet_command);
  add_simulate(app, simulate_command);
  add_plan(app, plan_command);
  add_history(app, history_command);
  add_replay(app, replay_command);
  add_explain(app, explain_command);
  auto* config = app.add_subcommand("config", "The configuration file")->require_subcommand(1);
  auto* config_check_sub =
      config->add_subcommand("check", "Every error of the file, each with line and column");
  config_check_sub->add_option("FILE", config_check_command.file, "The file")->required();
  config_check_sub->add_flag("--run-command", config_check_command.run_command,
                             "Run domains_command too, and check what it prints");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return usage(app, e, {argv + 1, argv + argc});
  }
  const Streams io{std::cin, std::cout, std::cerr};
  if (app.got_subcommand("check")) return check(check_command, io);
  if (app.got_subcommand("lint")) return lint(lint_command, io);
  if (app.got_subcommand("run")) return run(run_command, io);
  if (app.got_subcommand("health")) return health(health_command, io);
  if (app.got_subcommand("simulate")) return simulate(simulate_command, io);
  if (app.got_subcommand("plan")) return plan(plan_command, io);
  if (app.got_subcommand("history")) return history(history_command, io);
  if (app.got_subcommand("replay")) return replay(replay_command, io);
  if (app.got_subcommand("generate")) return generate(generate_command, io);
  if (app.got_subcommand("tlsrpt")) return ingest(ingest_command, io);
  if (app.got_subcommand("silence")) return silence(silence_command, io);
  if (app.got_subcommand("alerts")) return alerts_test(alerts_command, io);
  if (app.got_subcommand("explain")) return explain(explain_command, io);
  if (app.got_subcommand("store")) return store_copy(copy_command, io);
  if (app.got_subcommand("fleet")) return fleet(fleet_command, io);
  return config_check(config_check_command, io);
}
