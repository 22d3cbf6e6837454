// config check: the file, every file that it names, and what in it would have no effect.

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "agent/commands/commands.h"
#include "agent/remember/store.h"
#include "agent/reports/intake.h"
#include "agent/tell/door/web_gate.h"
#include "agent/watch/clock.h"
#include "agent/watch/notifier.h"
#include "alerts/sink.h"
#include "checks/observe/tls/verify.h"
#include "config/load.h"
#include "config/program/program.h"

namespace stswatch {
namespace {

/// A user with its groups.
struct Account {
  std::string name;
  uid_t user = 0;
  std::vector<gid_t> groups;

  bool may_read(const std::string& path) const {
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) return false;
    if (s.st_uid == user) return (s.st_mode & S_IRUSR) != 0;
    const bool member = std::ranges::find(groups, s.st_gid) != groups.end();
    return (s.st_mode & (member ? S_IRGRP : S_IROTH)) != 0;
  }
};

std::optional<Account> account_of(const passwd* entry) {
  if (entry == nullptr || entry->pw_uid == 0) return std::nullopt;
  Account out{entry->pw_name, entry->pw_uid, std::vector<gid_t>(256)};
  int n = static_cast<int>(out.groups.size());
  if (::getgrouplist(entry->pw_name, entry->pw_gid, out.groups.data(), &n) < 0) return std::nullopt;
  out.groups.resize(static_cast<std::size_t>(n));
  return out;
}

/// Who runs the service, where root asks: whose the store is, or its folder, or the package's user.
std::optional<Account> service_account(const std::string& state) {
  if (::geteuid() != 0) return std::nullopt;
  const bool file = state != kInRam && !is_database(state);
  for (const auto& path : {state, std::filesystem::path(state).parent_path().string()})
    if (struct stat s{}; file && ::stat(path.c_str(), &s) == 0) return account_of(::getpwuid(s.st_uid));
  return account_of(::getpwnam("stswatch"));
}

class Check {
 public:
  Check(const ReadConfig& read, Streams io)
      : read_(read), config_(read.config), io_(io), service_(service_account(read.config.agent.state)) {}

  /// Each file that is named and cannot be read.
  ConfigErrors files() {
    ca_file();
    for (const auto& e : config_.alerts.emails)
      mail(e);
    for (const auto& s : config_.alerts.slacks) {
      secret_url("alerts.slack.api_url_file", s.api_url_file);
      secret("alerts.slack.bot_token_file", s.bot_token_file);
    }
    for (const auto& w : config_.alerts.webhooks) {
      secret("alerts.webhook.hmac_secret_file", w.hmac_secret_file);
      secret_url("alerts.webhook.url_file", w.url_file);
      for (const auto& [header, path] : w.secret_files)
        secret("alerts.webhook.secret_files." + header, path);
    }
    secret("tlsrpt.token_file", config_.tlsrpt.token_file);
    maildir();
    state();
    domains_command();
    web_config();
    return std::move(errors_);
  }

  /// What is well-formed and does nothing.
  void without_effect(TimePoint now) {
    for (const auto& warning : read_.warnings)
      io_.err << "stswatch: warning: " << warning.str() << "\n";
    for (const auto& s : config_.silences) {
      if (s.until && *s.until <= now)
        warn(to_utc(*s.until), "silence.until", "is over: this silence has no effect");
      const bool everything = s.domain == "*" && s.code == "*" && s.subject == "*";
      if (everything && (!s.until || *s.until > now))
        warn("", "silence", std::string("nobody is told anything") + (s.until ? "" : ", without an end"));
      if (const auto why = unknown_code(s.code); !why.empty())
        warn(s.code, "silence.code", why + ": this silence has no effect");
      if (!unseen_names() && !is_agent_itself(s.domain) && !any_watched(s.domain))
        warn(s.domain, "silence.domain", "no domain that is watched fits: this silence has no effect");
    }
    for (const auto& p : config_.planned) {
      if (p.until <= now) warn(to_utc(p.until), "planned.until", "is over: this window has no effect");
      if (!watched(p.domain.str()) && !unseen_names())
        warn(p.domain.str(), "planned.domain", "is not watched: this window has no effect");
    }
    for (const auto& e : config_.alerts.emails)
      receiver("alerts.email", e.wanted);
    for (const auto& s : config_.alerts.slacks)
      receiver("alerts.slack", s.wanted);
    for (const auto& w : config_.alerts.webhooks)
      receiver("alerts.webhook", w.wanted);
    for (const auto& a : config_.alerts.alertmanagers)
      receiver("alerts.alertmanager", a.wanted);
    for (const auto& glob : config_.badge.allow)
      if (!unseen_names() && !any_watched(glob))
        warn(glob, "badge.allow", "no domain that is watched fits: nobody has this badge");
    for (const auto& [path, key] : unreadable_)
      warn(path, key,
           path + " cannot be read by " + service_->name + ", whose the store is: chown root:" +
               service_->name + " and chmod 0640, or run the check as that user");
    const auto& t = config_.tlsrpt;
    if (!t.http && !t.token_file.empty())
      warn(t.token_file, "tlsrpt.token_file", "has no effect without tlsrpt.http = true");
  }

