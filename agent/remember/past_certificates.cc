#include "agent/remember/past.h"
#include "checks/facts/join.h"

#include <algorithm>
#include <ranges>

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr Seconds kCertificatesRemembered = 400 * 24h;
constexpr Seconds kNodes = 30 * 24h;  // a node may be away so long and come back unchanged
constexpr std::size_t kCertificatesKept = 64, kOctets = 32 << 10;
constexpr std::size_t kCertificatesTold = 20;

}  // namespace

void fold_certificates(std::vector<SeenCertificate>& known, const std::vector<const Certificate*>& shown,
                       TimePoint now) {
  for (auto& seen : known) {
    const bool there_now =
        std::ranges::any_of(shown, [&](const Certificate* c) { return c->sha256 == seen.sha256; });
    if (there_now)
      seen.seen.gone.reset();
    else if (!seen.seen.gone)
      seen.seen.gone = now;
  }
  for (const auto* c : shown) {
    if (std::ranges::find(known, c->sha256, &SeenCertificate::sha256) != known.end()) continue;
    known.push_back(
        {c->sha256, c->spki_sha256, c->issuer, c->serial, c->not_before, c->not_after, {now, {}}});
  }
  std::erase_if(known, [&](const SeenCertificate& s) {
    return s.seen.gone && now - *s.seen.gone > kCertificatesRemembered;
  });
  std::size_t octets = 0, kept = 0;
  for (auto it = known.rbegin(); it != known.rend() && kept < kCertificatesKept; ++it, ++kept) {
    octets += it->issuer.size() + it->serial.size() + it->sha256.size() + it->spki_sha256.size();
    if (octets > kOctets && kept > 0) break;
  }
  known.erase(known.begin(), known.end() - static_cast<std::ptrdiff_t>(kept));
}

Novelty novelty(const std::vector<SeenCertificate>& known, const std::vector<const Certificate*>& shown,
                std::string SeenCertificate::*of_known, std::string Certificate::*of_shown, TimePoint now) {
  Novelty out;
  for (const auto& seen : known)
    if (!seen.seen.gone || now - *seen.seen.gone <= kNodes) out.before.insert(seen.*of_known);
  if (known.empty()) return out;
  for (const auto* c : shown)
    if (!out.before.contains(c->*of_shown)) out.fresh.insert(c->*of_shown);
  return out;
}

std::string told(const std::set<std::string>& words) {
  if (words.size() <= kCertificatesTold) return text::joined(words);
  const auto first = std::next(words.begin(), kCertificatesTold);
  return text::joined(std::ranges::subrange(words.begin(), first)) + " and " +
         std::to_string(words.size() - kCertificatesTold) + " more";
}

HostPast remember_look(HostPast past, const MxHostObservation& confirmed) {
  std::vector<const Certificate*> shown;
  for (const auto& probe : confirmed.probes)
    if (probe.tls.peer) shown.push_back(&probe.tls.peer->leaf);
  if (shown.empty()) return past;
  const auto tell = [&](const char* code, const Novelty& new_ones) {
    if (!new_ones.fresh.empty())
      past.changes.push_back(
          {confirmed.at, code, confirmed.host, told(new_ones.before), told(new_ones.fresh)});
  };
  tell("certificate-issuer-changed",
       novelty(past.certificates, shown, &SeenCertificate::issuer, &Certificate::issuer, confirmed.at));
  tell("certificate-key-changed", novelty(past.certificates, shown, &SeenCertificate::spki_sha256,
                                          &Certificate::spki_sha256, confirmed.at));
  fold_certificates(past.certificates, shown, confirmed.at);
  if (past.changes.size() > kCertificatesKept)
    past.changes.erase(past.changes.begin(), past.changes.end() - kCertificatesKept);
  bound_changes(past.changes);
  return past;
}

}  // namespace stswatch
