// Group H: the certificate of each address of each MX host (RFC 8461 §4.2). Each fault is a finding of its
// own.
#include "checks/judge/certificates.h"

#include <algorithm>

#include "checks/judge/expiry.h"
#include "checks/judge/mx_faults.h"

namespace stswatch {
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

class Judge {
 public:
  Judge(const Case& c, const MxCase& mx, const MxAddressCase& at, std::vector<AddressFault>& out)
      : c_(c), host_(mx.host), at_(at), peer_(*at.probe->tls.peer), out_(out) {}

  void judge() {
    for (CertificateFault& fault : certificate_faults(peer_, host_, c_.now))
      raise(fault.code, std::move(fault.detail));
    judge_life_left();
    judge_chain_end();
    judge_strength();
  }

 private:
  void raise(std::string_view code, std::string detail) { out_.push_back({code, &at_, std::move(detail)}); }

  bool raised(std::string_view code) const {
    return std::ranges::any_of(out_, [&](const AddressFault& f) { return f.code == code && f.at == &at_; });
  }

  std::string left(const Certificate& certificate) const {
    return to_words(certificate.not_after - c_.now) + " left, until " + to_utc(certificate.not_after) +
           ": serial " + certificate.serial + ", issuer " + certificate.issuer;
  }

  /// RULES 5.2. Expired, expiring and overdue exclude each other: the worst of the chain counts.
  void judge_life_left() {
    if (raised("certificate-expired")) return;
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
  const std::string& host_;
  const MxAddressCase& at_;
  const PeerCertificates& peer_;
  std::vector<AddressFault>& out_;
};

}  // namespace

void judge_certificates(const Case& c, Findings& out) {
  for (const MxCase& mx : c.mx) {
    std::vector<AddressFault> faults;
    for (const MxAddressCase& at : mx.addresses) {
      if (at.probe && at.probe->tls.peer) {
        Judge(c, mx, at, faults).judge();
      } else if (at.code == "certificate-not-trusted") {
        faults.push_back({"certificate-not-trusted", &at, at.detail});
      }
    }
    raise_by_address(c, mx, faults, out);
  }
}

}  // namespace stswatch
