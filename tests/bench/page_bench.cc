// What a page costs the server: the agent's own HTTP server over a memory of so many judged domains, asked
// over loopback, the snapshot taken anew for each request as the service does.
//   stswatch_page_bench DOMAINS REQUESTS
#include <httplib.h>
#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>

#include "agent/tell/http.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// One in ten has a mail host whose certificate has expired, one in ten no policy, the others are sound.
std::shared_ptr<DomainMemory> record(int n) {
  auto look = facts::base();
  const auto name = *Domain::parse("d" + std::to_string(n) + ".example");
  look.domain.domain = name;
  if (n % 10 == 1) look.domain.fetches.clear();
  if (n % 10 == 2) {
    auto expired = *look.mx.at(std::string(facts::kMx1));
    for (auto& probe : expired.probes)
      probe.tls.peer.change().leaf.not_after = facts::kNow - Seconds(60);
    look.mx[std::string(facts::kMx1)] = std::make_shared<MxHostObservation>(expired);
  }
  auto verdict = judge(look.domain, look.mx, look.vantage, look.limits);
  auto out = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain), verdict);
  for (const auto part : kParts)
    out->times[part] = {facts::kNow, facts::kNow};
  for (const auto& f : verdict.findings)
    out->incidents.push_back({f, facts::kNow, facts::kNow});
  return out;
}

class Watched {
 public:
  explicit Watched(int domains) : memory_(make_ram_memory()) {
    for (int n = 0; n < domains; ++n) {
      auto one = record(n);
      names_.push_back(one->known->domain);
      memory_->remember(std::move(one), nullptr, {});
    }
  }

  Snapshot snapshot() const {
    Snapshot s;
    s.now = facts::kNow;
    for (const auto& name : names_)
      s.domains.push_back(memory_->domain(name));
    return s;
  }

 private:
  std::unique_ptr<Memory> memory_;
  std::vector<Domain> names_;
};

void measure(httplib::Client& client, const std::string& path, int requests) {
  std::vector<double> took;
  std::size_t octets = 0;
  for (int n = 0; n < requests; ++n) {
    const auto began = Clock::now();
    const auto answer = client.Get(path.c_str());
    took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - began).count());
    if (!answer || answer->status != 200) {
      std::cerr << path << " is not answered\n";
      std::exit(1);
    }
    octets = answer->body.size();
  }
  std::ranges::sort(took);
  std::cout << "| `" << path << "` | " << std::fixed << std::setprecision(1) << took[took.size() / 2] << " | "
            << took.back() << " | " << octets / 1024 << " |\n";
}

}  // namespace

int run(int domains, int requests) {
  const Watched watched(domains);
  HttpParts parts;
  parts.gate = [] { return nullptr; };
  parts.snapshot = [&] { return watched.snapshot(); };
  const auto server = serve_http("127.0.0.1", 0, std::move(parts));
  if (!server) {
    std::cerr << server.error() << "\n";
    return 1;
  }
  httplib::Client client("127.0.0.1", (*server)->port());
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  std::cout << domains << " domains, " << requests << " requests each, over loopback.\n\n"
            << "| page | median ms | longest ms | KiB |\n|---|---:|---:|---:|\n";
  for (const char* path : {"/", "/?sort=name&page=50", "/?q=certificate-expired", "/?status=ok&sort=breakage",
                           "/domain/d4242.example", "/api/v1/domains/d4242.example", "/api/v1/domains"})
    measure(client, path, requests);
  return 0;
}

}  // namespace stswatch::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "stswatch_page_bench DOMAINS REQUESTS\n";
    return 64;
  }
  return stswatch::bench::run(std::atoi(argv[1]), std::atoi(argv[2]));
}
