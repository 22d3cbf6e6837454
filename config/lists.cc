#include "config/lists.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "config/program/program.h"
#include "config/reader.h"

namespace stswatch {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kListSize = 64U << 20;  // octets; 100,000 domains as tables are a tenth of it
constexpr std::size_t kListErrors = 20;       // of one list: the first ones say what is wrong with it
constexpr int kListDepth = 4;                 // groups, a group, its targets or labels, one of them
constexpr std::size_t kLabelName = 128, kLabelValue = 1024;  // octets

/// Collects what is wrong with a list, as far as somebody would read it.
class Complaints {
 public:
  explicit Complaints(const std::string& source) : source_(source) {}
  void add(std::size_t line, std::size_t column, std::string key, std::string what) {
    if (errors_.size() < kListErrors)
      errors_.push_back({source_, line, column, std::move(key), std::move(what)});
  }
  bool any() const { return !errors_.empty(); }
  bool enough() const { return errors_.size() >= kListErrors; }
  ConfigErrors take() {
    if (enough()) errors_.push_back({source_, 0, 0, "", "and perhaps more: the rest was not read"});
    return std::move(errors_);
  }

 private:
  const std::string& source_;
  ConfigErrors errors_;
};

std::vector<ListedDomain> read_lines(std::string_view text, Complaints& wrong) {
  std::vector<ListedDomain> names;
  for (std::size_t number = 1; !text.empty() && !wrong.enough(); ++number) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find('#'));
    const auto start = line.find_first_not_of(" \t\r");
    if (start == line.npos) continue;
    if (auto domain = Domain::parse(line))
      names.push_back({*domain, std::to_string(number), {}});
    else
      wrong.add(number, start + 1, "", domain.error());
  }
  return names;
}

std::map<std::string, std::string> labels_of(const Json& group, const std::string& place, Complaints& wrong) {
  std::map<std::string, std::string> out;
  const auto labels = group.find("labels");
  if (labels == group.end()) return out;
  const auto where = place + ".labels";
  const auto complain = [&](const std::string& what) { wrong.add(0, 0, where, what); };
  if (!labels->is_object()) return complain("expected an object of strings"), out;
  for (const auto& [name, value] : labels->items()) {
    if (name.starts_with("__")) continue;
    const auto* text = value.get_ptr<const std::string*>();
    if (const auto why = complain_of_label(name, text); !why.empty())
      complain(why);
    else
      out.emplace(name, *text);
  }
  if (out.size() > kMostLabels) complain("more than " + std::to_string(kMostLabels) + " labels");
  return out;
}

void read_group(const Json& group, const std::string& place, std::vector<ListedDomain>& names,
                Complaints& wrong) {
  const auto targets = group.is_object() ? group.find("targets") : group.end();
  if (!group.is_object() || targets == group.end() || !targets->is_array())
    return wrong.add(0, 0, place, R"(expected an object as in {"targets": ["example.com"], "labels": {}})");
  const auto labels = labels_of(group, place, wrong);
  for (std::size_t i = 0; i < targets->size() && !wrong.enough(); ++i) {
    const auto& target = (*targets)[i];
    const auto where = place + ".targets[" + std::to_string(i) + "]";
    const auto domain = target.is_string()
                            ? Domain::parse(target.get_ref<const std::string&>())
                            : tl::expected<Domain, std::string>(tl::make_unexpected("expected a string"));
    if (domain)
      names.push_back({*domain, where, labels});
    else
      wrong.add(0, 0, where, domain.error());
  }
}

std::vector<ListedDomain> read_groups(std::string_view text, Complaints& wrong) {
  std::vector<ListedDomain> names;
  bool deep = false;
  // What is nested deeper is dropped as it is read, however much of it there is.
  const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
    deep |= depth > kListDepth;
    return depth <= kListDepth;
  };
  try {
    const auto groups = Json::parse(text, shallow);
    if (deep) wrong.add(0, 0, "", "is nested too deeply for a list of targets");
    for (std::size_t i = 0; i < groups.size() && !wrong.enough(); ++i)
      read_group(groups[i], "[" + std::to_string(i) + "]", names, wrong);
  } catch (const Json::exception& e) {
    wrong.add(0, 0, "", "begins as JSON and is none: " + printable(e.what(), 300));
  }
  return names;
}

/// Prometheus: [a-zA-Z_][a-zA-Z0-9_]*
bool is_label_name(std::string_view name) {
  return !name.empty() && name.size() <= kLabelName && !text::is_digit(name.front()) &&
         std::ranges::all_of(name, [](char c) { return c == '_' || text::is_alnum(c); });
}

}  // namespace

std::string complain_of_label(const std::string& name, const std::string* value) {
  // What every alert has of itself, in Alertmanager (CONTRACT 5): it would not be seen there.
  constexpr std::array<std::string_view, 6> kReserved = {"alertname", "problem",  "domain",
                                                         "host",      "severity", "route"};
  const auto shown = "\"" + printable(name, 60) + "\"";
  if (!is_label_name(name))
    return shown + " is no name of a label: letters, digits and \"_\", no digit first";
  if (name.starts_with("__")) return shown + " is no name for a label: \"__\" begins Prometheus' own";
  if (std::ranges::find(kReserved, name) != kReserved.end())
    return shown + " is a label that alerts have of their own; name it otherwise, such as \"our_" + name +
           "\"";
  if (value == nullptr || value->size() > kLabelValue)
    return shown + ": expected a string of at most " + std::to_string(kLabelValue) + " octets";
  return {};
}

