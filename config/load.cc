#include "config/load.h"

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <tuple>

#include "checks/facts/address.h"
#include "checks/facts/domain.h"
#include "config/lists.h"
#include "config/reader.h"

namespace stswatch {
namespace {

void read_domain_tables(TableReader& root, const toml::table& table, const std::string& path,
                        const Config& config, DomainList& list) {
  const auto* array = table.get_as<toml::array>("domain");
  std::size_t index = 0;
  root.each_table("domain", [&](TableReader& r) {
    const auto domain = sections::domain(r, config.expiry);
    const auto* node = array->get(index++);
    if (domain) list.add_table(*domain, path, node->source().begin.line, node->source().begin.column);
  });
}

/// Where something stands, for what turns out to be wrong with it later.
ConfigError at_node(const toml::node* node, const std::string& path, std::string key) {
  if (node == nullptr) return {path, 0, 0, std::move(key), ""};
  return {path, node->source().begin.line, node->source().begin.column, std::move(key), ""};
}

/// Of each list, in the order in which the sections were read.
ListPlaces list_places(const toml::table& table, const std::string& path) {
  ListPlaces out;
  out.command = at_node(table.get("domains_command"), path, "domains_command");
  if (const auto* files = table.get_as<toml::array>("domains_files"))
    for (const auto& file : *files)
      if (file.is_string()) out.files.push_back(at_node(&file, path, "domains_files"));
  const auto* lists = table.get_as<toml::array>("domains");
  if (lists == nullptr) return out;
  for (const auto& list : *lists) {
    const auto* inner = list.as_table();
    const auto* file = inner == nullptr ? nullptr : inner->get_as<std::string>("file");
    if (file != nullptr && !file->get().empty()) out.lists.push_back(at_node(file, path, "domains.file"));
  }
  return out;
}

void read_root(const toml::table& table, const std::string& path, ListCommand command,
               const std::stop_token& stop, ReadConfig& out) {
  auto& config = out.config;
  auto& errors = out.errors;
  TableReader root(table, "", path, errors, out.warnings);
  auto& shared = config.agent.shared_secret_files;
  root.table("agent", [&](TableReader& r) { sections::agent(r, config.agent); });
  root.table("schedule", [&](TableReader& r) { sections::schedule(r, config.schedule); });
  root.table("dns", [&](TableReader& r) { sections::dns(r, config.dns, config.dns_source); });
  root.table("network", [&](TableReader& r) { sections::network(r, config.network); });
  root.table("expiry", [&](TableReader& r) { sections::expiry(r, config.expiry); });
  root.table("probe", [&](TableReader& r) { sections::probe(r, config.probe_allow); });
  root.table("badge", [&](TableReader& r) { sections::badge(r, config.badge); });
  root.table("alerts", [&](TableReader& r) { sections::alerts(r, config.alerts, shared); });
  root.table("metrics", [&](TableReader& r) { sections::metrics(r, config.metrics); });
  root.table("tlsrpt", [&](TableReader& r) { sections::tlsrpt(r, config.tlsrpt, shared); });
  root.each_table("planned", [&](TableReader& r) { sections::planned(r, config.planned); });
  root.each_table("silence", [&](TableReader& r) { sections::silence(r, config.silences); });
  root.read("domains_files", config.domains_files);
  DomainList list(config, errors);
  read_domain_tables(root, table, path, config, list);
  root.each_table("domains", [&](TableReader& r) { sections::domains(r, config.expiry, config.lists); });
  root.read("domains_command", config.domains_command);
  if (!config.domains_command.empty() && config.domains_command[0].empty())
    root.complain("domains_command",
                  R"(expected a program and its arguments: ["psql", "-Atc", "SELECT ..."])");
  root.finish();
  add_lists(config, list, path, list_places(table, path), command, stop, errors);
}

}  // namespace

std::string ConfigError::str() const {
  std::string out = file;
  if (line != 0) out += ":" + std::to_string(line);
  if (line != 0 && column != 0) out += ":" + std::to_string(column);
  return out + ": " + (key.empty() ? "" : key + ": ") + what;
}

std::string list_of(const ConfigErrors& errors) {
  std::string all = "the configuration is not valid:";
  for (const auto& e : errors)
    all += "\n  " + e.str();
  return all;
}

std::optional<Seconds> parse_duration(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  std::int64_t unit = 0;
  switch (text.back()) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3600;
      break;
    case 'd':
      unit = 86400;
      break;
    default:
      return std::nullopt;
  }
  std::int64_t count = 0;
  const auto* end = text.data() + text.size() - 1;
  const auto [ptr, ec] = std::from_chars(text.data(), end, count);
  if (ec != std::errc() || ptr != end || text.front() == '-' || count < 1 || count > 1'000'000'000)
    return std::nullopt;
  return Seconds{count * unit};
}

tl::expected<ListenAddress, std::string> parse_listen(std::string_view text) {
  const auto wrong = [&] {
    return tl::make_unexpected(
        "\"" + std::string(text) +
        "\" is no address with a port: write \"127.0.0.1:9461\", \"[::1]:9461\" or \":9461\"");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [ptr, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (ec != std::errc() || ptr != port.data() + port.size() || port.empty()) return wrong();
  if (host.empty()) return ListenAddress{"0.0.0.0", number};
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = host == "localhost" ? Address::parse("127.0.0.1") : Address::parse(host);
  if (!address || address->is_v6() != bracketed) return wrong();
  return ListenAddress{address->str(), number};
}

tl::expected<std::vector<Domain>, ConfigErrors> read_domains_file(const std::string& path) {
  const auto text = read_whole(path);
  if (!text) return tl::make_unexpected(text.error());
  auto names = read_list(*text, path);
  if (!names) return tl::make_unexpected(std::move(names.error()));
  std::vector<Domain> out;
  for (auto& each : *names)
    out.push_back(std::move(each.name));
  return out;
}

void put_in_order(ConfigErrors& errors) {
  const auto place = [](const ConfigError& e) { return std::tie(e.file, e.line, e.column); };
  std::stable_sort(errors.begin(), errors.end(),
                   [&](const ConfigError& a, const ConfigError& b) { return place(a) < place(b); });
  errors.erase(std::unique(errors.begin(), errors.end()), errors.end());
}

ConfigError ReadConfig::at(const std::string& key, const std::string& value) const {
  const auto found = std::ranges::find_if(values, [&](const ConfigValue& v) {
    return v.key == key && (v.text == value || name_glob(v.text) == value || beside(file, v.text) == value);
  });
  if (found == values.end()) return {file, 0, 0, key, ""};
  return {file, found->line, found->column, key, ""};
}

namespace {

void note_values(const toml::node& node, const std::string& key, std::vector<ConfigValue>& out) {
  const auto note = [&](std::string text) {
    out.push_back({key, std::move(text), node.source().begin.line, node.source().begin.column});
  };
  if (const auto* table = node.as_table()) {
    if (!key.empty()) note("");
    for (const auto& [name, value] : *table)
      note_values(value, (key.empty() ? "" : key + ".") + std::string(name.str()), out);
  } else if (const auto* array = node.as_array()) {
    for (const auto& element : *array)
      note_values(element, key, out);
  } else if (const auto text = node.value_exact<std::string>()) {
    note(*text);
  } else if (const auto time = time_of(node)) {
    note(to_utc(*time));
  }
}

ReadConfig read_text(std::string_view text, const std::string& path, ListCommand command,
                     const std::stop_token& stop) {
  ReadConfig out;
  out.file = path;
  try {
    const toml::table table = toml::parse(text, std::string_view(path));
    out.is_toml = true;
    note_values(table, "", out.values);
    read_root(table, path, command, stop, out);
  } catch (const toml::parse_error& e) {
    const auto& at = e.source().begin;
    out.errors.push_back({path, at.line, at.column, "", std::string(e.description())});
  }
  put_in_order(out.errors);
  put_in_order(out.warnings);
  return out;
}

tl::expected<Config, ConfigErrors> whole_or_nothing(ReadConfig read) {
  if (read.errors.empty()) return std::move(read.config);
  return tl::make_unexpected(std::move(read.errors));
}

}  // namespace

tl::expected<Config, ConfigErrors> parse_config(std::string_view text, const std::string& path,
                                                ListCommand command) {
  return whole_or_nothing(read_text(text, path, command, {}));
}

ReadConfig read_config(const std::string& path, ListCommand command, const std::stop_token& stop) {
  const auto text = read_whole(path);
  if (!text) {
    ReadConfig out;
    out.file = path;
    out.errors = text.error();
    return out;
  }
  return read_text(*text, path, command, stop);
}

tl::expected<Config, ConfigErrors> load_config(const std::string& path, ListCommand command,
                                               const std::stop_token& stop) {
  return whole_or_nothing(read_config(path, command, stop));
}

}  // namespace stswatch
