#include "config/reader.h"

#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <system_error>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

std::string type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a decimal number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

std::string wanted(std::string_view want, const toml::node& got) {
  return "expected " + std::string(want) + ", found " + type_name(got);
}

constexpr std::string_view kInstant = "a UTC time such as \"2026-12-01T00:00:00Z\"";

}  // namespace

std::string beside(const std::string& config_path, const std::string& written) {
  namespace fs = std::filesystem;
  if (written.empty() || fs::path(written).is_absolute()) return written;
  const auto joined = fs::path(config_path).parent_path() / written;
  std::error_code ec;
  const auto whole = fs::absolute(joined, ec);
  return (ec ? joined : whole).string();
}

TableReader::TableReader(const toml::table& table, std::string path, std::string file, ConfigErrors& errors,
                         ConfigErrors& warnings)
    : table_(table), path_(std::move(path)), file_(std::move(file)), errors_(errors), warnings_(warnings) {}

std::string TableReader::full(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

const toml::node* TableReader::take(std::string_view key) {
  known_.emplace_back(key);
  return table_.get(key);
}

bool TableReader::has(std::string_view key) const { return table_.contains(key); }

ConfigError TableReader::at(const toml::node* node, std::string_view key, std::string what) const {
  const auto& source = node != nullptr ? node->source() : table_.source();
  return {file_, source.begin.line, source.begin.column, full(key), std::move(what)};
}

void TableReader::complain_at(const toml::node* node, std::string_view key, std::string what) {
  errors_.push_back(at(node, key, std::move(what)));
}

void TableReader::complain(std::string_view key, std::string what) {
  complain_at(table_.get(key), key, std::move(what));
}

void TableReader::warn(std::string_view key, std::string what) {
  warnings_.push_back(at(table_.get(key), key, std::move(what)));
}

void TableReader::require(std::string_view key) {
  if (!has(key)) complain_at(nullptr, key, "missing: this table needs it");
}

void TableReader::read(std::string_view key, std::string& into) {
  read_checked(key, [&](const std::string& text) {
    into = text;
    return std::string();
  });
}

void TableReader::read_path(std::string_view key, std::string& into) {
  read_checked(key, [&](const std::string& text) {
    into = beside(file_, text);
    return std::string();
  });
}

void TableReader::read(std::string_view key, bool& into) {
  const auto* node = take(key);
  if (node == nullptr) return;
  if (const auto value = node->value_exact<bool>())
    into = *value;
  else
    complain_at(node, key, wanted("true or false", *node));
}

void TableReader::read(std::string_view key, Seconds& into, Seconds most) {
  read_checked(key, [&](const std::string& text) -> std::string {
    const auto span = parse_duration(text);
    if (!span)
      return "\"" + text + "\" is no duration; write \"90s\", \"5m\", \"1h\" or \"30d\", at least \"1s\"";
    if (*span > most)
      return "\"" + text + "\" is too long; at most \"" + std::to_string(most.count()) + "s\"";
    into = *span;
    return {};
  });
}

void TableReader::read(std::string_view key, std::vector<std::string>& into) {
  read_each(key, [&](const std::string& text) {
    into.push_back(text);
    return std::string();
  });
}

void TableReader::read(std::string_view key, TimePoint& into) {
  std::optional<TimePoint> value;
  read(key, value);
  if (value) into = *value;
}

std::optional<TimePoint> time_of(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return parse_utc(*text);
  const auto* stamp = node.as_date_time();
  if (stamp == nullptr) return std::nullopt;
  const auto& d = stamp->get();
  if (!d.offset || d.offset->minutes != 0 || d.time.nanosecond != 0) return std::nullopt;
  using namespace std::chrono;
  const year_month_day day{year{d.date.year}, month{d.date.month}, std::chrono::day{d.date.day}};
  return sys_days{day} + hours{d.time.hour} + minutes{d.time.minute} + seconds{d.time.second};
}

void TableReader::read(std::string_view key, std::optional<TimePoint>& into) {
  const auto* node = take(key);
  if (node == nullptr) return;
  if (const auto time = time_of(*node))
    into = time;
  else
    complain_at(node, key, "expected " + std::string(kInstant));
}

void TableReader::read(std::string_view key, std::map<std::string, std::string>& into) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const auto* inner = node->as_table();
  if (inner == nullptr) return complain_at(node, key, wanted("a table of strings", *node));
  for (const auto& [name, value] : *inner) {
    if (const auto text = value.value_exact<std::string>())
      into.emplace(std::string(name.str()), *text);
    else
      complain_at(&value, std::string(key) + "." + std::string(name.str()), wanted("a string", value));
  }
}

