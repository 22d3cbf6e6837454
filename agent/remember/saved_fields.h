// One list of fields for each noun, walked by writers and readers of JSON and by the hash of a look. The
// structured bindings make a field that is added to a fact, and not here, an error of the compiler. Internal
// to the store.
#pragma once

#include <type_traits>

#include "checks/facts/observation.h"

namespace stswatch::saved {

/// A writer sees facts, a reader fills them.
template <class V, class T>
using Of = std::conditional_t<V::kWrites, const T, T>;

template <class V>
void describe(V& v, Of<V, CnameLink>& link) {
  auto& [target, ttl] = link;
  v("target", target);
  v("ttl", ttl);
}

template <class V>
void describe(V& v, Of<V, MxRecord>& record) {
  auto& [preference, host] = record;
  v("preference", preference);
  v("host", host);
}

template <class V>
void describe(V& v, Of<V, AnswerFacts>& answer) {
  auto& [lookup, name, nxdomain, secure, bogus, ttl, signed_until, signed_from, rsasha1, nsec3_iterations,
         cname, cname_loop, exhausted, zone_error, detail] = answer;
  v("name", name);
  v("lookup", lookup);
  v("nxdomain", nxdomain);
  v("secure", secure);
  v("bogus", bogus);
  v("ttl", ttl);
  v("signed_until", signed_until);
  v("signed_from", signed_from);
  v("rsasha1", rsasha1);
  v("nsec3_iterations", nsec3_iterations);
  v("cname", cname);
  v("cname_loop", cname_loop);
  v("exhausted", exhausted);
  v("zone_error", zone_error);
  v("detail", detail);
}

template <class V, class Record>
void describe_answer(V& v, Of<V, Answer<Record>>& answer) {
  describe(v, static_cast<Of<V, AnswerFacts>&>(answer));
  v("records", answer.records);
}
template <class V>
void describe(V& v, Of<V, TxtAnswer>& answer) {
  describe_answer<V, TxtRecord>(v, answer);
}
template <class V>
void describe(V& v, Of<V, MxAnswer>& answer) {
  describe_answer<V, MxRecord>(v, answer);
}
template <class V>
void describe(V& v, Of<V, AddressAnswer>& answer) {
  describe_answer<V, Address>(v, answer);
}

template <class V>
void describe(V& v, Of<V, TlsaRecord>& record) {
  auto& [usage, selector, matching, data] = record;
  v("usage", usage);
  v("selector", selector);
  v("matching", matching);
  v("data", data);
}
template <class V>
void describe(V& v, Of<V, TlsaAnswer>& answer) {
  describe_answer<V, TlsaRecord>(v, answer);
}
template <class V>
void describe(V& v, Of<V, TlsaMatch>& match) {
  auto& [record, refused, sent, matches] = match;
  v.always("record", record);
  v("refused", refused);
  v("sent", sent);
  v("matches", matches);
}

template <class V>
void describe(V& v, Of<V, CaaRecord>& record) {
  auto& [flags, tag, value] = record;
  v("flags", flags);
  v("tag", tag);
  v.octets("value", value);
}
template <class V>
void describe(V& v, Of<V, CaaAnswer>& answer) {
  describe_answer<V, CaaRecord>(v, answer);
}
template <class V>
void describe(V& v, Of<V, CaaLook>& look) {
  auto& [at, tried, certificates, sets] = look;
  v("at", at);
  v("tried", tried);
  v("certificates", certificates);
  v("sets", sets);
}

template <class V>
void describe(V& v, Of<V, Rarely>& rarely) {
  auto& [at, tried, times] = rarely;
  v("at", at);
  v("tried", tried);
  v("times", times);
}
template <class V>
void describe(V& v, Of<V, ReportTarget>& target) {
  auto& [uri, when, lookup, detail, answered] = target;
  v("uri", uri);
  v("when", when);
  v("lookup", lookup);
  v("detail", detail);
  v("answered", answered);
}
template <class V>
void describe(V& v, Of<V, PatternName>& name) {
  auto& [pattern, when, host, owner] = name;
  v("pattern", pattern);
  v("when", when);
  v("host", host);
  v("owner", owner);
}
template <class V>
void describe(V& v, Of<V, OtherAgent>& agent) {
  auto& [address, when, refused, status] = agent;
  v.always("address", address);
  v("when", when);
  v("refused", refused);
  v("status", status);
}
template <class V>
void describe(V& v, Of<V, AsideFacts>& aside) {
  auto& [caa, report_targets, patterns, agents] = aside;
  v("caa", caa);
  v("report_targets", report_targets);
  v("patterns", patterns);
  v("agents", agents);
}

template <class V>
void describe(V& v, Of<V, HostAddresses>& host) {
  auto& [a, aaaa] = host;
  v("a", a);
  v("aaaa", aaaa);
}

template <class V>
void describe(V& v, Of<V, Certificate>& c) {
  auto& [subject, issuer, common_name, serial, sha256, spki_sha256, dns_names, not_before, not_after, key,
         key_bits, signature, weak, self_issued, names_issuer_url, server_auth] = c;
  v("subject", subject);
  v("issuer", issuer);
  v("common_name", common_name);
  v("serial", serial);
  v("sha256", sha256);
  v("spki_sha256", spki_sha256);
  v("dns_names", dns_names);
  v("not_before", not_before);
  v("not_after", not_after);
  v("key", key);
  v("key_bits", key_bits);
  v("signature", signature);
  v("weak", weak);
  v("self_issued", self_issued);
  v("names_issuer_url", names_issuer_url);
  v("server_auth", server_auth);
}

template <class V>
void describe(V& v, Of<V, ChainFault>& fault) {
  auto& [kind, depth, text] = fault;
  v.always("kind", kind);
  v("depth", depth);
  v("text", text);
}

template <class V>
void describe(V& v, Of<V, PeerCertificates>& peer) {
  auto& [leaf, chain, faults, used, last_issuer_trusted, name_matches, elder_refuses, revoked, revocation] =
      peer;
  v.always("leaf", leaf);
  v("chain", chain);
  v("faults", faults);
  v("used", used);
  v("last_issuer_trusted", last_issuer_trusted);
  v("name_matches", name_matches);
  v("elder_refuses", elder_refuses);
  v("revoked", revoked);
  v("revocation", revocation);
}

template <class V>
void describe(V& v, Of<V, TlsFacts>& tls) {
  auto& [version, cipher, alert, legacy_version, dh_bits, peer, tlsa, group, asks_certificate] = tls;
  v("version", version);
  v("cipher", cipher);
  v("alert", alert);
  v("legacy_version", legacy_version);
  v("dh_bits", dh_bits);
  v("peer", peer);
  v("tlsa", tlsa);
  v("group", group);
  v("asks_certificate", asks_certificate);
}

template <class V>
void describe(V& v, Of<V, Failure>& failure) {
  auto& [stage, cause, detail] = failure;
  v.always("stage", stage);
  v.always("cause", cause);
  v("detail", detail);
}

template <class V>
void describe(V& v, Of<V, PolicyFetch>& fetch) {
  auto& [address, failure, waited, duration, tls, status, content_type, content_encoding, location,
         cache_control, age, date, sha256, body, too_large, truncated, decoded, end_unproven,
         length_and_chunked, repeated, held_from] = fetch;
  v.always("address", address);
  v("failure", failure);
  v("waited_ms", waited);
  v("duration_ms", duration);
  v("tls", tls);
  v("status", status);
  v("content_type", content_type);
  v("content_encoding", content_encoding);
  v("location", location);
  v("cache_control", cache_control);
  v("age", age);
  v("date", date);
  v("sha256", sha256);
  v.octets("body", body);
  v("too_large", too_large);
  v("truncated", truncated);
  v("decoded", decoded);
  v("end_unproven", end_unproven);
  v("length_and_chunked", length_and_chunked);
  v("repeated", repeated);
  v("held_from", held_from);
}

template <class V>
void describe(V& v, Of<V, SmtpProbe>& probe) {
  auto& [address, failure, duration, banner, reply_code, helo_only, starttls_offered, injected, repeated, tls,
         held_from] = probe;
  v.always("address", address);
  v("failure", failure);
  v("duration_ms", duration);
  v("banner", banner);
  v("reply_code", reply_code);
  v("helo_only", helo_only);
  v("starttls_offered", starttls_offered);
  v("injected", injected);
  v("repeated", repeated);
  v("tls", tls);
  v("held_from", held_from);
}

template <class V>
void describe(V& v, Of<V, TrustEnd>& end) {
  auto& [zone, parent, tlsa] = end;
  v("zone", zone);
  v("parent", parent);
  v("tlsa", tlsa);
}

template <class V>
void describe(V& v, Of<V, Trial>& trial) {
  auto& [good, detail, at] = trial;
  v("good", good);
  v("detail", detail);
  v("at", at);
}
template <class V>
void describe(V& v, Of<V, SecondProbe>& probe) {
  auto& [address, at, large_hello, without_sni, default_certificate, legacy, starttls] = probe;
  v.always("address", address);
  v("at", at);
  v("large_hello", large_hello);
  v("without_sni", without_sni);
  v("default_certificate", default_certificate);
  v("legacy", legacy);
  v("starttls", starttls);
}

template <class V>
void describe(V& v, Of<V, MxHostObservation>& look) {
  auto& [host, at, addresses, probes, tlsa, trust_end, tlsa_denial, second, caa] = look;
  v.always("host", host);
  v.always("at", at);
  v("addresses", addresses);
  v("probes", probes);
  v("tlsa", tlsa);
  v("trust_end", trust_end);
  v("tlsa_denial", tlsa_denial);
  v("second", second);
  v("caa", caa);
}

template <class V>
void describe(V& v, Of<V, SourceReply>& reply) {
  auto& [name, server, address, said, detail, records, nxdomain, ttl, serial, signed_until] = reply;
  v("name", name);
  v("server", server);
  v.always("address", address);
  v("said", said);
  v("detail", detail);
  v.octets("records", records);
  v("nxdomain", nxdomain);
  v("ttl", ttl);
  v("serial", serial);
  v("signed_until", signed_until);
}

template <class V>
void describe(V& v, Of<V, SourceAnswer>& answer) {
  auto& [replies, refresh, trouble, all, differs_since] = answer;
  v("replies", replies);
  v("refresh", refresh);
  v("trouble", trouble);
  v("all", all);
  v("differs_since", differs_since);
}

template <class V>
void describe(V& v, Of<V, SourceFacts>& source) {
  auto& [sts, mx, policy_a, policy_aaaa, resolver_dead] = source;
  v("sts", sts);
  v("mx", mx);
  v("policy_a", policy_a);
  v("policy_aaaa", policy_aaaa);
  v("resolver_dead", resolver_dead);
}

template <class V>
void describe(V& v, Of<V, DomainObservation>& look) {
  auto& [domain, at, sts, misplaced, tlsrpt, sts_sibling, tlsrpt_sibling, mx, apex, policy_host, fetches,
         source, aside] = look;
  v.always("domain", domain);
  v.always("at", at);
  v("sts", sts);
  v("misplaced", misplaced);
  v("tlsrpt", tlsrpt);
  v("sts_sibling", sts_sibling);
  v("tlsrpt_sibling", tlsrpt_sibling);
  v("mx", mx);
  v("apex", apex);
  v("policy_host", policy_host);
  v("fetches", fetches);
  v("source", source);
  v("aside", aside);
}

template <class V>
void describe(V& v, Of<V, Vantage>& vantage) {
  auto& [reached_443, reached_25, reached_25_only, reached_443_at, reached_25_at, answered_at, spoke_25_at,
         starttls_stripped, resolver_blind, clock_doubted, port53_blocked, port25_blocked, ipv6,
         allow_private] = vantage;
  v("reached_443", reached_443);
  v("reached_25", reached_25);
  v("reached_25_only", reached_25_only);
  v("reached_443_at", reached_443_at);
  v("reached_25_at", reached_25_at);
  v("answered_at", answered_at);
  v("spoke_25_at", spoke_25_at);
  v("starttls_stripped", starttls_stripped);
  v("resolver_blind", resolver_blind);
  v("clock_doubted", clock_doubted);
  v("port53_blocked", port53_blocked);
  v("port25_blocked", port25_blocked);
  v.always("ipv6", ipv6);
  v("allow_private", allow_private);
}

}  // namespace stswatch::saved
