#include "checks/observe/observer.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "checks/facts/bounds.h"

using namespace stswatch;

namespace {

/// A resolver that is a table; what is not in it is NXDOMAIN.
class TableResolver final : public Resolver {
 public:
  std::map<std::pair<std::string, RecordType>, DnsAnswer> table;
  std::vector<std::vector<std::string>> batches;  // the names asked, batch by batch
  bool answers_nothing = false;

  void txt(const std::string& name, std::vector<std::string> texts) {
    TxtAnswer answer = found<TxtAnswer>(name);
    for (auto& text : texts)
      answer.records.push_back({{std::move(text)}});
    table[{name, RecordType::txt}] = answer;
  }
  void mx(const std::string& name, const std::string& host) {
    MxAnswer answer = found<MxAnswer>(name);
    answer.records.push_back({10, host});
    table[{name, RecordType::mx}] = answer;
  }
  void addresses(const std::string& name, RecordType type, const std::vector<std::string>& texts) {
    AddressAnswer answer = found<AddressAnswer>(name);
    for (const auto& text : texts)
      answer.records.push_back(*Address::parse(text));
    table[{name, type}] = answer;
  }
  template <class Kind>
  void unknown(const std::string& name, RecordType type) {
    Kind answer;
    answer.name = name;
    answer.detail = "SERVFAIL";
    table[{name, type}] = answer;
  }

  std::vector<DnsAnswer> ask(const std::vector<DnsQuestion>& questions, const Deadline&) override {
    batches.emplace_back();
    std::vector<DnsAnswer> answers;
    for (const auto& question : questions) {
      batches.back().push_back(question.name);
      const auto row = table.find({question.name, question.type});
      if (!answers_nothing) answers.push_back(row != table.end() ? row->second : absent(question));
    }
    return answers;
  }

 private:
  template <class Kind>
  static Kind found(const std::string& name) {
    Kind answer;
    answer.lookup = Lookup::found;
    answer.name = name;
    return answer;
  }
  template <class Kind>
  static Kind nxdomain(const std::string& name) {
    Kind answer;
    answer.lookup = Lookup::absent;
    answer.nxdomain = true;
    answer.name = name;
    return answer;
  }
  static DnsAnswer absent(const DnsQuestion& question) {
    if (question.type == RecordType::txt) return nxdomain<TxtAnswer>(question.name);
    if (question.type == RecordType::mx) return nxdomain<MxAnswer>(question.name);
    return nxdomain<AddressAnswer>(question.name);
  }
};

const Domain kDomain = *Domain::parse("example.com");
const TimePoint kNow{std::chrono::seconds{1796083200}};

Deadline soon() { return Deadline::in(Millis{5000}); }

DomainObservation look(TableResolver& resolver) {
  return Observer(resolver, nullptr, {}).look_at_names(kDomain, kNow, soon());
}

}  // namespace

TEST_CASE("a healthy domain costs one batch") {
  TableResolver resolver;
  resolver.txt("_mta-sts.example.com", {"v=STSv1; id=1;"});
  resolver.txt("_smtp._tls.example.com", {"v=TLSRPTv1; rua=mailto:a@example.com"});
  resolver.mx("example.com", "mx.example.com");
  resolver.addresses("mta-sts.example.com", RecordType::a, {"192.0.2.1"});
  resolver.addresses("mta-sts.example.com", RecordType::aaaa, {"2001:db8::1"});
  const auto seen = look(resolver);
  CHECK(resolver.batches.size() == 1);
  CHECK(seen.at == kNow);
  CHECK(seen.sts.records.size() == 1);
  CHECK(seen.tlsrpt.records.size() == 1);
  CHECK(seen.mx.records.at(0).host == "mx.example.com");
  CHECK(seen.policy_host.all().size() == 2);
  CHECK(seen.misplaced.empty());
  CHECK(seen.apex.a.name.empty());
  CHECK(seen.fetches.empty());
}

