// Files that people write or that come from elsewhere, by the first octet: world, goal, a kept plan, the
// configuration. Each is read or refused with words.
#include <cstdlib>

#include "agent/commands/saved_files.h"
#include "agent/remember/plan_row.h"
#include "config/load.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stswatch;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (const auto world = read_world(text); !world && world.error().empty()) std::abort();
      break;
    case 1:
      if (const auto goal = read_goal(text); !goal && goal.error().empty()) std::abort();
      break;
    case 2:
      (void)plan_from_rows(text, &text);
      break;
    default:
      if (const auto config = parse_config(text, "c.toml"); !config && config.error().empty()) std::abort();
  }
  return 0;
}
