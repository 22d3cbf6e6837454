#include "config/sections_webhook.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "alerts/template/template.h"
#include "checks/facts/join.h"
#include "checks/facts/result.h"
#include "config/sections_shared.h"

namespace stswatch::sections {
namespace {

constexpr std::size_t kMostHeaders = 20, kMostSecrets = 20;

/// RFC 9110 §5.6.2.
bool is_token(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::ranges::all_of(name, [](char c) {
    return text::is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

std::string complain_of_header(const std::string& name, const std::string& value) {
  if (!is_token(name)) return "\"" + printable(name, 60) + "\" is no name of a header";
  for (const auto* ours : {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect"})
    if (text::iequals(name, ours)) return name + " is set by the agent itself";
  if (text::iequals(name, "Content-Type")) return "Content-Type is set by content_type";
  if (text::istarts_with(name, "X-Stswatch-")) return "X-Stswatch-* are set by the agent itself";
  if (std::ranges::any_of(value, text::is_foreign)) return name + " holds what no header may";
  return {};
}

std::string complain_of_secret_name(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](char c) { return text::is_alnum(c) || c == '_'; });
  return plain && !name.empty() ? ""
                                : "\"" + printable(name, 60) + "\" is no name: letters, digits and \"_\"";
}

void read_body_file(TableReader& r, std::optional<std::string>& into, std::string& name) {
  r.read_checked("body_file", [&](const std::string& written) -> std::string {
    name = std::filesystem::path(written).filename().string();
    const auto whole = beside(r.file(), written);
    std::ifstream in(whole, std::ios::binary);
    std::string text(template_bounds::kText + 1, '\0');
    if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad() || (!in && in.gcount() == 0)) return whole + " cannot be read, or is empty";
    text.resize(static_cast<std::size_t>(in.gcount()));
    into = std::move(text);
    return {};
  });
}

/// "line 3: unknown path "titel"; did you mean "title"?"
std::string in_words(const TemplateComplaint& complaint, const std::string& file) {
  const auto& [key, e] = complaint;
  std::string out;
  if (key.find('.') != key.npos) out = key.substr(key.find('.') + 1) + ": ";
  if (key == "body") out = (file.empty() ? "line " : file + ":") + std::to_string(e.line) + ": ";
  out += e.what;
  if (e.known.empty()) return out;
  std::vector<std::string_view> known(e.known.begin(), e.known.end());
  if (const auto near = nearest(e.word, known); !near.empty())
    return out + "; did you mean \"" + near + "\"?";
  return out + "; there are " + text::joined(e.known);
}

/// Its tags may hold what no URL may; where they stand is checked with the template.
std::string without_tags(std::string text) {
  for (auto tag = text.find("{{"); tag != text.npos; tag = text.find("{{", tag)) {
    const auto end = text.find("}}", tag);
    if (end == text.npos) break;
    text.replace(tag, end + 2 - tag, "x");
  }
  return text;
}

void read_texts(TableReader& r, WebhookReceiver& into, bool shared) {
  r.read("headers", into.headers);
  for (const auto& [name, value] : into.headers)
    if (const auto why = complain_of_header(name, value); !why.empty()) r.complain("headers", why);
  if (into.headers.size() > kMostHeaders) r.complain("headers", "are over " + std::to_string(kMostHeaders));
  r.read("secret_files", into.secret_files);
  for (auto& [name, path] : into.secret_files) {
    path = beside(r.file(), path);
    auto why = complain_of_secret_name(name);
    if (why.empty()) why = path.empty() ? name + " names no file" : complain_of_secret_file(path, shared);
    if (!why.empty()) r.complain("secret_files", why);
  }
  if (into.secret_files.size() > kMostSecrets)
    r.complain("secret_files", "are over " + std::to_string(kMostSecrets));
}

}  // namespace

void webhook(TableReader& r, WebhookReceiver& into, bool shared) {
  r.read_checked("url", [&](const std::string& text) {
    into.url = text;
    return complain_of_url(without_tags(text));
  });
  read_secret_file(r, "url_file", into.url_file, shared);
  if (into.url_file.empty()) r.require("url");
  if (!into.url_file.empty() && !into.url.empty())
    r.complain("url_file", "\"url\" is there too: one of them");
  read_secret_file(r, "hmac_secret_file", into.hmac_secret_file, shared);
  r.read_word("method", into.method,
              std::vector<std::pair<std::string_view, WebhookMethod>>{{"POST", WebhookMethod::post},
                                                                      {"PUT", WebhookMethod::put}});
  r.read_checked("content_type", [&](const std::string& text) -> std::string {
    into.content_type = text;
    const bool plain = text.find('/') != text.npos && std::ranges::none_of(text, text::is_foreign);
    return plain ? "" : "\"" + printable(text, 60) + "\" is no media type; write \"application/json\"";
  });
  std::string file;
  if (r.has("body")) into.body.emplace();
  if (r.has("body")) r.read("body", *into.body);
  if (r.has("body") && r.has("body_file")) {
    r.complain("body_file", "\"body\" is there too: one of them");
    r.read("body_file",
           file);  // it is a known key, and what is said of the body is said of the one that is here
    file.clear();
  } else {
    read_body_file(r, into.body, file);
  }
  if (r.has("content_type") && !into.body)
    r.complain("content_type", "has no effect without \"body\" or \"body_file\"");
  read_texts(r, into, shared);
  const auto request = RequestTemplate::parse(into);
  if (request || (r.has("body_file") && !into.body)) return;
  for (const auto& complaint : request.error()) {
    const auto key = complaint.key == "body" && !file.empty()
                         ? "body_file"
                         : complaint.key.substr(0, complaint.key.find('.'));
    r.complain(key, in_words(complaint, file));
  }
}

}  // namespace stswatch::sections
