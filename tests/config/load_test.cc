#include "config/load.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/config/errors.h"

using namespace stswatch;
namespace fs = std::filesystem;

namespace {

const fs::path kSource{SOURCE_DIR};

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

TEST_CASE("the example is valid and holds the defaults") {
  const auto config = load_config((kSource / "config/example.toml").string());
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : joined(config.error())));
  const Config defaults;
  CHECK(config->agent.listen.port == defaults.agent.listen.port);
  CHECK(config->agent.state == defaults.agent.state);
  CHECK(config->agent.workers == defaults.agent.workers);
  CHECK(config->agent.confine == defaults.agent.confine);
  CHECK(config->schedule.policy == defaults.schedule.policy);
  CHECK(config->schedule.confirmations == defaults.schedule.confirmations);
  CHECK(config->schedule.second_probe == defaults.schedule.second_probe);
  CHECK(config->network.crl == defaults.network.crl);
  CHECK(config->dns.timeout == defaults.dns.timeout);
  CHECK(config->dns_source == defaults.dns_source);
  CHECK(config->network.look_timeout == defaults.network.look_timeout);
  CHECK(config->alerts.repeat_ticket == defaults.alerts.repeat_ticket);
  CHECK(config->domains_command.empty());
  CHECK(config->badge.allow.empty());
  CHECK_FALSE(config->badge.open);
  REQUIRE(config->domains.size() == 1);
  CHECK(config->domains[0].limits.expect == Limits::Expect::enforce);
  CHECK(config->domains[0].labels.at("team") == "mail");
}

TEST_CASE("the zones' own servers are asked unless that is switched off") {
  CHECK(parse_config("", "c.toml")->dns_source);
  CHECK(parse_config("[dns]\nsource = \"auto\"\n", "c.toml")->dns_source);
  CHECK_FALSE(parse_config("[dns]\nsource = \"off\"\n", "c.toml")->dns_source);
}

TEST_CASE("records of keys that are kept for later are read as a zone writes them") {
  const std::string head = "[[domain]]\nname = \"example.com\"\nstandby_tlsa = [\"";
  const auto config = parse_config(head + "3 1 1 ABCD ef\"]\n", "c.toml");
  REQUIRE(config);
  REQUIRE(config->domains.at(0).limits.standby_tlsa.size() == 1);
  CHECK(config->domains[0].limits.standby_tlsa[0].str() == "3 1 1 abcdef");
  const auto bad = parse_config(head + "3 1 1\"]\n", "c.toml");
  REQUIRE_FALSE(bad);
  CHECK(joined(bad.error()).find("is no TLSA record") != std::string::npos);
}

TEST_CASE("the service confines itself unless that is switched off") {
  CHECK(parse_config("", "c.toml")->agent.confine);
  CHECK_FALSE(parse_config("[agent]\nconfine = false\n", "c.toml")->agent.confine);
}

TEST_CASE("nothing is posted to addresses of reports without leave") {
  CHECK_FALSE(parse_config("", "c.toml")->tlsrpt.probe_https);
  CHECK(parse_config("[tlsrpt]\nprobe_https = true\n", "c.toml")->tlsrpt.probe_https);
}

TEST_CASE("the example's commented tables are valid too") {
  std::string text = slurp(kSource / "config/example.toml");
  for (auto at = text.find("\n# "); at != std::string::npos; at = text.find("\n# ", at + 1)) {
    const char next = text[at + 3];
    if (next == '[' || (next >= 'a' && next <= 'z')) text.erase(at + 1, 2);
  }
  const auto folder = fs::temp_directory_path() / "stswatch-example-test";  // with the list that it names
  fs::create_directories(folder);
  std::ofstream(folder / "customers.txt") << "customer.example\n";
  const auto config = parse_config(text, (folder / "example.toml").string());
  fs::remove_all(folder);
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : joined(config.error())));
  CHECK(config->lists.size() == 1);
  CHECK(config->domains.size() == 2);
  CHECK(config->planned.size() == 1);
  CHECK(config->silences.size() == 1);
  CHECK(config->alerts.emails.size() == 3);
  CHECK(config->alerts.slacks.size() == 2);
  CHECK(config->alerts.webhooks.size() == 2);
  CHECK(config->alerts.alertmanagers.size() == 1);
  CHECK(config->alerts.heartbeats.size() == 1);
}

