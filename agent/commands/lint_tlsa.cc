#include "agent/commands/lint.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "agent/tell/json.h"
#include "agent/watch/clock.h"
#include "checks/facts/certificate.h"
#include "checks/facts/text.h"
#include "checks/judge/lint.h"
#include "checks/judge/rules/readings.h"
#include "checks/observe/tls/verify.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kChainFiles = 32;
constexpr std::size_t kCertificate = 1U << 20;  // octets of a file

/// DNS names are blind to case and end in a dot or not (RFC 4343, RFC 1034 §3.1).
std::string name_of(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return text::lower(name);
}

/// What does not parse takes its place as a record that nobody can use.
std::vector<TlsaRecord> tlsa_records_of(const Json& line) {
  std::vector<TlsaRecord> out;
  for (const auto& text : line.at("tlsa"))
    out.push_back(parse_tlsa(text.get<std::string>()).value_or(TlsaRecord{.usage = 255}));
  return out;
}

/// A file that cannot be read holds no certificate: the chain ends before it.
std::vector<std::string> chain_of(const Json& line) {
  std::vector<std::string> out;
  for (const auto& name : line.value("chain", Json::array())) {
    if (out.size() == kChainFiles) break;
    std::ifstream file(name.get<std::string>(), std::ios::binary);
    std::string text(kCertificate, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    out.push_back(std::move(text));
  }
  return out;
}

std::vector<std::string> names_of(const Json& line) {
  std::vector<std::string> out;
  for (const char* key : {"base_domain", "next_hop"})
    if (line.contains(key) && !line.at(key).is_null())
      out.push_back(name_of(line.at(key).get<std::string>()));
  return out;
}

/// RFC 7672 §2.2: the four outcomes of the lookup, and what a sender does then.
Json connect(const Json& line) {
  const auto dnssec = line.at("dnssec").get<std::string>();
  constexpr std::array<std::string_view, 4> kStates{"secure", "insecure", "bogus", "error"};
  if (std::ranges::find(kStates, dnssec) == kStates.end())
    return {{"error",
             "dnssec is \"" + printable(dnssec, 40) + "\": secure, insecure, bogus or error is expected"}};
  const auto verdict = [](const char* action, const DaneReading& reading) {
    return Json{{"action", action}, {"usable", reading.usable}, {"matched", reading.matched}};
  };
  if (dnssec == "bogus" || dnssec == "error") return verdict("defer", {});
  const auto records = tlsa_records_of(line);
  if (dnssec != "secure" || records.empty()) return verdict("opportunistic", {});
  const auto said = line.value("now", std::string());
  const TimePoint now = parse_utc(said).value_or(SystemClock().now());
  const auto chain = chain_of(line);
  const ChainMatch seen = match_tlsa(records, chain, now);
  auto reading = read_dane(records, seen.matches, seen.leaf ? &*seen.leaf : nullptr, names_of(line));
  if (!line.at("starttls").get<bool>()) {
    reading.matched.clear();
    return verdict("fail", reading);
  }
  if (!reading.any_usable()) return verdict("encrypt", reading);
  return verdict(reading.authenticated() ? "authenticated" : "fail", reading);
}

/// RFC 7672 §2.2.2, §2.2.3: the first of the names to try that has secure records.
Json base_domain(const Json& line) {
  std::vector<AliasState> aliases;
  for (const auto& link : line.value("cname_chain", Json::array()))
    aliases.push_back({name_of(link.at("to").get<std::string>()), link.at("secure").get<bool>()});
  auto secure_at = line.at("secure_tlsa_at").get<std::vector<std::string>>();
  for (auto& at : secure_at)
    at = name_of(std::move(at));
  const auto port = line.value("port", std::uint16_t{25});
  for (const auto& base : tlsa_bases(name_of(line.at("mx_host").get<std::string>()), aliases,
                                     line.at("address_secure").get<bool>()))
    if (std::ranges::find(secure_at, tlsa_name(base, port)) != secure_at.end())
      return {{"base_domain", base}};
  return {{"base_domain", nullptr}};
}

}  // namespace

Json answer_tlsa(const Json& line) {
  const auto kind = line.at("kind").get<std::string>();
  if (kind == "connect") return connect(line);
  if (kind == "base_domain") return base_domain(line);
  if (kind != "presentation")
    return {{"error",
             "kind is \"" + printable(kind, 40) + "\": presentation, connect or base_domain is expected"}};
  const auto record = parse_tlsa(line.at("text").get<std::string>());
  return {{"parses", record.has_value()}, {"usable", record && is_usable(*record)}};
}

LintResult lint_tlsa_texts(const std::vector<std::string>& texts) {
  std::vector<TlsaRecord> records;
  std::vector<bool> usable;
  for (const std::string& text : texts)
    if (const auto record = parse_tlsa(text)) {
      records.push_back(*record);
      usable.push_back(is_usable(*record));
    }
  LintResult out;
  out.findings = lint_tlsa(records, SystemClock().now());
  const bool parses = records.size() == texts.size();
  const bool all_usable = std::ranges::find(usable, false) == usable.end();
  const bool clean = all_usable && std::ranges::all_of(out.findings, [](const Finding& f) {
                       return f.severity == Severity::info;
                     });
  out.grade = !parses ? LintGrade::invalid : clean ? LintGrade::valid : LintGrade::departures;
  Json findings = Json::array();
  for (const Finding& f : out.findings)
    findings.push_back(to_json(f));
  out.json = Json{{"parses", parses}, {"usable", usable}, {"findings", findings}}.dump();
  return out;
}

}  // namespace stswatch
