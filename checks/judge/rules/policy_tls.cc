// Group C: TLS and the certificate of the policy host (RFC 8461 §3.3). Each fault is a finding of its own.

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/classify.h"
#include "checks/judge/rules/readings.h"

namespace stswatch {
namespace {

using Kind = ChainFault::Kind;

std::string described_by_name(const Certificate& certificate) {
  std::string out = "serial " + certificate.serial + ", issuer " + certificate.issuer;
  return certificate.common_name.empty() ? out : certificate.common_name + ", " + out;
}

/// "mta-*.example.com" for mta-sts.example.com: RFC 6125 §6.4.3 let clients match it, RFC 9525 §6.3 no
/// longer.
bool is_partial_wildcard(std::string_view name, std::string_view host) {
  const std::size_t star = name.find('*'), dot = name.find('.');
  if (star == name.npos || star >= dot || dot == name.npos || dot == 1) return false;
  const std::string_view before = name.substr(0, star), after = name.substr(star + 1);
  if (host.size() < before.size() + after.size() || !host.starts_with(before) || !host.ends_with(after))
    return false;
  const auto filled = host.substr(before.size(), host.size() - before.size() - after.size());
  return filled.find('.') == filled.npos;
}

class PolicyTlsJudge {
 public:
  PolicyTlsJudge(const Case& c, const PolicyCopy& copy, std::vector<CopyFault>& out)
      : c_(c), copy_(copy), peer_(*copy.fetch->tls.peer), host_(c.facts.domain.policy_host()), out_(out) {}

  void judge() {
    if (c_.vantage.clock_doubted.empty()) judge_dates();
    judge_revocation();
    judge_names();
    judge_trust();
  }

 private:
  void raise(std::string_view code, std::string detail, std::vector<Oddity> oddities = {}) {
    out_.push_back({code, &copy_, std::move(detail), std::nullopt, std::move(oddities)});
  }

  /// The leaf and what the path needs; of a chain that does not verify nobody knows what it would need.
  std::vector<const Certificate*> needed() const {
    std::vector<const Certificate*> out{&peer_.leaf};
    if (!peer_.trusted() && !peer_.has(Kind::expired)) return out;
    for (const std::size_t i : peer_.used)
      if (i < peer_.chain.size()) out.push_back(&peer_.chain[i]);
    return out;
  }

  /// Expired, expiring and overdue exclude each other: the worst of the chain counts.
  void judge_dates() {
    const ExpiryLimits limits{.warn = c_.limits.warn_before, .crit = c_.limits.crit_before};
    Life worst = Life::healthy;
    const Certificate* which = &peer_.leaf;
    for (const Certificate* certificate : needed()) {
      const Life life = judge_life(certificate->not_before, certificate->not_after, c_.now, limits);
      if (life > worst) {
        worst = life;
        which = certificate;
      }
    }
    const std::string until = to_utc(which->not_after);
    const std::string span = to_words(which->not_after - c_.now);
    if (worst == Life::expired || peer_.has(Kind::expired)) {
      raise("sts-webpki-cert-expired",
            worst == Life::expired ? "expired " + until + ", " + span + " ago: " + described_by_name(*which)
                                   : peer_.verify_error());
    } else if (worst == Life::critical) {
      raise("sts-webpki-cert-expiring", span + " left, until " + until + ": " + described_by_name(*which));
    } else if (worst == Life::overdue) {
      raise("sts-webpki-renewal-overdue", span + " left, until " + until + ": " + described_by_name(*which));
    }
    judge_start();
  }

  void judge_revocation() {
    // RFC 8461 §3.3: revocation MAY be checked: the policy stays in effect for most.
    if (peer_.revoked == true)
      raise("sts-webpki-revoked", peer_.revocation + ", " + described_by_name(peer_.leaf));
    if (!peer_.elder_refuses.empty()) raise("certificate-root-new", in_elder_words(peer_));
  }

