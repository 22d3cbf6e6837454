#include "agent/tell/door/door.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "agent/tell/door/bounds.h"
#include "agent/tell/door/listener.h"
#include "agent/tell/door/passwords.h"

namespace stswatch::door {
namespace {

using Id = std::uint64_t;
constexpr Id kListener = 0, kNews = 1;  // of epoll's events; clients come after
constexpr int kGlance = 100;            // ms: how often deadlines are looked at
constexpr int kAtATime = 64;            // accepted in one turn

class EventDoor : public Door {
 public:
  EventDoor(Listener listener, Parts parts)
      : parts_(std::move(parts)),
        listener_(std::move(listener)),
        poll_(::epoll_create1(EPOLL_CLOEXEC)),
        news_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~EventDoor() override { end(); }

  /// Whether the system had what it takes.
  bool start() {
    if (!watch(EPOLL_CTL_ADD, listener_.socket.fd(), EPOLLIN, kListener) ||
        !watch(EPOLL_CTL_ADD, news_.fd(), EPOLLIN, kNews))
      return false;
    thread_ = std::thread([this] { turn(); });
    return true;
  }

  int port() const override { return listener_.port; }

  void end() override {
    ending_ = true;
    ring();
    if (thread_.joinable()) thread_.join();
    {
      const std::lock_guard lock(mutex_);
      gone_ = true;
    }
    taken_.notify_all();
    passwords_.end();
    for (auto* lane : {&quick_, &scrapes_, &health_, &patient_, &reports_})
      lane->end();
  }

 private:
  struct Seat {
    std::unique_ptr<Client> client;
    Client::Wants watched = Client::Wants::nothing;
    std::shared_ptr<const int> here = std::make_shared<const int>();
    bool in_line = false;  // for its handshake
  };
  using Seats = std::unordered_map<Id, Seat>;

  void turn();
  void accept_some(Clock::time_point now);
  void go_on(Id id, unsigned events, Clock::time_point now);
  void go_on(Seats::iterator seat, Clock::time_point now);
  void stand_in_line(Seats::iterator seat);
  void shake_hands();
  void deal_with(Id id, Client& client, Clock::time_point now);
  void admit(Id id, const std::shared_ptr<Request>& request);
  Lane& lane_of(Pace pace);
  void submit(Id id, const std::shared_ptr<Request>& request);
  void refuse(Id id, const Request& request, Answer answer);
  void take_answers(Clock::time_point now);
  void post(Id id, Answer answer);
  void await_taken();
  void settle(Seats::iterator seat);
  bool close_one(Clock::time_point now);
  void close_late(Clock::time_point now);
  void keep_within();
  void be_deaf(Clock::time_point until);
  bool under_way() const;
  bool watch(int what, int fd, unsigned events, Id id) const;
  void ring() const {
    const std::uint64_t one = 1;
    (void)!::write(news_.fd(), &one, sizeof one);
  }

  const Parts parts_;
  Listener listener_;
  const Descriptor poll_, news_;
  const std::size_t most_ = most_connections();
  std::atomic<bool> ending_{false};

  std::mutex mutex_;
  std::condition_variable taken_;
  std::vector<std::pair<Id, Answer>>
      answers_;              // guarded by mutex_, as are the next: of the lanes for the thread
  std::size_t untaken_ = 0;  // their octets
  bool gone_ = false;        // the thread

  Seats seats_;  // of the thread, as is all below
  std::deque<Id> shaking_;
  Id last_ = kNews;
  std::size_t largest_answer_ = 0;
  Clock::time_point deaf_until_{};  // no descriptors: the listener is not watched