TEST_CASE("a pipe or a device is no list: the one would be waited for, the other has no end") {
  const auto folder = fs::temp_directory_path() / ("stswatch-pipe-" + std::to_string(::getpid()));
  fs::create_directory(folder);
  const auto pipe = (folder / "pipe").string(), file = (folder / "c.toml").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  for (const auto& list : {pipe, std::string("/dev/zero")}) {
    std::ofstream(file) << "domains_files = [\"" << list << "\"]\n";
    const auto config = load_config(file);
    REQUIRE_FALSE(config.has_value());
    CHECK(config.error().front().what.find(list + ": is no file") != std::string::npos);
  }
  fs::remove_all(folder);
}

TEST_CASE("each bad file gets its expected error and no other") {
  fs::current_path(kSource / "tests/config/bad");
  int files = 0;
  for (const auto& entry : fs::directory_iterator(".")) {
    if (entry.path().extension() != ".toml") continue;
    ++files;
    const auto name = entry.path().filename().string();
    CAPTURE(name);
    const auto config = load_config(name);
    REQUIRE_FALSE(config.has_value());
    CHECK(joined(config.error()) == slurp(fs::path(name).replace_extension(".expect")));
  }
  CHECK(files >= 15);
}

namespace {

/// What is said of a configuration, or "".
std::string said_of(const std::string& text) {
  const auto config = parse_config(text, "c.toml");
  return config ? "" : joined(config.error());
}

std::string mail_table(const std::string& smarthost, const std::string& to) {
  return "[[alerts.email]]\nname = \"m\"\nsmarthost = \"" + smarthost +
         "\"\nfrom = \"a@example.net\"\nto = [\"" + to + "\"]\n";
}

}  // namespace

TEST_CASE("a smarthost, a mail address and a URL that nothing can be sent to are mistakes") {
  const struct {
    std::string smarthost, says;
  } hosts[] = {
      {"smtp.example.net", "has no port"},
      {"[2001:db8::25]", "has no port"},
      {"smtp://127.0.0.1:2525", "is a URL"},
      {":2525", "names no host"},
      {"127.0.0.1:0", "is no port (1 to 65535)"},
      {"smtp.example.net:99999", "is no port (1 to 65535)"},
      {"smtp.example.net:", "is no port (1 to 65535)"},
      {"a b:25", "is no host"},
      {"2001:db8::25:25", "write \"[2001:db8::25]:587\""},
      {"b\xC3\xBC"
       "cher.example:25",
       "write \"xn--bcher-kva.example:25\""},
      {"watch:hush@smtp.example.net:587", "holds a user"},
  };
  for (const auto& row : hosts) {
    CAPTURE(row.smarthost);
    const auto said = said_of(mail_table(row.smarthost, "b@example.net"));
    CHECK_MESSAGE(said.starts_with("c.toml:3:13: alerts.email.smarthost: "), said);
    CHECK_MESSAGE(said.find(row.says) != std::string::npos, said);
    CHECK(said.find("hush") == std::string::npos);
  }
  for (const auto* good : {"localhost:25", "127.0.0.1:25", "[2001:db8::25]:587", "smtp.example.net:65535"})
    CHECK(said_of(mail_table(good, "b@example.net")) == "");
  CHECK(said_of(mail_table("localhost:25", "b@@y.net")) ==
        "c.toml:5:7: alerts.email.to: \"b@@y.net\" is no mail address; write \"postmaster@example.com\"\n");
  CHECK(said_of(mail_table("localhost:25", "J\xC3\xB6rg@example.net")) ==
        "c.toml:5:7: alerts.email.to: \"J\xC3\xB6rg@example.net\" has to be ASCII before the \"@\"; name an "
        "address that is\n");
  for (const auto* kind : {"webhook", "alertmanager", "heartbeat"})
    for (const auto* url :
         {"", "http://", "https:///hook", "http://127.0.0.1:99999/", "http://127.0.0.1:9093/a b"}) {
      const auto said =
          said_of("[[alerts." + std::string(kind) + "]]\nname = \"r\"\nurl = \"" + url + "\"\n");
      CHECK_MESSAGE(said.starts_with("c.toml:3:7: alerts." + std::string(kind) + ".url: "), said);
    }
  CHECK(said_of("[[alerts.webhook]]\nname = \"w\"\nurl = \"https://example.net/{{ key }}\"\n") == "");
  CHECK(said_of("[agent]\nexternal_url = \"\"\n") == "");
  CHECK(said_of("[agent]\nexternal_url = \"https://\"\n").find("names no host") != std::string::npos);
}

