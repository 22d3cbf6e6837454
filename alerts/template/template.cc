// The language: text, {{ path | filter … }}, {{#if path}} … {{else}} … {{/if}}.
#include "alerts/template/template.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch {

namespace {

using Kind = Template::Piece::Kind;
using PlaceholderWords = std::vector<std::string>;

/// PlaceholderWords of a tag; '|' is one of its own, quotes hold a word together. nullopt: a quote is not
/// closed.
std::optional<PlaceholderWords> words_of(std::string_view tag) {
  PlaceholderWords out;
  std::string word;
  bool begun = false, inside = false;
  const auto end = [&] {
    if (begun) out.push_back(word);
    word.clear();
    begun = false;
  };
  for (const char c : tag) {
    if (c == '"') {
      inside = !inside;
      begun = true;
    } else if (!inside && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      end();
    } else if (!inside && c == '|') {
      end();
      out.emplace_back("|");
    } else {
      word += c;
      begun = true;
    }
  }
  if (inside) return std::nullopt;
  end();
  return out;
}

bool escapes(const std::string& filter) {
  return filter == "json" || filter == "url" || filter == "html" || filter == "markdown";
}

}  // namespace

class TemplateParser {
 public:
  TemplateParser(std::string_view text, Escape escape, const std::set<std::string>& secrets)
      : left_(text), secrets_(secrets) {
    out_.escape_ = escape;
  }

  tl::expected<Template, TemplateError> parse() {
    if (left_.size() > template_bounds::kText) {
      fail("is over " + std::to_string(template_bounds::kText) + " octets");
      return tl::make_unexpected(*error_);
    }
    while (!left_.empty() && !error_) {
      const auto open = std::min(left_.find("{{"), left_.size());
      if (open > 0) text(open);
      if (!left_.empty()) tag();
      if (out_.pieces_.size() > template_bounds::kPieces) fail("has too many parts");
    }
    if (!error_ && !open_.empty()) {
      line_ = out_.pieces_[open_.back()].line;
      fail("{{#if}} without {{/if}}");
    }
    if (error_) return tl::make_unexpected(*error_);
    return std::move(out_);
  }

 private:
  void fail(std::string what, std::string word = {}, PlaceholderWords known = {}) {
    if (!error_) error_ = TemplateError{line_, std::move(what), std::move(word), std::move(known)};
  }

  void take(std::size_t n) {
    line_ += static_cast<std::size_t>(
        std::count(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(n), '\n'));
    left_.remove_prefix(n);
  }

  void text(std::size_t n) {
    out_.pieces_.push_back({.kind = Kind::text, .text = std::string(left_.substr(0, n)), .line = line_});
    take(n);
  }

  void tag() {
    const auto end = left_.find("}}");
    if (end == left_.npos) return fail("\"{{\" without \"}}\"");
    const auto words = words_of(left_.substr(2, end - 2));
    if (!words)
      fail("a quote is not closed");
    else if (words->empty())
      fail("\"{{ }}\" names no path", "", known_paths(secrets_));
    else if (words->front().starts_with('#') || words->front().starts_with('/') || words->front() == "else")
      block(*words);
    else
      value(*words);
    if (!error_) take(end + 2);
  }

  void block(const PlaceholderWords& words) {
    auto& pieces = out_.pieces_;
    if (words[0] == "#if") {
      if (words.size() != 2) return fail("{{#if}} takes one path");
      if (!known(words[1])) return;
      if (open_.size() >= template_bounds::kDepth) return fail("{{#if}} goes too deep");
      open_.push_back(pieces.size());
      pieces.push_back({.kind = Kind::if_begin, .text = words[1], .line = line_});
    } else if (words[0] == "else" || words[0] == "/if") {
      if (words.size() != 1) return fail("{{" + words[0] + "}} takes nothing");
      if (open_.empty()) return fail("{{" + words[0] + "}} without {{#if}}");
      auto& begin = pieces[open_.back()];
      const bool ends = words[0] == "/if";
      if (!ends && begin.kind == Kind::if_else) return fail("a second {{else}}");
      begin.jump = pieces.size();
      open_.pop_back();
      if (!ends) open_.push_back(pieces.size());
      pieces.push_back({.kind = ends ? Kind::if_end : Kind::if_else, .text = "", .line = line_});
    } else {
      fail("{{" + printable(words[0], 20) + "}} is unknown", words[0], {"#if", "else", "/if"});
    }
  }

  bool known(const std::string& path) {
    if (kind_of_path(path, secrets_)) {
      if (path.starts_with("secret.")) out_.used_secrets_.insert(path.substr(7));
      return true;
    }
    if (path.starts_with("secret."))
      fail(text::quoted(path) + ": secret_files names no such secret", path, known_paths(secrets_));
    else
      fail("unknown path " + text::quoted(path), path, known_paths(secrets_));
    return false;
  }

