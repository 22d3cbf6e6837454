// The fields of what is remembered, walked by writers and readers of JSON and of table rows: see
// saved_fields.h. Internal to the store.
#pragma once

#include "agent/remember/memory.h"
#include "agent/remember/saved_fields.h"

namespace stswatch::saved {

struct Place;
struct Fault;

// Lists within a row are JSON arrays.
std::string column(const std::vector<std::string>& values);
std::string column(const std::vector<TimePoint>& values);
std::string column(const std::vector<std::pair<std::string, std::string>>& values);
void read_column(std::string_view text, std::vector<std::string>& values, const Place& place, Fault& fault);
void read_column(std::string_view text, std::vector<TimePoint>& values, const Place& place, Fault& fault);
void read_column(std::string_view text, std::vector<std::pair<std::string, std::string>>& values,
                 const Place& place, Fault& fault);

template <class V>
void describe(V& v, Of<V, Span>& span) {
  auto& [first, gone] = span;
  v.always("first_seen", first);
  v("gone", gone);
}

template <class V>
void describe(V& v, Of<V, SeenPolicy>& seen_policy) {
  auto& [policy, sha256, seen, number, last_seen] = seen_policy;
  auto& [mode, mx, max_age, extensions, more, mx_digest] = policy;
  v.always("mode", mode);
  v.octets("mx", mx);  // what a policy said is compared with what it says now
  v("max_age", max_age);
  v("extensions", extensions);
  v("sha256", sha256);
  describe(v, seen);
  v("number", number);
  v("last_seen", last_seen);
  v("mx_more", more);
  v("mx_digest", mx_digest);
}

template <class V>
void describe(V& v, Of<V, SeenId>& seen_id) {
  auto& [id, ttl, seen, sighted, absent, last_seen] = seen_id;
  v.always("id", id);
  v("ttl", ttl);
  describe(v, seen);
  v("sighted", sighted);
  v("absent", absent);
  v("last_seen", last_seen);
}

template <class V>
void describe(V& v, Of<V, SeenHost>& seen_host) {
  auto& [host, seen] = seen_host;
  v.always("host", host);
  describe(v, seen);
}

template <class V>
void describe(V& v, Of<V, SeenCertificate>& certificate) {
  auto& [sha256, spki_sha256, issuer, serial, not_before, not_after, seen] = certificate;
  v.always("sha256", sha256);
  v("spki_sha256", spki_sha256);
  v("issuer", issuer);
  v("serial", serial);
  v("not_before", not_before);
  v("not_after", not_after);
  describe(v, seen);
}

template <class V>
void describe(V& v, Of<V, Change>& change) {
  auto& [at, code, subject, from, to, planned] = change;
  v.always("at", at);
  v.always("code", code);
  v("subject", subject);
  v("was", from);
  v("became", to);
  v("planned", planned);
}

template <class V>
void describe(V& v, Of<V, FetchSample>& sample) {
  auto& [at, ok, duration] = sample;
  v.always("at", at);
  v("ok", ok);
  v("ms", duration);
}

template <class V>
void describe(V& v, Of<V, FetchDay>& fetch_day) {
  auto& [day, runs, good] = fetch_day;
  v.always("day", day);
  v("runs", runs);
  v("good", good);
}

template <class V>
void describe(V& v, Of<V, PolicySight>& sight) {
  auto& [number, read, missing_since, missing_at] = sight;
  v.always("number", number);
  v.always("read", read);
  v("missing_since", missing_since);
  v("missing_at", missing_at);
}

template <class V>
void describe(V& v, Of<V, Sight>& sight) {
  auto& [record, record_fresh, ttl, ttl_at, policies] = sight;
  v("record", record);
  v("record_fresh", record_fresh);
  v("ttl", ttl);
  v("ttl_at", ttl_at);
  v("policies", policies);
}

template <class V>
void describe(V& v, Of<V, Debounce>& doubt) {
  auto& [looks, since] = doubt;
  v.always("looks", looks);
  v("since", since);
}

template <class V>
void describe(V& v, Of<V, LookTimes>& times) {
  auto& [last_look, last_success, first_look, failing_since] = times;
  v("last_look", last_look);
  v("last_success", last_success);
  v("first_look", first_look);
  v("failing_since", failing_since);
}

template <class V>
void describe(V& v, Of<V, Incident>& incident) {
  auto& [finding, opened, last_bad, closed, good_looks, bad_looks, changes, good_since, held_since, eased,
         swung] = incident;
  // The next look tells what it is a part of; the last two are of the incident.
  auto& [code, severity, route, subject, detail, effect, fix, reference, of_the_agent, part, refused_by,
         accepted_by, held, good] = finding;
  v.always("code", code);
  v("subject", subject);
  v.always("severity", severity);
  v.always("route", route);
  v.always("opened", opened);
  v.always("last_bad", last_bad);
  v("closed", closed);
  v("good_looks", good_looks);
  v("bad_looks", bad_looks);
  v("changes", changes);
  v("good_since", good_since);
  v("held_since", held_since);
  v("eased", eased);
  v("swung", swung);
  // As octets: these are our own words, with characters that facts do not have.
  v.octets("detail", detail);
  v.octets("effect", effect);
  v.octets("fix", fix);
  v.octets("reference", reference);
  v("of_the_agent", of_the_agent);
  v("refused_by", refused_by);
  v("accepted_by", accepted_by);
}

/// Of a domain's past all but the lists, which are rows. A field that is added here belongs to what lasts or
/// to what moves too: see below.
template <class V>
void describe(V& v, Of<V, Past>& past) {
  auto& [began, policies, ids, mx, certificates, addresses, record_cname, policy_host_cname,
         tlsrpt_valid_since, tlsrpt_was_valid, policy_ok_last, fetches, fetch_days, gates, changes,
         change_counts, sight, forgotten_ids] = past;
  v("began", began);
  v("policy_host_addresses", addresses);
  v("record_cname", record_cname);
  v("policy_host_cname", policy_host_cname);
  v("tlsrpt_valid_since", tlsrpt_valid_since);
  v("tlsrpt_was_valid", tlsrpt_was_valid);
  v("policy_ok_last", policy_ok_last);
  v("fetches", fetches);
  v("fetch_days", fetch_days);
  v("gates", gates);
  v("change_counts", change_counts);
  v("sight", sight);
  v("forgotten_ids", forgotten_ids);
}

/// With the lists: what a saved look carries.
struct WholePast : Past {};

template <class V>
void describe(V& v, Of<V, WholePast>& past) {
  v("policies", past.policies);
  v("ids", past.ids);
  v("mx", past.mx);
  v("policy_host_certificates", past.policy_host_certificates);
  v("changes", past.changes);
  describe(v, static_cast<Of<V, Past>&>(past));
}

template <class V>
void describe(V& v, Of<V, Attempt>& attempt) {
  auto& [at, address, fault] = attempt;
  v.always("at", at);
  v.always("address", address);
  v("fault", fault);
}

template <class V>
void describe(V& v, Of<V, SeenTlsa>& seen_tlsa) {
  auto& [record, ttl, seen, absent, matched, idle_since] = seen_tlsa;
  v.always("record", record);
  v("ttl", ttl);
  describe(v, seen);
  v("absent", absent);
  v("matched", matched);
  v("idle_since", idle_since);
}

template <class V>
void describe(V& v, Of<V, TlsaPast>& past) {
  auto& [records, as_of, secure] = past;
  v("records", records);
  v("as_of", as_of);
  v("secure", secure);
}

template <class V>
void describe(V& v, Of<V, HostPast>& past) {
  auto& [certificates, changes, attempts, tlsa] = past;
  v("certificates", certificates);
  v("changes", changes);
  v("attempts", attempts);
  v("tlsa", tlsa);
}

// What lasts, and what moves with each look, apart: the latter is written once an hour. Both are views.

template <class Record>
struct Lasting {
  Record* record;
};
template <class Record>
struct Moments {
  Record* record;
  std::conditional_t<std::is_const_v<Record>, const std::map<std::string, TimePoint>,
                     std::map<std::string, TimePoint>>* looks;  // by role
};

template <class Record>
inline constexpr bool kOfDomain = std::is_same_v<std::remove_const_t<Record>, DomainMemory>;

template <class V, class Record>
void describe(V& v, const Lasting<Record>& lasting) {
  auto& record = *lasting.record;
  if constexpr (kOfDomain<Record>) {
    auto& past = record.past;
    v("began", past.began);
    v("policy_host_addresses", past.policy_host_addresses);
    v("record_cname", past.record_cname);
    v("policy_host_cname", past.policy_host_cname);
    v("tlsrpt_valid_since", past.tlsrpt_valid_since);
    v("tlsrpt_was_valid", past.tlsrpt_was_valid);
    v("gates", past.gates);
    v("change_counts", past.change_counts);
    v("forgotten_ids", past.forgotten_ids);
  } else {
    v("tlsa", record.tlsa.records);
  }
  v("doubts", record.debounces);
}

template <class V, class Record>
void describe(V& v, const Moments<Record>& moments) {
  auto& record = *moments.record;
  if constexpr (kOfDomain<Record>) {
    auto& past = record.past;
    v("policy_ok_last", past.policy_ok_last);
    v("fetches", past.fetches);
    v("fetch_days", past.fetch_days);
    v("sight", past.sight);
    v("policy_fetched", record.policy_fetched);
    v("policy_last_success", record.policy_last_success);
  } else {
    v("attempts", record.attempts);
    v("tlsa_as_of", record.tlsa.as_of);
    v("tlsa_secure", record.tlsa.secure);
  }
  v("times", record.times);
  if (moments.looks != nullptr) v("looks", *moments.looks);
}

}  // namespace stswatch::saved
