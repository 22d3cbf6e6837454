#include "config/load.h"

#include <toml++/toml.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "checks/facts/address.h"
#include "config/reader.h"

namespace stswatch {
namespace {

constexpr std::size_t kFileSize = 64U << 20;  // 100,000 domains as tables are a tenth of it

tl::expected<std::string, ConfigErrors> read_file(const std::string& path) {
  const auto fail = [&](const std::string& what) {
    return tl::make_unexpected(ConfigErrors{{path, 0, 0, "", what}});
  };
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) return fail("is a folder; name the file in it");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(std::string("cannot be read: ") + std::strerror(errno));
  std::ostringstream text;
  text << in.rdbuf();
  if (text.str().size() > kFileSize) return fail("is larger than 64 MiB; is it the right file?");
  return text.str();
}

/// Remembers where each domain was named first, to complain of the second time.
class DomainList {
 public:
  DomainList(Config& config, ConfigErrors& errors) : config_(config), errors_(errors) {}

  void add(DomainConfig domain, const std::string& file, std::size_t line, std::size_t column,
           const std::string& key) {
    const std::string place = file + ":" + std::to_string(line);
    const auto [it, fresh] = first_.emplace(domain.name.str(), place);
    if (fresh)
      config_.domains.push_back(std::move(domain));
    else
      errors_.push_back(
          {file, line, column, key,
           "\"" + it->first + "\" is named twice, first at " + it->second + "; remove one of them"});
  }

 private:
  Config& config_;
  ConfigErrors& errors_;
  std::map<std::string, std::string> first_;
};

void read_domain_tables(TableReader& root, const toml::table& table, const std::string& path,
                        const Config& config, DomainList& list) {
  const auto* array = table.get_as<toml::array>("domain");
  std::size_t index = 0;
  root.each_table("domain", [&](TableReader& r) {
    const auto domain = sections::domain(r, config.expiry);
    const auto* node = array->get(index++);
    if (domain)
      list.add(*domain, path, node->source().begin.line, node->source().begin.column, "domain.name");
  });
}

tl::expected<std::vector<std::pair<Domain, std::size_t>>, ConfigErrors> read_names(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return tl::make_unexpected(text.error());
  std::vector<std::pair<Domain, std::size_t>> names;
  ConfigErrors errors;
  std::istringstream in(*text);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    line.resize(std::min(line.find('#'), line.size()));
    const auto start = line.find_first_not_of(" \t\r");
    if (start == std::string::npos) continue;
    auto domain = Domain::parse(line);
    if (domain)
      names.emplace_back(*domain, number);
    else
      errors.push_back({path, number, start + 1, "", domain.error()});
  }
  if (!errors.empty()) return tl::make_unexpected(std::move(errors));
  return names;
}

void read_domains_files(const std::string& config_path, Config& config, DomainList& list,
                        ConfigErrors& errors) {
  for (const auto& file : config.domains_files) {
    const std::filesystem::path written(file);
    const auto path =
        written.is_absolute() ? written : std::filesystem::path(config_path).parent_path() / written;
    const auto names = read_names(path.string());
    if (!names) {
      errors.insert(errors.end(), names.error().begin(), names.error().end());
      continue;
    }
    for (const auto& [name, line] : *names)
      list.add({name, config.expiry, {}, 100}, path.string(), line, 1, "domains_files");
  }
}

void read_root(const toml::table& table, const std::string& path, Config& config, ConfigErrors& errors) {
  TableReader root(table, "", path, errors);
  auto& shared = config.agent.shared_secret_files;
  root.table("agent", [&](TableReader& r) { sections::agent(r, config.agent); });
  root.table("schedule", [&](TableReader& r) { sections::schedule(r, config.schedule); });
  root.table("dns", [&](TableReader& r) { sections::dns(r, config.dns, config.dns_source); });
  root.table("network", [&](TableReader& r) { sections::network(r, config.network); });
  root.table("expiry", [&](TableReader& r) { sections::expiry(r, config.expiry); });
  root.table("probe", [&](TableReader& r) { sections::probe(r, config.probe_allow); });
  root.table("alerts", [&](TableReader& r) { sections::alerts(r, config.alerts, shared); });
  root.table("metrics", [&](TableReader& r) { sections::metrics(r, config.metrics); });
  root.table("tlsrpt", [&](TableReader& r) { sections::tlsrpt(r, config.tlsrpt, shared); });
  root.each_table("planned", [&](TableReader& r) { sections::planned(r, config.planned); });
  root.each_table("silence", [&](TableReader& r) { sections::silence(r, config.silences); });
  root.read("domains_files", config.domains_files);
  DomainList list(config, errors);
  read_domain_tables(root, table, path, config, list);
  read_domains_files(path, config, list, errors);
  root.finish();
}

}  // namespace

std::string ConfigError::str() const {
  std::string out = file;
  if (line != 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
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
  const auto names = read_names(path);
  if (!names) return tl::make_unexpected(names.error());
  std::vector<Domain> out;
  for (const auto& [name, line] : *names)
    out.push_back(name);
  return out;
}

tl::expected<Config, ConfigErrors> parse_config(std::string_view text, const std::string& path) {
  Config config;
  ConfigErrors errors;
  try {
    const toml::table table = toml::parse(text, std::string_view(path));
    read_root(table, path, config, errors);
  } catch (const toml::parse_error& e) {
    const auto& at = e.source().begin;
    errors.push_back({path, at.line, at.column, "", std::string(e.description())});
  }
  if (errors.empty()) return config;
  std::stable_sort(errors.begin(), errors.end(), [](const ConfigError& a, const ConfigError& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  return tl::make_unexpected(std::move(errors));
}

tl::expected<Config, ConfigErrors> load_config(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return tl::make_unexpected(text.error());
  return parse_config(*text, path);
}

}  // namespace stswatch
