#include "config/program/program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>
#include <utility>

#include "checks/facts/result.h"

namespace stswatch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kStderr = 4096;  // octets that are kept
constexpr std::size_t kTold = 1000;    // of them, in words

std::string errno_words(int error) { return std::strerror(error); }

/// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }
  void take_from(Descriptor& other) { reset(std::exchange(other.fd_, -1)); }

 private:
  int fd_;
};

struct Pipe {
  Descriptor out, in;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    out.reset(ends[0]);
    in.reset(ends[1]);
    return ::fcntl(out.get(), F_SETFL, O_NONBLOCK) == 0;
  }
};

/// For what it reads: a socket, for a program that goes away early is then an error and no signal.
struct Feed {
  Descriptor ours, its;
  bool open() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return false;
    ours.reset(ends[0]);
    its.reset(ends[1]);
    return true;
  }
};

// POSIX: exec changes neither arguments nor environment.
std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const auto& word : words)
    out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

/// What a program of ours inherits: everything but the line to the service manager.
std::vector<char*> environment() {
  constexpr std::array kOurs = {
      "NOTIFY_SOCKET=", "WATCHDOG_PID=", "WATCHDOG_USEC=", "LISTEN_PID=", "LISTEN_FDS="};
  std::vector<char*> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
    if (std::ranges::none_of(
            kOurs, [&](std::string_view ours) { return std::string_view(*entry).starts_with(ours); }))
      out.push_back(*entry);
  out.push_back(nullptr);
  return out;
}

/// Its own process group, our descriptors and nothing else that is open here; signals as usual, which
/// the service itself blocks or ignores.
class Spawning {
 public:
  Spawning() {
    posix_spawn_file_actions_init(&files_);
    posix_spawnattr_init(&how_);
  }
  ~Spawning() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&how_);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;

  /// 0, or the errno.
  int start(const ProgramRun& run, int in, int out, int err, pid_t& pid) {
    if (in >= 0)
      posix_spawn_file_actions_adddup2(&files_, in, STDIN_FILENO);
    else
      posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, err, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
    if (!run.folder.empty()) posix_spawn_file_actions_addchdir_np(&files_, run.folder.c_str());
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&how_, &all);
    posix_spawnattr_setsigmask(&how_, &none);
    posix_spawnattr_setpgroup(&how_, 0);
    posix_spawnattr_setflags(&how_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    auto argv = pointers_to(run.words);
    auto around = run.around.empty() ? environment() : pointers_to(run.around);
    return ::posix_spawnp(&pid, argv[0], &files_, &how_, argv.data(), around.data());
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t how_{};
};

/// A program that runs; when this ends, so has its process group, and its exit status was taken.
class Running {
 public:
  explicit Running(pid_t pid) : pid_(pid), end_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~Running() { (void)finish(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  int end() const { return end_.get(); }  // readable once it has ended

  /// What is left of the group is killed first: while its leader was not waited for, the number is its own.
  std::optional<int> finish() {
    if (pid_ <= 0) return status_;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);  // it may have left the group
    int status = 0;
    pid_t got = 0;
    do
      got = ::waitpid(pid_, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got == pid_) status_ = status;
    pid_ = -1;
    return status_;
  }

 private:
  pid_t pid_;
  Descriptor end_;
  std::optional<int> status_;
};

/// One of its two streams; what is beyond `most` is read and dropped.
struct Stream {
  int fd;
  std::size_t most;
  std::string text{};
  bool open = true, cut = false;

  void take() {
    std::array<char, 65536> buffer;
    for (int turns = 0; turns < 64 && open; ++turns) {
      const auto n = ::read(fd, buffer.data(), buffer.size());
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n <= 0) {
        open = false;
        return;
      }
      const auto room = std::min(static_cast<std::size_t>(n), most - text.size());
      cut |= room < static_cast<std::size_t>(n);
      text.append(buffer.data(), room);
    }
  }
};

/// Readable once the stop is asked for.
class StopLine {
 public:
  explicit StopLine(const std::stop_token& stop)
      : line_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), on_stop_(stop, Ring{line_.get()}) {}
  int get() const { return line_.get(); }

 private:
  struct Ring {
    int fd;
    void operator()() const { (void)::eventfd_write(fd, 1); }
  };
  Descriptor line_;
  std::stop_callback<Ring> on_stop_;
};

/// What it is to read, as far as it has not.
struct Input {
  std::string_view left;
  Descriptor to{};

