#include "checks/observe/second_probe.h"

#include <initializer_list>
#include <utility>

#include "checks/facts/bounds.h"

namespace stswatch {
namespace {

bool came_up(const SmtpProbe& seen) { return !seen.failure; }

bool lacks_starttls(const SmtpProbe& seen) {
  return seen.failure && seen.failure->stage == Stage::starttls && seen.failure->cause == Cause::not_offered;
}

/// Ended in the handshake by one of these.
bool broke_off(const SmtpProbe& seen, std::initializer_list<Cause> causes) {
  if (!seen.failure || seen.failure->stage != Stage::handshake) return false;
  for (const Cause cause : causes)
    if (seen.failure->cause == cause) return true;
  return false;
}

std::string words(const SmtpProbe& seen) {
  return printable(
      seen.failure->detail.empty() ? std::string(to_string(seen.failure->cause)) : seen.failure->detail,
      bounds::kDetail);
}

class SecondLook {
 public:
  SecondLook(const std::string& host, const SmtpProbe& usual, const TrustStore& trust,
             const SmtpOptions& options, TimePoint now, const Deadline& deadline)
      : host_(host), usual_(usual), trust_(trust), options_(options), now_(now), deadline_(deadline) {
    out_.address = usual.address;
    out_.at = now;
  }

  SecondProbe run() {
    if (lacks_starttls(usual_)) {
      try_other_name();
      return std::move(out_);
    }
    try_large_hello();
    try_stranger();
    try_legacy();
    return std::move(out_);
  }

 private:
  /// One more connection, while the peer bears it.
  SmtpProbe come(const SmtpWay& way) {
    SmtpProbe seen;
    seen.address = usual_.address;
    seen.failure = Failure{Stage::connect, Cause::local, "no more time, or no more patience"};
    if (weary_ || deadline_.passed() || deadline_.cancelled()) return seen;
    // Less than its due would call a slow server silent.
    if (way.offer == TlsOffer::large && deadline_.left() < way.patience) return seen;
    seen = try_smtp(host_, usual_.address, trust_, options_, now_, deadline_, way);
    if (seen.failure && !is_our_own(seen.failure->cause))
      weary_ = seen.failure->cause == Cause::deferred || seen.failure->stage <= Stage::greeting;
    return seen;
  }

  bool usual_way_works() { return came_up(come({.patience = bounds::kUsualHello})); }

  void found(Trial& trial, bool good, std::string detail = {}) const {
    trial = {good, good ? std::string() : std::move(detail), now_};
  }

  /// RFC 8446 §4.1.2: a ClientHello may be of any length. Silence and a cut line say that it was not read.
  void try_large_hello() {
    const SmtpWay large{.offer = TlsOffer::large, .patience = options_.large_hello};
    const auto dropped = [](const SmtpProbe& seen) {
      return broke_off(seen, {Cause::timeout, Cause::reset, Cause::closed});
    };
    const auto first = come(large);
    if (came_up(first)) return found(out_.large_hello, true);
    if (dropped(first) && usual_way_works() && dropped(come(large)))
      found(out_.large_hello, false, "a ClientHello of about 1,500 octets: " + words(first));
  }

  /// Another name in EHLO and none in SNI, in one connection.
  void try_stranger() {
    auto seen = come({.sni = false, .other_name = true});
    if (came_up(seen)) found(out_.starttls, true);
    if (lacks_starttls(seen) && usual_way_works() && lacks_starttls(come({.other_name = true})))
      found(out_.starttls, false,
            "offered to our EHLO name, withheld from " + other_ehlo_name(usual_.address));
    const bool not_reached = seen.failure && seen.failure->stage < Stage::handshake;
    if (not_reached) seen = come({.sni = false});
    judge_without_sni(seen);
  }

  /// RFC 8461 §7.1: servers must not refuse who sends no SNI.
  void judge_without_sni(const SmtpProbe& seen) {
    const auto refused = [](const SmtpProbe& s) {
      return broke_off(s, {Cause::tls_alert, Cause::reset, Cause::closed});
    };
    if (came_up(seen)) {
      found(out_.without_sni, true);
      return judge_default_certificate(seen.tls.peer);
    }
    if (refused(seen) && usual_way_works() && refused(come({.sni = false})))
      found(out_.without_sni, false, "without SNI: " + words(seen));
  }

  void judge_default_certificate(const Shared<PeerCertificates>& shown) {
    const auto& ours = usual_.tls.peer;
    if (!shown || !ours) return;
    const bool good = shown->leaf.sha256 == ours->leaf.sha256 || shown->name_matches;
    const auto& names = shown->leaf.dns_names;
    found(out_.default_certificate, good,
          "without SNI: a certificate for " + (names.empty() ? "no host" : printable(names.front(), 100)) +
              (names.size() > 1 ? " and " + std::to_string(names.size() - 1) + " more" : ""));
  }

  void try_legacy() {
    const auto seen = come({.offer = TlsOffer::legacy});
    if (came_up(seen)) return found(out_.legacy, false, seen.tls.version + " is accepted");
    if (broke_off(seen, {Cause::tls_alert, Cause::tls_protocol, Cause::reset, Cause::closed}))
      found(out_.legacy, true);
  }

  /// Where our own name is offered nothing (RFC 7672 §9.2).
  void try_other_name() {
    const auto offered = [](const SmtpProbe& seen) { return seen.starttls_offered; };
    if (const auto first = come({.other_name = true}); !offered(first)) {
      if (lacks_starttls(first)) found(out_.starttls, true);
      return;
    }
    if (lacks_starttls(come({})) && offered(come({.other_name = true})))
      found(out_.starttls, false,
            "withheld from our EHLO name, offered to " + other_ehlo_name(usual_.address));
  }

  const std::string& host_;
  const SmtpProbe& usual_;
  const TrustStore& trust_;
  const SmtpOptions& options_;
  TimePoint now_;
  const Deadline& deadline_;
  bool weary_ = false;  // it does not answer, or asked us to come later
  SecondProbe out_;
};

}  // namespace

bool wants_second_probe(const SmtpProbe& usual) { return came_up(usual) || lacks_starttls(usual); }

SecondProbe probe_again(const std::string& host, const SmtpProbe& usual, const TrustStore& trust,
                        const SmtpOptions& options, TimePoint now, const Deadline& deadline) {
  return SecondLook(host, usual, trust, options, now, deadline).run();
}

}  // namespace stswatch