TEST_CASE("relative paths begin at the folder of the configuration, wherever the program was started") {
  const auto config = parse_config(
      "[agent]\nstate = \"s.db\"\nweb_config = \"w.yml\"\n"
      "[network]\nca_file = \"ca.pem\"\nelder_ca_file = \"../old.pem\"\n"
      "[tlsrpt]\nmaildir = \"mail\"\nhttp = true\ntoken_file = \"token\"\n"
      "[[alerts.email]]\nname = \"m\"\nsmarthost = \"localhost:25\"\nusername = \"u\"\npassword_file = "
      "\"pw\"\n"
      "from = \"a@example.net\"\nto = [\"b@example.net\"]\n"
      "[[alerts.email]]\nname = \"o\"\nsmarthost = \"localhost:25\"\nusername = \"u\"\noauth_token_file = "
      "\"oauth\"\n"
      "from = \"a@example.net\"\nto = [\"b@example.net\"]\n"
      "[[alerts.slack]]\nname = \"s\"\napi_url_file = \"slack\"\n"
      "[[alerts.slack]]\nname = \"b\"\nbot_token_file = \"bot\"\nchannel = \"#c\"\n"
      "[[alerts.webhook]]\nname = \"w\"\nurl_file = \"url\"\nhmac_secret_file = \"/run/hmac\"\n"
      "secret_files = {t = \"t\"}\nheaders = {X-T = \"{{ secret.t }}\"}\n",
      "/srv/watch/c.toml");
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : joined(config.error())));
  CHECK(config->agent.state == "/srv/watch/s.db");
  CHECK(config->agent.web_config == "/srv/watch/w.yml");
  CHECK(config->network.ca_file == "/srv/watch/ca.pem");
  CHECK(config->network.elder_ca_file == "/srv/watch/../old.pem");
  CHECK(config->tlsrpt.maildir == "/srv/watch/mail");
  CHECK(config->tlsrpt.token_file == "/srv/watch/token");
  CHECK(config->alerts.emails.at(0).password_file == "/srv/watch/pw");
  CHECK(config->alerts.emails.at(0).oauth_token_file.empty());
  CHECK(config->alerts.emails.at(1).oauth_token_file == "/srv/watch/oauth");
  CHECK(config->alerts.slacks.at(0).api_url_file == "/srv/watch/slack");
  CHECK(config->alerts.slacks.at(1).bot_token_file == "/srv/watch/bot");
  CHECK(config->alerts.webhooks.at(0).url_file == "/srv/watch/url");
  CHECK(config->alerts.webhooks.at(0).hmac_secret_file == "/run/hmac");
  CHECK(config->alerts.webhooks.at(0).secret_files.at("t") == "/srv/watch/t");
  CHECK(parse_config("[tlsrpt]\nmaildir = \"mail\"\n", "c.toml")->tlsrpt.maildir ==
        (fs::current_path() / "mail").string());
  for (const auto* state : {":memory:", "postgresql://watch@db.example.net/mail", "/var/lib/x.db"})
    CHECK(parse_config("[agent]\nstate = \"" + std::string(state) + "\"\n", "/srv/c.toml")->agent.state ==
          state);
  CHECK(said_of("[agent]\nstate = \"\"\n").starts_with("c.toml:2:9: agent.state: expected a file, "));
}

