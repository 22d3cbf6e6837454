// The facts of RULES 6's base set-up, and small ways to alter them: D = example.com, TXT `v=STSv1;
// id=20261101T000000Z;` TTL 3600, policy enforce max_age 604800 with mx1 and mx2, MX 10 mx1 20 mx2, all
// certificates 60 days left of 90, TLSRPT valid, no DNSSEC. Nothing here is under test.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "checks/judge/case.h"

namespace stswatch::facts {

using namespace std::chrono_literals;

inline constexpr TimePoint kNow{std::chrono::sys_days{std::chrono::year{2026} / 12 / 1}};
inline constexpr std::string_view kRecord = "v=STSv1; id=20261101T000000Z;";
inline constexpr std::string_view kTlsrpt = "v=TLSRPTv1; rua=mailto:tlsrpt@reports.example.net";
inline constexpr std::string_view kMx1 = "mx1.example.com", kMx2 = "mx2.example.com";
inline const std::string kHost(kMx1), kOther(kMx2);
inline const std::string kPolicyHost = "mta-sts.example.com";
// Nobody connects anywhere: they only have to be public.
inline constexpr std::string_view kWeb = "198.51.101.1", kWeb2 = "198.51.101.2", kWeb6 = "2001:67c::1";
inline constexpr std::string_view kMail1 = "203.0.114.1", kMail2 = "203.0.114.2", kMail6 = "2001:67c::25";

inline constexpr Seconds days(int n) { return std::chrono::hours{24} * n; }

inline Domain domain(std::string_view name = "example.com") { return *Domain::parse(name); }
inline Address address(std::string_view text) { return *Address::parse(text); }

// --- DNS

template <class A>
A found(std::string name, std::uint32_t ttl = 3600) {
  A answer;
  answer.name = std::move(name);
  answer.lookup = Lookup::found;
  answer.ttl = ttl;
  return answer;
}

template <class A>
A absent(std::string name, bool nxdomain = true) {
  A answer;
  answer.name = std::move(name);
  answer.lookup = Lookup::absent;
  answer.nxdomain = nxdomain;
  answer.ttl = 300;
  return answer;
}

template <class A>
A unknown(std::string name, std::string detail = "time-out") {
  A answer;
  answer.name = std::move(name);
  answer.detail = std::move(detail);
  return answer;
}

inline TxtAnswer txt(std::string name, std::initializer_list<std::string_view> records,
                     std::uint32_t ttl = 3600) {
  auto answer = found<TxtAnswer>(std::move(name), ttl);
  for (const auto record : records)
    answer.records.push_back({{std::string(record)}});
  return answer;
}

inline MxAnswer mx(std::initializer_list<MxRecord> records) {
  auto answer = found<MxAnswer>("example.com");
  answer.records = records;
  return answer;
}

/// Both families answered; the one without an address with NODATA, or NXDOMAIN when there are none at all.
inline HostAddresses addresses(const std::string& host, std::initializer_list<std::string_view> list) {
  HostAddresses out{absent<AddressAnswer>(host, list.size() == 0),
                    absent<AddressAnswer>(host, list.size() == 0)};
  for (const auto text : list) {
    const auto a = address(text);
    auto& answer = a.is_v6() ? out.aaaa : out.a;
    if (answer.records.empty()) answer = found<AddressAnswer>(host, 3600);
    answer.records.push_back(a);
  }
  return out;
}

inline HostAddresses unknown_addresses(const std::string& host) {
  return {unknown<AddressAnswer>(host), unknown<AddressAnswer>(host)};
}

inline void point_cname(AnswerFacts& answer, std::initializer_list<std::string_view> targets) {
  answer.cname.clear();
  for (const auto target : targets)
    answer.cname.push_back({std::string(target), 3600});
}

// --- Certificates

inline Certificate certificate(std::vector<std::string> names, Seconds left = days(60),
                               Seconds life = days(90)) {
  Certificate c;
  c.subject = names.empty() ? "" : "CN=" + names.front();
  c.common_name = names.empty() ? "" : names.front();
  c.issuer = "CN=R12,O=Let's Encrypt,C=US";
  c.serial = "049f";
  c.sha256 = std::string(64, 'a');
  c.spki_sha256 = std::string(64, 'b');
  c.dns_names = std::move(names);
  c.not_after = kNow + left;
  c.not_before = c.not_after - life;
  c.key = "ECDSA P-256";
  c.key_bits = 256;
  c.signature = "ecdsa-with-SHA256";
  c.names_issuer_url = true;
  c.server_auth = true;
  return c;
}

inline Certificate intermediate(Seconds left = days(800), Seconds life = days(1095)) {
  auto c = certificate({}, left, life);
  c.subject = "CN=R12,O=Let's Encrypt,C=US";
  c.common_name = "R12";
  c.issuer = "CN=ISRG Root X1,O=Internet Security Research Group,C=US";
  c.serial = "00a1";
  return c;
}

/// What a healthy server shows: leaf and intermediate, trusted, naming the host.
inline PeerCertificates peer(const std::string& host, Seconds left = days(60), Seconds life = days(90)) {
  PeerCertificates p;
  p.leaf = certificate({host}, left, life);
  p.chain = {intermediate()};
  p.used = {0};
  p.last_issuer_trusted = true;
  p.name_matches = true;
  return p;
}

inline TlsFacts tls(PeerCertificates shown) {
  TlsFacts t;
  t.version = "TLSv1.3";
  t.cipher = "TLS_AES_256_GCM_SHA384";
  t.peer = std::move(shown);
  return t;
}

inline PeerCertificates expired(const std::string& host, Seconds since = 1h) {
  auto p = peer(host, -since);
  p.faults = {{ChainFault::Kind::expired, 0, "certificate has expired"}};
  return p;
}

inline PeerCertificates misnamed(const std::string& other) {
  auto p = peer(other);
  p.name_matches = false;
  return p;
}

inline PeerCertificates self_signed(const std::string& host) {
  auto p = peer(host);
  p.chain.clear();
  p.used.clear();
  p.leaf.issuer = p.leaf.subject;
  p.leaf.self_issued = true;
  p.last_issuer_trusted = false;
  p.faults = {{ChainFault::Kind::self_signed, 0, "self-signed certificate"}};
  return p;
}

inline PeerCertificates leaf_only(const std::string& host) {
  auto p = peer(host);
  p.chain.clear();
  p.used.clear();
  p.last_issuer_trusted = false;
  p.faults = {{ChainFault::Kind::unknown_issuer, 0, "unable to get local issuer certificate"}};
  return p;
}

// --- The policy host

inline std::string policy(std::initializer_list<std::string_view> mx = {kMx1, kMx2},
                          std::string_view mode = "enforce", std::string_view max_age = "604800") {
  std::string text = "version: STSv1\r\nmode: " + std::string(mode) + "\r\n";
  for (const auto pattern : mx)
    text += "mx: " + std::string(pattern) + "\r\n";
  return text + "max_age: " + std::string(max_age) + "\r\n";
}

/// The digest is only ever compared: any text that differs where bodies do will serve.
inline std::string digest(std::string_view body) {
  return std::to_string(std::hash<std::string_view>{}(body)) + "-" + std::to_string(body.size());
}

inline void set_body(PolicyFetch& fetch, std::string body) {
  fetch.body = std::move(body);
  fetch.sha256 = digest(fetch.body);
}

inline PolicyFetch fetch(std::string_view from = kWeb, std::string body = policy(), int status = 200) {
  PolicyFetch f;
  f.address = address(from);
  f.duration = 80ms;
  f.tls = tls(peer("mta-sts.example.com"));
  f.status = status;
  f.content_type = "text/plain";
  set_body(f, std::move(body));
  return f;
}

/// A certificate that does not verify: the handshake is done, nothing was requested.
inline PolicyFetch distrusted_fetch(PeerCertificates shown, std::string_view from = kWeb) {
  PolicyFetch f;
  f.address = address(from);
  f.duration = f.waited = 40ms;
  auto why = shown.verify_error();
  f.failure = Failure{Stage::certificate, Cause::certificate,
                      why.empty() ? "the certificate does not name mta-sts.example.com" : why};
  f.tls = tls(std::move(shown));
  return f;
}

inline PolicyFetch failed_fetch(Stage stage, Cause cause, Millis waited = 20s, std::string_view from = kWeb) {
  PolicyFetch f;
  f.address = address(from);
  f.duration = f.waited = waited;
  f.failure = Failure{stage, cause, std::string(to_string(cause))};
  if (stage > Stage::handshake) f.tls = tls(peer("mta-sts.example.com"));
  return f;
}

// --- MX hosts

inline SmtpProbe probe(std::string_view at, const std::string& host) {
  SmtpProbe p;
  p.address = address(at);
  p.duration = 120ms;
  p.banner = "220 " + host + " ESMTP";
  p.reply_code = 220;
  p.starttls_offered = true;
  p.tls = tls(peer(host));
  return p;
}

/// The handshake completes, only the certificate is `shown`.
inline SmtpProbe probe_showing(std::string_view at, const std::string& host, PeerCertificates shown) {
  auto p = probe(at, host);
  p.tls = tls(std::move(shown));
  return p;
}

inline SmtpProbe failed_probe(std::string_view at, Stage stage, Cause cause, std::string detail = "",
                              int reply_code = 0) {
  SmtpProbe p;
  p.address = address(at);
  p.duration = 20s;
  p.failure = Failure{stage, cause, detail.empty() ? std::string(to_string(cause)) : std::move(detail)};
  p.reply_code = reply_code;
  return p;
}

inline MxHostObservation mx_host(const std::string& host, std::vector<SmtpProbe> probes) {
  MxHostObservation look;
  look.host = host;
  look.at = kNow;
  look.addresses = addresses(host, {});
  for (const auto& p : probes) {
    auto& answer = p.address.is_v6() ? look.addresses.aaaa : look.addresses.a;
    if (answer.records.empty()) answer = found<AddressAnswer>(host);
    answer.records.push_back(p.address);
  }
  if (!probes.empty()) {
    for (auto* answer : {&look.addresses.a, &look.addresses.aaaa})
      answer->nxdomain = false;
  }
  look.probes = std::move(probes);
  return look;
}

// --- One look

struct Look {
  DomainObservation domain;
  MxLooks mx;
  Vantage vantage;
  Limits limits;

