// Address, headers and body of a webhook's request, each a template; checked on samples before anything has
// to be told.
#include <algorithm>
#include <tuple>

#include <nlohmann/json.hpp>

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

}  // namespace stswatch
