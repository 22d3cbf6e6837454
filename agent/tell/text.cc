#include "agent/tell/html.h"

#include <algorithm>
#include <tuple>

namespace stswatch {

namespace {

int rank(Status s) {
  switch (s) {
    case Status::ok:
      return 0;
    case Status::unknown:
      return 1;
    case Status::warning:
      return 2;
    case Status::critical:
      break;
  }
  return 3;
}

/// "|" starts performance data and line breaks start long output: neither may come from a finding.
std::string tame(std::string text) {
  for (auto& c : text)
    if (c == '|' || c == '\n') c = ' ';
  return text;
}

std::string upper(Status s) {
  std::string out(to_string(s));
  for (auto& c : out)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

/// As they are judged to be graver; of the same what stops all mail first, then what a page is for.
std::vector<const Finding*> in_reading_order(const std::vector<Finding>& findings) {
  std::vector<const Finding*> out;
  for (const Finding& f : findings)
    out.push_back(&f);
  std::ranges::stable_sort(out, [](const Finding* a, const Finding* b) {
    const auto rank = [](const Finding& f) {
      return std::tuple{f.severity, stops_for_all(f), f.route == Route::page};
    };
    return rank(*a) > rank(*b);
  });
  return out;
}

std::string first_finding(const Verdict& v) {
  if (v.findings.empty()) return {};
  const auto& f = *in_reading_order(v.findings).front();
  return ": " + f.code + " " + f.subject + (f.detail.empty() ? "" : ": " + f.detail);
}

std::string seconds_until(const std::optional<ForecastPoint>& p, TimePoint now) {
  return p ? std::to_string(std::max<Seconds::rep>(0, (p->at - now).count())) + "s" : std::string("U");
}

}  // namespace

Status worse(Status a, Status b) { return rank(a) >= rank(b) ? a : b; }

void NagiosReport::add(const Verdict& v) {
  ++domains_;
  ++count_[static_cast<std::size_t>(v.status)];
  const auto problem =
      tame(v.domain.str() + " " + upper(v.status) + (v.status == Status::ok ? "" : first_finding(v)));
  if (domains_ == 1 || (worse(v.status, worst_) == v.status && v.status != worst_)) first_problem_ = problem;
  worst_ = worse(v.status, worst_);
  if (v.status != Status::ok) lines_ += problem + "\n";
  // Per-domain figures only for few domains: a Nagios line of megabytes helps nobody.
  if (domains_ > 20) return;
  const auto& d = v.domain.str();
  if (const auto& usable = v.enforce_usable_mx) {
    // What was not seen may be good; what one copy of the policy lists nobody else gets.
    const bool unseen = std::ranges::any_of(v.mx, [](const MxVerdict& mx) { return !mx.usable; });
    perfdata_ += " '" + d + " usable_mx'=" + std::to_string(unseen ? usable->max : usable->min) + ";;1:;0;" +
                 std::to_string(usable->of);
  }
  if (v.forecast.breakage)
    perfdata_ +=
        " '" + d + " breakage'=" + seconds_until(v.forecast.breakage, v.checked_at) + ";604800:;86400:";
}

std::string NagiosReport::text() const {
  const auto count = [&](Status s) { return std::to_string(count_[static_cast<std::size_t>(s)]); };
  std::string out = "MTA-STS " + upper(worst_) + " - ";
  out += domains_ == 1 ? first_problem_
                       : std::to_string(domains_) + " domains: " + count(Status::critical) + " critical, " +
                             count(Status::warning) + " warning, " + count(Status::unknown) + " unknown, " +
                             count(Status::ok) + " ok";
  out += " | critical=" + count(Status::critical) + " warning=" + count(Status::warning) +
         " unknown=" + count(Status::unknown) + " ok=" + count(Status::ok) + perfdata_ + "\n";
  return domains_ == 1 ? out : out + lines_;
}

namespace {

constexpr std::size_t kIndent = 4;
constexpr std::size_t kLabelWidth = 6;  // "Seen  ", "Mail  ", "Fix   "

std::string_view ansi_of(Status status) {
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

std::string_view ansi_of(Severity severity) {
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
  head.resize(kIndent + kLabelWidth, ' ');
  out += head + wrapped(text, head.size(), static_cast<std::size_t>(style.width)) + "\n";
}

std::string taken_record(const Verdict& v) {
  return v.record.most_take() ? "an invalid record, which most senders take"
                              : "an invalid record, which some senders take";
}

std::string mode_words(const Verdict& v) {
  if (v.mode) return "mode " + std::string(to_string(*v.mode));
  const bool seen = v.record.outcome != Outcome::unknown && v.policy.outcome != Outcome::unknown;
  if (v.enforce_usable_mx && seen) {
    if (v.policy.outcome == Outcome::invalid)
      return v.policy.shown ? "an invalid policy, which some senders enforce"
                            : "an invalid policy, an earlier one in effect";
    return v.record.outcome == Outcome::invalid ? taken_record(v)
                                                : "nothing to fetch, an earlier policy in effect";
  }
  if (v.record.outcome == Outcome::ok && v.policy.outcome == Outcome::invalid && v.policy.shown)
    return "an invalid policy, mode " + std::string(to_string(v.policy.shown->mode)) + " to some senders";
  if (v.record.outcome == Outcome::absent && v.policy.outcome != Outcome::ok) return "no MTA-STS";
  if (v.record.outcome == Outcome::invalid && !v.record.taken_by.empty() && v.policy.shown)
    return taken_record(v);
  if (v.record.outcome == Outcome::unknown || v.policy.outcome == Outcome::unknown) return "mode unknown";
  return "no policy in effect";
}

std::string mx_words(const Verdict& v) {
  if (v.null_mx) return "takes no mail (null MX)";
  if (v.enforce_usable_mx) {
    return in_words(*v.enforce_usable_mx) + " MX usable";
  }
  if (v.mx_lookup == Lookup::unknown) return "MX unknown";
  const auto is_host = [](const MxVerdict& mx) { return mx.host != "."; };
  return std::to_string(std::ranges::count_if(v.mx, is_host)) + " MX";
}

std::string forecast_words(const Verdict& v) {
  const auto& f = v.forecast;
  if (stops_who_does_both(v) && !(f.breakage && f.breakage->at <= v.checked_at))
    return "senders that do DANE and enforce reach no MX now";
  if (!f.breakage) return {};
  if (f.breakage->at <= v.checked_at)
    return (mail_now(v).everybodys ? "senders" : hit_senders(v)) + " reach no MX now";
  if (std::ranges::any_of(v.findings, waits_with_long_keepers)) return {};
  const bool near = std::any_of(v.findings.begin(), v.findings.end(), [](const Finding& finding) {
    return nature_of(finding).headline == Headline::no_mail_from;
  });
  return (near ? "enforcing senders reach no MX from " : "no breakage foreseen before ") +
         to_utc(f.breakage->at) + (near ? " on (" : " (") + std::string(to_string(f.breakage->reason)) + " " +
         f.breakage->subject.str() + ")";
}

std::string headline(const Verdict& v, const TextStyle& style) {
  std::string upper(to_string(v.status));
  if (v.status != Status::ok)
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char c) { return std::toupper(c); });
  std::string out = v.domain.str() + "  " + paint(upper, ansi_of(v.status), style) + "  " + mode_words(v) +
                    ", " + mx_words(v);
  if (const auto words = forecast_words(v); !words.empty()) out += ", " + words;
  return out;
}

/// The finding that this one follows from, of the same subject or of the host that it is expected at (what
/// becomes of the policy follows from what its host does), as grave and told as urgently: what mends that
/// mends this. Null: it stands for itself.
const Finding* cause_of(const Finding& symptom, const Verdict& v) {
  const auto& nature = nature_of(symptom);
  if (!nature.symptom()) return nullptr;
  const auto& ends = v.forecast.degradation;
  const std::string at = ends && nature.headline == Headline::fewer_hosts_from ? ends->subject.str() : "";
  const auto is_cause = [&](const Finding& f) {
    const auto& other = nature_of(f);
    return other.claim == Claim::cause && other.family == nature.family && f.severity >= symptom.severity &&
           f.route >= symptom.route &&
           (f.subject == symptom.subject || f.subject == at ||
            (symptom.part && f.subject == v.domain.str()) ||
            (nature.family == Family::publication && f.subject == v.domain.policy_host()));
  };
  // A part may be of another family: names of a zone that fails, a host that the file misspells.
  const auto is_whole = [&](const Finding& f) {
    return nature_of(f).claim == Claim::cause && f.severity >= symptom.severity && f.route >= symptom.route &&
           (f.subject == v.domain.str() || f.subject == v.domain.policy_host());
  };
  auto it = std::ranges::find_if(v.findings, is_cause);
  if (it == v.findings.end() && symptom.part) it = std::ranges::find_if(v.findings, is_whole);
  return it == v.findings.end() ? nullptr : &*it;
}

std::string title_of(const Finding& f) {
  const auto* entry = find_in_catalogue(f.code);
  return (entry == nullptr ? "" : std::string(entry->title) + "  ") + "[" + f.code + "]";
}

/// What follows from a finding stands below it: one fault is one "critical", with one thing to do.
void print_part(std::string& out, const Finding& f, const TextStyle& style) {
  labelled(out, "So", title_of(f) + (f.detail.empty() ? "" : ": " + f.detail), style);
}

void print_finding(std::string& out, const Finding& f, const TextStyle& style) {
  out += "  " + paint(to_string(f.severity), ansi_of(f.severity), style) + "  ";
  out += title_of(f) + "\n";
  labelled(out, "At", f.subject, style);
  labelled(out, "Seen", f.detail, style);
  labelled(out, "Mail", f.effect, style);
  labelled(out, "Fix", f.fix, style);
  if (!style.explain) return;
  if (!f.refused_by.empty())
    labelled(out, "Who", "refused or misread by " + comma_separated(f.refused_by), style);
  if (!f.accepted_by.empty())
    labelled(out, "Who", "taken all the same by " + comma_separated(f.accepted_by), style);
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
  if (const auto mail = mail_now(v); !mail.words.empty()) out += "  Mail " + mail.words + ".\n";
  for (const Finding* f : in_reading_order(v.findings)) {
    if ((f->severity == Severity::info && !say_notes) || cause_of(*f, v) != nullptr) continue;
    print_finding(out, *f, style);
    for (const auto& part : v.findings)
      if (cause_of(part, v) == f) print_part(out, part, style);
  }
  return out;
}

}  // namespace stswatch