  void value(const PlaceholderWords& words) {
    const auto& path = words[0];
    if (!known(path)) return;
    Template::Piece piece{.kind = Kind::value, .text = path, .line = line_};
    auto kind = *kind_of_path(path, secrets_);
    for (std::size_t i = 1; i < words.size() && !error_;) {
      if (words[i] != "|") return fail(text::quoted(words[i]) + " stands where \"|\" or the end is due");
      const auto next = static_cast<std::size_t>(
          std::find(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end(), "|") - words.begin());
      if (next == i + 1) return fail("\"|\" without a filter");
      filter(piece, kind,
             PlaceholderWords(words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                              words.begin() + static_cast<std::ptrdiff_t>(next)));
      i = next;
    }
    if (kind == ValueKind::list) fail(text::quoted(path) + " is a list: write | join \", \" or | json");
    if (kind == ValueKind::object)
      fail(text::quoted(path) + " holds several values: name one of them, or write | json");
    out_.pieces_.push_back(std::move(piece));
  }

  void filter(Template::Piece& piece, ValueKind& kind, const PlaceholderWords& words) {
    Template::Filter filter{.name = words[0], .words = {words.begin() + 1, words.end()}, .map = {}};
    const auto& name = filter.name;
    if (std::ranges::find(kFilterNames, name) == kFilterNames.end())
      return fail("unknown filter " + text::quoted(name), name, kFilterNames);
    if (!piece.filters.empty() && escapes(piece.filters.back().name) &&
        (name != "json" || piece.filters.back().name == "json"))
      return fail("nothing may follow | " + piece.filters.back().name);
    if (name == "join" && kind != ValueKind::list) return fail("| join takes a list");
    if (name != "join" && name != "json" && kind != ValueKind::scalar)
      return fail(text::quoted(piece.text) + " is no single value: | join or | json comes first");
    const std::size_t wants = name == "join" || name == "cut" ? 1 : 0;
    if (name == "map")
      map(piece, filter);
    else if (filter.words.size() != wants)
      return fail("| " + name +
                  (wants == 0      ? " takes nothing"
                   : name == "cut" ? " takes a number"
                                   : " takes what goes between, in quotes"));
    if (name == "cut" &&
        (filter.words[0].empty() || filter.words[0].size() > 6 ||
         !std::ranges::all_of(filter.words[0], text::is_digit) || filter.words[0].size() < 2))
      return fail("| cut takes a number of octets, 10 to 999999");
    kind = ValueKind::scalar;
    piece.filters.push_back(std::move(filter));
  }

  void map(const Template::Piece& piece, Template::Filter& filter) {
    if (filter.words.empty()) return fail("| map takes from=to pairs");
    const auto possible = piece.filters.empty() ? words_of_path(piece.text) : PlaceholderWords{};
    for (const auto& pair : filter.words) {
      const auto equals = pair.find('=');
      if (equals == pair.npos || equals == 0) return fail("| map: " + text::quoted(pair) + " is no from=to");
      const auto from = pair.substr(0, equals);
      if (from != "else" && !possible.empty() && std::ranges::find(possible, from) == possible.end())
        return fail(text::quoted(piece.text) + " is never " + text::quoted(from), from, possible);
      filter.map.emplace_back(from, pair.substr(equals + 1));
    }
    filter.words.clear();
  }

  std::string_view left_;
  const std::set<std::string>& secrets_;
  std::size_t line_ = 1;
  Template out_;
  std::vector<std::size_t> open_;
  std::optional<TemplateError> error_;
};

tl::expected<Template, TemplateError> Template::parse(std::string_view text, Escape escape,
                                                      const std::set<std::string>& secrets) {
  return TemplateParser(text, escape, secrets).parse();
}

namespace {

bool is_there(const nlohmann::json& value) {
  return !value.is_null() && !(value.is_string() && value.get_ref<const std::string&>().empty()) &&
         !(value.is_structured() && value.empty()) && value != 0;
}

std::string filled_in(const Template::Piece& piece, const nlohmann::json& values, Escape escape) {
  nlohmann::json value = value_at(values, piece.text);
  bool as_it_is = false;
  for (const auto& filter : piece.filters) {
    const bool own =
        (filter.name == "url" && escape == Escape::url) || (filter.name == "html" && escape == Escape::html);
    if (own) continue;  // done at the end in any case
    as_it_is = filter.name == "json" && escape == Escape::json;
    value = apply(filter, std::move(value));
  }
  return as_it_is ? value.get<std::string>() : escaped(written(value), escape);
}

}  // namespace

