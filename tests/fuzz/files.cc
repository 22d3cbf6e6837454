// Files that people write or that come from elsewhere, by the first octet: world, goal, a kept plan, the
// configuration, a saved look, a list of domains. Each is read or refused with words; a look that was read is
// judged and written again.
#include <sys/mman.h>
#include <unistd.h>
#include <cstdlib>

#include "agent/commands/saved_files.h"
#include "agent/remember/saved_look.h"
#include "config/load.h"

namespace {

void read_list(const std::string& text) {
  const int file = ::memfd_create("domains", MFD_CLOEXEC);
  if (file < 0 || ::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  const auto names = stswatch::read_domains_file("/proc/self/fd/" + std::to_string(file));
  ::close(file);
  if (!names && names.error().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stswatch;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      if (const auto world = read_world(text); !world && world.error().empty()) std::abort();
      break;
    case 1:
      if (const auto goal = read_goal(text); !goal && goal.error().empty()) std::abort();
      break;
    case 2:
      (void)plan_from_rows(text, &text);
      break;
    case 4: {
      const auto look = read_saved_look(text);
      if (!look && look.error().empty()) std::abort();
      if (look && !read_saved_look(to_text(*look))) std::abort();
      if (look) (void)judge(*look, Limits{});
      break;
    }
    case 5:
      read_list(text);
      break;
    default:
      if (const auto config = parse_config(text, "c.toml"); !config && config.error().empty()) std::abort();
  }
  return 0;
}
