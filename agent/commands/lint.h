// lint's JSON: one document in, one out, for each kind (CONTRACT 3).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "checks/facts/result.h"
#include "checks/judge/catalogue/finding.h"

namespace stswatch {

/// How a text fared: the exit code of lint.
enum class LintGrade { valid = 0, departures = 1, invalid = 2 };

struct LintResult {
  LintGrade grade = LintGrade::valid;
  std::string json;  // one document, one line
  std::vector<Finding> findings;
  std::string words{};  // for people, besides the findings; may be empty
};

LintResult lint_sts_records(const std::vector<TxtRecord>& rrset);
LintResult lint_tlsrpt_records(const std::vector<TxtRecord>& rrset);
LintResult lint_policy_body(const std::string& body, const std::vector<std::string>& mx);
LintResult lint_mx_host(const std::string& host, const std::vector<std::string>& patterns);
/// A TLS report in whatever it comes; `name` and `media_type` are hints.
LintResult lint_report(const std::string& octets, const std::string& name, const std::string& media_type);
/// As much of the file as a report may have, and one octet more.
tl::expected<std::string, std::string> read_report_file(const std::string& path);

/// Answers one input line of `lint KIND --batch`. The error is for a line that is not JSON of the kind's
/// shape.
tl::expected<std::string, std::string> lint_line(const std::string& kind, const std::string& line);

// lint tlsa: what a sender that does DANE makes of records and of a chain in files (CONTRACT 3). One line of
// JSON in, one out; nlohmann's exceptions tell of a line of another shape.

nlohmann::ordered_json answer_tlsa(const nlohmann::ordered_json& line);

/// Records as text, each by itself.
LintResult lint_tlsa_texts(const std::vector<std::string>& texts);

}  // namespace stswatch
