#include "checks/judge/catalogue/finding.h"

#include <algorithm>
#include <cassert>
#include <optional>

#include "checks/facts/text.h"

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
    if (name == "where")  // RFC 5321 §5.1: a host with another address is not skipped
      return space == subject_.npos
                 ? std::string(subject_)
                 : std::string(subject_.substr(space + 1)) + " and try the other addresses of " +
                       std::string(subject_.substr(0, space));
    if (name == "fetchers")
      return space == subject_.npos
                 ? std::string("Senders that")
                 : "Senders that fetch from " + std::string(subject_.substr(space + 1)) + " and";
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

/// CONTRACT 2: no effect says "senders that enforce" and means all of them where one of these does not.
std::string exception_of(const Finding& finding) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  if (finding.accepted_by.empty() || !entry) return {};
  const bool one = finding.accepted_by.size() == 1;
  const std::string names = text::enumerated(finding.accepted_by);
  const std::string who = " Not so " + names + ": ";
  switch (entry->theme) {
    case Theme::policy_tls:
      return who + (one ? "it fetches the policy." : "they fetch the policy.");
    case Theme::mx:
    case Theme::smtp:
    case Theme::certificate:
    case Theme::provider:
      return who + (one ? "it delivers there." : "they deliver there.");
    case Theme::forecast:
      return std::string(one ? " So does " : " So do ") + names + '.';  // "still deliver" stands before it
    case Theme::policy_text:
      return who + (one ? "it reads" : "they read") + " the policy as it is meant.";
    default:
      return {};
  }
}

void set_senders(Finding& finding, Senders senders) {
  const std::string was = exception_of(finding);
  if (!was.empty()) finding.effect.resize(finding.effect.size() - was.size());
  finding.refused_by = std::move(senders.refuse);
  finding.accepted_by = std::move(senders.accept);
  finding.effect += exception_of(finding);
}

}  // namespace

Finding* Findings::raise(std::string_view code, std::string subject, std::string detail,
                         std::initializer_list<Fill> fills) {
  const CatalogueEntry* entry = find_in_catalogue(code);
  assert(entry && "code is not in the catalogue");
  const auto severity = entry ? entry->severity_in(live_) : std::nullopt;
  return severity ? raise_as(*severity, code, std::move(subject), std::move(detail), fills) : nullptr;
}

Finding* Findings::raise_as(Severity severity, std::string_view code, std::string subject, std::string detail,
                            std::initializer_list<Fill> fills) {
  const CatalogueEntry* entry = find_in_catalogue(code);
  assert(entry && "code is not in the catalogue");
  if (!entry || !entry->severity_in(live_) || has(code, subject)) return nullptr;

  Finding finding;
  finding.code = entry->code;
  finding.of_the_agent = entry->of_the_agent();
  finding.severity = finding.of_the_agent ? Severity::info : severity;
  finding.route = entry->route_in(live_);
  if (entry->route.needs_it_was_good()) finding.route = std::min(finding.route, Route::ticket);
  if (!finding.of_the_agent && severity == Severity::info) finding.route = Route::log;
  const Filling filling(fills, domain_, subject, now_, until_);
  finding.effect = filling.into(entry->effect);
  finding.fix = filling.into(entry->fix);
  finding.reference = entry->reference;
  finding.subject = std::move(subject);
  finding.detail = std::move(detail);
  if (asked_ != Mode::enforce)
    say_for(asked_ == Mode::testing ? Situation::tests : Situation::asks_nothing, domain_, now_, &finding,
            fills);
  tell_senders(&finding, {});
  return &all_.emplace_back(std::move(finding));
}

Finding* Findings::raise_routed(Route route, std::string_view code, std::string subject, std::string detail,
                                std::initializer_list<Fill> fills) {
  Finding* finding = raise(code, std::move(subject), std::move(detail), fills);
  if (finding && finding->severity != Severity::info) finding->route = route;
  return finding;
}

void say_for(Situation situation, const Domain& domain, TimePoint now, Finding* finding,
             std::initializer_list<Fill> fills) {
  const SituationTexts* texts = finding ? texts_in(finding->code, situation) : nullptr;
  if (texts == nullptr) return;
  const std::string no_end;
  const Filling filling(fills, domain, finding->subject, now, no_end);
  if (!texts->effect.empty()) finding->effect = filling.into(texts->effect) + exception_of(*finding);
  if (!texts->fix.empty()) finding->fix = filling.into(texts->fix);
}

Finding* Findings::find(std::string_view code) {
  const auto found = std::ranges::find(all_, code, &Finding::code);
  return found == all_.end() ? nullptr : &*found;
}

Finding* Findings::raise_known(bool was_good, std::string_view code, std::string subject, std::string detail,
                               std::initializer_list<Fill> fills) {
  Finding* finding = raise(code, std::move(subject), std::move(detail), fills);
  if (finding && was_good) finding->route = find_in_catalogue(code)->route_in(live_);
  return finding;
}

Finding* Findings::raise_at_most(Severity most, std::string_view code, std::string subject,
                                 std::string detail, std::initializer_list<Fill> fills) {
  const CatalogueEntry* entry = find_in_catalogue(code);
  assert(entry && "code is not in the catalogue");
  const auto severity = entry ? entry->severity_in(live_) : std::nullopt;
  if (!severity) return nullptr;
  Finding* finding = raise_as(std::min(*severity, most), code, std::move(subject), std::move(detail), fills);
  if (finding && most < Severity::critical && finding->route == Route::page) finding->route = Route::ticket;
  return finding;
}

bool Findings::has(std::string_view code) const {
  return std::ranges::any_of(all_, [&](const Finding& f) { return f.code == code; });
}

bool Findings::has(std::string_view code, std::string_view subject) const {
  return std::ranges::any_of(all_, [&](const Finding& f) { return f.code == code && f.subject == subject; });
}

Nature nature_of(const Finding& finding) {
  static constexpr Nature kUnknown{.family = Family::publication,
                                   .aspect = Aspect::semantics,
                                   .claim = Claim::cause,
                                   .of_host = false,
                                   .headline = Headline::title};
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  Nature out = entry ? entry->told.of(finding.subject.starts_with("mta-sts.")) : kUnknown;
  if (finding.part) out.claim = Claim::symptom;
  return out;
}

bool is_of_mx_set(std::string_view code) {
  const CatalogueEntry* entry = find_in_catalogue(code);
  if (!entry) return false;
  const Nature& nature = entry->told.of(false);
  return nature.change() && nature.family == Family::delivery && !nature.of_host;
}

void tell_senders(Finding* finding, std::span<const Oddity> oddities) {
  if (finding != nullptr) set_senders(*finding, senders_of(finding->code, oddities));
}

void tell_senders_as(Finding* finding, std::string_view code, std::span<const Oddity> oddities) {
  if (finding != nullptr) set_senders(*finding, senders_of(code, oddities));
}

void let_off(Finding* finding, const SenderNames& senders) {
  if (finding == nullptr || senders.empty()) return;
  const auto among = [](const SenderNames& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  const bool plain = finding->refused_by.empty() && finding->accepted_by.empty();  // all are of one mind
  Senders out;
  for (const std::string_view name : sender_names()) {
    if (among(senders, name) || among(finding->accepted_by, name))
      out.accept.emplace_back(name);
    else if (plain || among(finding->refused_by, name))
      out.refuse.emplace_back(name);
  }
  set_senders(*finding, std::move(out));
}

bool is_on_text(const Finding& finding) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  return entry && entry->on_text != OnText::neither;
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
