// What proves that a domain's name service fails, and what does not (RULES 5.8).
#include <doctest/doctest.h>

#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

SourceReply reply(const char* server, SourceSaid said, const char* what,
                  std::optional<std::uint32_t> serial = {}) {
  SourceReply out{.name = "example.com", .server = server, .address = address("198.51.101.53"), .said = said};
  if (said == SourceSaid::answered)
    out.records = {what};
  else
    out.detail = what;
  out.serial = serial;
  return out;
}

SourceReply refused(const char* server) { return reply(server, SourceSaid::refused, "REFUSED"); }
SourceReply silent(const char* server) { return reply(server, SourceSaid::silent, "no answer within 2 s"); }

}  // namespace

TEST_CASE("who proves that the zone is at fault") {
  struct Row {
    const char* why;
    std::vector<SourceReply> replies;
    bool at_fault, answered;
  };
  const auto lame = reply("ns2", SourceSaid::lame, "refers to test");
  const auto good = reply("ns2", SourceSaid::answered, "10 mx1.example.com");
  for (const Row& row :
       {Row{"nobody was asked", {}, false, false},
        Row{"each refuses", {refused("ns1"), refused("ns2")}, true, false},
        Row{"one refuses, one is lame", {refused("ns1"), lame}, true, false},
        Row{"one was silent: who knows what it would say", {refused("ns1"), silent("ns2")}, false, false},
        Row{"silence alone", {silent("ns1"), silent("ns2")}, false, false},
        Row{"one answers: the zone can be resolved", {refused("ns1"), good}, false, true},
        Row{"a server is silent at one address and refuses at the other",
            {silent("ns1"), refused("ns1")},
            true,
            false}}) {
    CAPTURE(row.why);
    const SourceAnswer answer{.replies = row.replies};
    CHECK(answer.zone_at_fault() == row.at_fault);
    CHECK(answer.answered() == row.answered);
  }
}

TEST_CASE("proof is critical in every mode and at once; without it the look is unknown") {
  Look look = base();
  look.domain.mx = unknown<MxAnswer>("example.com", "SERVFAIL from 192.0.2.53");
  SUBCASE("no proof, however the resolver fails") {
    CHECK_FALSE(has(judged(look), "mx-dns-error"));
    CHECK(judged(look).status == Status::unknown);
  }
  SUBCASE("the servers refuse") {
    look.domain.mx.zone_error = "ns1.example.com 198.51.101.53: REFUSED";
    look.no_record();
    const auto verdict = judged(look);
    CHECK(verdict.status == Status::critical);
    CHECK(has(verdict, "mx-dns-error"));
  }
  SUBCASE("a look saved before there were witnesses: bogus speaks for itself") {
    look.domain.mx.bogus = true;
    CHECK(judged(look).status == Status::critical);
  }
}

TEST_CASE("where mail came before it is a page, else a ticket") {
  for (const bool before : {true, false}) {
    Look look = base();
    if (!before) look.domain.mx = unknown<MxAnswer>("example.com", "SERVFAIL");
    look.domain.mx.zone_error = "ns1.example.com 198.51.101.53: REFUSED";
    const auto verdict = judged(look);
    const auto found = std::ranges::find(verdict.findings, "mx-dns-error", &Finding::code);
    REQUIRE(found != verdict.findings.end());
    CHECK(found->route == (before ? Route::page : Route::ticket));
  }
}

TEST_CASE("an AAAA that fails beside an A that works is no fault of the policy host") {
  Look look = base();
  look.domain.policy_host.aaaa = unknown<AddressAnswer>("mta-sts.example.com", "SERVFAIL");
  look.domain.policy_host.aaaa.zone_error = "ns1.example.com 198.51.101.53: SERVFAIL";
  auto verdict = judged(look);
  CHECK_FALSE(has(verdict, "sts-policy-host-dns-error"));
  CHECK(verdict.status == Status::ok);
  look.domain.policy_host.a = absent<AddressAnswer>("mta-sts.example.com", false);
  look.domain.fetches.clear();
  CHECK(has(judged(look), "sts-policy-host-dns-error"));
}

TEST_CASE("servers that differ: a remark while a transfer may be on its way") {
  Look look = base();
  auto& source = look.domain.source.sts;
  source.all = true;
  source.refresh = 1800;
  const auto at_serials = [&](std::uint32_t one, std::uint32_t two) {
    source.replies = {reply("ns1", SourceSaid::answered, "v=STSv1; id=2;", one),
                      reply("ns2", SourceSaid::answered, "v=STSv1; id=1;", two)};
  };
  const auto severity = [&]() -> std::optional<Severity> {
    const auto verdict = judged(look);
    const auto found = std::ranges::find(verdict.findings, "sts-txt-ns-inconsistent", &Finding::code);
    return found == verdict.findings.end() ? std::nullopt : std::optional(found->severity);
  };
  CHECK_FALSE(severity());
  at_serials(8, 7);
  CHECK(severity() == Severity::info);
  source.differs_since = kNow - 1799s;
  CHECK(severity() == Severity::info);
  source.differs_since = kNow - 1801s;
  CHECK(severity() == Severity::warning);
  source.differs_since = {};
  at_serials(8, 8);
  CHECK(severity() == Severity::warning);
  source.differs_since = kNow;  // the first look of several: the next one will tell
  CHECK(severity() == Severity::info);
}

TEST_CASE("servers that differ in the MX set are told of that, and only they") {
  Look look = base();
  look.domain.source.mx.all = true;
  const auto differ = [&](const char* two) {
    look.domain.source.mx.replies = {reply("ns1", SourceSaid::answered, "10 mx1.example.com", 8),
                                     reply("ns2", SourceSaid::answered, two, 8)};
    return judged(look);
  };
  CHECK_FALSE(has(differ("10 mx1.example.com"), "mx-ns-inconsistent"));
  const auto verdict = differ("10 old.example.net");
  CHECK(has(verdict, "mx-ns-inconsistent"));
  CHECK_FALSE(has(verdict, "sts-txt-ns-inconsistent"));
  CHECK(verdict.status == Status::warning);
}

TEST_CASE("the agent's own trouble is told as such, and changes no status") {
  Look look = base();
  look.vantage.resolver_blind = "a.example: time-out, while ns1.a.example answers";
  const auto verdict = judged(look);
  CHECK(has(verdict, "vantage-resolver-blind"));
  CHECK(verdict.status == Status::ok);
}

}  // namespace stswatch::facts
