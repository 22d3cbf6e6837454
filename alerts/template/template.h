// What a webhook sends instead of the notice's own JSON: a text with places for values of that JSON, filled
// in anew for each notice. The language is small and strict, so that `config check` finds what would fail at
// night, and no value can break out of its place. Immutable once parsed; pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace stswatch {

struct WebhookReceiver;

/// What is wrong with a template, where, and what might have been meant.
struct TemplateError {
  std::size_t line = 0;  // of the template, 1-based
  std::string what;      // in words, without a proposal
  std::string word;      // that is unknown; empty: nothing is
  std::vector<std::string> known;
};

/// How values are written where the template says nothing of it: by where they are put.
enum class Escape {
  none,    // text/plain
  json,    // within a string of JSON (RFC 8259 §7)
  url,     // RFC 3986 §2.1: all but unreserved characters, and ":" which a path may hold
  html,    // elements and attributes
  header,  // one line of printable ASCII (RFC 9110 §5.5)
};

namespace template_bounds {
inline constexpr std::size_t kText = 64 * 1024, kResult = 256 * 1024, kPieces = 1000, kDepth = 8;
}

class Template {
 public:
  static tl::expected<Template, TemplateError> parse(std::string_view text, Escape escape,
                                                     const std::set<std::string>& secrets);

  /// `values`: the notice's JSON, what is added to it for templates, and "secret". The error says what was
  /// too large.
  tl::expected<std::string, std::string> render(const nlohmann::json& values) const;
  /// Names of those that it puts in.
  const std::set<std::string>& secrets() const { return used_secrets_; }

  struct Filter {
    std::string name;
    std::vector<std::string> words;  // of cut: the number; of join: what goes between; of map: none
    std::vector<std::pair<std::string, std::string>> map;
  };
  struct Piece {
    enum class Kind { text, value, if_begin, if_else, if_end } kind = Kind::text;
    std::string text{};              // of text, as it is; else the path
    std::vector<Filter> filters{};   // of a value
    std::size_t line = 0, jump = 0;  // of "if" and "else": the piece to go on with when it is not for us
  };

 private:
  friend class TemplateParser;
  Escape escape_ = Escape::none;
  std::vector<Piece> pieces_;
  std::set<std::string> used_secrets_;
};

// Parts of the language.

enum class ValueKind { scalar, list, object };
/// What there is to put in: nullopt for a path that no notice has.
std::optional<ValueKind> kind_of_path(std::string_view path, const std::set<std::string>& secrets);
/// All of them, for proposals: with 0 for every number.
std::vector<std::string> known_paths(const std::set<std::string>& secrets);
/// The words that a path's value is one of; empty: it may be anything.
std::vector<std::string> words_of_path(std::string_view path);
/// The value, null where this notice has none.
const nlohmann::json& value_at(const nlohmann::json& values, std::string_view path);
/// What notices may look like at the extremes: each kind, empty parts, and text that wants to break out.
std::vector<nlohmann::json> sample_notices(const std::set<std::string>& secrets);

extern const std::vector<std::string> kFilterNames;
nlohmann::json apply(const Template::Filter& filter, nlohmann::json value);
std::string written(const nlohmann::json& value);
std::string escaped(std::string_view text, Escape escape);

// A whole request of a webhook: address, headers and body.

struct TemplateComplaint {
  std::string key;  // of the configuration: "url", "headers.Title", "body"
  TemplateError error;
};

class RequestTemplate {
 public:
  struct Request {
    std::string url;
    std::vector<std::string> headers;  // "Name: value", Content-Type among them
    std::optional<std::string> body;   // none: the notice's own JSON
  };

  /// Checks it whole, on sample notices too.
  static tl::expected<RequestTemplate, std::vector<TemplateComplaint>> parse(const WebhookReceiver& receiver);
  tl::expected<Request, std::string> render(const nlohmann::json& values) const;

 private:
  bool json_ = false;
  std::string content_type_;
  std::optional<Template> url_, body_;
  std::map<std::string, Template> headers_;
};

}  // namespace stswatch
