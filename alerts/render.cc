#include "alerts/compose.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "alerts/sink.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr std::size_t kSubject = 200;       // many clients show far less
constexpr std::size_t kDomainsInText = 50;  // the page and the webhook have them all
constexpr std::size_t kCodes = 8;
constexpr std::size_t kLabel = 9, kWidth = 100;

std::string upper(std::string_view s) {
  std::string out(s);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

std::string_view after_title(NoticeKind kind) {
  switch (kind) {
    case NoticeKind::worse:
      return " (worse than before)";
    case NoticeKind::better:
      return " (better than before)";
    default:
      return "";
  }
}

std::string domain_list(const Notice& notice) {
  std::string out;
  const auto shown = std::min(notice.domains.size(), kDomainsInText);
  for (std::size_t i = 0; i < shown; ++i)
    text::add(out, ", ", notice.domains[i]);
  if (notice.domain_count > shown) out += " and " + std::to_string(notice.domain_count - shown) + " more";
  return out;
}

/// "certificate-expired / enforce-breakage-now, critical, RFC 8461 §4.2"
std::string code_line(const Notice& notice) {
  std::vector<std::string_view> codes;
  for (const auto& f : notice.findings)
    if (std::ranges::find(codes, f.code) == codes.end()) codes.push_back(f.code);
  std::string out;
  for (std::size_t i = 0; i < codes.size() && i < kCodes; ++i)
    text::add(out, " / ", codes[i]);
  if (codes.size() > kCodes) out += " and " + std::to_string(codes.size() - kCodes) + " more";
  out += ", " + std::string(to_string(notice.severity));
  if (!notice.reference.empty()) out += ", " + notice.reference;
  return out;
}

/// Breaks at spaces; a word is never broken, so that commands and names can be copied.
void wrap_into(std::string& out, std::string_view line, std::size_t indent) {
  std::size_t column = indent;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    if (column > indent && column + 1 + end > kWidth) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += line.substr(0, end);
    column += end;
    line.remove_prefix(std::min(end + 1, line.size()));
  }
}

template <class Function>
void each_line(std::string_view text, Function use) {
  while (true) {
    const auto end = text.find('\n');
    use(text.substr(0, end));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

std::size_t utf8_length(std::string_view s) {
  for (std::size_t n = 1; n <= std::min<std::size_t>(4, s.size()); ++n)
    if (text::is_utf8(s.substr(0, n))) return n;
  return 0;
}

std::string replaced(std::string_view s, std::initializer_list<std::pair<char, std::string_view>> table) {
  std::string out;
  for (const char c : s) {
    const auto found = std::ranges::find_if(table, [&](const auto& row) { return row.first == c; });
    if (found == table.end())
      out += c;
    else
      out += found->second;
  }
  return out;
}

}  // namespace

std::string clean(std::string_view s) {
  std::string out;
  while (!s.empty()) {
    const auto n = utf8_length(s);
    const bool control = n == 1 && ((s[0] >= 0 && s[0] < ' ' && s[0] != '\n') || s[0] == '\x7f');
    const bool c1 = n == 2 && s[0] == '\xc2' && static_cast<unsigned char>(s[1]) < 0xa0;
    // Separators that some readers take for a line end, and marks that turn the direction of writing.
    const bool turns = n == 3 && (s.starts_with("\xe2\x80\xa8") || s.starts_with("\xe2\x80\xa9") ||
                                  (s.starts_with("\xe2\x80") && s[2] >= '\xaa' && s[2] <= '\xae') ||
                                  (s.starts_with("\xe2\x81") && s[2] >= '\xa6' && s[2] <= '\xa9'));
    if (n == 0 || control || c1 || turns)
      out += '?';
    else
      out += s.substr(0, n);
    s.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return out;
}

std::string cut(std::string text, std::size_t max) {
  constexpr std::string_view kDots = "…";
  if (text.size() <= max) return text;
  std::size_t end = max - kDots.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return text.substr(0, end) + std::string(kDots);
}

std::string subject_line(const Notice& notice) {
  const auto tag = notice.firing() ? upper(to_string(notice.route)) : "RESOLVED";
  std::string line = clean("[" + tag + "] " + notice.title);
  std::ranges::replace(line, '\n', ' ');
  return cut(line, kSubject) + std::string(after_title(notice.kind));
}

Fields fields_of(const Notice& notice) {
  Fields out;
  const auto add = [&](const char* label, const std::string& text) {
    if (!text.empty()) out.emplace_back(label, clean(text));
  };
  add("Effect", notice.effect);
  add("Seen", notice.seen);
  add("Changed", notice.changed);
  add("Since", to_utc(notice.since));
  add("Until", notice.outlook.empty() && notice.until ? to_utc(*notice.until) : notice.outlook);
  add("Fix", notice.fix);
  add("Verify", notice.verify);
  add("Code", code_line(notice));
  if (notice.domain_count > 1)
    add("Domains", std::to_string(notice.domain_count) + ": " + domain_list(notice));
  std::string labels;
  for (const auto& [name, value] : notice.labels)
    text::add(labels, ", ", name + '=' + value);
  add("Labels", labels);
  add("Page", notice.url);
  return out;
}

std::string to_plain_text(const Notice& notice) {
  std::string out;
  for (const auto& [label, text] : fields_of(notice)) {
    std::string head = label + ":";
    head.resize(kLabel, ' ');
    each_line(text, [&](std::string_view line) {
      out += head;
      if (label == "Verify")
        out += line;  // to be copied in one go
      else
        wrap_into(out, line, kLabel);
      out += '\n';
      head.assign(kLabel, ' ');
    });
  }
  return out;
}

std::string escape_html(std::string_view s) {
  return replaced(s, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}});
}

