// The names that a command was asked about: each looked at once, told as often and in the order asked.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "agent/commands.h"

namespace stswatch {

struct Asked {
  std::vector<std::size_t> order;  // one entry per name asked for: its place in `names`
  std::vector<Domain> names;       // distinct
};

/// Those of the arguments and of --domains-file; else those of the config. The error names the first bad
/// name, in a file by FILE:LINE.
tl::expected<Asked, std::string> asked_names(const CheckCommand& command, const Config& config);

/// What the config says of each domain, or of all.
class LimitsByName {
 public:
  explicit LimitsByName(const Config& config);
  const Limits& of(const Domain& domain) const;

 private:
  Limits others_;
  std::unordered_map<std::string, Limits> by_name_;
};

}  // namespace stswatch
