// [alerts]: who is told, and how each of them is reached.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "alerts/template/template.h"
#include "checks/facts/address.h"
#include "checks/facts/configured.h"
#include "checks/facts/domain.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "config/reader.h"

namespace stswatch::sections {
namespace {

/// What a receiver is told of.
void read_wanted(TableReader& r, Wanted& into) {
  r.read_each("routes", [&](const std::string& text) -> std::string {
    constexpr std::pair<std::string_view, Route> kRoutes[] = {
        {"page", Route::page}, {"ticket", Route::ticket}, {"log", Route::log}};
    for (const auto& [word, route] : kRoutes) {
      if (word != text) continue;
      into.routes.push_back(route);
      return {};
    }
    return "\"" + printable(text, 60) + "\" is no route; write \"page\", \"ticket\" or \"log\"";
  });
  r.read_each("domains",
              [&](const std::string& text) { return read_name_glob(text, into.domains.emplace_back()); });
  r.read("own", into.own);
  if (r.has("routes") && into.routes.empty())
    r.complain("routes", "none: the receiver would be told nothing");
  if (r.has("domains") && into.domains.empty())
    r.complain("domains", "none: the receiver would be told nothing");
}

void read_severity(TableReader& r, Severity& into) {
  r.read_word(
      "min_severity", into,
      std::vector<std::pair<std::string_view, Severity>>{
          {"info", Severity::info}, {"warning", Severity::warning}, {"critical", Severity::critical}});
}

using Names = std::set<std::string>;

/// One name, one receiver: what a receiver is owed is kept under its name.
void read_name(TableReader& r, Names& names, std::string& into) {
  r.require("name");
  r.read_checked("name", [&](const std::string& text) -> std::string {
    into = text;
    if (text.empty()) return "a receiver needs a name";
    return names.insert(text).second ? ""
                                     : "\"" + printable(text, 60) + "\" is another receiver's name already";
  });
}

std::string complain_of_mailbox(const std::string& text) {
  const auto box = parse_mailbox(text);
  return box ? std::string() : text::quoted_as_typed(text, 80) + ' ' + box.error();
}

/// "smtp.example.com:587", "192.0.2.25:25" or "[2001:db8::25]:25".
std::string complain_of_smarthost(const std::string& text) {
  constexpr auto kRight = "write \"smtp.example.com:587\"";
  // What is before it may be a password.
  if (text.find('@') != text.npos) return std::string("holds a user, who goes into \"username\"; ") + kRight;
  const auto shown = text::quoted_as_typed(text);
  if (text.find("://") != text.npos) return shown + " is a URL; leave out what is before the host: " + kRight;
  const auto colon = text.rfind(':');
  if (colon == text.npos || text.ends_with(']')) return shown + " has no port; " + kRight;
  const std::string_view host = std::string_view(text).substr(0, colon);
  const auto port = text.substr(colon + 1);
  const bool digits = !port.empty() && port.size() <= 5 && std::ranges::all_of(port, text::is_digit);
  if (!digits || std::stoi(port) < 1 || std::stoi(port) > 65535)
    return shown + " has what is no port (1 to 65535); " + kRight;
  if (host.empty()) return shown + " names no host; " + kRight;
  if (host.find(':') != host.npos) {
    const auto address = Address::parse(host.substr(1, host.size() - 2));
    const bool right = host.starts_with('[') && host.ends_with(']') && address && address->is_v6();
    return right ? std::string() : shown + " has no IPv6 address in brackets; write \"[2001:db8::25]:587\"";
  }
  const auto name = to_a_labels(host);
  if (!name) return shown + " names what is no host; " + kRight;
  if (!std::ranges::all_of(host, text::is_ascii))
    return shown + " has to be ASCII; write \"" + *name + ':' + port + '"';
  return {};
}

/// "mon 08:00", of UTC.
std::optional<WeeklyAt> parse_weekly(const std::string& text) {
  constexpr std::string_view kDays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  if (text.size() != 9 || text[3] != ' ' || text[6] != ':') return std::nullopt;
  for (const auto at : {4U, 5U, 7U, 8U})
    if (!text::is_digit(text[at])) return std::nullopt;
  const auto number = [&](std::size_t at) { return (text[at] - '0') * 10 + text[at + 1] - '0'; };
  const auto day = std::ranges::find(kDays, text::lower(text.substr(0, 3)));
  if (day == std::end(kDays) || number(4) > 23 || number(7) > 59) return std::nullopt;
  return WeeklyAt{std::chrono::weekday(static_cast<unsigned>(day - kDays)),
                  Seconds{number(4) * 3600 + number(7) * 60}};
}

void digest(TableReader& r, EmailReceiver& into) {
  enum class Every { never, week } every = Every::never;
  r.read_word(
      "digest", every,
      std::vector<std::pair<std::string_view, Every>>{{"off", Every::never}, {"weekly", Every::week}});
  if (every == Every::week) into.digest.emplace();
  r.read_checked("digest_at", [&](const std::string& text) -> std::string {
    const auto at = parse_weekly(text);
    if (!at)
      return "\"" + printable(text, 40) +
             "\" is no day and time; write \"mon 08:00\" (sun, mon, tue, wed, thu, fri, sat; UTC)";
    if (!into.digest) return "has no effect without digest = \"weekly\"";
    into.digest = *at;
    return {};
  });
}

/// How the smarthost knows us.
void credentials(TableReader& r, EmailReceiver& into, bool shared) {
  r.read_word("tls", into.tls,
              std::vector<std::pair<std::string_view, SmtpTls>>{
                  {"starttls", SmtpTls::starttls}, {"implicit", SmtpTls::implicit}, {"none", SmtpTls::none}});
  r.read("username", into.username);
  read_secret_file(r, "password_file", into.password_file, shared);
  read_secret_file(r, "oauth_token_file", into.oauth_token_file, shared);
  r.read_word("auth", into.auth,
              std::vector<std::pair<std::string_view, SmtpAuth>>{{"auto", SmtpAuth::automatic},
                                                                 {"plain", SmtpAuth::plain},
                                                                 {"login", SmtpAuth::login},
                                                                 {"xoauth2", SmtpAuth::xoauth2},
                                                                 {"oauthbearer", SmtpAuth::oauthbearer}});
  const bool token = !into.oauth_token_file.empty(), password = !into.password_file.empty();
  const bool wants_token = into.auth == SmtpAuth::xoauth2 || into.auth == SmtpAuth::oauthbearer;
  if (token && password) r.complain("oauth_token_file", "\"password_file\" is there too: one of them");
  if (wants_token && !token) r.complain("auth", "needs \"oauth_token_file\"");
  if (token && (into.auth == SmtpAuth::plain || into.auth == SmtpAuth::login))
    r.complain("auth", "takes a password; with \"oauth_token_file\" write \"xoauth2\" or \"oauthbearer\"");
  if (into.username.empty() && !token && !wants_token && into.auth != SmtpAuth::automatic)
    r.warn("auth", "has no effect without \"username\" and \"password_file\": nobody logs in");
  if (into.username.empty() && token)
    r.complain("oauth_token_file", "\"username\" is due: whose token it is");
  if (!token && into.username.empty() != into.password_file.empty())
    r.complain(into.username.empty() ? "password_file" : "username",
               "\"username\" and \"password_file\" go together");
  if (!into.username.empty() && into.tls == SmtpTls::none)
    r.complain("tls", std::string("\"none\" would send the ") + (token ? "token" : "password") +
                          " in the clear; write \"starttls\" or \"implicit\"");
}

void email(TableReader& r, Names& names, AlertOptions& into, bool shared) {
  EmailReceiver e;
  read_name(r, names, e.name);
  for (const auto* key : {"from", "to"})
    r.require(key);
  r.read_checked("smarthost", [&](const std::string& text) -> std::string {
    e.smarthost = text;
    return complain_of_smarthost(text);
  });
  r.read_checked("sendmail", [&](const std::string& text) -> std::string {
    e.sendmail = text;
    return text.starts_with('/') ? "" : "\"" + printable(text, 80) + "\" is no absolute path";
  });
  credentials(r, e, shared);
  if (e.sendmail.empty()) {
    r.require("smarthost");
  } else {
    for (const auto* key : {"smarthost", "tls", "username", "password_file", "oauth_token_file", "auth"})
      if (r.has(key)) r.complain(key, "has no effect with \"sendmail\": one of the two ways");
  }
  r.read_checked("from", [&](const std::string& text) {
    e.from = text;
    return complain_of_mailbox(text);
  });
  r.read_each("to", [&](const std::string& text) {
    e.to.push_back(text);
    return complain_of_mailbox(text);
  });
  read_severity(r, e.min_severity);
  read_wanted(r, e.wanted);
  digest(r, e);
  if (r.has("to") && e.to.empty()) r.complain("to", "nobody: name at least one mail address");
  into.emails.push_back(std::move(e));
}

void slack(TableReader& r, SlackReceiver& into, bool shared) {
  read_secret_file(r, "api_url_file", into.api_url_file, shared);
  read_secret_file(r, "bot_token_file", into.bot_token_file, shared);
  r.read("channel", into.channel);
  read_url(r, "api_url", into.api_url);
  if (into.bot_token_file.empty()) {
    r.require("api_url_file");
    if (r.has("api_url")) r.complain("api_url", "has no effect without \"bot_token_file\"");
  } else {
    if (!into.api_url_file.empty())
      r.complain("api_url_file", "\"bot_token_file\" is there too: one of them");
    if (into.channel.empty()) r.complain("channel", "a bot has none of its own: name one");
  }
}

}  // namespace

void alerts(TableReader& r, AlertOptions& into, bool shared) {
  r.read("send_resolved", into.send_resolved);
  r.read("group_wait", into.group_wait);
  r.read("repeat_page", into.repeat_page);
  r.read("repeat_ticket", into.repeat_ticket);
  Names heartbeats, names;
  r.each_table("heartbeat", [&](TableReader& t) {
    Heartbeat h;
    read_name(t, heartbeats, h.name);
    t.require("url");
    read_url(t, "url", h.url);
    t.read("interval", h.interval);
    into.heartbeats.push_back(std::move(h));
  });
  r.each_table("email", [&](TableReader& t) { email(t, names, into, shared); });
  r.each_table("slack", [&](TableReader& t) {
    SlackReceiver s;
    read_name(t, names, s.name);
    slack(t, s, shared);
    read_severity(t, s.min_severity);
    read_wanted(t, s.wanted);
    into.slacks.push_back(std::move(s));
  });
  r.each_table("webhook", [&](TableReader& t) {
    WebhookReceiver w;
    read_name(t, names, w.name);
    read_severity(t, w.min_severity);
    read_wanted(t, w.wanted);
    webhook(t, w, shared);
    into.webhooks.push_back(std::move(w));
  });
  r.each_table("alertmanager", [&](TableReader& t) {
    AlertmanagerReceiver a;
    read_name(t, names, a.name);
    t.require("url");
    read_url(t, "url", a.url);
    if (const auto path = a.url.find("/api/v"); path != a.url.npos)
      t.warn("url", "names the API itself, which is appended to it; end it before \"/api\"");
    read_wanted(t, a.wanted);
    into.alertmanagers.push_back(std::move(a));
  });
}

// [[alerts.webhook]]

namespace {

constexpr std::size_t kMostHeaders = 20, kMostSecrets = 20;

/// RFC 9110 §5.6.2.
bool is_token(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::ranges::all_of(name, [](char c) {
    return text::is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string complain_of_header(const std::string& name, const std::string& value) {
  if (!is_token(name)) return "\"" + printable(name, 60) + "\" is no name of a header";
  for (const auto* ours : {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect"})
    if (text::iequals(name, ours)) return name + " is set by the agent itself";
  if (text::iequals(name, "Content-Type")) return "Content-Type is set by content_type";
  if (text::istarts_with(name, "X-Stswatch-")) return "X-Stswatch-* are set by the agent itself";
  if (std::ranges::any_of(value, text::is_foreign)) return name + " holds what no header may";
  return {};
}

std::string complain_of_secret_name(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](char c) { return text::is_alnum(c) || c == '_'; });
  return plain && !name.empty() ? ""
                                : "\"" + printable(name, 60) + "\" is no name: letters, digits and \"_\"";
}

void read_body_file(TableReader& r, std::optional<std::string>& into, std::string& name) {
  r.read_checked("body_file", [&](const std::string& written) -> std::string {
    name = std::filesystem::path(written).filename().string();
    const auto whole = beside(r.file(), written);
    std::ifstream in(whole, std::ios::binary);
    std::string text(template_bounds::kText + 1, '\0');
    if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad() || (!in && in.gcount() == 0)) return whole + " cannot be read, or is empty";
    text.resize(static_cast<std::size_t>(in.gcount()));
    into = std::move(text);
    return {};
  });
}

/// "line 3: unknown path "titel"; did you mean "title"?"
std::string in_words(const TemplateComplaint& complaint, const std::string& file) {
  const auto& [key, e] = complaint;
  std::string out;
  if (key.find('.') != key.npos) out = key.substr(key.find('.') + 1) + ": ";
  if (key == "body") out = (file.empty() ? "line " : file + ":") + std::to_string(e.line) + ": ";
  out += e.what;
  if (e.known.empty()) return out;
  std::vector<std::string_view> known(e.known.begin(), e.known.end());
  if (const auto near = nearest(e.word, known); !near.empty())
    return out + "; did you mean \"" + near + "\"?";
  return out + "; there are " + text::joined(e.known);
}

/// Its tags may hold what no URL may; where they stand is checked with the template.
std::string without_tags(std::string text) {
  for (auto tag = text.find("{{"); tag != text.npos; tag = text.find("{{", tag)) {
    const auto end = text.find("}}", tag);
    if (end == text.npos) break;
    text.replace(tag, end + 2 - tag, "x");
  }
  return text;
}

void read_texts(TableReader& r, WebhookReceiver& into, bool shared) {
  r.read("headers", into.headers);
  for (const auto& [name, value] : into.headers)
    if (const auto why = complain_of_header(name, value); !why.empty()) r.complain("headers", why);
  if (into.headers.size() > kMostHeaders) r.complain("headers", "are over " + std::to_string(kMostHeaders));
  r.read("secret_files", into.secret_files);
  for (auto& [name, path] : into.secret_files) {
    path = beside(r.file(), path);
    auto why = complain_of_secret_name(name);
    if (why.empty()) why = path.empty() ? name + " names no file" : complain_of_secret_file(path, shared);
    if (!why.empty()) r.complain("secret_files", why);
  }
  if (into.secret_files.size() > kMostSecrets)
    r.complain("secret_files", "are over " + std::to_string(kMostSecrets));
}

}  // namespace

void webhook(TableReader& r, WebhookReceiver& into, bool shared) {
  r.read_checked("url", [&](const std::string& text) {
    into.url = text;
    return complain_of_url(without_tags(text));
  });
  read_secret_file(r, "url_file", into.url_file, shared);
  if (into.url_file.empty()) r.require("url");
  if (!into.url_file.empty() && !into.url.empty())
    r.complain("url_file", "\"url\" is there too: one of them");
  read_secret_file(r, "hmac_secret_file", into.hmac_secret_file, shared);
  r.read_word("method", into.method,
              std::vector<std::pair<std::string_view, WebhookMethod>>{{"POST", WebhookMethod::post},
                                                                      {"PUT", WebhookMethod::put}});
  r.read_checked("content_type", [&](const std::string& text) -> std::string {
    into.content_type = text;
    const bool plain = text.find('/') != text.npos && std::ranges::none_of(text, text::is_foreign);
    return plain ? "" : "\"" + printable(text, 60) + "\" is no media type; write \"application/json\"";
  });
  std::string file;
  if (r.has("body")) into.body.emplace();
  if (r.has("body")) r.read("body", *into.body);
  if (r.has("body") && r.has("body_file")) {
    r.complain("body_file", "\"body\" is there too: one of them");
    r.read("body_file",
           file);  // it is a known key, and what is said of the body is said of the one that is here
    file.clear();
  } else {
    read_body_file(r, into.body, file);
  }
  if (r.has("content_type") && !into.body)
    r.complain("content_type", "has no effect without \"body\" or \"body_file\"");
  read_texts(r, into, shared);
  const auto request = RequestTemplate::parse(into);
  if (request || (r.has("body_file") && !into.body)) return;
  for (const auto& complaint : request.error()) {
    const auto key = complaint.key == "body" && !file.empty()
                         ? "body_file"
                         : complaint.key.substr(0, complaint.key.find('.'));
    r.complain(key, in_words(complaint, file));
  }
}

}  // namespace stswatch::sections
