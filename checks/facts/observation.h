// What one look saw: plain values, no opinions. A domain's look and an MX host's look are separate subjects,
// at the end; before them what they hold: what the servers of a zone said, what is seen rarely, a second
// probe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checks/facts/address.h"
#include "checks/facts/caa.h"
#include "checks/facts/certificate.h"
#include "checks/facts/domain.h"
#include "checks/facts/result.h"
#include "checks/facts/shared.h"
#include "checks/facts/text.h"

namespace stswatch {

// What the servers of a zone said when they were asked themselves, beside the resolver: who answered, what,
// and from which version of the zone. Plain values. RFC 1034 §4.2.1 (authority), RFC 2181 §5.4.1.

/// `refused`: an error (REFUSED, SERVFAIL...). `lame`: it speaks, and does not serve the zone. `silent`: no
/// answer from here, which proves nothing.
enum class SourceSaid { silent, refused, lame, answered };

struct SourceReply {
  std::string name{};    // as asked: the question's, or where its alias led
  std::string server{};  // the server's name
  Address address{};
  SourceSaid said = SourceSaid::silent;
  std::string detail{};                // why it is no answer: "REFUSED", "no answer within 2 s"
  std::vector<std::string> records{};  // as text, in a fixed order; an alias is "CNAME target"
  bool nxdomain = false;
  std::uint32_t ttl = 0;
  std::optional<std::uint32_t> serial{};    // of the zone there; asked when answers differ
  std::optional<TimePoint> signed_until{};  // the first of the signatures beside them to end; null: unsigned
  bool operator==(const SourceReply&) const = default;
};

/// To one question, by the servers asked.
struct SourceAnswer {
  std::vector<SourceReply> replies{};
  std::uint32_t refresh = 0;  // SOA REFRESH in seconds, with the serials: how long a secondary may lag behind
  std::string trouble{};      // why nobody could be asked, or what is there proves nothing
  bool all = false;           // each server of the zone was asked, not only one
  TimePoint differs_since{};  // memory: they have differed at every look since
  bool operator==(const SourceAnswer&) const = default;

