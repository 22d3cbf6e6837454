#include "agent/remember/memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "checks/judge/catalogue/finding.h"

namespace stswatch {

std::string_view to_string(Part part) {
  switch (part) {
    case Part::sts_record:
      return "sts_record";
    case Part::policy:
      return "policy";
    case Part::mx:
      return "mx";
    case Part::tlsrpt_record:
      break;
  }
  return "tlsrpt_record";
}

namespace {

/// The newest list under each name, as long as somebody has it.
template <class T>
class ListPool {
 public:
  void share(SharedList<T>& list, const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& slot = lists_[std::hash<std::string>{}(name)];
    if (SharedList<T> held(slot.lock()); held == list)
      list = std::move(held);
    else
      slot = list.held();
    if (lists_.size() < most_) return;
    std::erase_if(lists_, [](const auto& entry) { return entry.second.expired(); });
    most_ = 2 * lists_.size() + 1024;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::weak_ptr<const std::vector<T>>> lists_;
  std::size_t most_ = 1024;
};

void share_chain(Shared<PeerCertificates>& peer) {
  static ListPool<Certificate> pool;
  if (!peer || peer->chain.empty()) return;
  auto chain = peer->chain;
  pool.share(chain, chain.front().sha256);
  if (chain.held() != peer->chain.held()) peer.change().chain = std::move(chain);
}

}  // namespace

void share_parts(DomainObservation& look) {
  for (auto& fetch : look.fetches)
    share_chain(fetch.tls.peer);
}

void share_parts(MxHostObservation& look) {
  for (auto& probe : look.probes)
    share_chain(probe.tls.peer);
}

void share_parts(Verdict& verdict) {
  static ListPool<MxAddressVerdict> pool;
  for (auto& mx : verdict.mx)
    if (!mx.addresses.empty()) pool.share(mx.addresses, mx.host);
}

void side_by_side(std::size_t count, const std::function<void(std::size_t)>& work) {
  constexpr std::size_t kAtOnce = 64, kThreads = 8;
  std::atomic<std::size_t> next{0};
  const auto turns = [&] {
    for (std::size_t begin = next.fetch_add(kAtOnce); begin < count; begin = next.fetch_add(kAtOnce))
      for (std::size_t n = begin; n < std::min(begin + kAtOnce, count); ++n)
        work(n);
  };
  const auto useful = std::min(count / kAtOnce, kThreads);
  std::vector<std::jthread> others;
  try {
    for (std::size_t n = 1; n < std::min<std::size_t>(std::thread::hardware_concurrency(), useful); ++n)
      others.emplace_back(turns);
  } catch (const std::system_error&) {  // no more threads: it takes longer
  }
  turns();
}

namespace {

using namespace std::chrono_literals;

constexpr Seconds kKeepClosed = 7 * kDay;
constexpr std::size_t kChangesNoted = 32;  // more within a day say nothing new

bool same(const Finding& a, const Finding& b) { return a.code == b.code && a.subject == b.subject; }

void note_change(Incident& incident, TimePoint now) {
  std::erase_if(incident.changes, [&](TimePoint at) { return now - at > kDay; });
  if (incident.changes.size() < kChangesNoted) incident.changes.push_back(now);
}

/// A severity that fell and rose again within a day stands until it has been lower for so long as a finding
/// that comes and goes is held open.
bool swings(const Incident& incident, TimePoint now, const Patience& patience) {
  return incident.swung && now - *incident.swung < patience.flapping_quiet;
}

class Stepper {
 public:
  Stepper(std::vector<Incident> was, TimePoint now, const Patience& patience)
      : now_(now), patience_(patience) {
    out_.incidents = std::move(was);
    std::erase_if(out_.incidents,
                  [&](const Incident& i) { return i.closed && now - *i.closed > kKeepClosed; });
  }

