// TOML to Config: strict, and every error at once, each with its place and what would be right.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.h"

namespace stswatch {

struct ConfigError {
  std::string file;
  std::size_t line = 0, column = 0;  // 1-based; 0 when the file as a whole is meant
  std::string key;                   // "network.https_port"; empty for syntax
  std::string what;                  // what is wrong, and what would be right

  std::string str() const;  // "F:line:column: key: what"
};

using ConfigErrors = std::vector<ConfigError>;

/// "the configuration is not valid:" and each error on a line of its own.
std::string list_of(const ConfigErrors& errors);

/// Reads the file and the domains_files it names. Never throws; never returns a half-read Config.
tl::expected<Config, ConfigErrors> load_config(const std::string& path);

/// The same from a text; `path` names it in errors and is the base of relative domains_files.
tl::expected<Config, ConfigErrors> parse_config(std::string_view text, const std::string& path);

/// A list of names, one a line, "#" comments, blank lines ignored. Errors name the line. Duplicates are kept.
tl::expected<std::vector<Domain>, ConfigErrors> read_domains_file(const std::string& path);

/// "90s", "5m", "1h", "30d"; at least one second. nullopt for anything else.
std::optional<Seconds> parse_duration(std::string_view text);

/// "ADDR:PORT", "[V6]:PORT" or ":PORT". The error says what would be right.
tl::expected<ListenAddress, std::string> parse_listen(std::string_view text);

}  // namespace stswatch
