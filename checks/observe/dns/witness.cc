#include "checks/observe/dns/source.h"

#include <algorithm>

#include "checks/facts/bounds.h"

namespace stswatch::dns {
namespace {

using namespace std::chrono_literals;

// A look has more to do than that; what takes longer is silence, which proves nothing.
constexpr Millis kLongest = 10s;

bool unknown(const AnswerFacts& answer) { return answer.lookup == Lookup::unknown; }

std::vector<std::string> texts_of(const TxtAnswer& answer) {
  std::vector<std::string> out;
  for (const auto& record : answer.records)
    out.push_back(record.joined());
  std::ranges::sort(out);
  return out;
}

/// RFC 1982 §3.2.
bool newer(std::uint32_t serial, std::uint32_t than) {
  return serial != than && static_cast<std::uint32_t>(serial - than) < 0x80000000U;
}

/// The answer that counts among those to `name`: the one they agree on, else that of the newest version of
/// the zone; null where neither is.
const SourceReply* newest(const SourceAnswer& answer, const std::string& name) {
  const SourceReply* best = nullptr;
  bool agreed = true;
  for (const SourceReply& reply : answer.replies) {
    if (reply.said != SourceSaid::answered || reply.name != name) continue;
    if (best == nullptr) {
      best = &reply;
      continue;
    }
    if (reply.records == best->records) continue;
    agreed = reply.serial && best->serial && *reply.serial != *best->serial;
    if (!agreed) return nullptr;
    if (newer(*reply.serial, *best->serial)) best = &reply;
  }
  return best;
}

std::vector<std::string> sorted(std::vector<std::string> records) {
  std::ranges::sort(records);
  return records;
}

/// What a source shows, and the resolver does not (yet); null where they agree. Removal is left to the
/// resolver: what a cache still holds, senders still see.
const SourceReply* published_since(const DomainObservation& seen) {
  if (unknown(seen.sts) || !seen.sts.cname.empty()) return nullptr;
  const SourceReply* reply = newest(seen.source.sts, seen.sts.name);
  if (reply == nullptr || reply->records.empty() || reply->records.front().starts_with("CNAME "))
    return nullptr;
  return sorted(reply->records) == texts_of(seen.sts) ? nullptr : reply;
}

/// An id is known when it is published, not when a cache lets go.
void take_published(DomainObservation& seen) {
  const SourceReply* reply = published_since(seen);
  if (reply == nullptr) return;
  seen.sts.lookup = Lookup::found;
  seen.sts.nxdomain = false;
  seen.sts.ttl = reply->ttl;
  seen.sts.records.clear();
  for (const auto& text : sorted(reply->records))
    seen.sts.records.push_back({{text}});
}

/// RFC 4035 §5.5: a failed validation is SERVFAIL to every sender that validates.
void prove(AnswerFacts& answer, const SourceAnswer& source) {
  if (!unknown(answer)) return;
  if (answer.bogus)
    answer.zone_error = answer.detail;
  else if (source.zone_at_fault())
    answer.zone_error = printable(source.str(), bounds::kDetail);
}

void prove_all(DomainObservation& seen) {
  prove(seen.sts, seen.source.sts);
  prove(seen.mx, seen.source.mx);
  prove(seen.policy_host.a, seen.source.policy_a);
  prove(seen.policy_host.aaaa, seen.source.policy_aaaa);
}

template <class Answer>
bool changed(const Answer* known, const Answer& seen) {
  return known != nullptr && !unknown(*known) && !unknown(seen) && known->records != seen.records;
}

/// The resolver has signatures of another day than any that the servers were last seen with: now is when one
/// that gets no transfers shows (RFC 7671 §11).
bool signed_anew(const DomainObservation* known, const MxAnswer& mx) {
  if (!mx.secure || !mx.signed_until) return false;
  if (known == nullptr || !known->source.mx.all) return true;
  return std::ranges::none_of(known->source.mx.replies, [&](const SourceReply& reply) {
    return reply.signed_until && std::chrono::abs(*reply.signed_until - *mx.signed_until) <= kDay;
  });
}

class Hearing {
 public:
  Hearing(Source& source, const std::string& domain, const Deadline& deadline)
      : source_(source), domain_(domain), deadline_(deadline) {}

  /// False once nobody can be asked at all.
  bool ask(SourceAnswer& into, const std::string& name, RecordType type, Source::Ask how) {
    into = source_.ask(domain_, {name, type}, how, deadline_);
    into.all = how == Source::Ask::all && !into.replies.empty();
    return !into.replies.empty();
  }

 private:
  Source& source_;
  const std::string& domain_;
  const Deadline deadline_;
};

}  // namespace

void hear_source(Source& source, DomainObservation& seen, const Beforehand& before,
                 const Deadline& deadline) {
  using Ask = Source::Ask;
  const DomainObservation* known = before.known;
  const std::string domain = seen.domain.str(), record = seen.domain.sts_record_name();
  const Deadline end = deadline.within(std::min(kLongest, deadline.left() / 2));
  Hearing hearing(source, domain, end);
  SourceFacts& facts = seen.source;

  const bool differed = known != nullptr && known->source.sts.differs();
  const bool all =
      before.thorough || differed || unknown(seen.sts) || changed(known ? &known->sts : nullptr, seen.sts);
  bool heard = hearing.ask(facts.sts, record, RecordType::txt, all ? Ask::all : Ask::one);
  if (!all && published_since(seen) != nullptr)
    heard = hearing.ask(facts.sts, record, RecordType::txt, Ask::all);
  facts.resolver_dead = Source::resolver_dead(facts.sts);
  if (heard) {
    const bool mx_differed =
        known != nullptr && (known->source.mx.differs() || known->source.mx.signed_apart());
    if (before.thorough || mx_differed || unknown(seen.mx) ||
        changed(known ? &known->mx : nullptr, seen.mx) || signed_anew(known, seen.mx))
      hearing.ask(facts.mx, domain, RecordType::mx, Ask::all);
    // One family that fails beside one that answers stops nobody.
    if (seen.policy_host.lookup() == Lookup::unknown) {
      const std::string host = seen.domain.policy_host();
      if (unknown(seen.policy_host.a)) hearing.ask(facts.policy_a, host, RecordType::a, Ask::all);
      if (unknown(seen.policy_host.aaaa)) hearing.ask(facts.policy_aaaa, host, RecordType::aaaa, Ask::all);
    }
  }
  prove_all(seen);
  take_published(seen);
}

void believe_resolver(DomainObservation& seen) { prove_all(seen); }

}  // namespace stswatch::dns
