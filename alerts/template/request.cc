// Address, headers and body of a webhook's request, each a template; checked on samples before anything has
// to be told.
#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "alerts/options.h"
#include "alerts/template/template.h"
#include "checks/facts/result.h"

namespace stswatch {
namespace {

using Complaints = std::vector<TemplateComplaint>;

Escape escape_for(const std::string& content_type) {
  const auto type = text::lower(text::trim(content_type.substr(0, content_type.find(';'))));
  if (type == "application/json" || type.ends_with("+json")) return Escape::json;
  if (type == "application/x-www-form-urlencoded") return Escape::url;
  if (type == "text/html" || type.ends_with("/xml") || type.ends_with("+xml")) return Escape::html;
  return Escape::none;
}

/// What may be done about it, where the text before the fault shows that.
std::string fix_of(std::string_view before) {
  const auto last = before.substr(0, before.size() - (before.empty() ? 0 : 1)).find_last_not_of(" \t\r\n");
  const bool closes = before.ends_with('}') || before.ends_with(']');
  if (closes && last != before.npos && before[last] == ',') return "the comma before it is one too many";
  return "a value stands in quotes, or ends with | json";
}

/// "parse error at line 3, column 5: …": where and what, of nlohmann's words.
TemplateError not_json(const std::string& result) {
  TemplateError error{1, "what it makes is no JSON", "", {}};
  try {
    std::ignore = nlohmann::json::parse(result);
  } catch (const nlohmann::json::parse_error& e) {
    const auto end = result.begin() + static_cast<std::ptrdiff_t>(std::min(e.byte, result.size()));
    error.line = 1 + static_cast<std::size_t>(std::count(result.begin(), end, '\n'));
    const auto begin = result.rfind('\n', std::min(e.byte, result.size()) - 1);
    const auto from = begin == result.npos ? 0 : begin + 1;
    const auto before = result.substr(from, e.byte > from ? e.byte - from : 1);
    // Its end is at the fault; the values in it are those of a sample.
    constexpr std::size_t kShown = 40;
    error.what += " after " +
                  text::quoted(before.size() > kShown ? before.substr(before.size() - kShown) : before) +
                  " (with a sample's values): " + fix_of(before);
  }
  return error;
}

}  // namespace

tl::expected<RequestTemplate, Complaints> RequestTemplate::parse(const WebhookReceiver& receiver) {
  RequestTemplate out;
  Complaints complaints;
  std::set<std::string> secrets, used;
  for (const auto& [name, _] : receiver.secret_files)
    secrets.insert(name);
  const auto part = [&](const std::string& key, const std::string& text, Escape escape) {
    auto parsed = Template::parse(text, escape, secrets);
    if (!parsed) {
      complaints.push_back({key, parsed.error()});
      return std::optional<Template>();
    }
    used.insert(parsed->secrets().begin(), parsed->secrets().end());
    return std::optional(std::move(*parsed));
  };
  out.content_type_ = receiver.content_type;
  const auto escape = escape_for(receiver.content_type);
  out.json_ = escape == Escape::json;
  if (receiver.url_file.empty()) out.url_ = part("url", receiver.url, Escape::url);
  // Where the host is told by a value, a notice could choose it.
  const auto host = receiver.url.find("://");
  if (const auto tag = receiver.url.find("{{");
      tag != receiver.url.npos && (host == receiver.url.npos || tag < receiver.url.find('/', host + 3)))
    complaints.push_back(
        {"url",
         {1, "a template may begin after the host only; a whole secret URL goes to url_file", "", {}}});
  for (const auto& [name, text] : receiver.headers)
    if (auto header = part("headers." + name, text, Escape::header))
      out.headers_.emplace(name, std::move(*header));
  if (receiver.body) out.body_ = part("body", *receiver.body, escape);
  if (!complaints.empty()) return tl::make_unexpected(std::move(complaints));
  for (const auto& name : secrets)
    if (!used.contains(name))
      complaints.push_back(
          {"secret_files." + name,
           {1, "is used nowhere: write {{ secret." + name + " }} in url, headers or body", "", {}}});
  for (const auto& sample : sample_notices(secrets)) {
    if (!out.body_ || !complaints.empty()) break;
    const auto made = out.body_->render(sample);
    if (!made)
      complaints.push_back({"body", {1, made.error(), "", {}}});
    else if (out.json_ && !nlohmann::json::accept(*made))
      complaints.push_back({"body", not_json(*made)});
  }
  if (!complaints.empty()) return tl::make_unexpected(std::move(complaints));
  return out;
}

tl::expected<RequestTemplate::Request, std::string> RequestTemplate::render(
    const nlohmann::json& values) const {
  Request out;
  if (url_) {
    auto url = url_->render(values);
    if (!url) return tl::make_unexpected(url.error());
    out.url = std::move(*url);
  }
  if (!content_type_.empty()) out.headers.push_back("Content-Type: " + content_type_);
  for (const auto& [name, header] : headers_) {
    auto value = header.render(values);
    if (!value) return tl::make_unexpected(value.error());
    // libcurl sends a header of no value only so.
    out.headers.push_back(value->empty() ? name + ';' : name + ": " + *value);
  }
  if (!body_) return out;
  auto body = body_->render(values);
  if (!body) return tl::make_unexpected(body.error());
  if (json_ && !nlohmann::json::accept(*body))
    return tl::make_unexpected("what the template makes is no JSON");
  out.body = std::move(*body);
  return out;
}

// What a template may put in: the fields of the webhook's JSON (CONTRACT 5) and a few that only templates
// have.

namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 21> kScalars = {
    "version",   "key",  "kind",         "status", "route",  "severity", "title",
    "effect",    "seen", "changed",      "since",  "until",  "fix",      "verify",
    "reference", "url",  "domain_count", "thread", "domain", "subject",  "text"};
constexpr std::array<std::string_view, 4> kLists = {"domains", "codes", "seen_from", "not_seen_from"};
constexpr std::array<std::string_view, 4> kOfFinding = {"domain", "code", "subject", "severity"};
constexpr std::size_t kMostIndex = 999;

struct Parts {
  std::string_view head, tail;
};
Parts split(std::string_view path) {
  const auto dot = path.find('.');
  return dot == path.npos ? Parts{path, {}} : Parts{path.substr(0, dot), path.substr(dot + 1)};
}

std::optional<std::size_t> index_of(std::string_view word) {
  std::size_t n = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), n);
  if (error != std::errc() || end != word.data() + word.size() || n > kMostIndex) return std::nullopt;
  return n;
}

