#include "alerts/delivery.h"

#include "alerts/sink.h"

namespace stswatch {

HeartbeatPing::HeartbeatPing(Heartbeat heartbeat, SinkOptions with, std::function<bool()> healthy)
    : heartbeat_(std::move(heartbeat)), with_(std::move(with)), healthy_(std::move(healthy)) {}

TimePoint HeartbeatPing::step(const std::stop_token& stop) {
  const TimePoint now = with_.now();
  if (now < next_ && next_ - now <= heartbeat_.interval) return next_;  // else the calendar was set back
  next_ = now + heartbeat_.interval;
  last_.reset();
  if (!healthy_()) return next_;
  HttpRequest ping{.url = heartbeat_.url};
  ping.ca_file = with_.ca_file;
  ping.user_agent = "stswatch/" + with_.version;
  last_ = request(ping, stop);
  return next_;
}

namespace {

constexpr Seconds kLookAgain{60};  // the notifier calls sooner when something is owed

}  // namespace

DeliveryFigures::DeliveryFigures() {
  for (const auto* kind : {"new", "worse", "better", "reminder", "resolved"})
    sent[kind] = 0;
  for (const auto* reason :
       {"dns", "connect", "tls", "timeout", "auth", "throttled", "rejected", "server", "config"})
    failed[reason] = 0;
}

Delivery::Delivery(Dispatcher& dispatcher, Receiver receiver, Hooks around)
    : dispatcher_(dispatcher), receiver_(std::move(receiver)), around_(std::move(around)) {}

TimePoint Delivery::step(const std::stop_token& stop) {
  const TimePoint now = around_.now();
  if (now >= failed_ && now < not_before_) return not_before_;  // not where the calendar was set back
  auto parcel = dispatcher_.take(name(), now);
  if (!parcel) return refresh(now, stop);
  around_.flush();
  const Notice* before = parcel->before ? &*parcel->before : nullptr;
  const auto result = receiver_.sink->send(parcel->pending.notice, before, stop);
  const TimePoint after = around_.now();
  dispatcher_.settle(parcel->pending, result.kind, after);
  count(parcel->pending, result);
  around_.report(parcel->pending, result);
  if (result.kind == SendResult::Kind::sent || result.kind == SendResult::Kind::refused) {
    failures_ = 0;
    return after;
  }
  ++failures_;
  const double spread = static_cast<double>(random_() % 1000) / 1000;
  failed_ = after;
  not_before_ = after + back_off(failures_, result.retry_after, spread);
  return not_before_;
}

TimePoint Delivery::refresh(TimePoint now, const std::stop_token& stop) {
  const auto every = receiver_.sink->refresh_every();
  if (!every) return now + kLookAgain;
  if (now >= refreshed_ && now - refreshed_ < *every) return refreshed_ + *every;
  refreshed_ = now;
  const auto firing = dispatcher_.firing(name());
  if (!firing.empty()) {
    const auto result = receiver_.sink->refresh(firing, stop);
    if (result.kind != SendResult::Kind::sent) around_.report_refresh(result);
  }
  return now + *every;
}

void Delivery::count(const PendingNotice& pending, const SendResult& result) {
  const std::lock_guard lock(mutex_);
  if (result.kind == SendResult::Kind::sent)
    ++figures_.sent[std::string(to_string(pending.notice.kind))];
  else
    ++figures_.failed[result.reason];
}

DeliveryFigures Delivery::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace stswatch
