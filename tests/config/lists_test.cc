#include "config/lists.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stop_token>
#include <tuple>

#include "tests/config/errors.h"

using namespace stswatch;
namespace fs = std::filesystem;

namespace {

/// What a list holds, or what is wrong with it.
std::string read(const std::string& text) {
  const auto names = read_list(text, "list");
  if (!names) return joined(names.error());
  std::string out;
  for (const auto& each : *names) {
    out += each.name.str() + "@" + each.place;
    for (const auto& [name, value] : each.labels)
      out += " " + name + "=" + value;
    out += "\n";
  }
  return out;
}

/// A folder with lists, and what a configuration in it comes to.
class ListFolder {
 public:
  ListFolder() { fs::create_directories(path_); }
  ~ListFolder() { fs::remove_all(path_); }
  ListFolder(const ListFolder&) = delete;
  ListFolder& operator=(const ListFolder&) = delete;

  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  tl::expected<Config, ConfigErrors> load(const std::string& text,
                                          ListCommand command = ListCommand::leave) const {
    return parse_config(text, (path_ / "c.toml").string(), command);
  }
  std::string at(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_ = fs::temp_directory_path() / ("stswatch-lists-" + std::to_string(::getpid()));
};

const DomainConfig& of(const Config& config, const std::string& name) {
  for (const auto& domain : config.domains)
    if (domain.name.str() == name) return domain;
  FAIL(name);
  return config.domains.at(0);
}

}  // namespace

TEST_CASE("what editors put before the first line is no part of it") {
  const std::string mark = "\xef\xbb\xbf";
  CHECK(read(mark + "# list\r\na.example\r\n") == "a.example@2\n");
  CHECK(read(mark + R"([{"targets": ["a.example"]}])") == "a.example@[0].targets[0]\n");
  CHECK(read(mark) == "");
}

TEST_CASE("a list of names is lines, or the JSON of Prometheus' service discovery") {
  CHECK(read("") == "");
  CHECK(read("# none\n\n") == "");
  CHECK(read("a.example\n  b.example # two\r\n") == "a.example@1\nb.example@2\n");
  CHECK(read("[]") == "");
  CHECK(read("\n [{\"targets\": [\"A.example.\", \"b.example\"], \"labels\": {\"team\": \"x\", \"__meta_a\": "
             "\"y\"}},"
             "{\"targets\": [\"c.example\"]}]\n") ==
        "a.example@[0].targets[0] team=x\nb.example@[0].targets[1] team=x\nc.example@[1].targets[0]\n");
}

TEST_CASE("what is wrong with a list is said with its place") {
  const struct {
    std::string text, said;
  } rows[] = {
      {"a.example\nno name\n", "list:2:1: "},
      {"[{\"targets\": [\"a.example\", 7]}]", "list: [0].targets[1]: expected a string"},
      {"[{\"targets\": [\"a.example:25\"]}]", "list: [0].targets[0]: "},
      {"[\"a.example\"]", "list: [0]: expected an object as in "},
      {"[{\"targets\": \"a.example\"}]", "list: [0]: expected an object as in "},
      {"[{\"targets\": [], \"labels\": []}]", "list: [0].labels: expected an object of strings"},
      {"[{\"targets\": [], \"labels\": {\"a-b\": \"x\"}}]",
       "list: [0].labels: \"a-b\" is no name of a label"},
      {"[{\"targets\": [], \"labels\": {\"1a\": \"x\"}}]", "list: [0].labels: \"1a\" is no name of a label"},
      {"[{\"targets\": [], \"labels\": {\"a\": 1}}]", "list: [0].labels: \"a\": expected a string"},
      {"[{\"targets\": [], \"labels\": {\"a\": \"" + std::string(1025, 'x') + "\"}}]", "at most 1024 octets"},
      {"[{", "list: begins as JSON and is none: "},
      {"[\"\xff\"]", "list: begins as JSON and is none: "},
      {"[[[[[[[[]]]]]]]]", "list: is nested too deeply"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK_MESSAGE(read(row.text).find(row.said) != std::string::npos, read(row.text));
  }
}

TEST_CASE("a file that is no list at all is not told line by line, and depth costs nothing") {
  std::string noise;
  for (int i = 0; i < 100'000; ++i)
    noise += "!\n";
  const auto said = read_list(noise, "list");
  REQUIRE_FALSE(said);
  CHECK(said.error().size() == 21);
  CHECK_FALSE(read_list(std::string(1'000'000, '['), "list"));
  std::string labels;
  for (int i = 0; i < 65; ++i)
    labels += (i > 0 ? ",\"l" : "\"l") + std::to_string(i) + "\":\"\"";
  CHECK(read("[{\"targets\":[],\"labels\":{" + labels + "}}]").find("more than 64 labels") !=
        std::string::npos);
}

TEST_CASE("names of [[domains]] have its settings, what says more of a name wins") {
  const ListFolder folder;
  folder.write("plain.txt", "p.example\n");
  folder.write("list.txt", "a.example\nb.example\na.example\n");
  folder.write("sd.json", R"([{"targets": ["c.example"], "labels": {"team": "theirs", "site": "fra"}}])");
  const auto config = folder.load(
      "domains_files = [\"plain.txt\"]\n[expiry]\nwarn_days = 9\n"
      "[[domain]]\nname = \"b.example\"\nlabels = {team = \"own\"}\n"
      "[[domains]]\nfile = \"list.txt\"\nexpect = \"enforce\"\nlabels = {team = "
      "\"mail\"}\nreadiness_sessions = 7\n"
      "[[domains]]\nfile = \"sd.json\"\ncrit_days = 3\nlabels = {team = \"mail\", tier = \"1\"}\n");
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : joined(config.error())));
  CHECK(config->domains.size() == 4);
  CHECK(of(*config, "p.example").limits.expect == Limits::Expect::nothing);
  CHECK(of(*config, "p.example").labels.empty());
  CHECK(of(*config, "a.example").limits.expect == Limits::Expect::enforce);
  CHECK(of(*config, "a.example").limits.warn_before == Seconds{9 * 86400});
  CHECK(of(*config, "a.example").labels == std::map<std::string, std::string>{{"team", "mail"}});
  CHECK(of(*config, "a.example").readiness_sessions == 7);
  CHECK(of(*config, "b.example").limits.expect == Limits::Expect::nothing);
  CHECK(of(*config, "b.example").labels.at("team") == "own");
  CHECK(of(*config, "c.example").labels ==
        std::map<std::string, std::string>{{"team", "theirs"}, {"site", "fra"}, {"tier", "1"}});
  CHECK(of(*config, "c.example").limits.crit_before == Seconds{3 * 86400});
  CHECK(config->listed.at(folder.at("list.txt")) == 3);
}

TEST_CASE("a name in two lists, or twice with other labels, is told of") {
  const ListFolder folder;
  folder.write("a.txt", "a.example\n");
  folder.write("b.txt", "b.example\na.example\n");
  folder.write("sd.json",
               R"([{"targets": ["c.example"]}, {"targets": ["c.example"], "labels": {"team": "x"}}])");
  const auto twice = folder.load("[[domains]]\nfile = \"a.txt\"\n[[domains]]\nfile = \"b.txt\"\n");
  REQUIRE_FALSE(twice);
  CHECK(joined(twice.error()) == folder.at("b.txt") +
                                     ":2:1: domains.file: \"a.example\" is named twice, first at " +
                                     folder.at("a.txt") + ":1; remove one of them\n");
  const auto labels = folder.load("[[domains]]\nfile = \"sd.json\"\n");
  REQUIRE_FALSE(labels);
  CHECK(joined(labels.error()) ==
        folder.at("sd.json") + ": domains.file [1].targets[0]: \"c.example\" is named twice, first at " +
            folder.at("sd.json") + ":[0].targets[0]; remove one of them\n");
}

TEST_CASE("a list that is named twice has the same options both times") {
  const ListFolder folder;
  folder.write("a.txt", "a.example\nb.example\n");
  const std::string file = "file = \"a.txt\"\n", table = "[[domains]]\n" + file;
  for (const auto& [text, line, first] :
       {std::tuple(table + "[[domains]]\nexpect = \"enforce\"\n" + file, 5, 2),
        std::tuple(table + "warn_days = 20\n" + table + "warn_days = 30\n", 5, 2),
        std::tuple(table + "labels = {team = \"a\"}\n[[domains]]\nfile = \"" + folder.at("a.txt") + "\"\n", 5,
                   2),
        std::tuple("domains_files = [\"a.txt\"]\n[[domains]]\nexpect = \"none\"\n" + file, 4, 1)}) {
    CAPTURE(text);
    const auto config = folder.load(text);
    REQUIRE_FALSE(config);
    CHECK(joined(config.error()) == folder.at("c.toml") + ":" + std::to_string(line) +
                                        ":8: domains.file: " + folder.at("a.txt") + " is named at " +
                                        folder.at("c.toml") + ":" + std::to_string(first) +
                                        " already, with other options; remove one of them\n");
  }
  CHECK(folder.load(table + table)->domains.size() == 2);
}

TEST_CASE("a file of more than 64 MiB is no list") {
  const ListFolder folder;
  folder.write("list.txt", "");
  fs::resize_file(folder.at("list.txt"), 64U << 20);  // full of holes
  CHECK(read_whole(folder.at("list.txt"))->size() == 64U << 20);
  fs::resize_file(folder.at("list.txt"), (64U << 20) + 1);
  const auto whole = read_whole(folder.at("list.txt"));
  REQUIRE_FALSE(whole);
  CHECK(joined(whole.error()).find("is larger than 64 MiB") != std::string::npos);
}

TEST_CASE("the name of a label has 128 octets at most") {
  const std::string value = "x";
  CHECK(complain_of_label(std::string(128, 'a'), &value).empty());
  CHECK(complain_of_label(std::string(129, 'a'), &value).find("is no name of a label") != std::string::npos);
}

TEST_CASE("labels of a table and of a list keep the same rule") {
  const ListFolder folder;
  const struct {
    std::string name, says;
  } rows[] = {
      {"cost-centre", "is no name of a label"}, {"1a", "is no name of a label"},
      {"\xC3\xA9", "is no name of a label"},    {"alertname", "name it otherwise, such as \"our_alertname\""},
      {"severity", "alerts have of their own"}, {"route", "alerts have of their own"},
      {"problem", "alerts have of their own"},  {"domain", "alerts have of their own"},
      {"host", "alerts have of their own"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    folder.write("sd.json", "[{\"targets\": [\"a.example\"], \"labels\": {\"" + row.name + "\": \"x\"}}]");
    folder.write("a.txt", "a.example\n");
    for (const auto& text : {std::string("[[domains]]\nfile = \"sd.json\"\n"),
                             "[[domains]]\nfile = \"a.txt\"\nlabels = {\"" + row.name + "\" = \"x\"}\n",
                             "[[domain]]\nname = \"a.example\"\nlabels = {\"" + row.name + "\" = \"x\"}\n"}) {
      CAPTURE(text);
      const auto config = folder.load(text);
      REQUIRE_FALSE(config);
      CHECK_MESSAGE(joined(config.error()).find(row.says) != std::string::npos, joined(config.error()));
    }
  }
  const std::string table = "[[domain]]\nname = \"a.example\"\nlabels = {";
  CHECK(joined(folder.load(table + "__a = \"x\"}\n").error()) ==
        folder.at("c.toml") +
            ":3:10: domain.labels: \"__a\" is no name for a label: \"__\" begins Prometheus' own\n");
  CHECK(joined(folder.load(table + "a = \"" + std::string(1025, 'x') + "\"}\n").error())
            .find("at most 1024 octets") != std::string::npos);
  CHECK(folder.load(table + "team = \"x\", instance = \"y\", job = \"z\"}\n")->domains.at(0).labels.size() ==
        3);
}

TEST_CASE("a [[domains]] without a file, or whose file is not there, is told of") {
  const ListFolder folder;
  CHECK(joined(folder.load("[[domains]]\nexpect = \"none\"\n").error()) ==
        folder.at("c.toml") + ":1:1: domains.file: missing: this table needs it\n");
  CHECK(joined(folder.load("[[domains]]\nfile = \"gone.txt\"\n").error()) ==
        folder.at("c.toml") + ":2:8: domains.file: " + folder.at("gone.txt") +
            ": cannot be read: No such file or directory; make the list, or name another file\n");
  CHECK(joined(folder.load("[[domains]]\nfile = \"a\"\nname = \"x.example\"\n").error())
            .find("domains.name: unknown key") != std::string::npos);
}

TEST_CASE("domains_command is run for its names where that is asked for, and only in a valid file") {
  const ListFolder folder;
  folder.write("names", "a.example\nb.example\n");
  const std::string command = "domains_command = [\"cat\", \"names\"]\n";
  CHECK(folder.load(command)->domains.empty());
  const auto config =
      folder.load(command + "[[domain]]\nname = \"b.example\"\nexpect = \"none\"\n", ListCommand::run);
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : joined(config.error())));
  CHECK(config->domains.size() == 2);
  CHECK(of(*config, "b.example").limits.expect == Limits::Expect::none);
  CHECK(config->listed.at("domains_command") == 2);

  const auto failed = folder.load("\ndomains_command = [\"cat\", \"gone\"]\n", ListCommand::run);
  CHECK(joined(failed.error()) ==
        folder.at("c.toml") +
            ":2:19: domains_command: cat: exit code 1: cat: gone: No such file or directory\n");
  folder.write("names", "a.example\nno name\n");
  CHECK(joined(folder.load(command, ListCommand::run).error()).starts_with("domains_command:2:1: "));
  CHECK(joined(folder.load("domains_command = [\"\"]\n").error())
            .find("expected a program and its arguments") != std::string::npos);
  CHECK(folder.load("domains_command = []\n", ListCommand::run)->domains.empty());
  CHECK(folder.load("domains_command = [\"touch\", \"made\"]\n[agnet]\n", ListCommand::run).error().size() ==
        1);
  CHECK_FALSE(fs::exists(folder.at("made")));

  folder.write("c.toml", "domains_command = [\"sleep\", \"600\"]\n");
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = load_config(folder.at("c.toml"), ListCommand::run, stop.get_token());
  CHECK(joined(stopped.error()).ends_with("domains_command: sleep: killed, since the agent stops\n"));
}
