#include "agent/remember/dated.h"

#include "checks/facts/text.h"

namespace stswatch {

bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0;
  std::optional<std::size_t> star;  // the newest, and what it has swallowed up to
  std::size_t swallowed = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      swallowed = t;
    } else if (g < glob.size() && (glob[g] == '?' || text::lower(glob[g]) == text::lower(text[t]))) {
      ++g;
      ++t;
    } else if (star) {
      g = *star + 1;
      t = ++swallowed;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == glob.npos;
}

bool stands(const Silence& silence, TimePoint now) { return !silence.until || *silence.until > now; }

std::optional<std::string> place_of(const Silence& silence, const std::map<std::string, Silence>& there,
                                    TimePoint now) {
  std::size_t of_domain = 0;
  for (const auto& [id, s] : there) {
    if (s.domain != silence.domain || !stands(s, now)) continue;
    if (s.code == silence.code && s.subject == silence.subject) return id;
    ++of_domain;
  }
  if (of_domain >= kSilencesOfDomain) return std::nullopt;
  return "";
}

std::string in_words(const Silence& s) {
  const bool all = s.code == "*" && s.subject == "*";
  return text::one_line("of " + (s.domain == "*" ? "all domains" : s.domain) +
                        (all ? ", all of it" : ", " + s.code + " at " + s.subject) + ", until " +
                        (s.until ? to_utc(*s.until) : "it is ended") + ", by " +
                        (s.by.empty() ? "the configuration" : s.by));
}

bool covers(const Silence& silence, std::string_view domain, const Finding& finding, TimePoint now) {
  if (!stands(silence, now)) return false;
  const std::string_view subject = finding.subject;
  return glob_matches(silence.domain, domain) && glob_matches(silence.code, finding.code) &&
         (glob_matches(silence.subject, subject) ||
          glob_matches(silence.subject, subject.substr(0, subject.find(' '))));
}

}  // namespace stswatch
