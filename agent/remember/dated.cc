#include "agent/remember/dated.h"

#include <algorithm>

namespace stswatch {
namespace {

/// Sets back what lies ahead, and remembers how far it did.
class Dating {
 public:
  explicit Dating(TimePoint now) : now_(now), latest_(now) {}

  void operator()(TimePoint& t) {
    latest_ = std::max(latest_, t);
    t = std::min(t, now_);
  }
  template <class T>
  void operator()(std::optional<T>& t) {
    if (t) (*this)(*t);
  }
  void operator()(Span& span) {
    (*this)(span.first);
    (*this)(span.gone);
  }
  void operator()(LookTimes& times) {
    (*this)(times.last_look);
    (*this)(times.last_success);
    (*this)(times.first_look);
    (*this)(times.failing_since);
  }
  void operator()(Incident& incident) {
    (*this)(incident.opened);
    (*this)(incident.last_bad);
    (*this)(incident.closed);
    for (auto& at : incident.changes)
      (*this)(at);
  }
  void operator()(Debounces& debounces) {
    for (auto& [_, doubt] : debounces)
      (*this)(doubt.since);
  }
  template <class Seen>
  void operator()(std::vector<Seen>& all) {
    for (auto& one : all)
      (*this)(one.seen);
  }
  void operator()(Past& past) {
    (*this)(past.began);
    (*this)(past.policies);
    (*this)(past.ids);
    (*this)(past.mx);
    (*this)(past.policy_host_certificates);
    (*this)(past.tlsrpt_valid_since);
    (*this)(past.policy_ok_last);
    for (auto& fetch : past.fetches)
      (*this)(fetch.at);
    std::erase_if(past.fetch_days, [&](const FetchDay& d) { return d.day > now_; });
    for (auto& [_, since] : past.gates)
      (*this)(since);
  }

  Seconds ahead() const { return latest_ - now_; }

 private:
  TimePoint now_, latest_;
};

/// `known` and `confirmed` may be one value.
template <class Record>
void date_facts(Record& record, Dating& dating) {
  const bool same = record.known == record.confirmed;
  const auto dated = [&](const auto& facts) {
    auto copy = *facts;
    dating(copy.at);
    if constexpr (requires { copy.second; })
      for (auto& second : copy.second) {
        dating(second.at);
        each_trial(second, [&](const char*, Trial& trial) { dating(trial.at); });
      }
    return std::make_shared<const decltype(copy)>(std::move(copy));
  };
  record.known = dated(record.known);
  record.confirmed = same ? record.known : dated(record.confirmed);
}

}  // namespace

Dated<DomainMemory> dated_by(std::shared_ptr<const DomainMemory> record, TimePoint now) {
  auto copy = std::make_shared<DomainMemory>(*record);
  Dating dating(now);
  date_facts(*copy, dating);
  dating(copy->debounces);
  dating(copy->past);
  for (auto& incident : copy->incidents)
    dating(incident);
  for (auto& [_, times] : copy->times)
    dating(times);
  dating(copy->policy_fetched);
  dating(copy->policy_last_success);
  if (dating.ahead() == Seconds{0}) return {std::move(record), Seconds{0}};
  return {std::move(copy), dating.ahead()};
}

Dated<MxMemory> dated_by(std::shared_ptr<const MxMemory> record, TimePoint now) {
  auto copy = std::make_shared<MxMemory>(*record);
  Dating dating(now);
  date_facts(*copy, dating);
  dating(copy->debounces);
  dating(copy->times);
  auto past = *copy->past;
  dating(past.certificates);
  for (SeenTlsa& seen : past.tlsa.records) {
    dating(seen.seen);
    dating(seen.absent);
    dating(seen.matched);
    dating(seen.idle_since);
  }
  dating(past.tlsa.as_of);
  dating(past.tlsa.secure);
  if (dating.ahead() == Seconds{0}) return {std::move(record), Seconds{0}};
  copy->tlsa = past.tlsa;
  copy->past = std::make_shared<const HostPast>(std::move(past));
  return {std::move(copy), dating.ahead()};
}

}  // namespace stswatch
