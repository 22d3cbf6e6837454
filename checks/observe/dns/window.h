// How many questions a resolver may have in hand from us: grows while it answers, halves when it loses them
// (AIMD, as TCP does: RFC 5681 §3.1), so that ten thousand domains at a start are no burst. Belongs to one
// thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace stswatch::dns {

class Window {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kFirst = 64;  // any resolver's socket buffer holds that
  static constexpr std::size_t kLeast = 8;
  // unbound works on 512 to 1,024 at a time by default (num-queries-per-thread) and drops what is beyond.
  static constexpr std::size_t kMost = 512;
  // A zone that is dead costs a resolver's patience too, and is no overload: that much of all is.
  static constexpr std::size_t kOneIn = 16;

  /// `round`: what is lost within one is one event.
  explicit Window(Clock::duration round) : round_(round) {}

  std::size_t size() const { return size_; }
  std::size_t in_flight() const { return in_flight_; }
  bool full() const { return in_flight_ >= size_; }

  void sent() { ++in_flight_; }
  void answered() {
    const bool used = in_flight_ * 2 >= size_;  // what is not used proves nothing
    landed();
    ++answers_;
    if (!used || size_ >= kMost) return;
    if (size_ < threshold_ || ++credit_ >= size_) {
      ++size_;
      credit_ = 0;
    }
  }
  void lost(Clock::time_point now) {
    landed();
    ++losses_;
    if (now < next_cut_ || losses_ * kOneIn <= answers_) return;
    size_ = threshold_ = std::max(kLeast, size_ / 2);
    next_cut_ = now + round_;
    losses_ = answers_ = credit_ = 0;
  }
  /// Neither: it could not be sent, or the server cannot be reached.
  void landed() {
    if (in_flight_ > 0) --in_flight_;
  }

 private:
  Clock::duration round_;
  std::size_t size_ = kFirst, threshold_ = kMost, in_flight_ = 0;
  std::size_t credit_ = 0, answers_ = 0, losses_ = 0;  // the last two since the last cut
  Clock::time_point next_cut_{};
};

}  // namespace stswatch::dns