 private:
  ConfigError at(const std::string& value, const std::string& key, const std::string& what) const {
    auto error = read_.at(key, value);
    error.what = what;
    return error;
  }
  void warn(const std::string& value, const std::string& key, const std::string& what) {
    io_.err << "stswatch: warning: " << at(value, key, what).str() << "\n";
  }
  void complain_of(const std::string& value, const std::string& key, const std::string& what) {
    errors_.push_back(at(value, key, what));
  }

  void receiver(const std::string& key, const Wanted& wanted) {
    for (const auto& glob : wanted.domains)
      if (!unseen_names() && !any_watched(glob))
        warn(glob, key + ".domains", "no domain that is watched fits: this receiver is told of none by it");
  }

  bool watched(const std::string& domain) const {
    for (const auto& d : config_.domains)
      if (d.name.str() == domain) return true;
    return false;
  }

  bool any_watched(const std::string& glob) const {
    return std::ranges::any_of(config_.domains,
                               [&](const DomainConfig& d) { return glob_matches(glob, d.name.str()); });
  }

  /// Those that domains_command would print, had it been run.
  bool unseen_names() const {
    return !config_.domains_command.empty() && !config_.listed.contains(std::string(kCommandOutput));
  }

  void ca_file() {
    for (const auto& [key, path] : {std::pair{"network.ca_file", config_.network.ca_file},
                                    std::pair{"network.elder_ca_file", config_.network.elder_ca_file}}) {
      if (path.empty()) continue;
      if (const auto trust = TrustStore::load(path); !trust)
        complain_of(path, key, trust.error() + "; name a file of certificates in PEM, or leave the key out");
    }
  }

  void mail(const EmailReceiver& e) {
    secret("alerts.email.password_file", e.password_file);
    secret("alerts.email.oauth_token_file", e.oauth_token_file);
    if (!e.sendmail.empty() && ::access(e.sendmail.c_str(), X_OK) != 0)
      complain_of(e.sendmail, "alerts.email.sendmail",
                  e.sendmail + " cannot be run: " + std::strerror(errno) +
                      "; name a program that takes mail as sendmail does");
  }

  void secret(const std::string& key, const std::string& path) {
    if (path.empty()) return;
    errno = 0;
    const auto text = read_secret(path);
    if (text && service_ && !service_->may_read(path)) unreadable_.emplace_back(path, key);
    if (text) return;
    const std::string why = ::access(path.c_str(), R_OK) != 0 ? std::string(": ") + std::strerror(errno) : "";
    complain_of(path, key,
                text.error() + why + "; the secret stands in its first line, for the service's user to read");
  }

  void secret_url(const std::string& key, const std::string& path) {
    if (path.empty() || !read_secret(path)) return secret(key, path);
    if (const auto url = read_secret_url(path); !url) complain_of(path, key, url.error());
  }

  void maildir() {
    const auto& path = config_.tlsrpt.maildir;
    if (path.empty()) return;
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0)
      return complain_of(
          path, "tlsrpt.maildir",
          path + ": " + std::strerror(errno) + "; make it, or name the Maildir that gets reports");
    if (!S_ISDIR(s.st_mode) || ::access(path.c_str(), R_OK | X_OK) != 0)
      return complain_of(
          path, "tlsrpt.maildir",
          path + " is no folder that this user may read; name a Maildir, and let this user read it");
    for (const auto* folder : {"new", "cur"})
      if (std::error_code ignored; !std::filesystem::is_directory(path + "/" + folder, ignored))
        return complain_of(path, "tlsrpt.maildir",
                           path + " is no Maildir: it has no folder \"" + folder +
                               "\"; name the one that holds new, cur and tmp (maildirmake makes one)");
  }