  void bad(const Finding& finding, bool seen_anew, std::optional<TimePoint> happened) {
    auto it =
        std::ranges::find_if(out_.incidents, [&](const Incident& i) { return same(i.finding, finding); });
    if (it == out_.incidents.end())
      it = out_.incidents.insert(it, Incident{.finding = finding, .closed = now_, .changes = {}});
    Incident& incident = *it;
    const Severity before = incident.finding.severity;
    const Route route = incident.finding.route;
    const bool again =
        incident.open() && happened && *happened > incident.opened && !flapping(incident, now_, patience_);
    const bool opens = !incident.open() || again;
    incident.finding = finding;
    incident.good_looks = 0;
    incident.good_since.reset();
    incident.held_since.reset();
    if (opens) {
      incident.bad_looks = 0;
      incident.eased.reset();
      incident.swung.reset();
    } else {
      weigh(incident, before, route);
    }
    if (seen_anew || opens) {
      incident.last_bad = now_;
      ++incident.bad_looks;
    }
    if (opens) {
      // A look at a host may end while one at the domain that began before it is still under way.
      incident.opened = happened ? std::max(now_, *happened) : now_;
      incident.closed.reset();
      note_change(incident, now_);
      tell(Transition::Kind::opened, incident);
    } else if (incident.finding.severity != before) {
      tell(incident.finding.severity > before ? Transition::Kind::worse : Transition::Kind::better, incident);
    }
  }

  /// What is now at its threshold, now below it, is told once: it stays in its worse state (RULES 5.3).
  void weigh(Incident& incident, Severity before, Route route) {
    Finding& is = incident.finding;
    if (is.severity > before) {
      if (incident.eased && now_ - *incident.eased <= kDay) incident.swung = now_;
    } else if (is.severity == before) {
      if (incident.swung) incident.swung = now_;
    } else if (swings(incident, now_, patience_)) {
      is.severity = before;
      is.route = route;
    } else {
      incident.eased = now_;
      incident.swung.reset();
    }
  }

  void good(Incident& incident) {
    if (++incident.good_looks == 1) incident.good_since = now_;
    const int needed = incident.finding.of_the_agent ? 1 : patience_.good_looks;
    if (incident.good_looks < needed) return;
    if (!flapping(incident, now_, patience_)) return over(incident);
    if (!incident.held_since) incident.held_since = now_;
  }

  void over(Incident& incident) {
    incident.closed = now_;
    incident.good_since.reset();
    incident.held_since.reset();
    note_change(incident, now_);
    tell(Transition::Kind::closed, incident);
  }

  IncidentStep take() { return std::move(out_); }
  std::vector<Incident>& incidents() { return out_.incidents; }

 private:
  void tell(Transition::Kind kind, const Incident& incident) { out_.transitions.push_back({kind, incident}); }

