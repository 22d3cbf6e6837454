// The file.
#include "agent/tell/door/web_gate.h"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ios>
#include <regex>
#include <set>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

/// What is wrong, with its place; caught in load().
struct Wrong {
  std::string what;
};

[[noreturn]] void refuse(const YAML::Node& at, const std::string& what) {
  throw Wrong{std::to_string(at.Mark().line + 1) + ":" + std::to_string(at.Mark().column + 1) + ": " + what};
}

using Keys = std::map<std::string, std::function<void(const YAML::Node&)>>;

void read(const YAML::Node& table, const std::string& where, const Keys& keys) {
  if (!table.IsMap()) refuse(table, where + " is no mapping: write \"key: value\" lines below it");
  std::set<std::string> seen;
  for (const auto& entry : table) {
    const auto name = entry.first.as<std::string>("");
    if (!seen.insert(name).second)
      refuse(entry.first, "\"" + name + "\" is there twice in " + where + ": remove one of them");
    const auto key = keys.find(name);
    if (key == keys.end()) {
      std::string known;
      for (const auto& [each, reader] : keys)
        text::add(known, ", ", each);
      refuse(entry.first, "\"" + name + "\" is unknown in " + where + ": it may hold " + known);
    }
    key->second(entry.second);
  }
}

std::string text(const YAML::Node& node) {
  if (!node.IsScalar()) refuse(node, "a single value is wanted here");
  return node.Scalar();
}

void boolean(const YAML::Node& node) {
  bool ignored = false;
  if (!YAML::convert<bool>::decode(node, ignored)) refuse(node, "write true or false");
}

template <class Value, std::size_t N>
Value one_of(const YAML::Node& node, const std::array<std::pair<const char*, Value>, N>& choices) {
  std::string known;
  for (const auto& [name, value] : choices) {
    if (text(node) == name) return value;
    text::add(known, ", ", name);
  }
  refuse(node, "\"" + text(node) + "\" is not served here: write one of " + known);
}

constexpr std::array kVersions = {std::pair{"TLS12", 0x0303}, std::pair{"TLS13", 0x0304}};
constexpr std::array kCurves = {std::pair{"CurveP256", "P-256"}, std::pair{"CurveP384", "P-384"},
                                std::pair{"CurveP521", "P-521"}, std::pair{"X25519", "X25519"}};
using ClientAuth = WebTls::ClientAuth;
constexpr std::array kClientAuth = {
    std::pair{"NoClientCert", ClientAuth::none},
    std::pair{"RequestClientCert", ClientAuth::request},
    std::pair{"RequireAnyClientCert", ClientAuth::require_any},
    std::pair{"VerifyClientCertIfGiven", ClientAuth::verify_if_given},
    std::pair{"RequireAndVerifyClientCert", ClientAuth::require_and_verify},
};

std::string beside(const std::string& config, const YAML::Node& node) {
  const std::filesystem::path written(text(node));
  return written.is_absolute() ? written : std::filesystem::path(config).parent_path() / written;
}

void each(const YAML::Node& node, const std::function<void(const YAML::Node&)>& take) {
  if (!node.IsSequence()) refuse(node, "a list is wanted here");
  for (const auto& item : node)
    take(item);
}

