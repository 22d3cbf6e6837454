// TOML to Config: strict, and every error at once, each with its place and what would be right.
#pragma once

#include <stop_token>
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
  bool operator==(const ConfigError&) const = default;
};

using ConfigErrors = std::vector<ConfigError>;

/// "the configuration is not valid:" and each error on a line of its own.
std::string list_of(const ConfigErrors& errors);

/// Whether domains_command is run for its names, which takes as long as it likes up to 30 s, or until `stop`;
/// run_anyway: also where the rest is wrong already.
enum class ListCommand { leave, run, run_anyway };

/// One string or time of the file and where it stands; of a table without a name the table itself, as "".
struct ConfigValue {
  std::string key;   // "alerts.email.password_file"
  std::string text;  // a time as to_utc() has it
  std::size_t line = 0, column = 0;
};

/// All that could be read beside all that is wrong, for those who look on after the first error.
struct ReadConfig {
  Config config;
  ConfigErrors errors;
  ConfigErrors warnings;  // of what is well-formed and does nothing
  std::string file;
  bool is_toml = false;  // else nothing was read
  std::vector<ConfigValue> values;

  /// Where the key has this value, a path as it was written or as it is meant, for a message: `what` is
  /// empty.
  ConfigError at(const std::string& key, const std::string& value) const;
};
ReadConfig read_config(const std::string& path, ListCommand command = ListCommand::leave,
                       const std::stop_token& stop = {});

/// By file, line and column; what is said twice is said once.
void put_in_order(ConfigErrors& errors);

/// Reads the file and the lists of domains it names. Never throws; never returns a half-read Config.
tl::expected<Config, ConfigErrors> load_config(const std::string& path,
                                               ListCommand command = ListCommand::leave,
                                               const std::stop_token& stop = {});

/// The same from a text; `path` names it in errors and is the base of relative paths of lists.
tl::expected<Config, ConfigErrors> parse_config(std::string_view text, const std::string& path,
                                                ListCommand command = ListCommand::leave);

/// A list of names: one a line, "#" comments, blank lines ignored; or JSON as of Prometheus' http_sd. Errors
/// name the place. Duplicates are kept.
tl::expected<std::vector<Domain>, ConfigErrors> read_domains_file(const std::string& path);

/// "90s", "5m", "1h", "30d"; at least one second. nullopt for anything else.
std::optional<Seconds> parse_duration(std::string_view text);

/// "ADDR:PORT", "[V6]:PORT" or ":PORT". The error says what would be right.
tl::expected<ListenAddress, std::string> parse_listen(std::string_view text);

}  // namespace stswatch
