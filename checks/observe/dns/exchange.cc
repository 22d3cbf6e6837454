#include "checks/observe/dns/source.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <random>
#include <system_error>
#include <utility>

#include "checks/observe/dns/message.h"
#include "checks/observe/net/tcp.h"

namespace stswatch::dns {
namespace {

constexpr std::size_t kDatagram = 4096;  // more than the 1,232 that we ask for

/// Unpredictable, against forged answers (RFC 5452 §9.1).
class Random {
 public:
  std::uint8_t octet() {
    if (left_ == 0) refill();
    return pool_[--left_];
  }
  std::uint16_t id() {
    const int high = octet();
    return static_cast<std::uint16_t>(high << 8 | octet());
  }

 private:
  void refill() {
    left_ = pool_.size();
    if (::getrandom(pool_.data(), pool_.size(), 0) == static_cast<ssize_t>(pool_.size())) return;
    std::random_device device;
    for (auto& octet : pool_)
      octet = static_cast<std::uint8_t>(device());
  }
  std::array<std::uint8_t, 64> pool_{};  // getrandom gives that many whole (getrandom(2))
  std::size_t left_ = 0;
};

bool is_letter(std::uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Name, type and class, letters in random case: 0x20. Length octets are below 64, so none looks like one.
std::vector<std::uint8_t> question_of(const SourceQuery& query, Random& random) {
  std::vector<std::uint8_t> out;
  for (const char c : to_wire(query.name).value_or(std::string(1, '\0'))) {
    auto octet = static_cast<std::uint8_t>(c);
    if (is_letter(octet) && (random.octet() & 1) != 0) octet ^= 0x20;
    out.push_back(octet);
  }
  for (const unsigned value : {unsigned{query.type}, unsigned{kClassIn}}) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value & 0xFF));
  }
  return out;
}

std::vector<std::uint8_t> message_of(std::uint16_t id, const std::vector<std::uint8_t>& question, bool edns) {
  // RFC 1034 §4.3.1: RD clear, an authoritative server is to say what it has itself.
  std::vector<std::uint8_t> out{
      static_cast<std::uint8_t>(id >> 8),     static_cast<std::uint8_t>(id & 0xFF), 0, 0, 0, 1, 0, 0, 0, 0, 0,
      static_cast<std::uint8_t>(edns ? 1 : 0)};
  constexpr std::size_t kOpt = 11;
  out.reserve(out.size() + question.size() + kOpt);
  out.insert(out.end(), question.begin(), question.end());
  if (!edns) return out;
  // RFC 3225: without DO a server leaves out the signatures, which are to be compared.
  const std::array<std::uint8_t, kOpt> opt{0, 0, kTypeOpt, kEdnsSize >> 8, kEdnsSize & 0xFF,
                                           0, 0, 0x80 /* DO */};
  out.insert(out.end(), opt.begin(), opt.end());
  return out;
}

enum class Kind { other, mangled, truncated, no_edns, answer };

/// Whether this datagram answers the question as it was sent, to the last octet.
Kind kind_of(Octets message, std::uint16_t id, const std::vector<std::uint8_t>& question) {
  const auto header = read_header(message);
  if (!header || !header->response() || header->opcode() != 0 || header->id != id) return Kind::other;
  // The low bits of BADVERS are zero: its OPT tells, and UDP goes on.
  const bool dislikes = header->rcode() == kFormErr || header->rcode() == kNotImp;
  if (header->questions == 0) return dislikes ? Kind::no_edns : Kind::other;
  if (header->questions != 1 || message.size() < kHeaderSize + question.size()) return Kind::other;
  const Octets echoed = message.subspan(kHeaderSize, question.size());
  if (!std::ranges::equal(echoed, question)) {
    const auto lower = [](std::uint8_t c) { return is_letter(c) ? static_cast<std::uint8_t>(c | 0x20) : c; };
    return std::ranges::equal(echoed, question, {}, lower, lower) ? Kind::mangled : Kind::other;
  }
  if (header->truncated()) return Kind::truncated;
  return dislikes ? Kind::no_edns : Kind::answer;
}

