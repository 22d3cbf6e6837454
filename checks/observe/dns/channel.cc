#include "checks/observe/dns/channel.h"

#include <ares.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <system_error>
#include <utility>

#include "checks/facts/result.h"
#include "checks/observe/dns/message.h"

namespace stswatch::dns {

Event::Event() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Event::~Event() {
  if (valid()) ::close(fd_);
}

void Event::set() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);  // a full counter is readable too
}

void Event::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(fd_, &count, sizeof count);
}

Batch::Batch(const std::vector<DnsQuestion>& questions)
    : questions_(questions), slots_(questions.size()), open_(questions.size()) {}

void Batch::answer(std::size_t index, DnsAnswer answer) {
  const std::lock_guard lock(mutex_);
  slots_[index].answer = std::move(answer);
  if (--open_ == 0) done_.set();
}

void Batch::asking(std::size_t index, std::string_view server, const std::string& failures) {
  const std::lock_guard lock(mutex_);
  slots_[index].server = server;
  slots_[index].failures = failures;
}

bool Batch::only_aaaa_beside_a_left() const {
  const std::lock_guard lock(mutex_);
  const auto has_a = [&](const std::string& name) {
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      if (questions_[i].type != RecordType::a || questions_[i].name != name || !slots_[i].answer) continue;
      const auto* a = std::get_if<AddressAnswer>(&*slots_[i].answer);
      if (a != nullptr && a->lookup == Lookup::found) return true;
    }
    return false;
  };
  for (std::size_t i = 0; i < questions_.size(); ++i)
    if (!slots_[i].answer && (questions_[i].type != RecordType::aaaa || !has_a(questions_[i].name)))
      return false;
  return open_ > 0;
}

std::vector<DnsAnswer> Batch::collect(const Failure& gave_up) {
  abandoned_ = true;
  std::vector<DnsAnswer> answers;
  answers.reserve(questions_.size());
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.answer) {
      answers.push_back(std::move(*slot.answer));
      continue;
    }
    std::string detail = gave_up.detail;
    detail += slot.server.empty() ? ", before it could be sent" : " from " + slot.server;
    if (!slot.failures.empty()) detail += "; " + slot.failures;
    answers.push_back(gave_up.cause == Cause::exhausted ? exhausted_answer(questions_[i], std::move(detail))
                                                        : unknown_answer(questions_[i], std::move(detail)));
  }
  return answers;
}

}  // namespace stswatch::dns

namespace stswatch::dns {
namespace {

int initialise_library() {
  static std::once_flag once;
  static int status = ARES_SUCCESS;
  std::call_once(once, [] { status = ares_library_init(ARES_LIB_INIT_ALL); });
  return status;
}

/// Of one query on its way; c-ares calls back exactly once.
struct Pending {
  Pending(Sender& to, const int& error) : sender(to), own_error(error) {}
  Sender& sender;
  const int& own_error;
};

void on_answer(void* arg, int status, int /*timeouts*/, unsigned char* packet, int size) {
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(arg));
  Reply reply;
  if (status == ARES_SUCCESS && packet != nullptr && size >= 0) {
    reply.kind = Reply::Kind::answer;
    reply.packet = {packet, static_cast<std::size_t>(size)};
  } else if (status == ARES_ETIMEOUT) {
    reply.kind = Reply::Kind::silence;
  } else if (pending->own_error != 0 || status == ARES_ENOMEM) {
    reply.kind = Reply::Kind::exhausted;
    reply.error =
        printable(std::generic_category().message(pending->own_error != 0 ? pending->own_error : ENOMEM));
  } else if (status == ARES_ECONNREFUSED) {
    reply.kind = Reply::Kind::unreachable;
  } else {
    reply.error = ares_strerror(status);
  }
  pending->sender.on_reply(reply);
}

// c-ares tells nobody why a socket call failed, so that a process without descriptors would seem to have a
// dead resolver. These calls are its own ones (ares_set_socket_functions(3)), with an eye on errno.
template <class Returned>
Returned noted(Returned result, void* own_error) {
  if (result < 0 && errno != EAGAIN && cause_of_errno(errno) == Cause::exhausted)
    *static_cast<int*>(own_error) = errno;
  return result;
}

ares_socket_t open_socket(int family, int type, int protocol, void* own_error) {
  const int fd = noted(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol), own_error);
  const int on = 1;
  if (fd >= 0 && type == SOCK_STREAM) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

int close_socket(ares_socket_t fd, void* /*own_error*/) { return ::close(fd); }

int connect_socket(ares_socket_t fd, const sockaddr* to, ares_socklen_t size, void* own_error) {
  return noted(::connect(fd, to, size), own_error);
}

ares_ssize_t receive(ares_socket_t fd, void* into, std::size_t room, int flags, sockaddr* from,
                     ares_socklen_t* size, void* own_error) {
  return noted(::recvfrom(fd, into, room, flags, from, size), own_error);
}

ares_ssize_t send_parts(ares_socket_t fd, const iovec* parts, int count, void* own_error) {
  return noted(::writev(fd, parts, count), own_error);
}

constexpr ares_socket_functions kSockets{open_socket, close_socket, connect_socket, receive, send_parts};

int set_server(ares_channel ares, const Server& server) {
  ares_addr_port_node node{};
  node.family = server.address.is_v6() ? AF_INET6 : AF_INET;
  std::memcpy(&node.addr, server.address.octets().data(), server.address.is_v6() ? 16 : 4);
  node.udp_port = node.tcp_port = server.port;
  return ares_set_servers_ports(ares, &node);
}

}  // namespace

