#include "agent/remember/memory.h"

#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

const Vantage kVantage{};

}  // namespace

TEST_CASE("the first look is all there is") {
  const auto look = facts::base();
  CHECK(merge_seen(nullptr, look.domain, true, kVantage) == look.domain);
}

TEST_CASE("an unknown answer keeps the known one; a found or absent one replaces it") {
  const auto known = facts::base().domain;
  auto seen = known;
  seen.sts = facts::unknown<TxtAnswer>("_mta-sts.example.com");
  seen.mx = facts::unknown<MxAnswer>("example.com");
  seen.tlsrpt = facts::absent<TxtAnswer>("_smtp._tls.example.com");
  seen.policy_host = facts::unknown_addresses("mta-sts.example.com");
  const auto after = merge_seen(&known, seen, false, kVantage);
  CHECK(after.sts == known.sts);
  CHECK(after.mx == known.mx);
  CHECK(after.policy_host == known.policy_host);
  CHECK(after.fetches == known.fetches);
  CHECK(after.tlsrpt.lookup == Lookup::absent);
}

TEST_CASE("a look that did not fetch keeps the fetches of addresses the policy host still has") {
  auto look = facts::base();
  look.set_fetches({facts::fetch(facts::kWeb), facts::fetch(facts::kWeb2)});
  const auto known = look.domain;
  look.set_fetches({facts::fetch(facts::kWeb2)});
  auto seen = look.domain;
  seen.fetches.clear();
  const auto after = merge_seen(&known, seen, false, kVantage);
  REQUIRE(after.fetches.size() == 1);
  CHECK(after.fetches[0].address == facts::address(facts::kWeb2));
}

TEST_CASE("a fetch that proves nothing keeps what is known; one that proves a fault replaces it") {
  const auto known = facts::base().domain;
  auto look = facts::base();
  look.set_fetches({facts::failed_fetch(Stage::connect, Cause::timeout)});  // nobody else reached: unknown
  CHECK(merge_seen(&known, look.domain, true, kVantage).fetches == known.fetches);
  look.set_fetches({facts::fetch(facts::kWeb, "gone", 404)});
  CHECK(merge_seen(&known, look.domain, true, kVantage).fetches[0].status == 404);
}

TEST_CASE("silence keeps what is known until it is confirmed, even while others answer") {
  const auto known = facts::base().domain;
  Vantage others_answer;
  others_answer.reached_443 = true;
  auto look = facts::base();
  look.set_fetches({facts::failed_fetch(Stage::connect, Cause::timeout)});
  CHECK(merge_seen(&known, look.domain, true, others_answer).fetches == known.fetches);
  auto confirmed = look.domain;
  confirmed.fetches[0].repeated = true;
  CHECK(merge_seen(&known, look.domain, true, others_answer, &confirmed).fetches == confirmed.fetches);
  CHECK(merge_seen(&confirmed, known, true, others_answer, &known).fetches == known.fetches);
}

/// Without the note of the look that they are held from.
std::vector<SmtpProbe> undated(std::vector<SmtpProbe> probes) {
  for (auto& probe : probes)
    probe.held_from.reset();
  return probes;
}

TEST_CASE("a silent MX address is known as such once that is confirmed") {
  const auto known = facts::mx_host("mx1.example.com", {facts::probe(facts::kMail1, "mx1.example.com")});
  const auto silent =
      facts::mx_host("mx1.example.com", {facts::failed_probe(facts::kMail1, Stage::connect, Cause::timeout)});
  const auto held = merge_seen(&known, silent, kVantage, &known).probes;
  CHECK(undated(held) == known.probes);
  CHECK(held[0].held_from == known.at);
  auto confirmed = silent;
  confirmed.probes[0].repeated = true;
  CHECK(merge_seen(&known, silent, kVantage, &confirmed).probes == confirmed.probes);
}

TEST_CASE("MX addresses are laid over one by one") {
  const auto good = facts::mx_host("mx1.example.com", {facts::probe(facts::kMail1, "mx1.example.com"),
                                                       facts::probe(facts::kMail6, "mx1.example.com")});
  const auto seen =
      facts::mx_host("mx1.example.com",
                     {facts::failed_probe(facts::kMail1, Stage::greeting, Cause::deferred, "451 later", 451),
                      facts::failed_probe(facts::kMail6, Stage::starttls, Cause::not_offered)});
  const auto after = merge_seen(&good, seen, kVantage);
  REQUIRE(after.probes.size() == 2);
  CHECK(undated(after.probes)[0] == good.probes[0]);  // 4xx proves nothing
  CHECK(after.probes[1] == seen.probes[1]);
}

TEST_CASE("an address that left DNS is forgotten, a new unknown one is noted as such") {
  const auto good = facts::mx_host("mx1.example.com", {facts::probe(facts::kMail1, "mx1.example.com")});
  const auto moved =
      facts::mx_host("mx1.example.com", {facts::failed_probe(facts::kMail2, Stage::connect, Cause::timeout)});
  const auto after = merge_seen(&good, moved, kVantage);
  REQUIRE(after.probes.size() == 1);
  CHECK(after.probes[0] == moved.probes[0]);
}

TEST_CASE("memory in RAM gives back the newest record") {
  const auto memory = make_ram_memory();
  const auto look = facts::base();
  CHECK(memory->domain(look.domain.domain) == nullptr);
  CHECK(memory->mx("mx1.example.com") == nullptr);
  auto record = std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                               Verdict(look.domain.domain));
  memory->remember(record, nullptr, {});
  CHECK(memory->domain(look.domain.domain) == record);
  auto host = std::make_shared<MxMemory>();
  host->known = look.mx.at("mx1.example.com");
  memory->remember(host, nullptr);
  CHECK(memory->mx("mx1.example.com") == host);
}
