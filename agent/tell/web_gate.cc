#include "agent/tell/web_gate.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <array>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kKnown = 100;
// Of no password: an unknown name takes as long as a known one.
constexpr const char* kNobody = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

bool bcrypt_matches(const std::string& password, const std::string& hash) {
  const auto data = std::make_unique<crypt_data>();
  const char* got = ::crypt_r(password.c_str(), hash.c_str(), data.get());
  return got != nullptr && hash.size() == std::char_traits<char>::length(got) &&
         CRYPTO_memcmp(got, hash.data(), hash.size()) == 0;
}

std::string digest(const std::string& user, const std::string& hash, const std::string& password) {
  const std::string all = user + '\0' + hash + '\0' + password;
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  if (EVP_Digest(all.data(), all.size(), out.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string stamp_of(const std::string& file) {
  struct stat s {};
  if (file.empty() || ::stat(file.c_str(), &s) != 0) return "-;";
  return std::to_string(s.st_ino) + "," + std::to_string(s.st_size) + "," + std::to_string(s.st_mtim.tv_sec) +
         "." + std::to_string(s.st_mtim.tv_nsec) + ";";
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

tl::expected<std::shared_ptr<WebGate>, std::string> WebGate::open(const std::string& path) {
  auto state = load(path);
  if (!state) return tl::make_unexpected(state.error());
  const std::shared_ptr<WebGate> gate(new WebGate(path));
  gate->state_ = std::move(*state);
  gate->stamp_ = gate->stamp();
  return gate;
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
    if (auto state = load(path_)) {
      state_ = std::move(*state);
      stamp_ = stamp();  // it may name other files
      known_.clear();
    }
  }
  return state_;
}

bool WebGate::admits(const std::string& authorization) {
  const auto state = now();
  const auto& users = state->config.users;
  if (users.empty()) return true;
  constexpr std::string_view kBasic = "Basic ";
  if (authorization.size() < kBasic.size() || authorization.substr(0, kBasic.size()) != kBasic) return false;
  const auto pair = from_base64(authorization.substr(kBasic.size()));
  const auto colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return false;
  const auto user = users.find(pair->substr(0, colon));
  const bool known = user != users.end();
  const bool right =
      verified(pair->substr(0, colon), known ? user->second : kNobody, pair->substr(colon + 1));
  return known && right;
}

bool WebGate::verified(const std::string& user, const std::string& hash, const std::string& password) {
  const auto key = digest(user, hash, password);
  {
    const std::lock_guard lock(mutex_);
    if (known_.contains(key)) return true;
  }
  {
    const std::lock_guard one_at_a_time(slow_);
    if (!bcrypt_matches(password, hash)) return false;
  }
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kKnown) known_.clear();
  if (!key.empty()) known_.insert(key);
  return true;
}

}  // namespace stswatch
