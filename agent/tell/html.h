// A page being written: what is ours goes in as it is, everything else is escaped. One thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "checks/judge/verdict.h"

namespace stswatch {

// What every page refers to; all of it is served by the agent itself (the pages' policy allows nothing else).

extern const std::string_view kPageStyle;   // style.css
extern const std::string_view kPageScript;  // page.js: comfort only, every page works without it
extern const std::string_view kPageIcon;    // icon.svg
inline constexpr const char* kPagePolicy =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

class Html {
 public:
  /// A literal of ours.
  Html& raw(std::string_view markup) {
    out_ += markup;
    return *this;
  }
  /// Anything else, also inside a quoted attribute: control characters and broken UTF-8 are replaced.
  Html& text(std::string_view words);
  Html& number(std::size_t n) { return raw(std::to_string(n)); }

  /// <name class="kind">words</name>; without a class when it is empty.
  Html& element(std::string_view name, std::string_view words, std::string_view kind = {});

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// The path of a URL segment, percent-encoded.
std::string url_segment(std::string_view text);

/// From the doctype to the open <main>; `up` leads to the root: "" or "../".
void open_page(Html& page, std::string_view title, std::string_view up);
void close_page(Html& page);

// A verdict for a person at a terminal: what is wrong, what it does to mail, how to mend it; one line when
// all is well.

// Verdicts as a Nagios plugin prints them: a status line with performance data, then a line per problem.

class NagiosReport {
 public:
  void add(const Verdict& verdict);
  std::string text() const;

 private:
  std::array<std::size_t, 4> count_{};  // by Status
  std::size_t domains_ = 0;
  std::string first_problem_;  // of the worst status seen
  Status worst_ = Status::ok;
  std::string lines_;
  std::string perfdata_;
};

/// CONTRACT 1: of several domains critical over warning over unknown over ok.
Status worse(Status a, Status b);

struct TextStyle {
  bool colour = false;
  bool explain = false;  // effect, fix and reference of every finding, notes included
  int width = 100;       // columns to wrap at
};

std::string to_text(const Verdict& verdict, const TextStyle& style);

// Is mail stopping, and whose? The first thing that somebody who is woken wants to know: in the words of what
// was judged, and no further than what was seen. Pure.

struct MailNow {
  enum class State {
    unsaid,    // it takes no mail, or nothing can be said
    flows,     // to some host at least, from all senders
    unseen,    // no host was seen
    may_stop,  // all hosts that were seen are of no use; of the others it is not known
    stops,
  };
  State state = State::unsaid;
  bool everybodys = false;  // stops, may_stop: whatever the policy; else of those that enforce one
  std::string words{};      // completes "Mail ..."; empty where nothing is said
  std::string why{};        // unseen, may_stop: what of it was seen; stops: for whom
};

MailNow mail_now(const Verdict& verdict);

/// Whom a breakage of now hits: "enforcing senders", or of them those that drew the bad one of several copies
/// or hold an earlier policy.
std::string hit_senders(const Verdict& verdict);

/// Of senders that do DANE those that enforce as well reach no MX host now, and the others do (RULES 4.5).
bool stops_who_does_both(const Verdict& verdict);

/// It waits for senders that keep an earlier policy longer than RFC 8461 has it, and with it hosts that fail.
bool waits_with_long_keepers(const Finding& finding);

/// Mail stops there whatever a policy says.
bool stops_for_all(const Finding& finding);

}  // namespace stswatch