TEST_CASE("what has no effect is a warning at its place, and globs that fit no domain are mistakes") {
  const auto path =
      (fs::temp_directory_path() / ("stswatch-idle-" + std::to_string(::getpid()) + ".toml")).string();
  std::ofstream(path) << "[expiry]\nwarn_days = 7\ncrit_days = 7\n"
                         "[badge]\npublic = true\n"
                         "[[domain]]\nname = \"a.example\"\nwarn_days = 20\ncrit_days = 10\n"
                         "[[domain]]\nname = \"b.example\"\ncrit_days = 10\n"
                         "[[domain]]\nname = \"c.example\"\n"
                         "[[alerts.email]]\nname = \"m\"\nsmarthost = \"localhost:25\"\nauth = \"plain\"\n"
                         "from = \"a@example.net\"\nto = [\"b@example.net\"]\n";
  const auto read = read_config(path);
  fs::remove(path);
  CHECK(joined(read.errors) == "");
  std::vector<std::string> told;
  for (const auto& w : read.warnings)
    told.push_back(std::to_string(w.line) + " " + w.key);
  CHECK(told == std::vector<std::string>{"2 expiry.warn_days", "5 badge.public", "12 domain.crit_days",
                                         "18 alerts.email.auth"});
  for (const auto* glob : {"", "a b", ".example.com", "a..b", "https://example.com", "b\xC3\xBC*.example"}) {
    CAPTURE(glob);
    const auto badge = said_of("[badge]\nallow = [\"" + std::string(glob) + "\"]\n");
    CHECK_MESSAGE(badge.starts_with("c.toml:2:10: badge.allow: "), badge);
    const auto receiver =
        said_of("[[alerts.webhook]]\nname = \"w\"\nurl = \"https://example.net/\"\ndomains = [\"" +
                std::string(glob) + "\"]\n");
    CHECK_MESSAGE(receiver.starts_with("c.toml:4:12: alerts.webhook.domains: "), receiver);
  }
  for (const auto* glob : {"*", "shown.*", "*.Example.com", "mail?.example.com", "*example*", "example.com.",
                           "*.b\xC3\xBC"
                           "cher.example"})
    CHECK(said_of("[badge]\nallow = [\"" + std::string(glob) + "\"]\n") == "");
}

TEST_CASE("all errors are told at once, in the order of the file") {
  const auto config = parse_config("[agent]\nworkers = 0\nlisten = 1\n[dns]\ntris = 2\n", "c.toml");
  REQUIRE_FALSE(config.has_value());
  REQUIRE(config.error().size() == 3);
  CHECK(config.error()[0].line == 2);
  CHECK(config.error()[1].line == 3);
  CHECK(config.error()[2].what == "unknown key; did you mean \"tries\"?");
}

TEST_CASE("syntax errors and duplicate keys name their place") {
  for (const auto* text : {"[agent\n", "[agent]\nworkers = 1\nworkers = 2\n", "a = \n"}) {
    const auto config = parse_config(text, "c.toml");
    REQUIRE_FALSE(config.has_value());
    CHECK(config.error()[0].line > 0);
    CHECK(config.error()[0].str().starts_with("c.toml:"));
  }
}

TEST_CASE("a file that cannot be read is named") {
  CHECK(load_config("/nonexistent/c.toml").error()[0].str() ==
        "/nonexistent/c.toml: cannot be read: No such file or directory");
  CHECK(load_config("/").error()[0].str() == "/: is a folder; name the file in it");
}

TEST_CASE("domains files: comments, blank lines, U-labels, and the line of a bad name") {
  const auto dir = fs::temp_directory_path() / "stswatch-domains-test";
  fs::create_directories(dir);
  std::ofstream(dir / "good.txt") << "# mine\nexample.com  # first\n\n  B\xC3\xBC"
                                  << "cher.example \r\n";
  const auto names = read_domains_file((dir / "good.txt").string());
  REQUIRE(names.has_value());
  REQUIRE(names->size() == 2);
  CHECK((*names)[1].str() == "xn--bcher-kva.example");

  std::ofstream(dir / "bad.txt") << "example.com\nhttp://example.com\n";
  const auto bad = read_domains_file((dir / "bad.txt").string());
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error()[0].line == 2);

  std::ofstream(dir / "c.toml") << "domains_files = [\"good.txt\"]\n[[domain]]\nname = \"example.com\"\n";
  const auto config = load_config((dir / "c.toml").string());
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error()[0].line == 2);
  CHECK(config.error()[0].what.find("named twice") != std::string::npos);
  fs::remove_all(dir);
}

TEST_CASE("a list that is missing hides nothing: each is told where it is named, beside all else") {
  const auto dir = fs::temp_directory_path() / "stswatch-lists-test";
  fs::create_directories(dir);
  std::ofstream(dir / "bad.txt") << "example.com\nhttp://example.com\n";
  const auto path = (dir / "c.toml").string();
  std::ofstream(path) << "domains_files = [\"gone.txt\", \"bad.txt\"]\n"
                         "[agent]\nworkers = 0\n"
                         "[[domains]]\nfile = \"\"\n"
                         "[[domains]]\nexpect = \"enforced\"\nfile = \"/gone/too.txt\"\n";
  const auto read = read_config(path);
  CHECK(read.is_toml);
  std::vector<std::string> told;
  for (const auto& e : read.errors)
    told.push_back(e.str().substr(dir.string().size() + 1,
                                  e.str().find(": ", dir.string().size()) - dir.string().size() - 1) +
                   ' ' + e.key);
  CHECK(told == std::vector<std::string>{"bad.txt:2:1 ", "c.toml:1:18 domains_files",
                                         "c.toml:3:11 agent.workers", "c.toml:5:8 domains.file",
                                         "c.toml:7:10 domains.expect", "c.toml:8:8 domains.file"});
  CHECK(read.errors.back().what ==
        "/gone/too.txt: cannot be read: No such file or directory; make the list, or name another file");
  CHECK(read.errors[1].what ==
        (dir / "gone.txt").string() +
            ": cannot be read: No such file or directory; make the list, or name another file");
  CHECK(read.config.lists.size() == 1);
  CHECK_FALSE(load_config(path).has_value());
  fs::remove_all(dir);
}