  Lane quick_{kQuickThreads, kQuickWaiting}, patient_{kPatientThreads, kPatientWaiting};
  Lane reports_{kReportThreads, kPatientWaiting};
  Lane scrapes_{kScrapeThreads, kQuickWaiting}, health_{kHealthThreads, kQuickWaiting};
  Passwords passwords_;
  std::thread thread_;
};

Answer refused_by(Passwords::Verdict verdict) {
  if (verdict == Passwords::Verdict::too_many)
    return plain_answer(429, "too many passwords were tried from this address: ask again later",
                        "Retry-After: 1\r\n");
  return plain_answer(401, "a user of basic_auth_users in agent.web_config is asked for",
                      "WWW-Authenticate: Basic realm=\"stswatch\", charset=\"UTF-8\"\r\n");
}

bool EventDoor::watch(int what, int fd, unsigned events, Id id) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return ::epoll_ctl(poll_.fd(), what, fd, &event) == 0;
}

void EventDoor::turn() {
  std::array<epoll_event, 128> events;
  auto looked = Clock::now();
  std::optional<Clock::time_point> last_call;
  for (;;) {
    const bool idle = seats_.empty() && !last_call && deaf_until_ == Clock::time_point{};
    const int wait = !shaking_.empty() ? 0 : idle ? -1 : kGlance;
    const int n = ::epoll_wait(poll_.fd(), events.data(), static_cast<int>(events.size()), wait);
    const auto now = Clock::now();
    for (int i = 0; i < n; ++i) {
      const Id id = events[static_cast<std::size_t>(i)].data.u64;
      if (id == kListener)
        accept_some(now);
      else if (id == kNews)
        take_answers(now);
      else
        go_on(id, events[static_cast<std::size_t>(i)].events, now);
    }
    shake_hands();
    keep_within();
    if (now - looked >= std::chrono::milliseconds(kGlance)) {
      close_late(now);
      looked = now;
    }
    if (ending_ && !last_call) {
      last_call = now + kFarewellTime;
      listener_.socket.reset();
    }
    if (last_call && (now >= *last_call || !under_way())) break;
  }
  seats_.clear();
}

/// What is not yet a request is not waited for.
bool EventDoor::under_way() const {
  for (const auto& [id, seat] : seats_)
    if (seat.client->phase() == Client::Phase::serving || seat.client->phase() == Client::Phase::answering)
      return true;
  return false;
}

void EventDoor::accept_some(Clock::time_point now) {
  for (int i = 0; i < kAtATime && shaking_.size() < kShaking; ++i) {
    if (seats_.size() >= most_ && !close_one(now))
      return be_deaf(now + std::chrono::milliseconds(kGlance));  // all are being served
    auto accepted = accept_from(listener_.socket.fd());
    if (!accepted && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      if (i == 0 && close_one(now)) continue;
      return be_deaf(now + kSlow);
    }
    if (!accepted) return;
    const auto gate = parts_.gate();
    const Id id = ++last_;
    auto& seat = seats_[id];
    seat.client =
        std::make_unique<Client>(accepted->socket, accepted->address, gate ? gate->now()->tls : nullptr, now);
    watch(EPOLL_CTL_ADD, accepted->socket, 0, id);
    go_on(id, 0, now);  // what it wants is often here already
  }
}

void EventDoor::go_on(Id id, unsigned events, Clock::time_point now) {
  const auto seat = seats_.find(id);
  if (seat == seats_.end()) return;  // closed in this turn
  auto& client = *seat->second.client;
  if (client.phase() == Client::Phase::serving) {
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) seats_.erase(seat);
    return;
  }
  if (client.phase() == Client::Phase::handshake) return stand_in_line(seat);
  go_on(seat, now);
}

void EventDoor::go_on(Seats::iterator seat, Clock::time_point now) {
  seat->second.client->go_on(now);
  deal_with(seat->first, *seat->second.client, now);
  settle(seat);
}

void EventDoor::stand_in_line(Seats::iterator at) {
  auto& [client, watched, here, in_line] = at->second;
  if (std::exchange(in_line, true)) return;
  shaking_.push_back(at->first);
  if (std::exchange(watched, Client::Wants::nothing) != Client::Wants::nothing)
    watch(EPOLL_CTL_MOD, client->socket(), 0, at->first);
}

/// A crowd that shakes hands waits for its own kind: in a turn few of them go on, in the order in which they
/// came, after all who have done that; who comes meanwhile waits in the system's queue.
void EventDoor::shake_hands() {
  const auto until = Clock::now() + kShakingTime;
  for (auto now = until - kShakingTime; !shaking_.empty() && now < until; now = Clock::now()) {
    const auto seat = seats_.find(shaking_.front());
    shaking_.pop_front();
    if (seat == seats_.end()) continue;
    seat->second.in_line = false;
    go_on(seat, now);
  }
}

void EventDoor::deal_with(Id id, Client& client, Clock::time_point now) {
  for (; client.request_is_there(); client.go_on(now)) {
    if (client.request().state() == RequestReader::State::refused) {
      const auto& refusal = client.request().refusal();
      client.answer(plain_answer(refusal.status, refusal.why), now);
      continue;
    }
    auto read = client.serve(now);
    auto request =
        std::make_shared<Request>(Request{std::move(read.head()), std::move(read.body()), client.address()});
    if (request->head.method != "POST") request->body = {};
    request->client = seats_.at(id).here;
    request->since = now;
    admit(id, request);
  }
}

void EventDoor::admit(Id id, const std::shared_ptr<Request>& request) {
  const auto gate = parts_.gate();
  const auto state = gate ? gate->now() : nullptr;
  // A report is let in by its token.
  if (!state || state->config.users.empty() || is_report(request->head.path()) || parts_.open(request->head))
    return submit(id, request);
  passwords_.check(state->config.users, request->head.value("authorization"), request->address,
                   [this, id, request](Passwords::Verdict verdict, const std::string& user) {
                     request->user = user;
                     if (verdict == Passwords::Verdict::right) return submit(id, request);
                     refuse(id, *request, refused_by(verdict));
                   });
}

Lane& EventDoor::lane_of(Pace pace) {
  switch (pace) {
    case Pace::patient:
      return patient_;
    case Pace::report:
      return reports_;
    case Pace::scrape:
      return scrapes_;
    case Pace::health:
      return health_;
    case Pace::quick:
      break;
  }
  return quick_;
}

