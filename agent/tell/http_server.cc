#include "agent/tell/http_server.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace stswatch {
namespace {

using namespace std::chrono_literals;
using Clock = LastCall::Clock;

constexpr auto kIdle = 5s;       // between two requests, and before the first
constexpr auto kRequest = 10s;   // for the whole of a request
constexpr auto kAnswer = 60s;    // for the whole of an answer: a large exposition over a slow line
constexpr auto kFarewell = 1s;   // for answers under way at the end
constexpr auto kGlance = 100ms;  // how often a wait looks whether the end has come
constexpr std::size_t kThreads = 48;
constexpr std::size_t kWaiting = 64;

thread_local bool g_turned_away = false;

/// One client. Reads and writes as httplib wants them, each phase under a deadline.
class ClientStream : public httplib::Stream {
 public:
  ClientStream(int client, const LastCall& last_call) : client_(client), last_call_(last_call) {
    ::fcntl(client_, F_SETFL, ::fcntl(client_, F_GETFL) | O_NONBLOCK);
  }
  ~ClientStream() override {
    if (tls_) tls_->say_goodbye();
    ::shutdown(client_, SHUT_RDWR);
    ::close(client_);
  }
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  /// False when that came to nothing.
  bool start_tls(std::shared_ptr<const ServerTls> tls) {
    deadline_ = Clock::now() + kRequest;
    TlsSession session(std::move(tls), client_);
    const bool up = finish([&] { return session.accept(); });
    if (session.spoke_http()) {
      constexpr std::string_view kSorry = "HTTP/1.0 400 Bad Request\r\n\r\nthis server speaks HTTPS only\n";
      ::send(client_, kSorry.data(), kSorry.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (up) tls_.emplace(std::move(session));
    return up;
  }

  /// False when no request came.
  bool wait_for_request() {
    writing_ = false;
    deadline_ = Clock::now() + kIdle;
    if (at_ == end_ && (!tls_ || tls_->pending() == 0) && !wait(POLLIN)) return false;
    deadline_ = Clock::now() + kRequest;
    return true;
  }

  bool is_readable() const override { return at_ != end_ || wait(POLLIN); }
  bool is_writable() const override { return wait(POLLOUT); }

  ssize_t read(char* into, std::size_t room) override {
    if (at_ == end_) {
      const auto n = tls_ ? receive_tls() : receive();
      if (n <= 0) return n;
      at_ = 0;
      end_ = static_cast<std::size_t>(n);
    }
    const auto n = std::min(room, end_ - at_);
    std::copy_n(buffer_.data() + at_, n, into);
    at_ += n;
    return static_cast<ssize_t>(n);
  }

  ssize_t write(const char* from, std::size_t size) override {
    if (!writing_) deadline_ = Clock::now() + kAnswer;
    writing_ = true;
    if (tls_) {
      std::size_t count = 0;
      return finish([&] { return tls_->write(from, size, &count); }) ? static_cast<ssize_t>(count) : -1;
    }
    if (!wait(POLLOUT)) return -1;
    const auto n = ::send(client_, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override { name(::getpeername, ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { name(::getsockname, ip, port); }
  socket_t socket() const override { return client_; }

 private:
  ssize_t receive() {
    if (!wait(POLLIN)) return -1;
    return ::recv(client_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  }

  ssize_t receive_tls() {
    std::size_t count = 0;
    if (!finish([&] { return tls_->read(buffer_.data(), buffer_.size(), &count); })) return 0;
    return static_cast<ssize_t>(count);
  }

  /// Tries until it is done, waiting in between for what it asks for.
  template <class Try>
  bool finish(Try once) const {
    for (;;) {
      const auto io = once();
      if (io == TlsSession::Io::done) return true;
      if (io == TlsSession::Io::ended) return false;
      if (!wait(io == TlsSession::Io::want_read ? POLLIN : POLLOUT)) return false;
    }
  }

  Clock::time_point deadline() const {
    if (!last_call_.made()) return deadline_;
    // What is not yet a request is not waited for.
    return writing_ ? std::min(deadline_, last_call_.end()) : Clock::time_point::min();
  }

  bool wait(short events) const {
    for (;;) {
      const auto now = Clock::now(), end = deadline();
      if (end <= now) return false;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
      pollfd asked{client_, events, 0};
      const int shown =
          ::poll(&asked, 1, static_cast<int>(std::min<std::int64_t>(left.count(), kGlance / 1ms)));
      if (shown > 0) return true;
      if (shown < 0 && errno != EINTR) return false;
    }
  }

  template <class Ask>
  void name(Ask ask, std::string& ip, int& port) const {
    sockaddr_storage at{};
    socklen_t size = sizeof at;
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> service{};
    auto* address = reinterpret_cast<sockaddr*>(&at);
    if (ask(client_, address, &size) != 0 ||
        ::getnameinfo(address, size, host.data(), host.size(), service.data(), service.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0)
      return;
    ip = host.data();
    port = std::atoi(service.data());
  }

  int client_;
  const LastCall& last_call_;
  std::optional<TlsSession> tls_;
  Clock::time_point deadline_{};
  bool writing_ = false;
  std::array<char, 4096> buffer_{};
  std::size_t at_ = 0, end_ = 0;
};

/// A browser says where a request was sent from; nothing else does. What changes something is not done for
/// the pages of others, whoever is logged in.
bool same_site(const httplib::Request& request) {
  if (const auto from = request.get_header_value("Sec-Fetch-Site"); !from.empty())
    return from == "same-origin" || from == "none";
  const auto origin = request.get_header_value("Origin");  // of browsers before 2023
  return origin.empty() || origin.substr(origin.find("//") + 2) == request.get_header_value("Host");
}

/// RFC 9112 §6.3: a request that announces no body has none. httplib would wait for one (curl -X POST).
/// Where there is one the connection ends with the answer: a refusal leaves the body unread, and it would be
/// taken for the next request. Returns whether it has to end.
bool settle_body(httplib::Request& request) {
  const auto length = request.get_header_value("Content-Length");
  if (length.empty() && !request.has_header("Transfer-Encoding")) request.set_header("Content-Length", "0");
  if (request.get_header_value("Content-Length") == "0") return false;
  request.headers.erase("Connection");
  request.set_header("Connection", "close");
  return true;
}

}  // namespace

BoundedServer::BoundedServer(Gate gate) : gate_(std::move(gate)) {
  set_pre_routing_handler([this](const auto& request, auto& answer) { return let_in(request, answer); });
  set_tcp_nodelay(true);  // httplib writes head and body apart: a small body would wait 40 ms for an ACK
  new_task_queue = [] { return new BoundedQueue(kThreads, kWaiting); };  // httplib takes ownership
  set_socket_options([](socket_t listener) {
    // httplib's own default is SO_REUSEPORT, which lets a second agent take half of the requests.
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
}

void BoundedServer::end() {
  last_call_.make(Clock::now() + kFarewell);
  stop();
}

bool BoundedServer::process_and_close_socket(socket_t client) {
  ClientStream stream(client, last_call_);
  if (BoundedQueue::turned_away()) return false;
  if (const auto gate = gate_())
    if (const auto tls = gate->now()->tls; tls && !stream.start_tls(tls)) return false;
  for (auto more = keep_alive_max_count_; more > 0 && stream.wait_for_request(); --more) {
    bool closed = false;
    bool last = false;
    const auto settle = [&](httplib::Request& request) { last = settle_body(request); };
    if (!process_request(stream, more == 1, closed, settle)) return false;
    if (closed || last) break;
  }
  return true;
}

httplib::Server::HandlerResponse BoundedServer::let_in(const httplib::Request& request,
                                                       httplib::Response& answer) const {
  if (request.method != "GET" && request.method != "HEAD" && !same_site(request)) {
    answer.status = 403;
    answer.set_content("this was sent by a page of another site\n", "text/plain; charset=utf-8");
    return HandlerResponse::Handled;
  }
  const auto gate = gate_();
  if (!gate) return HandlerResponse::Unhandled;
  for (const auto& [name, value] : gate->now()->config.headers)
    answer.set_header(name, value);
  if (gate->admits(request.get_header_value("Authorization"))) return HandlerResponse::Unhandled;
  answer.status = 401;
  answer.set_header("WWW-Authenticate", "Basic realm=\"stswatch\", charset=\"UTF-8\"");
  answer.set_content("a user of basic_auth_users in agent.web_config is asked for\n",
                     "text/plain; charset=utf-8");
  return HandlerResponse::Handled;
}

bool BoundedQueue::turned_away() { return g_turned_away; }

void BoundedQueue::enqueue(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() < most_waiting_ && !ending_) {
      tasks_.push_back(std::move(task));
      if (tasks_.size() > idle_ && threads_.size() < most_threads_) threads_.emplace_back([this] { work(); });
      more_.notify_one();
      return;
    }
  }
  g_turned_away = true;  // run here, in the thread that accepts: it only closes
  task();
  g_turned_away = false;
}

void BoundedQueue::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  more_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

void BoundedQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    more_.wait(lock, [&] { return ending_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace stswatch
