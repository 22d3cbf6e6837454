// The JSON renderings of a notice.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "alerts/compose.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string_view status_word(const Notice& notice) { return notice.firing() ? "firing" : "resolved"; }

/// Slack: a section's text holds at most 3,000 characters, a header 150.
constexpr std::size_t kSlackText = 2900, kSlackHeader = 150;

Json slack_section(const std::string& label, const std::string& text) {
  const auto escaped = cut(escape_slack(text), kSlackText);
  const auto body = label == "Verify" ? "```" + escaped + "```" : escaped;
  return {{"type", "section"},
          {"text", {{"type", "mrkdwn"}, {"text", "*" + label + "*\n" + body}, {"verbatim", true}}}};
}

/// [a-zA-Z_][a-zA-Z0-9_]*
std::string label_name(std::string_view name) {
  std::string out;
  for (const char c : name)
    out += text::is_alnum(c) ? c : '_';
  return out.empty() || text::is_digit(out.front()) ? "_" + out : out;
}

/// Nothing that can change while the problem lasts is a label (CONTRACT 5): code, subject and numbers are
/// annotations.
Json alert_labels(const Notice& notice, const AlertIdentity::Level& level) {
  Json labels = Json::object();
  for (const auto& [name, value] : notice.alert.labels)
    if (!value.empty()) labels[label_name(name)] = clean(value);
  labels["alertname"] = "StswatchProblem";
  labels["problem"] = clean(notice.thread());
  labels["severity"] = to_string(level.severity);
  labels["route"] = to_string(level.route);
  return labels;
}

Json alert(const Notice& notice, const AlertIdentity::Level& level, TimePoint ends_at) {
  Json annotations = {{"summary", cut(clean(notice.title), 500)}, {"description", to_plain_text(notice)},
                      {"effect", clean(notice.effect)},           {"fix", clean(notice.fix)},
                      {"verify", clean(notice.verify)},           {"reference", clean(notice.reference)},
                      {"code", clean(notice.lead_code())}};
  if (!notice.findings.empty()) annotations["subject"] = clean(notice.findings.front().subject);
  if (!notice.runbook_url.empty()) annotations["runbook_url"] = clean(notice.runbook_url);
  Json out = {{"labels", alert_labels(notice, level)},
              {"annotations", std::move(annotations)},
              {"startsAt", to_utc(notice.since)},
              {"endsAt", to_utc(notice.firing() ? ends_at : notice.at)}};
  if (!notice.url.empty()) out["generatorURL"] = clean(notice.url);
  return out;
}

Json webhook_json(const Notice& notice) {
  Json domains = Json::array(), labels = Json::object(), findings = Json::array();
  for (const auto& domain : notice.domains)
    domains.push_back(clean(domain));
  for (const auto& [name, value] : notice.labels)
    labels[clean(name)] = clean(value);
  for (const auto& f : notice.findings)
    findings.push_back({{"domain", clean(f.domain)},
                        {"code", clean(f.code)},
                        {"subject", clean(f.subject)},
                        {"severity", to_string(f.severity)}});
  Json json = {{"version", 1},
               {"key", notice.key},
               {"kind", to_string(notice.kind)},
               {"status", status_word(notice)},
               {"route", to_string(notice.route)},
               {"severity", to_string(notice.severity)},
               {"title", clean(notice.title)},
               {"effect", clean(notice.effect)},
               {"seen", clean(notice.seen)},
               {"changed", clean(notice.changed)},
               {"since", to_utc(notice.since)},
               {"until", notice.until ? Json(to_utc(*notice.until)) : Json(nullptr)},
               {"fix", clean(notice.fix)},
               {"verify", clean(notice.verify)},
               {"reference", clean(notice.reference)},
               {"url", clean(notice.url)},
               {"domains", std::move(domains)},
               {"findings", std::move(findings)}};
  if (!labels.empty()) json["labels"] = std::move(labels);
  if (notice.domain_count > notice.domains.size()) json["domain_count"] = notice.domain_count;
  return json;
}

}  // namespace

std::string to_webhook_json(const Notice& notice) { return dump(webhook_json(notice)); }

nlohmann::json template_values(const Notice& notice) {
  nlohmann::json out = webhook_json(notice);
  std::set<std::string> told;
  out["codes"] = nlohmann::json::array();
  for (const auto& f : notice.findings)
    if (told.insert(f.code).second) out["codes"].push_back(clean(f.code));
  out["domain_count"] = notice.domain_count;
  out["thread"] = notice.thread();
  out["domain"] = notice.domains.empty() ? "" : clean(notice.domains.front());
  out["subject"] = subject_line(notice);
  out["text"] = to_plain_text(notice);
  return out;
}

std::string to_slack_json(const Notice& notice, const std::string& channel) {
  Json blocks = Json::array();
  blocks.push_back(
      {{"type", "header"},
       {"text",
        {{"type", "plain_text"}, {"text", cut(subject_line(notice), kSlackHeader)}, {"emoji", false}}}});
  for (const auto& [label, text] : fields_of(notice))
    blocks.push_back(slack_section(label, text));
  Json json = {{"text", escape_slack(subject_line(notice))},
               {"blocks", std::move(blocks)},
               {"unfurl_links", false},
               {"unfurl_media", false}};
  if (!channel.empty()) json["channel"] = channel;
  return dump(json);
}

std::string to_alertmanager_json(const std::vector<Notice>& notices, TimePoint ends_at) {
  Json alerts = Json::array();
  for (const auto& notice : notices)
    for (const auto& level : levels_of(notice))
      alerts.push_back(alert(notice, level, ends_at));
  return dump(alerts);
}

}  // namespace stswatch
