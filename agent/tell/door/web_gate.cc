#include "agent/tell/door/web_gate.h"

#include <sys/stat.h>

namespace stswatch {
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
