// A small, bounded iterative client: finds the servers of a name's zone, starting from the nearest ancestor
// that the configured resolver answers for, and asks them themselves (RFC 1034 §5.3.3). A second witness: no
// cache of anybody stands between. Thread-safe; shared by all looks, remembers where zones are served.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/observation.h"
#include "checks/facts/source.h"
#include "checks/observe/dns/exchange.h"
#include "checks/observe/dns/message.h"
#include "checks/observe/dns/wire.h"

namespace stswatch::dns {

// What an authoritative server's message means on the way down the tree: an answer, an alias, a referral to
// the servers of a zone below, or none of these. Pure. RFC 1034 §4.3.2, §5.3.3.

struct NameServer {
  std::string name;
  std::vector<Address> addresses{};  // glue; empty: to be looked up
};

/// A zone and who serves it.
struct Delegation {
  std::string zone;
  std::vector<NameServer> servers{};
  std::uint32_t ttl = 0;
};

struct SourceReading {
  SourceReply reply{};    // without server and address
  std::string alias{};    // where the answer's alias leads, outside what it holds itself
  Delegation referral{};  // with a zone: ask there
};

/// `zone`: what the server was asked for as a server of; a referral leads below it, towards the name.
SourceReading read_source(Octets message, const DnsQuestion& question, const std::string& zone);

/// The serial and refresh of `zone` in an answer for its SOA.
std::optional<Soa> read_zone_soa(Octets message, const std::string& zone);

}  // namespace stswatch::dns

// Which servers to ask, and in which order: what an operator or resolv.conf wrote, and how each has behaved
// lately. Values and pure functions; ServerHealth belongs to one thread.

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

struct SourceOptions {
  bool allow_private = false;
  bool ipv6 = true;
  std::uint16_t port = 53;  // another one for tests only
  Millis timeout{2000};     // for all servers of a zone together
};

class Source {
 public:
  enum class Ask { one, all };  // servers of the zone; one: the first that answers

  Source(Resolver& resolver, SourceOptions options)
      : resolver_(resolver), options_(options), ipv6_(options.ipv6) {}

  /// `domain`: where the search for the zone begins, an ancestor of the question's name or itself. Aliases
  /// are followed. What the deadline cuts short is silent.
  SourceAnswer ask(const std::string& domain, const DnsQuestion& question, Ask how, const Deadline& deadline);

  /// The last search found no ancestor that the resolver answers for, not even the root.
  static bool resolver_dead(const SourceAnswer& answer) { return answer.trouble == kNoAncestor; }

  void use_ipv6(bool route) { ipv6_ = route; }
  /// Server after server was silent, and none has ever answered: somebody blocks port 53 outwards. Nobody is
  /// asked then, but for one now and then.
  bool blocked() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Found {
    Delegation zone;
    Clock::time_point until{};
  };
  struct Named {  // one address of one server
    std::string name;
    Server server;
  };
  struct Stage {  // what the servers of one zone said
    std::string zone;
    std::vector<Named> servers;
    std::vector<SourceReading> readings;
    std::optional<Delegation> below;  // one of them referred there
  };
  struct Descent {  // from one start
    SourceAnswer answer;
    std::string alias;      // where the answer leads
    bool referred = false;  // those who answered were named by their parent just now
  };
  static constexpr const char* kNoAncestor = "the resolver answers for no ancestor of the name";

  std::optional<Delegation> known(const std::string& domain);
  void remember(const std::string& domain, const Delegation& zone);
  void forget(const std::string& domain);
  tl::expected<Delegation, std::string> start_for(const std::string& name, const Deadline& deadline);
  std::vector<Named> servers_of(Delegation& zone, Ask how, const Deadline& deadline);
  void look_up(std::vector<NameServer>& servers, std::size_t most, const Deadline& deadline);
  Stage ask_zone(Delegation& zone, const DnsQuestion& question, Ask how, const Deadline& deadline);
  void ask_servers(Stage& stage, std::size_t from, std::size_t count, const DnsQuestion& question,
                   const Deadline& deadline);
  Descent descend(const std::string& domain, Delegation zone, const DnsQuestion& question, Ask how,
                  const Deadline& deadline);
  Descent ask_once(const std::string& domain, const DnsQuestion& question, Ask how, const Deadline& deadline);
  void add_serials(Stage& stage, SourceAnswer& answer, const Deadline& deadline);
  void heard(const Server& server, const Exchanged& exchanged);
  bool may_ask();

  Resolver& resolver_;
  const SourceOptions options_;
  std::atomic<bool> ipv6_;

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Found> zones_;  // guarded by mutex_, as is all below; by `domain`
  bool ever_heard_ = false;
  std::set<Address> silent_;  // until one is heard
  Clock::time_point next_try_{};
};

// The second witness of a look: what of it the zone's own servers are asked, how many of them, and what that
// adds to the facts (RULES 5.8). No opinions beyond proof: who refuses, who differs, whose record is
// newer.

/// What the caller knows of the domain from before.
struct Beforehand {
  const DomainObservation* known = nullptr;
  bool thorough = false;  // ask each server for record and MX set, whatever is known
};

/// One server of the zone is asked for the `_mta-sts` record; all of them where the resolver failed, where it
/// or that server shows a change, and while they differ. `seen` holds the resolver's answers; an unknown one
/// gets its zone_error, and a newer record than the resolver's takes its place.
void hear_source(Source& source, DomainObservation& seen, const Beforehand& before, const Deadline& deadline);

/// Without a source: only what fails validation is proved.
void believe_resolver(DomainObservation& seen);

}  // namespace stswatch::dns
