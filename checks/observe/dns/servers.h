// Which servers to ask, and in which order: what an operator or resolv.conf wrote, and how each has behaved
// lately. Values and pure functions; ServerHealth belongs to one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "checks/facts/address.h"
#include "checks/observe/dns/message.h"

// How one question goes from server to server until something is proved: pure steps, no I/O. A definite
// answer from any server wins; the failures of all are told otherwise.

namespace stswatch::dns {

struct Step {
  std::size_t server = 0;
  bool tcp = false;
  QueryForm form;
};

class Plan {
 public:
  Plan(std::size_t servers, int tries) : servers_(servers), tries_left_(tries) {}

  /// What to send next, given the servers in the order preferred now; nullopt once settled.
  std::optional<Step> next(std::span<const std::size_t> order);

  /// What became of the last step.
  void answered(Reading reading);
  void silent(const std::string& why);     // packets get lost: the same server may be asked again
  void failed(const std::string& why);     // it would fail again at once
  void exhausted(const std::string& why);  // nothing was sent, for want of our own descriptors or buffers

  /// The definite answer, or an unknown one that names every failure.
  DnsAnswer result(const DnsQuestion& question);
  const std::string& failures() const { return failures_; }

 private:
  struct Tally {
    int silences = 0;
    bool failed = false;
  };
  std::optional<std::size_t> choose(std::span<const std::size_t> order) const;
  std::optional<Step> follow_up(const Reading& reading) const;
  void note(const std::string& why);

  std::vector<Tally> servers_;
  int tries_left_;
  Step last_;
  std::optional<Step> follow_up_;             // of the same try: TCP, or without EDNS
  std::optional<std::size_t> ask_unchecked_;  // this server's SERVFAIL may be a failed validation
  bool unchecked_ = false;                    // the last step is that question
  bool bogus_ = false;
  bool exhausted_ = false;
  bool settled_ = false;
  std::optional<DnsAnswer> answer_;
  std::string failures_;
};

}  // namespace stswatch::dns

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

/// The nameserver lines (resolv.conf(5)). Lines no server can be read from are skipped unless none remains;
/// where there are none, or no file, it is the one on this machine.
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