  TimePoint now_;
  const Patience& patience_;
  IncidentStep out_;
};

}  // namespace

std::string_view to_string(Transition::Kind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"opened", "worse", "better", "closed"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool flapping(const Incident& incident, TimePoint now, const Patience& patience) {
  // What the agent cannot see accuses nobody: each time counts for itself, and none is held.
  if (incident.finding.of_the_agent) return false;
  if (!incident.open() || now - incident.last_bad >= patience.flapping_quiet) return false;
  const auto lately = std::ranges::count_if(incident.changes, [&](TimePoint at) { return now - at <= kDay; });
  return lately + 1 >= patience.flapping_changes;  // closing it would be one more
}

IncidentStep step(std::vector<Incident> was, const std::vector<Finding>& found,
                  const std::function<bool(const Finding&)>& seen_anew, TimePoint now,
                  const Patience& patience, const HappenedAt& happened_at, const Replaced& replaced) {
  Stepper stepper(std::move(was), now, patience);
  for (const Finding& finding : found)
    stepper.bad(finding, seen_anew(finding), happened_at ? happened_at(finding) : std::nullopt);
  for (Incident& incident : stepper.incidents()) {
    const bool there =
        std::ranges::any_of(found, [&](const Finding& f) { return same(f, incident.finding); });
    if (!incident.open() || there) continue;
    if (replaced && replaced(incident.finding))
      stepper.over(incident);
    else if (seen_anew(incident.finding))
      stepper.good(incident);
  }
  return stepper.take();
}

std::vector<Finding> open_findings(const std::vector<Incident>& incidents) {
  std::vector<Finding> out;
  for (const Incident& incident : incidents) {
    if (!incident.open()) continue;
    out.push_back(incident.finding);
    if (!incident.held_since) continue;
    Finding& held = out.back();
    held.held_since = incident.held_since;
    held.good_since = incident.good_since;
    held.detail = "fine since " + to_utc(incident.good_since.value_or(*incident.held_since)) +
                  ", held until " + to_utc(incident.last_bad + Patience{}.flapping_quiet) +
                  "; before: " + held.detail;
  }
  return sorted(std::move(out));
}

// When the fault began, as far as the facts tell: a certificate says when it ended, a memory when a policy or
// a host came. The agent may have begun to look long after.

namespace {

using When = std::optional<TimePoint>;

/// When this certificate was first shown; null where it was there when watching began.
When shown_since(const std::vector<SeenCertificate>& seen, const std::string& sha256) {
  if (seen.size() < 2) return std::nullopt;  // none but the first: nobody saw it come
  const auto first = std::ranges::min_element(seen, {}, [](const auto& c) { return c.seen.first; });
  const auto it = std::ranges::find(seen, sha256, &SeenCertificate::sha256);
  if (it == seen.end() || it->seen.first == first->seen.first) return std::nullopt;
  return it->seen.first;
}

/// A certificate that has ended fails from its end, or from when it was put there.
When expired_since(const PeerCertificates& peer, const std::vector<SeenCertificate>& seen, TimePoint now) {
  const TimePoint end = peer.chain_not_after();
  if (end > now) return std::nullopt;
  return std::max(end, shown_since(seen, peer.leaf.sha256).value_or(end));
}

When earlier(When a, When b) { return a && b ? std::min(a, b) : a ? a : b; }

When host_expired_since(const MxVerdict& mx, const MxMemories& hosts, TimePoint now) {
  const auto memory = hosts ? hosts(mx.host) : nullptr;
  const std::vector<SeenCertificate> none;
  When out;
  for (const auto& at : mx.addresses)
    if (at.certificate)
      out = earlier(out, expired_since(*at.certificate, memory ? memory->past->certificates : none, now));
  return out;
}

/// The policy and the MX set contradict each other since the later of them came; null: since before watching.
When mismatched_since(const Past& past) {
  TimePoint out = past.began.value_or(TimePoint::min());
  for (const auto& policy : past.policies)
    if (!policy.seen.gone) out = std::max(out, policy.seen.first);
  for (const auto& mx : past.mx)
    if (!mx.seen.gone) out = std::max(out, mx.seen.first);
  return past.began && out > *past.began ? When(out) : std::nullopt;
}

When of_certificates(const Finding& finding, Family family, const DomainMemory& record,
                     const MxMemories& hosts, TimePoint now) {
  const Verdict& verdict = record.verdict;
  When out;
  if (family == Family::publication) {
    for (const auto& at : verdict.policy.addresses)
      if (at.certificate)
        out = earlier(out, expired_since(*at.certificate, record.past.policy_host_certificates, now));
    return out;
  }
  const std::string host = finding.subject.substr(0, finding.subject.find(' '));
  for (const auto& mx : verdict.mx)
    if (mx.host == host) out = host_expired_since(mx, hosts, now);
  return out;
}

/// Mail stopped when the last of the hosts failed, if each failed by the end of its certificate.
When of_breakage(const DomainMemory& record, const MxMemories& hosts, TimePoint now) {
  When last;
  for (const auto& mx : record.verdict.mx) {
    const When since = host_expired_since(mx, hosts, now);
    if (!since) return std::nullopt;
    last = std::max(last, since);
  }
  const When matched = mismatched_since(record.past);
  return last && matched ? std::max(last, matched) : last;
}

bool is_expiry(const Finding& finding) {
  const CatalogueEntry* entry = find_in_catalogue(finding.code);
  return entry && entry->title.ends_with("certificate has expired");
}

}  // namespace

TimePoint began(const Incident& incident, const DomainMemory& record, const MxMemories& hosts,
                TimePoint now) {
  const Finding& finding = incident.finding;
  const Nature& nature = nature_of(finding);
  When out;
  if (nature.headline == Headline::no_mail)
    out = of_breakage(record, hosts, now);
  else if (is_expiry(finding))
    out = of_certificates(finding, nature.family, record, hosts, now);
  else if (nature.aspect == Aspect::match && !nature.change())
    out = mismatched_since(record.past);
  return std::min(incident.opened, out.value_or(incident.opened));
}

}  // namespace stswatch
