#include "agent/watch/schedule.h"

#include <doctest/doctest.h>

using namespace stswatch;

using Names = MxUsers::Names;

TEST_CASE("a host is in use as long as any domain uses it") {
  MxUsers users;
  CHECK(users.set("a.example", {"mx1", "mx2"}).empty());
  CHECK(users.set("b.example", {"mx2", "mx3"}).empty());
  CHECK(users.domains_of("mx2") == Names{"a.example", "b.example"});
  CHECK(users.set("a.example", {"mx4"}) == std::vector<std::string>{"mx1"});
  CHECK(users.hosts_of("a.example") == Names{"mx4"});
  CHECK(users.set("b.example", {}) == std::vector<std::string>{"mx2", "mx3"});
  CHECK(users.hosts_of("b.example").empty());
  CHECK(users.domains_by_host().size() == 1);
}

TEST_CASE("the same hosts again change nothing") {
  MxUsers users;
  users.set("a.example", {"mx1"});
  CHECK(users.set("a.example", {"mx1"}).empty());
  CHECK(users.domains_of("mx1") == Names{"a.example"});
}

TEST_CASE("who never came may leave") {
  MxUsers users;
  CHECK(users.set("a.example", {}).empty());
  CHECK(users.domains_of("mx1").empty());
}
