// Group L: TLS reports (RFC 8460 §4).
#include "checks/facts/text.h"
#include "checks/judge/verdict.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/result.h"
#include "checks/judge/past.h"

namespace stswatch {
namespace {

// Two days, and the one that a report may take to come (RFC 8460 §4.1).
constexpr Seconds kLately = 3 * kDay;
// RULES 5.3: the least that opens a finding on rates.
constexpr std::size_t kReporters = 2;
constexpr std::uint64_t kSessionsOfOne = 20;
constexpr std::uint64_t kNewSessions = 5;
constexpr std::size_t kSubjects = 5;  // hosts that are named one by one

std::string plain_host(std::string_view told) {
  if (told.ends_with('.')) told.remove_suffix(1);
  return text::lower(told);
}

std::string listed(const std::set<std::string>& words) {
  std::string out;
  std::size_t n = 0;
  for (const auto& word : words) {
    if (++n > kSubjects) return out + ", ...";
    text::add(out, ", ", printable(word, 60));
  }
  return out;
}

/// Enough to say that it is no accident of one small sender.
struct Evidence {
  std::map<std::string, std::uint64_t> sessions;  // by reporter
  std::set<TimePoint> days;
  void add(const std::string& reporter, std::uint64_t n, TimePoint start) {
    auto& sum = sessions[reporter];
    sum += std::min(n, std::uint64_t{1} << 53U);
    days.insert(std::chrono::floor<std::chrono::days>(start));
  }
  bool enough() const {
    return sessions.size() >= kReporters ||
           std::ranges::any_of(sessions, [](const auto& s) { return s.second >= kSessionsOfOne; });
  }
  std::set<std::string> reporters() const {
    std::set<std::string> out;
    for (const auto& [name, _] : sessions)
      out.insert(name);
    return out;
  }
};

class Judging {
 public:
  Judging(const Verdict& v, const Past& past, const DomainReports& reports, Findings& out)
      : v_(v), past_(past), reports_(reports), out_(out), now_(v.checked_at) {}

  void all() {
    absent();
    failure_rate();
    new_failures();
    policies();
    no_policy_found();
    hosts();
    not_counted();
  }

 private:
  bool lately(TimePoint start) const { return start + kDay >= now_ - kLately && start <= now_; }
  const std::string& domain() const { return v_.domain.str(); }

  /// While they used to come: small domains have quiet days, so that the usual interval counts.
  void absent() {
    if (!reports_.last || v_.tlsrpt.outcome != Outcome::ok) return;
    if (!past_.tlsrpt_valid_since || now_ - *past_.tlsrpt_valid_since < 5 * kDay) return;
    std::set<std::string> days;
    for (const auto& s : reports_.sessions)
      days.insert(to_date(s.start));
    Seconds usual = kDay;
    if (days.size() > 1)
      usual = (reports_.sessions.back().start - reports_.sessions.front().start) /
              static_cast<std::int64_t>(days.size() - 1);
    if (now_ - *reports_.last <= std::max(3 * kDay, 3 * usual)) return;
    out_.raise("tlsrpt-reports-absent", domain(), "the last report came " + to_utc(*reports_.last));
  }

  void failure_rate() {
    std::uint64_t all = 0, failed = 0;
    Evidence evidence;
    for (const auto& s : reports_.sessions) {
      // Where there is no policy nothing can fail by it.
      if (!lately(s.start) || s.policy_type == "no-policy-found") continue;
      all += s.successful + s.failed;
      failed += s.failed;
      if (s.failed > 0) evidence.add(s.organization, s.failed, s.start);
    }
    if (failed == 0 || !evidence.enough() || failed <= all / 100) return;
    std::set<std::string> types;
    for (const auto& f : reports_.failures)
      if (lately(f.start)) types.insert(f.result_type + (f.mx.empty() ? "" : " at " + f.mx));
    out_.raise(
        "tlsrpt-failure-rate", domain(),
        printable(std::to_string(failed) + " of " + std::to_string(all) + " sessions of late failed, by " +
                      listed(evidence.reporters()) + (types.empty() ? "" : ": " + listed(types)),
                  bounds::kDetail));
  }

