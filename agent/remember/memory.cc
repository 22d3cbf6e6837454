#include "agent/remember/memory.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace stswatch {

std::string_view to_string(Part part) {
  switch (part) {
    case Part::sts_record:
      return "sts_record";
    case Part::policy:
      return "policy";
    case Part::mx:
      return "mx";
    case Part::tlsrpt_record:
      break;
  }
  return "tlsrpt_record";
}

void side_by_side(std::size_t count, const std::function<void(std::size_t)>& work) {
  constexpr std::size_t kAtOnce = 64, kThreads = 8;
  std::atomic<std::size_t> next{0};
  const auto turns = [&] {
    for (std::size_t begin = next.fetch_add(kAtOnce); begin < count; begin = next.fetch_add(kAtOnce))
      for (std::size_t n = begin; n < std::min(begin + kAtOnce, count); ++n)
        work(n);
  };
  const auto useful = std::min(count / kAtOnce, kThreads);
  std::vector<std::jthread> others;
  for (std::size_t n = 1; n < std::min<std::size_t>(std::thread::hardware_concurrency(), useful); ++n)
    others.emplace_back(turns);
  turns();
}

}  // namespace stswatch
