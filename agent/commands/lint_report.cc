// lint tlsrpt-report: what a report that came says, or why it cannot be counted (RFC 8460 §4.4).
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/commands/lint.h"
#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/reports/read.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json to_json(const ReportFailure& f) {
  return {{"result_type", f.result_type},
          {"count", f.sessions},
          {"sending_mta_ip", or_null(f.sending_ip)},
          {"receiving_mx_hostname", or_null(f.mx)},
          {"receiving_mx_helo", or_null(f.helo)},
          {"receiving_ip", or_null(f.receiving_ip)},
          {"additional_information", or_null(f.information)},
          {"failure_reason_code", or_null(f.reason)}};
}

Json to_json(const TlsReport& report) {
  Json policies = Json::array();
  std::map<std::string, std::uint64_t> by_type;
  std::uint64_t successful = 0, failed = 0, details = 0;
  for (const auto& p : report.policies) {
    Json rows = Json::array();
    for (const auto& f : p.failures) {
      rows.push_back(to_json(f));
      auto& sum = by_type[f.result_type];
      sum = added(sum, f.sessions);
      details = added(details, f.sessions);
    }
    policies.push_back({{"type", p.type},
                        {"domain", or_null(p.domain)},
                        {"policy_string", p.policy_string},
                        {"mx_host", p.mx_host},
                        {"successful", p.successful},
                        {"failed", p.failed},
                        {"failure_details", std::move(rows)}});
    successful = added(successful, p.successful);
    failed = added(failed, p.failed);
  }
  return {{"parse", "ok"},
          {"organization", report.organization},
          {"report_id", report.report_id},
          {"contact", report.contact ? Json(*report.contact) : Json(nullptr)},
          {"start", to_utc(report.start)},
          {"end", to_utc(report.end)},
          {"policies", std::move(policies)},
          {"totals", {{"successful", successful}, {"failed", failed}, {"failure_details", details}}},
          {"by_result_type", by_type}};
}

}  // namespace

tl::expected<std::string, std::string> read_report_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return tl::make_unexpected(path + " cannot be read: name a readable file");
  std::string octets(reports::kPacked + 1, '\0');
  file.read(octets.data(), static_cast<std::streamsize>(octets.size()));
  if (file.bad()) return tl::make_unexpected(path + " cannot be read to its end");
  octets.resize(static_cast<std::size_t>(file.gcount()));
  return octets;
}

LintResult lint_report(const std::string& octets, const std::string& name, const std::string& media_type) {
  const auto reading = reports::read_tls_report(octets, {.media_type = media_type, .file_name = name});
  const bool ok = reading.parse == reports::Reading::Parse::ok;
  Json json = ok ? to_json(reading.report)
                 : Json{{"parse", reports::to_string(reading.parse)}, {"reason", reading.why}};
  if (reading.mail) {
    json["from_domain"] = or_null(reading.mail->from_domain);
    json["submitter"] = or_null(reading.mail->submitter);
  }
  LintResult out;
  out.grade = ok ? LintGrade::valid : LintGrade::invalid;
  out.json = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  out.words = ok ? printable(reading.report.organization, bounds::kDetail) + ", report " +
                       printable(reading.report.report_id, bounds::kDetail) + ", " +
                       to_utc(reading.report.start) + " to " + to_utc(reading.report.end)
                 : reading.why;
  return out;
}

}  // namespace stswatch
