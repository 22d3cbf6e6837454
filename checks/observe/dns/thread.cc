#include "checks/observe/dns/thread.h"

#include <poll.h>
#include <signal.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <system_error>
#include <utility>

#include "checks/observe/dns/channel.h"
#include "checks/observe/dns/message.h"
#include "checks/observe/dns/resolver.h"
#include "checks/observe/dns/servers.h"

namespace stswatch::dns {

/// One question on its way, or a probe of a silent server (no batch: nobody waits).
struct Thread::Task final : Sender {
  Task(Thread& thread, std::shared_ptr<Batch> to, std::size_t at)
      : owner(thread), batch(std::move(to)), index(at), plan(thread.lines_.size(), thread.tries_) {}

  const DnsQuestion& question() const {
    static const DnsQuestion root{"", RecordType::a};  // any server has an opinion on it
    return batch ? batch->questions()[index] : root;
  }

  void on_reply(const Reply& from) override {
    kind = from.kind;
    error = from.error;
    const Line& line = owner.lines_[step.server];
    if (kind == Reply::Kind::answer)
      reading = read_answer(from.packet, {question(), id, line.label, line.trust_ad});
    owner.replied_.push_back(this);  // settled later: c-ares is in the midst of its lists
  }

  Thread& owner;
  std::shared_ptr<Batch> batch;
  std::size_t index;
  Plan plan;
  Step step;
  std::uint16_t id = 0;
  Reply::Kind kind = Reply::Kind::broken;
  std::string error;
  Reading reading;
};

Thread::Thread(const std::vector<Server>& servers, const DnsOptions& options)
    : timeout_(options.timeout), tries_(options.tries), health_(servers.size()) {
  for (const Server& server : servers)
    lines_.push_back(
        {server, server.str(), options.trust_ad || server.loopback(), Window(options.timeout), {}});
}

tl::expected<std::unique_ptr<Thread>, std::string> Thread::start(const std::vector<Server>& servers,
                                                                 const DnsOptions& options) {
  std::unique_ptr<Thread> self(new Thread(servers, options));
  if (!self->wake_.valid()) return tl::unexpected("DNS: " + std::system_category().message(errno));
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (const auto opened = self->channel({i, false, {}}); !opened) return tl::unexpected(opened.error());
  }
  sigset_t all, before;  // signals are the agent's business, not this thread's
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::string error;
  try {
    self->thread_ = std::thread([raw = self.get()] { raw->run(); });
  } catch (const std::system_error& e) {
    error = e.what();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!error.empty()) return tl::unexpected("DNS thread: " + error);
  return self;
}

Thread::~Thread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.set();
  }
  if (thread_.joinable()) thread_.join();
}

void Thread::submit(const std::shared_ptr<Batch>& batch) {
  const auto& questions = batch->questions();
  std::vector<std::unique_ptr<Task>> tasks;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (to_wire(questions[i].name)) {
      tasks.push_back(std::make_unique<Task>(*this, batch, i));
    } else {
      batch->answer(i,
                    unknown_answer(questions[i], "\"" + questions[i].name + "\" is no name DNS can carry"));
    }
  }
  std::size_t accepted = 0;
  {
    // The wake is set under the lock: once it is released the destructor may take the thread away.
    const std::lock_guard lock(mutex_);
    accepted = stopping_ ? 0 : std::min(tasks.size(), kMaxOpen - open_);
    open_ += accepted;
    if (inbox_.empty() && accepted > 0) wake_.set();
    std::move(tasks.begin(), tasks.begin() + static_cast<std::ptrdiff_t>(accepted),
              std::back_inserter(inbox_));
  }
  for (std::size_t i = accepted; i < tasks.size(); ++i)
    batch->answer(tasks[i]->index,
                  exhausted_answer(tasks[i]->question(), "not asked: " + std::to_string(kMaxOpen) +
                                                             " DNS questions are open already"));
}

void Thread::run() {
  while (take_inbox()) {
    start_probe();
    start_waiting();
    settle();
    poll_once();
  }
  stop();
}

bool Thread::take_inbox() {
  const std::lock_guard lock(mutex_);
  std::move(inbox_.begin(), inbox_.end(), std::back_inserter(waiting_));
  inbox_.clear();
  return !stopping_;
}

/// Only while there are questions: an idle monitor sends nothing.
void Thread::start_probe() {
  if (waiting_.empty()) return;
  const auto server = health_.take_due_probe(ServerHealth::Clock::now());
  if (server) send(std::make_unique<Task>(*this, nullptr, 0), {*server, false, {.edns = false}});
}

