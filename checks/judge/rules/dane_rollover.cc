// TLSA records over time (RFC 7671 §8, RFC 7672 §4): a key that came into use before every sender could know
// its record, records that serve nobody, issuers that the next renewal may bring. Needs a memory for the
// first two; what was there at the first look is taken to have been there always.

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/readings.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kIdle = 30 * 24h;  // RULES 3.2 M

std::string when(TimePoint t) { return to_utc(t); }

bool there_at(const SeenTlsa& seen, TimePoint at) {
  return seen.seen.first <= at && (!seen.seen.gone || *seen.seen.gone > at);
}

/// A record of before would vouch for this chain too, by what its digest is of. Where that cannot be told
/// from digests alone it is taken for granted: nobody is accused.
bool would_vouch(const TlsaRecord& record, const PeerCertificates& peer) {
  if (record.matching != 1) return true;
  const auto is_of = [&](const Certificate& certificate) {
    return record.data == (record.selector == 1 ? certificate.spki_sha256 : certificate.sha256);
  };
  return record.usage == 3 ? is_of(peer.leaf) : std::ranges::any_of(peer.chain, is_of);
}

struct Hasty {
  const SeenTlsa* record = nullptr;
  TimePoint safe_from{};
};

/// RFC 7671 §8.1: senders may hold the records of before for their TTL, twice that to be safe (a cache may
/// have asked a secondary that lags). Proved only where key and record came closer together than that,
/// however far apart the looks lie.
std::optional<Hasty> hasty(const SeenTlsa& seen, const TlsaPast& past, const PeerCertificates& peer,
                           TimePoint now) {
  if (!seen.absent || !seen.matched) return std::nullopt;
  std::uint32_t ttl = 0;
  bool others = false;
  for (const SeenTlsa& other : past.records) {
    if (!there_at(other, *seen.absent) || !is_usable(other.record)) continue;
    if (would_vouch(other.record, peer)) return std::nullopt;
    others = true;
    ttl = std::max(ttl, other.ttl);
  }
  const Seconds wait = 2 * Seconds{ttl};
  // No usable record before: nobody's cache holds one, whatever it does not know yet.
  if (!others || *seen.matched - *seen.absent >= wait || now >= seen.seen.first + wait) return std::nullopt;
  return Hasty{&seen, seen.seen.first + wait};
}

/// Every record that vouches for the chain at this address came too late; the first of them that is safe.
std::optional<Hasty> hasty_at(const MxAddressCase& at, const std::vector<TlsaRecord>& records,
                              const TlsaPast& past, TimePoint now) {
  std::optional<Hasty> first;
  for (const std::size_t index : at.tlsa.matched) {
    const auto seen = std::ranges::find_if(
        past.records, [&](const SeenTlsa& s) { return !s.seen.gone && s.record == records[index]; });
    const auto late =
        seen == past.records.end() ? std::nullopt : hasty(*seen, past, *at.probe->tls.peer, now);
    if (!late) return std::nullopt;
    if (!first || late->safe_from < first->safe_from) first = late;
  }
  return first;
}

void judge_rollover(const Case& c, const MxCase& mx, const TlsaPast& past, Findings& out) {
  for (const MxAddressCase& at : mx.addresses) {
    if (at.dane != Dane::matched || !at.probe->tls.peer) continue;
    const auto late = hasty_at(at, mx.look->tlsa.records, past, c.now);
    if (!late) continue;
    out.raise("tlsa-rollover-unsafe", mx.host,
              in_detail(c, printable(late->record->record.brief() + " was first seen " +
                                         when(late->record->seen.first) + ", and its key is in use since " +
                                         when(*late->record->matched) + " at the latest; safe from " +
                                         when(late->safe_from),
                                     bounds::kDetail)),
              {{"until", when(late->safe_from)}});
    return;
  }
}

/// RFC 7671 §8.4: "remove obsolete records last". Whether a record is of the next key nobody can see.
void judge_idle(const Case& c, const MxCase& mx, const TlsaPast& past, Findings& out) {
  const bool vouched =
      !mx.addresses.empty() &&
      std::ranges::all_of(mx.addresses, [](const MxAddressCase& at) { return at.dane == Dane::matched; });
  if (!vouched) return;
  std::string idle;
  for (const SeenTlsa& seen : past.records) {
    if (seen.seen.gone || !seen.idle_since || c.now - *seen.idle_since < kIdle) continue;
    if (!is_usable(seen.record) ||
        std::ranges::find(mx.look->tlsa.records, seen.record) == mx.look->tlsa.records.end())
      continue;
    if (std::ranges::find(c.limits.standby_tlsa, seen.record) != c.limits.standby_tlsa.end()) continue;
    text::add(idle, ", ", seen.record.brief() + " since " + when(*seen.idle_since));
  }
  if (!idle.empty())
    out.raise("tlsa-stale-record", mx.host,
              in_detail(c, printable("matches no chain shown: " + idle, bounds::kDetail)));
}

/// Let's Encrypt takes any of its intermediates, two at least for each kind of key, by chance.
bool issuer_is_by_chance(const Certificate& leaf) {
  return leaf.issuer.find("Let's Encrypt") != std::string::npos;
}

/// RFC 7672 §3.1.2. One issuer is named where the CA has several; a root above them stands for all of them.
void judge_issuers(const Case& c, const MxCase& mx, Findings& out) {
  const auto& records = mx.look->tlsa.records;
  for (const MxAddressCase& at : mx.addresses) {
    if (at.dane != Dane::matched || !at.probe->tls.peer) continue;
    const PeerCertificates& peer = *at.probe->tls.peer;
    if (!issuer_is_by_chance(peer.leaf) || peer.chain.empty()) continue;
    std::size_t named = 0;
    std::string listed;
    bool other = false;  // some record would carry over, or nobody can tell from here
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (!at.tlsa.usable[i]) continue;
      other = other || records[i].usage == 3 || records[i].matching != 1;
      listed = records[i].brief();
      ++named;
    }
    const Certificate& issuer = peer.chain.front();
    const bool direct = std::ranges::any_of(at.tlsa.matched, [&](std::size_t i) {
      return records[i].data == (records[i].selector == 1 ? issuer.spki_sha256 : issuer.sha256);
    });
    if (other || named != 1 || !direct) continue;
    out.raise("tlsa-issuer-set-incomplete", mx.host,
              in_detail(c, printable("only " + listed + " of \"" + peer.leaf.issuer +
                                         "\" is listed, and this CA picks one of several by chance",
                                     bounds::kDetail)));
    return;
  }
}

}  // namespace

void judge_dane_over_time(const Case& c, Findings& out) {
  for (const MxCase& mx : c.mx) {
    if (!mx.look || mx.look->tlsa.lookup != Lookup::found || !mx.look->tlsa.secure) continue;
    judge_issuers(c, mx, out);
    const auto past = c.history.hosts.find(mx.host);
    if (past == c.history.hosts.end() || !past->second) continue;
    judge_rollover(c, mx, past->second->tlsa, out);
    judge_idle(c, mx, past->second->tlsa, out);
  }
}

}  // namespace stswatch
