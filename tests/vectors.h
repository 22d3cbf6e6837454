// Where the test vectors are: the repository's own (tests/vectors), and the larger shared collection beside
// the checkout or at STSWATCH_SAMPLES. A collection that is absent is said, not skipped in silence.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace stswatch {

/// The files of this name, the repository's own first: at least one.
inline std::vector<std::string> vector_files(const std::string& source, const std::string& name) {
  const std::string own = source + "/tests/vectors/" + name;
  const char* given = std::getenv("STSWATCH_SAMPLES");
  const std::string shared = (given != nullptr ? given : source + "/../shared/samples") + "/" + name;
  REQUIRE_MESSAGE(std::filesystem::exists(own), own);
  if (std::filesystem::exists(shared)) return {own, shared};
  WARN_MESSAGE(false, "the shared samples are absent (", shared, "): only ", own, " was judged");
  return {own};
}

}  // namespace stswatch
