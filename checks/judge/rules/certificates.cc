// Group H: the certificate of each address of each MX host (RFC 8461 §4.2). Each fault is a finding of its
// own.
#include "checks/judge/rules/readings.h"
#include "checks/judge/rules/rules.h"

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/catalogue/finding.h"
#include "checks/judge/senders/by_pattern.h"

namespace stswatch {

namespace {

using Kind = ChainFault::Kind;

std::string described(const Certificate& certificate) {
  return "serial " + certificate.serial + ", issuer " + certificate.issuer;
}

/// The leaf or a needed element of the chain that has ended; of a chain that does not verify nobody knows
/// what it would need.
const Certificate* ended(const PeerCertificates& peer, TimePoint now) {
  if (peer.leaf.not_after <= now) return &peer.leaf;
  if (!peer.trusted() && !peer.has(Kind::expired)) return nullptr;
  const Certificate& first = peer.first_to_expire();
  return first.not_after <= now ? &first : nullptr;
}

void add_expired(const PeerCertificates& peer, TimePoint now, std::vector<CertificateFault>& out) {
  // RFC 8461 §4.2: "The certificate presented by the receiving MTA MUST not be expired".
  if (const Certificate* which = ended(peer, now)) {
    const std::string whose = which == &peer.leaf ? "" : which->subject + ", which the host sends, ";
    out.push_back({"certificate-expired", whose + "expired " + to_utc(which->not_after) + ", " +
                                              to_words(now - which->not_after) +
                                              " ago: " + described(*which)});
  } else if (peer.has(Kind::expired)) {
    const auto fault = std::ranges::find(peer.faults, Kind::expired, &ChainFault::kind);
    out.push_back({"certificate-expired", fault->text + " (depth " + std::to_string(fault->depth) + ")"});
  }
}

std::string names_of(const Certificate& leaf) {
  constexpr std::size_t kShown = 5;
  if (leaf.dns_names.empty()) return "no host";
  std::string out;
  for (std::size_t i = 0; i < std::min(leaf.dns_names.size(), kShown); ++i)
    text::add(out, ", ", leaf.dns_names[i]);
  if (leaf.dns_names.size() > kShown)
    out += " and " + std::to_string(leaf.dns_names.size() - kShown) + " more";
  return out;
}

void add_misnamed(const PeerCertificates& peer, const std::string& host, std::vector<CertificateFault>& out) {
  // RFC 8461 §4.2: the certificate "MUST have a subject alternative name (SAN) ... with a DNS-ID ... matching
  // the hostname"; a CN is no such name.
  if (peer.name_matches) return;
  if (peer.leaf.dns_names.empty() && matches(host, peer.leaf.common_name)) {
    out.push_back(
        {"certificate-cn-only", "CN " + peer.leaf.common_name + ", no subjectAltName with a DNS name"});
  } else {
    out.push_back(
        {"certificate-host-mismatch", "the certificate names " + names_of(peer.leaf) + ", not " + host});
  }
}

const Certificate& last_sent(const PeerCertificates& peer) {
  return peer.chain.empty() ? peer.leaf : peer.chain.back();
}

/// RULES 3.2 H: the evidence that an intermediate is missing, rather than the trust.
bool misses_intermediate(const PeerCertificates& peer) {
  if (!peer.has(Kind::unknown_issuer)) return false;
  const Certificate& last = last_sent(peer);
  const bool issuer_sent =
      std::ranges::any_of(peer.chain, [&](const Certificate& sent) { return sent.subject == last.issuer; });
  return !last.self_issued && !issuer_sent && !peer.last_issuer_trusted && last.names_issuer_url;
}

std::string_view code_of(const ChainFault& fault, bool incomplete) {
  switch (fault.kind) {
    case Kind::unknown_issuer:
      return incomplete ? "certificate-chain-incomplete" : "certificate-not-trusted";
    case Kind::wrong_purpose:
      return "certificate-eku-invalid";
    case Kind::weak:
      return "certificate-weak";
    case Kind::expired:
    case Kind::not_yet_valid:
      return {};  // judged by their dates
    default:
      return "certificate-not-trusted";
  }
}

void add_untrusted(const PeerCertificates& peer, TimePoint now, std::vector<CertificateFault>& out) {
  const bool incomplete = misses_intermediate(peer);
  const auto add = [&](std::string_view code, std::string detail) {
    if (std::ranges::find(out, code, &CertificateFault::code) == out.end()) {
      out.push_back({code, std::move(detail)});
    }
  };
  for (const ChainFault& fault : peer.faults) {
    const std::string_view code = code_of(fault, incomplete);
    if (code == "certificate-chain-incomplete") {
      // RFC 5246 §7.4.2: each certificate certifies the one before it; senders do not download what is
      // missing.
      add(code, std::to_string(peer.chain.size() + 1) +
                    " certificate(s) sent, the issuer is missing: " + last_sent(peer).issuer);
    } else if (!code.empty()) {
      add(code, fault.text + ": " + described(peer.leaf));
    }
  }
  // RFC 5280 §4.2.1.12: an extendedKeyUsage without serverAuth forbids this use.
  if (peer.leaf.server_auth == false)
    add("certificate-eku-invalid", "no serverAuth: " + described(peer.leaf));
  if (peer.has(Kind::not_yet_valid) || peer.leaf.not_before > now + bounds::kClockTolerance) {
    add("certificate-not-yet-valid",
        "valid from " + to_utc(peer.leaf.not_before) + ": " + described(peer.leaf));
  }
}

}  // namespace

std::vector<CertificateFault> certificate_faults(const PeerCertificates& peer, const std::string& host,
                                                 TimePoint now) {
  std::vector<CertificateFault> out;
  add_expired(peer, now, out);
  add_misnamed(peer, host, out);
  add_untrusted(peer, now, out);
  return out;
}

std::string in_elder_words(const PeerCertificates& peer) {
  const Certificate& last = last_sent(peer);
  return peer.elder_refuses + "; the chain as sent ends with issuer " + last.issuer;
}

std::string_view certificate_result_type(std::string_view code) {
  if (code == "certificate-expired") return code;
  if (code == "certificate-host-mismatch" || code == "certificate-cn-only")
    return "certificate-host-mismatch";
  return "certificate-not-trusted";
}

bool trusted_until_its_end(const PeerCertificates& peer, TimePoint now) {
  std::vector<CertificateFault> faults;
  add_untrusted(peer, now, faults);
  return faults.empty();
}

namespace {

using namespace std::chrono_literals;

constexpr Seconds kShortLived =
    10 * kDay;  // ACME clients renew these at half of their life, others at two thirds

Seconds overdue_below(Seconds life) {
  return life < kShortLived ? life * 3 / 8 : std::min(life / 4, 21 * kDay);
}

Seconds critical_below(Seconds life) {
  return life < kShortLived ? std::max(life / 4, kDay) : std::clamp(life / 10, kDay, 7 * kDay);
}

}  // namespace

Life judge_life(TimePoint not_before, TimePoint not_after, TimePoint now, const ExpiryLimits& limits) {
  const Seconds life = not_after - not_before;
  const Seconds left = not_after - now;
  if (left <= 0s) return Life::expired;
  // RULES 5.2: "the larger of the relative and the absolute threshold counts"
  if (left < std::max(critical_below(life), limits.crit)) return Life::critical;
  if (left < std::max(overdue_below(life), limits.warn)) return Life::overdue;
  return Life::healthy;
}

namespace {

/// The certificates whose end stops senders: the leaf, and of a chain that verifies what its path uses.
std::vector<const Certificate*> needed(const PeerCertificates& peer) {
  std::vector<const Certificate*> out{&peer.leaf};
  if (!peer.trusted()) return out;
  for (const std::size_t i : peer.used) {
    if (i < peer.chain.size()) out.push_back(&peer.chain[i]);
  }
  return out;
}

class CertificateJudge {
 public:
  CertificateJudge(const Case& c, const MxCase& mx, const MxAddressCase& at, std::vector<AddressFault>& out)
      : c_(c), mx_(mx), host_(mx.host), at_(at), peer_(*at.probe->tls.peer), out_(out) {}