void TableReader::read_checked(std::string_view key,
                               const std::function<std::string(const std::string&)>& accept) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const auto text = node->value_exact<std::string>();
  if (!text) return complain_at(node, key, wanted("a string", *node));
  if (auto complaint = accept(*text); !complaint.empty()) complain_at(node, key, std::move(complaint));
}

void TableReader::read_each(std::string_view key,
                            const std::function<std::string(const std::string&)>& accept) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return complain_at(node, key, wanted("an array of strings", *node));
  for (const auto& element : *array) {
    const auto text = element.value_exact<std::string>();
    std::string complaint = text ? accept(*text) : wanted("a string", element);
    if (!complaint.empty()) complain_at(&element, key, std::move(complaint));
  }
}

void TableReader::integer(std::string_view key, std::int64_t& into, std::int64_t least, std::int64_t most) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const auto value = node->value_exact<std::int64_t>();
  if (!value) return complain_at(node, key, wanted("an integer", *node));
  if (*value < least || *value > most)
    return complain_at(node, key,
                       std::to_string(*value) + " is out of range; use " + std::to_string(least) + " to " +
                           std::to_string(most));
  into = *value;
}

int TableReader::word(std::string_view key, const std::vector<std::string_view>& words) {
  int found = -1;
  read_checked(key, [&](const std::string& text) -> std::string {
    const auto it = std::find(words.begin(), words.end(), text);
    if (it != words.end()) {
      found = static_cast<int>(it - words.begin());
      return {};
    }
    std::string list;
    for (const auto w : words)
      list += (list.empty() ? "\"" : ", \"") + std::string(w) + "\"";
    // Of words so short any two are near: a slip spares the first letter.
    auto near = nearest(text, words);
    if (!near.empty() && text::lower(text.substr(0, 1)) != text::lower(near.substr(0, 1))) near.clear();
    return "\"" + text + "\" is not known; use " +
           (near.empty() ? "one of " + list : "\"" + near + "\" (of " + list + ")");
  });
  return found;
}

void TableReader::table(std::string_view key, const std::function<void(TableReader&)>& read_inner) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const auto* inner = node->as_table();
  if (inner == nullptr) return complain_at(node, key, wanted("a table: [" + full(key) + "]", *node));
  TableReader reader(*inner, full(key), file_, errors_, warnings_);
  read_inner(reader);
  reader.finish();
}

void TableReader::each_table(std::string_view key, const std::function<void(TableReader&)>& read_inner) {
  const auto* node = take(key);
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) return complain_at(node, key, wanted("tables: [[" + full(key) + "]]", *node));
  for (const auto& element : *array) {
    const auto* inner = element.as_table();
    if (inner == nullptr) {
      complain_at(&element, key, wanted("a table: [[" + full(key) + "]]", element));
      continue;
    }
    TableReader reader(*inner, full(key), file_, errors_, warnings_);
    read_inner(reader);
    reader.finish();
  }
}

void TableReader::finish() {
  const std::vector<std::string_view> names(known_.begin(), known_.end());
  for (const auto& [name, value] : table_) {
    if (std::find(known_.begin(), known_.end(), name.str()) != known_.end()) continue;
    const auto& at = name.source().begin;
    // What TOML makes of a key that stands below a table.
    if (!path_.empty() && (name.str() == "domains_files" || name.str() == "domains_command")) {
      errors_.push_back({file_, at.line, at.column, full(name.str()),
                         "belongs to no table; move it to the top of the file, before the first [table]"});
      continue;
    }
    const auto near = nearest(name.str(), names);
    errors_.push_back({file_, at.line, at.column, full(name.str()),
                       near.empty() ? "unknown key" : "unknown key; did you mean \"" + near + "\"?"});
  }
}

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0U);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.size() > 100) return {};
  for (const auto candidate : candidates)
    if (word.size() >= 3 && candidate.starts_with(word)) return std::string(candidate);
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return std::string(best);
}

}  // namespace stswatch
