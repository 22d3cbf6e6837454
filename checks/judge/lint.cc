#include "checks/judge/lint.h"

#include <algorithm>

#include "checks/facts/bounds.h"
#include "checks/facts/policy.h"
#include "checks/facts/text.h"
#include "checks/judge/case.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

// A text alone names no domain: this one stands in, and no pattern of a real policy is under it.
constexpr std::string_view kNobody = "your-domain.example";

/// Facts around a text; what is not told stays unknown, and accuses nobody.
struct Bench {
  explicit Bench(Domain domain, TimePoint now) : facts(std::move(domain)) { facts.at = now; }

  Case prepared() const { return make_case(facts, looks, vantage, limits); }

  DomainObservation facts;
  MxLooks looks;
  Vantage vantage;
  Limits limits;
};

template <class A>
A found(std::string name) {
  A answer;
  answer.name = std::move(name);
  answer.lookup = Lookup::found;
  return answer;
}

TxtAnswer answer_of(std::string name, const std::vector<TxtRecord>& rrset) {
  auto answer = found<TxtAnswer>(std::move(name));
  answer.records = rrset;
  return answer;
}

/// A record in order, so that the policy is announced.
void announce(Bench& bench) {
  bench.facts.sts = answer_of(bench.facts.domain.sts_record_name(), {TxtRecord{{"v=STSv1; id=1;"}}});
}

/// Only the findings whose row is `wanted`.
template <class F>
std::vector<Finding> only(std::vector<Finding> all, F wanted) {
  std::erase_if(all, [&](const Finding& f) {
    const CatalogueEntry* entry = find_in_catalogue(f.code);
    return !entry || !wanted(*entry);
  });
  return all;
}

void rename_subject(std::vector<Finding>& all, const std::string& was, const std::string& is) {
  for (Finding& f : all)
    if (f.subject == was) f.subject = is;
}

void set_body(PolicyFetch& fetch, std::string_view body) {
  fetch.too_large = body.size() > bounds::kPolicyBody;
  fetch.body = body.substr(0, bounds::kPolicyBody);
}

PeerCertificates good_certificate(const std::string& host, TimePoint now) {
  PeerCertificates peer;
  peer.leaf.dns_names = {host};
  peer.leaf.not_before = now - 30 * kDay;
  peer.leaf.not_after = now + 60 * kDay;
  peer.name_matches = true;
  return peer;
}

PolicyFetch good_fetch(const Domain& domain, std::string_view body, TimePoint now) {
  PolicyFetch fetch;
  fetch.status = 200;
  fetch.content_type =
      "text/plain; charset=utf-8";  // how it is served is not known: nothing is wrong with it
  fetch.tls.peer = good_certificate(domain.policy_host(), now);
  set_body(fetch, body);
  return fetch;
}

/// nullopt for a kind that CONTRACT 3 does not know: no sender can be said to trust it.
std::optional<PeerCertificates> certificate_of(std::string_view kind, const std::string& host,
                                               TimePoint now) {
  PeerCertificates peer = good_certificate(host, now);
  if (kind == "ok") return peer;
  if (kind == "expired") {
    peer.leaf.not_before = now - 91 * kDay;
    peer.leaf.not_after = now - kDay;
    peer.faults = {{ChainFault::Kind::expired, 0, "certificate has expired"}};
  } else if (kind == "untrusted") {
    peer.faults = {{ChainFault::Kind::self_signed, 0, "self-signed certificate"}};
  } else if (kind.starts_with("dns:")) {
    peer.leaf.dns_names = {text::lower(kind.substr(4))};
    peer.name_matches = names_host(peer.leaf, host);
  } else if (kind.starts_with("cn:")) {
    peer.leaf.dns_names.clear();
    peer.leaf.common_name = kind.substr(3);
    peer.name_matches = false;
  } else {
    return std::nullopt;
  }
  return peer;
}

/// Nothing is requested over a connection whose verification failed (RULES 5.7): the rest stays unsaid.
PolicyFetch fetch_of(const FetchFacts& told, const std::string& host, TimePoint now) {
  PolicyFetch fetch;
  fetch.tls.peer = certificate_of(told.certificate, host, now);
  if (!fetch.tls.peer || !fetch.tls.peer->good()) {
    const std::string why = fetch.tls.peer
                                ? fetch.tls.peer->verify_error()
                                : "certificate " + text::quoted(told.certificate) + " is of no known kind";
    fetch.failure = Failure{Stage::certificate, Cause::certificate, why};
    return fetch;
  }
  fetch.status = told.status;
  fetch.content_type = told.content_type;
  fetch.location = told.location;
  set_body(fetch, told.body);
  return fetch;
}

