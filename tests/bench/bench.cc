// What a look costs, beside a bare verified handshake with the same server. tests/bench/run starts this in
// the lab.
//   stswatch_bench once KIND N …            N looks of one kind: for callgrind
//   stswatch_bench interleaved ROUNDS N …   rounds of N looks of each kind in turn: CPU, as JSON
#include <time.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "checks/observe/observer.h"
#include "tests/bench/floor.h"

namespace stswatch::bench {
namespace {

struct Lab {
  std::string ca_file, resolver, domain, policy_address, mx_host, mx_address;
};

template <class T>
T must(tl::expected<T, std::string> made) {
  if (!made) throw std::runtime_error(made.error());
  return std::move(*made);
}

template <class T>
T must(std::optional<T> made, const char* what) {
  if (!made) throw std::runtime_error(what);
  return std::move(*made);
}

/// The kinds of look, each checked to be one that succeeds.
class Looks {
 public:
  explicit Looks(const Lab& lab)
      : floor_(lab.ca_file),
        trust_(must(TrustStore::load(lab.ca_file))),
        resolver_(must(make_resolver({.servers = {lab.resolver}}))),
        observer_(*resolver_, trust_, {.https = {}, .smtp = {}, .allow_private = true}),
        domain_(must(Domain::parse(lab.domain))),
        policy_address_(must(Address::parse(lab.policy_address), "not an address: policy host")),
        mx_host_(lab.mx_host),
        mx_address_(must(Address::parse(lab.mx_address), "not an address: MX host")) {}

  std::map<std::string, std::function<void()>> all() {
    return {{"floor", [this] { floor_.handshake(policy_address_, domain_.policy_host()); }},
            {"fetch", [this] { fetch(); }},
            {"starttls", [this] { starttls(); }},
            {"dns", [this] { dns(); }}};
  }

  std::size_t roots() const { return trust_->size(); }

 private:
  static Deadline soon() { return Deadline::in(Millis{30'000}); }
  static TimePoint now() { return std::chrono::floor<Seconds>(std::chrono::system_clock::now()); }

  void fetch() {
    const auto seen = fetch_policy(domain_, policy_address_, *trust_, {}, now(), soon());
    if (seen.failure || seen.status != 200 || seen.body.empty())
      throw std::runtime_error("a policy fetch failed");
  }

  void starttls() {
    const auto seen = probe_smtp(mx_host_, mx_address_, *trust_, {}, now(), soon());
    if (seen.failure || !seen.tls.peer || !seen.tls.peer->good())
      throw std::runtime_error("an SMTP probe failed");
  }

  void dns() {
    const auto seen = observer_.look_at_names(domain_, now(), soon());
    if (seen.sts.lookup != Lookup::found || seen.policy_host.all().empty())
      throw std::runtime_error("a DNS look failed");
  }

  Floor floor_;
  std::shared_ptr<const TrustStore> trust_;
  std::unique_ptr<Resolver> resolver_;
  Observer observer_;
  Domain domain_;
  Address policy_address_;
  std::string mx_host_;
  Address mx_address_;
};

double cpu_microseconds() {
  timespec spent{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e6 + static_cast<double>(spent.tv_nsec) / 1e3;
}

double cost_of(const std::function<void()>& look, int count) {
  const double before = cpu_microseconds();
  for (int i = 0; i < count; ++i)
    look();
  return (cpu_microseconds() - before) / count;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

/// A machine's speed drifts by the minute: each ratio is of two costs measured within one short round.
void interleaved(Looks& looks, int rounds, int count) {
  const auto kinds = looks.all();
  std::map<std::string, std::vector<double>> microseconds, ratios;
  for (int round = 0; round < rounds; ++round) {
    std::map<std::string, double> costs;
    for (const auto& [kind, look] : kinds)
      costs[kind] = cost_of(look, count);
    for (const auto& [kind, cost] : costs) {
      microseconds[kind].push_back(cost);
      ratios[kind].push_back(cost / costs["floor"]);
    }
  }
  nlohmann::json out = {{"roots", looks.roots()}};
  for (const auto& [kind, costs] : microseconds)
    out["kinds"][kind] = {{"microseconds", median(costs)}, {"ratio", median(ratios[kind])}};
  std::cout << out.dump() << "\n";
}

int main(const std::vector<std::string>& words) {
  if (words.size() != 9 || (words[0] != "once" && words[0] != "interleaved"))
    throw std::runtime_error(
        "stswatch_bench once KIND N | interleaved ROUNDS N, then CA-FILE RESOLVER DOMAIN POLICY-ADDRESS "
        "MX-HOST "
        "MX-ADDRESS");
  Looks looks({words[3], words[4], words[5], words[6], words[7], words[8]});
  const int count = std::stoi(words[2]);
  if (words[0] == "interleaved") {
    interleaved(looks, std::stoi(words[1]), count);
    return 0;
  }
  const auto look = looks.all().at(words[1]);
  for (int i = 0; i < count; ++i)
    look();
  return 0;
}

}  // namespace
}  // namespace stswatch::bench

int main(int argc, char** argv) {
  try {
    return stswatch::bench::main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "stswatch_bench: " << error.what() << "\n";
    return 1;
  }
}
