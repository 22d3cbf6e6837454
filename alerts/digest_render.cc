// A digest for people: plain text, and HTML with the same words. What came from the network is clean already,
// and is escaped here.
#include <algorithm>
#include <array>

#include "alerts/compose.h"
#include "alerts/digest.h"

namespace stswatch {
namespace {

struct Section {
  const DigestPart* part;
  const char *title, *nothing, *colour;
  bool to_come;  // its times lie ahead
};

std::array<Section, 6> sections_of(const Digest& d) {
  return {{{&d.unseen, "Not seen: nothing can be said of these", "", "#57606a", false},
           {&d.open, "Open now", "Nothing that was seen is open.", "#b42318", false},
           {&d.comes, "Coming within 30 days", "Nothing is foreseen of what was seen.", "#8a5a00", true},
           {&d.changed, "Changed since the last digest", "Nothing that was seen changed.", "#0b5cad", false},
           {&d.over, "Over since the last digest", "", "#1a7f37", false},
           {&d.silenced, "Silenced", "", "#57606a", true}}};
}

std::string count(std::size_t n, const std::string& one, const std::string& many) {
  return std::to_string(n) + ' ' + (n == 1 ? one : many);
}

std::size_t size_of(const DigestPart& part) { return part.lines.size() + part.more; }

/// "1 domain was not seen lately, of which nothing can be said. 11 of 12 domains were seen lately and found
/// well."
std::string summary(const Digest& d) {
  const auto unseen = size_of(d.unseen);
  std::string out;
  if (unseen > 0)
    out = count(unseen, "domain was", "domains were") + " not seen lately, of which nothing can be said. ";
  return out + std::to_string(d.good) + " of " + count(d.watched, "domain", "domains") +
         (d.good == 1 ? " was" : " were") + " seen lately and found well.";
}

std::string when(const DigestLine& line, const Section& section, TimePoint now) {
  if (!line.at) return section.part->lines.empty() || !section.to_come ? "" : "no end";
  if (section.to_come) return to_date(*line.at) + ", in " + to_words(*line.at - now);
  return to_date(*line.at);
}

bool shown(const Section& section) { return !section.part->lines.empty() || *section.nothing != '\0'; }

}  // namespace

std::string digest_subject(const Digest& d) {
  std::string out = "[DIGEST] ";
  const auto unseen = size_of(d.unseen), open = size_of(d.open), comes = size_of(d.comes);
  if (unseen > 0) out += count(unseen, "domain", "domains") + " not seen, ";
  out += open == 0 ? "nothing open" : std::to_string(open) + " open";
  if (comes > 0) out += ", " + std::to_string(comes) + " to come";
  return out + ": MTA-STS of " + count(d.watched, "domain", "domains") + ", week to " + to_date(d.to);
}

std::string digest_text(const Digest& d) {
  std::string out = summary(d) + "\n" + to_date(d.from) + " to " + to_date(d.to) +
                    (d.vantage.empty() ? "" : ", seen from " + d.vantage) + "\n";
  for (const auto& section : sections_of(d)) {
    if (!shown(section)) continue;
    out += std::string("\n") + section.title + "\n" +
           std::string(std::string_view(section.title).size(), '-') + "\n";
    if (section.part->lines.empty()) out += std::string(section.nothing) + "\n";
    for (const auto& line : section.part->lines) {
      const auto at = when(line, section, d.to);
      out +=
          "* " + (line.domain.empty() ? "" : line.domain + ": ") +
          (line.severity && *line.severity != Severity::info ? std::string(to_string(*line.severity)) + ": "
                                                             : "") +
          line.text + (at.empty() ? "" : " (" + at + ")") + "\n";
    }
    if (section.part->more > 0) out += "* and " + std::to_string(section.part->more) + " more\n";
  }
  if (!d.url.empty()) out += "\n" + d.url + "\n";
  return out;
}

namespace {

std::string row(const DigestLine& line, const Section& section, TimePoint now) {
  constexpr const char* kCell =
      "<td style=\"padding:6px 12px 6px 0;vertical-align:top;border-top:1px solid #e4e7eb";
  const auto severity = line.severity && *line.severity != Severity::info
                            ? "<strong style=\"color:" +
                                  std::string(*line.severity == Severity::critical ? "#b42318" : "#8a5a00") +
                                  "\">" + std::string(to_string(*line.severity)) + "</strong> "
                            : std::string();
  // Where no domain is named the text has its column too.
  const auto whom = line.domain.empty()
                        ? std::string(kCell) + ";overflow-wrap:anywhere\" colspan=\"2\">"
                        : std::string(kCell) + ";font-weight:600;width:12em\">" + escape_html(line.domain) +
                              "</td>" + kCell + ";overflow-wrap:anywhere\">";
  return "<tr>" + whom + severity + escape_html(line.text) + "</td>" + kCell +
         ";color:#57606a;white-space:nowrap;text-align:right\">" + escape_html(when(line, section, now)) +
         "</td></tr>\n";
}

}  // namespace

std::string digest_html(const Digest& d) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>" +
      escape_html(digest_subject(d)) +
      "</title></head>\n<body style=\"font:15px/1.5 system-ui,sans-serif;color:#1f2328;margin:24px "
      "auto;padding:0 16px;"
      "max-width:46em\">\n<h1 style=\"font-size:20px;margin:0 0 4px\">" +
      escape_html(summary(d)) + "</h1>\n<p style=\"margin:0 0 20px;color:#57606a\">" + to_date(d.from) +
      " to " + to_date(d.to) + (d.vantage.empty() ? "" : ", seen from " + escape_html(d.vantage)) + "</p>\n";
  for (const auto& section : sections_of(d)) {
    if (!shown(section)) continue;
    out +=
        std::string("<h2 style=\"font-size:16px;margin:24px 0 6px;padding-left:10px;border-left:4px solid ") +
        section.colour + "\">" + section.title + "</h2>\n";
    if (section.part->lines.empty()) {
      out += std::string("<p style=\"margin:0;color:#57606a\">") + section.nothing + "</p>\n";
      continue;
    }
    out += "<table style=\"border-collapse:collapse;width:100%\">\n";
    for (const auto& line : section.part->lines)
      out += row(line, section, d.to);
    out += "</table>\n";
    if (section.part->more > 0)
      out +=
          "<p style=\"margin:4px 0;color:#57606a\">and " + std::to_string(section.part->more) + " more</p>\n";
  }
  const bool link = d.url.starts_with("https://") || d.url.starts_with("http://");
  if (link)
    out += "<p style=\"margin:24px 0 0\"><a href=\"" + escape_html(d.url) + "\">" + escape_html(d.url) +
           "</a></p>\n";
  return out + "</body></html>\n";
}

}  // namespace stswatch
