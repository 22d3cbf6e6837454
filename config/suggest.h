// The nearest right spelling of a mistyped word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stswatch {

/// The candidate that `word` begins, or one within edit distance 2 (or a third of the word); empty when none
/// is near.
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace stswatch