  void judge_start() {
    if (!peer_.has(Kind::not_yet_valid) && peer_.leaf.not_before <= c_.now + bounds::kClockTolerance) return;
    raise("sts-webpki-not-yet-valid",
          "valid from " + to_utc(peer_.leaf.not_before) + ": " + described_by_name(peer_.leaf));
  }

  /// RFC 8461 §3.3: "Matching is performed only against the DNS-ID identifiers."
  void judge_names() {
    if (peer_.name_matches) return;
    const auto& names = peer_.leaf.dns_names;
    if (names.empty() && matches(host_, peer_.leaf.common_name)) {
      return raise("sts-webpki-cn-only",
                   "CN " + peer_.leaf.common_name + ", no subjectAltName with a DNS name");
    }
    constexpr std::size_t kShown = 5;
    std::string listed;
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
      text::add(listed, ", ", names[i]);
    if (names.size() > kShown) listed += " and " + std::to_string(names.size() - kShown) + " more";
    raise("sts-webpki-host-mismatch",
          "the certificate names " + (listed.empty() ? "no host" : listed) + ", not " + host_,
          {std::ranges::any_of(names, [&](const auto& name) { return is_partial_wildcard(name, host_); })
               ? Oddity::partial_wildcard
               : Oddity::none});
  }

  /// RULES 3.2 C: the evidence that an intermediate is missing, rather than the trust.
  bool misses_intermediate() const {
    if (!peer_.has(Kind::unknown_issuer)) return false;
    const Certificate& last = peer_.chain.empty() ? peer_.leaf : peer_.chain.back();
    const bool issuer_sent = std::ranges::any_of(
        peer_.chain, [&](const Certificate& sent) { return sent.subject == last.issuer; });
    return !last.self_issued && !issuer_sent && !peer_.last_issuer_trusted && last.names_issuer_url;
  }

  void judge_trust() {
    const bool incomplete = misses_intermediate();
    if (incomplete) {
      const Certificate& last = peer_.chain.empty() ? peer_.leaf : peer_.chain.back();
      raise("sts-webpki-chain-incomplete", std::to_string(peer_.chain.size() + 1) + " certificate(s) sent, " +
                                               "the issuer is missing: " + last.issuer);
    }
    for (const ChainFault& fault : peer_.faults) {
      if (fault.kind == Kind::expired || fault.kind == Kind::not_yet_valid) continue;
      if (incomplete && fault.kind == Kind::unknown_issuer) continue;
      return raise("sts-webpki-not-trusted", fault.text + ": " + described_by_name(peer_.leaf));
    }
  }

  const Case& c_;
  const PolicyCopy& copy_;
  const PeerCertificates& peer_;
  const std::string host_;
  std::vector<CopyFault>& out_;
};

void judge_copy(const Case& c, const PolicyCopy& copy, std::vector<CopyFault>& out) {
  const PolicyFetch& fetch = *copy.fetch;
  const FetchEnd end = end_of(fetch, c.vantage);
  if (fetch.tls.peer) {
    PolicyTlsJudge(c, copy, out).judge();
  } else if (end == FetchEnd::certificate) {
    out.push_back({"sts-webpki-not-trusted", &copy, copy.detail});
  }
  if (is_small_dh(fetch.tls)) out.push_back({"sts-webpki-dh-small", &copy, small_dh(fetch.tls)});
  if (end == FetchEnd::old_tls) out.push_back({"sts-webpki-tls-version", &copy, copy.detail});
  if (end == FetchEnd::handshake) out.push_back({"sts-webpki-handshake-failure", &copy, copy.detail});
}

}  // namespace

void judge_policy_tls(const Case& c, Findings& out) {
  // RULES 3.2 A: groups B, C and D are judged only when a record exists in any spelling.
  if (!c.deployed()) return;
  std::vector<CopyFault> faults;
  for (const PolicyCopy& copy : c.copies)
    judge_copy(c, copy, faults);
  raise_by_address(c, faults, out);
}

}  // namespace stswatch
