#include "agent/watch/clock_log.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace stswatch {
namespace {

constexpr const char* kClockTable = "clock";
constexpr const char* kRow = "last";

}  // namespace

void log_clocks(KeyValueStore& store, const Hands& hands, const std::string& boot_id) {
  const auto offset = hands.wall().time_since_epoch() - hands.boot();
  store.put(kClockTable, kRow, nlohmann::json{{"boot", boot_id}, {"offset_ms", offset.count()}}.dump());
}

std::optional<Seconds> jumped_since_logged(const KeyValueStore& store, const Hands& hands,
                                           const std::string& boot_id) {
  const auto rows = store.all(kClockTable);
  const auto row = rows.find(kRow);
  if (row == rows.end() || boot_id.empty()) return std::nullopt;
  const auto was = nlohmann::json::parse(row->second, nullptr, false);
  if (!was.is_object() || !was.contains("boot") || !was.contains("offset_ms")) return std::nullopt;
  const auto& offset = was["offset_ms"];
  if (was["boot"] != boot_id || !offset.is_number_integer()) return std::nullopt;
  const Millis by = hands.wall().time_since_epoch() - hands.boot() - Millis{offset.get<std::int64_t>()};
  if (std::chrono::abs(by) <= kClockStep) return std::nullopt;
  return std::chrono::round<Seconds>(by);
}

std::string this_boot() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

}  // namespace stswatch
