// Brings one receiver what it is owed, one notice at a time, with back-off when it fails: nobody else waits
// for it. step() is called by one thread; figures() by any.
#pragma once

#include <mutex>
#include <random>

#include "alerts/sink.h"

namespace stswatch {

/// Counts since the start; every kind and reason is there from the beginning.
struct CourierFigures {
  CourierFigures();
  std::map<std::string, std::uint64_t> sent;    // by kind
  std::map<std::string, std::uint64_t> failed;  // by reason
};

class Courier {
 public:
  struct Surroundings {
    std::function<TimePoint()> now;
    /// Returns once what the desk has written is on the disk, or the disk refuses it.
    std::function<void()> flush = [] {};
    std::function<void(const Owed&, const SendResult&)> report = [](const Owed&, const SendResult&) {};
    std::function<void(const SendResult&)> report_refresh = [](const SendResult&) {};
  };

  Courier(Desk& desk, Receiver receiver, Surroundings around);

  /// Sends at most one notice. Returns when it wants to be called again: at once while more may be due.
  TimePoint step(const std::stop_token& stop);
  const std::string& name() const { return receiver_.rules.name; }
  CourierFigures figures() const;

 private:
  TimePoint refresh(TimePoint now, const std::stop_token& stop);
  void count(const Owed& owed, const SendResult& result);

  Desk& desk_;
  const Receiver receiver_;
  const Surroundings around_;
  std::minstd_rand random_{std::random_device{}()};
  int failures_ = 0;  // in a row
  TimePoint not_before_{}, refreshed_{};
  mutable std::mutex mutex_;
  CourierFigures figures_;  // guarded by mutex_
};

}  // namespace stswatch
