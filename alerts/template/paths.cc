// What a template may put in: the fields of the webhook's JSON (CONTRACT 5) and a few that only templates
// have.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <nlohmann/json.hpp>

#include "alerts/template/template.h"

namespace stswatch {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 21> kScalars = {
    "version",   "key",  "kind",         "status", "route",  "severity", "title",
    "effect",    "seen", "changed",      "since",  "until",  "fix",      "verify",
    "reference", "url",  "domain_count", "thread", "domain", "subject",  "text"};
constexpr std::array<std::string_view, 2> kLists = {"domains", "codes"};
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
    out["domains"] = out["codes"] = out["findings"] = Json::array();
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