  void judge() {
    for (CertificateFault& fault : certificate_faults(peer_, host_, c_.now))
      raise(fault.code, std::move(fault.detail));
    judge_life_left();
    judge_chain_end();
    judge_strength();
    // RFC 8461 §4.2: revocation MAY be checked, so that the host stays usable for most.
    if (peer_.revoked == true) raise("certificate-revoked", peer_.revocation + ", " + described(peer_.leaf));
    if (!peer_.elder_refuses.empty()) raise("certificate-root-new", in_elder_words(peer_));
  }

 private:
  void raise(std::string_view code, std::string detail) {
    out_.push_back({code, &at_, std::move(detail), {oddity_at(c_, mx_, at_)}});
  }

  /// RULES 3.2 Q: then "expiry judgements uncertain".
  bool clock_doubted() const { return !c_.vantage.clock_doubted.empty(); }

  bool raised(std::string_view code) const {
    return std::ranges::any_of(out_, [&](const AddressFault& f) { return f.code == code && f.at == &at_; });
  }

  std::string left(const Certificate& certificate) const {
    return to_words(certificate.not_after - c_.now) + " left, until " + to_utc(certificate.not_after) +
           ": serial " + certificate.serial + ", issuer " + certificate.issuer;
  }

  /// RULES 5.2. Expired, expiring and overdue exclude each other: the worst of the chain counts.
  void judge_life_left() {
    if (raised("certificate-expired") || clock_doubted()) return;
    const ExpiryLimits limits{.warn = c_.limits.warn_before, .crit = c_.limits.crit_before};
    Life worst = Life::healthy;
    const Certificate* which = nullptr;
    for (const Certificate* certificate : needed(peer_)) {
      const Life life = judge_life(certificate->not_before, certificate->not_after, c_.now, limits);
      if (life <= worst) continue;
      worst = life;
      which = certificate;
    }
    if (worst == Life::critical) raise("certificate-expiring", left(*which));
    if (worst == Life::overdue) raise("certificate-renewal-overdue", left(*which));
  }

