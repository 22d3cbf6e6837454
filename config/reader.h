// One TOML table read key by key: each typed read checks type and range, and what nobody asked for is an
// unknown key. Collects errors instead of stopping. Used by config/*.cc only.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace stswatch {

// The nearest right spelling of a mistyped word.

/// The candidate that `word` begins, or one within edit distance 2 (or a third of the word); empty when none
/// is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace stswatch

namespace toml {
inline namespace v3 {
class table;
class node;
}  // namespace v3
}  // namespace toml

namespace stswatch {

/// The path that the configuration means by it: a relative one begins at the configuration's own folder, ""
/// is none.
std::string beside(const std::string& config_path, const std::string& written);

/// A UTC time in whole seconds, as a date or as a string.
std::optional<TimePoint> time_of(const toml::node& node);

class TableReader {
 public:
  TableReader(const toml::table& table, std::string path, std::string file, ConfigErrors& errors,
              ConfigErrors& warnings);

  void read(std::string_view key, std::string& into);
  void read(std::string_view key, bool& into);
  void read(std::string_view key, Seconds& into, Seconds most = Seconds{366 * 86400});
  void read(std::string_view key, std::vector<std::string>& into);
  void read(std::string_view key, TimePoint& into);
  void read(std::string_view key, std::optional<TimePoint>& into);
  void read(std::string_view key, std::map<std::string, std::string>& into);

  template <class Integer>
  void read_integer(std::string_view key, Integer& into, std::int64_t least, std::int64_t most) {
    std::int64_t value = static_cast<std::int64_t>(into);
    integer(key, value, least, most);
    into = static_cast<Integer>(value);
  }

  /// One of the given words.
  template <class Enum>
  void read_word(std::string_view key, Enum& into,
                 const std::vector<std::pair<std::string_view, Enum>>& words) {
    std::vector<std::string_view> spelled;
    for (const auto& [word, value] : words)
      spelled.push_back(word);
    const int index = word(key, spelled);
    if (index >= 0) into = words[static_cast<std::size_t>(index)].second;
  }

  /// A string that `accept` finds right; it returns the complaint otherwise ("" when fine).
  void read_checked(std::string_view key, const std::function<std::string(const std::string&)>& accept);

  /// Where a file is: see beside().
  void read_path(std::string_view key, std::string& into);

  /// The strings of an array, each with its own complaint.
  void read_each(std::string_view key, const std::function<std::string(const std::string&)>& accept);

  void table(std::string_view key, const std::function<void(TableReader&)>& read_inner);
  void each_table(std::string_view key, const std::function<void(TableReader&)>& read_inner);

  void require(std::string_view key);  // an error when the key is missing
  bool has(std::string_view key) const;
  const std::string& file() const { return file_; }
  void complain(std::string_view key, std::string what);
  void warn(std::string_view key, std::string what);  // of what is well-formed and does nothing
  void finish();                                      // reports every key nobody read

 private:
  const toml::node* take(std::string_view key);
  void integer(std::string_view key, std::int64_t& into, std::int64_t least, std::int64_t most);
  int word(std::string_view key, const std::vector<std::string_view>& words);
  ConfigError at(const toml::node* node, std::string_view key, std::string what) const;
  void complain_at(const toml::node* node, std::string_view key, std::string what);
  std::string full(std::string_view key) const;

  const toml::table& table_;
  std::string path_, file_;
  ConfigErrors &errors_, &warnings_;
  std::vector<std::string> known_;
};

}  // namespace stswatch

namespace stswatch::sections {

// The sections of the file, one function each: which keys there are, their ranges, where they go.

void agent(TableReader& r, AgentOptions& into);
void schedule(TableReader& r, ScheduleOptions& into);
void dns(TableReader& r, DnsOptions& into, bool& source);
void network(TableReader& r, NetworkOptions& into);
void expiry(TableReader& r, Limits& into);
void probe(TableReader& r, std::vector<std::string>& allow);
void badge(TableReader& r, BadgeOptions& into);
/// nullopt when the name is missing or wrong (the complaint is made).
std::optional<DomainConfig> domain(TableReader& r, const Limits& defaults);
/// A list of names, and what they have.
void domains(TableReader& r, const Limits& defaults, std::vector<DomainsFile>& into);
void planned(TableReader& r, std::vector<PlannedChange>& into);
void silence(TableReader& r, std::vector<Silence>& into);
void alerts(TableReader& r, AlertOptions& into, bool shared);
void metrics(TableReader& r, MetricsOptions& into);
void tlsrpt(TableReader& r, TlsrptIntake& into, bool shared);

// Values that more than one section of the file holds. Used by config/sections*.cc only.

/// What is wrong with it; "" when nothing is.
std::string complain_of_url(const std::string& text);
/// A file that holds a secret; one that is not there is complained of by whoever reads it.
std::string complain_of_secret_file(const std::string& path, bool shared);

/// A glob of names, in the form that names have here; says why it is none, or can fit no name; "" when it
/// can.
std::string read_name_glob(const std::string& text, std::string& into);

void read_url(TableReader& r, std::string_view key, std::string& into);
void read_secret_file(TableReader& r, std::string_view key, std::string& into, bool shared);

// One [[alerts.webhook]] without its name and what it is told of.

void webhook(TableReader& r, WebhookReceiver& into, bool shared);

}  // namespace stswatch::sections