bool holds(const auto& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

}  // namespace

std::optional<ValueKind> kind_of_path(std::string_view path, const std::set<std::string>& secrets) {
  const auto [head, tail] = split(path);
  if (tail.empty() && path.ends_with('.')) return std::nullopt;
  if (tail.empty()) {
    if (holds(kScalars, head)) return ValueKind::scalar;
    if (holds(kLists, head)) return ValueKind::list;
    return head == "findings" || head == "labels" ? std::optional(ValueKind::object) : std::nullopt;
  }
  if (head == "labels") return ValueKind::scalar;
  if (head == "secret")
    return secrets.contains(std::string(tail)) ? std::optional(ValueKind::scalar) : std::nullopt;
  if (holds(kLists, head)) return index_of(tail) ? std::optional(ValueKind::scalar) : std::nullopt;
  const auto [number, field] = split(tail);
  if (head != "findings" || !index_of(number)) return std::nullopt;
  if (field.empty()) return ValueKind::object;
  return holds(kOfFinding, field) ? std::optional(ValueKind::scalar) : std::nullopt;
}

std::vector<std::string> known_paths(const std::set<std::string>& secrets) {
  std::vector<std::string> out(kScalars.begin(), kScalars.end());
  for (const auto list : kLists) {
    out.emplace_back(list);
    out.push_back(std::string(list) + ".0");
  }
  out.insert(out.end(), {"findings", "labels"});
  for (const auto field : kOfFinding)
    out.push_back("findings.0." + std::string(field));
  for (const auto& name : secrets)
    out.push_back("secret." + name);
  return out;
}

std::vector<std::string> words_of_path(std::string_view path) {
  if (path == "kind") return {"new", "worse", "better", "reminder", "resolved"};
  if (path == "status") return {"firing", "resolved"};
  if (path == "route") return {"page", "ticket", "log"};
  if (path == "severity" || (path.starts_with("findings.") && path.ends_with(".severity")))
    return {"critical", "warning", "info"};
  return {};
}

const Json& value_at(const Json& values, std::string_view path) {
  static const Json nothing;
  const Json* at = &values;
  while (!path.empty()) {
    auto [head, tail] = split(path);
    // A label's name may hold dots.
    if (head == "labels" && at == &values && !tail.empty()) {
      const auto labels = values.find("labels");
      if (labels == values.end()) return nothing;
      const auto label = labels->find(std::string(tail));
      return label == labels->end() ? nothing : *label;
    }
    if (at->is_array()) {
      const auto n = index_of(head);
      if (!n || *n >= at->size()) return nothing;
      at = &(*at)[*n];
    } else {
      const auto next = at->is_object() ? at->find(std::string(head)) : at->end();
      if (next == at->end()) return nothing;
      at = &*next;
    }
    path = tail;
  }
  return *at;
}

std::vector<Json> sample_notices(const std::set<std::string>& secrets) {
  const std::string hostile =
      "a \"quoted\" \\ <b>{{ title }}</b>\n[x](http://evil.example) @all ünï\u2028 \t&%'`";
  Json secret = Json::object();
  for (const auto& name : secrets)
    secret[name] = "sample-secret";
  const auto sample = [&](const char* kind, const char* route, const char* severity,
                          const std::string& text) {
    Json out = {{"version", 1}, {"kind", kind}, {"route", route}, {"severity", severity}, {"secret", secret}};
    out["status"] = out["kind"] == "resolved" ? "resolved" : "firing";
    for (const auto* field : {"title", "effect", "seen", "changed", "fix", "verify", "reference", "url",
                              "domain", "subject", "text"})
      out[field] = text;
    out["key"] = "2026-12-01T00:00:00Z.example.1";
    out["thread"] = "2026-12-01T00:00:00Z.example";
    out["since"] = "2026-12-01T00:00:00Z";
    out["until"] = nullptr;
    for (const auto* list : {"domains", "codes", "findings", "seen_from", "not_seen_from"})
      out[list] = Json::array();
    out["domain_count"] = 0;
    out["labels"] = Json::object();
    return out;
  };
  std::vector<Json> out;
  for (const auto* kind : {"new", "worse", "better", "reminder"}) {
    auto firing = sample(kind, "page", "critical", hostile);
    firing["domains"] = {hostile, "example.com"};
    firing["domain_count"] = 2;
    firing["codes"] = {"certificate-expired", hostile};
    firing["seen_from"] = {"fra1", hostile};
    firing["findings"] = {
        {{"domain", hostile}, {"code", hostile}, {"subject", hostile}, {"severity", "critical"}}};
    firing["labels"]["team"] = hostile;
    out.push_back(std::move(firing));
  }
  out.push_back(sample("resolved", "ticket", "warning", "x"));
  out.back()["until"] = "2026-12-01T01:00:00Z";
  out.push_back(sample("new", "log", "info", ""));  // the agent's own: of no domain
  return out;
}

}  // namespace stswatch
