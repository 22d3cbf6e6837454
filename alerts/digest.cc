#include "alerts/digest.h"

#include <algorithm>
#include <array>

#include "agent/remember/dated.h"
#include "alerts/compose.h"
#include "alerts/decide.h"

namespace stswatch {
namespace {

constexpr Seconds kAhead = std::chrono::days(30);
constexpr Seconds kUrgent = std::chrono::days(14);  // as on the pages: farther away a renewal is usual
constexpr std::size_t kLine = 300;

void add(DigestPart& part, DigestLine line) {
  line.text = cut(clean(line.text), kLine);
  std::ranges::replace(line.text, '\n', ' ');
  part.lines.push_back(std::move(line));
}

std::string forecast_words(const ForecastPoint& point, bool breakage) {
  const auto& whom = point.subject.str();
  const std::string effect =
      breakage ? "mail of enforcing senders stops" : "enforcing senders can use fewer of the MX hosts";
  switch (point.reason) {
    case Why::certificate_expired:
    case Why::policy_host_certificate_expired:
      return "unless the certificate of " + whom + " is renewed, " + effect;
    case Why::signatures_ended:
      return "unless the DNSSEC signatures of " + whom + " are renewed, " + effect;
    case Why::mx_none_in_policy:
      return effect + ": no MX host is listed in the policy";
    default:
      return effect;
  }
}

std::string change_words(const Change& change) {
  std::string out = change.code + (change.subject.empty() ? "" : " " + change.subject);
  if (!change.from.empty() || !change.to.empty())
    out += ": " + (change.from.empty() ? "nothing" : change.from) + " → " +
           (change.to.empty() ? "nothing" : change.to);
  return out + (change.planned ? " (planned)" : "");
}

class Composer {
 public:
  Composer(const DigestSource& source, TimePoint since, TimePoint now) : source_(source) {
    out_.from = since;
    out_.to = now;
    out_.url = source.external_url;
    out_.vantage = source.vantage;
  }

  Digest compose() {
    for (const auto& incident : source_.own)
      if (incident.open()) finding(incident, "");
    for (const auto& domain : source_.domains) {
      ++out_.watched;
      const bool seen = domain.memory && domain.claims.fresh;
      if (!seen) unseen(domain);
      if (!domain.memory) continue;
      const bool any = incidents(domain);
      if (seen && !any && domain.claims.status_of(domain.memory->verdict) == Status::ok) ++out_.good;
      for (const auto& change : domain.memory->past.changes)
        if (change.at >= out_.from && change.at <= out_.to)
          add(out_.changed, {domain.name, change_words(change), change.at, std::nullopt});
      if (seen) forecast(domain);
    }
    for (const auto& [at, text] : source_.planned)
      if (at - out_.to <= kAhead) add(out_.comes, {"", text, at, std::nullopt});
    for (const auto& silence : source_.silences)
      if (stands(silence, out_.to))
        add(out_.silenced, {"", in_words(silence) + (silence.comment.empty() ? "" : ": " + silence.comment),
                            silence.until, std::nullopt});
    sort();
    return std::move(out_);
  }

 private:
  void unseen(const DigestDomain& domain) {
    const auto words = domain.memory ? domain.claims.words() : std::string("never looked at");
    add(out_.unseen, {domain.name, words.empty() ? "not seen" : words, domain.claims.seen, std::nullopt});
  }

  void finding(const Incident& incident, const std::string& domain) {
    const auto& f = incident.finding;
    const bool of_host = !f.subject.empty() && f.subject != domain && f.subject != "mta-sts." + domain;
    add(out_.open, {domain, f.code + (of_host ? " " + f.subject : "") + ": " + f.effect, incident.opened,
                    severity_of(f)});
  }

  /// Whether one is open that is more than information.
  bool incidents(const DigestDomain& domain) {
    bool any = false;
    for (const auto& incident : domain.memory->incidents) {
      const auto& f = incident.finding;
      if (f.severity == Severity::info || told_of_agent(f)) continue;
      any |= incident.open();
      if (incident.open())
        finding(incident, domain.name);
      else if (*incident.closed >= out_.from)
        add(out_.over, {domain.name, f.code + (f.subject == domain.name ? "" : " " + f.subject),
                        incident.closed, f.severity});
    }
    return any;
  }