TEST_CASE("a command is run where the rest is wrong only when that is asked for") {
  const auto path = (fs::temp_directory_path() / "stswatch-command-test.toml").string();
  std::ofstream(path) << "domains_command = [\"/nonexistent/lister\"]\n[agent]\nworkers = 0\n";
  CHECK(read_config(path, ListCommand::run).errors.size() == 1);
  const auto both = read_config(path, ListCommand::run_anyway).errors;
  REQUIRE(both.size() == 2);
  CHECK(both[0].key == "domains_command");
  CHECK(both[0].line == 1);
  fs::remove(path);
}

TEST_CASE("of a file that is no TOML nothing was read, and what is said twice is said once") {
  const auto path = (fs::temp_directory_path() / "stswatch-syntax-test.toml").string();
  std::ofstream(path) << "[agent\n";
  CHECK_FALSE(read_config(path).is_toml);
  fs::remove(path);
  ConfigErrors errors{{"b", 1, 1, "k", "w"}, {"a", 2, 1, "k", "w"}, {"b", 1, 1, "k", "w"}};
  put_in_order(errors);
  CHECK(joined(errors) == "a:2:1: k: w\nb:1:1: k: w\n");
}

TEST_CASE("durations") {
  struct Row {
    const char* text;
    std::optional<Seconds> want;
  };
  for (const auto& [text, want] : {Row{"1s", Seconds{1}}, Row{"5m", Seconds{300}}, Row{"1h", Seconds{3600}},
                                   Row{"30d", Seconds{30 * 86400}}, Row{"0s", {}}, Row{"-5m", {}},
                                   Row{"5", {}}, Row{"m", {}}, Row{"", {}}, Row{"1.5h", {}}, Row{"5 m", {}},
                                   Row{"5M", {}}, Row{"99999999999999999999s", {}}, Row{"1w", {}}}) {
    CAPTURE(text);
    CHECK(parse_duration(text) == want);
  }
}

TEST_CASE("globs of names are in the form that names have") {
  const auto config = parse_config(
      "[agent]\nhosts = [\"münchen.de:8443\", \"[2001:DB8::1]:80\"]\n[badge]\nallow = [\"*.MÜNCHEN.de.\"]\n"
      "[[silence]]\ndomain = \"S19.test.\"\nsubject = \"MX1.*\"\n"
      "[[alerts.webhook]]\nname = \"w\"\nurl = \"https://a.example/\"\ndomains = [\"bücher.example\"]\n",
      "c.toml");
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : joined(config.error())));
  CHECK(config->agent.hosts.at(0) == "xn--mnchen-3ya.de:8443");  // as browsers send it
  CHECK(config->agent.hosts.at(1) == "[2001:db8::1]:80");
  CHECK(config->badge.allow == std::vector<std::string>{"*.xn--mnchen-3ya.de"});
  CHECK(config->silences.at(0).domain == "s19.test");
  CHECK(config->silences.at(0).subject == "MX1.*");
  CHECK(config->alerts.webhooks.at(0).wanted.domains == std::vector<std::string>{"xn--bcher-kva.example"});
}

TEST_CASE("listen addresses") {
  CHECK(parse_listen("127.0.0.1:9461")->port == 9461);
  CHECK(parse_listen(":9461")->host == "0.0.0.0");
  CHECK(parse_listen("[::1]:9461")->host == "::1");
  for (const auto* bad : {"9461", "::1:9461", "host:1", "127.0.0.1:", "127.0.0.1:70000", "[127.0.0.1]:1", ""})
    CHECK_FALSE(parse_listen(bad).has_value());
}
