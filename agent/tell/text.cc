#include "agent/tell/text.h"

#include <algorithm>

#include "checks/judge/refused_by.h"

namespace stswatch {
namespace {

constexpr std::size_t kIndent = 4;
constexpr std::size_t kLabel = 6;  // "Seen  ", "Mail  ", "Fix   "

std::string_view colour_of(Status status) {
  switch (status) {
    case Status::ok:
      return "\x1b[32m";
    case Status::warning:
      return "\x1b[33m";
    case Status::critical:
      return "\x1b[1;31m";
    case Status::unknown:
      break;
  }
  return "\x1b[35m";
}

std::string_view colour_of(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "\x1b[36m";
    case Severity::warning:
      return "\x1b[33m";
    case Severity::critical:
      break;
  }
  return "\x1b[1;31m";
}

std::string paint(std::string_view text, std::string_view colour, const TextStyle& style) {
  if (!style.colour) return std::string(text);
  return std::string(colour) + std::string(text) + "\x1b[0m";
}

/// Breaks at spaces; continuation lines are indented to stand below the first.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    if (column > indent && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

void labelled(std::string& out, std::string_view label, std::string_view text, const TextStyle& style) {
  if (text.empty()) return;
  std::string head(kIndent, ' ');
  head += label;
  head.resize(kIndent + kLabel, ' ');
  out += head + wrapped(text, head.size(), static_cast<std::size_t>(style.width)) + "\n";
}

std::string mode_words(const Verdict& v) {
  if (v.mode) return "mode " + std::string(to_string(*v.mode));
  if (v.record.outcome == Outcome::absent && v.policy.outcome != Outcome::ok) return "no MTA-STS";
  if (v.record.outcome == Outcome::unknown || v.policy.outcome == Outcome::unknown) return "mode unknown";
  return "no policy in effect";
}

std::string mx_words(const Verdict& v) {
  if (v.null_mx) return "takes no mail (null MX)";
  if (v.enforce_usable_mx) {
    const auto& u = *v.enforce_usable_mx;
    const auto range =
        u.min == u.max ? std::to_string(u.max) : std::to_string(u.min) + " to " + std::to_string(u.max);
    return range + " of " + std::to_string(u.of) + " MX usable";
  }
  if (v.mx_lookup == Lookup::unknown) return "MX unknown";
  return std::to_string(v.mx.size()) + " MX";
}

std::string forecast_words(const Verdict& v) {
  const auto& f = v.forecast;
  if (!f.breakage) return {};
  if (f.breakage->at <= v.checked_at) return "enforcing senders reach no MX now";
  const bool near = std::any_of(v.findings.begin(), v.findings.end(), [](const Finding& finding) {
    return finding.code == "enforce-breakage-predicted";
  });
  return (near ? "enforcing senders reach no MX from " : "no breakage foreseen before ") +
         to_utc(f.breakage->at) + (near ? " on (" : " (") + f.breakage->reason + " " + f.breakage->subject +
         ")";
}

std::string headline(const Verdict& v, const TextStyle& style) {
  std::string upper(to_string(v.status));
  if (v.status != Status::ok)
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return std::toupper(c); });
  std::string out = v.domain.str() + "  " + paint(upper, colour_of(v.status), style) + "  " + mode_words(v) +
                    ", " + mx_words(v);
  if (const auto words = forecast_words(v); !words.empty()) out += ", " + words;
  return out;
}

void print_finding(std::string& out, const Finding& f, const TextStyle& style) {
  const auto* entry = find_in_catalogue(f.code);
  out += "  " + paint(to_string(f.severity), colour_of(f.severity), style) + "  ";
  if (entry != nullptr) out += std::string(entry->title);
  out += "  [" + f.code + "]\n";
  labelled(out, "At", f.subject, style);
  labelled(out, "Seen", f.detail, style);
  labelled(out, "Mail", f.effect, style);
  labelled(out, "Fix", f.fix, style);
  if (!style.explain) return;
  if (const auto senders = refused_by(f).value_or(SenderNames{}); !senders.empty())
    labelled(out, "Who", "refused or misread by " + joined(senders), style);
  labelled(out, "See", f.reference, style);
}

}  // namespace

std::string to_text(const Verdict& v, const TextStyle& style) {
  std::string out = headline(v, style);
  const auto notes = std::count_if(v.findings.begin(), v.findings.end(),
                                   [](const Finding& f) { return f.severity == Severity::info; });
  const bool say_notes = style.explain || v.status == Status::unknown;
  if (notes > 0 && !say_notes)
    out += "  (" + std::to_string(notes) + (notes == 1 ? " note" : " notes") + ": --explain)";
  out += "\n";
  for (const auto& f : v.findings)
    if (f.severity != Severity::info || say_notes) print_finding(out, f, style);
  return out;
}

}  // namespace stswatch
