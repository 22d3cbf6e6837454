// Laws of confirmation (RULES 5.3) for an MX host: as in confirm_test.cc, address by address.
#include <doctest/doctest.h>

#include "agent/remember/memory.h"
#include "checks/judge/classify.h"
#include "tests/judge/facts_builder.h"

namespace stswatch::facts {
namespace {

/// An MX host's probes look after look.
class Probing {
 public:
  explicit Probing(std::optional<SmtpProbe> first = probe(kMail1, kHost)) {
    if (first) see(*first);
  }
  void see(const SmtpProbe& seen, bool elsewhere = true) {
    now_ += 30s;
    auto look = mx_host(kHost, {seen});
    look.at = now_;
    Vantage vantage;
    vantage.reached_25 = true;
    vantage.answered_at = now_;
    if (elsewhere) vantage.reached_25_at = vantage.spoke_25_at = now_;
    known_ = confirm(known_ ? &*known_ : nullptr, look, debounces, vantage, {3});
  }
  int looks_until_shown(const SmtpProbe& seen) {
    for (int i = 1; i <= 20; ++i) {
      see(seen);
      const auto& p = known_->probes[0];
      if (p.failure == seen.failure && p.tls == seen.tls) return i;
    }
    return 0;
  }
  const SmtpProbe& known() const { return known_->probes[0]; }

  Debounces debounces;

