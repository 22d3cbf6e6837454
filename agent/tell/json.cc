#include "agent/tell/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/remember/memory.h"

namespace stswatch {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json fields_of(const Certificate& c) {
  return {{"subject", c.subject},
          {"issuer", c.issuer},
          {"serial", c.serial},
          {"dns_names", c.dns_names},
          {"not_before", to_utc(c.not_before)},
          {"not_after", to_utc(c.not_after)},
          {"key", c.key}};
}

Json to_json(const Shared<PeerCertificates>& peer) {
  if (!peer) return nullptr;
  Json out = fields_of(peer->leaf);
  Json chain = Json::array();
  for (const auto& c : peer->chain)
    chain.push_back(fields_of(c));
  out["chain"] = std::move(chain);
  out["chain_not_after"] = to_utc(peer->chain_not_after());
  out["trusted"] = peer->trusted();
  out["verify_error"] = or_null(peer->verify_error());
  out["name_matches"] = peer->name_matches;
  out["revoked"] = or_null(peer->revoked);
  return out;
}

Json to_json(const RecordVerdict& r) {
  return {{"outcome", to_string(r.outcome)}, {"id", or_null(r.id)}, {"texts", r.texts}, {"cname", r.cname}};
}

Json or_null(const std::optional<TimePoint>& at) { return at ? Json(to_utc(*at)) : Json(nullptr); }

/// `asked`: the newest look that asked for the policy.
Json to_json(const PolicyVerdict& p, const std::optional<TimePoint>& asked) {
  Json addresses = Json::array();
  for (const auto& a : p.addresses) {
    addresses.push_back({{"address", a.address.str()},
                         {"outcome", to_string(a.outcome)},
                         {"http_status", or_null(a.http_status)},
                         {"result_type", or_null(a.result_type)},
                         {"detail", or_null(a.detail)},
                         {"seen_at", or_null(a.held_from ? a.held_from : asked)},
                         {"certificate", to_json(a.certificate)}});
  }
  Json out{{"outcome", to_string(p.outcome)},
           {"mode", p.shown ? Json(to_string(p.shown->mode)) : Json(nullptr)},
           {"max_age", p.shown ? Json(p.shown->max_age) : Json(nullptr)},
           {"mx", p.shown ? p.shown->mx : std::vector<std::string>{}},
           {"sha256", or_null(p.sha256)}};
  out["addresses"] = std::move(addresses);
  return out;
}

Json to_json(const MxVerdict& m) {
  Json addresses = Json::array();
  for (const auto& a : m.addresses) {
    addresses.push_back({{"address", a.address.str()},
                         {"outcome", to_string(a.outcome)},
                         {"stage", a.stage ? Json(to_string(*a.stage)) : Json(nullptr)},
                         {"result_type", or_null(a.result_type)},
                         {"detail", or_null(a.detail)},
                         {"seen_at", or_null(a.seen_at)},
                         {"tls_version", or_null(a.tls_version)},
                         {"cipher", or_null(a.cipher)},
                         {"group", or_null(a.group)},
                         {"certificate", to_json(a.certificate)},
                         {"dane", to_string(a.dane)}});
  }
  Json out{{"host", m.host},
           {"preference", m.preference},
           {"allowed", or_null(m.allowed)},
           {"usable", or_null(m.usable)}};
  out["addresses"] = std::move(addresses);
  return out;
}

Json to_json(const std::optional<ForecastPoint>& point) {
  if (!point) return nullptr;
  return {{"at", to_utc(point->at)}, {"reason", to_string(point->reason)}, {"subject", point->subject.str()}};
}

Json to_json(const Forecast& f) {
  return {{"breakage", to_json(f.breakage)},
          {"degradation", to_json(f.degradation)},
          {"lapse", f.lapse ? Json{{"at", to_utc(*f.lapse)}} : Json(nullptr)}};
}

Json head_of(const Verdict& v, const Claims& claims) {
  return {{"domain", v.domain.str()},
          {"checked_at", to_utc(v.checked_at)},
          {"status", to_string(claims.status_of(v))},
          {"mode", v.mode ? Json(to_string(*v.mode)) : Json(nullptr)},
          {"live_mode", to_string(v.live_mode)},
          {"not_seen_since", claims.fresh ? Json(nullptr) : or_null(claims.seen)}};
}

void add_outlook(Json& out, const Verdict& v, const Claims& claims) {
  const auto& usable = v.enforce_usable_mx;
  out["enforce_usable_mx"] = usable && claims.fresh
                                 ? Json{{"min", usable->min}, {"max", usable->max}, {"of", usable->of}}
                                 : Json(nullptr);
  out["forecast"] = claims.fresh ? to_json(v.forecast) : Json(nullptr);
  if (!claims.fresh) return;
  for (const auto& [key, outlook] : {std::pair{"dane", &v.dane}, std::pair{"both", &v.dane_and_sts}})
    if (*outlook)
      out["forecast"][key] = {{"breakage", to_json((*outlook)->breakage)},
                              {"degradation", to_json((*outlook)->degradation)}};
}

}  // namespace

