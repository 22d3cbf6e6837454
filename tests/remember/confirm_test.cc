// Laws of confirmation (RULES 5.3): what could be transient waits for more looks that say the same, what
// cannot is taken at once, unknown counts for nothing.
#include "agent/remember/memory.h"

#include <doctest/doctest.h>

#include "checks/judge/classify.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

/// A domain's facts look after look.
class Confirming {
 public:
  explicit Confirming(int confirmations = 3) : rules_{confirmations} { see(base()); }

  void see(const Look& look, bool elsewhere = true) {
    now_ += 30s;
    auto seen = look.domain;
    seen.at = now_;
    auto vantage = look.vantage;
    if (elsewhere) vantage.answered_at = vantage.reached_443_at = now_;
    known_ = confirm(known_ ? &*known_ : nullptr, seen, true, debounces, vantage, rules_);
  }
  /// How many such looks it takes until `shows` does; 0: it never does.
  template <class Shows>
  int looks_until(const Look& look, Shows shows) {
    for (int i = 1; i <= 20; ++i) {
      see(look);
      if (shows(*known_)) return i;
    }
    return 0;
  }
  const DomainObservation& known() const { return *known_; }

  Debounces debounces;

 private:
  std::optional<DomainObservation> known_;
  TimePoint now_ = kNow;
  ConfirmRules rules_;
};

Look without_record() {
  auto look = base();
  look.no_record();
  return look;
}

Look fetching(PolicyFetch fetch) {
  auto look = base();
  look.set_fetches({std::move(fetch)});
  return look;
}

bool record_absent(const DomainObservation& d) { return d.sts.lookup == Lookup::absent; }
bool fetch_fails(const DomainObservation& d) { return d.fetches[0].failure || d.fetches[0].status != 200; }

}  // namespace

TEST_CASE("absence is believed after as many looks as are configured") {
  CHECK(Confirming(3).looks_until(without_record(), record_absent) == 3);
  CHECK(Confirming(5).looks_until(without_record(), record_absent) == 5);
  CHECK(Confirming(1).looks_until(without_record(), record_absent) == 1);
}

