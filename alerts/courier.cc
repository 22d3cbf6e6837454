#include "alerts/courier.h"

namespace stswatch {
namespace {

constexpr Seconds kLookAgain{60};  // the notifier calls sooner when something is owed

}  // namespace

CourierFigures::CourierFigures() {
  for (const auto* kind : {"new", "worse", "better", "reminder", "resolved"})
    sent[kind] = 0;
  for (const auto* reason :
       {"dns", "connect", "tls", "timeout", "auth", "throttled", "rejected", "server", "config"})
    failed[reason] = 0;
}

Courier::Courier(Desk& desk, Receiver receiver, Surroundings around)
    : desk_(desk), receiver_(std::move(receiver)), around_(std::move(around)) {}

TimePoint Courier::step(const std::stop_token& stop) {
  const TimePoint now = around_.now();
  if (now < not_before_) return not_before_;
  auto parcel = desk_.take(name(), now);
  if (!parcel) return refresh(now, stop);
  around_.flush();
  const Notice* before = parcel->before ? &*parcel->before : nullptr;
  const auto result = receiver_.sink->send(parcel->owed.notice, before, stop);
  const TimePoint after = around_.now();
  desk_.settle(parcel->owed, result.kind, after);
  count(parcel->owed, result);
  around_.report(parcel->owed, result);
  if (result.kind == SendResult::Kind::sent || result.kind == SendResult::Kind::refused) {
    failures_ = 0;
    return after;
  }
  ++failures_;
  const double spread = static_cast<double>(random_() % 1000) / 1000;
  not_before_ = after + back_off(failures_, result.retry_after, spread);
  return not_before_;
}

TimePoint Courier::refresh(TimePoint now, const std::stop_token& stop) {
  const auto every = receiver_.sink->refresh_every();
  if (!every) return now + kLookAgain;
  if (now - refreshed_ < *every) return refreshed_ + *every;
  refreshed_ = now;
  const auto firing = desk_.firing(name());
  if (!firing.empty()) {
    const auto result = receiver_.sink->refresh(firing, stop);
    if (result.kind != SendResult::Kind::sent) around_.report_refresh(result);
  }
  return now + *every;
}

void Courier::count(const Owed& owed, const SendResult& result) {
  const std::lock_guard lock(mutex_);
  if (result.kind == SendResult::Kind::sent)
    ++figures_.sent[std::string(to_string(owed.notice.kind))];
  else
    ++figures_.failed[result.reason];
}

CourierFigures Courier::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace stswatch
