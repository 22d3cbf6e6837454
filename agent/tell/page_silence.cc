#include "agent/tell/pages.h"

#include <algorithm>
#include <array>

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kComment = 200;
constexpr std::size_t kListed = 100;  // on the page of all domains

struct Choice {
  std::string_view value, words;
  Seconds seconds;  // 0: until it is ended
};
constexpr std::array kChoices{Choice{"1h", "1 hour", 1h}, Choice{"4h", "4 hours", 4h},
                              Choice{"1d", "1 day", 24h}, Choice{"7d", "7 days", 7 * 24h},
                              Choice{"", "until I end it", 0s}};

/// A name of ours as a glob that stands for itself; "?" for what a name must not be able to widen.
std::string literal(std::string name) {
  std::ranges::replace(name, '*', '?');
  return name;
}

/// Its code is left out, so that a silence of one finding does not count.
bool whole_domain(const Silence& s, const std::string& domain) {
  return s.code == "*" && s.subject == "*" && glob_matches(s.domain, domain);
}

void form(Html& page, const DomainMemory& memory, const Finding* finding) {
  const auto& domain = memory.verdict.domain.str();
  page.raw("<details class=\"silence\"><summary>")
      .raw(finding ? "Silence this" : "Silence this domain")
      .raw("</summary><form method=\"post\" action=\"")
      .text(url_segment(domain))
      .raw("/silence\">");
  page.raw("<input type=\"hidden\" name=\"code\" value=\"")
      .text(finding ? finding->code : "*")
      .raw("\"><input type=\"hidden\" name=\"subject\" value=\"")
      .text(finding ? finding->subject : "*")
      .raw("\">");
  page.raw("<label>No notices for<select name=\"for\">");
  for (const auto& span : kChoices)
    page.raw("<option value=\"").raw(span.value).raw("\">").raw(span.words).raw("</option>");
  page.raw("</select></label><label>Why<input name=\"comment\" maxlength=\"")
      .number(kComment)
      .raw("\"></label><button type=\"submit\" aria-label=\"Silence ")
      .text(finding ? title_of(finding->code) + " at " + finding->subject : domain)
      .raw(
          "\">Silence</button></form><p class=\"small dim\">Nobody is sent notices of it. This page and the "
          "metrics go on showing it.</p></details>");
}

/// The sentence of one silence, with the button that ends it where it is not of the configuration.
void sentence(Html& page, const Silence& s, const std::string& id, const std::string& domain) {
  page.raw("<p class=\"silence\">Silenced ");
  if (s.until) {
    page.raw("until ");
    write_time(page, *s.until);
  } else {
    page.raw(id.empty() ? "by the configuration" : "until somebody ends it");
  }
  if (!s.by.empty()) page.text(" by " + s.by);
  if (!s.comment.empty()) page.text(": " + s.comment);
  page.text(s.domain == domain ? "" : " (all of " + s.domain + ")").raw("</p>");
  if (id.empty()) return;
  page.raw("<form method=\"post\" action=\"")
      .text(url_segment(domain))
      .raw("/unsilence\"><input type=\"hidden\" name=\"id\" value=\"")
      .text(id)
      .raw("\"><button type=\"submit\">End this silence</button></form>");
}

/// Writes those that fit; whether there was any.
template <class Fits>
bool sentences(Html& page, const Snapshot& snapshot, const std::string& domain, Fits fits) {
  bool any = false;
  const auto write = [&](const Silence& s, const std::string& id) {
    if (!stands(s, snapshot.now) || !fits(s)) return;
    any = true;
    sentence(page, s, id, domain);
  };
  for (const auto& s : snapshot.configured_silences)
    write(s, "");
  for (const auto& [id, s] : snapshot.silences)
    write(s, id);
  return any;
}

}  // namespace

void all_silences(Html& page, const Snapshot& snapshot) {
  std::size_t rows = 0, standing = 0;
  const auto row = [&](const Silence& s) {
    if (!stands(s, snapshot.now) || ++standing > kListed) return;
    if (rows++ == 0)
      page.raw(
          "<h2>Silenced</h2><table class=\"cards\"><thead><tr><th scope=\"col\">What</th><th "
          "scope=\"col\">Until</th><th scope=\"col\">By</th></tr></thead><tbody>");
    const bool all = s.code == "*" && s.subject == "*";
    page.raw("<tr><td>")
        .text((s.domain == "*" ? "All domains" : s.domain) + (all ? "" : ": " + s.code + " at " + s.subject))
        .raw("</td><td>");
    if (s.until)
      write_time(page, *s.until);
    else
      page.raw("somebody ends it");
    page.raw("</td><td>")
        .text((s.by.empty() ? "the configuration" : s.by) + (s.comment.empty() ? "" : ": " + s.comment))
        .raw("</td></tr>");
  };
  for (const auto& s : snapshot.configured_silences)
    row(s);
  for (const auto& [id, s] : snapshot.silences)
    row(s);
  if (rows > 0) page.raw("</tbody></table>");
  if (standing > rows)
    page.raw("<p class=\"dim small\">And ").number(standing - rows).raw(" more: stswatch silence list</p>");
}

tl::expected<Silence, std::string> silence_of(const SilenceForm& form, const DomainMemory& memory,
                                              TimePoint now) {
  const auto span = std::ranges::find(kChoices, form.span, &Choice::value);
  if (span == kChoices.end()) return tl::make_unexpected("This is none of the spans that the form offers.");
  if (form.comment.size() > 4 * kComment) return tl::make_unexpected("This comment is too long.");
  Silence out{memory.verdict.domain.str(), "*", "*", std::nullopt, form.comment};
  if (span->seconds > 0s) out.until = now + span->seconds;
  if (form.code == "*" && form.subject == "*") return out;
  const bool open = std::ranges::any_of(memory.verdict.findings, [&](const Finding& f) {
    return f.code == form.code && f.subject == form.subject;
  });
  if (!open) return tl::make_unexpected("This finding is over: there is nothing to silence.");
  out.code = form.code;
  out.subject = literal(form.subject);
  return out;
}

void acknowledgement(Html& page, const DomainMemory& memory, const Snapshot& snapshot) {
  const auto& domain = memory.verdict.domain.str();
  const auto told = snapshot.told.find(domain);
  if (told == snapshot.told.end()) return;
  if (told->second) {
    page.raw("<p class=\"silence\">Acknowledged ");
    write_time(page, *told->second);
    page.raw(": no reminders until it gets worse</p>");
    return;
  }
  page.raw("<form method=\"post\" action=\"")
      .text(url_segment(domain))
      .raw(
          "/acknowledge\"><button type=\"submit\">I am at it: no reminders until it gets "
          "worse</button></form>");
}

void silence_of_domain(Html& page, const DomainMemory& memory, const Snapshot& snapshot) {
  const auto& domain = memory.verdict.domain.str();
  if (!sentences(page, snapshot, domain, [&](const Silence& s) { return whole_domain(s, domain); }))
    form(page, memory, nullptr);
}

void silence_of_finding(Html& page, const DomainMemory& memory, const Finding& finding,
                        const Snapshot& snapshot) {
  const auto& domain = memory.verdict.domain.str();
  const auto fits = [&](const Silence& s) {
    return !whole_domain(s, domain) && covers(s, domain, finding, snapshot.now);
  };
  if (!sentences(page, snapshot, domain, fits)) form(page, memory, &finding);
}

}  // namespace stswatch
