// lint: judge a text without any network; for people, as one JSON document, or line by line.
#include "agent/commands/lint.h"

#include <openssl/evp.h>

#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/commands/commands.h"
#include "agent/commands/saved_files.h"
#include "agent/tell/json.h"
#include "agent/watch/clock.h"
#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/records.h"
#include "checks/facts/text.h"
#include "checks/judge/lint.h"
#include "checks/reports/read.h"

namespace stswatch {

namespace {

using Json = nlohmann::ordered_json;

/// A line that is JSON, but not of the shape the kind asks for.
struct WrongShape {
  std::string what;
};

Json to_json(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const auto& f : findings)
    out.push_back(to_json(f));
  return out;
}

/// Octets that are no UTF-8 are shown as U+FFFD.
std::string dump(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

LintGrade grade_of(bool valid, const std::vector<Finding>& findings) {
  if (!valid) return LintGrade::invalid;
  const bool clean = std::all_of(findings.begin(), findings.end(),
                                 [](const Finding& f) { return f.severity == Severity::info; });
  return clean ? LintGrade::valid : LintGrade::departures;
}

template <class Verdict>
std::string_view verdict_word(Verdict verdict) {
  if (verdict == Verdict::valid) return "valid";
  return verdict == Verdict::none ? "none" : "invalid";
}

std::string from_hex(const std::string& hex) {
  const auto digit = [&](char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    throw WrongShape{"\"hex\" holds something that is no hex digit"};
  };
  if (hex.size() % 2 != 0) throw WrongShape{"\"hex\" holds an odd number of digits"};
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}

std::string from_base64(std::string text) {
  std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  while (text.size() % 4 != 0)
    text += '=';
  std::string out(text.size() / 4 * 3, '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) throw WrongShape{"\"body_b64\" is no base64"};
  const auto padding = text.ends_with("==") ? 2U : text.ends_with("=") ? 1U : 0U;
  out.resize(static_cast<std::size_t>(length) - padding);
  return out;
}

/// [["string","string"],["string"]], or {"hex":[["763d…"]]}.
std::vector<TxtRecord> records_of(const Json& line) {
  constexpr const char* kShape =
      "expected records of character-strings: [[\"string\",\"string\"],[\"string\"]]";
  const bool hex = line.is_object();
  if (hex && !line.contains("hex")) throw WrongShape{kShape};
  const Json& records = hex ? line.at("hex") : line;
  if (!records.is_array()) throw WrongShape{kShape};
  std::vector<TxtRecord> out;
  for (const auto& record : records) {
    if (!record.is_array()) throw WrongShape{kShape};
    TxtRecord txt;
    for (const auto& string : record) {
      if (!string.is_string()) throw WrongShape{kShape};
      txt.strings.push_back(hex ? from_hex(string.get<std::string>()) : string.get<std::string>());
    }
    out.push_back(std::move(txt));
  }
  return out;
}

const Json* field(const Json& line, const char* key) {
  if (!line.is_object()) throw WrongShape{"expected a JSON object"};
  const auto it = line.find(key);
  return it == line.end() || it->is_null() ? nullptr : &*it;
}

std::optional<std::string> text_field(const Json& line, const char* key) {
  const auto* value = field(line, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) throw WrongShape{std::string("\"") + key + "\" is no string"};
  return value->get<std::string>();
}

std::vector<std::string> list_field(const Json& line, const char* key) {
  const auto* value = field(line, key);
  std::vector<std::string> out;
  if (value == nullptr) return out;
  if (!value->is_array()) throw WrongShape{std::string("\"") + key + "\" is no array of strings"};
  for (const auto& element : *value) {
    if (!element.is_string())
      throw WrongShape{std::string("\"") + key + "\" holds something that is no string"};
    out.push_back(element.get<std::string>());
  }
  return out;
}

std::string required(std::optional<std::string> value, const char* key) {
  if (!value) throw WrongShape{std::string("\"") + key + "\" is missing"};
  return std::move(*value);
}

std::string body_of(const Json& line) {
  if (auto encoded = text_field(line, "body_b64")) return from_base64(std::move(*encoded));
  return required(text_field(line, "body"), "body");
}

std::string lint_fetch(const Json& line) {
  FetchFacts facts;
  facts.policy_domain = required(text_field(line, "policy_domain"), "policy_domain");
  const auto* status = field(line, "status");
  if (status == nullptr || !status->is_number_integer()) throw WrongShape{"\"status\" is no integer"};
  facts.status = status->get<int>();
  facts.content_type = text_field(line, "content_type");
  facts.location = text_field(line, "location");
  facts.certificate = text_field(line, "certificate").value_or("ok");
  facts.body = field(line, "body") == nullptr && field(line, "body_b64") == nullptr ? "" : body_of(line);
  const auto result = lint_policy_fetch(facts, SystemClock().now());
  return dump({{"usable", result.usable}, {"findings", to_json(result.findings)}});
}

std::string lint_report_line(const Json& line) {
  const auto file = required(text_field(line, "file"), "file");
  const auto octets = read_report_file(file);
  if (!octets) throw WrongShape{octets.error()};
  return lint_report(*octets, file, text_field(line, "media_type").value_or("")).json;
}

std::string answer(const std::string& kind, const Json& line) {
  if (kind == "sts-record") return lint_sts_records(records_of(line)).json;
  if (kind == "tlsrpt-record") return lint_tlsrpt_records(records_of(line)).json;
  if (kind == "tlsrpt-report") return lint_report_line(line);
  if (kind == "policy") return lint_policy_body(body_of(line), list_field(line, "mx")).json;
  if (kind == "policy-fetch") return lint_fetch(line);
  if (kind == "tlsa") return dump(answer_tlsa(line));
  if (field(line, "patterns") == nullptr) throw WrongShape{"\"patterns\" is missing"};
  return lint_mx_host(required(text_field(line, "mx"), "mx"), list_field(line, "patterns")).json;
}

}  // namespace

LintResult lint_sts_records(const std::vector<TxtRecord>& rrset) {
  const auto reading = read_sts_records(rrset);
  LintResult out;
  out.findings = lint_sts_record(rrset, SystemClock().now());
  out.grade = grade_of(reading.usable(), out.findings);
  if (reading.verdict == StsRecordReading::Verdict::none)
    out.words = "no record of MTA-STS: \"v=STSv1;\" begins one";
  out.json = dump({{"verdict", verdict_word(reading.verdict)},
                   {"usable", reading.usable()},
                   {"id", reading.usable() ? Json(reading.id) : Json(nullptr)},
                   {"extensions", reading.usable() ? Json(reading.extensions) : Json::array()},
                   {"findings", to_json(out.findings)}});
  return out;
}

LintResult lint_tlsrpt_records(const std::vector<TxtRecord>& rrset) {
  const auto reading = read_tlsrpt_records(rrset);
  LintResult out;
  out.findings = lint_tlsrpt_record(rrset, SystemClock().now());
  out.grade = grade_of(reading.usable(), out.findings);
  out.json = dump({{"verdict", verdict_word(reading.verdict)},
                   {"usable", reading.usable()},
                   {"rua", reading.rua},
                   {"deliverable", reading.deliverable},
                   {"extensions", reading.extensions},
                   {"findings", to_json(out.findings)}});
  return out;
}

LintResult lint_policy_body(const std::string& body, const std::vector<std::string>& mx) {
  const auto reading = read_policy(body);
  LintResult out;
  out.findings = lint_policy(body, mx, SystemClock().now());
  out.grade = grade_of(reading.valid(), out.findings);
  const Policy* policy = reading.strict ? &*reading.strict : nullptr;
  out.json = dump({{"valid", reading.valid()},
                   {"mode", policy != nullptr ? Json(to_string(policy->mode)) : Json(nullptr)},
                   {"mx", policy != nullptr ? policy->mx : std::vector<std::string>{}},
                   {"max_age", policy != nullptr ? Json(policy->max_age) : Json(nullptr)},
                   {"extensions", policy != nullptr ? Json(policy->extensions) : Json::array()},
                   {"findings", to_json(out.findings)}});
  return out;
}

LintResult lint_mx_host(const std::string& host, const std::vector<std::string>& patterns) {
  const bool match = matches_any(host, patterns);
  LintResult out;
  out.grade = match ? LintGrade::valid : LintGrade::invalid;
  out.json = dump({{"match", match}});
  return out;
}

tl::expected<std::string, std::string> lint_line(const std::string& kind, const std::string& line) {
  try {
    const auto parsed = Json::parse(line, nullptr, false);
    if (parsed.is_discarded()) return tl::make_unexpected(std::string("not a JSON document in UTF-8"));
    return answer(kind, parsed);
  } catch (const WrongShape& wrong) {
    return tl::make_unexpected(wrong.what);
  } catch (const nlohmann::json::exception& e) {
    return tl::make_unexpected(std::string(e.what()));
  }
}

namespace {

constexpr std::size_t kText = 1U << 20;   // a policy of 64 KB is the most that senders read
constexpr std::size_t kLine = 16U << 20;  // of a batch

int batch(const LintCommand& command, Streams io) {
  std::string line;
  while (std::getline(io.in, line)) {
    if (line.size() > kLine) {
      io.out << R"({"error":"line longer than 16 MiB"})"
             << "\n";
      continue;
    }
    const auto result = lint_line(command.kind, line);
    io.out << (result ? *result : nlohmann::json{{"error", result.error()}}.dump()) << "\n" << std::flush;
  }
  return 0;
}

std::vector<TxtRecord> as_records(const std::vector<std::string>& arguments) {
  std::vector<TxtRecord> out;
  for (const auto& text : arguments)
    out.push_back({{text}});
  return out;
}

tl::expected<LintResult, std::string> judge_text(const LintCommand& command, Streams io) {
  if (command.arguments.empty())
    return tl::make_unexpected("lint " + command.kind + " needs a text to judge: see stswatch lint --help");
  if (command.kind == "sts-record") return lint_sts_records(as_records(command.arguments));
  if (command.kind == "tlsrpt-record") return lint_tlsrpt_records(as_records(command.arguments));
  if (command.kind == "tlsa") return lint_tlsa_texts(command.arguments);
  if (command.kind == "mx") {
    if (command.arguments.size() < 2)
      return tl::make_unexpected(
          std::string("lint mx needs a host and at least one pattern: lint mx HOST PATTERN..."));
    return lint_mx_host(command.arguments[0], {command.arguments.begin() + 1, command.arguments.end()});
  }
  if (command.kind == "policy-fetch")
    return tl::make_unexpected(std::string("lint policy-fetch reads JSON lines only: add --batch"));
  if (command.kind == "tlsrpt-report") {
    if (command.arguments.size() != 1)
      return tl::make_unexpected(std::string("lint tlsrpt-report takes one file: lint tlsrpt-report FILE"));
    return read_report_file(command.arguments[0]).map([&](const std::string& octets) {
      return lint_report(octets, command.arguments[0], "");
    });
  }
  if (command.arguments.size() != 1)
    return tl::make_unexpected(std::string("lint policy takes one file: lint policy FILE|- [--mx HOST]..."));
  const auto body = read_text(command.arguments[0], io.in);
  if (!body) return tl::make_unexpected(body.error());
  if (body->size() > kText)
    return tl::make_unexpected(command.arguments[0] +
                               " is larger than 1 MiB: no sender reads a policy of that size");
  return lint_policy_body(*body, command.mx);
}

void print(const LintResult& result, const LintCommand& command, std::ostream& out) {
  if (command.kind == "mx") {
    out << (result.grade == LintGrade::valid ? "match" : "no match") << "\n";
    return;
  }
  constexpr std::array words{"valid", "valid, with departures", "invalid"};
  out << command.kind << ": " << words[static_cast<std::size_t>(result.grade)] << "\n";
  if (!result.words.empty()) out << "  " << result.words << "\n";
  for (const auto& f : result.findings) {
    const auto* entry = find_in_catalogue(f.code);
    out << "  " << to_string(f.severity) << "  " << (entry != nullptr ? std::string_view(entry->title) : "")
        << "  [" << f.code << "]\n      " << f.detail << "\n      Fix: " << f.fix << " (" << f.reference
        << ")\n";
  }
}

}  // namespace

int lint(const LintCommand& command, Streams io) {
  if (command.batch) return batch(command, io);
  const auto result = judge_text(command, io);
  if (!result) return complain(io, result.error(), kExitUsage);
  if (command.json)
    io.out << result->json << "\n";
  else
    print(*result, command, io.out);
  return static_cast<int>(result->grade);
}

// lint tlsrpt-report: what a report that came says, or why it cannot be counted (RFC 8460 §4.4).

namespace {

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
