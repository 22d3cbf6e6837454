#include "checks/observe/dns/source.h"

#include <doctest/doctest.h>

#include <set>

#include "checks/facts/bounds.h"
#include "tests/observe/dns_tree.h"

using namespace std::chrono_literals;

namespace stswatch {
namespace {

using dns::Source;
using testing::authoritative;
using testing::Bytes;
using testing::DnsServer;
using testing::error;
using testing::kAuthoritative;
using testing::Packet;
using testing::Received;
using testing::refer;
using testing::Tree;
using testing::txt;

}  // namespace

TEST_CASE("the parent names the servers, and each is asked by itself") {
  Tree tree(txt("v=STSv1; id=1;"), txt("v=STSv1; id=1;"));
  const auto answer = tree.ask();
  REQUIRE(answer.replies.size() == 2);
  CHECK(answer.answered());
  CHECK_FALSE(answer.zone_at_fault());
  CHECK_FALSE(answer.differs());
  CHECK(answer.replies[0].server == "ns1.example.test");
  CHECK(answer.replies[0].address.str() == "127.0.0.2");
  CHECK(answer.replies[0].records == std::vector<std::string>{"v=STSv1; id=1;"});
  CHECK(answer.replies[0].ttl == 60);
}

TEST_CASE("one server is enough for one question, and the way is remembered") {
  Tree tree(txt("a"), txt("a"));
  CHECK(tree.ask(Source::Ask::one).replies.size() == 1);
  CHECK(tree.ask(Source::Ask::one).replies.size() == 1);
  CHECK(tree.parent.asked() == 1);
  CHECK(tree.first.asked() == 2);
  CHECK(tree.second.asked() == 0);
}

TEST_CASE("every server refuses: the zone is at fault (RULES 5.8)") {
  Tree tree(error(5), error(2));
  const auto answer = tree.ask();
  CHECK(answer.zone_at_fault());
  CHECK_FALSE(answer.answered());
  CHECK(answer.str() == "ns1.example.test 127.0.0.2: REFUSED; ns2.example.test 127.0.0.3: SERVFAIL");
}

TEST_CASE("a server that points aside does not serve the zone: lame") {
  const auto up = [](const Received& query) { return refer(query, "test", {{"ns.test", 1}}); };
  const auto self = [](const Received& query) { return refer(query, "example.test", {{"ns.test", 1}}); };
  Tree tree(up, self);
  const auto answer = tree.ask();
  CHECK(answer.zone_at_fault());
  CHECK(answer.replies.at(0).said == SourceSaid::lame);
  CHECK(answer.replies.at(0).detail == "refers to test");
}

TEST_CASE("silence proves nothing, beside a refusal neither") {
  SUBCASE("all are silent") {
    Tree tree(testing::silence, testing::silence);
    const auto answer = tree.ask();
    CHECK_FALSE(answer.answered());
    CHECK_FALSE(answer.zone_at_fault());
    CHECK(answer.replies.at(0).detail == "no answer within 2 s");
  }
  SUBCASE("one is") {
    Tree tree(error(5), testing::silence);
    CHECK_FALSE(tree.ask().zone_at_fault());
  }
  SUBCASE("one answers: whatever the other says, the zone can be resolved") {
    Tree tree(error(5), txt("a"));
    const auto answer = tree.ask();
    CHECK(answer.answered());
    CHECK_FALSE(answer.zone_at_fault());
  }
}

TEST_CASE("servers that differ tell the version of the zone that they hold") {
  SUBCASE("a transfer is on its way") {
    Tree tree(txt("v=STSv1; id=2;", 8), txt("v=STSv1; id=1;", 7));
    const auto answer = tree.ask();
    CHECK(answer.differs());
    CHECK_FALSE(answer.differs_at_one_serial());
    CHECK(answer.replies.at(0).serial == 8);
    CHECK(answer.replies.at(1).serial == 7);
    CHECK(answer.refresh == 3600);
  }
  SUBCASE("no transfer will mend that") {
    Tree tree(txt("v=STSv1; id=2;", 7), txt("v=STSv1; id=1;", 7));
    CHECK(tree.ask().differs_at_one_serial());
  }
}

TEST_CASE("a refusal by those whom the parent did not name proves nothing") {
  TableResolver resolver;
  DnsServer server(error(5));
  resolver.ns("example.test", {"ns.example.test"});
  resolver.addresses("ns.example.test", RecordType::a, {"127.0.0.1"});
  Source source(resolver, {.allow_private = true, .port = server.port(), .timeout = 2s});
  const auto answer =
      source.ask("example.test", {"example.test", RecordType::mx}, Source::Ask::all, Deadline::in(20s));
  CHECK_FALSE(answer.zone_at_fault());
  CHECK(answer.trouble == "the parent zone does not say who serves this one");
}

TEST_CASE("the resolver answers for no ancestor: nobody is asked") {
  TableResolver resolver;
  resolver.answers_nothing = true;
  Source source(resolver, {.allow_private = true});
  const auto answer =
      source.ask("example.test", {"example.test", RecordType::mx}, Source::Ask::all, Deadline::in(20s));
  CHECK(Source::resolver_dead(answer));
  CHECK(answer.replies.empty());
}

TEST_CASE("of a zone with twenty servers a dozen are asked") {
  TableResolver resolver;
  const DnsServer parent([](const Received& query) {
    std::vector<std::pair<std::string, unsigned>> servers;
    for (unsigned n = 0; n < 20; ++n)
      servers.emplace_back("ns" + std::to_string(n) + ".example.test", 100 + n);
    return refer(query, "example.test", servers);
  });
  resolver.unknown<NsAnswer>("example.test", RecordType::ns);
  resolver.ns("test", {"ns.test"});
  resolver.addresses("ns.test", RecordType::a, {"127.0.0.1"});
  // Nobody listens at their addresses: each says so at once, or after the timeout.
  Source source(resolver, {.allow_private = true, .ipv6 = false, .port = parent.port(), .timeout = 200ms});
  const auto answer =
      source.ask("example.test", {"example.test", RecordType::mx}, Source::Ask::all, Deadline::in(30s));
  CHECK(answer.replies.size() == bounds::kSourceServers);
}

TEST_CASE("private addresses are asked only where that is allowed") {
  TableResolver resolver;
  DnsServer server(txt("a"));
  resolver.ns("test", {"ns.test"});
  resolver.addresses("ns.test", RecordType::a, {"127.0.0.1"});
  Source source(resolver, {.port = server.port(), .timeout = 2s});
  const auto answer = source.ask("test", {"test", RecordType::txt}, Source::Ask::all, Deadline::in(20s));
  CHECK(server.asked() == 0);
  CHECK(answer.trouble == "no server of test can be asked from here");
}

TEST_CASE("a cut answer is fetched over TCP, a mangled case too, a forged one is passed over") {
  const auto whole = txt("whole");
  const auto over_tcp = [whole](auto by_udp) {
    return [whole, by_udp](const Received& query) {
      return query.tcp ? whole(query) : std::vector<Bytes>{by_udp(query)};
    };
  };
  SUBCASE("TC") {
    const auto cut = over_tcp([](const Received& query) { return authoritative(query).tc().octets(); });
    Tree tree(cut, cut);
    CHECK(tree.ask().replies.at(1).records == std::vector<std::string>{"whole"});
  }
  SUBCASE("another case than was asked in") {
    const auto lower = over_tcp([](const Received& query) {
      Packet packet("_mta-sts.example.test", query.type());
      packet.id = query.id();
      packet.flags = kAuthoritative;
      return packet.with("_mta-sts.example.test", testing::kTxt, 60, testing::rd_txt({"forged"})).octets();
    });
    Tree tree(lower, lower);
    CHECK(tree.ask().replies.at(0).records == std::vector<std::string>{"whole"});
  }
  SUBCASE("a wrong id, and an answer to another question") {
    const auto noisy = [whole](const Received& query) {
      Packet wrong = authoritative(query).with(query.name(), testing::kTxt, 60, testing::rd_txt({"forged"}));
      wrong.id ^= 1;
      Packet other("other.test", query.type());
      other.id = query.id();
      other.flags = kAuthoritative;
      return std::vector<Bytes>{wrong.octets(), other.octets(), Bytes("x"), whole(query).at(0)};
    };
    Tree tree(noisy, noisy);
    CHECK(tree.ask().replies.at(0).records == std::vector<std::string>{"whole"});
  }
}

TEST_CASE("questions carry random case, no RD, and EDNS until it is disliked") {
  std::set<std::string> spellings;
  bool recursion = false;
  const auto old = [&](const Received& query) {
    spellings.insert(query.name());
    recursion |= (query.at(2) & 1) != 0;
    if (query.edns()) return std::vector{authoritative(query).rcode(1).octets()};
    return txt("old")(query);
  };
  {
    Tree tree(old, testing::silence);
    for (int i = 0; i < 4; ++i)
      CHECK(tree.ask(Source::Ask::one).answered());
  }
  CHECK(spellings.size() > 1);
  CHECK_FALSE(recursion);
}

TEST_CASE("an alias is followed to the zone that holds its end") {
  const auto alias = [](const Received& query) {
    return std::vector{authoritative(query)
                           .with(query.name(), testing::kCname, 60, testing::wire("sts.other.test"))
                           .octets()};
  };
  Tree tree(alias, alias);
  DnsServer other(txt("v=STSv1; id=9;"), DnsServer::Tcp::open, "127.0.0.4", tree.parent.port());
  tree.resolver.ns("other.test", {"ns.other.test"});
  tree.resolver.addresses("ns.other.test", RecordType::a, {"127.0.0.4"});
  const auto answer = tree.ask(Source::Ask::one);
  CHECK(answer.answered());
  CHECK(answer.replies.front().records == std::vector<std::string>{"CNAME sts.other.test"});
  CHECK(answer.replies.back().records == std::vector<std::string>{"v=STSv1; id=9;"});
}

TEST_CASE("few servers, asked again and again in vain, say as much") {
  const DnsServer silent(testing::silence);
  TableResolver resolver;
  resolver.ns("test", {"ns.test"});
  resolver.addresses("ns.test", RecordType::a, {"127.0.0.1"});
  Source source(resolver, {.allow_private = true, .port = silent.port(), .timeout = 40ms});
  for (int i = 0; i < 8; ++i) {
    CHECK_FALSE(source.blocked());
    source.ask("test", {"test", RecordType::txt}, Source::Ask::all, Deadline::in(20s));
  }
  CHECK(source.blocked());
}

TEST_CASE("no server has ever answered: port 53 seems to be blocked, and nobody is asked any more") {
  TableResolver resolver;
  std::vector<std::string> addresses;
  std::vector<std::unique_ptr<DnsServer>> silent;
  for (int i = 1; i <= 8; ++i) {
    addresses.push_back("127.0.0." + std::to_string(i));
    silent.push_back(std::make_unique<DnsServer>(testing::silence, DnsServer::Tcp::open,
                                                 addresses.back().c_str(),
                                                 silent.empty() ? 0 : silent.front()->port()));
  }
  resolver.ns("test", {"ns.test"});
  resolver.addresses("ns.test", RecordType::a, addresses);
  Source source(resolver, {.allow_private = true, .port = silent.front()->port(), .timeout = 40ms});
  const auto ask = [&] {
    return source.ask("test", {"test", RecordType::txt}, Source::Ask::all, Deadline::in(20s));
  };
  CHECK_FALSE(source.blocked());
  ask();
  CHECK(source.blocked());
  ask();  // the one that is made now and then
  const int before = silent.front()->asked();
  CHECK(ask().trouble == "port 53 seems to be blocked outwards");
  CHECK(silent.front()->asked() == before);
}

}  // namespace stswatch
