// lint: judge a text without any network; for people, as one JSON document, or line by line.
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agent/commands.h"
#include "agent/lint_batch.h"

namespace stswatch {
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

tl::expected<std::string, std::string> read_text(const std::string& path, std::istream& in) {
  std::ostringstream text;
  if (path == "-") {
    text << in.rdbuf();
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file)
      return tl::make_unexpected(path + " cannot be read: name a readable file, or - for standard input");
    text << file.rdbuf();
  }
  if (text.str().size() > kText)
    return tl::make_unexpected(path + " is larger than 1 MiB: no sender reads a policy of that size");
  return text.str();
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
  if (command.kind == "mx") {
    if (command.arguments.size() < 2)
      return tl::make_unexpected(
          std::string("lint mx needs a host and at least one pattern: lint mx HOST PATTERN..."));
    return lint_mx_host(command.arguments[0], {command.arguments.begin() + 1, command.arguments.end()});
  }
  if (command.kind == "policy-fetch")
    return tl::make_unexpected(std::string("lint policy-fetch reads JSON lines only: add --batch"));
  if (command.arguments.size() != 1)
    return tl::make_unexpected(std::string("lint policy takes one file: lint policy FILE|- [--mx HOST]..."));
  const auto body = read_text(command.arguments[0], io.in);
  if (!body) return tl::make_unexpected(body.error());
  return lint_policy_body(*body, command.mx);
}

void print(const LintResult& result, const LintCommand& command, std::ostream& out) {
  if (command.kind == "mx") {
    out << (result.grade == LintGrade::valid ? "match" : "no match") << "\n";
    return;
  }
  constexpr std::array words{"valid", "valid, with departures", "invalid"};
  out << command.kind << ": " << words[static_cast<std::size_t>(result.grade)] << "\n";
  for (const auto& f : result.findings) {
    const auto* entry = find_in_catalogue(f.code);
    out << "  " << to_string(f.severity) << "  " << (entry != nullptr ? entry->title : "") << "  [" << f.code
        << "]\n      " << f.detail << "\n      Fix: " << f.fix << " (" << f.reference << ")\n";
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

}  // namespace stswatch