/// The conversation with one server.
class Flight {
 public:
  Flight(const Server& server, const std::vector<std::uint8_t>& question, std::uint16_t id)
      : server_(server), question_(question), id_(id) {
    fd_ = ::socket(server.address.is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0 || !connect())
      land(std::generic_category().message(errno));
    else
      send();
  }
  Flight(Flight&& other) noexcept
      : server_(other.server_),
        question_(std::move(other.question_)),
        id_(other.id_),
        fd_(std::exchange(other.fd_, -1)),
        edns_(other.edns_),
        by_tcp_(other.by_tcp_),
        result_(std::move(other.result_)) {}
  Flight& operator=(Flight&&) = delete;
  ~Flight() { close(); }

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  void send() {
    const auto message = message_of(id_, question_, edns_);
    if (::send(fd_, message.data(), message.size(), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
      land(std::generic_category().message(errno));
  }

  void receive() {
    std::array<std::uint8_t, kDatagram> buffer;
    const auto got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0) {
      if (errno != EAGAIN && errno != EINTR) land(std::generic_category().message(errno));
      return;
    }
    const Octets message(buffer.data(), static_cast<std::size_t>(got));
    switch (kind_of(message, id_, question_)) {
      case Kind::other:
        return;
      case Kind::no_edns:
        if (!std::exchange(edns_, false)) return take(message);
        return send();
      case Kind::answer:
        return take(message);
      case Kind::mangled:
      case Kind::truncated:
        by_tcp_ = true;
        return close();
    }
  }

  void expire(Millis timeout, const Deadline& deadline) {
    if (!open()) return;
    result_.timeout = !deadline.passed() && !deadline.cancelled();
    land(result_.timeout ? "no answer within " + span_words(timeout) : "no time was left");
  }

  /// RFC 7766 §5; also where the case came back mangled: a TCP stream is not forged from aside.
  void finish_by_tcp(const Deadline& deadline) {
    if (!by_tcp_) return;
    result_.why = "no answer over TCP";
    auto wire = Wire::connect(server_.address, server_.port, deadline);
    if (!wire) {
      result_.why += ": " + wire.error().detail;
      return;
    }
    const auto message = message_of(id_, question_, edns_);
    std::vector<std::uint8_t> framed{static_cast<std::uint8_t>(message.size() >> 8),
                                     static_cast<std::uint8_t>(message.size() & 0xFF)};
    framed.insert(framed.end(), message.begin(), message.end());
    std::size_t sent = 0;
    if (wire->send(framed.data(), framed.size(), &sent) != Wire::Io::moved || sent != framed.size()) return;
    std::array<std::uint8_t, 2> size{};
    if (!read(*wire, size)) return;
    std::vector<std::uint8_t> answer(static_cast<std::size_t>(size[0] << 8 | size[1]));
    if (!read(*wire, answer)) return;
    const Kind kind = kind_of(answer, id_, question_);
    if (kind == Kind::answer || kind == Kind::mangled || kind == Kind::no_edns) take(answer);
  }

  Exchanged take_result() { return std::move(result_); }

 private:
  bool connect() const {
    sockaddr_storage to{};
    socklen_t size = 0;
    if (server_.address.is_v6()) {
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(server_.port);
      std::memcpy(&v6.sin6_addr, server_.address.octets().data(), 16);
      std::memcpy(&to, &v6, size = sizeof v6);
    } else {
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(server_.port);
      std::memcpy(&v4.sin_addr, server_.address.octets().data(), 4);
      std::memcpy(&to, &v4, size = sizeof v4);
    }
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), size) == 0;
  }
  static bool read(Wire& wire, std::span<std::uint8_t> into) {
    while (!into.empty()) {
      std::size_t count = 0;
      const auto io = wire.receive(into.data(), into.size(), &count);
      if (io == Wire::Io::moved) {
        into = into.subspan(count);
      } else if (io != Wire::Io::again || !wire.wait(POLLIN, Stage::dns)) {
        return false;
      }
    }
    return true;
  }
  void take(Octets message) {
    result_.message.assign(message.begin(), message.end());
    result_.why.clear();
    close();
  }
  void land(std::string why) {
    result_.why = std::move(why);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  const Server server_;
  std::vector<std::uint8_t> question_;
  const std::uint16_t id_;
  int fd_ = -1;
  bool edns_ = true, by_tcp_ = false;
  Exchanged result_;
};

/// Waits until `end` for answers; false when nobody is waited for any more.
bool listen(std::vector<Flight>& flights, const Deadline& end) {
  for (;;) {
    std::vector<pollfd> fds;
    std::vector<Flight*> owners;
    for (Flight& flight : flights) {
      if (!flight.open()) continue;
      fds.push_back({flight.fd(), POLLIN, 0});
      owners.push_back(&flight);
    }
    if (fds.empty() || end.cancelled()) return false;
    if (end.passed()) return true;
    if (end.cancel() != nullptr) fds.push_back({end.cancel()->fd(), POLLIN, 0});
    ::poll(fds.data(), fds.size(), static_cast<int>(std::min<Millis::rep>(end.left().count(), 60'000)));
    for (std::size_t i = 0; i < owners.size(); ++i)
      if (fds[i].revents != 0) owners[i]->receive();
  }
}

}  // namespace

std::vector<Exchanged> exchange(const SourceQuery& query, std::span<const Server> servers, Millis timeout,
                                const Deadline& deadline) {
  Random random;
  std::vector<Flight> flights;
  flights.reserve(servers.size());
  for (const Server& server : servers)
    flights.emplace_back(server, question_of(query, random), random.id());
  if (listen(flights, deadline.within(timeout / 2))) {
    for (Flight& flight : flights)
      if (flight.open()) flight.send();  // datagrams get lost
    listen(flights, deadline.within(timeout / 2));
  }
  std::vector<Exchanged> out;
  for (Flight& flight : flights) {
    flight.expire(timeout, deadline);
    flight.finish_by_tcp(deadline.within(timeout));
    out.push_back(flight.take_result());
  }
  return out;
}

}  // namespace stswatch::dns
