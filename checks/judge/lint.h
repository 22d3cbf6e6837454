// The judgement of a text without any network: the rules of the checks, applied to facts built around the
// text, so that there is one implementation. Pure; `now` only dates the fresh id that a fix proposes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/facts/certificate.h"
#include "checks/facts/result.h"
#include "checks/judge/catalogue/finding.h"

namespace stswatch {

/// Group A, with the severities of mode enforce.
std::vector<Finding> lint_sts_record(const std::vector<TxtRecord>& rrset, TimePoint now = {});

/// Groups B (the body's share), D and E, with the severities of the text's own mode; enforce when none is
/// readable. Hosts, if any, are held against the patterns: mx-not-in-policy, mx-none-in-policy, and a
/// provider's advice.
std::vector<Finding> lint_policy(std::string_view body, std::span<const std::string> mx_hosts = {},
                                 TimePoint now = {});

/// Group K, with the severities of mode enforce.
std::vector<Finding> lint_tlsrpt_record(const std::vector<TxtRecord>& rrset, TimePoint now = {});

/// Group M, what records say by themselves, with the severities of mode enforce.
std::vector<Finding> lint_tlsa(const std::vector<TlsaRecord>& records, TimePoint now = {});

/// One fetch as told by its facts (CONTRACT 3, policy-fetch).
struct FetchFacts {
  std::string policy_domain;
  int status = 0;
  std::optional<std::string> content_type;
  std::optional<std::string> location;
  std::string certificate;  // ok, expired, untrusted, dns:<SAN>, cn:<CN>
  std::string body;
};

struct FetchLint {
  bool usable = false;  // a conformant sender applies the policy
  std::vector<Finding> findings;
};

FetchLint lint_policy_fetch(const FetchFacts& facts, TimePoint now = {});

}  // namespace stswatch
