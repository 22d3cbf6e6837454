// Preloaded into the program under test: its wall clock is off by as many seconds as the file that CLOCK_SHIM
// names says; nothing else is.
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

long off_by() {
  const char* name = std::getenv("CLOCK_SHIM");
  std::FILE* file = name != nullptr ? std::fopen(name, "re") : nullptr;
  long seconds = 0;
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%ld", &seconds) != 1) seconds = 0;
  std::fclose(file);
  return seconds;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* into) noexcept {
  const auto failed = static_cast<int>(::syscall(SYS_clock_gettime, clock, into));
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) into->tv_sec += off_by();
  return failed;
}

int gettimeofday(timeval* into, void* /*zone*/) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  *into = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* into) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
