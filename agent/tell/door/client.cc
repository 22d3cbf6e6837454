#include "agent/tell/door/door.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "agent/tell/door/bounds.h"

namespace stswatch::door {
namespace {

const char* reason(int status) {
  switch (status) {
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Bad Request";
  }
}

Client::Got outcome_of_errno(ssize_t n) {
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? Client::Got::nothing : Client::Got::end;
}

}  // namespace

Answer plain_answer(int status, const std::string& why, const std::string& more_headers) {
  return {"HTTP/1.1 " + std::to_string(status) + " " + reason(status) +
              "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n" +
              (status == 405 ? "Allow: GET, HEAD, POST\r\n" : "") + more_headers +
              "Content-Length: " + std::to_string(why.size() + 1) + "\r\n\r\n" + why + "\n",
          true};
}

Client::Client(int socket, const Address& address, std::shared_ptr<const ServerTls> tls,
               Clock::time_point now)
    : socket_(socket),
      address_(address),
      phase_(tls ? Phase::handshake : Phase::request),
      since_(now),
      progress_(now) {
  if (tls) tls_.emplace(std::move(tls), socket_);
}

Client::~Client() {
  if (tls_) tls_->say_goodbye();
  ::close(socket_);
}

void Client::enter(Phase phase, Clock::time_point now) {
  phase_ = phase;
  since_ = progress_ = now;
  wants_ = phase == Phase::serving     ? Wants::nothing
           : phase == Phase::answering ? Wants::to_write
                                       : Wants::to_read;
}

void Client::go_on(Clock::time_point now) {
  for (auto before = Phase::closed; phase_ != before && !request_is_there();) {
    before = phase_;
    switch (phase_) {
      case Phase::handshake:
        shake_hands(now);
        break;
      case Phase::request:
        read_request(now);
        break;
      case Phase::answering:
        write_answer(now);
        break;
      case Phase::draining:
        drain();
        break;
      case Phase::serving:
      case Phase::closed:
        return;
    }
  }
}

void Client::shake_hands(Clock::time_point now) {
  switch (tls_->accept()) {
    case TlsSession::Io::done:
      return enter(Phase::request, now);
    case TlsSession::Io::want_read:
      wants_ = Wants::to_read;
      break;
    case TlsSession::Io::want_write:
      wants_ = Wants::to_write;
      break;
    case TlsSession::Io::ended:
      if (!tls_->spoke_http()) return close();
      tls_.reset();
      return answer({"HTTP/1.0 400 Bad Request\r\n\r\nthis server speaks HTTPS only\n", true}, now);
  }
  if (tls_->octets_read() > kHandshake) close();
}

bool Client::request_is_there() const {
  return phase_ == Phase::request && (reader_.state() == RequestReader::State::complete ||
                                      reader_.state() == RequestReader::State::refused);
}

void Client::read_request(Clock::time_point now) {
  if (!left_.empty()) feed(std::exchange(left_, {}), now);
  while (!request_is_there()) {
    std::array<char, 16384> buffer;
    std::size_t count = 0;
    const auto got = receive(buffer.data(), buffer.size(), &count);
    if (got == Got::end || (tls_ && tls_->idle_records() > kIdleRecords)) return close();
    if (got == Got::nothing) return;
    feed({buffer.data(), count}, now);
    if (!tls_ || tls_->pending() == 0) return;  // the others' turn
  }
}

void Client::feed(std::string_view octets, Clock::time_point now) {
  using State = RequestReader::State;
  const auto before = reader_.state();
  const auto taken = reader_.take(octets);
  if (reader_.state() != State::refused) left_ = octets.substr(taken);
  if (reader_.state() != before) since_ = now;
  progress_ = now;
  // RFC 9110 §10.1.1. Where the socket is full the client sends its body unasked, a moment later.
  if (reader_.state() == State::body && before != State::body && reader_.head().wants_continue &&
      reader_.body().size() == 0) {
    constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
    std::size_t count = 0;
    (void)send(kGoOn, &count);
  }
}

RequestReader Client::serve(Clock::time_point now) {
  served_ = reader_.held();
  if (tls_) tls_->expect_request();
  enter(Phase::serving, now);
  return std::exchange(reader_, {});
}

void Client::answer(Answer answer, Clock::time_point now) {
  out_ = std::move(answer);
  out_at_ = taken_ = served_ = 0;
  reader_ = {};
  enter(Phase::answering, now);
}

void Client::write_answer(Clock::time_point now) {
  while (out_at_ < out_.octets.size()) {
    std::size_t count = 0;
    const auto got = send(std::string_view(out_.octets).substr(out_at_), &count);
    if (got == Got::end) return close();
    if (got == Got::nothing) {
      // The system takes megabytes at once; a crowd of slow readers would hold as much here, and uncounted.
      if (out_at_ < out_.octets.size() / 2) return;
      out_.octets = out_.octets.substr(out_at_);
      out_at_ = 0;
      return;
    }
    out_at_ += count;
    taken_ += count;
    progress_ = now;
  }
  // Moved away, since a string that is only emptied keeps its room, and a crowd that stays connected with it.
  const bool last = Answer(std::move(out_)).close;
  out_ = {};
  kept_ = true;
  if (!last) return enter(Phase::request, now);
  // RFC 9112 §9.6: what is unread makes close() a reset, which can cost the client the answer. So it is
  // drained.
  left_ = {};
  if (tls_) tls_->say_goodbye();
  ::shutdown(socket_, SHUT_WR);
  enter(Phase::draining, now);
}

void Client::drain() {
  std::array<char, 16384> buffer;
  for (int turns = 0; turns < 8; ++turns) {
    const auto n = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return close();
    drained_ += static_cast<std::size_t>(n);
    if (drained_ > kDrained) return close();
  }
}

Client::Got Client::receive(char* into, std::size_t room, std::size_t* count) {
  if (tls_) return outcome(tls_->read(into, room, count));
  const auto n = ::recv(socket_, into, room, MSG_DONTWAIT);
  if (n > 0) *count = static_cast<std::size_t>(n);
  return n > 0 ? Got::octets : outcome_of_errno(n);
}

Client::Got Client::send(std::string_view octets, std::size_t* count) {
  if (tls_) return outcome(tls_->write(octets.data(), octets.size(), count));
  const auto n = ::send(socket_, octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0) *count = static_cast<std::size_t>(n);
  return n > 0 ? Got::octets : outcome_of_errno(n);
}

Client::Got Client::outcome(TlsSession::Io io) {
  if (io == TlsSession::Io::done) {
    wants_ = phase_ == Phase::answering ? Wants::to_write : Wants::to_read;
    return Got::octets;
  }
  if (io == TlsSession::Io::ended) return Got::end;
  wants_ = io == TlsSession::Io::want_read ? Wants::to_read : Wants::to_write;
  return Got::nothing;
}

Clock::time_point Client::deadline() const {
  using State = RequestReader::State;
  switch (phase_) {
    case Phase::handshake:
      return since_ + kHandshakeTime;
    case Phase::request:
      if (reader_.state() == State::empty) return since_ + (kept_ ? kKeptTime : kSilentTime);
      if (reader_.state() == State::head) return since_ + kHeadTime;
      if (reader_.state() == State::body)
        return since_ + (is_report(reader_.head().path()) ? kReportTime : kBodyTime);
      break;
    case Phase::answering:
      return std::min(since_ + kAnswerTime, progress_ + kStallTime);
    case Phase::draining:
      return since_ + kDrainTime;
    case Phase::serving:
    case Phase::closed:
      break;
  }
  return Clock::time_point::max();
}

int Client::rank(Clock::time_point now) const {
  constexpr int kServed = 0, kReading = 1, kYoung = 2, kIdle = 3, kSlowOne = 4, kRefused = 5;
  const auto age = now - since_;
  switch (phase_) {
    case Phase::serving:
      return kServed;
    case Phase::draining:
    case Phase::closed:
      return kRefused;
    case Phase::answering: {
      const auto fair = static_cast<std::size_t>(age / 1s) * kFairRate;
      return age > kSlow && (now - progress_ > kSlow || taken_ < fair) ? kSlowOne : kReading;
    }
    case Phase::request:
      if (kept_ && reader_.state() == RequestReader::State::empty) return kIdle;
      break;
    case Phase::handshake:
      break;
  }
  return age > kSlow ? kSlowOne : kYoung;
}

}  // namespace stswatch::door