/// CONTRACT 3: severities "are those of the text's own mode", also of a text that is no valid policy.
void take_own_mode(Case& c, std::string_view body) {
  if (!c.live_assumed) return;
  PolicyLines lines(body);
  while (const auto line = lines.next()) {
    const auto colon = line->text.find(':');
    if (colon == line->text.npos || line->text.substr(0, colon) != kPolicyKeys[kModeKey]) continue;
    const auto mode = parse_mode(text::trim(line->text.substr(colon + 1)));
    c.live_assumed = !mode;
    c.live = mode.value_or(Mode::enforce);
    return;
  }
}

void judge_given_text(const Case& c, Findings& out) {
  judge_fetch(c, out);
  judge_policy_tls(c, out);
  judge_policy_texts(c, out);
  judge_semantics(c, out);
}

void set_hosts(Bench& bench, std::span<const std::string> hosts) {
  bench.facts.mx = found<MxAnswer>(bench.facts.domain.str());
  for (const std::string& host : hosts)
    bench.facts.mx.records.push_back({10, to_a_labels(host).value_or(text::lower(host))});
}

bool of_patterns(const Finding& finding) { return nature_of(finding).aspect == Aspect::match; }

/// The same rules as for a domain's own MX set; what they say of hosts that nobody looked at is left out.
void add_host_findings(const Case& c, std::vector<Finding>& all) {
  Findings out(c.facts.domain, c.live, c.now);
  judge_mx(c, out);
  judge_provider(c, out);
  std::ranges::copy_if(out.all(), std::back_inserter(all), of_patterns);
}

}  // namespace

std::vector<Finding> lint_sts_record(const std::vector<TxtRecord>& rrset, TimePoint now) {
  Bench bench(*Domain::parse(kNobody), now);
  bench.facts.sts = answer_of(bench.facts.domain.sts_record_name(), rrset);
  Case c = bench.prepared();
  c.live_assumed = false;  // enforce is the rule here (CONTRACT 3), no assumption
  Findings out(bench.facts.domain, Mode::enforce, now);
  judge_record(c, out);
  rename_subject(out.all(), bench.facts.domain.str(), "record");
  return out.all();
}

std::vector<Finding> lint_policy(std::string_view body, std::span<const std::string> mx_hosts,
                                 TimePoint now) {
  Bench bench(*Domain::parse(kNobody), now);
  announce(bench);
  bench.facts.fetches = {good_fetch(bench.facts.domain, body, now)};
  if (!mx_hosts.empty()) set_hosts(bench, mx_hosts);
  Case c = bench.prepared();
  take_own_mode(c, body);
  Findings out(bench.facts.domain, c.live, now);
  judge_given_text(c, out);
  auto all =
      only(std::move(out.all()), [](const CatalogueEntry& entry) { return entry.on_text == OnText::policy; });
  if (!mx_hosts.empty()) add_host_findings(c, all);
  rename_subject(all, bench.facts.domain.str(), "policy");
  rename_subject(all, bench.facts.domain.policy_host(), "policy");
  return all;
}

std::vector<Finding> lint_tlsrpt_record(const std::vector<TxtRecord>& rrset, TimePoint now) {
  Bench bench(*Domain::parse(kNobody), now);
  bench.facts.tlsrpt = answer_of(bench.facts.domain.tlsrpt_name(), rrset);
  const Case c = bench.prepared();
  Findings out(bench.facts.domain, Mode::enforce, now);
  judge_tlsrpt(c, out);
  rename_subject(out.all(), bench.facts.domain.tlsrpt_name(), "record");
  return out.all();
}

std::vector<Finding> lint_tlsa(const std::vector<TlsaRecord>& records, TimePoint now) {
  if (records.empty()) return {};
  Bench bench(*Domain::parse(kNobody), now);
  const std::string host = "mx." + bench.facts.domain.str();
  MxHostObservation look;
  look.host = host;
  look.tlsa = found<TlsaAnswer>(tlsa_name(host, 25));
  look.tlsa.secure = true;
  look.tlsa.records = records;
  bench.facts.mx = found<MxAnswer>(bench.facts.domain.str());
  bench.facts.mx.secure = true;
  bench.facts.mx.records = {{10, host}};
  bench.looks[host] = std::make_shared<const MxHostObservation>(std::move(look));
  const Case c = bench.prepared();
  Findings out(bench.facts.domain, Mode::enforce, now);
  judge_dane(c, out);
  return out.all();
}

FetchLint lint_policy_fetch(const FetchFacts& told, TimePoint now) {
  const auto domain = Domain::parse(told.policy_domain);
  if (!domain) return {};  // CONTRACT 3: a bad host gets a verdict
  Bench bench(*domain, now);
  announce(bench);
  bench.facts.fetches = {fetch_of(told, domain->policy_host(), now)};
  Case c = bench.prepared();
  take_own_mode(c, told.body);
  Findings out(*domain, c.live, now);
  judge_given_text(c, out);
  FetchLint lint;
  lint.usable = c.copies.front().outcome == Outcome::ok;
  lint.findings = only(std::move(out.all()),
                       [](const CatalogueEntry& entry) { return entry.rests_on.needs(Ground::policy); });
  return lint;
}

}  // namespace stswatch