  void give() {
    const auto n = ::send(to.get(), left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
    if (left.empty() || (n < 0 && errno != EAGAIN && errno != EINTR)) to.reset();
  }
};

ProgramEnd::How follow(const Running& program, Input& in, Stream& out, Stream& err, const ProgramRun& run) {
  using How = ProgramEnd::How;
  const auto until = Clock::now() + run.patience;
  const StopLine stop(run.stop);
  while (!out.cut) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return How::late;
    if (run.stop.stop_requested()) return How::stopped;
    std::array<pollfd, 5> asked{pollfd{program.end(), POLLIN, 0}, pollfd{out.open ? out.fd : -1, POLLIN, 0},
                                pollfd{err.open ? err.fd : -1, POLLIN, 0}, pollfd{in.to.get(), POLLOUT, 0},
                                pollfd{stop.get(), POLLIN, 0}};
    const int ready = ::poll(asked.data(), asked.size(), static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return How::late;
    if (ready <= 0) continue;
    if (asked[3].revents != 0) in.give();
    out.take();
    err.take();
    // What it has printed is in the pipe by then; who else holds the pipe is not waited for.
    if (asked[0].revents != 0) {
      while (out.open && !out.cut) {
        const auto before = out.text.size();
        out.take();
        if (out.text.size() == before) break;
      }
      return out.cut ? How::flooded : How::ended;
    }
  }
  return How::flooded;
}

std::string said(const std::string& stderr_text) {
  std::string words = stderr_text;
  while (!words.empty() && (words.back() == '\n' || words.back() == '\r'))
    words.pop_back();
  return words.empty() ? std::string() : ": " + printable(words, kTold);
}

}  // namespace

bool ProgramEnd::good() const {
  return how == How::ended && status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
}

std::string ProgramEnd::str() const {
  if (!status) return "how it ended is not known";
  if (WIFSIGNALED(*status)) return "killed by signal " + std::to_string(WTERMSIG(*status)) + said(err);
  return "exit code " + std::to_string(WEXITSTATUS(*status)) + said(err);
}

tl::expected<ProgramEnd, std::string> run_program(const ProgramRun& run) {
  const auto fail = [&](const std::string& what, int error) {
    return tl::make_unexpected(printable(run.words.at(0)) + ": " + what + std::strerror(error));
  };
  Pipe out_pipe, err_pipe;
  Feed feed;
  if (!out_pipe.open() || !err_pipe.open() || (!run.input.empty() && !feed.open()))
    return fail("no pipe to it: ", errno);
  pid_t pid = -1;
  const int error = Spawning().start(run, feed.its.get(), out_pipe.in.get(), err_pipe.in.get(), pid);
  if (error != 0) return fail("cannot be run: ", error);
  out_pipe.in.reset();
  err_pipe.in.reset();
  feed.its.reset();
  Running program(pid);
  if (program.end() < 0) return fail("cannot be watched: ", errno);
  Input in{run.input};
  in.to.take_from(feed.ours);
  Stream out{out_pipe.out.get(), run.output}, err{err_pipe.out.get(), kStderr};
  ProgramEnd end;
  end.how = follow(program, in, out, err, run);
  end.status = program.finish();
  end.took_input = in.left.empty();
  end.out = std::move(out.text);
  end.err = std::move(err.text);
  return end;
}

tl::expected<std::string, std::string> output_of(const ProgramRun& run) {
  auto end = run_program(run);
  if (!end) return tl::make_unexpected(end.error());
  const auto fail = [&](const std::string& what) {
    return tl::make_unexpected(printable(run.words.at(0)) + ": " + what);
  };
  switch (end->how) {
    case ProgramEnd::How::flooded:
      return fail("prints more than " + std::to_string(run.output) + " octets; killed");
    case ProgramEnd::How::late:
      return fail("not done after " + std::to_string(run.patience.count() / 1000) + " s; killed" +
                  said(end->err));
    case ProgramEnd::How::stopped:
      return fail("killed, since the agent stops");
    case ProgramEnd::How::ended:
      break;
  }
  if (!end->good()) return fail(end->str());
  return std::move(end->out);
}

tl::expected<void, std::string> find_program(const std::string& word, const std::string& folder) {
  namespace fs = std::filesystem;
  if (word.find('/') != word.npos) {
    const auto path = fs::path(folder) / word;  // an absolute one replaces the folder
    std::error_code ec;
    if (fs::is_directory(path, ec)) return tl::make_unexpected(printable(path.string()) + " is a folder");
    if (::access(path.c_str(), X_OK) == 0) return {};
    return tl::make_unexpected(printable(path.string()) + " cannot be run: " + errno_words(errno));
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/bin:/usr/bin");
  for (std::string each; std::getline(folders, each, ':');)
    if (::access((fs::path(each.empty() ? "." : each) / word).c_str(), X_OK) == 0) return {};
  return tl::make_unexpected("there is no program " + printable(word) + " in PATH");
}

}  // namespace stswatch