bool Thread::may_start() {
  const Window& window = preferred();
  if (window.full()) return false;
  if (window.in_flight() < kBurst) return true;
  const auto now = ServerHealth::Clock::now();
  if (now >= next_trickle_) {
    next_trickle_ = now + Millis{1};
    trickled_ = 0;
  }
  return trickled_++ < kTrickle;
}

void Thread::start_waiting() {
  while (!waiting_.empty() && may_start()) {
    auto task = std::move(waiting_.front());
    waiting_.pop_front();
    advance(std::move(task));
  }
}

void Thread::settle() {
  while (!replied_.empty()) {
    for (Task* replied : std::exchange(replied_, {})) {
      auto task = std::move(on_wire_.extract(replied).mapped());
      note_reply(*task);
      if (task->batch) advance(std::move(task));
    }
    start_waiting();
  }
}

void Thread::note_reply(Task& task) {
  Window& window = lines_[task.step.server].window;
  const std::string& label = lines_[task.step.server].label;
  const std::string over = task.step.tcp ? " over TCP" : "";
  switch (task.kind) {
    case Reply::Kind::answer:
      window.answered();
      health_.answered(task.step.server);
      task.plan.answered(std::move(task.reading));
      return;
    case Reply::Kind::silence:
      window.lost(ServerHealth::Clock::now());
      task.plan.silent("no answer from " + label + over + " within " + span_words(timeout_));
      break;
    case Reply::Kind::unreachable:
      window.landed();
      task.plan.failed(label + over + " cannot be reached");
      break;
    case Reply::Kind::exhausted:
      task.plan.exhausted(label + over + ": " + task.error);
      return;  // nothing was sent: it says nothing of the server
    case Reply::Kind::broken:
      window.landed();
      task.plan.failed(label + over + ": " + task.error);
      break;
  }
  // A server that sends truncated answers lives, whatever becomes of its TCP.
  if (!task.step.tcp) health_.silent(task.step.server, ServerHealth::Clock::now());
}

void Thread::advance(std::unique_ptr<Task> task) {
  if (task->batch->abandoned()) {
    const std::lock_guard lock(mutex_);
    --open_;
    return;
  }
  const auto order = health_.order();
  if (const auto step = task->plan.next(order)) {
    send(std::move(task), *step);
  } else {
    finish(*task, task->plan.result(task->question()));
  }
}

void Thread::send(std::unique_ptr<Task> task, const Step& step) {
  Task& sent = *task;
  sent.step = step;
  sent.id = fresh_id();
  lines_[step.server].window.sent();
  if (sent.batch) sent.batch->asking(sent.index, lines_[step.server].label, sent.plan.failures());
  on_wire_.emplace(&sent, std::move(task));
  const auto to = channel(step);
  const auto query = write_query(sent.question(), sent.id, step.form);
  if (to && query) {
    (*to)->send(*query, sent);
  } else {
    sent.on_reply({Reply::Kind::broken, {}, to ? "no query could be written" : to.error()});
  }
}

void Thread::finish(Task& task, DnsAnswer answer) {
  {
    const std::lock_guard lock(mutex_);
    --open_;
  }
  task.batch->answer(task.index, std::move(answer));
}

void Thread::poll_once() {
  using Clock = ServerHealth::Clock;
  std::vector<std::pair<Channel*, Clock::time_point>> due;
  std::vector<Channel*> owners{nullptr};
  fds_.assign(1, pollfd{wake_.fd(), POLLIN, 0});
  std::optional<Millis> span;
  if (!waiting_.empty() && !preferred().full()) span = Millis{1};  // the trickle goes on
  const auto now = Clock::now();
  for (const Line& line : lines_) {
    for (const auto& opened : line.channels) {
      Channel* const channel = opened.get();
      if (channel == nullptr) continue;
      fds_.insert(fds_.end(), channel->fds().begin(), channel->fds().end());
      owners.resize(fds_.size(), channel);
      const auto left = channel->until_timeout();
      if (!left) continue;
      due.emplace_back(channel, now + *left);
      span = std::min(span.value_or(*left), *left);
    }
  }
  const auto wait = span ? std::min<Millis::rep>(span->count(), std::numeric_limits<int>::max()) : -1;
  if (::poll(fds_.data(), fds_.size(), static_cast<int>(wait)) > 0) {
    if (fds_[0].revents != 0) wake_.clear();
    for (std::size_t i = 1; i < fds_.size(); ++i)
      if (fds_[i].revents != 0) owners[i]->process(fds_[i]);
  }
  for (const auto& [channel, at] : due)
    if (Clock::now() >= at) channel->process_timeouts();
  settle();
}

