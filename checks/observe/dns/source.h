// The servers of a zone asked themselves, as a second witness beside the resolver: how often (Budget), with
// one question to several at once (Exchange), and which they are (Source).
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/observation.h"
#include "checks/observe/dns/message.h"
#include "checks/observe/dns/servers.h"
#include "checks/observe/net/deadline.h"

namespace stswatch::dns {

// How many questions the name servers of others are asked directly: so many a second each, however many
// domains they serve and whenever these come due. What is beyond goes unasked, which proves nothing of the
// server; the resolver is asked all the same, at its own pace (Window). Bounded. Not thread-safe.

class Budget {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr double kASecond = 20;         // of one server
  static constexpr double kAtOnce = 40;          // what has gathered while it was asked nothing
  static constexpr std::size_t kServers = 4096;  // remembered; who has all of his again is forgotten first

  /// Whether it may be asked one more question now. One at a private address may: it is the operator's own.
  bool may_ask(const Address& server, Clock::time_point now) {
    if (!server.not_public_reason().empty()) return true;
    if (left_.size() >= kServers && !left_.contains(server)) make_room(now);
    auto& left = left_.try_emplace(server, Left{kAtOnce, now}).first->second;
    left.questions = gathered(left, now);
    left.at = now;
    if (left.questions < 1) return false;
    left.questions -= 1;
    return true;
  }
  std::size_t servers() const { return left_.size(); }

 private:
  struct Left {
    double questions;
    Clock::time_point at;
  };
  static double gathered(const Left& left, Clock::time_point now) {
    const std::chrono::duration<double> span = now - left.at;
    return std::min(kAtOnce, left.questions + std::max(0.0, span.count()) * kASecond);
  }
  void make_room(Clock::time_point now) {
    std::erase_if(left_, [&](const auto& one) { return gathered(one.second, now) >= kAtOnce; });
    if (left_.size() >= kServers) left_.erase(left_.begin());
  }

  std::map<Address, Left> left_;
};

// One question to several authoritative servers at once, and the datagrams that are truly their answers: a
// socket of its own for each, connected, so that port and source address are checked by the kernel, a random
// id, and the question's letters in random case (RFC 5452 §9). TCP where an answer was cut or its case
// mangled. Stateless: safe from many threads.

struct SourceQuery {
  std::string name;  // canonical
  std::uint16_t type = 0;
};

struct Exchanged {
  std::vector<std::uint8_t> message{};  // empty: no answer
  std::string why{};                    // there is none
  bool timeout = false;                 // nothing at all came back, not even "port unreachable"
};

/// In the order of `servers`; returns when all have answered, after `timeout` or at the deadline. Each is
/// asked twice by UDP at most: again after half the time-out, or without EDNS if that was disliked
/// (RFC 6891 §7).
std::vector<Exchanged> exchange(const SourceQuery& query, std::span<const Server> servers, Millis timeout,
                                const Deadline& deadline);

// A small, bounded iterative client: finds the servers of a name's zone, starting from the nearest ancestor
// that the configured resolver answers for, and asks them themselves (RFC 1034 §5.3.3). A second witness: no
// cache of anybody stands between. Thread-safe; shared by all looks, remembers where zones are served.

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
  /// Question after question was in vain, and nobody has ever answered: somebody blocks port 53 outwards.
  /// Nobody is asked then, but for one now and then.
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
  std::vector<Exchanged> exchange_within_budget(const SourceQuery& query, const std::vector<Server>& servers,
                                                const Deadline& deadline);
  void heard(const Server& server, const Exchanged& exchanged);
  bool may_ask();

  Resolver& resolver_;
  const SourceOptions options_;
  std::atomic<bool> ipv6_;

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Found> zones_;  // guarded by mutex_, as is all below; by `domain`
  bool ever_heard_ = false;
  std::set<Address> silent_;  // until one is heard
  int in_vain_ = 0;           // questions, likewise
  Budget budget_;
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
