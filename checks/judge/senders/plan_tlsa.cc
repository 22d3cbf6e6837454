#include "checks/judge/senders/plan.h"

#include <algorithm>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

bool holds(const std::vector<TlsaRecord>& records, const TlsaRecord& record) {
  return std::ranges::find(records, record) != records.end();
}

bool same_kind(const TlsaRecord& a, const TlsaRecord& b) {
  return a.usage == b.usage && a.selector == b.selector && a.matching == b.matching;
}

std::string owner(const KeyChange& change) { return tlsa_name(change.host, 25); }

std::string listed(const std::vector<TlsaRecord>& records) {
  std::string out;
  for (const TlsaRecord& record : records)
    text::add(out, ", ", record.brief());
  return out;
}

/// What stands in the way; empty: nothing does.
std::string obstacle(const KeyChange& change) {
  if (!is_usable(change.next) || is_pkix(change.next))
    return "no sender can use " + change.next.brief() + ": give 3 1 1 and the SHA-256 of the next public key";
  if (change.records.empty())
    return change.host + " has no TLSA records: change the key at will, and publish its record afterwards";
  if (change.vouching.empty())
    return "no TLSA record vouches for what " + change.host +
           " shows now: publish one of the key in use first, or senders that do DANE skip it";
  if (holds(change.vouching, change.next)) return "that record is of the key in use";
  // RFC 7671 §8: "each combination of parameters must match the current chain", before and after.
  const auto alike = [&](const TlsaRecord& r) { return same_kind(r, change.next); };
  if (std::ranges::none_of(change.vouching, alike))
    return "no record of this usage, selector and matching type vouches for the key in use: publish one of "
           "it "
           "first (RFC 7671 8.3), wait two TTLs, and plan again";
  return {};
}

/// What goes in the end: whatever vouches for the former key alone, and the retired records of its kind. An
/// issuer's record (usage 2) may vouch for the next certificate too, and is left to its owner.
std::vector<TlsaRecord> kept_after(const KeyChange& change) {
  std::vector<TlsaRecord> out;
  for (const TlsaRecord& record : change.records)
    if (record.usage != 3 || record == change.next) out.push_back(record);
  if (!holds(out, change.next)) out.push_back(change.next);
  return out;
}

}  // namespace

std::string_view to_string(TlsaDeed deed) {
  switch (deed) {
    case TlsaDeed::publish_tlsa:
      return "publish-tlsa";
    case TlsaDeed::change_key:
      return "change-key";
    case TlsaDeed::remove_tlsa:
      return "remove-tlsa";
  }
  return "publish-tlsa";
}

tl::expected<std::vector<TlsaStep>, std::string> plan_key_change(const KeyChange& change) {
  if (auto why = obstacle(change); !why.empty()) return tl::unexpected(std::move(why));
  const Seconds wait = 2 * Seconds{change.ttl};
  std::vector<TlsaStep> steps;
  TimePoint at = change.now;
  const auto add = [&](TlsaDeed deed, Seconds after, std::vector<TlsaRecord> records, std::string text) {
    at += after;
    steps.push_back(
        {static_cast<int>(steps.size()) + 1, deed, after, at, std::move(records), std::move(text)});
  };
  auto both = change.records;
  Seconds left = wait;
  if (holds(both, change.next)) {
    const TimePoint since = change.published.value_or(change.now);
    left = std::max(Seconds{0}, since + wait - change.now);
  } else {
    both.push_back(change.next);
    add(TlsaDeed::publish_tlsa, Seconds{0}, both,
        "Publish " + change.next.brief() + " at " + owner(change) +
            " beside what is there. Every server of the zone has to have it.");
  }
  add(TlsaDeed::change_key, left, both,
      "Install the next key at every address of " + change.host +
          ", not earlier: senders may hold the records of before until then.");
  const auto after = kept_after(change);
  std::vector<TlsaRecord> gone;
  for (const TlsaRecord& record : both)
    if (!holds(after, record)) gone.push_back(record);
  if (!gone.empty())
    add(TlsaDeed::remove_tlsa, Seconds{0}, after,
        "Once every address shows the next key, remove " + listed(gone) + " from " + owner(change) + ".");
  return steps;
}

}  // namespace stswatch
