#include "alerts/compose.h"

#include <algorithm>

#include "checks/facts/join.h"
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

}  // namespace stswatch