std::string escape_slack(std::string_view s) {
  // Mentions and links need < and >; a backtick could end the command's block. The rest only changes the
  // looks.
  return replaced(s, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'`', "'"}});
}

std::string to_html(const Notice& notice) {
  const auto colour = !notice.firing()                    ? "#1a7f37"
                      : notice.route == Route::page       ? "#b42318"
                      : notice.severity == Severity::info ? "#57606a"
                                                          : "#8a5a00";
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
      escape_html(subject_line(notice)) +
      "</title></head>\n<body style=\"font:15px/1.45 system-ui,sans-serif;margin:16px;max-width:46em\">\n"
      "<h1 style=\"font-size:18px;margin:0 0 12px;color:" +
      std::string(colour) + "\">" + escape_html(subject_line(notice)) +
      "</h1>\n<table role=\"presentation\">\n";
  for (const auto& [label, text] : fields_of(notice)) {
    out += "<tr><th scope=\"row\" align=\"left\" valign=\"top\" style=\"padding:2px 12px 2px 0\">" + label +
           "</th><td style=\"padding:2px 0;overflow-wrap:anywhere\">";
    bool first = true;
    each_line(text, [&](std::string_view line) {
      out += first ? "" : "<br>\n";
      first = false;
      const auto escaped = escape_html(line);
      const bool link = label == "Page" && (text.starts_with("https://") || text.starts_with("http://"));
      if (label == "Verify")
        out += "<code>" + escaped + "</code>";
      else
        out += link ? "<a href=\"" + escaped + "\">" + escaped + "</a>" : escaped;
    });
    out += "</td></tr>\n";
  }
  return out + "</table>\n</body></html>\n";
}

// The JSON renderings of a notice.

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string_view status_word(const Notice& notice) { return notice.firing() ? "firing" : "resolved"; }

/// Slack: a section's text holds at most 3,000 characters, a header 150.
constexpr std::size_t kSlackText = 2900, kSlackHeader = 150;

