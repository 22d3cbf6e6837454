#include "agent/tell/process_metrics.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <string>

#include "agent/tell/metrics.h"

using namespace stswatch;

namespace {

std::map<std::string, double> values() {
  std::map<std::string, double> out;
  for (const auto& family : ProcessCollectable().Collect()) {
    REQUIRE(family.metric.size() == 1);
    const bool counter = family.type == prometheus::MetricType::Counter;
    CHECK(counter == family.name.ends_with("_total"));
    out[family.name] = counter ? family.metric[0].counter.value : family.metric[0].gauge.value;
  }
  return out;
}

}  // namespace

TEST_CASE("the figures of a process are read from proc(5), whatever it is called") {
  const std::string fields =
      " S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 12 0 50000 104857600 2560 18446744073709551615 1 1";
  for (const std::string name : {"(stswatch)", "(a b) c)", "(1 2 3)"}) {
    const auto read = parse_process_stat("77 " + name + fields, 100, 4096);
    REQUIRE(read);
    CHECK(read->cpu_seconds == 4.0);
    CHECK(read->threads == 12);
    CHECK(read->start_after_boot == 500);
    CHECK(read->virtual_bytes == 104857600);
    CHECK(read->resident_bytes == 2560 * 4096);
  }
  for (const std::string none :
       {"", "77 (a", "77 (a) S 1 2", "77 (a) S 1 2 3 4 5 6 7 8 9 10 x 1 1 1 1 1 1 1 1 1 1"})
    CHECK_FALSE(parse_process_stat(none, 100, 4096));
}

TEST_CASE("a process tells of itself what Prometheus' clients do") {
  const auto before = values();
  CHECK(before.size() == 8);
  CHECK(before.at("process_resident_memory_bytes") > 1e6);
  CHECK(before.at("process_virtual_memory_bytes") >= before.at("process_resident_memory_bytes"));
  CHECK(before.at("process_threads") >= 1);
  CHECK(before.at("process_max_fds") >= before.at("process_open_fds"));
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(before.at("process_start_time_seconds") <= now + 1);
  CHECK(before.at("process_start_time_seconds") > now - 3600);
  const int one = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(values().at("process_open_fds") == before.at("process_open_fds") + 1);
  ::close(one);
}
