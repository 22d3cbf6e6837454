// Who a request is from: names and passwords of basic authentication (RFC 7617) against bcrypt hashes, which
// cost a quarter of a second each by design, and a second at most (WebConfig::kMostCost). They are checked by
// threads of their own, in turn for each address that asks and the newest of each first, so that guesses cost
// the guesser. Right ones are remembered for a while under a keyed digest, wrong ones for a moment; an
// unknown name costs what a known one does. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "checks/facts/address.h"

namespace stswatch::door {

class Passwords {
 public:
  using Clock = std::chrono::steady_clock;
  using Users = std::map<std::string, std::string>;  // name -> bcrypt hash
  enum class Verdict { right, wrong, too_many };
  /// Called once, at once or from a thread of this.
  using Done = std::function<void(Verdict, const std::string& user)>;
  using Matches = std::function<bool(const std::string& password, const std::string& hash)>;

  static bool bcrypt_matches(const std::string& password, const std::string& hash);

  explicit Passwords(Matches matches = bcrypt_matches);
  ~Passwords() { end(); }
  Passwords(const Passwords&) = delete;
  Passwords& operator=(const Passwords&) = delete;

  /// `authorization`: the header's value.
  void check(const Users& users, std::string_view authorization, const Address& from, Done done);
  /// What waits is told that it was too many.
  void end();

  static constexpr std::size_t kThreads = 2;
  static constexpr std::size_t kWaitingOfOne = 32;   // of one address; the oldest is turned away
  static constexpr std::size_t kWaiting = 256;       // of all
  static constexpr double kGuesses = 20;             // at once from one address...
  static constexpr double kGuessesASecond = 1;       // ...and after those
  static constexpr std::size_t kAddresses = 4096;    // whose guesses are counted; others share one count
  static constexpr std::size_t kRemembered = 1024;   // of right ones, and of wrong ones
  static constexpr std::chrono::hours kRightFor{1};  // since it was last used
  static constexpr std::chrono::seconds kWrongFor{60};

 private:
  struct Claim {
    std::string user, hash, password, digest;
    bool possible = false;  // there is such a user, and the hash can tell this password from others
  };
  struct Check {
    Claim claim;
    std::vector<Done> done;
  };
  struct Guesses {
    double left = kGuesses;
    Clock::time_point at{};
  };
  struct Asker {
    std::deque<std::shared_ptr<Check>> waiting;
    bool busy = false;
  };
  using Memory = std::map<std::string, Clock::time_point>;  // digest -> until when
  using Askers = std::map<Address, Asker>;
  using Drop = std::vector<Done>;

  std::optional<Claim> claim_of(const Users& users, std::string_view authorization) const;
  std::string digest(std::string_view a, std::string_view b, std::string_view c) const;
  std::optional<Verdict> remembered(const std::string& digest, Clock::time_point now);
  void queue(std::shared_ptr<Check> check, const Address& from, Drop* dropped);
  Guesses& guesses_of(const Address& from, Clock::time_point now);
  Askers::iterator next(Clock::time_point now, Clock::time_point* again);
  void work();

  const Matches matches_;
  std::string key_;  // of the digests: what is remembered is of no use to anybody who reads it

  std::mutex mutex_;
  std::condition_variable more_;
  Askers askers_;                                       // guarded by mutex_, as is all below
  std::deque<Address> turn_;                            // of those with a check that waits
  std::map<std::string, std::shared_ptr<Check>> open_;  // by digest: waiting or under way
  std::size_t waiting_ = 0;
  std::map<Address, Guesses> guesses_;
  Guesses of_others_;
  Memory right_, wrong_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

/// Whose guesses count together: an IPv4 address, a /64 of IPv6.
Address neighbourhood(const Address& address);

}  // namespace stswatch::door
