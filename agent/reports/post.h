// POST /tlsrpt: RFC 8460 §5.4. Who may hand in a report, in what form and how often, and what it is
// answered. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "agent/reports/intake.h"

namespace stswatch::reports {

struct Post {
  std::string body;
  std::string media_type;  // of Content-Type
  std::string token;       // of ?token=, or of a Bearer header; never logged
  std::string address;     // of the client
};

struct Answer {
  int status = 500;
  std::string words;
  std::optional<Fate> fate{};  // where it was read
};

/// Every large sender together sends some hundred reports a day of a domain, most of them after midnight.
inline constexpr double kAtOnce = 200, kPerSecond = 20;
inline constexpr std::size_t kRead = 2;  // posts that are read and written down at once...
inline constexpr std::chrono::seconds kWaitForTurn{
    20};  // ...and how long others wait before they are sent away

class PostBox {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  PostBox(Intake& intake, std::function<Steady()> now, std::chrono::milliseconds patience = kWaitForTurn)
      : intake_(intake), now_(std::move(now)), patience_(patience) {}

  Answer take(Post post);
  /// Why nobody who comes can be let in; nullopt: who is right can.
  std::optional<std::string> trouble() const;
  /// Nobody waits any longer: whoever does, or comes, is told to come again.
  void end();

 private:
  std::optional<Answer> refused(const Post& post, const TlsrptIntake& options);
  bool too_many();
  bool take_turn();
  void give_turn();

  Intake& intake_;
  const std::function<Steady()> now_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable turn_;
  double left_ = kAtOnce;  // posts that may come at once; guarded by mutex_, as is all below
  std::optional<Steady> counted_;
  std::size_t reading_ = 0;
  bool ending_ = false;
};

/// In the time of all of them: how much of a guess is right cannot be measured.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace stswatch::reports