Json slack_section(const std::string& label, const std::string& text) {
  const auto escaped = cut(escape_slack(text), kSlackText);
  const auto body = label == "Verify" ? "```" + escaped + "```" : escaped;
  return {{"type", "section"},
          {"text", {{"type", "mrkdwn"}, {"text", "*" + label + "*\n" + body}, {"verbatim", true}}}};
}

/// [a-zA-Z_][a-zA-Z0-9_]*
std::string label_name(std::string_view name) {
  std::string out;
  for (const char c : name)
    out += text::is_alnum(c) ? c : '_';
  return out.empty() || text::is_digit(out.front()) ? "_" + out : out;
}

/// Nothing that can change while the problem lasts is a label (CONTRACT 5): code, subject and numbers are
/// annotations.
Json alert_labels(const Notice& notice, const AlertIdentity::Level& level) {
  Json labels = Json::object();
  for (const auto& [name, value] : notice.alert.labels)
    if (!value.empty()) labels[label_name(name)] = clean(value);
  labels["alertname"] = "StswatchProblem";
  labels["problem"] = clean(notice.thread());
  labels["severity"] = to_string(level.severity);
  labels["route"] = to_string(level.route);
  return labels;
}

Json alert(const Notice& notice, const AlertIdentity::Level& level, TimePoint ends_at) {
  Json annotations = {{"summary", cut(clean(notice.title), 500)}, {"description", to_plain_text(notice)},
                      {"effect", clean(notice.effect)},           {"fix", clean(notice.fix)},
                      {"verify", clean(notice.verify)},           {"reference", clean(notice.reference)},
                      {"code", clean(notice.lead_code())}};
  if (!notice.findings.empty()) annotations["subject"] = clean(notice.findings.front().subject);
  if (!notice.runbook_url.empty()) annotations["runbook_url"] = clean(notice.runbook_url);
  Json out = {{"labels", alert_labels(notice, level)},
              {"annotations", std::move(annotations)},
              {"startsAt", to_utc(notice.since)},
              {"endsAt", to_utc(notice.firing() ? ends_at : notice.at)}};
  if (!notice.url.empty()) out["generatorURL"] = clean(notice.url);
  return out;
}

Json webhook_json(const Notice& notice) {
  Json domains = Json::array(), labels = Json::object(), findings = Json::array();
  for (const auto& domain : notice.domains)
    domains.push_back(clean(domain));
  for (const auto& [name, value] : notice.labels)
    labels[clean(name)] = clean(value);
  for (const auto& f : notice.findings)
    findings.push_back({{"domain", clean(f.domain)},
                        {"code", clean(f.code)},
                        {"subject", clean(f.subject)},
                        {"severity", to_string(f.severity)}});
  Json json = {{"version", 1},
               {"key", notice.key},
               {"kind", to_string(notice.kind)},
               {"status", status_word(notice)},
               {"route", to_string(notice.route)},
               {"severity", to_string(notice.severity)},
               {"title", clean(notice.title)},
               {"effect", clean(notice.effect)},
               {"seen", clean(notice.seen)},
               {"changed", clean(notice.changed)},
               {"since", to_utc(notice.since)},
               {"until", notice.until ? Json(to_utc(*notice.until)) : Json(nullptr)},
               {"fix", clean(notice.fix)},
               {"verify", clean(notice.verify)},
               {"reference", clean(notice.reference)},
               {"url", clean(notice.url)},
               {"domains", std::move(domains)},
               {"findings", std::move(findings)}};
  if (!labels.empty()) json["labels"] = std::move(labels);
  const auto vantages = [&](const char* name, const std::vector<std::string>& of) {
    for (const auto& vantage : of)
      json[name].push_back(clean(vantage));
  };
  vantages("seen_from", notice.seen_from);
  vantages("not_seen_from", notice.not_seen_from);
  if (notice.domain_count > notice.domains.size()) json["domain_count"] = notice.domain_count;
  return json;
}

}  // namespace

std::string to_webhook_json(const Notice& notice) { return dump(webhook_json(notice)); }

