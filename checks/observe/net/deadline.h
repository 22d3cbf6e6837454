// One absolute end for everything a look does, honoured by every wait; the agent's wish to stop, which ends
// them all; and how long a peer took.
#pragma once

#include <chrono>
#include <string>

#include "checks/facts/result.h"
#include "checks/facts/text.h"

namespace stswatch {

/// Wakes every wait that was given it. Thread-safe; outlives the deadlines made with it.
class Cancel {
 public:
  Cancel();
  ~Cancel();
  Cancel(const Cancel&) = delete;
  Cancel& operator=(const Cancel&) = delete;
  void cancel();  // async-signal-safe
  bool cancelled() const;
  int fd() const { return fd_; }  // readable once cancelled

 private:
  int fd_;
};

class Deadline {
 public:
  static Deadline in(Millis span, const Cancel* cancel = nullptr);
  /// The earlier of this end and `span` from now.
  Deadline within(Millis span) const;
  Millis left() const;  // never negative
  bool passed() const { return left().count() == 0; }
  bool cancelled() const { return cancel_ != nullptr && cancel_->cancelled(); }
  const Cancel* cancel() const { return cancel_; }

  /// Waits until `fd` shows one of the poll(2) `events`. The failure (timeout or cancelled) names `stage`.
  Result<short> wait(int fd, short events, Stage stage) const;

 private:
  std::chrono::steady_clock::time_point begin_, end_;
  const Cancel* cancel_ = nullptr;
};

/// How long a peer takes, by the thread that asks it: without the time in which this thread could have run
/// and was given no processor (other work, or a container's share that is used up), which is not the peer's.
/// Linux tells that; where /proc is not there, all of it counts.
class PeerTime {
 public:
  PeerTime();
  Millis passed() const;  // asked by the thread that made it

 private:
  std::chrono::steady_clock::time_point begin_;
  std::chrono::nanoseconds starved_;
};

/// Who waited in vain; `all`: with what had gone before, as on a peer that lets a little come now and then.
Failure timed_out(Stage stage, Millis waited, Millis all);

/// "300 ms", "1.5 s", "12 s": how long somebody was waited for.
std::string span_words(Millis span);

}  // namespace stswatch
