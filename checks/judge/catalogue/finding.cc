#include "checks/judge/catalogue/finding.h"

#include <algorithm>
#include <cassert>
#include <optional>

namespace stswatch {
namespace {

/// What the placeholders of one finding stand for: the rule's own values, else those that follow from the
/// subject.
class Filling {
 public:
  Filling(std::initializer_list<Fill> given, const Domain& domain, std::string_view subject, TimePoint now,
          const std::string& until)
      : given_(given), domain_(domain), subject_(subject), now_(now), until_(until) {}

  /// nullopt: no placeholder of this name. A value the rule left empty counts as not given.
  std::optional<std::string> of(std::string_view name) const {
    for (const auto& [key, value] : given_) {
      if (key == name && !value.empty()) return value;
    }
    const auto space = subject_.find(' ');
    if (name == "domain") return domain_.str();
    if (name == "policy_host") return domain_.policy_host();
    if (name == "record") return domain_.sts_record_name();
    if (name == "subject" || name == "value") return std::string(subject_);
    if (name == "host") return std::string(subject_.substr(0, space));
    if (name == "address") return std::string(space == subject_.npos ? subject_ : subject_.substr(space + 1));
    if (name == "until") return until_.empty() ? "the end of max_age after their last fetch" : until_;
    if (name == "who") return "Senders that enforce the policy";
    if (name == "new_id") return fresh_id(now_);
    return std::nullopt;
  }

  /// One pass: what comes from outside is never read as a placeholder itself.
  std::string into(std::string_view text) const {
    std::string out;
    while (!text.empty()) {
      const auto open = text.find('{');
      out += text.substr(0, open);
      if (open == text.npos) break;
      text.remove_prefix(open);
      const auto close = text.find('}');
      const auto value = close == text.npos ? std::nullopt : of(text.substr(1, close - 1));
      assert(value && "a text of the catalogue holds an unknown placeholder");
      out += value ? *value : std::string(text.substr(0, close == text.npos ? close : close + 1));
      if (close == text.npos) break;
      text.remove_prefix(close + 1);
    }
    return out;
  }

 private:
  std::initializer_list<Fill> given_;
  const Domain& domain_;
  std::string_view subject_;
  TimePoint now_;
  const std::string& until_;
};

}  // namespace

void Findings::raise(std::string_view code, std::string subject, std::string detail,
                     std::initializer_list<Fill> fills) {
  const CatalogueEntry* entry = find_in_catalogue(code);
  assert(entry && "code is not in the catalogue");
  if (!entry) return;
  if (const auto severity = entry->severity_in(live_)) {
    raise_as(*severity, code, std::move(subject), std::move(detail), fills);
  }
}

void Findings::raise_as(Severity severity, std::string_view code, std::string subject, std::string detail,
                        std::initializer_list<Fill> fills) {
  const CatalogueEntry* entry = find_in_catalogue(code);
  assert(entry && "code is not in the catalogue");
  if (!entry || !entry->severity_in(live_) || has(code, subject)) return;

  Finding finding;
  finding.code = entry->code;
  finding.of_the_agent = entry->of_the_agent();
  finding.severity = finding.of_the_agent ? Severity::info : severity;
  finding.route = entry->route_in(live_);
  if (!finding.of_the_agent && severity == Severity::info) finding.route = Route::log;
  const Filling filling(fills, domain_, subject, now_, until_);
  finding.effect = filling.into(entry->effect);
  finding.fix = filling.into(entry->fix);
  finding.reference = entry->reference;
  finding.subject = std::move(subject);
  finding.detail = std::move(detail);
  all_.push_back(std::move(finding));
}

void Findings::raise_routed(Route route, std::string_view code, std::string subject, std::string detail,
                            std::initializer_list<Fill> fills) {
  const std::size_t before = all_.size();
  raise(code, std::move(subject), std::move(detail), fills);
  if (all_.size() == before) return;
  if (all_.back().severity != Severity::info) all_.back().route = route;
}

void Findings::raise_at_most(Severity most, std::string_view code, std::string subject, std::string detail,
                             std::initializer_list<Fill> fills) {
  const CatalogueEntry* entry = find_in_catalogue(code);
  assert(entry && "code is not in the catalogue");
  const auto severity = entry ? entry->severity_in(live_) : std::nullopt;
  if (!severity) return;
  const std::size_t before = all_.size();
  raise_as(std::min(*severity, most), code, std::move(subject), std::move(detail), fills);
  if (all_.size() > before && most < Severity::critical && all_.back().route == Route::page)
    all_.back().route = Route::ticket;
}

bool Findings::has(std::string_view code) const {
  return std::ranges::any_of(all_, [&](const Finding& f) { return f.code == code; });
}

bool Findings::has(std::string_view code, std::string_view subject) const {
  return std::ranges::any_of(all_, [&](const Finding& f) { return f.code == code && f.subject == subject; });
}

std::vector<Finding> sorted(std::vector<Finding> findings) {
  const auto place = [](const Finding& f) { return find_in_catalogue(f.code) - catalogue().data(); };
  std::ranges::stable_sort(findings, [&](const Finding& a, const Finding& b) {
    if (a.severity != b.severity) return a.severity > b.severity;
    if (a.code != b.code) return place(a) < place(b);
    return a.subject < b.subject;
  });
  return findings;
}

std::string fresh_id(TimePoint now) {
  std::string id = to_utc(now);
  std::erase_if(id, [](char c) { return c == '-' || c == ':'; });
  return id;
}

}  // namespace stswatch