  /// Of a reporter whose earlier reports did not have it: what was always so is not new.
  void new_failures() {
    using Key = std::tuple<std::string, std::string, std::string>;
    std::set<std::string> reported_before;
    std::set<Key> known;
    std::map<Key, std::uint64_t> fresh;
    for (const auto& s : reports_.sessions)
      if (!lately(s.start)) reported_before.insert(s.organization);
    for (const auto& f : reports_.failures) {
      const Key key{f.result_type, plain_host(f.mx), f.organization};
      if (!lately(f.start))
        known.insert(key);
      else
        fresh[key] += f.sessions;
    }
    std::map<std::string, std::set<std::string>> by_subject;
    for (const auto& [key, sessions] : fresh) {
      const auto& [type, mx, reporter] = key;
      if (sessions < kNewSessions || known.contains(key) || !reported_before.contains(reporter)) continue;
      by_subject[ours(mx) ? mx : domain()].insert(type + " " + std::to_string(sessions) + " by " + reporter);
    }
    for (const auto& [subject, what] : by_subject)
      out_.raise("tlsrpt-new-failure-type", subject, printable(listed(what), bounds::kDetail));
  }

  bool ours(const std::string& mx) const {
    return std::ranges::any_of(v_.mx, [&](const MxVerdict& m) { return m.host == mx; });
  }

  /// What reporters say they applied, against what was ever served.
  void policies() {
    std::map<std::string, std::set<std::string>> stale_days;  // by reporter
    std::set<std::string> unknown;
    for (const auto& s : reports_.sessions) {
      if (!lately(s.start) || s.policy_type != "sts" || s.policy.empty()) continue;
      const auto told = read_policy(s.policy + "\n").lenient;
      if (!told) continue;
      bool known = false, current = false;
      for (const auto& seen : past_.policies) {
        if (!same_policy(seen.policy, *told)) continue;
        known = true;
        current |= !seen.seen.gone || *seen.seen.gone >= s.start;
      }
      // Nothing is known of what was served before memory began, and caches held of it.
      const bool within = past_.began && s.start >= *past_.began + Seconds{told->max_age};
      if (!known && within && !past_.policies.empty())
        unknown.insert(printable(s.organization, 60) + " on " + to_date(s.start) + ": mode " +
                       std::string(to_string(told->mode)) + ", mx " +
                       listed({told->mx.begin(), told->mx.end()}) + ", max_age " +
                       std::to_string(told->max_age));
      if (known && !current) stale_days[s.organization].insert(to_date(s.start));
    }
    std::set<std::string> stale;
    for (const auto& [reporter, days] : stale_days)
      if (days.size() >= 2) stale.insert(printable(reporter, 60) + " until " + *days.rbegin());
    if (!stale.empty())
      out_.raise("tlsrpt-policy-stale", domain(), printable(listed(stale), bounds::kDetail));
    if (!unknown.empty())
      out_.raise("tlsrpt-policy-unknown", domain(), printable(*unknown.begin(), bounds::kDetail));
  }

  bool was_fine(TimePoint start, TimePoint end) const {
    const auto covers = [&](const Span& span) {
      return span.first <= start && (!span.gone || *span.gone > end);
    };
    return std::ranges::any_of(past_.ids, [&](const SeenId& id) { return covers(id.seen); }) &&
           std::ranges::any_of(past_.policies, [&](const SeenPolicy& p) { return covers(p.seen); });
  }

  /// One reporter alone may not know MTA-STS at all: two of them, or one that applied the policy before.
  void no_policy_found() {
    std::set<std::string> applied;
    std::map<std::string, std::set<std::string>> days;
    for (const auto& s : reports_.sessions) {
      if (s.policy_type == "sts") applied.insert(s.organization);
      if (s.policy_type == "no-policy-found" && lately(s.start) && was_fine(s.start, s.end))
        days[s.organization].insert(to_date(s.start));
    }
    std::set<std::string> who;
    bool knows_better = false;
    for (const auto& [reporter, on] : days) {
      if (on.size() < 2) continue;
      who.insert(reporter);
      knows_better |= applied.contains(reporter);
    }
    if (who.size() >= kReporters || knows_better)
      out_.raise("tlsrpt-no-policy-found", domain(), printable(listed(who), bounds::kDetail));
  }