nlohmann::json template_values(const Notice& notice) {
  nlohmann::json out = webhook_json(notice);
  std::set<std::string> told;
  out["codes"] = nlohmann::json::array();
  for (const auto& f : notice.findings)
    if (told.insert(f.code).second) out["codes"].push_back(clean(f.code));
  for (const auto* list : {"seen_from", "not_seen_from"})
    if (!out.contains(list)) out[list] = nlohmann::json::array();
  out["domain_count"] = notice.domain_count;
  out["thread"] = notice.thread();
  out["domain"] = notice.domains.empty() ? "" : clean(notice.domains.front());
  out["subject"] = subject_line(notice);
  out["text"] = to_plain_text(notice);
  return out;
}

std::string to_slack_json(const Notice& notice, const std::string& channel) {
  Json blocks = Json::array();
  blocks.push_back(
      {{"type", "header"},
       {"text",
        {{"type", "plain_text"}, {"text", cut(subject_line(notice), kSlackHeader)}, {"emoji", false}}}});
  for (const auto& [label, text] : fields_of(notice))
    blocks.push_back(slack_section(label, text));
  Json json = {{"text", escape_slack(subject_line(notice))},
               {"blocks", std::move(blocks)},
               {"unfurl_links", false},
               {"unfurl_media", false}};
  if (!channel.empty()) json["channel"] = channel;
  return dump(json);
}

std::string to_alertmanager_json(const std::vector<Notice>& notices, TimePoint ends_at) {
  Json alerts = Json::array();
  for (const auto& notice : notices)
    for (const auto& level : levels_of(notice))
      alerts.push_back(alert(notice, level, ends_at));
  return dump(alerts);
}

// What would be sent, in words: of "alerts test --dry-run".

namespace {

constexpr std::string_view kMasked = "***";

/// Some are not read from a file of their own.
std::string masked_header(const std::string& line) {
  const auto colon = line.find(':');
  const auto name = line.substr(0, colon);
  if (colon == line.npos || !(text::iequals(name, "Authorization") || text::iequals(name, "Cookie")))
    return line;
  const auto scheme = line.find(' ', line.find_first_not_of(' ', colon + 1));
  return (scheme == line.npos ? name + ": " : line.substr(0, scheme + 1)) + std::string(kMasked);
}

}  // namespace

tl::expected<std::string, std::string> SinkOptions::secret(const std::string& file) const {
  auto read = read_secret(file);
  if (read && show) *read = kMasked;
  return read;
}

tl::expected<std::string, std::string> SinkOptions::secret_url(const std::string& file) const {
  auto read = read_secret_url(file);
  if (read && show) *read = kMasked;
  return read;
}

std::string as_shown(const HttpRequest& what) {
  Secrets secrets = what.secrets;
  secrets.add_url(what.url);
  std::string out = (what.put ? "PUT " : what.body ? "POST " : "GET ") + secrets.hide(what.url) + "\n";
  for (const auto& header : what.headers)
    out += masked_header(header) + "\n";
  out += "User-Agent: " + what.user_agent + "\n";
  if (what.body) out += "\n" + *what.body + (what.body->ends_with('\n') ? "" : "\n");
  return out;
}

std::string as_shown(const MailRequest& what) {
  const std::string tls = what.tls == SmtpTls::none       ? "without TLS"
                          : what.tls == SmtpTls::implicit ? "implicit TLS"
                                                          : "STARTTLS";
  return "by " + what.smarthost + ", " + tls +
         (what.username.empty() ? "" : ", as " + what.username + " with " + std::string(kMasked)) +
         ", from " + what.from + " to " + text::joined(what.to) + "\n" + with_unix_lines(what.message);
}

std::string as_shown(const SendmailRequest& what) {
  return "by " + what.program + ", from " + what.from + " to " + text::joined(what.to) + "\n" +
         with_unix_lines(what.message);
}

}  // namespace stswatch