tl::expected<std::string, std::string> Template::render(const nlohmann::json& values) const {
  std::string out;
  // What is left out leaves its line ends, so that lines of the result are those of the template.
  const auto leave_out = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to && escape_ == Escape::json; ++i)
      if (pieces_[i].kind == Kind::text)
        out.append(static_cast<std::size_t>(std::ranges::count(pieces_[i].text, '\n')), '\n');
  };
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    const bool skip = piece.kind == Kind::if_else ||  // met at the end of what was taken
                      (piece.kind == Kind::if_begin && !is_there(value_at(values, piece.text)));
    if (skip) {
      leave_out(i, piece.jump);
      i = piece.jump;
    } else if (piece.kind == Kind::text) {
      out += piece.text;
    } else if (piece.kind == Kind::value) {
      out += filled_in(piece, values, escape_);
    }
    if (out.size() > template_bounds::kResult)
      return tl::make_unexpected("what the template makes is over " +
                                 std::to_string(template_bounds::kResult) +
                                 " octets: cut its longest values with | cut");
  }
  return out;
}

// What is done to a value on its way into a template, and how it is kept within its place.

using Json = nlohmann::json;

const std::vector<std::string> kFilterNames = {"json", "url", "html", "markdown", "map", "join", "cut"};

namespace {

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string url_escaped(std::string_view s) {
  constexpr std::string_view kHex = "0123456789ABCDEF", kPlain = "-._~:";
  std::string out;
  for (const char c : s) {
    const auto octet = static_cast<unsigned char>(c);
    if (text::is_alnum(c) || kPlain.find(c) != kPlain.npos)
      out += c;
    else
      out += {'%', kHex[octet >> 4U], kHex[octet & 15U]};
  }
  return out;
}

std::string html_escaped(std::string_view s) {
  std::string out;
  for (const char c : s)
    out += c == '&'    ? "&amp;"
           : c == '<'  ? "&lt;"
           : c == '>'  ? "&gt;"
           : c == '"'  ? "&quot;"
           : c == '\'' ? "&#39;"
                       : std::string(1, c);
  return out;
}

/// CommonMark §2.4: a backslash takes the meaning from any ASCII punctuation. Chat programs look for mentions
/// and bare addresses before that, so these are taken apart by a space of no width.
std::string markdown_escaped(std::string_view s) {
  constexpr std::string_view kMarks = "\\`*_{}[]()#+-!|~<>&=$", kNoWidth = "\u200b";
  std::string out;
  for (const char c : s) {
    if (kMarks.find(c) != kMarks.npos) out += '\\';
    out += c;
    if (c == '@' || c == ':') out += kNoWidth;
  }
  return out;
}

std::string header_escaped(std::string_view s) {
  std::string out;
  for (const char c : s)
    out += c == '\n' || c == '\t' ? ' ' : text::is_foreign(c) ? '?' : c;
  return out;
}

std::string cut_to(std::string text, const std::string& octets) {
  constexpr std::string_view kDots = "…";
  std::size_t most = 0;
  (void)std::from_chars(octets.data(), octets.data() + octets.size(), most);
  if (text.size() <= most) return text;
  std::size_t end = most - std::min(most, kDots.size());
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return text.substr(0, end) + std::string(kDots);
}

std::string joined(const Json& list, const std::string& between) {
  std::string out;
  for (const auto& element : list)
    out += (&element == &list.front() ? "" : between) + written(element);
  return out;
}

}  // namespace

std::string written(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : dump(value);
}

Json apply(const Template::Filter& filter, Json value) {
  if (filter.name == "json") return dump(value);
  if (filter.name == "url") return url_escaped(written(value));
  if (filter.name == "html") return html_escaped(written(value));
  if (filter.name == "markdown") return markdown_escaped(written(value));
  if (filter.name == "join") return joined(value, filter.words.at(0));
  if (filter.name == "cut") return cut_to(written(value), filter.words.at(0));
  const auto word = written(value);
  std::optional<std::string> otherwise;
  for (const auto& [from, to] : filter.map) {
    if (from == word) return to;
    if (from == "else") otherwise = to;
  }
  return otherwise.value_or(word);
}

std::string escaped(std::string_view text, Escape escape) {
  switch (escape) {
    case Escape::json: {
      const auto quoted = dump(Json(text));
      return quoted.substr(1, quoted.size() - 2);
    }
    case Escape::url:
      return url_escaped(text);
    case Escape::html:
      return html_escaped(text);
    case Escape::header:
      return header_escaped(text);
    default:
      return std::string(text);
  }
}

}  // namespace stswatch
