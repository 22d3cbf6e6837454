// A folder for one test's store, and records compared. Nothing here is under test.
#pragma once

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/remember/store.h"

namespace stswatch {

class StoreFolder {
 public:
  StoreFolder() {
    std::string name = std::filesystem::temp_directory_path() / "stswatch-store-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~StoreFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  StoreFolder(const StoreFolder&) = delete;
  StoreFolder& operator=(const StoreFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_content(const std::string& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

inline constexpr TimePoint kStart{std::chrono::sys_days{std::chrono::year{2026} / 12 / 1}};

inline std::unique_ptr<Store> opened(const std::string& state, StoreOptions options = {}) {
  if (!options.now) options.now = [] { return kStart; };
  auto store = open_store(state, std::move(options));
  REQUIRE_MESSAGE(store.has_value(), store.error());
  return std::move(*store);
}

/// Why it cannot be opened.
inline std::string refusal(const std::string& state) {
  const auto store = open_store(state, {.now = [] { return kStart; }});
  return store ? "opened" : store.error();
}

inline void check_same(const DomainMemory& is, const DomainMemory& was) {
  CHECK(*is.known == *was.known);
  CHECK(*is.confirmed == *was.confirmed);
  CHECK(is.debounces == was.debounces);
  CHECK(is.past == was.past);
  CHECK(is.incidents == was.incidents);
  CHECK(is.times == was.times);
  CHECK(is.policy_fetched == was.policy_fetched);
  CHECK(is.policy_last_success == was.policy_last_success);
}

inline void check_same(const MxMemory& is, const MxMemory& was) {
  CHECK(*is.known == *was.known);
  CHECK(*is.confirmed == *was.confirmed);
  CHECK(is.debounces == was.debounces);
  CHECK(*is.past == *was.past);
  CHECK(is.times == was.times);
}

inline constexpr Millis kPatience{60'000};

}  // namespace stswatch
