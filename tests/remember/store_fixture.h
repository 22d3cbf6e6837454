// A folder for one test's store, and records compared. Nothing here is under test.
#pragma once

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <set>

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

  /// A store that is no longer there before its test ends is a file; with STSWATCH_TEST_POSTGRES (the address
  /// of a server, "postgresql:///%?host=…" with the database's place) each name is a database of its own.
  std::string operator/(const std::string& name) const {
    const char* server = std::getenv("STSWATCH_TEST_POSTGRES");
    if (server == nullptr) return path_ / name;
    std::string database = "t" + std::to_string(getpid()) + path_.filename().string() + name;
    for (char& c : database)
      c = std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(c)) : '_';
    if (made_.insert(database).second) {
      const auto make = "createdb -T template0 -E UTF8 " + database;  // where PGHOST says
      REQUIRE(std::system(make.c_str()) == 0);
    }
    std::string url = server;
    return url.replace(url.find('%'), 1, database);
  }

 private:
  std::filesystem::path path_;
  mutable std::set<std::string> made_;
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
  if (auto* fleet = (*store)->fleet()) {  // the only agent takes all
    std::promise<void> gained;
    fleet->start(
        {.gained =
             [&, fleet, once = false](const auto&) mutable {
               for (Shard shard = 0; shard <= kShards; ++shard)
                 if (!fleet->leases().holds(shard)) return;
               if (!std::exchange(once, true)) gained.set_value();
             },
         .lost = [](const auto&) {},
         .news = [](const auto&) {},
         .trouble =
             [](const auto& trouble) { MESSAGE("the fleet: ", trouble); }});  // says why, if it matters
    gained.get_future().wait();
  }
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
