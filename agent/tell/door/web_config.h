// Who may ask the agent's own HTTP server, and how it shows itself: the web configuration file of Prometheus'
// exporter-toolkit (YAML). Strict: what it does not know is an error with its line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch {

struct WebTls {
  enum class ClientAuth { none, request, require_any, verify_if_given, require_and_verify };

  std::string cert_file, key_file, client_ca_file;  // absolute, or relative to the working directory
  ClientAuth client_auth = ClientAuth::none;
  int min_version = 0x0303, max_version = 0;  // as on the wire; 0: the newest
  std::vector<std::string> cipher_suites;     // IANA names; TLS 1.2 and below. Empty: OpenSSL's choice
  std::vector<std::string> curves;            // OpenSSL's names
};

struct WebConfig {
  std::optional<WebTls> tls;
  std::map<std::string, std::string> users;    // name -> bcrypt hash
  std::map<std::string, std::string> headers;  // added to every answer

  /// Of a bcrypt hash: about a second.
  static constexpr int kMostCost = 14;

  static tl::expected<WebConfig, std::string> load(const std::string& path);
};

}  // namespace stswatch
