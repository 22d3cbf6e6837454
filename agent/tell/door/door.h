// The HTTP listener, and one client of it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "agent/tell/door/request_reader.h"
#include "agent/tell/door/web_gate.h"
#include "checks/facts/address.h"

namespace stswatch::door {

// One connection to the agent's own server: its socket, TLS if there is any, the request that comes in and
// the answer that goes out, each phase with its deadline. Nothing here waits; one thread, the Door's, owns
// it.

using Clock = std::chrono::steady_clock;

struct Answer {
  std::string octets;  // head and body as they go on the wire
  bool close = false;  // the connection ends with it
};

/// An answer of one line of text, with which the connection ends.
Answer plain_answer(int status, const std::string& why, const std::string& more_headers = {});

class Client {
 public:
  enum class Phase { handshake, request, serving, answering, draining, closed };
  enum class Wants { nothing, to_read, to_write };
  enum class Got { octets, nothing, end };

  Client(int socket, const Address& address, std::shared_ptr<const ServerTls> tls, Clock::time_point now);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The socket may be read or written: as far as that goes without waiting, until a request is there.
  void go_on(Clock::time_point now);
  void answer(Answer answer, Clock::time_point now);
  /// One that is complete or refused; nothing more is read until it is served or answered.
  bool request_is_there() const;
  const RequestReader& request() const { return reader_; }
  /// Hands out the complete request; it counts as this client's until the answer.
  RequestReader serve(Clock::time_point now);

  Phase phase() const { return phase_; }
  Wants wants() const { return wants_; }
  int socket() const { return socket_; }
  const Address& address() const { return address_; }
  Clock::time_point deadline() const;
  std::size_t request_octets() const { return reader_.held() + left_.size() + served_; }
  /// Held of the answer: what was taken is let go when it is half of that.
  std::size_t answer_octets() const { return phase_ == Phase::answering ? out_.octets.size() : 0; }
  /// Who is closed first where there are too many: the highest rank, then the longest in its phase. 0: nobody
  /// who is being served.
  int rank(Clock::time_point now) const;
  Clock::time_point since() const { return since_; }

 private:
  void enter(Phase phase, Clock::time_point now);
  void shake_hands(Clock::time_point now);
  void read_request(Clock::time_point now);
  void feed(std::string_view octets, Clock::time_point now);
  void write_answer(Clock::time_point now);
  void drain();
  Got receive(char* into, std::size_t room, std::size_t* count);
  Got send(std::string_view octets, std::size_t* count);
  Got outcome(TlsSession::Io io);
  void close() { phase_ = Phase::closed; }

  const int socket_;
  const Address address_;
  std::optional<TlsSession> tls_;
  Phase phase_;
  Wants wants_ = Wants::to_read;
  Clock::time_point since_, progress_;  // in this phase; of its last octet
  RequestReader reader_;
  std::string left_;  // of what came after the request: the next one's
  std::size_t served_ = 0, drained_ = 0;
  bool kept_ = false;  // it has been answered before
  Answer out_;
  std::size_t out_at_ = 0, taken_ = 0;  // of what is held; of the whole answer
};

// The agent's own HTTP server as strangers meet it. One thread accepts, shakes hands, reads and writes for
// all connections and waits for none of them; a request reaches `serve` complete and within its bounds, or
// never. Where there are too many connections or octets, whoever is slow or was refused is closed first, so
// that a scrape from the attackers' own address is still answered. Thread-safe.

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