  Case prepared() const { return make_case(domain, mx, vantage, limits); }

  void set_mx(MxHostObservation look) {
    auto host = look.host;
    mx[host] = std::make_shared<const MxHostObservation>(std::move(look));
  }
  void set_policy(std::string body) {
    for (auto& f : domain.fetches)
      set_body(f, body);
  }
  void set_record(std::initializer_list<std::string_view> records) {
    domain.sts = txt(domain.domain.sts_record_name(), records);
  }
  /// One fetch an address, and the addresses that go with them.
  void set_fetches(std::vector<PolicyFetch> fetches) {
    const auto host = domain.domain.policy_host();
    domain.policy_host = addresses(host, {});
    for (const auto& f : fetches) {
      auto& answer = f.address.is_v6() ? domain.policy_host.aaaa : domain.policy_host.a;
      if (answer.records.empty()) answer = found<AddressAnswer>(host);
      answer.records.push_back(f.address);
    }
    domain.fetches = std::move(fetches);
  }
  void no_record() { domain.sts = absent<TxtAnswer>(domain.domain.sts_record_name()); }
  void no_policy_host() {
    domain.policy_host = addresses(domain.domain.policy_host(), {});
    domain.fetches.clear();
  }
  void no_tlsrpt() { domain.tlsrpt = absent<TxtAnswer>(domain.domain.tlsrpt_name()); }
  void null_mx() {
    domain.mx = facts::mx({{0, ""}});
    mx.clear();
  }
};

inline Look base() {
  Look look{DomainObservation(domain()), {}, {}, {}};
  auto& d = look.domain;
  d.at = kNow;
  d.sts = txt(d.domain.sts_record_name(), {kRecord});
  d.tlsrpt = txt(d.domain.tlsrpt_name(), {kTlsrpt});
  d.mx = mx({{10, std::string(kMx1)}, {20, std::string(kMx2)}});
  look.set_fetches({fetch()});
  look.set_mx(mx_host(std::string(kMx1), {probe(kMail1, std::string(kMx1))}));
  look.set_mx(mx_host(std::string(kMx2), {probe(kMail2, std::string(kMx2))}));
  look.vantage.reached_443 = true;
  look.vantage.reached_25 = true;
  return look;
}

// --- What was found

/// "code subject severity" of each finding, sorted: what a table compares.
inline std::vector<std::string> told(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const auto& f : findings)
    out.push_back(f.code + ' ' + f.subject + ' ' + std::string(to_string(f.severity)));
  std::ranges::sort(out);
  return out;
}

