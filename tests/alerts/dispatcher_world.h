// Domains whose findings open and close as the test says, and a dispatcher with receivers that take what they
// are owed. Nothing here is under test.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/remember/dated.h"
#include "alerts/dispatcher.h"
#include "tests/alerts/ram_key_values.h"

namespace stswatch::alerts {

using namespace std::chrono_literals;

inline constexpr TimePoint kStart{std::chrono::sys_days{std::chrono::year{2026} / 12 / 1}};

struct Arrival {
  std::string receiver;
  TimePoint at{};
  Notice notice;
};

class World {
 public:
  explicit World(std::vector<ReceiverRules> receivers = {{"mail", {}}}) : receivers_(std::move(receivers)) {
    restart();
  }

  TimePoint now = kStart;
  std::unique_ptr<KeyValueStore> key_values = std::make_unique<RamKeyValues>();
  std::unique_ptr<Dispatcher> dispatcher;
  std::vector<Silence> silences;
  /// What an attempt comes to; sent unless the test says otherwise.
  std::function<SendResult::Kind(const PendingNotice&)> answer = [](const PendingNotice&) {
    return SendResult::Kind::sent;
  };
  std::vector<Arrival> deliveries;  // all that were sent
  std::map<std::string, std::map<std::string, std::string>> labels;
  /// In a fleet.
  std::function<SeenFrom(const std::string&, const Incident&, TimePoint)> seen_from;

  /// The process ends without notice, and another takes over the key-value store and the memory.
  void restart() {
    dispatcher = std::make_unique<Dispatcher>(*key_values, [](const std::string&) {});
    adopt();
    for (const auto& [_, record] : records_)
      dispatcher->on_update(record);
  }

  void adopt() {
    DispatchRules rules{receivers_, silences, {}, {}};
    for (const auto& [name, _] : records_)
      rules.watched.insert(name);
    rules.around.external_url = "https://sts.example.net";
    rules.around.vantage = "fra1";
    rules.around.seen_from = seen_from;
    rules.around.domain = [this](const std::string& name) {
      const auto it = records_.find(name);
      return it == records_.end() ? nullptr : it->second;
    };
    rules.around.labels = [this](const std::string& name) { return labels[name]; };
    dispatcher->adopt(std::move(rules));
  }

  void watch(const std::string& name) {
    if (records_.contains(name)) return;
    auto facts = std::make_shared<DomainObservation>(*Domain::parse(name));
    records_[name] = std::make_shared<DomainMemory>(facts, Verdict(*Domain::parse(name)));
    adopt();
  }

  /// Many at once, since each one alone costs a reload.
  void watch(const std::vector<std::string>& names) {
    for (const auto& name : names)
      records_[name] = std::make_shared<DomainMemory>(
          std::make_shared<DomainObservation>(*Domain::parse(name)), Verdict(*Domain::parse(name)));
    adopt();
  }

  void change(const std::string& name, const std::function<void(DomainMemory&)>& how) {
    watch(name);
    auto record = std::make_shared<DomainMemory>(*records_[name]);
    how(*record);
    records_[name] = record;
    dispatcher->on_update(record);
  }

  void open(const std::string& name, const std::string& code, std::string subject = "",
            Mode live = Mode::enforce) {
    if (subject.empty()) subject = name;
    Findings findings(*Domain::parse(name), live, now);
    findings.raise(code, subject, "what was seen of it");
    change(name, [&](DomainMemory& record) {
      std::erase_if(record.incidents, [&](const Incident& i) { return same(i, code, subject); });
      record.incidents.push_back({findings.all().at(0), now, now, std::nullopt, 0, {}});
    });
  }
  /// The first good look.
  void doubt(const std::string& name, const std::string& code, const std::string& subject = "") {
    each(name, code, subject, [](Incident& i) { ++i.good_looks; });
  }
  void close(const std::string& name, const std::string& code, const std::string& subject = "") {
    each(name, code, subject, [&](Incident& i) { i.closed = now; });
  }
  void each(const std::string& name, const std::string& code, const std::string& subject,
            const std::function<void(Incident&)>& how) {
    change(name, [&](DomainMemory& record) {
      for (Incident& i : record.incidents)
        if (i.open() && same(i, code, subject.empty() ? name : subject)) how(i);
    });
  }

  /// The calendar is set: records and the dispatcher are dated by it.
  void set_calendar(TimePoint at) {
    now = at;
    dispatcher->redate(now);
    for (auto& [_, record] : records_) {
      record = std::make_shared<DomainMemory>(*dated_by(record, now).record);
      dispatcher->on_update(record);
    }
  }

  /// Lets time pass, as the delivery threads and the clock see it; a receiver that fails is tried again in
  /// each step.
  void pass(Seconds span) {
    const TimePoint begin = now, end = now + span;
    while (true) {
      const TimePoint next = dispatcher->turn(now);
      for (const auto& receiver : receivers_)
        serve(receiver.name);
      if (now >= end) return;
      const Seconds least = now - begin > 10min ? Seconds{5min} : Seconds{1s};
      now = std::min(end, std::max(next, now + least));
    }
  }

  std::vector<Notice> told(const std::string& receiver = "mail") const {
    std::vector<Notice> out;
    for (const auto& d : deliveries)
      if (d.receiver == receiver) out.push_back(d.notice);
    return out;
  }
  std::string kinds(const std::string& receiver = "mail") const {
    std::string out;
    for (const auto& n : told(receiver))
      out +=
          (out.empty() ? "" : " ") + std::string(to_string(n.kind)) + "/" + std::string(to_string(n.route));
    return out;
  }

 private:
  static bool same(const Incident& i, const std::string& code, const std::string& subject) {
    return i.finding.code == code && i.finding.subject == subject;
  }

  void serve(const std::string& receiver) {
    while (auto parcel = dispatcher->take(receiver, now)) {
      const auto kind = answer(parcel->pending);
      if (kind == SendResult::Kind::sent) deliveries.push_back({receiver, now, parcel->pending.notice});
      dispatcher->settle(parcel->pending, kind, now);
      if (kind != SendResult::Kind::sent) return;
    }
  }

  std::vector<ReceiverRules> receivers_;
  std::map<std::string, std::shared_ptr<const DomainMemory>> records_;
};

inline const std::string kHost = "mx1.example.com";

/// The only MX host's certificate has run out.
inline void break_mail(World& world, const std::string& domain = "example.com",
                       const std::string& host = kHost) {
  world.open(domain, "certificate-expired", host);
  world.open(domain, "enforce-breakage-now");
}
inline void mend_mail(World& world, const std::string& domain = "example.com",
                      const std::string& host = kHost) {
  world.close(domain, "certificate-expired", host);
  world.close(domain, "enforce-breakage-now");
}

/// What is said a minute after mail broke.
inline Notice page() {
  World world;
  break_mail(world);
  world.pass(1min);
  return world.told().at(0);
}

}  // namespace stswatch::alerts
