// Brings one receiver what it is owed, one notice at a time, with back-off when it fails: nobody else waits
// for it. step() is called by one thread; figures() by any.
#pragma once

#include <mutex>
#include <random>

#include "alerts/digest.h"
#include "alerts/sink.h"

namespace stswatch {

// Pings a URL as long as the agent is well, so that somebody else notices when it is not.

class HeartbeatPing {
 public:
  HeartbeatPing(Heartbeat heartbeat, SinkOptions with, std::function<bool()> healthy);
  /// Pings when it is due and all is well. Returns when it wants to be called again.
  TimePoint step(const std::stop_token& stop);
  const std::string& name() const { return heartbeat_.name; }
  /// Of the newest ping; null before the first, and while the agent is not well.
  const std::optional<SendResult>& last() const { return last_; }

 private:
  const Heartbeat heartbeat_;
  const SinkOptions with_;
  const std::function<bool()> healthy_;
  TimePoint next_{};
  std::optional<SendResult> last_;
};

/// Counts since the start; every kind and reason is there from the beginning.
struct DeliveryFigures {
  DeliveryFigures();
  std::map<std::string, std::uint64_t> sent;    // by kind
  std::map<std::string, std::uint64_t> failed;  // by reason
};

class Delivery {
 public:
  struct Hooks {
    std::function<TimePoint()> now;
    /// Returns once what the dispatcher has written is on the disk, or the disk refuses it.
    std::function<void()> flush = [] {};
    /// False while another agent of a fleet tells; and, once flushed, while another one may be telling.
    std::function<bool()> tells = [] { return true; }, may_send = [] { return true; };
    std::function<void(const PendingNotice&, const SendResult&)> report = [](const PendingNotice&,
                                                                             const SendResult&) {};
    std::function<void(const SendResult&)> report_refresh = [](const SendResult&) {};
    /// What a digest is made of; null: there are none.
    std::function<DigestSource()> digest_source{};
    KeyValueStore* key_values = nullptr;  // keeps when the last one was sent
    std::function<void(const SendResult&)> report_digest = [](const SendResult&) {};
  };

  Delivery(Dispatcher& dispatcher, Receiver receiver, Hooks around);

  /// Sends at most one notice. Returns when it wants to be called again: at once while more may be due.
  TimePoint step(const std::stop_token& stop);
  const std::string& name() const { return receiver_.rules.name; }
  DeliveryFigures figures() const;

 private:
  void read_digests();
  TimePoint refresh(TimePoint now, const std::stop_token& stop);
  /// nullopt: none was sent. Else when to go on.
  std::optional<TimePoint> send_digest(TimePoint now, const std::stop_token& stop);
  void count(const PendingNotice& pending, const SendResult& result);

  Dispatcher& dispatcher_;
  const Receiver receiver_;
  const Hooks around_;
  std::optional<DigestSchedule> digests_;
  bool others_told_ = false;
  int digest_failures_ = 0;  // in a row; a digest that is not taken holds up no notice
  TimePoint digest_not_before_{};
  std::minstd_rand random_{std::random_device{}()};
  int failures_ = 0;  // in a row
  TimePoint failed_{}, not_before_{}, refreshed_{};
  mutable std::mutex mutex_;
  DeliveryFigures figures_;  // guarded by mutex_
};

}  // namespace stswatch
