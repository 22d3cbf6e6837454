#include "alerts/delivery.h"

#include <utility>

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

constexpr Seconds kNotOurs{2};     // another agent tells, or may be telling
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
    : dispatcher_(dispatcher), receiver_(std::move(receiver)), around_(std::move(around)) {
  read_digests();
}

void Delivery::read_digests() {
  if (!receiver_.digest || !around_.digest_source || around_.key_values == nullptr) return;
  digests_.emplace(*around_.key_values, name(), *receiver_.digest, around_.now());
  const std::lock_guard lock(mutex_);
  figures_.sent.try_emplace("digest", 0);
}

TimePoint Delivery::step(const std::stop_token& stop) {
  const TimePoint now = around_.now();
  if (now >= failed_ && now < not_before_) return not_before_;  // not where the calendar was set back
  if (!around_.tells()) {
    others_told_ = true;
    return now + kNotOurs;
  }
  if (std::exchange(others_told_, false)) read_digests();
  auto parcel = dispatcher_.take(name(), now);
  if (!parcel) {
    const auto after_digest = send_digest(now, stop);
    return after_digest ? *after_digest : refresh(now, stop);
  }
  around_.flush();
  if (!around_.may_send()) {
    dispatcher_.settle(parcel->pending, SendResult::Kind::failed, around_.now());
    return around_.now() + kNotOurs;
  }
  const Notice* before = parcel->before ? &*parcel->before : nullptr;
  const auto result = receiver_.sink->send(parcel->pending.notice, before, stop);
  const TimePoint after = around_.now();
  dispatcher_.settle(parcel->pending, result.kind, after, result.handle);
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

std::optional<TimePoint> Delivery::send_digest(TimePoint now, const std::stop_token& stop) {
  const auto date = digests_ ? digests_->due(now) : std::nullopt;
  if (!date || (now < digest_not_before_ && digest_not_before_ - now < Seconds{86400})) return std::nullopt;
  if (!around_.may_send()) return now + kNotOurs;
  auto digest = compose_digest(around_.digest_source(), digests_->since(), now);
  digest.key = "digest-" + to_utc(*date);
  const auto result = receiver_.sink->send_digest(digest, stop);
  const TimePoint after = around_.now();
  around_.report_digest(result);
  const bool sent = result.kind == SendResult::Kind::sent;
  {
    const std::lock_guard lock(mutex_);
    ++(sent ? figures_.sent["digest"] : figures_.failed[result.reason]);
  }
  if (!sent) {
    digest_not_before_ = after + back_off(++digest_failures_, result.retry_after, 0.5);
    return std::nullopt;
  }
  digests_->sent(*date);
  around_.flush();
  digest_failures_ = 0;
  return after;
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
