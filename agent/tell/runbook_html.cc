// The runbook's Markdown as HTML: headings, paragraphs, lists, one kind of table, blocks of code, links and
// `code`. A page that uses more shows it as it was written.
#include <algorithm>

#include "agent/tell/html.h"
#include "agent/tell/runbook.h"

namespace stswatch {
namespace {

constexpr std::string_view kHead =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>";
constexpr std::string_view kStyle =
    "</title><style>body{max-width:50em;margin:2em auto;padding:0 1em;font-family:sans-serif;line-height:1.5}"
    "pre{background:#8882;padding:.7em;overflow-x:auto}table{border-collapse:collapse}"
    "th,td{border:1px solid #8888;padding:.2em .7em;text-align:left}:root{color-scheme:light dark}"
    "</style></head><body>\n";

/// What is closed at the next line of another kind.
enum class Block { none, paragraph, list, table, code };

/// "certificate-expired.md" is the page beside this one; what has a scheme is elsewhere.
std::string target(std::string_view url) {
  std::string out(url);
  if (out.find(':') == out.npos && out.ends_with(".md")) out.replace(out.size() - 2, 2, "html");
  return out;
}

class Writer {
 public:
  std::string page(std::string_view markdown) {
    const auto title = markdown.substr(0, markdown.find('\n'));
    page_.raw(kHead).text(title.substr(std::min(title.find_first_not_of("# "), title.size()))).raw(kStyle);
    while (!markdown.empty()) {
      const auto end = std::min(markdown.find('\n'), markdown.size());
      line(markdown.substr(0, end));
      markdown.remove_prefix(std::min(end + 1, markdown.size()));
    }
    enter(Block::none);
    page_.raw("</body></html>\n");
    return page_.take();
  }

 private:
  void line(std::string_view text) {
    if (text.starts_with("```")) return enter(block_ == Block::code ? Block::none : Block::code);
    if (block_ == Block::code) return void(page_.text(text).raw("\n"));
    if (text.empty()) return enter(Block::none);
    if (text.starts_with("## ")) return heading("h2", text.substr(3));
    if (text.starts_with("# ")) return heading("h1", text.substr(2));
    if (text.starts_with("- ")) {
      enter(Block::list);
      page_.raw("<li>");
      inlined(text.substr(2));
      page_.raw("</li>\n");
    } else if (text.starts_with("|")) {
      row(text);
    } else {
      page_.raw(block_ == Block::paragraph ? "\n" : "");
      enter(Block::paragraph);
      inlined(text);
    }
  }

  void heading(std::string_view name, std::string_view words) {
    enter(Block::none);
    page_.element(name, words).raw("\n");
  }

  void row(std::string_view text) {
    if (text.starts_with("|---")) return;
    const std::string_view cell = block_ == Block::table ? "td" : "th";
    enter(Block::table);
    page_.raw("<tr>");
    for (text.remove_prefix(1); !text.empty();) {
      const auto end = std::min(text.find('|'), text.size());
      auto words = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      while (words.starts_with(' '))
        words.remove_prefix(1);
      while (words.ends_with(' '))
        words.remove_suffix(1);
      page_.element(cell, words);
    }
    page_.raw("</tr>\n");
  }

  /// [words](url) and `code`; anything else is words.
  void inlined(std::string_view text) {
    while (!text.empty()) {
      const auto at = std::min(text.find_first_of("[`"), text.size());
      page_.text(text.substr(0, at));
      text.remove_prefix(at);
      const auto taken = text.starts_with('[') ? link(text) : code(text);
      if (taken == 0 && !text.empty()) page_.text(text.substr(0, 1));
      text.remove_prefix(std::min(std::max<std::size_t>(taken, 1), text.size()));
    }
  }

  std::size_t link(std::string_view text) {
    const auto middle = text.find("](");
    const auto end = text.find(')', middle == text.npos ? middle : middle + 2);
    if (end == text.npos) return 0;
    page_.raw("<a href=\"").text(target(text.substr(middle + 2, end - middle - 2))).raw("\">");
    page_.text(text.substr(1, middle - 1)).raw("</a>");
    return end + 1;
  }

  std::size_t code(std::string_view text) {
    const auto end = text.find('`', 1);
    if (end == text.npos) return 0;
    page_.element("code", text.substr(1, end - 1));
    return end + 1;
  }

  void enter(Block next) {
    if (block_ == next) return;
    constexpr std::string_view kBegin[] = {"", "<p>", "<ul>\n", "<table>\n", "<pre>"};
    constexpr std::string_view kEnd[] = {"", "</p>\n", "</ul>\n", "</table>\n", "</pre>\n"};
    page_.raw(kEnd[static_cast<std::size_t>(block_)]).raw(kBegin[static_cast<std::size_t>(next)]);
    block_ = next;
  }

  Html page_;
  Block block_ = Block::none;
};

}  // namespace

std::string runbook_as_html(std::string_view page) { return Writer().page(page); }

}  // namespace stswatch
