// One absolute end for everything a look does, honoured by every wait; and the agent's wish to stop, which
// ends them all.
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

/// Who waited in vain; `all`: with what had gone before, as on a peer that lets a little come now and then.
Failure timed_out(Stage stage, Millis waited, Millis all);

/// "300 ms", "1.5 s", "12 s": how long somebody was waited for.
std::string span_words(Millis span);

}  // namespace stswatch
