#include "agent/watch/own_state.h"

#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "agent/watch/log.h"
#include "alerts/open_finding.h"
#include "checks/facts/bounds.h"

namespace stswatch {
namespace {

constexpr const char* kTable = "own_trouble";
constexpr const char* kSubject = "stswatch";

Incident incident_of(std::string_view code, const std::string& detail, TimePoint now) {
  Findings raised(agent_itself(), Mode::none, now);
  raised.raise(code, kSubject, printable(detail, bounds::kDetail));
  Incident incident;
  incident.finding = raised.all().at(0);
  incident.opened = incident.last_bad = now;
  incident.bad_looks = 1;
  return incident;
}

/// nullopt for a row of another version, or a code that is no more.
std::optional<Incident> from_row(const std::string& code, const std::string& text) {
  const auto row = nlohmann::json::parse(text, nullptr, false);
  const auto* entry = find_in_catalogue(code);
  if (!row.is_object() || entry == nullptr || !entry->of_the_agent()) return std::nullopt;
  const auto string_at = [&](const char* key) {
    const auto it = row.find(key);
    return it != row.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto opened = parse_utc(string_at("opened"));
  if (!opened) return std::nullopt;
  return incident_of(code, string_at("detail"), *opened);
}

}  // namespace

OwnState::OwnState(KeyValueStore& rows, const Clock& clock) : rows_(rows), clock_(clock) {
  const auto now = clock_.now();
  for (const auto& [code, text] : rows_.all(kTable)) {
    auto incident = from_row(code, text);
    if (!incident) continue;
    incident->opened = std::min(incident->opened, now);
    incidents_.emplace(code, std::move(*incident));
  }
}

void OwnState::on_change(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  on_change_ = std::move(call);
}

void OwnState::ails(std::string_view code, const std::string& detail) {
  const auto now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    const auto it = incidents_.find(code);
    if (it != incidents_.end() && it->second.open()) {
      it->second.last_bad = now;
      it->second.finding.detail = printable(detail, bounds::kDetail);
      ++it->second.bad_looks;
      return;
    }
    const auto& incident =
        incidents_.insert_or_assign(std::string(code), incident_of(code, detail, now)).first->second;
    keep(incident);
    const auto* entry = find_in_catalogue(code);
    const auto& finding = incident.finding;
    log_line(finding.severity == Severity::critical ? spdlog::level::err : spdlog::level::warn,
             {.event = "agent-opened", .code = code, .subject = finding.subject}, "{}: {} [{}] {}",
             entry->title, detail, code, finding.fix);
  }
  tell();
}

void OwnState::well(std::string_view code) {
  const auto now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    const auto it = incidents_.find(code);
    if (it == incidents_.end() || !it->second.open()) return;
    it->second.closed = now;
    rows_.erase(kTable, it->first);
    log_info({.event = "agent-closed", .code = code, .subject = it->second.finding.subject},
             "over after {}: {} [{}]", to_words(now - it->second.opened), find_in_catalogue(code)->title,
             code);
  }
  tell();
}

void OwnState::settle(std::string_view code, const std::optional<std::string>& detail) {
  if (detail)
    ails(code, *detail);
  else
    well(code);
}

bool OwnState::is(std::string_view code) const {
  const std::lock_guard lock(mutex_);
  const auto it = incidents_.find(code);
  return it != incidents_.end() && it->second.open();
}

std::vector<Finding> OwnState::open() const { return open_findings(incidents()); }

std::vector<Incident> OwnState::incidents() const {
  const std::lock_guard lock(mutex_);
  std::vector<Incident> all;
  for (const auto& [_, incident] : incidents_)
    all.push_back(incident);
  return all;
}

void OwnState::keep(const Incident& incident) const {
  const auto& f = incident.finding;
  rows_.put(kTable, f.code, nlohmann::json{{"opened", to_utc(incident.opened)}, {"detail", f.detail}}.dump());
}

void OwnState::tell() const {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex_);
    call = on_change_;
  }
  if (call) call();
}

}  // namespace stswatch