  /// RFC 5280 §6: every certificate of the path must be valid, so the chain ends with the first of them.
  void judge_chain_end() {
    const Certificate& first = peer_.first_to_expire();
    if (!peer_.trusted() || first.not_after >= peer_.leaf.not_after || first.not_after <= c_.now) return;
    raise("certificate-intermediate-expiring", first.subject + " ends " + to_utc(first.not_after) +
                                                   ", the host's own " + to_utc(peer_.leaf.not_after));
  }

  void judge_strength() {
    if (raised("certificate-weak")) return;
    for (const Certificate* certificate : needed(peer_)) {
      if (!certificate->weak) continue;
      return raise("certificate-weak", certificate->key + ", signed with " + certificate->signature +
                                           ": serial " + certificate->serial + ", issuer " +
                                           certificate->issuer);
    }
  }

  const Case& c_;
  const MxCase& mx_;
  const std::string& host_;
  const MxAddressCase& at_;
  const PeerCertificates& peer_;
  std::vector<AddressFault>& out_;
};

}  // namespace

namespace {

/// The certificate of a CA in the chain has ended, where the host's own has not.
const Certificate* ended_above(const MxAddressCase& at, TimePoint now) {
  if (!at.probe || !at.probe->tls.peer || at.probe->tls.peer->leaf.not_after <= now) return nullptr;
  return ended(*at.probe->tls.peer, now);
}

void say_whose_end(const Case& c, const MxCase& mx, Findings& out) {
  const auto policies = demanding_policies(c);
  const auto lists = [&](const Policy* policy) { return matches_any(mx.host, policy->mx); };
  const auto leaves_out = [&](const Held& h) {
    return h.policy.mode == Mode::none || std::ranges::find(h.unlisted, mx.host) != h.unlisted.end();
  };
  const bool unlisted =
      !policies.empty() && std::ranges::none_of(policies, lists) && std::ranges::all_of(c.held, leaves_out);
  for (Finding& finding : out.all()) {
    const bool of_all = finding.subject == mx.host;
    if (!of_all && !finding.subject.starts_with(mx.host + ' ')) continue;
    if (unlisted && finding.code == "certificate-expiring" && c.asked == Mode::enforce) {
      finding.severity = std::min(finding.severity, Severity::warning);
      say_for(Situation::unlisted, c.facts.domain, c.now, &finding);
    }
    for (const MxAddressCase& at : mx.addresses) {
      const Certificate* above = ended_above(at, c.now);
      if (above && finding.code == "certificate-expired" &&
          (of_all || finding.subject.ends_with(' ' + at.address.str())))
        say_for(Situation::intermediate, c.facts.domain, c.now, &finding, {{"value", above->subject}});
    }
  }
}

}  // namespace

void judge_certificates(const Case& c, Findings& out) {
  for (const MxCase& mx : c.mx) {
    std::vector<AddressFault> faults;
    for (const MxAddressCase& at : mx.addresses) {
      if (at.probe && at.probe->tls.peer) {
        CertificateJudge(c, mx, at, faults).judge();
      } else if (at.code == "certificate-not-trusted") {
        faults.push_back({"certificate-not-trusted", &at, at.detail});
      }
    }
    // Beside the finding that tells of a pool, what it names would come and go with the machine that answers.
    std::erase_if(faults, [](const AddressFault& fault) {
      return fault.at->flapping && fault.at->flapping->faults.contains(std::string(fault.code));
    });
    raise_by_address(c, mx, faults, out);
    say_whose_end(c, mx, out);
  }
}

}  // namespace stswatch