WebTls read_tls(const YAML::Node& node, const std::string& path) {
  WebTls tls;
  read(node, "tls_server_config",
       {{"cert_file", [&](const auto& n) { tls.cert_file = beside(path, n); }},
        {"key_file", [&](const auto& n) { tls.key_file = beside(path, n); }},
        {"client_ca_file", [&](const auto& n) { tls.client_ca_file = beside(path, n); }},
        {"client_auth_type", [&](const auto& n) { tls.client_auth = one_of(n, kClientAuth); }},
        {"min_version", [&](const auto& n) { tls.min_version = one_of(n, kVersions); }},
        {"max_version", [&](const auto& n) { tls.max_version = one_of(n, kVersions); }},
        {"cipher_suites",
         [&](const auto& n) { each(n, [&](const auto& item) { tls.cipher_suites.push_back(text(item)); }); }},
        {"curve_preferences",
         [&](const auto& n) {
           each(n, [&](const auto& item) { tls.curves.push_back(one_of(item, kCurves)); });
         }},
        {"prefer_server_cipher_suites", boolean}});
  for (const auto& [key, value] :
       {std::pair{"cert_file", tls.cert_file}, std::pair{"key_file", tls.key_file}})
    if (value.empty()) refuse(node, std::string("tls_server_config has no ") + key + ": name the PEM file");
  const bool verifies =
      tls.client_auth == ClientAuth::verify_if_given || tls.client_auth == ClientAuth::require_and_verify;
  if (verifies && tls.client_ca_file.empty())
    refuse(node, "client_auth_type asks to verify clients: name their CA in client_ca_file");
  if (!verifies && !tls.client_ca_file.empty())
    refuse(node,
           "client_ca_file has no effect: set client_auth_type to VerifyClientCertIfGiven or "
           "RequireAndVerifyClientCert");
  return tls;
}

/// A step more doubles the time: a hash of 31 is computed for a day and a half, by one of the two threads
/// that check passwords, and a thread that computes one cannot be told to stop.
void check_cost(const YAML::Node& at, const std::string& hash, const std::string& user) {
  const int cost = std::stoi(hash.substr(4, 2));
  if (cost <= WebConfig::kMostCost) return;
  const auto takes = Seconds{1LL << (cost - WebConfig::kMostCost)};  // on the machines of today
  refuse(at, "a bcrypt hash of cost " + std::to_string(cost) + " takes about " + to_words(takes) +
                 " to check: the most is " + std::to_string(WebConfig::kMostCost) +
                 "; make one with `htpasswd -nBC 10 " + user + "`");
}

void read_users(const YAML::Node& node, WebConfig& into) {
  static const std::regex bcrypt(R"(\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53})");
  if (!node.IsMap())
    refuse(node, "basic_auth_users is no mapping: write \"name: bcrypt hash\" lines below it");
  for (const auto& entry : node) {
    const auto name = text(entry.first);
    const auto shown = text::quoted_as_typed(name);
    if (into.users.contains(name))
      refuse(entry.first, "the user " + shown + " is there twice: remove one of them");
    // RFC 7617 §2
    if (name.find(':') != name.npos)
      refuse(entry.first,
             "the user " + shown + " could never log in: Basic authentication has no \":\" in names");
    const auto hash = text(entry.second);
    if (!std::regex_match(hash, bcrypt))
      refuse(entry.second, "this is no bcrypt hash: make one with `htpasswd -nBC 10 " + name + "`");
    check_cost(entry.second, hash, name);
    into.users[name] = hash;
  }
}

void read_headers(const YAML::Node& node, WebConfig& into) {
  Keys keys;
  for (const auto* name : {"Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
                           "X-XSS-Protection", "Content-Security-Policy"})
    keys[name] = [&into, name](const YAML::Node& value) { into.headers[name] = text(value); };
  read(node, "headers", keys);
}

WebConfig read_all(const YAML::Node& root, const std::string& path) {
  WebConfig config;
  if (!root || root.IsNull()) return config;
  read(root, "the file",
       {{"tls_server_config", [&](const auto& n) { config.tls = read_tls(n, path); }},
        {"basic_auth_users", [&](const auto& n) { read_users(n, config); }},
        {"http_server_config", [&](const auto& n) {
           // HTTP/2 is not spoken here; nobody needs it, and those who switch it off are served.
           read(n, "http_server_config",
                {{"http2", boolean}, {"headers", [&](const auto& h) { read_headers(h, config); }}});
         }}});
  return config;
}

}  // namespace

