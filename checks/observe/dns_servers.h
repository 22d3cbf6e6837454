// Which servers to ask, and in which order: what an operator or resolv.conf wrote, and how each has behaved
// lately. Values and pure functions; ServerHealth belongs to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "checks/facts/address.h"

namespace stswatch::dns {

struct Server {
  Address address;
  std::uint16_t port = 53;

  std::string str() const;  // without the port when it is 53
  /// On this host: its AD bit did not travel (RULES 0.3).
  bool loopback() const;
  bool operator==(const Server&) const = default;
};

/// "addr", "addr:port", "[v6]", "[v6]:port". The error quotes the text and says how to write it.
tl::expected<Server, std::string> parse_server(std::string_view text);

/// The nameserver lines (resolv.conf(5)). Lines no server can be read from are skipped unless none remains.
tl::expected<std::vector<Server>, std::string> read_resolv_conf(const std::string& path);

/// Remembers silent servers, so that a dead one is not waited for by question after question: it goes last,
/// and is tried now and then by a probe nobody waits for.
class ServerHealth {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ServerHealth(std::size_t servers) : states_(servers) {}

  /// Every server: those that answer first, each group as configured.
  std::vector<std::size_t> order() const;
  void answered(std::size_t server);
  void silent(std::size_t server, Clock::time_point now);
  /// A silent server whose probe is due; the next will be later, twice as far each time.
  std::optional<std::size_t> take_due_probe(Clock::time_point now);

 private:
  struct State {
    bool silent = false;
    Clock::time_point next_probe{};
    Clock::duration pause{};
  };
  std::vector<State> states_;
};

}  // namespace stswatch::dns