  /// Of the last 30 days, or such as the policy allows: pools of a provider.
  bool known_host(const std::string& host) const {
    if (host == domain() || ours(host)) return true;
    const auto allowed = [&](const SeenPolicy& p) { return matches_any(host, p.policy.mx); };
    return std::ranges::any_of(past_.mx,
                               [&](const SeenHost& h) {
                                 return h.host == host && (!h.seen.gone || *h.seen.gone > now_ - 30 * kDay);
                               }) ||
           std::ranges::any_of(past_.policies, allowed);
  }

  /// All its addresses look good from here.
  bool looks_good(const std::string& host) const {
    const auto m = std::ranges::find(v_.mx, host, &MxVerdict::host);
    return m != v_.mx.end() && !m->addresses.empty() &&
           std::ranges::all_of(m->addresses, [](const auto& a) { return a.outcome == HostOutcome::ok; });
  }

  void hosts() {
    std::map<std::string, Evidence> failing;
    for (const auto& f : reports_.failures) {
      // Failures of the policy are none of a host, though some reporters name one.
      if (!lately(f.start) || f.result_type.starts_with("sts-")) continue;
      const auto host = plain_host(f.mx);
      if (host.find('.') == host.npos || !is_mx_pattern(host)) continue;
      failing[host].add(f.organization, f.sessions, f.start);
    }
    std::size_t strangers = 0;
    for (const auto& [host, evidence] : failing) {
      const auto who = printable(listed(evidence.reporters()), bounds::kDetail);
      const bool judged_by_us = past_.began && *evidence.days.begin() >= *past_.began && !past_.mx.empty();
      if (!known_host(host)) {
        if (judged_by_us && v_.mx_lookup != Lookup::unknown && ++strangers <= kSubjects)
          out_.raise("tlsrpt-unknown-mx", host, "reported by " + who);
      } else if (evidence.days.size() >= 2 && evidence.enough() && looks_good(host)) {
        out_.raise("tlsrpt-probe-disagrees", host, "every address is good from here, and fails for " + who);
      }
    }
  }

  /// Of the last days; who sent them may be anybody, so that one line says it for all of a kind.
  void not_counted() {
    constexpr std::array kCodes{"tlsrpt-report-malformed", "tlsrpt-report-unauthenticated",
                                "tlsrpt-report-duplicate"};
    for (std::size_t kind = 0; kind < kCodes.size(); ++kind) {
      std::string detail;
      std::size_t shown = 0, more = 0;
      for (const auto& each : reports_.not_counted) {
        if (static_cast<std::size_t>(each.kind) != kind || each.at < now_ - kLately) continue;
        if (shown == 2) {
          ++more;
          continue;
        }
        detail += (shown++ == 0 ? "" : "; ") + printable(each.reporter, 50) + " at " + to_utc(each.at) +
                  (each.times > 1 ? " (" + std::to_string(each.times) + " times)" : "") + ": " +
                  printable(each.why, 60);
      }
      if (more > 0) detail += "; " + std::to_string(more) + " more";
      if (shown > 0) out_.raise(kCodes[kind], domain(), printable(detail, bounds::kDetail));
    }
  }

  const Verdict& v_;
  const Past& past_;
  const DomainReports& reports_;
  Findings& out_;
  const TimePoint now_;
};

}  // namespace

std::vector<Finding> judge_reports(const Verdict& verdict, const Past& past, const DomainReports& reports) {
  if (reports.empty() && !reports.last && reports.not_counted.empty()) return {};
  Findings out(verdict.domain, verdict.live_mode, verdict.checked_at);
  Judging(verdict, past, reports, out).all();
  return std::move(out.all());
}

}  // namespace stswatch