tl::expected<WebConfig, std::string> WebConfig::load(const std::string& path) {
  const auto wrong = [&](const std::string& what) { return tl::make_unexpected(path + ":" + what); };
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec))
    return wrong(" is a folder: agent.web_config names a file in it");
  errno = 0;
  std::ifstream in(path);
  if (!in)
    return wrong(
        std::string(" cannot be read: ") + std::strerror(errno) +
        "; name a file in the format of Prometheus' web configuration, or leave agent.web_config out");
  try {
    return read_all(YAML::Load(in), path);
  } catch (const Wrong& e) {
    return wrong(e.what);
  } catch (const YAML::Exception& e) {
    return wrong(std::to_string(e.mark.line + 1) + ":" + std::to_string(e.mark.column + 1) + ": " + e.msg);
  } catch (const std::ios_base::failure&) {  // a disk that fails
    return wrong(" cannot be read to its end");
  }
}

// The gate.

namespace {

/// What cannot be read is somebody else's complaint.
bool others_may_read(const std::string& file) {
  struct stat s {};
  return ::stat(file.c_str(), &s) == 0 && (s.st_mode & 07) != 0;
}

std::string stamp_of(const std::string& file) {
  struct stat s {};
  if (file.empty() || ::stat(file.c_str(), &s) != 0) return "-;";
  return std::to_string(s.st_ino) + "," + std::to_string(s.st_size) + "," + std::to_string(s.st_mtim.tv_sec) +
         "." + std::to_string(s.st_mtim.tv_nsec) + "," + std::to_string(s.st_mode & 07) + ";";
}

}  // namespace

tl::expected<std::shared_ptr<const WebGate::State>, std::string> WebGate::load(const std::string& path) {
  auto config = WebConfig::load(path);
  if (!config) return tl::make_unexpected(config.error());
  auto state = std::make_shared<State>();
  state->config = std::move(*config);
  if (state->config.tls) {
    auto tls = ServerTls::make(*state->config.tls);
    if (!tls) return tl::make_unexpected(path + ": " + tls.error());
    state->tls = std::move(*tls);
  }
  return state;
}

tl::expected<std::shared_ptr<WebGate>, std::string> WebGate::open(const std::string& path, bool shared) {
  auto state = load(path);
  if (!state) return tl::make_unexpected(state.error());
  const std::shared_ptr<WebGate> gate(new WebGate(path, shared));
  if (const auto secret = gate->shown_to_all((*state)->config))
    return tl::make_unexpected(*secret + ": everybody may read this secret: chmod o= it, or set " +
                               "agent.shared_secret_files = true");
  gate->state_ = std::move(*state);
  gate->stamp_ = gate->stamp();
  return gate;
}

std::optional<std::string> WebGate::shown_to_all(const WebConfig& config) const {
  for (const auto& secret :
       {config.users.empty() ? std::string() : path_, config.tls ? config.tls->key_file : ""})
    if (!shared_ && others_may_read(secret)) return secret;
  return std::nullopt;
}

std::string WebGate::stamp() const {
  std::string all = stamp_of(path_);
  if (const auto& tls = state_->config.tls)
    all += stamp_of(tls->cert_file) + stamp_of(tls->key_file) + stamp_of(tls->client_ca_file);
  return all;
}

std::shared_ptr<const WebGate::State> WebGate::now() {
  const std::lock_guard lock(mutex_);
  if (auto changed = stamp(); changed != stamp_) {
    stamp_ = std::move(changed);
    auto state = load(path_);
    // Cut short for a moment by whoever writes it: that nobody needs a password any more is believed at a
    // reload.
    const bool opened = state && !state_->config.users.empty() && (*state)->config.users.empty();
    if (state && !opened && !shown_to_all((*state)->config)) {
      state_ = std::move(*state);
      stamp_ = stamp();  // it may name other files
    }
  }
  return state_;
}

}  // namespace stswatch