TEST_CASE("an absence at the first look is no doubt, unless the name is needed there") {
  struct Row {
    const char* why;
    void (*alter)(Look&);
    std::vector<std::string> doubted;
  };
  const Row rows[] = {
      {"IPv4 only", [](Look&) {}, {}},
      {"no TLSRPT record", [](Look& l) { l.no_tlsrpt(); }, {}},
      {"no record, no policy host", [](Look& l) { l.no_record(), l.no_policy_host(); }, {}},
      {"only foreign records, no policy host",
       [](Look& l) { l.set_record({"v=spf1 -all"}), l.no_policy_host(); },
       {}},
      {"announced, and no policy host",
       [](Look& l) { l.no_policy_host(); },
       {"policy host A", "policy host AAAA"}},
      {"no MX: the domain takes its mail itself",
       [](Look& l) {
         l.domain.mx = absent<MxAnswer>("example.com", false);
         l.domain.apex = addresses("example.com", {kMail1});
       },
       {}},
      {"no MX and no address",
       [](Look& l) {
         l.domain.mx = absent<MxAnswer>("example.com", false);
         l.domain.apex = addresses("example.com", {});
       },
       {"apex A", "apex AAAA"}},
      {"no such domain",
       [](Look& l) {
         l.domain.mx = absent<MxAnswer>("example.com");
         l.domain.apex = addresses("example.com", {kMail1});
       },
       {"mx"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    auto look = base();
    row.alter(look);
    Debounces debounces;
    const auto confirmed = confirm(nullptr, look.domain, true, debounces, look.vantage, {3});
    std::vector<std::string> doubted;
    for (const auto& [key, _] : debounces)
      doubted.push_back(key);
    CHECK(doubted == row.doubted);
    if (row.doubted.empty()) CHECK(confirmed == look.domain);
  }
}

TEST_CASE("what was there once and is gone is a doubt, also after a look that saw nothing") {
  auto unseen = base(), gone = base();
  unseen.domain.tlsrpt = unknown<TxtAnswer>("_smtp._tls.example.com");
  gone.no_tlsrpt();
  Confirming c;
  c.see(unseen);
  CHECK(c.looks_until(gone, [](const auto& d) { return d.tlsrpt.lookup == Lookup::absent; }) == 3);
}

TEST_CASE("good news never waits") {
  Confirming c;
  c.looks_until(without_record(), record_absent);
  c.see(base());
  CHECK(c.known().sts.lookup == Lookup::found);
  CHECK_FALSE(c.debounces.contains("sts"));
}

TEST_CASE("a good look between bad ones starts the count again, an unknown one does not") {
  Confirming c;
  auto unseen = base();
  unseen.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com");
  c.see(without_record());
  c.see(without_record());
  c.see(base());
  c.see(without_record());
  c.see(unseen);
  c.see(without_record());
  CHECK_FALSE(record_absent(c.known()));
  c.see(without_record());
  CHECK(record_absent(c.known()));
}

TEST_CASE("another text is believed at once: it cannot be transient") {
  Confirming c;
  auto other = base();
  other.set_record({"v=STSv1; id=bad-id;"});
  other.set_policy("<html>");
  c.see(other);
  CHECK(c.known().sts.records == other.domain.sts.records);
  CHECK(c.known().fetches[0].body == "<html>");
  CHECK_FALSE(c.debounces.contains("sts"));
}

TEST_CASE("what ends a fetch decides how many looks it takes") {
  struct Row {
    const char* why;
    PolicyFetch fetch;
    int looks;
  };
  const Row rows[] = {
      {"refused: a connection", failed_fetch(Stage::connect, Cause::refused), 3},
      {"silent while others answer: a connection", failed_fetch(Stage::connect, Cause::timeout), 3},
      {"a status is one fewer", fetch(kWeb, "gone", 404), 2},
      {"a stall is one fewer", failed_fetch(Stage::request, Cause::timeout), 2},
      {"a wrong name is one fewer", distrusted_fetch(misnamed("www.example.com")), 2},
      {"a date cannot be transient", distrusted_fetch(expired("mta-sts.example.com")), 1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    Confirming c;
    CHECK(c.looks_until(fetching(row.fetch), fetch_fails) == row.looks);
  }
}

TEST_CASE("silence counts for nothing once this vantage reaches nobody else either") {
  Confirming c;
  const auto silent = fetching(failed_fetch(Stage::connect, Cause::timeout));
  for (int i = 0; i < 10; ++i)
    c.see(silent, false);
  CHECK_FALSE(fetch_fails(c.known()));
}

TEST_CASE("silence that was proved stays proof when this vantage reaches nobody any more") {
  Confirming c;
  const auto silent = fetching(failed_fetch(Stage::connect, Cause::timeout));
  c.looks_until(silent, fetch_fails);
  for (int i = 0; i < 10; ++i)
    c.see(silent, false);
  CHECK(end_of(c.known().fetches[0], Vantage{}) == FetchEnd::no_connect);
}

TEST_CASE("an error that the zone's own servers prove is told after the looks, silence never") {
  auto error = base();
  error.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com", "SERVFAIL");
  error.domain.sts.zone_error = "ns1.example.com 192.0.2.1: REFUSED";
  const auto told = [](const DomainObservation& d) { return !d.sts.zone_error.empty(); };
  Confirming c;
  CHECK(c.looks_until(error, told) == 3);
  CHECK(c.known().sts.lookup == Lookup::found);  // what is remembered is kept beside it
  CHECK(c.debounces.empty());                    // proved: no haste
  auto silent = error;
  silent.domain.sts.zone_error.clear();
  c.see(silent);
  CHECK(told(c.known()));  // nothing is known to be better
  c.see(base());
  CHECK_FALSE(told(c.known()));

  Confirming unproved;
  for (int i = 0; i < 10; ++i)
    unproved.see(silent);
  CHECK_FALSE(told(unproved.known()));
}

TEST_CASE("a failed validation is proof, unless the resolver itself is at fault") {
  auto bogus = base();
  bogus.domain.mx = unknown<MxAnswer>("example.com", "SERVFAIL (EDE 9)");
  bogus.domain.mx.bogus = true;
  bogus.domain.mx.zone_error = bogus.domain.mx.detail;
  DomainObservation before(base().domain);
  for (const bool blind : {false, true}) {
    Debounces debounces;
    Vantage vantage;
    if (blind) vantage.resolver_blind = "a.example: time-out";
    std::optional<DomainObservation> known;
    for (int look = 0; look < 3; ++look)
      known =
          confirm(known ? &*known : &before, bogus.domain, false, debounces, vantage, {.confirmations = 3});
    CHECK(known->mx.zone_error.empty() == blind);
  }
  // At the first look of all, it waits for the others too.
  Debounces debounces;
  const auto first = confirm(nullptr, bogus.domain, false, debounces, {}, {.confirmations = 3});
  CHECK(first.mx.proven_error().empty());
}

TEST_CASE("servers that differ are remembered until all of them were asked again") {
  auto look = base();
  const auto reply = [](const char* server, const char* text) {
    return SourceReply{
        .name = "_mta-sts.example.com", .server = server, .said = SourceSaid::answered, .records = {text}};
  };
  look.domain.source.sts = {.replies = {reply("ns1", "a"), reply("ns2", "b")}, .all = true};
  Debounces debounces;
  auto known = confirm(nullptr, look.domain, false, debounces, {}, {});
  CHECK(known.source.sts.differs_since == look.domain.at);
  auto one = look.domain;
  one.at += Seconds{60};
  one.source.sts = {.replies = {reply("ns1", "a")}};
  known = confirm(&known, one, false, debounces, {}, {});
  CHECK(known.source.sts.differs());
  auto again = look.domain;
  again.at += Seconds{120};
  known = confirm(&known, again, false, debounces, {}, {});
  CHECK(known.source.sts.differs_since == look.domain.at);
  again.source.sts.replies[1].records = {"a"};
  known = confirm(&known, again, false, debounces, {}, {});
  CHECK(known.source.sts.differs_since == TimePoint{});
}

TEST_CASE("what our own lack of descriptors kept us from asking counts for nothing, however often") {
  auto exhausted = base();
  exhausted.domain.sts = unknown<TxtAnswer>("_mta-sts.example.com", "Too many open files");
  exhausted.domain.sts.exhausted = true;
  exhausted.set_fetches({failed_fetch(Stage::connect, Cause::exhausted)});
  Confirming c;
  for (int i = 0; i < 10; ++i)
    c.see(exhausted);
  CHECK(c.known().sts.zone_error.empty());
  CHECK(c.known().sts.lookup == Lookup::found);
  CHECK_FALSE(fetch_fails(c.known()));
  CHECK(c.debounces.empty());
}

TEST_CASE("what was not asked is not in doubt") {
  Confirming c;
  for (int i = 0; i < 5; ++i)
    c.see(base());
  CHECK(c.debounces.empty());
}

TEST_CASE("a fault that was proved moves with what is seen, another one is proved anew") {
  Confirming c;
  c.looks_until(fetching(fetch(kWeb, "gone", 404)), fetch_fails);
  c.see(fetching(fetch(kWeb, "no", 403)));
  CHECK(c.known().fetches[0].status == 403);
  CHECK(c.debounces.empty());
  c.see(fetching(failed_fetch(Stage::connect, Cause::refused)));
  CHECK(c.known().fetches[0].status == 403);
  CHECK_FALSE(c.debounces.empty());
}

TEST_CASE("doubts of an address end with it") {
  Confirming c;
  c.see(fetching(fetch(kWeb, "gone", 404)));
  CHECK(c.debounces.contains(std::string(kWeb)));
  c.see(fetching(fetch(kWeb2)));
  CHECK_FALSE(c.debounces.contains(std::string(kWeb)));
}

TEST_CASE("the look that settles a doubt comes soon, and ever later while none does") {
  const auto at = [](Seconds after) {
    return settle_in({{"192.0.2.1", {5, kNow}}, {"mx", {1, kNow - 24h}}}, kNow + after, 30s, 1h);
  };
  CHECK(settle_in({}, kNow, 30s, 1h) == 1h);
  CHECK(at(0s) == 30s);
  CHECK(at(2min) == 30s);  // three looks in a row are over by then
  CHECK(at(20min) == 5min);
  CHECK(at(6h) == 1h);
  CHECK(settle_in({{"mx", {1, kNow}}}, kNow, 30s, 10s) == 10s);
}

TEST_CASE("what is held from an earlier look carries that look's time, until a look counts again") {
  const auto at = [](const Look& look, Seconds later) {
    auto seen = look.domain;
    seen.at = kNow + later;
    return seen;
  };
  Debounces doubts;
  auto vantage = base().vantage;
  const auto good = confirm(nullptr, at(base(), 0s), true, doubts, vantage, {});
  CHECK_FALSE(good.fetches.at(0).held_from);
  auto look = base();
  look.domain.fetches = {failed_fetch(Stage::connect, Cause::refused)};
  const auto held = confirm(&good, at(look, 1h), true, doubts, vantage, {3, kNow});
  CHECK(held.fetches.at(0).held_from == kNow);
  const auto unasked = confirm(&held, at(look, 65min), false, doubts, vantage, {3, kNow + 1h});
  CHECK(unasked.fetches.at(0).held_from == kNow);
  const auto again = confirm(&unasked, at(look, 2h), true, doubts, vantage, {3, kNow + 1h});
  CHECK(again.fetches.at(0).held_from == kNow);
  CHECK_FALSE(confirm(&again, at(base(), 3h), true, doubts, vantage, {3, kNow + 2h}).fetches.at(0).held_from);
}

TEST_CASE("so does an address of an MX host that a look could not ask") {
  Debounces doubts;
  const auto vantage = base().vantage;
  const std::string host(kMx1);
  auto seen = mx_host(host, {probe(kMail1, host)});
  seen.at = kNow;
  const auto good = confirm(nullptr, seen, doubts, vantage, {});
  CHECK_FALSE(good.probes.at(0).held_from);
  auto blind = seen;
  blind.at = kNow + 1h;
  blind.addresses = unknown_addresses(host);
  blind.probes.clear();
  const auto held = confirm(&good, blind, doubts, vantage, {});
  CHECK(held.probes.at(0).held_from == kNow);
  seen.at = kNow + 2h;
  CHECK_FALSE(confirm(&held, seen, doubts, vantage, {}).probes.at(0).held_from);
}

}  // namespace stswatch::facts
