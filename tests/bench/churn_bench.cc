// What a domain costs that is never at rest: at each look a new id and a new policy of 64 KB. Prints, as it
// goes on, what the process holds, what a judgement and a look cost, the page and the API, and the store's
// file.
//   stswatch_churn_bench LOOKS FILE
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>

#include "agent/remember/store.h"
#include "agent/tell/http.h"
#include "agent/tell/pages.h"
#include "tests/remember/timeline.h"

namespace stswatch::bench {
namespace {

constexpr Millis kPatience{600'000};
constexpr int kRows = 8, kTimes = 20;

double cpu_ms() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

double resident_mib() {
  std::ifstream in("/proc/self/statm");
  long size = 0, resident = 0;
  in >> size >> resident;
  return static_cast<double>(resident * ::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

template <class Work>
double ms_of(Work work) {
  const double before = cpu_ms();
  for (int i = 0; i < kTimes; ++i)
    work();
  return (cpu_ms() - before) / kTimes;
}

std::string big(int number) {
  std::string body = facts::policy({facts::kMx1, facts::kMx2}, "enforce", std::to_string(2592000 + number));
  for (int i = 0; body.size() < 63'000; ++i)
    body += "mx: r" + std::to_string(number * 7919L) + "x" + std::to_string(i) + ".elsewhere.example\n";
  return body;
}

class Churn {
 public:
  explicit Churn(Store& store) : store_(store) { t_.look.limits.grain = Seconds{510}; }

  TimePoint now() const { return t_.now(); }

  void look(int number) {
    t_.id("N" + std::to_string(number));
    t_.look.set_fetches({facts::fetch(facts::kWeb, big(number))});
    const double before = cpu_ms();
    t_.see();
    looks_ += cpu_ms() - before;
    ++looked_;
    const auto told = std::exchange(t_.told, {});
    store_.remember(t_.record, std::make_shared<DomainObservation>(t_.look.domain), told);
    t_.wait(Seconds{300});
  }

  void row(int number, const std::string& file) {
    const History history{&t_.record->past, t_.hosts};
    const auto judged = ms_of(
        [&] { (void)judge(*t_.record->confirmed, t_.look.mx, t_.look.vantage, t_.look.limits, history); });
    Snapshot s;
    s.now = now();
    s.domains.push_back(t_.record);
    std::size_t page = 0, api = 0;
    const auto paged = ms_of([&] { page = page_of_domain(s, "example.com", {})->size(); });
    api = api_domain(s, "example.com")->size();
    (void)store_.flush(kPatience);
    std::cout << "| " << number << " | " << t_.record->past.policies.size() << " | " << resident_mib()
              << " | " << judged << " | " << looks_ / looked_ << " | " << page / 1024 << " | " << paged
              << " | " << api / 1024 << " | "
              << static_cast<double>(std::filesystem::file_size(file)) / (1 << 20) << " |" << std::endl;
    looks_ = 0;
    looked_ = 0;
  }

 private:
  facts::Timeline t_;
  Store& store_;
  double looks_ = 0;
  int looked_ = 0;
};

int run(int looks, const std::string& file) {
  TimePoint now = facts::kNow;
  auto store = open_store(file, {.now = [&] { return now; }});
  if (!store) return std::cerr << store.error() << "\n", 1;
  Churn churn(**store);
  std::cout << "| looks | policies kept | resident, MiB | judgement, ms | look, ms | page, KiB | page, ms | "
               "API, KiB | "
               "store, MiB |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
            << std::fixed << std::setprecision(1);
  for (int n = 1; n <= looks; ++n) {
    churn.look(n);
    now = churn.now();
    if (n % std::max(1, looks / kRows) == 0) churn.row(n, file);
  }
  return (*store)->stop() ? 0 : 1;
}

}  // namespace
}  // namespace stswatch::bench

int main(int argc, char** argv) {
  if (argc != 3) return std::cerr << "usage: stswatch_churn_bench LOOKS FILE\n", 64;
  return stswatch::bench::run(std::atoi(argv[1]), argv[2]);
}
