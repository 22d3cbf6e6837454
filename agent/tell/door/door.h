// The agent's own HTTP server as strangers meet it. One thread accepts, shakes hands, reads and writes for
// all connections and waits for none of them; a request reaches `serve` complete and within its bounds, or
// never. Where there are too many connections or octets, whoever is slow or was refused is closed first, so
// that a scrape from the attackers' own address is still answered. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "agent/tell/door/client.h"
#include "agent/tell/door/web_gate.h"

namespace stswatch::door {

struct Request {
  RequestHead head;
  Body body;                             // of a POST; that of others is dropped
  Address address;                       // of the peer
  std::string user = {};                 // of basic authentication; empty where nobody is asked
  std::weak_ptr<const int> client = {};  // expired: the client has gone, and nobody waits for the answer
  Clock::time_point since = {};          // when it was complete
  bool more = false;                     // others wait in its lane
};

/// How a request is served: it computes; it waits for something, or for the reports before it; it is a
/// program's that watches us, and asks for all there is or for a word.
enum class Pace { quick, patient, report, scrape, health };

struct Parts {
  /// The web configuration as it is at this moment: TLS, and users that are asked for before a request is
  /// served. Null where there is none: plain text for everybody.
  std::function<std::shared_ptr<WebGate>()> gate = [] { return nullptr; };
  /// From several threads at once.
  std::function<Answer(Request)> serve;
  /// Whether it is served without a user's name and password; asked only where the others need them.
  std::function<bool(const RequestHead&)> open = [](const RequestHead&) { return false; };
  /// Requests of one lane wait for those of the same lane alone.
  std::function<Pace(const RequestHead&)> pace = [](const RequestHead&) { return Pace::quick; };
};

class Door {
 public:
  virtual ~Door() = default;  // ends
  virtual int port() const = 0;
  /// No more requests; answers under way are given a moment. Waits for what `serve` is at. Idempotent.
  virtual void end() = 0;
};

/// Listens at once; port 0 picks a free one. The error is the system's, in words.
tl::expected<std::unique_ptr<Door>, std::string> open_door(const std::string& address, int port, Parts parts);

}  // namespace stswatch::door
