// Many words in one text, with something between them: written once.
#pragma once

#include <string>
#include <string_view>

namespace stswatch::text {

/// Adds the word to the list, behind `between` unless it is the first.
inline void add(std::string& list, std::string_view between, std::string_view word) {
  if (!list.empty()) list += between;
  list += word;
}

/// "a, b, c"
template <class Words>
std::string joined(const Words& words, std::string_view between = ", ") {
  std::string out;
  for (const auto& word : words)
    add(out, between, word);
  return out;
}

}  // namespace stswatch::text
