// A domain over time: facts that a test alters between looks, folded turn by turn as the service does it.
// Nothing here is under test.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/remember/past.h"
#include "agent/remember/update.h"
#include "checks/judge/senders/forecast.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {

inline const std::string kMx3 = "mx3.example.com";

class Timeline {
 public:
  Timeline() { look.limits.grain = std::chrono::hours{2}; }  // an hour between looks is as it should be

  Look look = base();  // what is out there now
  std::shared_ptr<const DomainMemory> record;
  std::vector<Transition> told;  // of all turns
  std::map<std::string, std::shared_ptr<const HostPast>> hosts;

  TimePoint now() const { return look.domain.at; }
  void wait(Seconds span) { look.domain.at += span; }

  /// One look; all the hosts are looked at too.
  void see(bool fetched = true) {
    look.vantage.answered_at = look.vantage.reached_25_at = look.vantage.spoke_25_at =
        look.vantage.reached_443_at = now();
    for (const auto& [host, seen] : look.mx) {
      auto at_now = *seen;
      at_now.at = now();
      const auto past = hosts.contains(host) ? *hosts[host] : HostPast{};
      hosts[host] = std::make_shared<HostPast>(remember_look(past, at_now));
    }
    auto seen = look.domain;
    if (!fetched) seen.fetches.clear();
    const JudgeInputs around{look.mx, look.mx, hosts, look.vantage, look.limits};
    auto turn = after_look(record.get(), seen, fetched, around);
    record = turn.record;
    std::ranges::move(turn.transitions, std::back_inserter(told));
  }

  /// As often as it takes to confirm what is bad, or that it is good again.
  void see_well() {
    for (int i = 0; i < 3; ++i) {
      see();
      wait(30s);
    }
  }

  void run(Seconds span, Seconds every = 1h) {
    const TimePoint end = now() + span;
    while (now() < end) {
      see();
      wait(std::min(every, end - now()));
    }
    see();
  }

  // --- Changes out there
  void id(const std::string& id) { look.set_record({"v=STSv1; id=" + id + ";"}); }
  void file(std::initializer_list<std::string_view> mx, std::string_view mode = "enforce",
            std::string_view max_age = "604800") {
    look.set_fetches({fetch(kWeb, policy(mx, mode, max_age))});
  }
  void mx_set(std::initializer_list<std::string> names) {
    look.domain.mx.records.clear();
    look.mx.clear();
    std::uint16_t preference = 10;
    for (const auto& name : names) {
      look.domain.mx.records.push_back({preference, name});
      // One address a host, the same whenever it comes back.
      const auto last = 1 + std::hash<std::string>{}(name) % 250;
      look.set_mx(mx_host(name, {probe("203.0.114." + std::to_string(last), name)}));
      preference = static_cast<std::uint16_t>(preference + 10);
    }
  }
  /// Every certificate is as fresh as it was at the start.
  void renew() {
    const Seconds shift = now() - kNow;
    const auto later = [&](TlsFacts& tls) {
      if (!tls.peer) return;
      tls.peer.change().leaf.not_before = kNow - days(30) + shift;
      tls.peer.change().leaf.not_after = kNow + days(60) + shift;
      tls.peer.change().leaf.sha256 = "renewed " + to_utc(now());
    };
    for (auto& f : look.domain.fetches)
      later(f.tls);
    for (auto& [host, seen] : look.mx) {
      auto fresh = *seen;
      for (auto& p : fresh.probes)
        later(p.tls);
      seen = std::make_shared<const MxHostObservation>(std::move(fresh));
    }
  }

  // --- What is told
  const Verdict& verdict() const { return record->verdict; }
  const Finding* find(std::string_view code) const {
    const auto& all = verdict().findings;
    const auto it = std::ranges::find(all, code, &Finding::code);
    return it == all.end() ? nullptr : &*it;
  }
  /// "code severity route" of each open finding, sorted.
  std::vector<std::string> open() const {
    std::vector<std::string> out;
    for (const auto& f : verdict().findings)
      out.push_back(f.code + ' ' + std::string(to_string(f.severity)) + ' ' +
                    std::string(to_string(f.route)));
    std::ranges::sort(out);
    return out;
  }
  std::size_t times_told(std::string_view code, Transition::Kind kind = Transition::Kind::opened) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        told, [&](const Transition& t) { return t.kind == kind && t.incident.finding.code == code; }));
  }
};

/// A day of peace first.
inline Timeline steady() {
  Timeline t;
  t.run(days(1));
  if (!t.open().empty()) throw std::logic_error("no peace: " + joined(t.open()));
  return t;
}

inline World world(const Timeline& t) {
  const History history{&t.record->past, t.hosts};
  return world_of(make_case(*t.record->confirmed, t.look.mx, t.look.vantage, t.look.limits, history));
}

}  // namespace stswatch::facts
