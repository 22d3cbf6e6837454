#include "agent/reports/intake.h"

#include <iterator>

#include "checks/facts/result.h"

namespace stswatch::reports {
namespace {

constexpr int kTidyingTurns = 20;
constexpr std::size_t kUnwritten = 8U << 20U;  // octets of what was read, before it is written down

std::size_t weight(const TlsReport& report) {
  std::size_t out = sizeof report + report.organization.size() + report.report_id.size();
  for (const auto& policy : report.policies) {
    out += sizeof policy + policy.domain.size();
    for (const auto* texts : {&policy.policy_string, &policy.mx_host})
      for (const auto& each : *texts)
        out += sizeof each + each.size();
    for (const auto& f : policy.failures)
      out += sizeof f + f.result_type.size() + f.sending_ip.size() + f.mx.size() + f.helo.size() +
             f.receiving_ip.size() + f.information.size() + f.reason.size();
  }
  return out;
}

/// What can be said before the book is asked.
std::optional<Outcome> refused(const Reading& reading, const TlsrptIntake& options) {
  if (reading.parse == Reading::Parse::no_report) return Outcome{Fate::no_report, reading.why};
  if (reading.parse == Reading::Parse::reject) return Outcome{Fate::unreadable, reading.why};
  // RFC 8460 §3: a mailed report without a valid signature of the reporting domain "MUST be ignored". Where
  // no MTA's word is configured, nobody has looked, and that is no proof of anything.
  if (reading.mail && !options.authserv_id.empty() && !reading.mail->authenticated())
    return Outcome{Fate::unauthenticated,
                   reading.mail->verified_here
                       ? "no good DKIM signature of " + printable(reading.mail->from_domain)
                       : "no Authentication-Results of " + options.authserv_id + " in it"};
  return std::nullopt;
}

/// The outcomes of what came together, under the first of them.
std::vector<Outcome> by_source(std::vector<Outcome> all, const std::vector<std::size_t>& counts) {
  std::vector<Outcome> out;
  auto next = std::make_move_iterator(all.begin());
  for (const std::size_t count : counts) {
    out.push_back(*next++);
    for (std::size_t i = 1; i < count; ++i)
      out.back().further.push_back(*next++);
  }
  return out;
}

}  // namespace

void Intake::adopt(const TlsrptIntake& options, std::set<std::string> domains) {
  book_.watch(std::move(domains));
  const std::lock_guard lock(mutex_);
  options_ = options;
}

TlsrptIntake Intake::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

/// One at a time, whoever handed it in: unpacked it may be of 10 MiB.
Reading Intake::read(const Handed& each, const TlsrptIntake& options) {
  const std::lock_guard lock(reading_);
  return read_tls_report(
      each.octets,
      {.media_type = each.media_type, .file_name = each.source, .authserv_id = options.authserv_id});
}

tl::expected<std::vector<Outcome>, std::string> Intake::take(const std::vector<Handed>& handed) {
  const auto options = this->options();
  std::vector<Outcome> outcomes;    // of each report, in order
  std::vector<std::size_t> counts;  // how many of them each that was handed has
  std::vector<Arrival> arrivals;
  std::vector<std::size_t> places;  // of the arrivals, among the outcomes
  std::vector<Aside> asides;
  std::map<Fate, std::uint64_t> turned_away;
  const auto now = now_();
  std::size_t unwritten = 0;
  const auto write_down = [&]() -> tl::expected<void, std::string> {
    if (arrivals.empty()) return {};
    const auto fates = book_.take(arrivals, now);
    if (!fates) return tl::make_unexpected(fates.error());
    for (std::size_t i = 0; i < places.size(); ++i)
      outcomes[places[i]].fate = (*fates)[i];
    const std::lock_guard lock(mutex_);
    for (const auto fate : *fates)
      ++fates_[fate];
    arrivals.clear();
    places.clear();
    unwritten = 0;
    return {};
  };
  const auto add = [&](Reading& reading, const Handed& each) {
    if (auto no = refused(reading, options)) {
      if (no->fate != Fate::no_report)
        asides.push_back({.source = each.source,
                          .why = no->why,
                          .octets = each.stays ? std::string() : each.octets,
                          .about = reading.about,
                          .reporter = reading.mail ? reading.mail->from_domain : std::string(),
                          .kind = no->fate == Fate::unauthenticated ? NotCounted::Kind::unauthenticated
                                                                    : NotCounted::Kind::malformed});
      outcomes.push_back(std::move(*no));
      ++turned_away[outcomes.back().fate];
      return;
    }
    unwritten += weight(reading.report);
    places.push_back(outcomes.size());
    outcomes.emplace_back();
    arrivals.push_back({std::move(reading.report), std::move(reading.about)});
  };
  for (const auto& each : handed) {
    auto reading = read(each, options);
    counts.push_back(1 + reading.further.size());
    add(reading, each);
    for (auto& further : reading.further)
      add(further, each);
    if (unwritten < kUnwritten) continue;
    if (auto written = write_down(); !written) return tl::make_unexpected(std::move(written.error()));
  }
  if (auto written = write_down(); !written) return tl::make_unexpected(std::move(written.error()));
  if (!asides.empty())
    if (auto kept = book_.put_aside(asides, now); !kept) return tl::make_unexpected(kept.error());
  const std::lock_guard lock(mutex_);
  for (const auto& [fate, n] : turned_away)
    fates_[fate] += n;
  return by_source(std::move(outcomes), counts);
}

tl::expected<void, std::string> Intake::tidy() {
  for (int turn = 0; turn < kTidyingTurns; ++turn) {
    const auto more = book_.tidy(now_());
    if (!more) return tl::make_unexpected(more.error());
    if (!*more) break;
  }
  return {};
}

Figures Intake::figures() {
  Figures out;
  out.domains = book_.figures();
  const std::lock_guard lock(mutex_);
  out.taking = options_.http || !options_.maildir.empty();
  out.fates = fates_;
  return out;
}

}  // namespace stswatch::reports
