#include "agent/tell/nagios.h"

#include <algorithm>

namespace stswatch {
namespace {

int rank(Status s) {
  switch (s) {
    case Status::ok:
      return 0;
    case Status::unknown:
      return 1;
    case Status::warning:
      return 2;
    case Status::critical:
      break;
  }
  return 3;
}

/// "|" starts performance data and line breaks start long output: neither may come from a finding.
std::string tame(std::string text) {
  for (auto& c : text)
    if (c == '|' || c == '\n') c = ' ';
  return text;
}

std::string upper(Status s) {
  std::string out(to_string(s));
  for (auto& c : out)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

std::string first_finding(const Verdict& v) {
  if (v.findings.empty()) return {};
  const auto& f = v.findings.front();
  return ": " + f.code + " " + f.subject + (f.detail.empty() ? "" : ": " + f.detail);
}

std::string seconds_until(const std::optional<ForecastPoint>& p, TimePoint now) {
  return p ? std::to_string(std::max<Seconds::rep>(0, (p->at - now).count())) + "s" : std::string("U");
}

}  // namespace

Status worse(Status a, Status b) { return rank(a) >= rank(b) ? a : b; }

void NagiosReport::add(const Verdict& v) {
  ++domains_;
  ++count_[static_cast<std::size_t>(v.status)];
  const auto problem =
      tame(v.domain.str() + " " + upper(v.status) + (v.status == Status::ok ? "" : first_finding(v)));
  if (domains_ == 1 || (worse(v.status, worst_) == v.status && v.status != worst_)) first_problem_ = problem;
  worst_ = worse(v.status, worst_);
  if (v.status != Status::ok) lines_ += problem + "\n";
  // Per-domain figures only for few domains: a Nagios line of megabytes helps nobody.
  if (domains_ > 20) return;
  const auto& d = v.domain.str();
  if (v.enforce_usable_mx)
    perfdata_ += " '" + d + " usable_mx'=" + std::to_string(v.enforce_usable_mx->max) + ";;1:;0;" +
                 std::to_string(v.enforce_usable_mx->of);
  if (v.forecast.breakage)
    perfdata_ +=
        " '" + d + " breakage'=" + seconds_until(v.forecast.breakage, v.checked_at) + ";604800:;86400:";
}

std::string NagiosReport::text() const {
  const auto count = [&](Status s) { return std::to_string(count_[static_cast<std::size_t>(s)]); };
  std::string out = "MTA-STS " + upper(worst_) + " - ";
  out += domains_ == 1 ? first_problem_
                       : std::to_string(domains_) + " domains: " + count(Status::critical) + " critical, " +
                             count(Status::warning) + " warning, " + count(Status::unknown) + " unknown, " +
                             count(Status::ok) + " ok";
  out += " | critical=" + count(Status::critical) + " warning=" + count(Status::warning) +
         " unknown=" + count(Status::unknown) + " ok=" + count(Status::ok) + perfdata_ + "\n";
  return domains_ == 1 ? out : out + lines_;
}

}  // namespace stswatch