  /// Some server answered, records or none: the zone can be resolved.
  bool answered() const;
  /// Each server that there is says that it does not serve the zone, and none was silent: no resolver gets an
  /// answer.
  bool zone_at_fault() const;
  /// Servers that answer differently to the same name; no two answers are the same record otherwise.
  bool differs() const;
  /// Some have signatures beside their records, others none, or some that end a day apart.
  bool signed_apart() const;
  /// They differ, and hold the same version of the zone: no transfer will mend that.
  bool differs_at_one_serial() const;
  /// "ns1.example.com 192.0.2.1: REFUSED; ns2...".
  std::string str() const;
};

/// What a look learned from there. Where nothing was asked, all of it is empty.
struct SourceFacts {
  SourceAnswer sts{}, mx{}, policy_a{}, policy_aaaa{};
  bool resolver_dead = false;  // the resolver answers for no ancestor of the domain, not even for the root
  bool operator==(const SourceFacts&) const = default;
};

// What a look at a domain sees rarely, beside the records and the policy: once a day, soon again where it is
// bad, and carried from look to look with its age in between. Plain values, no opinions.

/// When something was looked at, and how often in a row it showed what it shows.
struct Rarely {
  TimePoint at{};     // when it last showed anything
  TimePoint tried{};  // later than `at` where that look learnt nothing
  int times = 0;
  bool operator==(const Rarely&) const = default;
};

/// What is bad is asked at each look until so many have shown it, and rarely from then on.
inline constexpr int kSureOf = 3;

/// Where reports are to go: one rua of the TLSRPT record (RFC 8460 §3). absent: nothing takes them there, and
/// how that shows; without the operator's leave to post to an https URI, that its host has no address.
struct ReportTarget {
  std::string uri;
  Rarely when{};
  Lookup lookup = Lookup::unknown;
  std::string detail{};
  bool answered = false;  // absent: no silence, somebody said so; found: so too, not just an address
  bool operator==(const ReportTarget&) const = default;
};

/// An mx pattern of the policy: whether the host is there that it names, and the registrable domain of it.
/// absent: NXDOMAIN. A wildcard names no host: it counts as found.
struct PatternName {
  std::string pattern;
  Rarely when{};
  Lookup host = Lookup::unknown, owner = Lookup::unknown;
  bool operator==(const PatternName&) const = default;
};

/// The policy asked for again in a browser's name, at an address that refused it to us.
struct OtherAgent {
  Address address{};
  Rarely when{};
  int refused = 0;  // the status that we got
  int status = 0;   // the one that the browser got
  bool operator==(const OtherAgent&) const = default;
};

struct AsideFacts {
  CaaLook caa{};  // of the policy host
  std::vector<ReportTarget> report_targets{};
  std::vector<PatternName> patterns{};
  std::vector<OtherAgent> agents{};
  bool operator==(const AsideFacts&) const = default;
};

// What a second, rare probe of an MX host's address found out: how it takes clients that are unlike our
// usual one (RFC 8461 §7.1, RFC 8446 §4.1.2). Each trial keeps its age, since it is repeated once a day.

/// One way in which another client differs. A fault is only one where our usual way worked in between two
/// tries that failed, so that a server which is slow or down is never blamed.
struct Trial {
  std::optional<bool> good{};  // null: not tried, or nothing was proved
  std::string detail{};        // of what is not good, in words
  TimePoint at{};
  bool operator==(const Trial&) const = default;
};

struct SecondProbe {
  Address address;
  TimePoint at{};               // the newest, whatever it proved
  Trial large_hello{};          // a ClientHello that does not fit into one segment is answered
  Trial without_sni{};          // the handshake completes without SNI
  Trial default_certificate{};  // the one shown then is the host's own, or names it
  Trial legacy{};               // TLS 1.1 and older are refused
  Trial starttls{};             // offered under another EHLO name as under ours
  bool operator==(const SecondProbe&) const = default;
};

/// The trials with the names under which they are kept, doubted and shown.
template <class Probe, class F>
void each_trial(Probe& probe, F&& f) {
  f("large_hello", probe.large_hello);
  f("without_sni", probe.without_sni);
  f("default_certificate", probe.default_certificate);
  f("legacy", probe.legacy);
  f("starttls", probe.starttls);
}

/// One TLS handshake, completed or not.
struct TlsFacts {
  std::string version{};  // "TLSv1.3"; empty when no handshake completed
  std::string cipher{};
  std::string alert{};              // the alert the peer sent, if any: "handshake failure"
  std::string legacy_version{};     // "TLSv1.1": a second try found only this below TLS 1.2
  int dh_bits = 0;                  // of the peer's finite-field Diffie-Hellman key, where one was used
  Shared<PeerCertificates> peer{};  // whenever the peer showed a certificate
  std::vector<TlsaMatch> tlsa{};    // of the host's TLSA records, where it has any that are secure
  std::string group{};              // of the key exchange: "x25519"
  bool asks_certificate = false;    // the peer sent a CertificateRequest (RFC 8446 §4.3.2)
  bool operator==(const TlsFacts&) const = default;
};

/// A GET of the policy file from one address of the policy host (RFC 8461 §3.3).
struct PolicyFetch {
  Address address;
  std::optional<Failure> failure{};  // empty: a complete response was read
  Millis waited{0};                  // how long the fetch was given before a time-out
  Millis duration{0};                // both without what this machine gave no processor for
  TlsFacts tls{};
  int status = 0;  // 0: no status line was read
  std::optional<std::string> content_type{};
  std::optional<std::string> content_encoding{};
  std::optional<std::string> location{};
  std::optional<std::string> cache_control{};
  std::optional<std::string> age{};
  std::optional<std::string> date{};
  std::string sha256{};             // of the body, lower-case hex; empty when no body was read
  std::string body{};               // at most bounds::kPolicyBody octets
  bool too_large = false;           // there was more
  bool truncated = false;           // shorter than announced, or broken chunking
  bool decoded = false;             // `body` is what the content coding (which nobody asked for) held
  bool end_unproven = false;        // only the end of the connection says so, and TLS did not vouch for it
  bool length_and_chunked = false;  // framed twice; the chunks counted (RFC 9112 §6.3)
  bool repeated = false;  // memory: looks in a row got no answer while others did: its silence is proof
  std::optional<TimePoint> held_from{};  // memory: the look that this is of, where a later one did not count
  bool operator==(const PolicyFetch&) const = default;
};

/// An SMTP dialogue up to STARTTLS and the handshake behind it, with one address of an MX host. Never MAIL
/// FROM.
struct SmtpProbe {
  Address address;
  std::optional<Failure> failure{};  // empty: handshake completed (the certificate may still be bad)
  Millis duration{0};
  std::string banner{};    // first greeting line, printable
  int reply_code = 0;      // of the reply that ended the dialogue, or of the last one
  bool helo_only = false;  // EHLO was refused and HELO accepted: no STARTTLS
  bool starttls_offered = false;
  int injected = 0;       // octets in clear behind the 220 of STARTTLS: discarded (RFC 3207 §4.2)
  bool repeated = false;  // memory: looks in a row ended like this, so that its silence is proof (RULES 5.3)
  TlsFacts tls{};
  std::optional<TimePoint> held_from{};  // memory: as of a fetch
  bool operator==(const SmtpProbe&) const = default;
};

/// Addresses of a host: both families asked, CNAMEs followed.
struct HostAddresses {
  AddressAnswer a;
  AddressAnswer aaaa;
  /// A then AAAA, at most bounds::kHostAddresses.
  std::vector<Address> all() const;
  bool too_many() const;
  /// found if either has addresses; absent only if both are; else unknown.
  Lookup lookup() const;
  const std::vector<CnameLink>& cname() const;
  /// There are addresses, and every family that has some was validated.
  bool secure() const;
  bool operator==(const HostAddresses&) const = default;
};

/// SMTP was heard from the peer: EHLO was answered, or a reply of its own ended the dialogue.
bool spoke(const SmtpProbe& probe);

/// Where the chain of trust ends above a name: `parent` is secure and `zone`, right below it, is not (RFC
/// 4035 §4.3). Proved by a resolver that validates; empty otherwise.
struct TrustEnd {
  std::string zone{}, parent{};
  std::string tlsa{};  // the TLSA records that stand below all the same: no sender goes by them
  bool proved() const { return !zone.empty(); }
  bool operator==(const TrustEnd&) const = default;
};

struct MxHostObservation {
  std::string host;
  TimePoint at{};
  HostAddresses addresses;
  std::vector<SmtpProbe> probes;  // one per address looked at
  /// At the last TLSA base domain asked; its name is empty where none was, since the addresses are not secure
  /// (RFC 7672 §2.2.2).
  TlsaAnswer tlsa{};
  TrustEnd trust_end{};  // asked for where the addresses are not secure, and TLSA records are there
  /// Why a resolver that asks label by label (RFC 9156) does not get as far as the TLSA records that are
  /// there: what "_tcp" above them answers. Empty: nothing is wrong, or it is not known.
  std::string tlsa_denial{};
  std::vector<SecondProbe> second{};  // by address; empty in most looks
  CaaLook caa{};
  bool operator==(const MxHostObservation&) const = default;
};

struct DomainObservation {
  explicit DomainObservation(Domain d) : domain(std::move(d)) {}