tl::expected<std::string, ConfigErrors> read_whole(const std::string& path) {
  const auto fail = [&](const std::string& what) {
    return tl::make_unexpected(ConfigErrors{{path, 0, 0, "", what}});
  };
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) return fail("is a folder; name the file in it");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(std::string("cannot be read: ") + std::strerror(errno));
  std::string text;
  for (std::array<char, 65536> buffer; in.read(buffer.data(), buffer.size()) || in.gcount() > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kListSize) return fail("is larger than 64 MiB; is it the right file?");
  }
  return text;
}

tl::expected<std::vector<ListedDomain>, ConfigErrors> read_list(std::string_view text,
                                                                const std::string& source) {
  Complaints wrong(source);
  // What some editors begin every file with, and TOML allows too.
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const auto start = text.find_first_not_of(" \t\r\n");
  const bool json = start != text.npos && text[start] == '[';
  auto names = json ? read_groups(text, wrong) : read_lines(text, wrong);
  if (wrong.any()) return tl::make_unexpected(wrong.take());
  return names;
}

void DomainList::complain(const std::string& file, std::size_t line, std::size_t column,
                          const std::string& key, const std::string& name) {
  errors_.push_back(
      {file, line, column, key,
       "\"" + name + "\" is named twice, first at " + first_.at(name).place + "; remove one of them"});
}

void DomainList::add_table(DomainConfig domain, const std::string& file, std::size_t line,
                           std::size_t column) {
  const auto name = domain.name.str();
  const First here{file + ":" + std::to_string(line), "", config_.domains.size()};
  if (!first_.emplace(name, here).second) return complain(file, line, column, "domain.name", name);
  config_.domains.push_back(std::move(domain));
}

void DomainList::add(const std::string& source, const std::string& key,
                     const std::vector<ListedDomain>& names, const DomainDefaults& defaults, bool yields) {
  config_.listed[source] += names.size();
  std::size_t twice = 0;
  for (const auto& each : names) {
    DomainConfig domain{each.name, defaults.limits, each.labels, defaults.readiness_sessions};
    domain.labels.insert(defaults.labels.begin(), defaults.labels.end());  // the list's own stay
    const auto name = each.name.str();
    const auto [it, fresh] =
        first_.emplace(name, First{source + ":" + each.place, source, config_.domains.size()});
    if (fresh) {
      config_.domains.push_back(std::move(domain));
      continue;
    }
    const auto& before = it->second;
    if (yields && before.source.empty()) continue;
    if (yields && before.source == source && config_.domains[before.index].labels == domain.labels) continue;
    if (++twice > kListErrors) continue;
    const bool line = std::ranges::all_of(each.place, text::is_digit);
    complain(source, line ? std::stoul(each.place) : 0, 1, line ? key : key + " " + each.place, name);
  }
}

namespace {

/// A list that cannot be read is told where it is named; what is wrong in it, in its own lines.
ConfigErrors unreadable(ConfigError at, const ConfigError& why) {
  at.what = why.file + ": " + why.what + "; make the list, or name another file";
  return {std::move(at)};
}

}  // namespace

void add_lists(Config& config, DomainList& list, const std::string& path, const ListPlaces& places,
               ListCommand command, const std::stop_token& stop, ConfigErrors& errors) {
  const DomainDefaults plain{config.expiry, {}, 100};
  const auto folder = std::filesystem::path(path).parent_path().string();
  using Text = tl::expected<std::string, ConfigErrors>;
  std::map<std::string, std::pair<ConfigError, DomainDefaults>> named;  // by path, each the first time
  const auto add_text = [&](const Text& text, const std::string& source, const std::string& key,
                            const DomainDefaults& defaults, bool yields) {
    const auto names = text.and_then([&](const std::string& octets) { return read_list(octets, source); });
    if (names) return list.add(source, key, *names, defaults, yields);
    errors.insert(errors.end(), names.error().begin(), names.error().end());
  };
  const auto add_file = [&](const std::string& file, const ConfigError& at, const DomainDefaults& defaults,
                            bool yields) {
    if (file.empty()) {
      errors.push_back(at);
      errors.back().what = R"(expected the path of a list, got "")";
      return;
    }
    const auto source = beside(path, file);
    const auto [before, fresh] = named.emplace(source, std::pair(at, defaults));
    if (!fresh && before->second.second != defaults) {
      const auto& first = before->second.first;
      errors.push_back(at);
      errors.back().what = source + " is named at " + first.file + ":" + std::to_string(first.line) +
                           " already, with other options; remove one of them";
      return;
    }
    // A pipe would be waited for, and a device has no end.
    std::error_code ec;
    const auto kind = std::filesystem::status(source, ec).type();
    const bool waits = kind != std::filesystem::file_type::regular &&
                       kind != std::filesystem::file_type::not_found &&
                       kind != std::filesystem::file_type::directory;
    const auto text = (waits ? Text(tl::make_unexpected(ConfigErrors{{source, 0, 0, "", "is no file"}}))
                             : read_whole(source))
                          .map_error([&](const ConfigErrors& why) { return unreadable(at, why.front()); });
    add_text(text, source, at.key, defaults, yields);
  };
  for (std::size_t i = 0; i < config.domains_files.size(); ++i)
    add_file(config.domains_files[i], places.files.at(i), plain, false);
  for (std::size_t i = 0; i < config.lists.size(); ++i)
    add_file(config.lists[i].file, places.lists.at(i), config.lists[i].defaults, true);
  if (config.domains_command.empty() || command == ListCommand::leave) return;
  if (!errors.empty() && command != ListCommand::run_anyway) return;
  const auto text =
      output_of({.words = config.domains_command, .folder = folder, .output = kListSize, .stop = stop})
          .map_error([&](const std::string& what) {
            ConfigError at = places.command;
            at.what = what;
            return ConfigErrors{std::move(at)};
          });
  add_text(text, std::string(kCommandOutput), "domains_command", plain, true);
}

}  // namespace stswatch