  void forecast(const DigestDomain& domain) {
    const auto& f = domain.memory->verdict.forecast;
    const auto comes = [&](const std::optional<TimePoint>& at) {
      return at && *at > out_.to && *at - out_.to <= kAhead;
    };
    const auto within = [&](TimePoint at, Severity severity) {
      return at - out_.to < kUrgent ? std::optional(severity) : std::nullopt;
    };
    if (f.breakage && comes(f.breakage->at))
      add(out_.comes, {domain.name, forecast_words(*f.breakage, true), f.breakage->at,
                       within(f.breakage->at, Severity::critical)});
    const bool sooner = f.degradation && (!f.breakage || f.degradation->at < f.breakage->at);
    if (sooner && comes(f.degradation->at))
      add(out_.comes, {domain.name, forecast_words(*f.degradation, false), f.degradation->at,
                       within(f.degradation->at, Severity::warning)});
    if (comes(f.lapse))
      add(out_.comes,
          {domain.name,
           "unless the policy can be fetched again, the last one that enforcing senders hold ends", f.lapse,
           within(*f.lapse, Severity::warning)});
  }

  void sort() {
    const auto worst_first = [](const DigestLine& a, const DigestLine& b) {
      return a.severity.value_or(Severity::info) > b.severity.value_or(Severity::info);
    };
    const auto newest_first = [](const DigestLine& a, const DigestLine& b) { return a.at > b.at; };
    std::ranges::stable_sort(out_.open.lines, worst_first);
    for (auto* part : {&out_.over, &out_.changed})
      std::ranges::stable_sort(part->lines, newest_first);
    for (auto* part : {&out_.comes, &out_.unseen, &out_.silenced})
      std::ranges::stable_sort(part->lines, [](const auto& a, const auto& b) {
        return a.at.value_or(TimePoint::max()) < b.at.value_or(TimePoint::max());
      });
    for (auto* part : {&out_.unseen, &out_.open, &out_.over, &out_.changed, &out_.comes, &out_.silenced}) {
      if (part->lines.size() <= kMostDigestLines) continue;
      part->more = part->lines.size() - kMostDigestLines;
      part->lines.resize(kMostDigestLines);
    }
  }

  const DigestSource& source_;
  Digest out_;
};

}  // namespace

Digest compose_digest(const DigestSource& source, TimePoint since, TimePoint now) {
  return Composer(source, since, now).compose();
}

bool is_for(const Wanted& wanted, const std::string& domain) {
  return wanted.domains.empty() ||
         std::ranges::any_of(wanted.domains, [&](const auto& glob) { return glob_matches(glob, domain); });
}

// When the next is due.

TimePoint last_due(const WeeklyAt& at, TimePoint now) {
  using namespace std::chrono;
  const auto today = floor<days>(now);
  const auto back = weekday(today) - at.day;  // 0 to 6 days
  const TimePoint due = today - back + at.time;
  return due <= now ? due : due - days(7);
}

DigestSchedule::DigestSchedule(KeyValueStore& key_values, std::string receiver, WeeklyAt at, TimePoint now)
    : key_values_(key_values), receiver_(std::move(receiver)), at_(at) {
  const auto rows = key_values_.all(kTable);
  const auto row = rows.find(receiver_);
  const auto known = row == rows.end() ? std::nullopt : parse_utc(row->second);
  last_ = known.value_or(now);
  if (!known) key_values_.put(kTable, receiver_, to_utc(last_));
}

std::optional<TimePoint> DigestSchedule::due(TimePoint now) {
  if (last_ > now) last_ = now;  // the calendar was set back
  const auto date = last_due(at_, now);
  return date > last_ && now - date <= kLate ? std::optional(date) : std::nullopt;
}

TimePoint DigestSchedule::next(TimePoint now) const { return last_due(at_, now) + std::chrono::days(7); }

void DigestSchedule::sent(TimePoint date) {
  last_ = date;
  key_values_.put(kTable, receiver_, to_utc(date));
}

// A digest for people: plain text, and HTML with the same words. What came from the network is clean already,
// and is escaped here.

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