  /// It is not run unless that is asked for: whoever checks a file may be somebody else than the service.
  void domains_command() {
    const auto& words = config_.domains_command;
    if (words.empty()) return;
    const auto folder = std::filesystem::path(read_.file).parent_path().string();
    if (const auto found = find_program(words[0], folder); !found)
      complain_of(words[0], "domains_command", found.error());
  }

  /// Its folder is made at the start, and a file that is there has to be ours.
  void state() {
    const auto& path = config_.agent.state;
    if (path.empty() || path.find("://") != path.npos || path == kInRam) return;
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) return state_folder(path);
    if (S_ISDIR(s.st_mode)) return complain_of(path, "agent.state", path + " is a folder; name a file in it");
    if (::access(path.c_str(), R_OK | W_OK) != 0)
      warn(path, "agent.state", path + " is not this user's to write: the service's user has to be");
    if (::access(path.c_str(), R_OK) != 0) return;
    if (const auto ours = is_store(path); !ours) complain_of(path, "agent.state", ours.error());
  }

  void state_folder(const std::string& path) {
    std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
    std::error_code ignored;
    while (folder.has_relative_path() && !std::filesystem::exists(folder, ignored))
      folder = folder.parent_path();
    if (!std::filesystem::is_directory(folder, ignored))
      return complain_of(path, "agent.state", folder.string() + " is no folder; name a file in a folder");
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
      warn(path, "agent.state",
           folder.string() + " is not this user's to write: the service's user has to be able to");
  }

  void web_config() {
    const auto& path = config_.agent.web_config;
    if (path.empty()) return;
    const auto gate = WebGate::open(path, config_.agent.shared_secret_files);
    if (!gate) return complain_of(path, "agent.web_config", gate.error());
    const auto state = (*gate)->now();
    if (state->config.users.empty() && !state->tls && state->config.headers.empty())
      warn(path, "agent.web_config",
           path +
               " has no effect: it asks for no password and has no certificate; name users in "
               "basic_auth_users, or leave the key out");
  }

  const ReadConfig& read_;
  const Config& config_;
  Streams io_;
  std::optional<Account> service_;                               // where it is somebody else
  std::vector<std::pair<std::string, std::string>> unreadable_;  // to it: secrets, each with its key
  ConfigErrors errors_;
};

}  // namespace

int config_check(const ConfigCheckCommand& command, Streams io) {
  const auto& file = command.file;
  auto read = read_config(file, command.run_command ? ListCommand::run_anyway : ListCommand::leave);
  const Config* config = &read.config;
  Check check(read, io);
  // What is wrong inside the file hides nothing of what is wrong with the files that it names.
  if (read.is_toml) {
    const auto more = check.files();
    read.errors.insert(read.errors.end(), more.begin(), more.end());
    put_in_order(read.errors);
  }
  for (const auto& e : read.errors)
    io.err << e.str() << "\n";
  if (!read.errors.empty()) return 1;
  const bool asks = !config->domains_command.empty() && !command.run_command;
  const bool idle = config->domains.empty() && config->probe_allow.empty() && !asks;  // run refuses it
  // Whoever named a list meant to watch something: the unit tells the two apart by these words.
  const bool listed =
      !config->domains_files.empty() || !config->lists.empty() || !config->domains_command.empty();
  const char* const none =
      listed ? ", but no list has a domain to watch: " : ", but it names no domain to watch: ";
  const auto& host = config->agent.listen.host;
  io.out << file << ": valid" << (idle ? none : ": ") << config->domains.size()
         << (config->domains.size() == 1 ? " domain" : " domains")
         << (asks ? " and those that domains_command prints" : "") << ", listening on "
         << (host.find(':') == host.npos ? host : "[" + host + "]") << ":" << config->agent.listen.port
         << ", state in " << shown_store(config->agent.state) << "\n";
  check.without_effect(SystemClock().now());
  for (const auto& [source, names] : config->listed)
    if (names == 0) io.err << "stswatch: warning: " << source << ": names no domain\n";
  for (const auto& warning : warnings_of(*config))
    io.err << "stswatch: warning: " << warning << "\n";
  return 0;
}

}  // namespace stswatch
