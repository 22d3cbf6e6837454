#include "agent/tell/html.h"

#include <algorithm>
#include <map>

#include "agent/tell/pages.h"
#include "checks/facts/result.h"
#include "checks/facts/text.h"
#include "checks/judge/senders/by_pattern.h"

namespace stswatch {

const std::string_view kPageStyle = R"css(
:root{--bg:#fff;--fg:#1a1d21;--dim:#555c66;--line:#d5d9df;--card:#f6f7f9;--link:#0b57b0;
--ok:#176b33;--warning:#8a5200;--critical:#b3141d;--unknown:#5b3d99;--info:#275a8a;--bar:#7d9fc4}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e9ee;--dim:#a4acb8;--line:#363d47;--card:#1d2228;
--link:#7db5f5;--ok:#6fcf8d;--warning:#f0b252;--critical:#ff8a8a;--unknown:#c3a6ff;--info:#8fc3f3;--bar:#4f7096}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif;overflow-wrap:break-word}
a{color:var(--link)}a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,
[tabindex]:focus-visible,summary:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--bg);padding:8px}
header{display:flex;flex-wrap:wrap;gap:4px 20px;align-items:baseline;padding:10px 20px;border-bottom:1px solid var(--line)}
.home{font-weight:700;text-decoration:none;color:var(--fg);font-size:1.1rem}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.9rem}
main{max-width:1240px;margin:0 auto;padding:8px 20px 60px}
h1{font-size:1.6rem;line-height:1.25;margin:.5em 0 .3em;overflow-wrap:anywhere}h1 .tag{font-size:1rem;margin-left:.4em}
h2{font-size:1.15rem;margin:1.8em 0 .5em}h3{font-size:1rem;margin:0}table+h3,.scroll+h3,article h2{margin-top:1em}
.dim{color:var(--dim)}.small{font-size:.875rem}p{margin:.4em 0}.lead{font-size:1.1rem;margin:.2em 0 .8em;max-width:60em}
.ok{color:var(--ok)}.warning{color:var(--warning)}.critical{color:var(--critical)}.unknown{color:var(--unknown)}
.info{color:var(--info)}.tag{font-weight:700}time{white-space:nowrap}
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;vertical-align:top;padding:7px 10px;
border-bottom:1px solid var(--line)}.list{overflow-wrap:anywhere}th{color:var(--dim);font-weight:600}tbody th{color:inherit}
thead th{white-space:nowrap}thead a{color:inherit}[aria-sort] a{color:var(--fg)}[aria-sort] a::after{content:" ▾"}
@media (min-width:641px){.list{table-layout:fixed}.list th:first-child{width:17%}.list th:nth-child(2){width:19%}
.list th:nth-child(3){width:26%}.list th:nth-child(4){width:11%}.list th:nth-child(6){width:8em}}
.scroll{overflow-x:auto}form{display:flex;flex-wrap:wrap;gap:8px 12px;align-items:end;margin:10px 0}
.counts{display:flex;flex-wrap:wrap;gap:6px 28px;list-style:none;margin:.6em 0 1em;padding:0}
.counts a{text-decoration:none;color:var(--fg);display:block;padding:4px 0}.counts a:hover{text-decoration:underline}
.counts b{font-size:1.4rem}
label{display:grid;font-size:.875rem;color:var(--dim);gap:2px}.filter label:first-child{flex:1 1 16em;max-width:28em}
input,select,button{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--dim);border-radius:5px;padding:6px 10px;min-height:38px;max-width:100%}
input,select{color:var(--fg)}button{background:var(--link);border-color:var(--link);color:var(--bg);font-weight:600;cursor:pointer}
.acts{display:flex;flex-wrap:wrap;gap:0 20px;align-items:start}.acts .silence{margin:12px 0}
.silence button{background:none;color:var(--link)}summary{cursor:pointer;padding:4px 0}.silence summary{color:var(--dim);font-size:.875rem}
#looking{font-weight:600}p.silence{color:var(--unknown);font-weight:600}
article{border:1px solid var(--line);border-left:5px solid var(--dim);border-radius:5px;background:var(--card);padding:10px 14px;margin:10px 0}
article.critical,article.warning,article.info,article.unknown{color:var(--fg)}
article.critical{border-left-color:var(--critical)}article.warning{border-left-color:var(--warning)}article.info{border-left-color:var(--info)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 14px;margin:.5em 0 0}dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--card);border:1px solid var(--line);border-radius:5px;padding:10px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.875rem;margin:.5em 0}
code{font-size:.92em;overflow-wrap:anywhere}ol{padding-left:1.4em}
dl.facts{display:flex;flex-wrap:wrap;gap:6px 32px;margin:.6em 0}.facts dd{font-weight:600}
svg{min-width:820px;width:100%;height:auto;display:block}svg text{fill:var(--fg);font:12px system-ui,sans-serif;paint-order:stroke;stroke:var(--bg);stroke-width:4px;stroke-linejoin:round}
svg .dimtext{fill:var(--dim)}svg .axis{stroke:var(--line)}svg .bar{fill:var(--bar)}svg .cache{fill:var(--unknown);fill-opacity:.45;stroke:var(--unknown);stroke-dasharray:4 2}
svg .over{fill:var(--critical);fill-opacity:.6;stroke:var(--critical);stroke-width:3}svg .late{fill:var(--warning);fill-opacity:.6;stroke:var(--warning);stroke-width:1.5}svg .mark{stroke:var(--critical);stroke-width:2;stroke-dasharray:5 3}svg .marktext{fill:var(--critical);font-weight:700}svg .mark.far{stroke:var(--dim)}svg .marktext.far{fill:var(--dim);font-weight:400}
@media (max-width:640px){main{padding:6px 12px 40px}header{padding:8px 12px}
.cards thead{position:absolute;left:-999px}.list thead{display:none}.cards tr{display:block;border-bottom:1px solid var(--line);padding:8px 0}
.cards th,.cards td{display:block;border:0;padding:1px 0}.cards td:empty{display:none}.cards{overflow-wrap:anywhere}
.cards td::before{content:attr(data-name) ": ";color:var(--dim)}
dl:not(.facts){grid-template-columns:1fr}dt{margin-top:4px}}
@media print{:root{--bg:#fff;--fg:#000;--dim:#333;--line:#999;--card:#fff;--link:#000;
--ok:#000;--warning:#000;--critical:#000;--unknown:#000;--info:#000;--bar:#bbb}
body{font-size:10.5pt}header,nav,form,.acts,.silence,.skip,button,details:not([open]){display:none}main{max-width:none;padding:0}
article,tr,svg,figure{break-inside:avoid}h2,h3{break-after:avoid}a{text-decoration:none}.scroll{overflow:visible}svg{min-width:0}
pre{border:1px solid #999}}
)css";

const std::string_view kPageScript = R"js(
'use strict';
const field = document.querySelector('input[name="q"]');
if (field) {
  const rows = [...document.querySelectorAll('table.list tbody tr')];
  const told = document.getElementById('shown');
  field.addEventListener('input', () => {
    const wanted = field.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      if (!row.hidden) shown += 1;
    }
    if (told) told.textContent = shown + ' shown here; Show asks for all';
  });
}
if (document.getElementById('looking')) setTimeout(() => location.reload(), 1000);
for (const select of document.querySelectorAll('form.filter select'))
  select.addEventListener('change', () => select.form.requestSubmit());
)js";

