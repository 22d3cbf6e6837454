#include "agent/watch/second_eyes.h"

#include "agent/watch/log.h"
#include "agent/watch/mx_probe_pool.h"

namespace stswatch {
namespace {

constexpr Millis kPatience{40000};  // so that the answer comes before kSecondLookBy
constexpr std::size_t kMxLooksAtOnce = 4;

}  // namespace

LooksForOthers::LooksForOthers(Look look, Clock& clock)
    : look_(std::move(look)), clock_(clock), thread_([this](const std::stop_token& stop) { work(stop); }) {}

LooksForOthers::~LooksForOthers() = default;

bool LooksForOthers::has_time_for(const std::string& domain) {
  const auto now = clock_.steady();
  const std::lock_guard lock(mutex_);
  std::erase_if(asked_at_, [&](const auto& entry) { return entry.second + kGap <= now; });
  return waiting_.size() < kWaiting && !asked_at_.contains(domain);
}

void LooksForOthers::look(SecondLookAsked asked) {
  const std::lock_guard lock(mutex_);
  asked_at_[asked.domain] = clock_.steady();
  waiting_.push_back(std::move(asked));
  more_.notify_one();
}

std::vector<SecondLookAnswer> LooksForOthers::answers() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answers_, {});
}

void LooksForOthers::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (more_.wait(lock, stop, [&] { return !waiting_.empty(); })) {
    auto asked = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    auto answer = look_(std::move(asked));
    lock.lock();
    answers_.push_back(std::move(answer));
  }
}

SecondLookAnswer look_for_another(Service& service, const Memory& memory, Clock& clock, const Cancel& cancel,
                                  SecondLookAsked asked) {
  const auto plan = service.plan();
  const auto* watched = plan->find(asked.domain);
  if (watched == nullptr) return {std::move(asked), {}, {}};
  service.probed(watched->name);
  const auto patience = std::min<Millis>(plan->config.network.look_timeout, kPatience);
  MxProbePool mx(plan->probes, clock, patience, cancel, kMxLooksAtOnce);
  auto look = look_once(plan->probes, mx, watched->name, clock.now(), Deadline::in(patience, &cancel));
  if (cancel.cancelled()) return {std::move(asked), {}, {}};
  if (const auto record = memory.domain(watched->name)) look.past = record->past;
  for (const auto& [host, _] : look.mx)
    if (const auto record = memory.mx(host)) look.mx_pasts.emplace(host, record->past);
  auto answer = answer_of(std::move(asked), look, watched->limits);
  log_info({.event = "looked-for-another", .domain = watched->name.str()},
           "{}: looked for another agent: of {} findings that page {} are seen from here, and {} are not",
           watched->name.str(), answer.asked.findings.size(), answer.seen.size(), answer.not_seen.size());
  return answer;
}

}  // namespace stswatch
