#include "agent/watch/mx_probe_pool.h"

#include <doctest/doctest.h>

#include "tests/agent/manual_clock.h"
#include "tests/observe/table_resolver.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

/// A pool whose hosts do not exist: every look ends at the resolver.
struct Office {
  Office() {
    auto table = std::make_unique<TableResolver>();
    resolver = table.get();
    probes.resolver = std::move(table);
    probes.observer = std::make_unique<Observer>(*resolver, *TrustStore::load(""), ObserveOptions{});
    probes.vantage = std::make_shared<VantageWatch>(false, false);
    probes.canaries =
        std::make_unique<Canaries>(std::vector<std::string>{}, *probes.observer, *probes.vantage);
  }

  std::size_t asked() const { return resolver->batches.size(); }

  TableResolver* resolver;
  Probes probes;
  ManualClock clock{kStart};
  Cancel cancel;
};

std::string host(std::size_t number) { return "mx" + std::to_string(number) + ".example"; }

}  // namespace

TEST_CASE("a host is looked at once, however many domains ask for it") {
  Office office;
  MxProbePool dispatcher(office.probes, office.clock, 5s, office.cancel, 4);
  const auto first = dispatcher.look_at(host(1));
  const auto again = dispatcher.look_at(host(1));
  CHECK(first.get() == again.get());
  CHECK(first.get()->host == host(1));
  CHECK(dispatcher.look_at(host(2)).get()->host == host(2));
  CHECK(office.asked() == 2);
}

TEST_CASE("looks are kept for the hosts asked for of late only") {
  Office office;
  MxProbePool dispatcher(office.probes, office.clock, 5s, office.cancel, 4);
  const auto first = dispatcher.look_at(host(0)).get();
  for (std::size_t i = 1; i < MxProbePool::kKept; ++i)
    dispatcher.look_at(host(i)).get();
  CHECK(dispatcher.look_at(host(0)).get() == first);  // the oldest, and now the newest
  dispatcher.look_at(host(MxProbePool::kKept)).get();
  CHECK(dispatcher.look_at(host(0)).get() == first);
  const auto before = office.asked();
  dispatcher.look_at(host(1)).get();  // forgotten
  CHECK(office.asked() == before + 1);
}

TEST_CASE("a desk that closes ends what is still waiting") {
  Office office;
  std::vector<MxProbePool::Look> looks;
  {
    MxProbePool dispatcher(office.probes, office.clock, 5s, office.cancel, 1);
    for (std::size_t i = 0; i < 50; ++i)
      looks.push_back(dispatcher.look_at(host(i)));
    office.cancel.cancel();
  }
  for (const auto& look : looks)
    CHECK(look.wait_for(0s) ==
          std::future_status::ready);  // a look, or a broken promise: never a wait for ever
}
