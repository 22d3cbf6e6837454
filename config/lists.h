// Lists of domains outside the configuration file: what they may hold, and how the domains of all of them and
// of the [[domain]] tables become one list in which nobody is there twice. Used by config/*.cc only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/load.h"

namespace stswatch {

struct ListedDomain {
  Domain name;
  std::string place;  // "7", the line, or "[0].targets[1]"
  std::map<std::string, std::string> labels;
};

inline constexpr std::size_t kMostLabels = 64;  // of a table, or of a group in a list

/// What is wrong with a label of a domain, wherever it is written; "" when nothing is. `value`: null where it
/// is no string.
std::string complain_of_label(const std::string& name, const std::string* value);

/// One name a line, with "#" comments and blank lines; or, where it begins with "[", what Prometheus'
/// http_sd and file_sd have as JSON: [{"targets": ["example.com"], "labels": {"team": "mail"}}]. Labels that
/// begin with "__" are Prometheus' own and left out. `source` names it in errors. Pure.
tl::expected<std::vector<ListedDomain>, ConfigErrors> read_list(std::string_view text,
                                                                const std::string& source);

/// The octets of a file; at most 64 MiB.
tl::expected<std::string, ConfigErrors> read_whole(const std::string& path);

/// Remembers where each domain was named first, to complain of the second time.
class DomainList {
 public:
  DomainList(Config& config, ConfigErrors& errors) : config_(config), errors_(errors) {}

  /// A [[domain]] table of the configuration.
  void add_table(DomainConfig domain, const std::string& file, std::size_t line, std::size_t column);

  /// All of `names`, which `key` of the configuration stands for, with these settings. A [[domain]] table
  /// of the same name wins where `yields`; the same name twice in it with the same labels is one.
  void add(const std::string& source, const std::string& key, const std::vector<ListedDomain>& names,
           const DomainDefaults& defaults, bool yields);

 private:
  struct First {
    std::string place, source;
    std::size_t index;  // in config_.domains
  };

  void complain(const std::string& file, std::size_t line, std::size_t column, const std::string& key,
                const std::string& name);

  Config& config_;
  ConfigErrors& errors_;
  std::map<std::string, First> first_;
};

/// Where the configuration names them, for what is wrong with each; in the order of `config`.
struct ListPlaces {
  std::vector<ConfigError> files, lists;  // domains_files, [[domains]]
  ConfigError command;
};

/// domains_files, [[domains]] and domains_command of `config`, which are read and run here. `path`: of the
/// configuration, whose folder relative names start from.
void add_lists(Config& config, DomainList& list, const std::string& path, const ListPlaces& places,
               ListCommand command, const std::stop_token& stop, ConfigErrors& errors);

}  // namespace stswatch
