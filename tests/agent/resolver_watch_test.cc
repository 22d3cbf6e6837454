#include "agent/watch/vantage_watch.h"

#include <doctest/doctest.h>

namespace stswatch {
namespace {

DomainObservation good(const std::string& name) {
  DomainObservation look(*Domain::parse(name));
  look.sts.lookup = look.mx.lookup = look.tlsrpt.lookup = look.policy_host.a.lookup = Lookup::found;
  look.policy_host.a.records.push_back(*Address::parse("192.0.2.1"));
  return look;
}

DomainObservation healthy(const std::string& name) { return good(name); }

DomainObservation failing(const std::string& name) {
  DomainObservation look(*Domain::parse(name));
  look.sts.detail = look.mx.detail = "time-out";
  return look;
}

const SourceAnswer kAnswers{
    .replies = {{.name = "x", .server = "ns1.example", .said = SourceSaid::answered}}};
const SourceAnswer kSilent{.replies = {{.name = "x", .server = "ns1.example"}}};

DomainObservation contradicted(const std::string& name) {
  auto look = failing(name);
  look.source.sts = kAnswers;
  return look;
}

DomainObservation dead(const std::string& name) {
  auto look = failing(name);
  look.source.resolver_dead = true;
  return look;
}

}  // namespace

TEST_CASE("a resolver that fails where the zone's servers answer is at fault, at the second look") {
  ResolverWatch watch;
  watch.saw(good("a.example"));
  CHECK(watch.blind().empty());
  watch.saw(contradicted("b.example"));
  CHECK(watch.blind().empty());
  watch.saw(contradicted("b.example"));
  CHECK(watch.blind() == "b.example: time-out, while ns1.example answers");
  watch.saw(good("b.example"));
  CHECK(watch.blind().empty());
}

TEST_CASE("a resolver that answers for nothing, up to the root, is at fault with a single domain") {
  ResolverWatch watch;
  watch.saw(dead("a.example"));
  watch.saw(dead("a.example"));
  CHECK_FALSE(watch.blind().empty());
  watch.forget("a.example");
  CHECK(watch.blind().empty());
}

TEST_CASE("a question that could not be sent for want of a descriptor says nothing of the resolver") {
  ResolverWatch watch;
  for (const char* name : {"a.example", "b.example", "c.example", "d.example"})
    for (int i = 0; i < 3; ++i) {
      auto look = dead(name);
      look.sts.exhausted = true;
      CHECK(ResolverWatch::proved_by(look).empty());
      watch.saw(look);
    }
  CHECK(watch.blind().empty());
}

TEST_CASE("a zone whose servers are silent or refuse says nothing of the resolver") {
  ResolverWatch watch;
  for (int look = 0; look < 9; ++look) {
    for (const auto* name : {"a.example", "b.example", "c.example", "d.example"}) {
      auto silent = failing(name);
      silent.source.sts = kSilent;
      watch.saw(silent);
    }
    auto refused = failing("e.example");
    refused.source.sts = kSilent;
    refused.mx.zone_error = "REFUSED";
    watch.saw(refused);
  }
  CHECK(watch.blind().empty());
}

TEST_CASE("an alias that leads in a circle is what the zone says, and no failure of the resolver") {
  ResolverWatch watch;
  for (int turn = 0; turn < 9; ++turn) {
    for (const auto* name : {"a.example", "b.example", "c.example", "d.example"}) {
      auto circle = good(name);
      for (AnswerFacts* facts :
           {static_cast<AnswerFacts*>(&circle.sts), static_cast<AnswerFacts*>(&circle.mx),
            static_cast<AnswerFacts*>(&circle.tlsrpt), static_cast<AnswerFacts*>(&circle.policy_host.a),
            static_cast<AnswerFacts*>(&circle.policy_host.aaaa)}) {
        facts->lookup = Lookup::unknown;
        facts->cname_loop = true;
      }
      CHECK(ResolverWatch::proved_by(circle).empty());
      watch.saw(circle);
      circle.source.sts = circle.source.policy_a = kAnswers;
      CHECK(ResolverWatch::proved_by(circle).empty());
      watch.saw(circle);
    }
  }
  CHECK(watch.blind().empty());
}

TEST_CASE("without a source, several unrelated names that fail at once have the resolver in common") {
  ResolverWatch watch;
  for (const auto* name : {"a.example", "b.example", "c.example"})
    watch.saw(good(name));
  watch.saw(failing("a.example"));
  watch.saw(failing("b.example"));
  CHECK(watch.blind().empty());
  watch.saw(failing("c.example"));
  CHECK_FALSE(watch.blind().empty());
  watch.saw(good("c.example"));
  CHECK(watch.blind().empty());
}

TEST_CASE("a share of failures among many good looks is no blindness") {
  ResolverWatch watch;
  for (int i = 0; i < 1000; ++i) {
    const auto name = "d" + std::to_string(i % 500) + ".example";
    if (i % 100 == 7)
      watch.saw(failing(name));
    else
      watch.saw(good(name));
    CHECK(watch.blind().empty());
  }
}

TEST_CASE("a bogus zone is the zone's fault; bogus zones without end are a trust anchor's") {
  ResolverWatch watch;
  const auto bogus = [&](const std::string& name) {
    auto look = failing(name);
    look.sts.bogus = look.mx.bogus = true;
    look.mx.zone_error = "SERVFAIL (EDE 9)";
    look.source.sts = kAnswers;
    watch.saw(look);
  };
  for (int i = 0; i < 9; ++i)
    bogus("a.example");
  CHECK(watch.blind().empty());
  for (const auto* name : {"b.example", "c.example", "d.example", "e.example"})
    bogus(name);
  CHECK_FALSE(watch.blind().empty());
}

TEST_CASE("whether it validates is asked once an hour, and at each turn while it is in doubt") {
  AnswerFacts plain;
  plain.lookup = Lookup::found;
  ResolverWatch watch;
  const TimePoint now{Seconds{1'800'000'000}};
  CHECK(watch.validation_is_due(now));
  CHECK_FALSE(watch.validation_is_due(now + Seconds{3599}));
  CHECK(watch.validation_is_due(now + Seconds{3600}));
  watch.asked_to_validate(plain, {});
  CHECK(watch.validation_is_due(now + Seconds{3660}));
  watch.need_not_validate();
  CHECK_FALSE(watch.validation_is_due(now + Seconds{3720}));
}

TEST_CASE("a resolver that is trusted to validate, and does not") {
  const auto facts = [](Lookup lookup, bool secure) {
    AnswerFacts out;
    out.lookup = lookup;
    out.secure = secure;
    out.name = "dnssec-failed.org";
    return out;
  };
  const auto none = facts(Lookup::unknown, false), plain = facts(Lookup::found, false),
             good = facts(Lookup::found, true);
  ResolverWatch watch;
  watch.asked_to_validate(none, none);
  watch.asked_to_validate(none, none);
  CHECK(watch.not_validating().empty());
  watch.asked_to_validate(plain, none);
  CHECK(watch.not_validating().empty());  // once
  watch.asked_to_validate(plain, none);
  CHECK_FALSE(watch.not_validating().empty());
  watch.asked_to_validate(none, none);  // nothing was learnt
  CHECK_FALSE(watch.not_validating().empty());
  watch.asked_to_validate(good, none);
  CHECK(watch.not_validating().empty());

  SUBCASE("it answers for what is bogus") {
    watch.asked_to_validate(good, plain);
    watch.asked_to_validate(good, plain);
    CHECK(watch.not_validating().find("dnssec-failed.org") != std::string::npos);
  }
  SUBCASE("nobody trusts it to") {
    watch.asked_to_validate(plain, none);
    watch.asked_to_validate(plain, none);
    watch.need_not_validate();
    CHECK(watch.not_validating().empty());
  }
  SUBCASE("a root of one's own that is not signed") {
    auto look = healthy("a.example");
    look.sts.secure = true;
    watch.saw(look);
    watch.asked_to_validate(plain, none);
    watch.asked_to_validate(plain, none);
    CHECK(watch.not_validating().empty());
  }
}

}  // namespace stswatch