tl::expected<std::unique_ptr<Channel>, std::string> Channel::open(const Server& server, Transport transport,
                                                                  Millis timeout) {
  std::unique_ptr<Channel> channel(new Channel);
  std::array<char, 2> lookups{"b"};                  // DNS alone, no hosts file
  std::array<char, 10> no_resolv_conf{"/dev/null"};  // we read it ourselves
  ares_options options{};
  // NOCHECKRESP: else every refusal reads as "could not contact". IGNTC, and TCP by a channel of its own:
  // c-ares would drop all UDP queries of a server whose TCP port is closed. The EDNS flag makes it pass on
  // more than 512 octets; it falls at the first FORMERR, for good, and larger answers come cut from then on,
  // so they go to TCP. At a FORMERR it also cuts an OPT off the query unasked: queries without one need a
  // channel without the flag.
  options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_IGNTC;
  if (transport == Transport::udp) options.flags |= ARES_FLAG_EDNS;
  if (transport == Transport::tcp) options.flags |= ARES_FLAG_USEVC;
  options.ednspsz = kEdnsSize;
  options.timeout = static_cast<int>(timeout.count());
  options.tries = 1;
  options.ndots = 0;
  options.lookups = lookups.data();
  options.resolvconf_path = no_resolv_conf.data();
  options.sock_state_cb = &Channel::on_socket_state;
  options.sock_state_cb_data = channel.get();
  int status = initialise_library();
  if (status == ARES_SUCCESS)
    status = ares_init_options(&channel->ares_, &options,
                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                                   ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF |
                                   ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE | ARES_OPT_EDNSPSZ);
  if (status == ARES_SUCCESS) {
    ares_set_socket_functions(channel->ares_, &kSockets, &channel->errno_);
    status = set_server(channel->ares_, server);
  }
  if (status != ARES_SUCCESS)
    return tl::unexpected("c-ares for " + server.str() + ": " + ares_strerror(status));
  return channel;
}

Channel::~Channel() {
  if (ares_ != nullptr) ares_destroy(ares_);
}

void Channel::send(Octets query, Sender& sender) {
  errno_ = 0;
  ares_send(ares_, query.data(), static_cast<int>(query.size()), &on_answer,
            std::make_unique<Pending>(sender, errno_).release());
}

void Channel::process(const pollfd& ready) {
  constexpr short kRead = POLLIN | POLLERR | POLLHUP;
  errno_ = 0;
  ares_process_fd(ares_, (ready.revents & kRead) != 0 ? ready.fd : ARES_SOCKET_BAD,
                  (ready.revents & POLLOUT) != 0 ? ready.fd : ARES_SOCKET_BAD);
}

void Channel::process_timeouts() {
  errno_ = 0;
  ares_process_fd(ares_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

std::optional<Millis> Channel::until_timeout() const {
  timeval span{};
  if (ares_timeout(ares_, nullptr, &span) == nullptr) return std::nullopt;
  return std::chrono::ceil<Millis>(Seconds{span.tv_sec} + std::chrono::microseconds{span.tv_usec});
}

void Channel::on_socket_state(void* self, int fd, int readable, int writable) {
  auto& fds = static_cast<Channel*>(self)->fds_;
  const auto at = std::find_if(fds.begin(), fds.end(), [fd](const pollfd& p) { return p.fd == fd; });
  const auto events = static_cast<short>((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
  if (events == 0) {
    if (at != fds.end()) fds.erase(at);
  } else if (at != fds.end()) {
    at->events = events;
  } else {
    fds.push_back({fd, events, 0});
  }
}

}  // namespace stswatch::dns
