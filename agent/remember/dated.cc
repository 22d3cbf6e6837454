#include "agent/remember/dated.h"

#include <algorithm>

#include "checks/facts/text.h"

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

// Silences.

bool glob_matches(std::string_view glob, std::string_view text) {
  std::size_t g = 0, t = 0;
  std::optional<std::size_t> star;  // the newest, and what it has swallowed up to
  std::size_t swallowed = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      swallowed = t;
    } else if (g < glob.size() && (glob[g] == '?' || text::lower(glob[g]) == text::lower(text[t]))) {
      ++g;
      ++t;
    } else if (star) {
      g = *star + 1;
      t = ++swallowed;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == glob.npos;
}

bool stands(const Silence& silence, TimePoint now) { return !silence.until || *silence.until > now; }

std::optional<std::string> place_of(const Silence& silence, const std::map<std::string, Silence>& there,
                                    TimePoint now) {
  std::size_t of_domain = 0;
  for (const auto& [id, s] : there) {
    if (s.domain != silence.domain || !stands(s, now)) continue;
    if (s.code == silence.code && s.subject == silence.subject) return id;
    ++of_domain;
  }
  if (of_domain >= kSilencesOfDomain) return std::nullopt;
  return "";
}

std::string in_words(const Silence& s) {
  const bool all = s.code == "*" && s.subject == "*";
  return text::one_line("of " + (s.domain == "*" ? "all domains" : s.domain) +
                        (all ? ", all of it" : ", " + s.code + " at " + s.subject) + ", until " +
                        (s.until ? to_utc(*s.until) : "it is ended") + ", by " +
                        (s.by.empty() ? "the configuration" : s.by));
}

bool covers(const Silence& silence, std::string_view domain, const Finding& finding, TimePoint now) {
  if (!stands(silence, now)) return false;
  const std::string_view subject = finding.subject;
  return glob_matches(silence.domain, domain) && glob_matches(silence.code, finding.code) &&
         (glob_matches(silence.subject, subject) ||
          glob_matches(silence.subject, subject.substr(0, subject.find(' '))));
}

}  // namespace stswatch