  Domain domain;
  TimePoint at{};
  TxtAnswer sts;                     // _mta-sts.D
  std::vector<TxtAnswer> misplaced;  // usual wrong names, asked only when `sts` holds no record
  TxtAnswer tlsrpt;                  // _smtp._tls.D
  // The same question for a name beside it that nobody would make: what both answer alike, a wildcard made
  // (RFC 4592). Asked only where the name shows a CNAME or records, and none that is usable.
  TxtAnswer sts_sibling, tlsrpt_sibling;
  MxAnswer mx;
  HostAddresses apex;                // A and AAAA of D itself: asked when there is no MX
  HostAddresses policy_host;         // mta-sts.D
  std::vector<PolicyFetch> fetches;  // one per address of the policy host that could be tried
  SourceFacts source;                // what the zone's own servers said
  AsideFacts aside{};                // what is looked at rarely
  bool operator==(const DomainObservation&) const = default;
};

/// What our own lack of descriptors or buffers kept a look from seeing: "192.0.2.1: Too many open files";
/// empty where it kept nothing.
std::string exhausted_in(const DomainObservation& look);
std::string exhausted_in(const MxHostObservation& look);

/// Some certificate of the look is bad by its date alone.
bool has_dated(const DomainObservation& look);
bool has_dated(const MxHostObservation& look);
/// Of a certificate that is bad by the date of a clock in doubt, and by nothing else, nothing is known. `why`
/// ends "bad by this agent's date, and ...".
void withdraw_dated(DomainObservation& look, std::string_view why = "its clock is in doubt");
void withdraw_dated(MxHostObservation& look, std::string_view why = "its clock is in doubt");

/// What this vantage could do in the same run: decides whether silence of a peer means anything (RULES 5.7).
struct Vantage {
  bool reached_443 = false;       // some other host answered on the HTTPS port within the last hour
  bool reached_25 = false;        // some host answered on the SMTP port within the last hour
  std::string reached_25_only{};  // the one that did, when only one did: it proves nothing for itself
  // When it last did so, whichever host of its own the asking subject is; and when a resolver last answered
  // for a name elsewhere. What fails at the same time everywhere says nothing of one host.
  TimePoint reached_443_at{}, reached_25_at{}, answered_at{};
  TimePoint spoke_25_at{};  // when a host elsewhere, or a canary, last spoke SMTP with this vantage
  /// Canaries and hosts that offered STARTTLS have all lost it at once: something on the way takes it out. Or
  /// one has just lost it, and no host of another owner was looked at since.
  bool starttls_stripped = false;
  std::string resolver_blind{};  // the configured resolver is at fault, and how that shows; empty: it is not
  std::string
      clock_doubted{};  // what others say the time is contradicts our clock, and how; empty: it does not
  bool port53_blocked = false;  // no server of any zone answers this vantage directly
  bool port25_blocked = false;  // no canary and no MX host answers on it while 443 works
  bool ipv6 = true;             // a route exists
  bool allow_private = false;
};

}  // namespace stswatch
