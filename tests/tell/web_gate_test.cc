#include "agent/tell/door/web_gate.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace stswatch;

namespace {

namespace fs = std::filesystem;

// bcrypt of "open sesame" and of "swordfish", cost 4
constexpr const char* kGateSesame = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy";
constexpr const char* kGateSwordfish = "$2y$04$abcdefghijklmnopqrstuugIEnm3ZbWF6xb2GcoE3L1CoGJFMKtu.";

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "stswatch-web-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name, const std::string& text) const {
    const auto at = path_ / name;
    std::ofstream(at) << text;
    fs::permissions(at, fs::perms::owner_read | fs::perms::owner_write);
    return at;
  }

 private:
  fs::path path_;
};

std::string user(const char* name, const char* hash) { return std::string("  ") + name + ": " + hash + "\n"; }

std::string error_of(const std::string& yaml) {
  const Folder folder;
  const auto path = folder.file("web.yml", yaml);
  const auto gate = WebGate::open(path);
  if (gate) return "none";
  CHECK(gate.error().starts_with(path + ":"));
  return gate.error().substr(path.size() + 1);
}

}  // namespace

TEST_CASE("an empty file opens the door to everybody, in plain text") {
  const Folder folder;
  const auto gate = WebGate::open(folder.file("web.yml", ""));
  REQUIRE(gate.has_value());
  CHECK((*gate)->now()->config.users.empty());
  CHECK((*gate)->now()->tls == nullptr);
}

TEST_CASE("users are as the file has them now, and a half-written file changes nothing") {
  const Folder folder;
  const auto path = folder.file("web.yml", "basic_auth_users:\n" + user("alice", kGateSesame));
  const auto opened = WebGate::open(path);
  REQUIRE(opened.has_value());
  auto& gate = **opened;
  REQUIRE(gate.now()->config.users.at("alice") == kGateSesame);
  folder.file("web.yml", "basic_auth_users:\n  alice: $2y$");
  CHECK(gate.now()->config.users.at("alice") == kGateSesame);
  folder.file("web.yml", "basic_auth_users:\n" + user("alice", kGateSwordfish) + "# and a longer file\n");
  CHECK(gate.now()->config.users.at("alice") == kGateSwordfish);
  folder.file("web.yml", "");
  CHECK(gate.now()->config.users.at("alice") == kGateSwordfish);
  folder.file("web.yml", "basic_auth_users:\n" + user("alice", kGateSesame));
  fs::permissions(path, fs::perms(0644));
  CHECK(gate.now()->config.users.at("alice") == kGateSwordfish);
  fs::permissions(path, fs::perms(0600));
  CHECK(gate.now()->config.users.at("alice") == kGateSesame);
}

TEST_CASE("a folder is no web configuration") {
  const auto gate = WebGate::open("/");
  REQUIRE_FALSE(gate.has_value());
  CHECK(gate.error().find("is a folder") != std::string::npos);
}

TEST_CASE("hashes that everybody may read are refused unless that is as it should be") {
  const Folder folder;
  const auto path = folder.file("web.yml", "basic_auth_users:\n" + user("alice", kGateSesame));
  for (const auto mode : {0640, 0600, 0400}) {
    fs::permissions(path, fs::perms(mode));
    CHECK(WebGate::open(path).has_value());
  }
  for (const auto mode : {0644, 0604, 0602, 0601}) {
    fs::permissions(path, fs::perms(mode));
    const auto gate = WebGate::open(path);
    REQUIRE_FALSE(gate.has_value());
    CHECK(gate.error().find("chmod o=") != std::string::npos);
    CHECK(WebGate::open(path, true).has_value());
  }
}

TEST_CASE("headers are added") {
  const Folder folder;
  const auto gate = WebGate::open(
      folder.file("web.yml", "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n"));
  REQUIRE(gate.has_value());
  CHECK((*gate)->now()->config.headers.at("X-Frame-Options") == "deny");
}

TEST_CASE("what is wrong is told with its line, and how to mend it") {
  const struct {
    std::string why, yaml, says;
  } rows[] = {
      {"an unknown key", "basic_auth_user:\n", "1:1: \"basic_auth_user\" is unknown"},
      {"an unknown key within", "tls_server_config:\n  cert_fil: a\n", "2:3: \"cert_fil\" is unknown"},
      {"a plain password", "basic_auth_users:\n  alice: secret\n", "2:10: this is no bcrypt hash"},
      {"a hash of another kind", "basic_auth_users:\n  alice: $6$salt$abcdef\n", "htpasswd -nBC 10 alice"},
      {"a hash that takes days",
       "basic_auth_users:\n  alice: $2y$31" + std::string(kGateSesame).substr(6) + "\n",
       "2:10: a bcrypt hash of cost 31 takes about 1 d 12 h to check: the most is 14"},
      {"a hash that takes seconds",
       "basic_auth_users:\n  alice: $2y$15" + std::string(kGateSesame).substr(6) + "\n", "takes about 2 s"},
      {"a user twice",
       std::string("basic_auth_users:\n") + user("alice", kGateSesame) + user("alice", kGateSwordfish),
       "3:3: the user \"alice\" is there twice"},
      {"a user who cannot log in", std::string("basic_auth_users:\n") + user("\"a:b\"", kGateSesame),
       "2:3: the user \"a:b\" could never log in"},
      {"a key twice", "basic_auth_users: {}\nbasic_auth_users: {}\n",
       "2:1: \"basic_auth_users\" is there twice"},
      {"no key", "tls_server_config:\n  cert_file: a.pem\n", "has no key_file"},
      {"no certificate", "tls_server_config:\n  key_file: a.pem\n", "has no cert_file"},
      {"files that are not there", "tls_server_config: {cert_file: a.pem, key_file: b.pem}\n",
       "a.pem cannot be used"},
      {"an old version", "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}\n",
       "TLS12, TLS13"},
      {"verification without a CA",
       "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}\n",
       "client_ca_file"},
      {"a CA without verification", "tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}\n",
       "client_auth_type"},
      {"a strange header", "http_server_config: {headers: {X-Powered-By: us}}\n", "X-Powered-By"},
      {"a list for a mapping", "- a\n", "no mapping"},
      {"no YAML", "a: [\n", ":"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const auto error = error_of(row.yaml);
    CAPTURE(error);
    CHECK(error.find(row.says) != std::string::npos);
  }
  const auto missing = WebGate::open("/nonexistent/web.yml");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().starts_with(
      "/nonexistent/web.yml: cannot be read: No such file or directory; name a file"));
}