TEST_CASE("the usual wrong names are asked only where the right one is known to hold no record") {
  const std::vector<std::string> elsewhere = {"mta-sts.example.com", "_mta_sts.example.com", "example.com",
                                              "_mta-sts.example.com.example.com"};
  const struct {
    std::string why;
    Lookup lookup;
    std::vector<std::string> texts;
    bool asked;
  } rows[] = {
      {"no record at all", Lookup::absent, {}, true},
      {"only foreign records", Lookup::found, {"v=spf1 -all"}, true},
      {"a record", Lookup::found, {"v=STSv1; id=1"}, false},
      {"a record among foreign ones", Lookup::found, {"v=spf1 -all", "v=STSv1; id=1"}, false},
      {"a record in the wrong case is at its place", Lookup::found, {"V=stsV1; id=1"}, false},
      {"a record without delimiter too", Lookup::found, {"v=STSv1"}, false},
      {"a shorter text is no record", Lookup::found, {"v=STSv"}, true},
      {"silence is not absence", Lookup::unknown, {}, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    TableResolver resolver;
    resolver.mx("example.com", "mx.example.com");
    if (row.lookup == Lookup::found) resolver.txt("_mta-sts.example.com", row.texts);
    if (row.lookup == Lookup::unknown) resolver.unknown<TxtAnswer>("_mta-sts.example.com", RecordType::txt);
    resolver.txt("_mta_sts.example.com", {"v=STSv1; id=2"});
    const auto seen = look(resolver);
    CHECK(seen.sts.lookup == row.lookup);
    REQUIRE(resolver.batches.size() == (row.asked ? 2 : 1));
    if (!row.asked) continue;
    CHECK(resolver.batches[1] == elsewhere);
    REQUIRE(seen.misplaced.size() == 4);
    CHECK(seen.misplaced[1].records.size() == 1);
    CHECK(seen.misplaced[3].nxdomain);
  }
}

TEST_CASE("the domain's own addresses are asked only where there is no MX (RFC 5321 5.1)") {
  TableResolver resolver;
  resolver.txt("_mta-sts.example.com", {"v=STSv1; id=1"});
  resolver.addresses("example.com", RecordType::a, {"192.0.2.9"});
  SUBCASE("no MX") {
    const auto seen = look(resolver);
    CHECK(resolver.batches.size() == 2);
    CHECK(seen.apex.a.records.size() == 1);
    CHECK(seen.apex.aaaa.nxdomain);
  }
  SUBCASE("null MX (RFC 7505) is an MX") {
    resolver.mx("example.com", "");
    CHECK(look(resolver).apex.a.records.empty());
    CHECK(resolver.batches.size() == 1);
  }
  SUBCASE("unknown MX") {
    resolver.unknown<MxAnswer>("example.com", RecordType::mx);
    CHECK(look(resolver).mx.lookup == Lookup::unknown);
    CHECK(resolver.batches.size() == 1);
  }
}

TEST_CASE("NXDOMAIN of everything is absence of everything") {
  TableResolver resolver;
  const auto seen = look(resolver);
  CHECK(seen.sts.nxdomain);
  CHECK(seen.mx.lookup == Lookup::absent);
  CHECK(seen.policy_host.lookup() == Lookup::absent);
  CHECK(seen.apex.lookup() == Lookup::absent);
  CHECK(seen.misplaced.size() == 4);
}

TEST_CASE("a resolver that gives too few answers proves nothing") {
  TableResolver resolver;
  resolver.answers_nothing = true;
  const auto seen = look(resolver);
  CHECK(seen.sts.lookup == Lookup::unknown);
  CHECK(seen.mx.lookup == Lookup::unknown);
  CHECK(seen.policy_host.lookup() == Lookup::unknown);
  CHECK(seen.sts.name == "_mta-sts.example.com");
  CHECK(resolver.batches.size() == 1);
}

TEST_CASE("names that would be too long are not asked") {
  const std::string label(60, 'a');
  const auto domain = *Domain::parse(label + "." + label + "." + label + ".example.com");
  TableResolver resolver;
  const auto seen = Observer(resolver, nullptr, {}).look_at_names(domain, kNow, soon());
  CHECK(seen.misplaced.size() == 3);
}

TEST_CASE("addresses that are not dialled are told as values") {
  TableResolver resolver;
  resolver.addresses("mx.example.com", RecordType::a, {"127.0.0.1", "10.0.0.1", "169.254.169.254"});
  resolver.addresses("mx.example.com", RecordType::aaaa, {"::1", "2606:4700::1111"});
  ObserveOptions options;
  options.ipv6 = false;
  const auto seen = Observer(resolver, nullptr, options).look_at_mx("mx.example.com", kNow, soon());
  REQUIRE(seen.probes.size() == 5);
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(seen.probes[i].address == seen.addresses.all()[i]);
    REQUIRE(seen.probes[i].failure);
    CHECK(seen.probes[i].failure->stage == Stage::connect);
    CHECK(seen.probes[i].failure->cause == Cause::not_public);
    CHECK(!seen.probes[i].failure->detail.empty());
  }
  CHECK(seen.probes[4].failure->cause == Cause::no_route);
}

TEST_CASE("the policy host's addresses likewise, at most as many as are bounded") {
  TableResolver resolver;
  HostAddresses addresses;
  addresses.a.lookup = Lookup::found;
  for (int i = 0; i < 40; ++i)
    addresses.a.records.push_back(Address::v4({10, 0, 0, static_cast<std::uint8_t>(i)}));
  const auto fetches = Observer(resolver, nullptr, {}).fetch_policies(kDomain, addresses, kNow, soon());
  CHECK(fetches.size() == bounds::kHostAddresses);
  for (const auto& fetch : fetches)
    CHECK(fetch.failure->cause == Cause::not_public);
}

TEST_CASE("without time left an address is not accused of silence") {
  TableResolver resolver;
  HostAddresses addresses;
  addresses.a.records.push_back(Address::v4({127, 0, 0, 1}));
  ObserveOptions options;
  options.allow_private = true;
  Observer observer(resolver, nullptr, options);
  const auto late = observer.fetch_policies(kDomain, addresses, kNow, Deadline::in(Millis{0}));
  CHECK(late.at(0).failure->cause == Cause::local);
  Cancel cancel;
  cancel.cancel();
  const auto stopped = observer.fetch_policies(kDomain, addresses, kNow, Deadline::in(Millis{5000}, &cancel));
  CHECK(stopped.at(0).failure->cause == Cause::cancelled);
}

TEST_CASE("an address written as an MX host is not looked up") {
  for (const std::string host : {"192.0.2.1", "2001:db8::1", ""}) {
    CAPTURE(host);
    TableResolver resolver;
    const auto seen = Observer(resolver, nullptr, {}).look_at_mx(host, kNow, soon());
    CHECK(resolver.batches.empty());
    CHECK(seen.host == host);
    CHECK(seen.addresses.lookup() == Lookup::unknown);
    CHECK(seen.probes.empty());
  }
}

TEST_CASE("an MX host without address") {
  TableResolver resolver;
  const auto seen = Observer(resolver, nullptr, {}).look_at_mx("mx.example.com", kNow, soon());
  CHECK(seen.addresses.lookup() == Lookup::absent);
  CHECK(seen.addresses.a.nxdomain);
  CHECK(seen.probes.empty());
}

TEST_CASE("asking for the IPv6 route sends nothing and always answers") { CHECK((has_ipv6_route() || true)); }