inline std::vector<std::string> codes(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const auto& f : findings)
    out.push_back(f.code);
  std::ranges::sort(out);
  return out;
}

/// One theme's findings on a look, in the live mode that follows from it.
inline std::vector<Finding> judged(const Look& look, void (*rule)(const Case&, Findings&)) {
  const Case c = look.prepared();
  Findings out(c.facts.domain, c.live, c.now);
  rule(c, out);
  return out.all();
}

/// All that one look leads to.
inline Verdict judged(const Look& look, const History& history = kNoHistory) {
  return judge(look.domain, look.mx, look.vantage, look.limits, history);
}

inline const Finding* find(const Verdict& v, std::string_view code) {
  const auto found = std::ranges::find(v.findings, code, &Finding::code);
  return found == v.findings.end() ? nullptr : &*found;
}

inline bool has(const Verdict& v, std::string_view code) { return find(v, code) != nullptr; }

/// A row of a table: what differs from the base set-up, and all that one theme says of it.
struct Row {
  const char* why;
  void (*alter)(Look&);
  std::vector<std::string> told;  // "code subject severity"
};

inline std::string joined(std::vector<std::string> lines) {
  std::ranges::sort(lines);
  std::string out;
  for (const auto& line : lines)
    out += line + '\n';
  return out;
}

}  // namespace stswatch::facts

/// Checks each row against one rule of case.h.
#define CHECK_ROWS(rule, rows)                                                                             \
  for (const ::stswatch::facts::Row& row : rows) {                                                         \
    CAPTURE(row.why);                                                                                      \
    auto look = ::stswatch::facts::base();                                                                 \
    row.alter(look);                                                                                       \
    const auto all = ::stswatch::facts::judged(look, rule);                                                \
    CHECK(::stswatch::facts::joined(::stswatch::facts::told(all)) == ::stswatch::facts::joined(row.told)); \
    for (const auto& finding : all) {                                                                      \
      CHECK_FALSE(finding.detail.empty());                                                                 \
      CHECK(finding.detail.size() <= 200);                                                                 \
    }                                                                                                      \
  }
