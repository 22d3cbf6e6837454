#include "alerts/decide.h"

#include <nlohmann/json.hpp>
#include <random>

namespace stswatch {
namespace {

using RowJson = nlohmann::json;

/// Throws nlohmann's exceptions, as reading does: caught in read().
TimePoint time_of(const RowJson& json) {
  const auto at = parse_utc(json.get<std::string>());
  if (!at) throw std::invalid_argument("no instant: " + json.dump());
  return *at;
}

template <class T>
T word(const RowJson& json, std::optional<T> (*parse)(std::string_view)) {
  const auto value = parse(json.get<std::string>());
  if (!value) throw std::invalid_argument("unknown word: " + json.dump());
  return *value;
}

RowJson optional_time(const std::optional<TimePoint>& at) {
  return at ? RowJson(to_utc(*at)) : RowJson(nullptr);
}

std::optional<TimePoint> optional_time_of(const RowJson& json) {
  return json.is_null() ? std::nullopt : std::optional(time_of(json));
}

RowJson levels_json(const Notice& n) {
  RowJson out = RowJson::array();
  for (const auto& level : n.alert.levels)
    out.push_back({to_string(level.route), to_string(level.severity)});
  return out;
}

RowJson notice_json(const Notice& n) {
  RowJson findings = RowJson::array();
  for (const auto& f : n.findings)
    findings.push_back({f.domain, f.code, f.subject, to_string(f.severity)});
  return {{"key", n.key},
          {"handle", n.handle},
          {"kind", to_string(n.kind)},
          {"route", to_string(n.route)},
          {"severity", to_string(n.severity)},
          {"title", n.title},
          {"effect", n.effect},
          {"seen", n.seen},
          {"seen_from", n.seen_from},
          {"not_seen_from", n.not_seen_from},
          {"changed", n.changed},
          {"since", to_utc(n.since)},
          {"until", optional_time(n.until)},
          {"outlook", n.outlook},
          {"fix", n.fix},
          {"verify", n.verify},
          {"reference", n.reference},
          {"url", n.url},
          {"runbook_url", n.runbook_url},
          {"domains", n.domains},
          {"domain_count", n.domain_count},
          {"findings", std::move(findings)},
          {"labels", n.labels},
          {"alert_labels", n.alert.labels},
          {"levels", levels_json(n)},
          {"at", to_utc(n.at)}};
}

Notice notice_of(const RowJson& json) {
  Notice n;
  n.key = json.at("key");
  n.kind = word(json.at("kind"), parse_notice_kind);
  n.route = word(json.at("route"), parse_route);
  n.severity = word(json.at("severity"), parse_severity);
  n.title = json.at("title");
  n.effect = json.at("effect");
  n.seen = json.at("seen");
  n.changed = json.at("changed");
  n.seen_from = json.value("seen_from", n.seen_from);  // nor are these
  n.not_seen_from = json.value("not_seen_from", n.not_seen_from);
  n.since = time_of(json.at("since"));
  n.until = optional_time_of(json.at("until"));
  n.outlook = json.at("outlook");
  n.fix = json.at("fix");
  n.verify = json.at("verify");
  n.reference = json.at("reference");
  n.url = json.at("url");
  n.handle = json.value("handle", "");            // nor is this
  n.runbook_url = json.value("runbook_url", "");  // not in rows of before
  n.domains = json.at("domains").get<std::vector<std::string>>();
  n.domain_count = json.at("domain_count");
  for (const auto& f : json.at("findings"))
    n.findings.push_back({f.at(0), f.at(1), f.at(2), word(f.at(3), parse_severity)});
  n.labels = json.at("labels").get<std::map<std::string, std::string>>();
  if (json.contains("levels")) {  // not in rows of before
    n.alert.labels = json.at("alert_labels").get<std::map<std::string, std::string>>();
    for (const auto& level : json.at("levels"))
      n.alert.levels.push_back({word(level.at(0), parse_route), word(level.at(1), parse_severity)});
  }
  n.at = time_of(json.at("at"));
  return n;
}

std::string dump_row(const RowJson& json) {
  return json.dump(-1, ' ', false, RowJson::error_handler_t::replace);
}

template <class T, class Fill>
tl::expected<T, std::string> read(std::string_view text, Fill fill) try {
  T out;
  fill(RowJson::parse(text), out);
  return out;
} catch (const std::exception& e) {
  return tl::make_unexpected(std::string(e.what()));
}

}  // namespace

std::string to_row(const Problem& problem) {
  RowJson last_notified = RowJson::object();
  for (const auto& [receiver, s] : problem.last_notified)
    last_notified[receiver] = {
        {"notice", notice_json(s.notice)}, {"codes", s.codes}, {"reminders", s.reminders}};
  return dump_row({{"id", problem.id},
                   {"keys", problem.keys},
                   {"since", to_utc(problem.since)},
                   {"acknowledged", optional_time(problem.acknowledged)},
                   {"said", std::move(last_notified)},
                   {"changes", problem.changes},
                   {"notices", problem.notices}});
}

std::string to_row(const PendingNotice& pending) {
  return dump_row({{"receiver", pending.receiver},
                   {"topic", pending.problem},
                   {"notice", notice_json(pending.notice)},
                   {"codes", pending.codes},
                   {"attempted", pending.attempted}});
}

std::string to_row(const Silence& silence) {
  return dump_row({{"domain", silence.domain},
                   {"code", silence.code},
                   {"subject", silence.subject},
                   {"until", optional_time(silence.until)},
                   {"comment", silence.comment},
                   {"by", silence.by}});
}

tl::expected<Problem, std::string> topic_from_row(std::string_view text) {
  return read<Problem>(text, [](const RowJson& json, Problem& out) {
    out.id = json.at("id");
    out.keys = json.at("keys").get<std::set<std::string>>();
    out.since = time_of(json.at("since"));
    out.acknowledged = optional_time_of(json.at("acknowledged"));
    for (const auto& [receiver, s] : json.at("said").items())
      out.last_notified[receiver] = {notice_of(s.at("notice")), s.at("codes").get<std::set<std::string>>(),
                                     s.at("reminders").get<int>()};
    if (json.contains("changes"))  // not in rows of earlier versions
      out.changes = json.at("changes").get<decltype(out.changes)>();
    out.notices = json.at("notices").get<std::map<std::string, int>>();
  });
}

tl::expected<PendingNotice, std::string> owed_from_row(std::string_view text) {
  return read<PendingNotice>(text, [](const RowJson& json, PendingNotice& out) {
    out.receiver = json.at("receiver");
    out.problem = json.at("topic");
    out.notice = notice_of(json.at("notice"));
    out.codes = json.at("codes").get<std::set<std::string>>();
    out.attempted = json.at("attempted");
  });
}

tl::expected<Silence, std::string> silence_from_row(std::string_view text) {
  return read<Silence>(text, [](const RowJson& json, Silence& out) {
    out.domain = json.at("domain");
    out.code = json.at("code");
    out.subject = json.at("subject");
    out.until = optional_time_of(json.at("until"));
    out.comment = json.at("comment");
    out.by = json.value("by", "");  // rows of earlier versions do not know
  });
}

std::string new_silence_id(TimePoint now) {
  constexpr std::string_view kLetters = "bcdfghjkmnpqrstvwxz23456789";  // none for another, and no words
  std::random_device random;
  std::string id = to_utc(now) + '-';
  for (int i = 0; i < 8; ++i)
    id += kLetters[random() % kLetters.size()];
  return id;
}

}  // namespace stswatch
