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

namespace toml {
inline namespace v3 {
class table;
class node;
}  // namespace v3
}  // namespace toml

namespace stswatch {

class TableReader {
 public:
  TableReader(const toml::table& table, std::string path, std::string file, ConfigErrors& errors);

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

  /// The strings of an array, each with its own complaint.
  void read_each(std::string_view key, const std::function<std::string(const std::string&)>& accept);

  void table(std::string_view key, const std::function<void(TableReader&)>& read_inner);
  void each_table(std::string_view key, const std::function<void(TableReader&)>& read_inner);

  void require(std::string_view key);  // an error when the key is missing
  bool has(std::string_view key) const;
  void complain(std::string_view key, std::string what);
  void finish();  // reports every key nobody read

 private:
  const toml::node* take(std::string_view key);
  void integer(std::string_view key, std::int64_t& into, std::int64_t least, std::int64_t most);
  int word(std::string_view key, const std::vector<std::string_view>& words);
  void complain_at(const toml::node* node, std::string_view key, std::string what);
  std::string full(std::string_view key) const;

  const toml::table& table_;
  std::string path_, file_;
  ConfigErrors& errors_;
  std::vector<std::string> known_;
};

}  // namespace stswatch
