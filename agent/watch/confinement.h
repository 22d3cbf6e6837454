// What the service gives up once it knows its configuration, so that somebody who takes it over through what
// it reads has little of the machine: `agent.confine`.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "config/config.h"

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
