#include "agent/mx_desk.h"

#include <doctest/doctest.h>

#include "tests/agent/manual_clock.h"
#include "tests/observe/table_resolver.h"

using namespace stswatch;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kNow{Seconds{1'800'000'000}};

/// A desk whose hosts do not exist: every look ends at the resolver.
struct Office {
  Office() {
    auto table = std::make_unique<TableResolver>();
    resolver = table.get();
    outlook.resolver = std::move(table);
    outlook.observer = std::make_unique<Observer>(*resolver, *TrustStore::load(""), ObserveOptions{});
    outlook.vantage = std::make_shared<VantageWatch>(false, false);
    outlook.canaries =
        std::make_unique<Canaries>(std::vector<std::string>{}, *outlook.observer, *outlook.vantage);
  }

  std::size_t asked() const { return resolver->batches.size(); }

  TableResolver* resolver;
  Outlook outlook;
  ManualClock clock{kNow};
  Cancel cancel;
};

std::string host(std::size_t number) { return "mx" + std::to_string(number) + ".example"; }

}  // namespace

TEST_CASE("a host is looked at once, however many domains ask for it") {
  Office office;
  MxDesk desk(office.outlook, office.clock, 5s, office.cancel, 4);
  const auto first = desk.look_at(host(1));
  const auto again = desk.look_at(host(1));
  CHECK(first.get() == again.get());
  CHECK(first.get()->host == host(1));
  CHECK(desk.look_at(host(2)).get()->host == host(2));
  CHECK(office.asked() == 2);
}

TEST_CASE("looks are kept for the hosts asked for of late only") {
  Office office;
  MxDesk desk(office.outlook, office.clock, 5s, office.cancel, 4);
  const auto first = desk.look_at(host(0)).get();
  for (std::size_t i = 1; i < MxDesk::kKept; ++i)
    desk.look_at(host(i)).get();
  CHECK(desk.look_at(host(0)).get() == first);  // the oldest, and now the newest
  desk.look_at(host(MxDesk::kKept)).get();
  CHECK(desk.look_at(host(0)).get() == first);
  const auto before = office.asked();
  desk.look_at(host(1)).get();  // forgotten
  CHECK(office.asked() == before + 1);
}

TEST_CASE("a desk that closes ends what is still waiting") {
  Office office;
  std::vector<MxDesk::Look> looks;
  {
    MxDesk desk(office.outlook, office.clock, 5s, office.cancel, 1);
    for (std::size_t i = 0; i < 50; ++i)
      looks.push_back(desk.look_at(host(i)));
    office.cancel.cancel();
  }
  for (const auto& look : looks)
    CHECK(look.wait_for(0s) ==
          std::future_status::ready);  // a look, or a broken promise: never a wait for ever
}
