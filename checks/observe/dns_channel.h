// A c-ares channel to one server over one transport: raw queries out, raw answers in. c-ares 1.18 channels
// are not thread-safe: one thread makes, uses and destroys it. The only header in front of <ares.h>.
#pragma once

#include <poll.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checks/facts/time.h"
#include "checks/observe/dns_name.h"
#include "checks/observe/dns_servers.h"

struct ares_channeldata;

namespace stswatch::dns {

struct Reply {
  enum class Kind { answer, silence, unreachable, broken };
  Kind kind = Kind::broken;
  Octets packet;      // of an answer; valid during the call only
  std::string error;  // c-ares' words, of a broken one
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
  std::vector<pollfd> fds_;
};

}  // namespace stswatch::dns
