// TLSA records of an MX host over time (RFC 7671 §8): whether a key came into use before every sender could
// know its record, which records serve nobody, whether DNSSEC once protected them. By looks as they were
// seen, since what is held back for confirmation would make a record appear later than it did.

#include <algorithm>

#include "agent/remember/past.h"
#include "checks/facts/bounds.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kGoneKept = 8 * 24h;  // what some resolver may still hold, and what a week's TTL bears on
constexpr std::size_t kKept = 2 * bounds::kTlsaRecords;

bool vouches(const MxHostObservation& look, const TlsaRecord& record) {
  return std::ranges::any_of(look.probes, [&](const SmtpProbe& probe) {
    const auto match = std::ranges::find(probe.tls.tlsa, record, &TlsaMatch::record);
    return match != probe.tls.tlsa.end() && match->matches;
  });
}

/// Each address showed its chain, and it was held against the records.
bool held_against_all(const MxHostObservation& look) {
  return !look.probes.empty() && std::ranges::all_of(look.probes, [](const SmtpProbe& probe) {
    return !probe.failure && !probe.tls.tlsa.empty();
  });
}

void note_use(SeenTlsa& seen, const MxHostObservation& look) {
  if (vouches(look, seen.record)) {
    if (!seen.matched) seen.matched = look.at;
    seen.idle_since.reset();
  } else if (!held_against_all(look)) {
    return;
  } else if (!seen.idle_since) {
    seen.idle_since = look.at;
  }
}

}  // namespace

HostPast note_tlsa(HostPast past, const MxHostObservation& look) {
  const TlsaAnswer& answer = look.tlsa;
  if (answer.name.empty() || answer.lookup == Lookup::unknown || !answer.secure) return past;
  TlsaPast& tlsa = past.tlsa;
  std::uint32_t largest = answer.ttl;
  for (SeenTlsa& seen : tlsa.records) {
    const bool there = std::ranges::find(answer.records, seen.record) != answer.records.end();
    if (!there && !seen.seen.gone) seen.seen.gone = look.at;
    if (!there || seen.seen.gone) continue;  // one that comes back is a new entry
    seen.ttl = std::max(seen.ttl, answer.ttl);
    largest = std::max(largest, seen.ttl);
    note_use(seen, look);
  }
  for (const TlsaRecord& record : answer.records) {
    const auto same = [&](const SeenTlsa& s) { return !s.seen.gone && s.record == record; };
    if (std::ranges::any_of(tlsa.records, same)) continue;
    tlsa.records.push_back({record, answer.ttl, {look.at, {}}, tlsa.as_of});
    note_use(tlsa.records.back(), look);
  }
  std::erase_if(tlsa.records,
                [&](const SeenTlsa& s) { return s.seen.gone && look.at - *s.seen.gone > kGoneKept; });
  if (tlsa.records.size() > kKept) tlsa.records.erase(tlsa.records.begin(), tlsa.records.end() - kKept);
  // A resolver's copy is as old as its TTL has counted down (RFC 1035 §3.2.1).
  const TimePoint fetched = look.at - Seconds{largest - answer.ttl};
  tlsa.as_of = std::max(tlsa.as_of.value_or(fetched), fetched);
  if (answer.lookup == Lookup::found) tlsa.secure = look.at;
  return past;
}

}  // namespace stswatch
