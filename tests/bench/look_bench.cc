// What a look costs once its facts are there: memory and judge, no network and no disk. Counts of the costly
// steps and CPU a look, in steady state.
//   stswatch_look_bench LOOKS
#include <ctime>
#include <iomanip>
#include <iostream>

#include "tests/judge/call_counts.h"
#include "tests/remember/timeline.h"

namespace stswatch::bench {
namespace {

double cpu_microseconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

template <class Look>
void measure(const char* what, int looks, Look look) {
  facts::call_counts = {};
  const auto before = cpu_microseconds();
  for (int n = 0; n < looks; ++n)
    look();
  const auto spent = cpu_microseconds() - before;
  const auto each = [&](int count) { return static_cast<double>(count) / looks; };
  const auto& c = facts::call_counts;
  std::cout << "| " << what << " | " << std::fixed << std::setprecision(1) << each(c.cases) << " | "
            << each(c.judgements) << " | " << each(c.simulations) << " | " << each(c.parses) << " | "
            << std::setprecision(0) << spent / looks << " |" << std::endl;
}

int run(int looks) {
  facts::Timeline t;
  t.run(facts::days(15));  // a history as a domain has it
  std::cout << "| look | cases | judgements | simulations | policies parsed | CPU µs |\n"
               "|---|---:|---:|---:|---:|---:|\n";
  JudgeInputs around{t.look.mx, t.look.mx, t.hosts, t.look.vantage, t.look.limits};
  const auto domain = [&](bool fetched) {
    t.look.domain.at += Seconds{300};
    auto seen = t.look.domain;
    if (!fetched) seen.fetches.clear();
    t.record = after_look(t.record.get(), seen, fetched, around).record;
  };
  measure("domain, with a fetch", looks, [&] { domain(true); });
  measure("domain, names only", looks, [&] { domain(false); });
  measure("MX host, for each of its domains", looks, [&] {
    t.look.domain.at += Seconds{300};
    t.record = after_mx_look(*t.record, std::string(facts::kMx1), true, t.look.domain.at, around).record;
  });
  return 0;
}

}  // namespace
}  // namespace stswatch::bench

int main(int argc, char** argv) {
  if (argc != 2) return std::cerr << "usage: stswatch_look_bench LOOKS\n", 64;
  return stswatch::bench::run(std::atoi(argv[1]));
}
