#include "agent/watch/vantage_watch.h"

#include <algorithm>
#include <array>
#include <functional>

namespace stswatch {
namespace {

constexpr int kInARow = 2;             // one lost packet is no blindness
constexpr std::size_t kUnrelated = 3;  // zones that fail at once have the resolver in common
// Signatures run out for real, and zones of one hand together: more of them are needed.
constexpr std::size_t kBogus = 5;
constexpr std::size_t kGood = 16;

/// An alias that leads in a circle, or too far, is what the zone says (RFC 1034 §3.6.2): the resolver did
/// answer, and whoever owns one name could otherwise call it blind.
bool unknown(const AnswerFacts& answer) { return answer.lookup == Lookup::unknown && !answer.cname_loop; }

struct Witnessed {
  const AnswerFacts& resolver;
  const SourceAnswer& source;
};

}  // namespace

/// The resolver fails where the zone's servers answer; or for everything, up to the root; or, which proves
/// nothing alone, for everything that was asked. `none` where it is the zone, or nobody knows.
ResolverWatch::Proof ResolverWatch::proof_of(const DomainObservation& look, std::string& detail) {
  const SourceFacts& source = look.source;
  const std::array<Witnessed, 4> all{Witnessed{look.sts, source.sts},
                                     {look.mx, source.mx},
                                     {look.policy_host.a, source.policy_a},
                                     {look.policy_host.aaaa, source.policy_aaaa}};
  detail = look.sts.detail.empty() ? look.mx.detail : look.sts.detail;
  if (source.resolver_dead && unknown(look.sts)) return Proof::dead;
  bool bogus = false;
  for (const Witnessed& asked : all) {
    if (!unknown(asked.resolver)) continue;
    bogus = bogus || asked.resolver.bogus;
    if (asked.resolver.bogus || !asked.source.answered()) continue;
    detail = asked.resolver.detail + ", while " + asked.source.replies.back().server + " answers";
    return Proof::contradicted;
  }
  return bogus ? Proof::bogus : Proof::none;
}

std::string ResolverWatch::proved_by(const DomainObservation& look) {
  if (!exhausted_in(look).empty()) return {};
  std::string detail;
  const Proof proof = proof_of(look, detail);
  return proof == Proof::dead || proof == Proof::contradicted ? detail : std::string();
}

void ResolverWatch::asked_to_validate(const AnswerFacts& root, const AnswerFacts& bogus) {
  if (bogus.lookup == Lookup::found) {
    unvalidated_by_ = "it answers for " + bogus.name + ", whose signatures are wrong on purpose";
  } else if (root.lookup == Lookup::found && !root.secure) {
    unvalidated_by_ = "its answer for the root, which is signed, is not marked as authentic (AD)";
    // A root of one's own may be unsigned: a resolver that calls anything secure does validate.
    if (secure_seen_) return need_not_validate();
  } else {
    if (root.secure) need_not_validate();
    return;
  }
  unvalidated_ = std::min(unvalidated_ + 1, 1000);
}

bool ResolverWatch::validation_is_due(TimePoint now) {
  constexpr Seconds kHourly{3600};
  const bool lately = validation_asked_ && *validation_asked_ <= now && now - *validation_asked_ < kHourly;
  if (lately && unvalidated_ == 0) return false;
  validation_asked_ = now;
  return true;
}

std::string ResolverWatch::not_validating() const {
  return unvalidated_ >= kInARow ? unvalidated_by_ : std::string();
}

void ResolverWatch::saw(const DomainObservation& look) {
  secure_seen_ |= look.sts.secure || look.mx.secure || look.policy_host.a.secure;
  // What could not even be asked says nothing of who would have answered.
  if (!exhausted_in(look).empty()) return;
  const std::string& domain = look.domain.str();
  ++looks_;
  const auto& host = look.policy_host;
  const bool no_host = host.lookup() == Lookup::unknown && (unknown(host.a) || unknown(host.aaaa));
  const bool any_unknown = unknown(look.sts) || unknown(look.mx) || no_host;
  std::string detail;
  const Proof proof = any_unknown ? proof_of(look, detail) : Proof::none;
  const bool all_unknown = unknown(look.sts) && unknown(look.mx) && unknown(look.tlsrpt);
  // Without a word from the zone's servers a single failure may be the zone's: it counts among others only.
  const bool nobody_else = look.source.sts.replies.empty() && look.source.mx.replies.empty();
  const bool zones_fault = !look.mx.zone_error.empty() && proof != Proof::bogus;
  if (!any_unknown || zones_fault || (proof == Proof::none && !(all_unknown && nobody_else))) {
    failing_.erase(domain);
    if (any_unknown) return;
    good_.push_back(looks_);
    if (good_.size() > kGood) good_.pop_front();
    return;
  }
  Failing& failing = failing_.try_emplace(domain, Failing{.since = looks_}).first->second;
  failing.looks = std::min(failing.looks + 1, 1000);
  failing.proof = proof;
  failing.detail = std::move(detail);
}

std::string ResolverWatch::blind() const {
  std::vector<std::uint64_t> plain, all;  // since when
  const std::pair<const std::string, Failing>* worst = nullptr;
  for (const auto& entry : failing_) {
    const Failing& failing = entry.second;
    const bool proved = failing.proof == Proof::dead || failing.proof == Proof::contradicted;
    if (proved && failing.looks >= kInARow) return entry.first + ": " + failing.detail;
    if (failing.proof != Proof::bogus) plain.push_back(failing.since);
    all.push_back(failing.since);
    if (worst == nullptr || failing.looks > worst->second.looks) worst = &entry;
  }
  if (!together(std::move(plain), kUnrelated) && !together(std::move(all), kBogus)) return {};
  return std::to_string(failing_.size()) + " domains at once, of them " + worst->first + ": " +
         worst->second.detail;
}

/// The newest `needed` failures began while hardly a look was good.
bool ResolverWatch::together(std::vector<std::uint64_t> since, std::size_t needed) const {
  if (since.size() < needed) return false;
  std::ranges::sort(since, std::greater());
  const auto good = std::ranges::count_if(good_, [&](std::uint64_t at) { return at > since[needed - 1]; });
  return static_cast<std::size_t>(good) < needed;
}

}  // namespace stswatch
