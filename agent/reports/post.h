// POST /tlsrpt: RFC 8460 §5.4. Who may hand in a report, in what form and how often, and what it is
// answered. Thread-safe.
#pragma once

#include <chrono>
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

class PostBox {
 public:
  using Steady = std::chrono::steady_clock::time_point;
  PostBox(Intake& intake, std::function<Steady()> now) : intake_(intake), now_(std::move(now)) {}

  Answer take(Post post);

 private:
  std::optional<Answer> refused(const Post& post, const TlsrptIntake& options);
  bool too_many();

  Intake& intake_;
  const std::function<Steady()> now_;
  std::mutex mutex_;
  double left_ = kAtOnce;  // posts that may come at once; guarded by mutex_, as is all below
  std::optional<Steady> counted_;
};

/// In the time of all of them: how much of a guess is right cannot be measured.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace stswatch::reports
