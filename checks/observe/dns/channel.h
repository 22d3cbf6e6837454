// A c-ares channel to one server over one transport: raw queries out, raw answers in. c-ares 1.18 channels
// are not thread-safe: one thread makes, uses and destroys it. The only header in front of <ares.h>.
#pragma once

#include <poll.h>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/text.h"
#include "checks/observe/dns/message.h"
#include "checks/observe/dns/resolver.h"
#include "checks/observe/dns/servers.h"

// Questions asked together: where the DNS thread puts answers and the asking thread waits for them.
// Thread-safe; shared by both, so that either may leave first.

namespace stswatch::dns {

/// An eventfd: readable once set.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  bool valid() const { return fd_ >= 0; }  // false: the process is out of descriptors
  int fd() const { return fd_; }
  void set() const;
  void clear() const;

 private:
  int fd_;
};

class Batch {
 public:
  explicit Batch(const std::vector<DnsQuestion>& questions);

  const std::vector<DnsQuestion>& questions() const { return questions_; }
  const Event& done() const { return done_; }  // set when every question is answered

  void answer(std::size_t index, DnsAnswer answer);
  /// What a waiting thread may tell should it have to give up now.
  void asking(std::size_t index, std::string_view server, const std::string& failures);
  /// All that is still open are AAAA questions for names that have an A: nobody needs to wait for them long.
  bool only_aaaa_beside_a_left() const;
  /// Nobody waits any more.
  bool abandoned() const { return abandoned_; }

  /// Ends the wait. Unanswered questions are unknown, for the reason why the wait ended.
  std::vector<DnsAnswer> collect(const Failure& gave_up);

 private:
  struct Slot {
    std::optional<DnsAnswer> answer;
    std::string server, failures;
  };
  const std::vector<DnsQuestion> questions_;
  const Event done_;
  std::atomic<bool> abandoned_{false};

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;  // guarded by mutex_
  std::size_t open_;         // guarded by mutex_
};

}  // namespace stswatch::dns

struct ares_channeldata;

namespace stswatch::dns {

struct Reply {
  enum class Kind { answer, silence, unreachable, exhausted, broken };
  Kind kind = Kind::broken;
  Octets packet;      // of an answer; valid during the call only
  std::string error;  // of an exhausted one what our socket call said, of a broken one c-ares' words
};

/// Whoever sent a query. Called once for each, also when the channel goes; must not use the channel
/// meanwhile.
class Sender {
 public:
  virtual void on_reply(const Reply& reply) = 0;

 protected:
  ~Sender() = default;
};

class Channel {
 public:
  enum class Transport { udp, udp_without_edns, tcp };

  static tl::expected<std::unique_ptr<Channel>, std::string> open(const Server& server, Transport transport,
                                                                  Millis timeout);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void send(Octets query, Sender& sender);
  const std::vector<pollfd>& fds() const { return fds_; }
  void process(const pollfd& ready);
  void process_timeouts();
  /// Until process_timeouts() has work; nullopt when nothing is in flight.
  std::optional<Millis> until_timeout() const;

 private:
  Channel() = default;
  static void on_socket_state(void* self, int fd, int readable, int writable);

  ares_channeldata* ares_ = nullptr;
  int errno_ = 0;  // of our last socket call that failed for want of our own means
  std::vector<pollfd> fds_;
};

}  // namespace stswatch::dns