nlohmann::ordered_json summary_json(const Verdict& v, const Claims& claims) {
  Json out = head_of(v, claims);
  add_outlook(out, v, claims);
  out["findings"] = v.findings.size();
  return out;
}

nlohmann::ordered_json to_json(const Finding& f) {
  Json out{{"code", f.code},
           {"severity", to_string(f.severity)},
           {"route", to_string(f.route)},
           {"subject", f.subject},
           {"detail", f.detail},
           {"effect", f.effect},
           {"fix", f.fix},
           {"reference", f.reference}};
  // CONTRACT 2: of records and policies always; of what else where real senders differ (9.2).
  if (f.held_since) out["held_since"] = to_utc(*f.held_since);
  if (f.good_since) out["good_since"] = to_utc(*f.good_since);
  const bool differ = !f.refused_by.empty() || !f.accepted_by.empty();
  if (is_on_text(f) || differ) out["refused_by"] = f.refused_by;
  if (!f.accepted_by.empty()) out["accepted_by"] = f.accepted_by;
  return out;
}

nlohmann::ordered_json to_json(const Verdict& v) { return to_json(v, times_of_one_look(v), {}); }

nlohmann::ordered_json to_json(const Verdict& v, const FactTimes& times, const Claims& claims) {
  Json mx = Json::array();
  for (const auto& m : v.mx) {
    mx.push_back(to_json(m));
    if (!claims.fresh) mx.back()["usable"] = nullptr;
  }
  Json findings = Json::array();
  for (const auto& f : v.findings)
    findings.push_back(to_json(f));
  Json out = head_of(v, claims);
  out["record"] = to_json(v.record);
  out["policy"] = to_json(v.policy, times.policy.last_look);
  out["mx"] = std::move(mx);
  out["tlsrpt"] = {{"outcome", to_string(v.tlsrpt.outcome)}, {"rua", v.tlsrpt.rua}};
  out["sight"] = sight_json(times);
  add_outlook(out, v, claims);
  out["findings"] = std::move(findings);
  return out;
}

// How old what is told is.

namespace {

std::shared_ptr<const MxMemory> host_of(const Snapshot& snapshot, const std::string& name) {
  const auto of = [](const auto& mx) -> const std::string& { return mx->known->host; };
  const auto at = std::ranges::lower_bound(snapshot.mx, name, {}, of);
  return at == snapshot.mx.end() || of(*at) != name ? nullptr : *at;
}

Json to_json(const LookTimes& times) {
  const auto at = [](const std::optional<TimePoint>& when) {
    return when ? Json(to_utc(*when)) : Json(nullptr);
  };
  return {{"last_success", at(times.last_success)}, {"failing_since", at(times.failing_since)}};
}

}  // namespace

FactTimes fact_times(const Snapshot& snapshot, const DomainMemory& memory) {
  const auto part = [&](Part which) {
    const auto times = memory.times.find(which);
    return times == memory.times.end() ? LookTimes{} : times->second;
  };
  std::vector<LookTimes> hosts;
  for (const auto& mx : memory.verdict.mx) {
    const auto host = host_of(snapshot, mx.host);
    hosts.push_back(host ? host->times : LookTimes{});
  }
  return {part(Part::sts_record), part(Part::policy), part(Part::mx), together(hosts)};
}

TimePoint began(const Incident& incident, const DomainMemory& memory, const Snapshot& snapshot) {
  if (!incident.open()) return incident.opened;  // what would tell more has been overtaken
  return began(
      incident, memory, [&](const std::string& host) { return host_of(snapshot, host); }, snapshot.now);
}

Claims claims_of(const Snapshot& snapshot, const DomainMemory& memory) {
  return claims_of(memory.verdict, fact_times(snapshot, memory), snapshot.fresh_for, snapshot.now);
}

Status told_status(const Snapshot& snapshot, const DomainMemory& memory) {
  return claims_of(snapshot, memory).status_of(memory.verdict);
}

nlohmann::ordered_json sight_json(const FactTimes& times) {
  return {{"sts_record", to_json(times.sts_record)},
          {"policy", to_json(times.policy)},
          {"mx", to_json(times.mx)},
          {"hosts", to_json(times.hosts.all)}};
}

}  // namespace stswatch
