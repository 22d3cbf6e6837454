// Preloaded into the program under test: on SIGUSR2 it does what somebody would who has taken the process
// over, and writes how each act ended (an errno, 0 where it was done) into the file that
// CONFINEMENT_SHIM_SAYS names. CONFINEMENT_SHIM_OUTSIDE is a folder with a file "there" in it.
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

long how(long result) { return result < 0 ? errno : 0; }

long opened(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  const long ended = how(fd);
  if (fd >= 0) ::close(fd);
  return ended;
}

/// In a child, which is the program where that may be started.
long executed() {
  const pid_t child = ::_Fork();
  if (child == 0) {
    char name[] = "/bin/true";
    char* const words[] = {name, nullptr};
    ::execve(name, words, environ);
    ::_exit(errno);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

void act(int /*signal*/) {
  const std::string says = std::getenv("CONFINEMENT_SHIM_SAYS");
  const std::string outside = std::getenv("CONFINEMENT_SHIM_OUTSIDE");
  std::FILE* out = std::fopen((says + ".new").c_str(), "we");  // beside the store
  if (out == nullptr) return;
  const auto say = [out](const char* what, long ended) { std::fprintf(out, "%s %ld\n", what, ended); };
  say("inside", opened(says + ".inside", O_WRONLY | O_CREAT));
  say("read", opened(outside + "/there", O_RDONLY));
  say("create", opened(outside + "/new", O_WRONLY | O_CREAT));
  say("write", opened(outside + "/there", O_WRONLY));
  say("truncate", how(::truncate((outside + "/there").c_str(), 0)));
  say("folder", how(::mkdir((outside + "/folder").c_str(), 0700)));
  say("link", how(::symlink("there", (outside + "/link").c_str())));
  say("away", how(::rename((says + ".inside").c_str(), (outside + "/away").c_str())));
  say("remove", how(::unlink((outside + "/there").c_str())));
  say("execute", executed());
  say("namespace", how(::syscall(SYS_unshare, 0)));
  say("memory", how(::syscall(SYS_process_vm_readv, ::getpid(), nullptr, 0, nullptr, 0, 0)));
  say("ptrace", how(::ptrace(PTRACE_PEEKDATA, 0, nullptr, nullptr)));
#if defined(__x86_64__)
  say("x32", how(::syscall(0x40000000L + SYS_getpid)));
#endif
  std::fclose(out);
  ::rename((says + ".new").c_str(), says.c_str());
}

__attribute__((constructor)) void listen() {
  struct sigaction action {};
  action.sa_handler = act;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR2, &action, nullptr);
}

}  // namespace