 private:
  std::optional<MxHostObservation> known_;
  TimePoint now_ = kNow;
};

}  // namespace

TEST_CASE("what ends a dialogue decides how many looks it takes") {
  auto shown = probe_showing(kMail1, kHost, misnamed("other.example.com"));
  CHECK(Probing().looks_until_shown(shown) == 2);
  CHECK(Probing().looks_until_shown(probe_showing(kMail1, kHost, expired(kHost))) == 1);
  CHECK(Probing().looks_until_shown(failed_probe(kMail1, Stage::starttls, Cause::not_offered)) == 3);
  CHECK(Probing().looks_until_shown(failed_probe(kMail1, Stage::connect, Cause::refused)) == 3);
  // RULES 5.3: the proof of these is the repetition.
  CHECK(Probing().looks_until_shown(
            failed_probe(kMail1, Stage::starttls, Cause::deferred, "454 later", 454)) == 3);
  CHECK(Probing().looks_until_shown(failed_probe(kMail1, Stage::handshake, Cause::timeout)) == 3);
}

TEST_CASE("greylisting proves nothing, however often") {
  CHECK(Probing().looks_until_shown(
            failed_probe(kMail1, Stage::greeting, Cause::deferred, "451 later", 451)) == 0);
}

TEST_CASE("a server that takes the connection and speaks no SMTP is silent once looks in a row say so") {
  for (const auto stage : {Stage::greeting, Stage::ehlo, Stage::starttls})
    for (const auto cause : {Cause::timeout, Cause::closed, Cause::reset})
      CHECK(Probing().looks_until_shown(failed_probe(kMail1, stage, cause)) == 3);
}

TEST_CASE("where nobody speaks SMTP to this vantage, one more who does not proves nothing") {
  Probing p;
  for (int i = 0; i < 10; ++i)
    p.see(failed_probe(kMail1, Stage::greeting, Cause::timeout), false);
  CHECK_FALSE(p.known().failure);
}

TEST_CASE("a word of SMTP ends the count of silences") {
  Probing p;
  const auto mute = failed_probe(kMail1, Stage::greeting, Cause::timeout);
  for (int i = 0; i < 4; ++i) {
    p.see(mute);
    p.see(mute);
    p.see(failed_probe(kMail1, Stage::greeting, Cause::deferred, "421 busy", 421));
  }
  CHECK_FALSE(p.known().failure);
}

TEST_CASE("a silent port 25 is our own view until another host has answered in between") {
  Probing p;
  const auto silent = failed_probe(kMail1, Stage::connect, Cause::timeout);
  for (int i = 0; i < 10; ++i)
    p.see(silent, false);
  CHECK_FALSE(p.known().failure);
  CHECK(Probing().looks_until_shown(silent) == 3);
}

TEST_CASE("the silence of one outage is forgotten before the next, also where the host is not well") {
  const auto silent = failed_probe(kMail1, Stage::connect, Cause::timeout);
  for (const auto& usual : {failed_probe(kMail1, Stage::starttls, Cause::not_offered),
                            failed_probe(kMail1, Stage::greeting, Cause::deferred, "451 later", 451)}) {
    Probing p;
    for (int i = 0; i < 3; ++i)
      p.see(usual);
    auto before = p.known();
    before.held_from.reset();
    for (int outage = 0; outage < 4; ++outage) {
      for (int i = 0; i < 5; ++i)
        p.see(silent, false);
      CHECK(p.known().held_from);
      auto undated = p.known();
      undated.held_from.reset();
      CHECK(undated == before);
      for (int i = 0; i < 3; ++i)
        p.see(usual);
      CHECK(p.debounces.empty());  // nothing that asks for haste
    }
  }
}

TEST_CASE("a fault at the first look of a host is confirmed like any other") {
  Probing p(std::nullopt);
  const auto bad = failed_probe(kMail1, Stage::starttls, Cause::not_offered);
  p.see(bad);
  CHECK(p.known().failure->cause == Cause::cancelled);  // nothing is known yet
  p.see(bad);
  p.see(bad);
  CHECK(p.known().failure == bad.failure);
  CHECK_FALSE(p.debounces.contains(std::string(kMail1)));
}

TEST_CASE(
    "a chain that has ceased to match its TLSA records is told after two looks, and at once when it does") {
  const TlsaRecord record{3, 1, 1, std::string(64, 'a')};
  const auto host = [&](bool matches) {
    auto look = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
    look.tlsa = found<TlsaAnswer>(tlsa_name(kMx1, 25));
    look.tlsa.secure = true;
    look.tlsa.records = {record};
    look.probes[0].tls.tlsa = {{.record = record, .matches = matches}};
    return look;
  };
  Debounces debounces;
  auto known = confirm(nullptr, host(true), debounces, {}, ConfirmRules{3});
  CHECK(known.probes[0].tls.tlsa[0].matches);
  known = confirm(&known, host(false), debounces, {}, ConfirmRules{3});
  CHECK(known.probes[0].tls.tlsa.empty());  // unknown for now
  known = confirm(&known, host(false), debounces, {}, ConfirmRules{3});
  REQUIRE(known.probes[0].tls.tlsa.size() == 1);
  CHECK_FALSE(known.probes[0].tls.tlsa[0].matches);
  known = confirm(&known, host(false), debounces, {}, ConfirmRules{3});
  CHECK(known.probes[0].tls.tlsa.size() == 1);
  CHECK(debounces.empty());
  known = confirm(&known, host(true), debounces, {}, ConfirmRules{3});
  CHECK(known.probes[0].tls.tlsa[0].matches);
  // Records that are still seen stay known where a lookup fails.
  auto failing = host(true);
  failing.tlsa = unknown<TlsaAnswer>(failing.tlsa.name);
  known = confirm(&known, failing, debounces, {}, ConfirmRules{3});
  CHECK(known.tlsa.records.size() == 1);
}

TEST_CASE(
    "a second probe's fault is told once another has met it again; what proves nothing changes nothing") {
  std::optional<MxHostObservation> known;
  Debounces debounces;
  TimePoint now = kNow;
  const auto see = [&](std::optional<Trial> large) {
    auto seen = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
    seen.at = now += 30s;
    if (large) {
      large->at = seen.at;
      seen.second = {{.address = address(kMail1), .at = seen.at, .large_hello = *large}};
    }
    known = confirm(known ? &*known : nullptr, seen, debounces, {.reached_25 = true}, {3});
    return known->second.empty() ? std::nullopt : known->second[0].large_hello.good;
  };
  const Trial good{.good = true}, bad{.good = false, .detail = "dropped"}, unproved{};
  CHECK_FALSE(see(std::nullopt));
  CHECK(see(good) == true);
  CHECK(see(bad) == true);  // held: in doubt
  CHECK(doubts_second_probe(debounces));
  CHECK(see(std::nullopt) == true);  // the usual look says nothing of it
  CHECK(see(unproved) == true);
  CHECK(see(bad) == false);
  CHECK_FALSE(doubts_second_probe(debounces));
  CHECK(see(std::nullopt) == false);  // remembered, with its age
  CHECK(known->second[0].large_hello.at < now);
  CHECK(known->second[0].large_hello.detail == "dropped");
  CHECK(see(unproved) == false);
  CHECK(see(good) == true);
  CHECK(see(bad) == true);  // in doubt again, and then it was nothing
  CHECK(see(good) == true);
  CHECK(debounces.empty());
}

// What DNSSEC proves of an MX host, over several looks.

TEST_CASE("that DNSSEC ends above TLSA records, or their denial is broken, is believed after the looks") {
  const auto look = [](bool lost, std::string denial) {
    auto out = mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))});
    out.addresses.a.secure = !lost;
    out.tlsa = lost ? TlsaAnswer{} : found<TlsaAnswer>(tlsa_name(kMx1, 25));
    out.tlsa.secure = !lost;
    if (lost) out.trust_end = {"example.com", "com", "3 1 1 aaaa"};
    out.tlsa_denial = std::move(denial);
    return out;
  };
  Debounces debounces;
  std::optional<MxHostObservation> known;
  const auto see = [&](const MxHostObservation& seen) {
    known = confirm(known ? &*known : nullptr, seen, debounces, Vantage{}, {});
  };
  see(look(false, ""));
  for (int i = 0; i < 2; ++i) {
    see(look(true, ""));
    CHECK_FALSE(known->trust_end.proved());
    CHECK(known->tlsa.lookup == Lookup::found);
  }
  see(look(true, ""));
  CHECK(known->trust_end.proved());
  CHECK(known->tlsa.lookup == Lookup::unknown);  // nobody goes by them any more
  see(look(false, ""));
  CHECK_FALSE(known->trust_end.proved());

  for (int i = 0; i < 2; ++i) {
    see(look(false, "_tcp.mx1.example.com: NXDOMAIN"));
    CHECK(known->tlsa_denial.empty());
  }
  see(look(false, "_tcp.mx1.example.com: NXDOMAIN"));
  CHECK_FALSE(known->tlsa_denial.empty());
  auto blind = look(false, "");
  blind.tlsa = unknown<TlsaAnswer>(blind.tlsa.name);
  see(blind);
  CHECK_FALSE(known->tlsa_denial.empty());  // what could not be asked heals nothing
  see(look(false, ""));
  CHECK(known->tlsa_denial.empty());
}

}  // namespace stswatch::facts
