// A program of the operator's, run without a shell, within a time and a size, and with nothing left of it
// afterwards, whatever it started in its process group. Thread-safe; keeps no state.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch {

struct ProgramRun {
  std::vector<std::string> words;     // the program (looked for in PATH where it has no slash), its arguments
  std::string folder{};               // where it runs; empty: here
  std::vector<std::string> around{};  // its environment; empty: ours, without the line to the service manager
  std::string_view input{};           // what it reads; empty: /dev/null
  std::chrono::milliseconds patience{30'000};
  std::size_t output = std::size_t{64} << 20;  // octets of what it prints; more ends it
  std::stop_token stop{};
};

struct ProgramEnd {
  enum class How { ended, late, stopped, flooded };  // all but the first: it was killed
  How how = How::ended;
  std::optional<int> status{};  // as wait() has it; null: not known
  std::string out{}, err{};     // of stderr the first 4,096 octets
  bool took_input = true;       // all of it was read, or at least is in its hands

  bool good() const;
  /// "exit code 1", "killed by signal 9", with what it wrote to stderr.
  std::string str() const;
};

/// The error says why it could not be run.
tl::expected<ProgramEnd, std::string> run_program(const ProgramRun& run);

/// What it prints when it ends well; the error says how it ended otherwise.
tl::expected<std::string, std::string> output_of(const ProgramRun& run);

/// Whether there is such a program to run; the error says what is missing.
tl::expected<void, std::string> find_program(const std::string& word, const std::string& folder);

}  // namespace stswatch
