#include "agent/tell/html.h"

#include <algorithm>

#include "checks/facts/result.h"
#include "checks/facts/text.h"

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

}  // namespace stswatch