const std::string_view kPageIcon =
    R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M16 2 4 7v9c0 7 5 12 12 14 7-2 12-7 12-14V7Z" fill="#0b57b0"/><path d="m10 16 4 4 8-9" fill="none" stroke="#fff" stroke-width="3"/></svg>)";

namespace {

constexpr std::string_view kReplacement = "\uFFFD";

/// Octets of a character at the front that would turn the direction of what follows, so that one name shows
/// as another; 0 when there is none. U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
std::size_t turning(std::string_view s) {
  if (s.size() < 3 || s[0] != '\xE2') return 0;
  const auto last = static_cast<unsigned char>(s[2]);
  const bool turns = (s[1] == '\x80' && (last == 0x8E || last == 0x8F || (last >= 0xAA && last <= 0xAE))) ||
                     (s[1] == '\x81' && last >= 0xA6 && last <= 0xA9);
  return turns ? 3 : 0;
}

std::string_view escaped(char c) {
  switch (c) {
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '&':
      return "&amp;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

Html& Html::text(std::string_view words) {
  if (!text::is_utf8(words)) return text(printable(words, words.size() * 4));
  while (!words.empty()) {
    if (words.starts_with("\r\n")) words.remove_prefix(1);
    const char c = words.front();
    const auto octets = turning(words);
    const bool control = (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    if (octets > 0 || control)
      out_ += kReplacement;
    else if (const auto entity = escaped(c); !entity.empty())
      out_ += entity;
    else
      out_ += c;
    words.remove_prefix(std::max<std::size_t>(octets, 1));
  }
  return *this;
}

Html& Html::element(std::string_view name, std::string_view words, std::string_view kind) {
  raw("<").raw(name);
  if (!kind.empty()) raw(" class=\"").raw(kind).raw("\"");
  return raw(">").text(words).raw("</").raw(name).raw(">");
}

std::string url_segment(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    const auto octet = static_cast<unsigned char>(c);
    if (plain)
      out += c;
    else
      (out += '%').append({kHex[octet / 16], kHex[octet % 16]});
  }
  return out;
}

void open_page(Html& page, std::string_view title, std::string_view up) {
  page.raw(
          "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
          "<meta name=\"color-scheme\" content=\"light dark\"><title>")
      .text(title)
      .raw(" · stswatch</title><link rel=\"stylesheet\" href=\"")
      .raw(up)
      .raw("style.css\"><link rel=\"icon\" type=\"image/svg+xml\" href=\"")
      .raw(up)
      .raw("icon.svg\"><script src=\"")
      .raw(up)
      .raw(
          "page.js\" defer></script></head><body><a class=\"skip\" href=\"#main\">Skip to content</a>"
          "<header><a class=\"home\" href=\"")
      .raw(up.empty() ? "./" : up)
      .raw("\">stswatch</a><nav aria-label=\"Pages\"><a href=\"")
      .raw(up)
      .raw("api/v1/findings\">Findings as JSON</a> <a href=\"")
      .raw(up)
      .raw("metrics\">Metrics</a></nav></header><main id=\"main\">");
}

void close_page(Html& page) { page.raw("</main></body></html>\n"); }

// Words that the pages share.

namespace {

constexpr Seconds kSoon = std::chrono::days(14);

bool of_certificate(const ForecastPoint& p) {
  return p.reason == Why::certificate_expired || p.reason == Why::policy_host_certificate_expired;
}

std::string cause_in_words(const ForecastPoint& p, TimePoint now) {
  switch (p.reason) {
    case Why::certificate_expired:
    case Why::policy_host_certificate_expired:
      return "the certificate of " + p.subject.str() + (p.at <= now ? " has expired" : " expires");
    case Why::signatures_ended:
      return "the DNSSEC signatures of " + p.subject.str() + (p.at <= now ? " have ended" : " end");
    case Why::mx_none_in_policy:
      return "no MX host is listed in the policy";
    case Why::already:
      break;
  }
  return "no MX host passes what the policy demands";
}

}  // namespace

std::string mode_in_words(const Verdict& v) {
  std::string out;
  if (v.mode)
    out = std::string(to_string(*v.mode));
  else if (v.record.outcome == Outcome::absent)
    out = "no MTA-STS";
  else if (v.record.outcome == Outcome::unknown || v.policy.outcome == Outcome::unknown)
    out = "unknown";
  else
    out = "no valid policy";
  const Mode shown = v.mode.value_or(Mode::none);
  if (v.live_mode > shown) out += "; senders may still hold " + std::string(to_string(v.live_mode));
  return out;
}

std::string age_in_words(const Claims& claims) {
  return claims.fresh || !claims.seen ? claims.words() : "not seen since " + in_minutes(*claims.seen);
}

ForecastWords forecast_in_words(const Verdict& v, const Claims& claims, TimePoint now) {
  if (!claims.fresh) return {"dim", "Unknown: " + age_in_words(claims), std::nullopt, ""};
  const auto& f = v.forecast;
  const auto mail = mail_now(v);
  using enum MailNow::State;
  if (mail.state == stops && mail.everybodys)
    return {"critical", "Mail stops now", std::nullopt, "for all senders, as far as can be seen from here"};
  const auto in = [&](TimePoint at) { return " in " + to_words(at - now); };
  if (f.breakage && f.breakage->at <= now)
    return {"critical",
            "Mail of " + (v.enforce_usable_mx ? hit_senders(v) : "enforcing senders") + " stops now",
            std::nullopt, cause_in_words(*f.breakage, now)};
  if (const auto stopped = stopped_by_text(v.findings); !stopped.whose.empty())
    return {"critical", "Mail of senders " + stopped.whose + " stops now", std::nullopt, stopped.why};
  if (mail.state == stops) return {"critical", "Mail of some senders stops now", std::nullopt, mail.why};
  const auto& first =
      f.degradation && (!f.breakage || f.degradation->at < f.breakage->at) ? f.degradation : f.breakage;
  const bool soon = f.breakage && (f.overdue || f.breakage->at - now < kSoon);
  if (soon)
    return {"critical", "Mail of enforcing senders stops" + in(f.breakage->at), f.breakage->at,
            cause_in_words(*f.breakage, now)};
  if (mail.state == may_stop) return {"critical", "Mail may be stopping", std::nullopt, mail.why};
  if (mail.state == unseen) return {"warning", "Mail may flow or not", std::nullopt, mail.why};
  if (!f.breakage && std::ranges::any_of(v.findings, waits_with_long_keepers))
    return {"warning", "Mail of some senders waits", std::nullopt, "they keep an earlier policy for longer"};
  if (first && first->at <= now && !f.breakage)
    return {"warning", "Some MX hosts are skipped", std::nullopt, cause_in_words(*first, now)};
  if (first && first->at > now && first->at - now < kSoon)
    return {"warning", "Some MX hosts drop out" + in(first->at), first->at, cause_in_words(*first, now)};
  if (f.breakage) {
    const auto why = of_certificate(*f.breakage)
                         ? "the certificate of " + f.breakage->subject.str() + " has to be renewed by then"
                         : cause_in_words(*f.breakage, now);
    return {"dim", "Mail flows for " + to_words(f.breakage->at - now) + " at least", f.breakage->at, why};
  }
  if (f.lapse && *f.lapse > now)
    return {"dim", "Protection ends" + in(*f.lapse), *f.lapse, "unless the policy can be fetched by then"};
  if (v.null_mx) return {"dim", "Takes no mail", std::nullopt, ""};
  if (v.mode == Mode::testing) return {"dim", "Mail flows, nothing is enforced", std::nullopt, ""};
  if (v.mode == Mode::enforce || v.record.outcome == Outcome::unknown || v.policy.outcome == Outcome::unknown)
    return {"dim", "Nothing is foreseen", std::nullopt, ""};
  if (v.mode || v.record.outcome == Outcome::absent)
    return {"dim", "Mail flows unprotected", std::nullopt, ""};
  if (!v.record.taken_by.empty() && v.policy.shown)
    return {
        "warning", "Mail flows", std::nullopt,
        std::string(v.record.most_take() ? "most" : "some") + " senders take the record, which is not valid"};
  return {"warning", "Mail flows unprotected", std::nullopt,
          "there is no valid policy to fetch; senders that hold an earlier one keep to it"};
}

std::optional<TimePoint> last_look(const DomainMemory& memory) {
  std::optional<TimePoint> out;
  for (const auto& [part, times] : memory.times)
    if (times.last_look && (!out || *times.last_look > *out)) out = times.last_look;
  return out;
}

std::string ago(TimePoint at, TimePoint now) {
  return now - at < Seconds(2) ? "just now" : to_words(now - at) + " ago";
}

std::string in_minutes(TimePoint at) {
  const auto utc = to_utc(at);
  return utc.substr(0, 10) + ' ' + utc.substr(11, 5) + " UTC";
}

void write_time(Html& page, TimePoint at) {
  page.raw("<time datetime=\"").text(to_utc(at)).raw("\">").text(in_minutes(at)).raw("</time>");
}

void write_when(Html& page, TimePoint at, TimePoint now) {
  page.text(at > now ? "in " + to_words(at - now) : ago(at, now)).raw(" (");
  write_time(page, at);
  page.raw(")");
}

std::string title_of(std::string_view code) {
  static const std::map<std::string_view, std::string_view> kFacts{{"id", "The id in the record changed"},
                                                                   {"policy", "The policy changed"},
                                                                   {"record-gone", "The record is gone"},
                                                                   {"policy-gone", "The policy is gone"}};
  if (const auto fact = kFacts.find(code); fact != kFacts.end()) return std::string(fact->second);
  const auto* entry = find_in_catalogue(code);
  return std::string(entry ? std::string_view(entry->title) : code);
}

void write_own_trouble(Html& page, const std::vector<Incident>& own) {
  for (const auto& trouble : own) {
    if (!trouble.open()) continue;
    const auto& f = trouble.finding;
    page.raw("<article class=\"warning\" role=\"status\"><h2>").text(title_of(f.code)).raw("</h2><p>Since ");
    write_time(page, trouble.opened);
    page.raw(": ").text(f.detail).raw(". ").text(f.fix).raw(" <span class=\"small dim\">").text(f.code);
    page.raw("</span></p></article>");
  }
}

std::string own_trouble_in_words(const std::vector<Incident>& own) {
  std::string out;
  for (const auto& trouble : own) {
    if (!trouble.open()) continue;
    const auto& f = trouble.finding;
    out += f.code + " since " + to_utc(trouble.opened) + ": " + title_of(f.code) + ": " + f.detail + "\n";
  }
  return out;
}

}  // namespace stswatch
