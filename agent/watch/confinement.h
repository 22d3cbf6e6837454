// What the service gives up once it knows its configuration, so that somebody who takes it over through what
// it reads has little of the machine: `agent.confine`.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.h"

// A sanitizer's leak check looks at this process from another one: that much it may not give up.
#if defined(__SANITIZE_ADDRESS__)  // g++
#define STSWATCH_LEAK_CHECK
#elif defined(__has_feature)  // clang
#if __has_feature(address_sanitizer)
#define STSWATCH_LEAK_CHECK
#endif
#endif

namespace stswatch {

/// What the process has given up. A later configuration may need it, and is then one for another process.
class Confinement {
 public:
  /// Before there is another thread, and before SQLite opens a file. `store_folder` is empty where the store
  /// is no file. Logs what is in force and what is not; that the kernel lacks something is no error.
  static Confinement enter(const Config& config, const std::string& store_folder);

  bool starts_programs() const { return starts_programs_; }
  /// The error names the key, and how to mend it.
  tl::expected<void, std::string> leaves_room_for(const Config& config) const;

 private:
  bool starts_programs_ = true;
  bool writes_everywhere_ = true;
  std::vector<std::string> folders_;  // else only beneath these
};

}  // namespace stswatch

namespace stswatch::kernel {

// What the kernel refuses this process from now on, whatever it is brought to do later: by Landlock
// (landlock(7)) and by a filter of system calls (seccomp(2)). Both count for the calling thread and for those
// that it starts afterwards, and are never lifted. Each error says why it is not in force.

/// A set-user-id program gives no rights any more; without it the other two are for the privileged only.
tl::expected<void, std::string> gain_no_rights();

/// Files are made, written and removed beneath these folders alone, and no program is started; what is open
/// stays so. `moves`: files go from one of the folders into another.
tl::expected<void, std::string> write_only_beneath(const std::vector<std::string>& folders, bool moves);

/// Programs are not started, other processes, namespaces, mounts, keys and modules not touched: EPERM.
tl::expected<void, std::string> refuse_calls();

}  // namespace stswatch::kernel
