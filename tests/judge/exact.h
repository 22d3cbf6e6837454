// What the cases of exact_test.cc and exact_policy_test.cc share.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {

inline bool mentions(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

/// MX hosts at one address each, and the policy that lists these patterns.
inline Look serving(std::initializer_list<std::string> hosts,
                    std::initializer_list<std::string_view> patterns, std::string_view mode = "enforce") {
  auto look = base();
  look.mx.clear();
  look.domain.mx.records.clear();
  std::uint16_t preference = 10;
  int last = 10;
  for (const auto& host : hosts) {
    look.domain.mx.records.push_back({preference++, host});
    look.set_mx(mx_host(host, {probe("203.0.114." + std::to_string(last++), host)}));
  }
  look.set_policy(policy(patterns, mode));
  return look;
}

inline std::size_t criticals(const Verdict& v) {
  return static_cast<std::size_t>(std::ranges::count(v.findings, Severity::critical, &Finding::severity));
}

}  // namespace stswatch::facts
