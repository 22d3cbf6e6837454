// config check: the file, every file that it names, and what in it would have no effect.

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "agent/commands/commands.h"
#include "agent/tell/door/web_gate.h"
#include "agent/watch/clock.h"
#include "agent/watch/notifier.h"
#include "alerts/sink.h"
#include "checks/observe/tls/verify.h"
#include "config/load.h"

namespace stswatch {
namespace {

/// Where the file says so, for a message: the first line that holds these words; 0: none does.
std::size_t line_with(const std::string& file, const std::string& words) {
  std::ifstream in(file);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number)
    if (line.find(words) != line.npos) return number;
  return 0;
}

class Check {
 public:
  Check(const std::string& file, const Config& config, Streams io) : file_(file), config_(config), io_(io) {}

  /// Complains of each file that cannot be read; whether there was none.
  bool files() {
    ca_file();
    for (const auto& e : config_.alerts.emails)
      secret("alerts.email.password_file", e.password_file);
    for (const auto& s : config_.alerts.slacks)
      secret("alerts.slack.api_url_file", s.api_url_file);
    for (const auto& w : config_.alerts.webhooks)
      secret("alerts.webhook.hmac_secret_file", w.hmac_secret_file);
    secret("tlsrpt.token_file", config_.tlsrpt.token_file);
    maildir();
    state();
    return good_;
  }

  /// What is well-formed and does nothing.
  void without_effect(TimePoint now) {
    for (const auto& s : config_.silences) {
      if (s.until && *s.until <= now)
        warn(to_utc(*s.until), "silence.until", "is over: this silence has no effect");
      const bool everything = s.domain == "*" && s.code == "*" && s.subject == "*";
      if (everything && (!s.until || *s.until > now))
        warn("[[silence]]", "silence",
             std::string("nobody is told anything") + (s.until ? "" : ", without an end"));
    }
    for (const auto& p : config_.planned) {
      if (p.until <= now) warn(to_utc(p.until), "planned.until", "is over: this window has no effect");
      if (!watched(p.domain.str()))
        warn(p.domain.str(), "planned.domain", "is not watched: this window has no effect");
    }
    const auto& t = config_.tlsrpt;
    if (!t.http && !t.token_file.empty())
      warn(t.token_file, "tlsrpt.token_file", "has no effect without tlsrpt.http = true");
  }

 private:
  void say(const std::string& words, const std::string& key, const std::string& what, const char* before) {
    const std::size_t line = words.empty() ? 0 : line_with(file_, words);
    io_.err << before << file_ << (line == 0 ? "" : ":" + std::to_string(line)) << ": " << key << ": " << what
            << "\n";
  }
  void warn(const std::string& words, const std::string& key, const std::string& what) {
    say(words, key, what, "stswatch: warning: ");
  }
  void complain_of(const std::string& path, const std::string& key, const std::string& what) {
    say('"' + path + '"', key, what, "");
    good_ = false;
  }

  bool watched(const std::string& domain) const {
    for (const auto& d : config_.domains)
      if (d.name.str() == domain) return true;
    return false;
  }

  void ca_file() {
    for (const auto& [key, path] : {std::pair{"network.ca_file", config_.network.ca_file},
                                    std::pair{"network.elder_ca_file", config_.network.elder_ca_file}}) {
      if (path.empty()) continue;
      if (const auto trust = TrustStore::load(path); !trust) complain_of(path, key, trust.error());
    }
  }

  void secret(const std::string& key, const std::string& path) {
    if (path.empty()) return;
    errno = 0;
    const auto text = read_secret(path);
    if (text) return;
    const std::string why = ::access(path.c_str(), R_OK) != 0 ? std::string(": ") + std::strerror(errno) : "";
    complain_of(path, key, text.error() + why);
  }

  void maildir() {
    const auto& path = config_.tlsrpt.maildir;
    if (path.empty()) return;
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0)
      return complain_of(path, "tlsrpt.maildir", path + ": " + std::strerror(errno));
    if (!S_ISDIR(s.st_mode) || ::access(path.c_str(), R_OK | X_OK) != 0)
      complain_of(path, "tlsrpt.maildir", path + " is no folder that this user may read");
  }

  /// Its folder is made at the start, and a file that is there has to be ours.
  void state() {
    const auto& path = config_.agent.state;
    if (path.find("://") != path.npos || path.starts_with(':')) return;
    struct stat s {};
    if (::stat(path.c_str(), &s) != 0) return;
    if (S_ISDIR(s.st_mode)) return complain_of(path, "agent.state", path + " is a folder; name a file in it");
    if (::access(path.c_str(), R_OK | W_OK) != 0)
      warn('"' + path + '"', "agent.state",
           path + " is not this user's to write: the service's user has to be");
  }

  const std::string& file_;
  const Config& config_;
  Streams io_;
  bool good_ = true;
};

}  // namespace

int config_check(const std::string& file, Streams io) {
  const auto config = load_config(file);
  if (!config) {
    for (const auto& e : config.error())
      io.err << e.str() << "\n";
    return 1;
  }
  Check check(file, *config, io);
  bool good = check.files();
  if (const auto& web = config->agent.web_config; !web.empty()) {
    if (const auto gate = WebGate::open(web, config->agent.shared_secret_files); !gate) {
      io.err << gate.error() << "\n";
      good = false;
    }
  }
  if (!good) return 1;
  const bool idle = config->domains.empty() && config->probe_allow.empty();  // run refuses it
  io.out << file << ": valid" << (idle ? ", but it names no domain to watch: " : ": ")
         << config->domains.size() << (config->domains.size() == 1 ? " domain" : " domains")
         << ", listening on " << config->agent.listen.host << ":" << config->agent.listen.port
         << ", state in " << config->agent.state << "\n";
  check.without_effect(SystemClock().now());
  for (const auto& warning : warnings_of(*config))
    io.err << "stswatch: warning: " << warning << "\n";
  return 0;
}

}  // namespace stswatch
