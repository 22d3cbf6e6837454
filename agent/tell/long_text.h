// Room for a text of tens of MiB, as a scrape of thousands of domains is. Pure.
#pragma once

#include <sys/mman.h>
#include <cstdint>
#include <string>

namespace stswatch {

/// As text.reserve(). A fault for each page of 4 KiB would cost as much as the text: large pages are asked
/// for, and where there are none it only takes longer.
inline void reserve_at_once(std::string& text, std::size_t size) {
  constexpr std::uintptr_t kLarge = 2U << 20U;
  text.reserve(size);
  const auto begin = (reinterpret_cast<std::uintptr_t>(text.data()) + kLarge - 1) / kLarge * kLarge;
  const auto end = (reinterpret_cast<std::uintptr_t>(text.data()) + text.capacity()) / kLarge * kLarge;
  if (begin < end) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace stswatch