void EventDoor::submit(Id id, const std::shared_ptr<Request>& request) {
  auto& lane = lane_of(parts_.pace(request->head));
  const bool keep = request->head.keep;
  const bool taken = lane.submit([this, &lane, id, keep, request] {
    if (request->client.expired()) return;
    request->more = lane.waiting() > 0;
    auto answer = parts_.serve(std::move(*request));
    answer.close |= !keep;
    post(id, std::move(answer));
    await_taken();
  });
  if (!taken) refuse(id, *request, plain_answer(503, "too many requests are under way: ask again later"));
}

void EventDoor::refuse(Id id, const Request& request, Answer answer) {
  if (request.head.method == "HEAD") answer.octets.resize(answer.octets.find("\r\n\r\n") + 4);
  post(id, std::move(answer));
}

void EventDoor::post(Id id, Answer answer) {
  {
    const std::lock_guard lock(mutex_);
    untaken_ += answer.octets.size();
    answers_.emplace_back(id, std::move(answer));
  }
  ring();
}

/// What the thread has not seen is within no bound of its own: who makes answers faster than it takes them,
/// waits.
void EventDoor::await_taken() {
  std::unique_lock lock(mutex_);
  taken_.wait(lock, [this] { return gone_ || untaken_ <= kUntaken; });
}

void EventDoor::take_answers(Clock::time_point now) {
  std::uint64_t rung = 0;
  (void)!::read(news_.fd(), &rung, sizeof rung);
  std::vector<std::pair<Id, Answer>> answers;
  {
    const std::lock_guard lock(mutex_);
    answers.swap(answers_);
    untaken_ = 0;
  }
  taken_.notify_all();
  for (auto& [id, answer] : answers) {
    const auto seat = seats_.find(id);
    if (seat == seats_.end()) continue;
    largest_answer_ = std::max(largest_answer_, answer.octets.size());
    seat->second.client->answer(std::move(answer), now);
    go_on(id, 0, now);
  }
}

/// The seat's socket is watched for what its client wants; a closed one is left.
void EventDoor::settle(Seats::iterator at) {
  auto& [client, watched, here, in_line] = at->second;
  if (client->phase() == Client::Phase::closed) {
    seats_.erase(at);
    return;
  }
  if (client->wants() == watched) return;
  watched = client->wants();
  const unsigned events = watched == Client::Wants::to_read    ? unsigned{EPOLLIN}
                          : watched == Client::Wants::to_write ? unsigned{EPOLLOUT}
                                                               : 0U;
  watch(EPOLL_CTL_MOD, client->socket(), events, at->first);
}

/// Whoever has the highest rank, and of those who has been in his phase for longest.
bool EventDoor::close_one(Clock::time_point now) {
  auto victim = seats_.end();
  int rank = 0;
  for (auto at = seats_.begin(); at != seats_.end(); ++at) {
    const auto& client = *at->second.client;
    const int his = client.rank(now);
    if (his == 0 || his < rank) continue;
    if (his > rank || client.since() < victim->second.client->since()) victim = at;
    rank = his;
  }
  if (victim == seats_.end()) return false;
  seats_.erase(victim);
  return true;
}

void EventDoor::close_late(Clock::time_point now) {
  std::erase_if(seats_, [&](const auto& seat) { return seat.second.client->deadline() <= now; });
  if (deaf_until_ == Clock::time_point{} || now < deaf_until_) return;
  deaf_until_ = {};
  watch(EPOLL_CTL_MOD, listener_.socket.fd(), EPOLLIN, kListener);
}

/// Who comes meanwhile waits in the system's queue.
void EventDoor::be_deaf(Clock::time_point until) {
  deaf_until_ = until;
  watch(EPOLL_CTL_MOD, listener_.socket.fd(), 0, kListener);
}

/// The octets of all connections: those of requests beyond the bound cost the largest that is not complete,
/// those of answers the one that has been taken for longest.
void EventDoor::keep_within() {
  for (;;) {
    std::size_t requests = 0, answers = 0, most = 0, answering = 0;
    auto largest = seats_.end(), slowest = seats_.end();
    for (auto at = seats_.begin(); at != seats_.end(); ++at) {
      const auto& client = *at->second.client;
      const auto holds = client.request_octets();
      requests += holds;
      if (holds > most && client.phase() == Client::Phase::request) {
        most = holds;
        largest = at;
      }
      if (client.answer_octets() == 0) continue;
      answers += client.answer_octets();
      ++answering;
      if (slowest == seats_.end() || client.since() < slowest->second.client->since()) slowest = at;
    }
    const auto most_answers = std::max(kAnswers, kAnswersOfLargest * largest_answer_);
    if (requests > kRequests && largest != seats_.end())
      seats_.erase(largest);
    else if (answers > most_answers && answering > 1)
      seats_.erase(slowest);
    else
      return;
  }
}

}  // namespace

tl::expected<std::unique_ptr<Door>, std::string> open_door(const std::string& address, int port,
                                                           Parts parts) {
  auto listener = listen_on(address, port);
  if (!listener) return tl::make_unexpected(std::move(listener.error()));
  auto door = std::make_unique<EventDoor>(std::move(*listener), std::move(parts));
  if (!door->start()) return tl::make_unexpected(std::string(std::strerror(errno)));
  return door;
}

}  // namespace stswatch::door