void Thread::stop() {
  for (Line& line : lines_)
    line.channels = {};  // before the tasks their callbacks want
  replied_.clear();
  for (auto& [raw, task] : on_wire_)
    waiting_.push_back(std::move(task));
  on_wire_.clear();
  for (const auto& task : waiting_)
    if (task->batch) finish(*task, unknown_answer(task->question(), "the resolver was stopped"));
  waiting_.clear();
}

tl::expected<Channel*, std::string> Thread::channel(const Step& step) {
  Line& line = lines_[step.server];
  using Transport = Channel::Transport;
  const auto transport =
      step.tcp ? Transport::tcp : (step.form.edns ? Transport::udp : Transport::udp_without_edns);
  auto& channel = line.channels[static_cast<std::size_t>(transport)];
  if (!channel) {
    auto opened = Channel::open(line.server, transport, timeout_);
    if (!opened) return tl::unexpected(opened.error());
    channel = std::move(*opened);
  }
  return channel.get();
}

/// Unpredictable, against forged answers (RFC 5452 §9.1); bought from the kernel by the hundred.
std::uint16_t Thread::fresh_id() {
  if (ids_.empty()) {
    ids_.resize(128);  // 256 octets: getrandom gives them whole (getrandom(2))
    if (::getrandom(ids_.data(), ids_.size() * sizeof ids_[0], 0) < 0) {
      std::random_device device;
      for (auto& id : ids_)
        id = static_cast<std::uint16_t>(device());
    }
  }
  const std::uint16_t id = ids_.back();
  ids_.pop_back();
  return id;
}

}  // namespace stswatch::dns

namespace stswatch {

// The resolver that the agent uses.

namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
// The DNS thread's own time-out names the silent server: a busy machine must not let ours come first.
constexpr Millis kGrace{2000};
// A second question for an AAAA that was lost on the way is answered as fast as the A was.
constexpr Millis kSecondTry{1000};

class CaresResolver final : public Resolver {
 public:
  CaresResolver(std::unique_ptr<dns::Thread> thread, Millis one_try, Millis longest)
      : thread_(std::move(thread)), one_try_(one_try), longest_(longest) {}

  std::vector<DnsAnswer> ask(const std::vector<DnsQuestion>& questions, const Deadline& deadline) override {
    if (questions.empty()) return {};
    const Deadline end = deadline.within(longest_);
    const auto batch = std::make_shared<dns::Batch>(questions);
    if (!batch->done().valid())
      return batch->collect({Stage::dns, Cause::exhausted, "no file descriptor is left"});
    thread_->submit(batch);  // from here on the resolver may go: the batch holds all that is needed
    const auto began = std::chrono::steady_clock::now();
    auto done = end.within(one_try_ + kSecondTry).wait(batch->done().fd(), POLLIN, Stage::dns);
    // Some resolvers and middleboxes drop all AAAA questions (RFC 4074 §4.1): that must not eat the look.
    if (!done && !end.passed() && !batch->only_aaaa_beside_a_left()) {
      done = end.wait(batch->done().fd(), POLLIN, Stage::dns);
      if (!done && done.error().cause == Cause::timeout)
        done.error().detail =
            "no answer within " +
            span_words(std::chrono::round<Millis>(std::chrono::steady_clock::now() - began));
    }
    return batch->collect(done ? Failure{} : done.error());
  }

 private:
  std::unique_ptr<dns::Thread> thread_;
  Millis one_try_, longest_;
};

tl::expected<std::vector<dns::Server>, std::string> choose_servers(const std::vector<std::string>& texts) {
  if (texts.empty()) return dns::read_resolv_conf(kResolvConf);
  std::vector<dns::Server> servers;
  for (const std::string& text : texts) {
    auto server = dns::parse_server(text);
    if (!server) return tl::unexpected(server.error());
    servers.push_back(*server);
  }
  return servers;
}

}  // namespace

tl::expected<std::unique_ptr<Resolver>, std::string> make_resolver(const DnsOptions& options) {
  if (options.tries < 1)
    return tl::unexpected("dns.tries is " + std::to_string(options.tries) + "; at least 1");
  // Beyond, c-ares' int of milliseconds and the sum over all tries could overflow.
  if (options.timeout < Millis{1} || options.timeout > std::chrono::hours{1} || options.tries > 100)
    return tl::unexpected(
        std::string("dns.timeout must lie between 1 ms and 1 h, dns.tries between 1 and 100"));
  const auto servers = choose_servers(options.servers);
  if (!servers) return tl::unexpected(servers.error());
  auto thread = dns::Thread::start(*servers, options);
  if (!thread) return tl::unexpected(thread.error());
  return std::make_unique<CaresResolver>(std::move(*thread), options.timeout,
                                         options.timeout * options.tries + kGrace);
}

}  // namespace stswatch
